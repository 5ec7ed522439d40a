package admin

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// A foreign web page can neither read nor change anything, whatever name it makes resolve to the admin address.
func TestGuard(t *testing.T) {
	h := guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	for _, tt := range []struct {
		name, host, path string
		header           http.Header
		refused          bool
	}{
		{name: "command over TCP", host: "127.0.0.1:8081"},
		{name: "command over IPv6", host: "[::1]:8081"},
		{name: "command over a unix socket", host: UnixHost},
		{name: "by hand", host: "localhost:8081"},
		{name: "in a container", host: "10.0.0.7:8081"},
		{name: "typed into a browser", host: "127.0.0.1:8081", header: http.Header{"Sec-Fetch-Site": {"none"}}},
		{name: "scraped by name", host: "slotd.monitoring:8081", path: "/metrics"},
		{name: "rebound name", host: "evil.example:8081", refused: true},
		{name: "rebound name that ends like an address", host: "127.0.0.1.evil.example", refused: true},
		{name: "no host", host: "", refused: true},
		{name: "foreign page", host: "127.0.0.1:8081", header: http.Header{"Origin": {"https://evil.example"}}, refused: true},
		{name: "page without origin", host: "localhost:8081", header: http.Header{"Sec-Fetch-Site": {"cross-site"}}, refused: true},
		{name: "page of a neighbour", host: "localhost:8081", header: http.Header{"Sec-Fetch-Site": {"same-site"}}, refused: true},
		{name: "page reads metrics", host: "evil.example", path: "/metrics",
			header: http.Header{"Sec-Fetch-Site": {"same-origin"}}, refused: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := tt.path
			if path == "" {
				path = "/api/bookings"
			}
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Host = tt.host
			for k, v := range tt.header {
				r.Header[k] = v
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if (w.Code == http.StatusForbidden) != tt.refused {
				t.Errorf("status %d", w.Code)
			}
		})
	}
}
