package oauth

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/url"
	"slices"
	"strings"
	"time"
)

// mood is what a test or a demo set beside the accounts.
type mood struct {
	redirects   []string
	refreshLife time.Duration
	interval    int
	services    map[string]*service
}

// service is a service account: its key, and the users for whom it may act.
type service struct {
	key  *rsa.PublicKey
	acts []string
}

// AllowRedirects registers the client's redirect addresses; before it is called all are allowed. At a loopback address any
// port is (RFC 8252 section 7.3).
func (s *Server) AllowRedirects(addresses ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mood.redirects = addresses
}

// EndRefreshAfter makes token responses say that refresh tokens live so long, as Google does for consent screens in testing.
func (s *Server) EndRefreshAfter(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mood.refreshLife = d
}

// PollDevicesEvery sets the seconds between two polls for a device code; 5 at first.
func (s *Server) PollDevicesEvery(seconds int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mood.interval = seconds
}

// LoseScopes takes scopes away from what user granted, as an administrator does.
func (s *Server) LoseScopes(user string, scopes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lost := func(sc string) bool { return slices.Contains(scopes, sc) }
	for _, g := range s.grants {
		if g.user == user {
			g.scopes = slices.DeleteFunc(slices.Clone(g.scopes), lost)
		}
	}
	s.dropAccess(func(a *Access) bool { return a.User == user })
}

// AddServiceAccount makes a service account known and returns its JSON key. It may act for itself, who is a user of the
// name email, and by domain-wide delegation for others.
func (s *Server) AddServiceAccount(email string, others ...string) ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mood.services == nil {
		s.mood.services = map[string]*service{}
	}
	s.mood.services[email] = &service{key: &key.PublicKey, acts: append([]string{email}, others...)}
	return json.Marshal(map[string]string{
		"type": "service_account", "client_email": email, "private_key_id": "1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
}

const grantAssertion = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// redeemAssertion checks a signed assertion (RFC 7523) and gives out an access token. It runs with the lock held.
func (s *Server) redeemAssertion(assertion string) (*reply, *refusal) {
	var claims struct {
		Iss, Sub, Scope string
		Exp             int64
	}
	signed, signature, ok := cutLast(assertion)
	_, body, found := strings.Cut(signed, ".")
	text, err := base64.RawURLEncoding.DecodeString(body)
	if !ok || !found || err != nil || json.Unmarshal(text, &claims) != nil {
		return nil, refuse("invalid_grant", "the assertion cannot be read")
	}
	account := s.mood.services[claims.Iss]
	sum := sha256.Sum256([]byte(signed))
	switch {
	case account == nil || rsa.VerifyPKCS1v15(account.key, crypto.SHA256, sum[:], signature) != nil:
		return nil, refuse("invalid_grant", "Invalid JWT Signature.")
	case claims.Exp < s.opt.Now().Unix():
		return nil, refuse("invalid_grant", "the assertion expired")
	}
	user := claims.Iss
	if claims.Sub != "" {
		user = claims.Sub
	}
	if !slices.Contains(account.acts, user) {
		return nil, refuse("unauthorized_client", "Client is unauthorized to retrieve access tokens using this method.")
	}
	return s.reply(Access{User: user, Scopes: s.granted(claims.Scope)}, ""), nil
}

func cutLast(token string) (signed string, signature []byte, ok bool) {
	i := strings.LastIndexByte(token, '.')
	if i < 0 {
		return "", nil, false
	}
	signature, err := base64.RawURLEncoding.DecodeString(token[i+1:])
	return token[:i], signature, err == nil
}

// allowed reports whether a browser may be sent back to the address.
func (s *Server) allowed(back *url.URL) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mood.redirects == nil {
		return true
	}
	return slices.ContainsFunc(s.mood.redirects, func(registered string) bool {
		r, err := url.Parse(registered)
		loopback := err == nil && (r.Hostname() == "127.0.0.1" || r.Hostname() == "localhost")
		return back.String() == registered || loopback && back.Hostname() == r.Hostname() && back.Path == r.Path
	})
}
