package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// Grant is what a sign-in brought. It holds tokens: do not print it.
type Grant struct {
	RefreshToken string
	// Scopes were granted.
	Scopes []string
	// Identity is the fingerprint of who signed in, once [Grant.Of] has set it.
	Identity string
	// Ends is how long the refresh token lives where the provider says so, as Google does for consent screens in testing.
	Ends time.Duration

	access access
}

// Of returns the grant as that of an identity.
func (g Grant) Of(provider string, who Identity) Grant {
	g.Identity = who.fingerprint(provider)
	return g
}

// Consent is one try to have a person sign in, with the authorization code grant, PKCE S256 (RFC 7636) and a state.
type Consent struct {
	// URL is what the person opens in a browser.
	URL string
	// State comes back with the browser.
	State string

	cfg      Config
	conf     oauth2.Config
	verifier string
}

// NewConsent prepares a sign-in that returns to redirect. login is the address of the account that should sign in; it is
// only a hint to the provider, and may be "".
func NewConsent(cfg Config, redirect, login string) (*Consent, error) {
	if _, err := endpoint("AuthURL", cfg.AuthURL); err != nil {
		return nil, fmt.Errorf("account %q: %w", cfg.Name, err)
	}
	conf, err := cfg.oauth()
	if err != nil {
		return nil, err
	}
	conf.RedirectURL = redirect
	c := &Consent{cfg: cfg, conf: conf, verifier: oauth2.GenerateVerifier(), State: oauth2.GenerateVerifier()}
	opts := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(c.verifier)}
	if cfg.Provider == Google { // otherwise a second consent brings no refresh token
		opts = append(opts, oauth2.AccessTypeOffline, oauth2.SetAuthURLParam("prompt", "consent"))
	} else { // otherwise the browser's last sign-in is taken without a question
		opts = append(opts, oauth2.SetAuthURLParam("prompt", "select_account"))
	}
	if login != "" {
		opts = append(opts, oauth2.SetAuthURLParam("login_hint", login))
	}
	c.URL = conf.AuthCodeURL(c.State, opts...)
	return c, nil
}

// Redeem turns the answer of the provider into a grant and checks its scopes. Nothing is saved.
func (c *Consent) Redeem(ctx context.Context, answer Answer) (Grant, error) {
	if answer.Error != "" {
		return Grant{}, c.cfg.declined(answer.Error)
	}
	tok, err := c.conf.Exchange(c.cfg.exchanging(ctx), answer.Code, oauth2.VerifierOption(c.verifier))
	if err != nil {
		return Grant{}, c.cfg.redeemError(err, c.conf.RedirectURL)
	}
	return c.cfg.grant(tok)
}

// Device is a sign-in by a code that the person types on another device (RFC 8628).
type Device struct {
	// Page is where the person types the Code.
	Page, Code string

	cfg  Config
	conf oauth2.Config
	auth *oauth2.DeviceAuthResponse
}

// ErrNoDevice is returned where the provider has no codes to type.
var ErrNoDevice = errors.New("a code that is typed on another device gets no calendar access at Google: " +
	"run the command without --device and follow what it says, or with --public")

// NewDevice asks the provider for a code.
func NewDevice(ctx context.Context, cfg Config) (*Device, error) {
	if cfg.Provider == Google {
		return nil, ErrNoDevice
	}
	if _, err := endpoint("DeviceURL", cfg.DeviceURL); err != nil {
		return nil, fmt.Errorf("account %q: there is no address for device codes: write device_url", cfg.Name)
	}
	conf, err := cfg.oauth()
	if err != nil {
		return nil, err
	}
	auth, err := conf.DeviceAuth(cfg.exchanging(ctx))
	if err != nil {
		return nil, cfg.redeemError(err, "")
	}
	return &Device{Page: auth.VerificationURI, Code: auth.UserCode, cfg: cfg, conf: conf, auth: auth}, nil
}

// Wait polls until the person has answered, and returns the grant. Nothing is saved.
func (d *Device) Wait(ctx context.Context) (Grant, error) {
	tok, err := d.conf.DeviceAccessToken(d.cfg.exchanging(ctx), d.auth)
	if err != nil {
		return Grant{}, d.cfg.redeemError(err, "")
	}
	return d.cfg.grant(tok)
}

// oauth returns the client of the account as x/oauth2 wants it.
func (c *Config) oauth() (oauth2.Config, error) {
	secret, err := readSecret(c.ClientSecret)
	if err != nil {
		return oauth2.Config{}, &Error{Account: c.Name, Problem: "read the client secret: " + err.Error(),
			Mend: "make it readable for slotd", Err: err}
	}
	return oauth2.Config{ClientID: c.ClientID, ClientSecret: string(secret), Scopes: c.Scopes, Endpoint: oauth2.Endpoint{
		AuthURL: c.AuthURL, TokenURL: c.TokenURL, DeviceAuthURL: c.DeviceURL, AuthStyle: oauth2.AuthStyleInParams,
	}}, nil
}

// exchanging returns a context with the client for token endpoints. It follows no redirect: bodies hold credentials.
func (c *Config) exchanging(ctx context.Context) context.Context {
	base, timeout := http.DefaultTransport, DefaultTimeout
	if c.HTTP != nil {
		timeout = cmp.Or(c.HTTP.Timeout, DefaultTimeout)
		if c.HTTP.Transport != nil {
			base = c.HTTP.Transport
		}
	}
	return context.WithValue(ctx, oauth2.HTTPClient, &http.Client{
		Transport:     jsonReply{base},
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
}

// grant checks what a sign-in brought.
func (c *Config) grant(tok *oauth2.Token) (Grant, error) {
	granted, _ := tok.Extra("scope").(string)
	if missing := missingScopes(c.Scopes, granted); len(missing) > 0 {
		return Grant{}, &Error{Account: c.Name,
			Problem: "the sign-in did not give " + strings.Join(missing, " and ") + ", so nothing was saved",
			Mend:    "the box beside it was left unticked: run the command again and tick every box"}
	}
	if tok.RefreshToken == "" {
		mend := "the scopes of the account must include offline_access"
		if c.Provider == Google {
			mend = "take slotd's access away at https://myaccount.google.com/connections and run the command again"
		}
		return Grant{}, &Error{Account: c.Name, Problem: "the sign-in brought no refresh token, so nothing was saved", Mend: mend}
	}
	g := Grant{RefreshToken: tok.RefreshToken, Scopes: slices.Clone(c.Scopes)}
	if s, ok := tok.Extra("refresh_token_expires_in").(float64); ok && s > 0 && s < 10*365*24*3600 {
		g.Ends = time.Duration(s) * time.Second
	}
	life := assumedLife
	if !tok.Expiry.IsZero() {
		life = max(0, time.Until(tok.Expiry))
	}
	now := c.now()
	g.access = access{token: tok.AccessToken, renew: now.Add(life), expiry: now.Add(life)}
	return g, nil
}

// Try returns an account that uses the grant's access token, before anything is saved.
func (g Grant) Try(cfg Config) (*Account, error) {
	cfg.Tokens, cfg.RefreshToken, cfg.Changed = nowhere{}, nil, nil
	a, err := New(cfg)
	if err == nil {
		a.current = g.access
	}
	return a, err
}

// nowhere keeps no token.
type nowhere struct{}

func (nowhere) LoadToken(context.Context, string) ([]byte, error) { return nil, nil }
func (nowhere) SaveToken(context.Context, string, []byte) error {
	return errors.New("this sign-in is only being tried")
}

func (c *Config) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}
