package whatsapp

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"slotd/internal/flow"
)

// transport answers without sockets, so that time can be virtual.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestForwardTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proxy := &Proxy{Endpoint: "http://endpoint.example/flow", AppSecret: testSecret,
			HTTP: &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			})}}
		start := time.Now()
		status, _, err := proxy.Forward(t.Context(), []byte("{}"))
		if status != http.StatusGatewayTimeout || err != nil || time.Since(start) != 10*time.Second {
			t.Errorf("Forward() = %d, %v after %v", status, err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if status, _, err := proxy.Forward(ctx, nil); err == nil {
			t.Errorf("the caller gave up: status %d without an error", status)
		}
	})
}

func TestProxyForPages(t *testing.T) {
	_, proxy := newEndpoint(t, newKey(), func(message) (int, any) { return 200, object{"data": object{"status": "active"}} })
	body, session, err := flow.SealRequest(&newKey().PublicKey, []byte(`{"version":"4.0","action":"ping"}`))
	must(t, err)
	post := func(method string, body []byte) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		proxy.ServeHTTP(w, httptest.NewRequest(method, "/proxy", bytes.NewReader(body)))
		return w
	}
	var relayed Relayed
	must(t, json.Unmarshal(post(http.MethodPost, body).Body.Bytes(), &relayed))
	if relayed.Status != 200 {
		t.Fatalf("relayed %+v", relayed)
	}
	if _, err := session.Open([]byte(relayed.Body)); err != nil {
		t.Error(err)
	}
	if got := post(http.MethodGet, nil).Code; got != http.StatusMethodNotAllowed {
		t.Errorf("GET answers %d", got)
	}
	if got := post(http.MethodPost, make([]byte, maxRequest+1)).Code; got != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body answers %d", got)
	}
	proxy.Endpoint = "http://127.0.0.1:0/flow"
	must(t, json.Unmarshal(post(http.MethodPost, body).Body.Bytes(), &relayed))
	if relayed.Status != http.StatusBadGateway {
		t.Errorf("an endpoint that is not there is relayed as %d", relayed.Status)
	}
}

func TestWrongSecret(t *testing.T) {
	_, proxy := newEndpoint(t, newKey(), script(nil))
	proxy.AppSecret = []byte("another")
	phone := openPhone(t, []byte(threeScreens), proxy, newKey())
	if err := phone.Open(background()); err == nil || !strings.Contains(err.Error(), "432") {
		t.Errorf("Open() = %v", err)
	}
}
