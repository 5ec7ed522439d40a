// Package oauth is the authorization server of the emulated providers: consent with PKCE (RFC 7636), the authorization
// code, refresh, client credentials and device code (RFC 8628) grants, revocation (RFC 7009), and the check of bearer
// tokens. Where Google and Microsoft differ, [Options] says how.
//
// A [Server] is safe for concurrent use. It starts no goroutine.
package oauth

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options says how a server behaves. The zero value is Google's way.
type Options struct {
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Rotate makes every refresh return a new refresh token, as Microsoft does. The used one works once more.
	Rotate bool
	// PublicClients lets clients without a secret use the code, device and refresh grants.
	PublicClients bool
	// OfflineScope is the scope without which no refresh token is given, "" where access_type=offline asks for one.
	OfflineScope string
	// Scopes are granted where a request names none, and to accounts that are added by AddAccount.
	Scopes []string
	// DevicePage is the address that a device grant sends the person to; a path is completed by the request's host.
	DevicePage string
	// Prefix begins each token, so that a token found in a log is recognised.
	Prefix string
}

// Credentials are what a daemon is configured with for one account. The client is the same for all accounts of a
// server.
type Credentials struct {
	ClientID, ClientSecret, RefreshToken string
}

// Life of what the server gives out.
const (
	AccessLife = time.Hour
	codeLife   = 10 * time.Minute
	deviceLife = 15 * time.Minute
	// useLimit is how often a rotated refresh token works: the first time, and once more for a reply that was lost.
	useLimit = 2
)

// The one client that is registered.
const (
	ClientID     = "slotd-emulator.apps.example"
	ClientSecret = "emulator-client-secret"
)

// Access is what a bearer token stands for.
type Access struct {
	User   string // "" for an application
	App    bool   // client credentials: no user
	Scopes []string

	expires time.Time
	refresh string // the grant that it descends from
}

// Allows reports whether one of the scopes was granted. Applications may do everything.
func (a Access) Allows(scopes ...string) bool {
	return a.App || slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(a.Scopes, s) })
}

type grant struct {
	user    string
	scopes  []string
	uses    int
	revoked bool
}

type code struct {
	user, redirect, challenge string
	scopes                    []string
	refresh                   bool
	expires                   time.Time
}

type device struct {
	userCode, user string
	scopes         []string
	denied         bool
	expires        time.Time
}

// Server is an authorization server with its accounts and tokens, all in memory.
type Server struct {
	opt Options

	mu        sync.Mutex
	users     []string
	consented map[string]bool
	denied    []string
	access    map[string]*Access
	grants    map[string]*grant
	codes     map[string]*code
	devices   map[string]*device
	last      int
	mood      mood
}

// New returns a server without accounts.
func New(opt Options) *Server {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	return &Server{
		opt: opt, consented: map[string]bool{}, access: map[string]*Access{}, grants: map[string]*grant{},
		codes: map[string]*code{}, devices: map[string]*device{},
	}
}

// AddAccount makes user known and returns credentials with a fresh refresh token, as if the person had consented.
func (s *Server) AddAccount(user string) Credentials {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.users, user) {
		s.users = append(s.users, user)
	}
	return Credentials{ClientID: ClientID, ClientSecret: ClientSecret, RefreshToken: s.newGrant(user, s.opt.Scopes)}
}

// DenyScopes makes the person untick these scopes at every consent from now on.
func (s *Server) DenyScopes(scopes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denied = scopes
}

// RevokeRefresh ends all refresh tokens of user and what descends from them: a person withdrew the consent.
func (s *Server) RevokeRefresh(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.grants {
		g.revoked = g.revoked || g.user == user
	}
	delete(s.consented, user)
	s.dropAccess(func(a *Access) bool { return a.User == user })
}

// ExpireAccess ends the access tokens of user, before their time. Refresh tokens stay. "" stands for applications.
func (s *Server) ExpireAccess(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropAccess(func(a *Access) bool { return a.User == user })
}

// ApproveDevices answers all open device codes as user.
func (s *Server) ApproveDevices(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.devices {
		if d.user == "" {
			d.user = user
		}
	}
}

// DenyDevices declines all open device codes.
func (s *Server) DenyDevices() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.devices {
		d.denied = d.denied || d.user == ""
	}
}

// Check returns what the value of an Authorization header stands for. ok is false for tokens that are unknown, revoked
// or expired.
func (s *Server) Check(header string) (a Access, ok bool) {
	token, found := strings.CutPrefix(header, "Bearer ")
	if !found {
		return Access{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.access[token]
	if p == nil || !s.opt.Now().Before(p.expires) {
		return Access{}, false
	}
	return *p, true
}

func (s *Server) dropAccess(match func(*Access) bool) {
	for token, a := range s.access {
		if match(a) {
			delete(s.access, token)
		}
	}
}

// newToken returns a token that repeats from run to run, so that a simulation does too. Nothing here is worth
// guarding.
func (s *Server) newToken(kind string) string {
	s.last++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d", s.opt.Prefix, kind, s.last))
	return s.opt.Prefix + kind + "-" + hex.EncodeToString(sum[:20])
}

func (s *Server) newGrant(user string, scopes []string) string {
	token := s.newToken("refresh")
	s.grants[token] = &grant{user: user, scopes: scopes}
	return token
}

func (s *Server) newAccess(a Access) string {
	token := s.newToken("access")
	a.expires = s.opt.Now().Add(AccessLife)
	s.access[token] = &a
	return token
}

// challengeOf returns the S256 code challenge of a verifier (RFC 7636 section 4.2).
func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
