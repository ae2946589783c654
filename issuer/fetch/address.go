package fetch

import "net/netip"

// special are the IPv4 blocks that are nobody's public server (IANA IPv4 Special-Purpose Address Registry,
// RFC 6890), and the IPv6 blocks within global unicast that are not (IANA IPv6 Special-Purpose Address
// Registry).
var special = prefixes(
	"0.0.0.0/8",       // this network
	"10.0.0.0/8",      // private, RFC 1918
	"100.64.0.0/10",   // carrier-grade NAT, RFC 6598
	"127.0.0.0/8",     // loopback
	"169.254.0.0/16",  // link-local: the metadata servers of clouds
	"172.16.0.0/12",   // private
	"192.0.0.0/24",    // protocol assignments
	"192.0.2.0/24",    // documentation, RFC 5737
	"192.88.99.0/24",  // 6to4 relays, deprecated by RFC 7526
	"192.168.0.0/16",  // private
	"198.18.0.0/15",   // benchmarks, RFC 2544
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"224.0.0.0/4",     // multicast
	"240.0.0.0/4",     // reserved, and broadcast

	"2001::/23",     // protocol assignments: Teredo, benchmarks, ORCHID
	"2001:db8::/32", // documentation, RFC 3849
	"3fff::/20",     // documentation, RFC 9637
)

var (
	// globalUnicast is all that IANA has given out of IPv6. Loopback, link-local fe80::/10, unique local
	// fc00::/7 (RFC 4193), site-local, multicast, IPv4-mapped and local NAT64 addresses are outside of it.
	globalUnicast = netip.MustParsePrefix("2000::/3")
	// nat64 (RFC 6052) and sixToFour (RFC 3056) carry an IPv4 address that decides.
	nat64     = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour = netip.MustParsePrefix("2002::/16")
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// public tells whether the address can be that of a server on the internet. A NAT64 prefix of a network's
// own looks like any other address of that network and is not recognized.
func public(ip netip.Addr) bool {
	if !ip.IsValid() || ip.Zone() != "" || ip.Is4In6() {
		return false
	}
	if ip.Is6() {
		b := ip.As16()
		switch {
		case nat64.Contains(ip):
			return public(netip.AddrFrom4([4]byte(b[12:16])))
		case sixToFour.Contains(ip):
			return public(netip.AddrFrom4([4]byte(b[2:6])))
		case !globalUnicast.Contains(ip):
			return false
		}
	}
	for _, block := range special {
		if block.Contains(ip) {
			return false
		}
	}
	return true
}
