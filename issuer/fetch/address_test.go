package fetch

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

// TestPublic: RFC 6890 and the IANA special-purpose registries, first and last address of each block.
func TestPublic(t *testing.T) {
	for _, good := range []string{
		"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
		"169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "192.169.0.0",
		"198.17.255.255", "198.20.0.0", "203.0.112.255", "203.0.114.0", "223.255.255.255",
		"2000::", "2001:200::1", "2001:4860:4860::8888", "2606:2800:220:1::1", "3ffe:ffff::1", "2a00::1",
		"64:ff9b::101:101", // NAT64 of 1.1.1.1
		"2002:101:101::1",  // 6to4 of 1.1.1.1
	} {
		if !public(netip.MustParseAddr(good)) {
			t.Errorf("%s counts as not public", good)
		}
	}
	for _, bad := range []string{
		"0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255",
		"127.0.0.0", "127.0.0.1", "127.255.255.255", "169.254.0.0", "169.254.169.254", "169.254.255.255",
		"172.16.0.0", "172.31.255.255", "192.0.0.0", "192.0.0.170", "192.0.2.1", "192.88.99.1", "192.168.0.0", "192.168.255.255",
		"198.18.0.0", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8",
		"64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1",
		"2001::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::1", "2002:a00:1::", "2002:c0a8:101::1",
		"3fff::1", "3fff:fff::1", "5f00::1", "fc00::1", "fd00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
		"2606:2800:220:1::1%eth0",
	} {
		if public(netip.MustParseAddr(bad)) {
			t.Errorf("%s counts as public", bad)
		}
	}
	if public(netip.Addr{}) {
		t.Error("no address counts as public")
	}
}

// FuzzPublic holds the table against the standard library's classes, also of an IPv4 address that is
// wrapped into IPv6.
func FuzzPublic(f *testing.F) {
	for _, seed := range []string{"127.0.0.1", "8.8.8.8", "::1", "fd00::1", "64:ff9b::a00:1", "2002:7f00:1::", "::ffff:10.0.0.1"} {
		f.Add(netip.MustParseAddr(seed).AsSlice())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ip, ok := netip.AddrFromSlice(b)
		if !ok || !public(ip) {
			return
		}
		if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() || ip.Is4In6() {
			t.Errorf("%s counts as public", ip)
		}
		if ip.Is4() {
			b := ip.As4()
			if n := binary.BigEndian.Uint32(b[:]); n == 0xffffffff || n>>22 == 0x64400000>>22 || n>>17 == 0xc6120000>>17 {
				t.Errorf("%s counts as public", ip)
			}
			return
		}
		b16, inner := ip.As16(), netip.Addr{}
		switch {
		case nat64.Contains(ip):
			inner = netip.AddrFrom4([4]byte(b16[12:]))
		case sixToFour.Contains(ip):
			inner = netip.AddrFrom4([4]byte(b16[2:6]))
		}
		if inner.IsPrivate() || inner.IsLoopback() || inner.IsLinkLocalUnicast() || inner.IsUnspecified() {
			t.Errorf("%s counts as public and carries %s", ip, inner)
		}
	})
}
