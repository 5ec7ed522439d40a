package ics

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// errPrivate is the end of a connection to an address that is not public.
var errPrivate = errors.New("the address is not public; allow_private would let it be reached")

// guard decides which addresses may be dialed.
type guard struct {
	all      bool
	networks []netip.Prefix
}

// newTransport returns a transport that checks every address that it dials, after names were resolved: what a name, a
// redirect or a changed DNS entry leads to does not matter then. It knows no proxy, which would dial for it, and
// keeps no connection between two looks at a feed.
func newTransport(g guard, timeout time.Duration) *http.Transport {
	dialer := &net.Dialer{Timeout: timeout, Control: g.control}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    timeout,
		ResponseHeaderTimeout:  timeout,
		MaxResponseHeaderBytes: 64 << 10,
		DisableKeepAlives:      true,
	}
}

// control is called with the resolved address before each connection.
func (g guard) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !g.allows(at.Addr()) {
		return errPrivate
	}
	return nil
}

func (g guard) allows(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if g.all || slices.ContainsFunc(g.networks, func(p netip.Prefix) bool { return p.Contains(a) }) {
		return true
	}
	if v4, ok := translated(a); ok {
		a = v4
	}
	within := func(p netip.Prefix) bool { return p.Contains(a) }
	if a.Is6() && !unicast.Contains(a) {
		return false
	}
	return !slices.ContainsFunc(special, within)
}

// translated returns the IPv4 address that a NAT64 gateway makes of a (RFC 6052).
func translated(a netip.Addr) (netip.Addr, bool) {
	if !nat64.Contains(a) {
		return a, false
	}
	b := a.As16()
	return netip.AddrFrom4([4]byte(b[12:])), true
}

// All that IANA's special-purpose registries do not call globally reachable, multicast, tunnels to IPv4, and Azure's
// service for virtual machines, which has a public address.
// Sources: https://www.iana.org/assignments/iana-ipv4-special-registry, …/iana-ipv6-special-registry,
// https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
var (
	unicast = netip.MustParsePrefix("2000::/3") // all of IPv6 that is given out
	nat64   = netip.MustParsePrefix("64:ff9b::/96")
	special = prefixes("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
		"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "224.0.0.0/3", "168.63.129.16/32",
		"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}
