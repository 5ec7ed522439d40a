package daemon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// server is an HTTP server that stops without dropping a request. Where the socket belongs to the service manager, whoever
// connects while we stop waits in it for the next process.
type server struct {
	http     http.Server
	listener *listener
	draining atomic.Bool

	mu    sync.Mutex // guards the fields below; never held across a call
	conns int
	empty chan struct{} // closed when a draining server has no connection left
}

func newServer(l net.Listener, h http.Handler, log *slog.Logger) *server {
	s := &server{listener: newListener(l), empty: make(chan struct{})}
	s.http = http.Server{
		ReadHeaderTimeout: readHeaderWithin, ReadTimeout: readWithin, WriteTimeout: writeWithin, IdleTimeout: idleWithin,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), ConnState: s.count,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if s.draining.Load() {
				w.Header().Set("Connection", "close")
			}
			h.ServeHTTP(w, r)
		}),
	}
	return s
}

// run serves until ctx ends, then lets running requests finish.
func (s *server) run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.listener) }()
	select {
	case err := <-served:
		return errors.Join(fmt.Errorf("serve %s: %w", s.listener.Addr(), err), s.http.Close())
	case <-ctx.Done():
		return s.stop(context.WithoutCancel(ctx), served)
	}
}

// stop differs from http.Server.Shutdown in its care for connections without a request: at a moment when a client may be
// sending one, Shutdown closes them. Here they first get some time in which every answer ends its connection.
func (s *server) stop(ctx context.Context, served <-chan error) error {
	s.draining.Store(true)
	s.change(0)
	_ = s.listener.Close() // a second Close by the server fails
	<-served               // from here on every accepted connection is known to the server
	quiet := time.NewTimer(drainWithin)
	defer quiet.Stop()
	select {
	case <-s.empty:
	case <-quiet.C:
	}
	ctx, cancel := context.WithTimeout(ctx, stopWithin)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("stop serving %s: %w", s.listener.Addr(), err), s.http.Close())
	}
	return nil
}

func (s *server) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.change(1)
	case http.StateClosed, http.StateHijacked:
		s.change(-1)
	default:
	}
}

func (s *server) change(by int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns += by
	if s.conns > 0 || !s.draining.Load() {
		return
	}
	select {
	case <-s.empty:
	default:
		close(s.empty)
	}
}

// listener is a listener into which the watchdog can put a connection of its own. That asks the same accept loop as a
// customer does, and needs neither a route to our own address nor the right to open our own socket.
type listener struct {
	net.Listener
	deadline interface{ SetDeadline(time.Time) error } // nil where the listener has none; it cannot be probed then
	probes   chan net.Conn                             // one slot
}

func newListener(l net.Listener) *listener {
	d, _ := l.(interface{ SetDeadline(time.Time) error })
	return &listener{Listener: l, deadline: d, probes: make(chan net.Conn, 1)}
}

// Accept returns the connection of a probe, which makes a waiting Accept time out, or the next real one. Connections are
// not lost by that: they stay in the socket until they are taken.
func (l *listener) Accept() (net.Conn, error) {
	for {
		select {
		case c := <-l.probes:
			return c, nil
		default:
		}
		c, err := l.Listener.Accept()
		if l.deadline == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return c, err
		}
		if err := l.deadline.SetDeadline(time.Time{}); err != nil {
			return nil, err
		}
	}
}

// probe asks the server that accepts from the listener for path and returns the status of its answer.
func (l *listener) probe(ctx context.Context, path string) (int, error) {
	if l.deadline == nil {
		return http.StatusOK, nil
	}
	here, there := net.Pipe()
	defer func() { _ = here.Close() }()
	select {
	case l.probes <- there:
	default:
		return 0, errors.New("connections are not accepted")
	}
	if err := l.deadline.SetDeadline(time.Unix(1, 0)); err != nil {
		return 0, err
	}
	if until, ok := ctx.Deadline(); ok {
		_ = here.SetDeadline(until) // a pipe has deadlines
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://watchdog"+path, nil)
	if err != nil {
		return 0, err
	}
	req.Close = true
	if err := req.Write(here); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(here), req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}
