// Package account keeps the OAuth tokens of one account at a calendar provider. It promises that
//
//   - at most one refresh runs per account at a time, and everybody else waits for it, each only as long as its own
//     context allows;
//   - a refresh token that the provider rotated is saved before the access token that came with it is used, so that a
//     crash loses neither;
//   - what is saved is sealed (filippo.io/age); without a key nothing is saved, and a rotated token lives as long as the
//     process;
//   - the bearer token is sent to the provider's API host and nowhere else;
//   - once the provider has said that the account needs a person, it is left alone until something changed;
//   - no token, secret or provider reply appears in an error.
//
// The client of an account never repeats a request: what to do after an error is for the caller.
package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// The providers and grants of a [Config]; the same words as in the configuration file.
const (
	Google  = "google"
	Outlook = "outlook"

	GrantRefreshToken      = "refresh_token"
	GrantClientCredentials = "client_credentials" // Outlook: an application with its own permission
	GrantServiceAccount    = "service_account"    // Google: a service account's key
)

// Tokens is where an account's document is kept, sealed.
type Tokens interface {
	// LoadToken returns what SaveToken last stored for the account, nil when there is nothing.
	LoadToken(ctx context.Context, account string) ([]byte, error)
	// SaveToken stores the document durably before it returns.
	SaveToken(ctx context.Context, account string, token []byte) error
}

// Config describes one account.
type Config struct {
	Name     string
	Provider string // Google or Outlook
	Grant    string // GrantRefreshToken ("" means it), GrantClientCredentials or GrantServiceAccount
	ClientID string
	// ClientSecret and RefreshToken read the configured secret each time it is needed. Either may be nil: a public client
	// has no secret, and an account that was connected interactively has its refresh token in Tokens. An error that is
	// fs.ErrNotExist says that there is no secret where it should be.
	ClientSecret, RefreshToken func() ([]byte, error)
	// RefreshTokenFrom tells people where the configured refresh token comes from, such as "file /etc/slotd/token".
	RefreshTokenFrom string
	// ServiceAccount reads the JSON key of a service account, and Subject is the person for whom it acts, "" for itself.
	ServiceAccount func() ([]byte, error)
	Subject        string
	// TokenURL, AuthURL and APIURL are absolute. AuthURL is only needed for connecting, DeviceURL for connecting by a code
	// to type, and RevokeURL for taking a grant back; it is "" where the provider cannot.
	TokenURL, AuthURL, APIURL, DeviceURL, RevokeURL string
	// Scopes are asked for when connecting, and by the client_credentials grant; the latter asks for all that was granted
	// to the application when there are none.
	Scopes []string
	// HTTP carries the requests; nil means a plain client. Its Timeout, when set, replaces the default of 30 seconds.
	HTTP   *http.Client
	Tokens Tokens
	// Keys reads the keys that seal what Tokens keeps, each time that they are needed; nil when there are none. Then no
	// token is stored: a sign-in is refused, and what a provider rotates is kept until the process ends.
	Keys func() (*Keys, error)
	// Changed is told when the account begins to work, to fail or to need a person, and when it needs something else of
	// one; nil: nobody is. It must not call the account.
	Changed func(Status)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// DefaultTimeout bounds one request of an account, its answer's body included.
const DefaultTimeout = 30 * time.Second

// State says whether an account works.
type State string

// The states of an account.
const (
	// StateUnknown: not tried yet, or the last try failed for a reason that may pass.
	StateUnknown State = "unknown"
	StateOK      State = "ok"
	// StateNeedsPerson: only a person can mend it; Status.Reason says how.
	StateNeedsPerson State = "needs_person"
)

// Status is what is known of an account's token.
type Status struct {
	State State
	// Reason is the last error's text, "" when there was none. It holds no secret. An account that works has one when its
	// stored token could not be sealed with the newest key.
	Reason string
	// Since is when the state began; zero before the first try.
	Since time.Time
	// Expiry is when the access token ends; zero without one.
	Expiry time.Time
}

// Account is one account's tokens and the client that uses them. It may be used concurrently.
type Account struct {
	cfg     Config
	api     *url.URL
	client  *http.Client
	timeout time.Duration

	mu      sync.Mutex // never held while the network, the store or a secret is read
	current access
	status  Status
	flight  *flight
	closed  bool
	ended   bool // another account has taken over: nothing is saved any more
	lacking bool // the API said that the access token lacks a scope; the next refresh sees to it

	// slot guards what follows and the order of saves. A channel, because it is held across the network: who waits for it
	// can give up.
	slot     chan struct{}
	unsaved  *saved
	kept     *document // a rotated token where there is no key to seal it with
	refusal  refusal
	unsealed error // why the document could not be sealed anew, nil when it could

	// saving is taken for each save, so that nobody takes over in the middle of one.
	saving chan struct{}
}

// access is an access token, to be replaced from renew on.
type access struct {
	token         string
	renew, expiry time.Time
}

// New checks cfg and returns the account. It reads no secret and calls nobody.
func New(cfg Config) (*Account, error) {
	api, err := endpoint("APIURL", cfg.APIURL)
	if err == nil {
		_, err = endpoint("TokenURL", cfg.TokenURL)
	}
	switch {
	case err != nil:
	case cfg.Name == "" || cfg.Tokens == nil || cfg.ClientID == "" && cfg.Grant != GrantServiceAccount:
		err = errors.New("name, client id and token store are required")
	case cfg.Provider != Google && cfg.Provider != Outlook:
		err = fmt.Errorf("unknown provider %q", cfg.Provider)
	case !slices.Contains([]string{"", GrantRefreshToken, GrantClientCredentials, GrantServiceAccount}, cfg.Grant):
		err = fmt.Errorf("unknown grant %q", cfg.Grant)
	}
	if err != nil {
		return nil, fmt.Errorf("account %q: %w", cfg.Name, err)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{}
	}
	a := &Account{cfg: cfg, api: api, timeout: cmp.Or(cfg.HTTP.Timeout, DefaultTimeout),
		slot: make(chan struct{}, 1), saving: make(chan struct{}, 1)}
	a.status.State = StateUnknown
	a.client = &http.Client{Transport: &transport{account: a}, Timeout: a.timeout, CheckRedirect: a.checkRedirect}
	return a, nil
}

func endpoint(name, raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, fmt.Errorf("%s must be an absolute http or https URL", name)
	}
	return u, nil
}

// Name returns the account's name.
func (a *Account) Name() string { return a.cfg.Name }

// Client returns the client of the account. It adds the bearer token to requests for the host of APIURL and refuses all
// other hosts. It repeats nothing: an answer of 401 is returned as it is, and only makes the next request fetch a new
// access token. It follows redirects on the same host only.
func (a *Account) Client() *http.Client { return a.client }

// Status returns what is known of the account's token. It calls nobody.
func (a *Account) Status() Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.status
}
