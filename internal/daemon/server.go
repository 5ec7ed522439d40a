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
	final bool          // no connection will be accepted any more
	empty chan struct{} // closed when there is none left then
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
	var err error
	served := make(chan struct{})
	go func() {
		err = s.http.Serve(s.listener)
		close(served)
	}()
	select {
	case <-served:
		return errors.Join(fmt.Errorf("serve %s: %w", s.listener.Addr(), err), s.http.Close())
	case <-ctx.Done():
		return s.stop(context.WithoutCancel(ctx), served)
	}
}

// stop differs from http.Server.Shutdown in its care for connections without a request: at a moment when a client may be
// sending one, Shutdown closes them. Here they first get some time in which every answer ends its connection.
func (s *server) stop(ctx context.Context, served <-chan struct{}) error {
	s.draining.Store(true)
	_ = s.listener.Close() // the server has closed it already, or will fail to
	<-served               // from here on every accepted connection is known to the server
	s.last()
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
	if by < 0 && s.conns == 0 && s.final {
		close(s.empty)
	}
}

// last says that no connection will be added.
func (s *server) last() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.final = true
	if s.conns == 0 {
		close(s.empty)
	}
}

// listener is a listener into which the watchdog can put a connection of its own. That asks the same accept loop as a
// customer does, and needs neither a route to our own address nor the right to open our own socket.
type listener struct {
	net.Listener
	deadline interface{ SetDeadline(time.Time) error } // nil where the listener has none; it cannot be probed then
	probes   chan net.Conn                             // one slot
	failing  atomic.Bool                               // the last real Accept failed, as without file descriptors
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
			l.failing.Store(err != nil)
			return c, err
		}
		if err := l.deadline.SetDeadline(time.Time{}); err != nil {
			return nil, err
		}
	}
}

// probe asks the server that accepts from the listener for /healthz and returns the status of its answer.
func (l *listener) probe(ctx context.Context) (int, error) {
	if l.deadline == nil {
		return http.StatusOK, nil
	}
	here, there := net.Pipe()
	defer func() { _ = here.Close() }()
	if l.failing.Load() {
		return 0, errors.New("connections cannot be accepted")
	}
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
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://watchdog/healthz", nil)
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
