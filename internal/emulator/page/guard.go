package page

import (
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// maxBody bounds what the page may post: a sealed Flow request is far smaller, a drawn event smaller still.
const maxBody = 1 << 20

// policy lets the page load and call itself and nothing else. Images may be data: URLs, because a Flow carries its
// images as base64.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// guard puts the rules of the house in front of next: a loopback Host, no cross-origin writes, JSON bodies of bounded
// size, no caching, and a strict content security policy.
func guard(next http.Handler) http.Handler {
	checked := http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !loopback(r.Host) {
			fail(w, http.StatusForbidden, "this page answers on a loopback address only")
			return
		}
		if !sameSite(r) {
			fail(w, http.StatusForbidden, "this page does not answer other sites")
			return
		}
		if (r.Method == http.MethodPost || r.Method == http.MethodPatch) && !isJSON(r) {
			fail(w, http.StatusUnsupportedMediaType, "the body must be application/json")
			return
		}
		checked.ServeHTTP(w, r)
	})
}

// loopback reports whether a Host header names this machine. A name that a foreign site owns may resolve to 127.0.0.1,
// so the name counts, not the address of the connection.
func loopback(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	if strings.EqualFold(name, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Unmap().IsLoopback()
}

// sameSite refuses what a foreign page asks of /api, also by GET: a session makes a token. A request without the header
// comes from no browser.
func sameSite(r *http.Request) bool {
	if !strings.HasPrefix(r.URL.Path, "/api/") {
		return true
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return true
	}
	return false
}

// isJSON reports whether the body is declared as JSON. A plain HTML form cannot declare that.
func isJSON(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/json"
}
