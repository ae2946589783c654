package fetch

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// allowlist is what the operator has named: it may be reached on any address and without TLS.
type allowlist struct {
	// names hold hosts by name, nets addresses; a port of "" is any.
	names []allowedName
	nets  []allowedNet
}

type allowedName struct{ host, port string }

type allowedNet struct {
	prefix netip.Prefix
	port   string
}

// parseAllow reads entries of the form host, host:port or CIDR. A host may be an IP address.
func parseAllow(entries []string) (allowlist, error) {
	var a allowlist
	for _, entry := range entries {
		if err := a.add(entry); err != nil {
			return allowlist{}, fmt.Errorf("fetch: allow %q: %w", entry, err)
		}
	}
	return a, nil
}

func (a *allowlist) add(entry string) error {
	if strings.Contains(entry, "/") {
		prefix, err := netip.ParsePrefix(entry)
		switch {
		case err != nil:
			return fmt.Errorf("not a CIDR")
		case prefix != prefix.Masked():
			return fmt.Errorf("the CIDR has bits beyond its length")
		case prefix.Addr().Is4In6():
			return fmt.Errorf("write the IPv4 CIDR as such")
		case prefix.Bits() == 0:
			return fmt.Errorf("that would be every address")
		}
		a.nets = append(a.nets, allowedNet{prefix: prefix})
		return nil
	}
	host, port := entry, ""
	if _, err := netip.ParseAddr(entry); err != nil && strings.Contains(entry, ":") {
		if host, port, err = net.SplitHostPort(entry); err != nil || !validPort(port) {
			return fmt.Errorf("not host:port")
		}
	}
	if !validHost(host) {
		return fmt.Errorf("neither a host, host:port nor a CIDR")
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		a.nets = append(a.nets, allowedNet{netip.PrefixFrom(ip, ip.BitLen()), port})
		return nil
	}
	a.names = append(a.names, allowedName{canonicalName(host), port})
	return nil
}

func (a *allowlist) name(host, port string) bool {
	host = canonicalName(host)
	for _, n := range a.names {
		if n.host == host && (n.port == "" || n.port == port) {
			return true
		}
	}
	return false
}

func (a *allowlist) address(ip netip.Addr, port string) bool {
	for _, n := range a.nets {
		if n.prefix.Contains(ip) && (n.port == "" || n.port == port) {
			return true
		}
	}
	return false
}

func canonicalName(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }
