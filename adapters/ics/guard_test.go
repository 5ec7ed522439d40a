package ics

import (
	"net/netip"
	"testing"
)

func TestGuard(t *testing.T) {
	some := guard{networks: []netip.Prefix{netip.MustParsePrefix("192.168.7.0/24")}}
	for address, want := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "2606:4700:4700::1111": true, "64:ff9b::808:808": true, "192.168.7.9": true,
		"::ffff:192.168.7.9": true,
		// private, shared, local, documentation, reserved, multicast, broadcast
		"10.1.2.3": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.8.9": false, "100.64.0.1": false,
		"100.127.255.255": false, "127.0.0.1": false, "127.9.9.9": false, "0.0.0.0": false, "0.1.2.3": false,
		"169.254.169.254": false, "192.0.0.192": false, "192.0.2.1": false, "198.18.0.1": false, "203.0.113.9": false,
		"224.0.0.1": false, "239.1.1.1": false, "240.0.0.1": false, "255.255.255.255": false, "168.63.129.16": false,
		"::": false, "::1": false, "fe80::1": false, "fc00::1": false, "fd00:ec2::254": false, "ff02::1": false,
		"fec0::1": false, "2001:db8::1": false, "2001:0:1::1": false, "2002:7f00:1::": false, "100::1": false,
		// the same in the clothes of IPv6
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "64:ff9b::7f00:1": false, "64:ff9b::a9fe:a9fe": false,
		"64:ff9b:1::1": false, "::127.0.0.1": false,
	} {
		if got := some.allows(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: allowed %t", address, got)
		}
		if !(guard{all: true}).allows(netip.MustParseAddr(address)) {
			t.Errorf("%s is refused although all are allowed", address)
		}
	}
	for _, address := range []string{"", "pms.example:443", "8.8.8.8", "[fe80::1%eth0]:443", "@"} {
		if some.control("tcp", address, nil) == nil {
			t.Errorf("%q is dialed", address)
		}
	}
	if err := some.control("tcp6", "[2606:4700:4700::1111]:443", nil); err != nil {
		t.Error(err)
	}
}
