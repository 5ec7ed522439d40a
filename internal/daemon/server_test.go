package daemon

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// served runs a server on a socket of the system until the test ends.
func served(t *testing.T, h http.HandlerFunc) (s *server, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s = newServer(l, h, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.run(ctx); err != nil {
			t.Error(err)
		}
	})
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return s, stop
}

// TestProbesTakeNoConnection: the watchdog's probes go through the accept loop, and no customer's connection is lost by them.
func TestProbesTakeNoConnection(t *testing.T) {
	s, _ := served(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) })
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	var customers sync.WaitGroup
	for range 4 {
		customers.Go(func() {
			for range 50 {
				resp, err := client.Get("http://" + s.listener.Addr().String() + "/customer")
				if err != nil {
					t.Error(err)
					return
				}
				text, err := io.ReadAll(resp.Body)
				if _ = resp.Body.Close(); err != nil || string(text) != "/customer" {
					t.Errorf("%v %q", err, text)
				}
			}
		})
	}
	for range 200 {
		if status, err := s.listener.probe(t.Context()); err != nil || status != http.StatusOK {
			t.Fatalf("status %d, %v", status, err)
		}
	}
	customers.Wait()
}

func TestProbesFindWhatHangs(t *testing.T) {
	release := make(chan struct{})
	s, stop := served(t, func(http.ResponseWriter, *http.Request) { <-release })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.listener.probe(ctx); err == nil {
		t.Error("a handler that hangs seems to be well")
	}
	close(release)
	stop()

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	alone := newListener(l) // nobody accepts
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for _, want := range []string{"timeout", "connections are not accepted"} {
		if _, err := alone.probe(short); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
