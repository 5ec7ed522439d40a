package account

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

const (
	// renewBefore is how long before its end an access token is replaced, so that a slow request does not outlive it.
	renewBefore = 3 * time.Minute
	// assumedLife is the life of an access token whose answer does not say.
	assumedLife = 10 * time.Minute
	// refusalTime is how long the token endpoint is left alone after it said that a person is needed.
	refusalTime = 15 * time.Minute
)

// document is what Tokens keeps of an account.
type document struct {
	RefreshToken string `json:"refresh_token"`
	// Configured is the fingerprint of the configured refresh token at the time of saving. While it is the same, the
	// document is the newer of the two.
	Configured string `json:"configured,omitempty"`
}

// saved is a rotated refresh token that could not be saved yet, and the access token that came with it.
type saved struct {
	doc   document
	token access
}

// refusal remembers that the token endpoint refused these credentials for good.
type refusal struct {
	credentials string // their fingerprint
	until       time.Time
	err         *Error
}

// credentials are what one exchange presents.
type credentials struct {
	clientSecret string
	refreshToken string
	configured   string // fingerprint of the configured refresh token, "" without one
}

// flight is a refresh that is under way; all who need a token wait for it.
type flight struct {
	done  chan struct{}
	token string
	err   error
}

// accessToken returns an access token, from memory or from the provider. It returns early when ctx ends; the refresh
// goes on then, because its reply may hold a rotated token.
func (a *Account) accessToken(ctx context.Context) (string, error) {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return "", fmt.Errorf("account %q: %w", a.cfg.Name, ErrClosed)
	}
	if a.current.token != "" && a.cfg.Now().Before(a.current.renew) {
		token := a.current.token
		a.mu.Unlock()
		return token, nil
	}
	f := a.flight
	if f == nil {
		f = &flight{done: make(chan struct{})}
		a.flight = f
		go a.fly(f)
	}
	a.mu.Unlock()
	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		return "", fmt.Errorf("account %q: wait for an access token: %w", a.cfg.Name, ctx.Err())
	}
}

// fly runs one refresh and tells its outcome to all who wait. Close waits for it.
func (a *Account) fly(f *flight) {
	ctx, cancel := context.WithTimeout(context.Background(), a.timeout)
	defer cancel()
	a.slot <- struct{}{} // Adopt holds it only while it saves
	token, err := a.refresh(ctx)
	a.mu.Lock()
	a.settle(token, err)
	a.flight = nil
	a.mu.Unlock()
	<-a.slot
	f.token, f.err = token.token, err
	close(f.done)
}

// settle records the outcome of a refresh.
func (a *Account) settle(token access, err error) {
	next := Status{State: StateOK, Expiry: token.expiry}
	if err != nil {
		next = Status{State: StateUnknown, Reason: err.Error()}
	}
	if NeedsPerson(err) {
		next.State = StateNeedsPerson
	}
	next.Since = a.status.Since
	if next.State != a.status.State || next.Since.IsZero() {
		next.Since = a.cfg.Now()
	}
	a.status, a.current = next, token
}

// drop forgets an access token that the API refused, unless it has been replaced meanwhile.
func (a *Account) drop(token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current.token == token {
		a.current = access{}
	}
}

// refresh gets an access token. A rotated refresh token is on disk when it returns without an error.
func (a *Account) refresh(ctx context.Context) (access, error) {
	if a.unsaved != nil {
		token, err := a.saveRotated(ctx)
		if err != nil || a.cfg.Now().Before(token.renew) {
			return token, err
		}
	}
	cred, err := a.credentials(ctx)
	if err != nil {
		return access{}, err
	}
	id := fingerprint([]byte(cred.clientSecret + "\x00" + cred.refreshToken))
	if a.refusal.credentials == id && a.cfg.Now().Before(a.refusal.until) {
		return access{}, a.refusal.err
	}
	tok, err := a.exchange(ctx, cred)
	if err != nil {
		failed := a.exchangeError(err)
		if failed.Mend != "" {
			a.refusal = refusal{credentials: id, until: a.cfg.Now().Add(refusalTime), err: failed}
		}
		return access{}, failed
	}
	token := a.access(tok)
	if tok.RefreshToken == "" || tok.RefreshToken == cred.refreshToken || a.cfg.Grant == GrantClientCredentials {
		return token, nil
	}
	a.unsaved = &saved{doc: document{RefreshToken: tok.RefreshToken, Configured: cred.configured}, token: token}
	return a.saveRotated(ctx)
}

// saveRotated saves the rotated refresh token and then gives out the access token that came with it. While that fails
// the pair is kept for the next try: the provider may have revoked the token before it.
func (a *Account) saveRotated(ctx context.Context) (access, error) {
	if err := a.save(ctx, a.unsaved.doc); err != nil {
		return access{}, err
	}
	token := a.unsaved.token
	a.unsaved = nil
	return token, nil
}

func (a *Account) save(ctx context.Context, doc document) error {
	data, err := json.Marshal(doc)
	if err == nil {
		err = a.cfg.Tokens.SaveToken(ctx, a.cfg.Name, data)
	}
	if err != nil {
		return &Error{Account: a.cfg.Name, Problem: "save the new refresh token: " + err.Error(), Err: err}
	}
	return nil
}

// credentials reads what the next exchange presents: the stored refresh token, unless the configured one is newer.
func (a *Account) credentials(ctx context.Context) (credentials, error) {
	var cred credentials
	secret, err := readSecret(a.cfg.ClientSecret)
	if err != nil {
		return cred, a.unreadable("client secret", err)
	}
	cred.clientSecret = string(secret)
	if a.cfg.Grant == GrantClientCredentials {
		return cred, nil
	}
	doc, err := a.load(ctx)
	if err != nil {
		return cred, err
	}
	configured, err := readSecret(a.cfg.RefreshToken)
	if err != nil && doc.RefreshToken == "" {
		return cred, a.unreadable("refresh token", err)
	}
	if len(configured) > 0 {
		cred.configured = fingerprint(configured)
	}
	switch {
	case doc.RefreshToken != "" && (cred.configured == "" || cred.configured == doc.Configured):
		cred.refreshToken, cred.configured = doc.RefreshToken, doc.Configured
	case len(configured) > 0:
		cred.refreshToken = string(configured)
	default:
		return cred, &Error{Account: a.cfg.Name, Problem: "there is no refresh token", Mend: a.mendGrant()}
	}
	return cred, nil
}

func (a *Account) load(ctx context.Context) (document, error) {
	var doc document
	data, err := a.cfg.Tokens.LoadToken(ctx, a.cfg.Name)
	if err != nil {
		return doc, &Error{Account: a.cfg.Name, Problem: "load the refresh token: " + err.Error(), Err: err}
	}
	if data == nil {
		return doc, nil
	}
	if json.Unmarshal(data, &doc) != nil { // its text may quote the document
		return doc, &Error{Account: a.cfg.Name, Problem: "the stored refresh token cannot be read", Mend: a.mendGrant()}
	}
	return doc, nil
}

func (a *Account) unreadable(what string, err error) error {
	return &Error{Account: a.cfg.Name, Problem: "read the " + what + ": " + err.Error(),
		Mend: "make it readable for slotd", Err: err}
}

// exchange asks the token endpoint once. It follows no redirect: the body holds the credentials.
func (a *Account) exchange(ctx context.Context, cred credentials) (*oauth2.Token, error) {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, &http.Client{
		Transport:     jsonReply{a.base()},
		Timeout:       a.timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
	if a.cfg.Grant == GrantClientCredentials {
		conf := clientcredentials.Config{ClientID: a.cfg.ClientID, ClientSecret: cred.clientSecret, TokenURL: a.cfg.TokenURL,
			Scopes: a.applicationScopes(), AuthStyle: oauth2.AuthStyleInParams}
		return conf.Token(ctx)
	}
	conf := oauth2.Config{ClientID: a.cfg.ClientID, ClientSecret: cred.clientSecret,
		Endpoint: oauth2.Endpoint{TokenURL: a.cfg.TokenURL, AuthStyle: oauth2.AuthStyleInParams}}
	return conf.TokenSource(ctx, &oauth2.Token{RefreshToken: cred.refreshToken}).Token()
}

// applicationScopes returns the scopes of the client_credentials grant. Microsoft's form for "all that was granted" is the
// API's host with /.default.
func (a *Account) applicationScopes() []string {
	if len(a.cfg.Scopes) > 0 {
		return a.cfg.Scopes
	}
	return []string{a.api.Scheme + "://" + a.api.Host + "/.default"}
}

// access turns the reply into an access token with times of the account's clock. Half of a short life is used, so that
// such a token is not replaced on every request.
func (a *Account) access(tok *oauth2.Token) access {
	life := assumedLife
	if !tok.Expiry.IsZero() {
		life = max(0, time.Until(tok.Expiry))
	}
	now := a.cfg.Now()
	return access{token: tok.AccessToken, renew: now.Add(life - min(renewBefore, life/2)), expiry: now.Add(life)}
}

// readSecret calls read when there is one. The white space around a token that was pasted into a file is not part of it.
func readSecret(read func() ([]byte, error)) ([]byte, error) {
	if read == nil {
		return nil, nil
	}
	value, err := read()
	return bytes.TrimSpace(value), err
}

func fingerprint(secret []byte) string {
	sum := sha256.Sum256(secret)
	return hex.EncodeToString(sum[:])
}
