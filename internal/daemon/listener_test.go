package daemon_test

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// network is a network in memory: listeners by host name, joined by pipes. Unlike sockets, its reads and writes let the
// virtual time of a bubble pass.
type network struct {
	mu    sync.Mutex // guards hosts; never held across a call
	hosts map[string]*listener
}

func newNetwork() *network { return &network{hosts: map[string]*listener{}} }

// listen returns the listener of a host, on every port.
func (n *network) listen(host string) *listener {
	l := &listener{host: host, conns: make(chan net.Conn), closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[host] = l
	return l
}

func (n *network) dial(ctx context.Context, _, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	l := n.hosts[host]
	n.mu.Unlock()
	if l == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host}
	}
	here, there := net.Pipe()
	select {
	case l.conns <- there:
		return here, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// client returns an HTTP client on the network.
func (n *network) client() (*http.Client, *http.Transport) {
	t := &http.Transport{DialContext: n.dial, MaxIdleConnsPerHost: 8}
	return &http.Client{Transport: t}, t
}

type listener struct {
	host   string
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *listener) Addr() net.Addr { return address(l.host) }

type address string

func (a address) Network() string { return "memory" }
func (a address) String() string  { return string(a) }
