package daemon_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"slotd/internal/emulator/fault"
)

// rotating makes a token endpoint rotate the refresh token once: from then on only "rotated" is good.
type rotating struct {
	http.Handler
	mu    sync.Mutex
	first string // the refresh token before
	bad   int    // requests with that one since
}

func (r *rotating) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.URL.Path != "/token" {
		r.Handler.ServeHTTP(w, req)
		return
	}
	_ = req.ParseForm()
	r.mu.Lock()
	switch sent := req.PostForm.Get("refresh_token"); {
	case r.first == "":
		r.first = sent
	case sent == r.first:
		r.bad++
	default:
		req.PostForm.Set("refresh_token", r.first)
	}
	r.mu.Unlock()
	req.Form = req.PostForm
	rec := httptest.NewRecorder()
	r.Handler.ServeHTTP(rec, req)
	var reply map[string]any
	if rec.Code != http.StatusOK || json.NewDecoder(bytes.NewReader(rec.Body.Bytes())).Decode(&reply) != nil {
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
		return
	}
	reply["refresh_token"] = "rotated"
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(reply)
}

// TestReloadKeepsARenewedTokenThatIsInMemoryOnly: this clinic has no token key, so nothing else knows it.
func TestReloadKeepsARenewedTokenThatIsInMemoryOnly(t *testing.T) {
	r := &rotating{}
	servedBy(t, func(c *clinic) { r.Handler, c.provider.Handler = c.provider.Handler, r }, func(t *testing.T, c *clinic) {
		requests := c.google.Requests("token")
		c.reloads()
		time.Sleep(10 * time.Minute)
		if r.mu.Lock(); r.bad != 0 || c.google.Requests("token") == requests {
			t.Errorf("%d of the requests after the reload had the old token", r.bad)
		}
		r.mu.Unlock()
		if problems := c.wrong(); problems != "" {
			t.Errorf("problems: %s", problems)
		}
	})
}

// TestReloadWaitsForARefresh: two accounts never refresh the same token at once.
func TestReloadWaitsForARefresh(t *testing.T) {
	served(t, func(t *testing.T, c *clinic) {
		c.google.Inject(fault.Rule{Op: "token", Delay: 25 * time.Second, Times: 1})
		c.google.ExpireAccess(owner)
		requests := c.google.Requests("token")
		for c.google.Requests("token") == requests {
			time.Sleep(time.Second)
		}
		c.manager.take()
		c.reloads()
		time.Sleep(15 * time.Second)
		if n := c.google.Requests("token") - requests; n != 1 || count(c.manager.take(), "READY=1") != 0 {
			t.Errorf("%d refreshes, and the reload did not wait", n)
		}
		time.Sleep(time.Minute)
		if problems := c.wrong(); problems != "" || count(c.manager.take(), "READY=1") == 0 {
			t.Errorf("after it: %s", problems)
		}
	})
}
