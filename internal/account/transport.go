package account

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxRedirects bounds redirects within the API host.
const maxRedirects = 5

// transport adds the bearer token, to requests for the API host only.
type transport struct {
	account *Account
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.send(req)
	if err != nil && req.Body != nil {
		req.Body.Close() // a RoundTripper must; closing it twice is harmless
	}
	return resp, err
}

func (t *transport) send(req *http.Request) (*http.Response, error) {
	a := t.account
	if !sameOrigin(req.URL, a.api) {
		return nil, a.foreignHost(req.URL)
	}
	token, err := a.accessToken(req.Context())
	if err != nil {
		return nil, err
	}
	out := req.Clone(req.Context())
	out.Header.Set("Authorization", "Bearer "+token)
	resp, err := a.base().RoundTrip(out)
	switch {
	case err != nil:
	case resp.StatusCode == http.StatusUnauthorized:
		a.drop(token)
	case resp.StatusCode == http.StatusForbidden && strings.Contains(resp.Header.Get("WWW-Authenticate"), "insufficient_scope"):
		a.lacks(token) // RFC 6750 section 3.1
	}
	return resp, err
}

// maxTokenReply is the longest answer of a token endpoint that is looked at.
const maxTokenReply = 1 << 20

// jsonReply calls an answer JSON that is JSON: x/oauth2 reads text/plain as a form, in which it finds no token, and
// RFC 6749 §5.1 knows no other form of answer than JSON.
type jsonReply struct{ base http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t jsonReply) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxTokenReply))
	resp.Body.Close() // all that counts was read
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
		resp.Header.Set("Content-Type", "application/json")
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return resp, nil
}

// base returns the transport that carries the requests.
func (a *Account) base() http.RoundTripper {
	if a.cfg.HTTP.Transport != nil {
		return a.cfg.HTTP.Transport
	}
	return http.DefaultTransport
}

// checkRedirect keeps redirects on the API host. The transport would refuse another host too; here the error comes
// before the request is prepared.
func (a *Account) checkRedirect(req *http.Request, via []*http.Request) error {
	if !sameOrigin(req.URL, a.api) {
		return a.foreignHost(req.URL)
	}
	if len(via) > maxRedirects {
		return errors.New("too many redirects")
	}
	return nil
}

func (a *Account) foreignHost(u *url.URL) error {
	return fmt.Errorf("account %q: refused to send its token to %s://%s: the account's host is %s", a.cfg.Name, u.Scheme,
		u.Host, a.api.Host)
}

// sameOrigin compares scheme, host and port.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}
