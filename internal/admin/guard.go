package admin

import (
	"net"
	"net/http"
)

// guard refuses requests that a web page made. The admin address knows no password: it is for programs on this host. A page
// of a foreign site that is open on the host could reach it, by its address or by a name that it made resolve to it; but a
// browser says where a request comes from, and a name of its own stands in the Host header.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		site := r.Header.Get("Sec-Fetch-Site")
		switch {
		case r.Header.Get("Origin") != "", site != "" && site != "none":
			http.Error(w, "requests of web pages are refused", http.StatusForbidden)
		case r.URL.Path != "/metrics" && !ours(r.Host):
			http.Error(w, "ask this address by its number, or as localhost", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// ours reports whether a Host header is one that no foreign name can bring about: an address, localhost, or what the
// commands call a unix socket.
func ours(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	return host == "localhost" || host == UnixHost || net.ParseIP(trimBrackets(host)) != nil
}

// UnixHost is the Host header of requests over a unix socket.
const UnixHost = "slotd"

func trimBrackets(host string) string {
	if n := len(host); n > 1 && host[0] == '[' && host[n-1] == ']' {
		return host[1 : n-1]
	}
	return host
}
