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
