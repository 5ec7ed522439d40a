package notify_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// receiver is another system that takes webhooks: a real HTTP server behind connections in memory, so that time is
// virtual. It verifies signatures by code of its own, after the text of the convention.
type receiver struct {
	t      *testing.T
	secret string // what it has been given: whsec_ and base64
	conns  chan net.Conn
	server *http.Server
	client *http.Client

	mu    sync.Mutex
	got   []received
	busy  int // calls that run
	most  int // most of them at once
	react func(n int, m received, w http.ResponseWriter)
}

// received is a call that carried a good signature.
type received struct {
	ID   string
	Type string
	At   time.Time // by the receiver's clock
	Body map[string]any
}

func (r received) booking() string {
	data, _ := r.Body["data"].(map[string]any)
	id, _ := data["booking"].(string)
	return id
}

// newReceiver must be called in a bubble; close ends it. It answers 204 until react says otherwise.
func newReceiver(t *testing.T, secret string) *receiver {
	r := &receiver{t: t, secret: secret, conns: make(chan net.Conn)}
	r.server = &http.Server{Handler: r} //nolint:gosec // nobody is slow here that should not be
	r.client = &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			here, there := net.Pipe()
			select {
			case r.conns <- there:
				return here, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		},
	}}
	go func() { _ = r.server.Serve(r) }()
	return r
}

func (r *receiver) close() {
	r.client.CloseIdleConnections()
	_ = r.server.Close()
}

// Accept, Close and Addr make the receiver its server's listener.
func (r *receiver) Accept() (net.Conn, error) {
	c, ok := <-r.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (r *receiver) Close() error   { close(r.conns); return nil }
func (r *receiver) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

// reacts has each call answered by fn, which is told how many came before.
func (r *receiver) reacts(fn func(n int, m received, w http.ResponseWriter)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.react = fn
}

func (r *receiver) calls() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received{}, r.got...)
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil || !r.genuine(req.Header, body) {
		r.t.Errorf("a call without a good signature: %v %v", req.Header, err)
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	m := received{ID: req.Header.Get("webhook-id"), At: time.Now()}
	if err := json.Unmarshal(body, &m.Body); err != nil {
		r.t.Errorf("the body is no JSON: %v", err)
	}
	m.Type, _ = m.Body["type"].(string)
	r.mu.Lock()
	n, react := len(r.got), r.react
	r.got = append(r.got, m)
	r.busy++
	r.most = max(r.most, r.busy)
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.busy--
		r.mu.Unlock()
	}()
	if react != nil {
		react(n, m, w)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// genuine is what the convention tells a receiver to do.
func (r *receiver) genuine(h http.Header, body []byte) bool {
	id, stamp := h.Get("webhook-id"), h.Get("webhook-timestamp")
	sent, err := strconv.ParseInt(stamp, 10, 64)
	if age := time.Since(time.Unix(sent, 0)); err != nil || id == "" || age > 5*time.Minute || age < -5*time.Minute {
		return false
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.secret, "whsec_"))
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + stamp + "." + string(body)))
	want := []byte(base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	for part := range strings.SplitSeq(h.Get("webhook-signature"), " ") {
		version, signature, _ := strings.Cut(part, ",")
		if version == "v1" && subtle.ConstantTimeCompare([]byte(signature), want) == 1 {
			return h.Get("Content-Type") == "application/json"
		}
	}
	return false
}

// The moods of a receiver.

func answers(code int) func(int, received, http.ResponseWriter) {
	return func(_ int, _ received, w http.ResponseWriter) { w.WriteHeader(code) }
}

// once lets fn answer the first call, and everything be well afterwards.
func once(fn func(int, received, http.ResponseWriter)) func(int, received, http.ResponseWriter) {
	return func(n int, m received, w http.ResponseWriter) {
		if n == 0 {
			fn(n, m, w)
			return
		}
		w.WriteHeader(http.StatusOK)
	}
}

// loses has done what it was told, and its answer is lost.
func loses(_ int, _ received, w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

func sleeps(d time.Duration) func(int, received, http.ResponseWriter) {
	return func(_ int, _ received, w http.ResponseWriter) {
		time.Sleep(d)
		w.WriteHeader(http.StatusOK)
	}
}

func redirects(_ int, _ received, w http.ResponseWriter) {
	w.Header().Set("Location", "http://elsewhere.example/")
	w.WriteHeader(http.StatusTemporaryRedirect)
}

func asksToWait(code int, header string) func(int, received, http.ResponseWriter) {
	return func(_ int, _ received, w http.ResponseWriter) {
		w.Header().Set("Retry-After", header)
		w.WriteHeader(code)
	}
}
