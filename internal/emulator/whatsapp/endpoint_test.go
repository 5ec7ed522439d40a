package whatsapp

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"slotd/internal/flow"
)

const testToken = "token-0001-for-tests"

var testSecret = []byte("test-app-secret")

// newKey is made once for all tests that need no key of their own: making one takes longer than most tests.
var newKey = sync.OnceValue(makeKey)

func makeKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

// endpoint is a Flow endpoint that answers by a script.
type endpoint struct {
	t    *testing.T
	ring *flow.KeyRing
	// answer returns the status and what to seal: nil for an empty body, rawBody to send it as it is.
	answer func(req message) (int, any)

	mu       sync.Mutex
	requests []message
}

type rawBody string

// newEndpoint starts an endpoint and returns it with a proxy in front of it.
func newEndpoint(t *testing.T, key *rsa.PrivateKey, answer func(message) (int, any)) (*endpoint, *Proxy) {
	t.Helper()
	ring, err := flow.NewKeyRing(key)
	if err != nil {
		t.Fatal(err)
	}
	e := &endpoint{t: t, ring: ring, answer: answer}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	return e, &Proxy{Endpoint: server.URL, AppSecret: testSecret, HTTP: server.Client()}
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || !flow.Verify([][]byte{testSecret}, r.Header.Get("X-Hub-Signature-256"), body) {
		w.WriteHeader(432)
		return
	}
	plain, sealer, err := e.ring.Open(r.Context(), body)
	if err != nil {
		w.WriteHeader(http.StatusMisdirectedRequest)
		return
	}
	var req message
	if err := json.Unmarshal(plain, &req); err != nil {
		e.t.Errorf("request is not JSON: %v", err)
	}
	status, reply := e.handle(req)
	w.WriteHeader(status)
	if raw, ok := reply.(rawBody); ok {
		io.WriteString(w, string(raw))
		return
	}
	if reply != nil {
		text, err := json.Marshal(reply)
		if err != nil {
			e.t.Errorf("marshal the answer: %v", err)
		}
		w.Write(sealer.Seal(text))
	}
}

func (e *endpoint) handle(req message) (int, any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.requests = append(e.requests, req)
	if _, report := req.Data["error"]; report {
		return 200, object{"data": object{"acknowledged": true}}
	}
	return e.answer(req)
}

func (e *endpoint) seen() []message {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]message(nil), e.requests...)
}

func openPhone(t *testing.T, flowJSON []byte, proxy *Proxy, key *rsa.PrivateKey) *Phone {
	t.Helper()
	phone, err := NewPhone(Options{FlowJSON: flowJSON, PublicKey: &key.PublicKey, Send: proxy.Forward,
		FlowToken: testToken, FlowTokenSignature: proxy.SignToken(testToken)})
	if err != nil {
		t.Fatal(err)
	}
	return phone
}

// play opens a phone on a scripted endpoint.
func play(t *testing.T, flowJSON string, answer func(message) (int, any)) (*Phone, *endpoint) {
	t.Helper()
	e, proxy := newEndpoint(t, newKey(), answer)
	return openPhone(t, []byte(flowJSON), proxy, newKey()), e
}

// screen is an answer that shows a screen.
func screen(id string, data object) (int, any) {
	return 200, object{"version": "4.0", "screen": id, "data": data}
}

func succeed(params object) (int, any) {
	params["flow_token"] = testToken
	return screen(success, object{"extension_message_response": object{"params": params}})
}

func options(ids ...string) []any {
	list := []any{}
	for _, id := range ids {
		list = append(list, object{"id": id, "title": "Title " + id})
	}
	return list
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func background() context.Context { return context.Background() }
