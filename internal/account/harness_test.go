package account

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

// provider is a token endpoint and an API on one host. Each refresh gives a new refresh token, and only the newest is
// good, as with a strict authorization server.
type provider struct {
	mu       sync.Mutex
	newest   string        // the only good refresh token
	calls    int           // at the token endpoint
	forms    []url.Values  // what the token endpoint was sent
	answer   string        // instead of a token: the body of an error
	status   int           // its status
	delay    time.Duration // of the token endpoint
	access   string        // the last access token
	expires  int           // expires_in
	apiCalls []string      // Authorization headers
	apiCode  int
	location string // where the API redirects to
	// challenge is the API's WWW-Authenticate header.
	challenge string
	label     string // Content-Type of the token endpoint, when it is not the right one
}

func newProvider() *provider {
	return &provider{newest: "refresh-0", expires: 3600, apiCode: http.StatusOK}
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/token" {
		p.serveAPI(w, r)
		return
	}
	p.mu.Lock()
	delay := p.delay
	p.calls++
	p.mu.Unlock()
	time.Sleep(delay) // virtual time only: no test sets it outside a bubble
	r.ParseForm()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forms = append(p.forms, r.PostForm)
	w.Header().Set("Content-Type", "application/json")
	if p.label != "" {
		w.Header().Set("Content-Type", p.label)
	}
	switch {
	case p.answer != "":
		w.WriteHeader(p.status)
		fmt.Fprint(w, p.answer)
	case r.PostForm.Get("grant_type") == "refresh_token" && r.PostForm.Get("refresh_token") != p.newest:
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant","error_description":"leaked-description"}`)
	default:
		p.newest = fmt.Sprintf("refresh-%d", p.calls)
		p.access = fmt.Sprintf("access-%d", p.calls)
		json.NewEncoder(w).Encode(map[string]any{
			"access_token": p.access, "refresh_token": p.newest, "expires_in": p.expires, "token_type": "Bearer"})
	}
}

func (p *provider) serveAPI(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.apiCalls = append(p.apiCalls, r.Header.Get("Authorization"))
	if p.location != "" {
		w.Header().Set("Location", p.location)
	}
	if p.challenge != "" {
		w.Header().Set("WWW-Authenticate", p.challenge)
	}
	w.WriteHeader(p.apiCode)
}

// RoundTrip serves a request in memory, so that a test can run in a bubble.
func (p *provider) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	done := make(chan struct{})
	go func() { p.ServeHTTP(w, r); close(done) }()
	select {
	case <-done:
		return w.Result(), nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func (p *provider) tokenCalls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}

// memory is a Tokens in memory.
type memory struct {
	mu   sync.Mutex
	docs map[string][]byte
	fail error
	// onSave sees each document before it is stored.
	onSave func(document)
}

func (m *memory) LoadToken(_ context.Context, account string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.docs[account], nil
}

func (m *memory) SaveToken(_ context.Context, account string, token []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	if m.onSave != nil {
		m.onSave(opened(token))
	}
	if m.docs == nil {
		m.docs = map[string][]byte{}
	}
	m.docs[account] = token
	return nil
}

func (m *memory) refreshToken() string {
	data, _ := m.LoadToken(context.Background(), "clinic")
	return opened(data).RefreshToken
}

// keyOne and keyTwo are token keys; a test's account has the first.
var keyOne, keyTwo = newKey(), newKey()

func newKey() []byte {
	key, err := NewKey(time.Unix(1_800_000_000, 0))
	if err != nil {
		panic(err)
	}
	return key
}

func keys(texts ...[]byte) func() (*Keys, error) {
	return func() (*Keys, error) { return ParseKeys(texts...) }
}

// opened returns a stored document, whichever of the tests' keys sealed it.
func opened(data []byte) (doc document) {
	if ring, err := ParseKeys(keyOne, keyTwo); err == nil && isSealed(data) {
		data, _, _ = ring.open(data)
	}
	json.Unmarshal(data, &doc)
	return doc
}

func constant(s string) func() ([]byte, error) {
	return func() ([]byte, error) { return []byte(s), nil }
}

// newAccount returns an account whose requests all reach p in memory.
func newAccount(t *testing.T, p *provider, tokens Tokens, change func(*Config)) *Account {
	t.Helper()
	cfg := Config{Name: "clinic", Provider: Outlook, ClientID: "client", ClientSecret: constant("hush"),
		RefreshToken: constant("refresh-0"), RefreshTokenFrom: "file token", TokenURL: "https://login.example/token",
		APIURL: "https://graph.example/v1.0", HTTP: &http.Client{Transport: p}, Tokens: tokens, Keys: keys(keyOne)}
	if change != nil {
		change(&cfg)
	}
	a, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

func get(a *Account, url string) error {
	resp, err := a.Client().Get(url)
	if err == nil {
		resp.Body.Close()
	}
	return err
}

const apiURL = "https://graph.example/v1.0/me/calendars"
