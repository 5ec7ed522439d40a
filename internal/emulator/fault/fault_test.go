package fault_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"slotd/internal/emulator/fault"
)

func fail(w http.ResponseWriter, status int, reason string) { http.Error(w, "refused "+reason, status) }

// serve sends one request through the rules and returns the status, and whether the handler ran.
func serve(s *fault.Set, method, path string) (w *httptest.ResponseRecorder, ran bool) {
	w = httptest.NewRecorder()
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ran = true
		io.WriteString(w, `{"rows":[1,2]}`)
	})
	s.Serve(w, httptest.NewRequest(method, path, strings.NewReader("body")), "op", next, fail)
	return w, ran
}

func TestRules(t *testing.T) {
	tests := []struct {
		name   string
		rule   fault.Rule
		status int
		ran    bool
		body   string
	}{
		{"refused", fault.Rule{Status: 503}, 503, false, "refused"},
		{"reason", fault.Rule{Status: 403, Reason: "quota"}, 403, false, "refused quota"},
		{"body", fault.Rule{Status: 502, Body: "<html>"}, 502, false, "<html>"},
		{"done, then refused", fault.Rule{Status: 500, After: true}, 500, true, "refused"},
		{"cut", fault.Rule{Truncate: true}, 200, true, `{"rows"`},
		{"other op", fault.Rule{Op: "x", Status: 500}, 200, true, `{"rows":[1,2]}`},
		{"other method", fault.Rule{Method: "POST", Status: 500}, 200, true, `{"rows":[1,2]}`},
		{"other path", fault.Rule{PathContains: "/b", Status: 500}, 200, true, `{"rows":[1,2]}`},
		{"no match", fault.Rule{Match: func(*http.Request) bool { return false }, Status: 500}, 200, true, `{"rows":[1,2]}`},
		{"hook only", fault.Rule{Hook: func(*http.Request) {}}, 200, true, `{"rows":[1,2]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s fault.Set
			s.Inject(tt.rule)
			w, ran := serve(&s, "GET", "/a")
			if w.Code != tt.status || ran != tt.ran || strings.TrimSpace(w.Body.String()) != strings.TrimSpace(tt.body) {
				t.Errorf("%d, ran %v, %q", w.Code, ran, w.Body.String())
			}
		})
	}
}

func TestTimesSkipAndRemove(t *testing.T) {
	var s fault.Set
	s.Inject(fault.Rule{Status: 429, RetryAfter: "5", Skip: 1, Times: 2})
	var got []int
	for range 4 {
		w, _ := serve(&s, "GET", "/")
		if got = append(got, w.Code); w.Code == 429 && w.Header().Get("Retry-After") != "5" {
			t.Error("no Retry-After")
		}
	}
	if got[0] != 200 || got[1] != 429 || got[2] != 429 || got[3] != 200 {
		t.Errorf("statuses %v", got)
	}
	remove := s.Inject(fault.Rule{Status: 500, Times: fault.Forever})
	serve(&s, "GET", "/")
	remove()
	remove()
	if w, _ := serve(&s, "GET", "/"); w.Code != 200 {
		t.Errorf("removed rule: %d", w.Code)
	}
}

// TestTimeoutThatHappened runs a real server and client in virtual time: the client gives up, though the request was
// carried out.
func TestTimeoutThatHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s fault.Set
		s.Inject(fault.Rule{Delay: time.Hour, After: true})
		var ran atomic.Bool
		next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran.Store(true) })
		pipe := make(pipeListener)
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.Serve(w, r, "op", next, fail)
		})}
		served := make(chan error, 1)
		go func() { served <- srv.Serve(pipe) }()
		transport := &http.Transport{DialContext: pipe.dial}
		client := &http.Client{Transport: transport, Timeout: time.Minute}
		_, err := client.Post("http://emulator/", "text/plain", strings.NewReader("body"))
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() || !ran.Load() {
			t.Errorf("%v, ran %v", err, ran.Load())
		}
		transport.CloseIdleConnections()
		srv.Close()
		<-served
	})
}

// pipeListener is a listener over in-memory connections.
type pipeListener chan net.Conn

func (l pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case l <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l pipeListener) Accept() (net.Conn, error) {
	c, ok := <-l
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (l pipeListener) Close() error   { close(l); return nil }
func (l pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// TestLate: the caller is told nothing, or of a refusal, and the request takes effect when it is let go.
func TestLate(t *testing.T) {
	for _, status := range []int{0, 504} {
		var s fault.Set
		var act func()
		s.Inject(fault.Rule{Late: func(f func()) { act = f }, Status: status})
		var bodies []string
		next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil || r.Context().Err() != nil {
				t.Errorf("%v, %v", err, r.Context().Err())
			}
			bodies = append(bodies, string(body))
		})
		ctx, cancel := context.WithCancel(t.Context())
		w := httptest.NewRecorder()
		aborted := func() (aborted bool) {
			defer func() { aborted = recover() != nil }()
			r := httptest.NewRequestWithContext(ctx, "POST", "/", strings.NewReader("body"))
			s.Serve(w, r, "op", next, fail)
			return false
		}()
		cancel()
		if aborted != (status == 0) || status != 0 && w.Code != status || len(bodies) != 0 {
			t.Errorf("%d: aborted %v with %d, served %v", status, aborted, w.Code, bodies)
		}
		if act(); len(bodies) != 1 || bodies[0] != "body" {
			t.Errorf("%d: served %v, want the body once", status, bodies)
		}
	}
}

// TestLateByTheClock: the caller gives up after a minute, the server acts after two.
func TestLateByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s fault.Set
		s.Inject(fault.Rule{Delay: time.Hour, Late: func(act func()) { time.AfterFunc(2*time.Minute, act) }})
		var ran atomic.Bool
		next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran.Store(true) })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		func() {
			defer func() { _ = recover() }() // the connection breaks
			s.Serve(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "POST", "/", nil), "op", next, fail)
		}()
		if ctx.Err() == nil || ran.Load() {
			t.Errorf("given up: %v, served %v", ctx.Err(), ran.Load())
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if !ran.Load() {
			t.Error("the request never took effect")
		}
	})
}

func TestThenAndEffects(t *testing.T) {
	var s fault.Set
	var order []string
	s.Inject(fault.Rule{LagRequests: 2, LagFor: time.Second, Churn: true})
	s.Inject(fault.Rule{LagRequests: 1, After: true, Status: 500, Then: func(*http.Request) { order = append(order, "then") }})
	next := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		order = append(order, "served")
		got := fault.From(r.Context())
		if want := (fault.Effects{Churn: true, LagRequests: 2, LagFor: time.Second}); got != want || !got.Lags() {
			t.Errorf("effects %+v, want %+v", got, want)
		}
	})
	s.Serve(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil), "op", next, fail)
	if len(order) != 2 || order[0] != "served" || order[1] != "then" {
		t.Errorf("order %v", order)
	}
}
