package fetch

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// maxAddresses is how many addresses of a name are tried.
const maxAddresses = 4

// guard dials what may be reached. It resolves the name itself and connects to the very addresses that it
// judged, so that a name which means another address a moment later (DNS rebinding) gains nothing.
type guard struct {
	allow  *allowlist
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
	// timeout bounds resolving and connecting together; net/http takes the request's own end away.
	timeout time.Duration
	// plain is true for connections without TLS: only what is allowed by name or address.
	plain bool
}

// connect has the form of http.Transport.DialContext.
func (g *guard) connect(ctx context.Context, _, hostport string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, refused("not a host and port")
	}
	addresses, err := g.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	if err := g.judge(host, port, addresses); err != nil {
		return nil, err
	}
	addresses = addresses[:min(len(addresses), maxAddresses)]
	var conn net.Conn
	for _, ip := range addresses {
		// One that swallows packets must leave time for the next.
		if conn, err = g.try(ctx, netip.AddrPortFrom(ip, portNumber(port)), g.timeout/time.Duration(len(addresses))); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

func (g *guard) try(ctx context.Context, to netip.AddrPort, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return g.dial(ctx, "tcp", to.String())
}

// resolve returns the addresses of the host, at least one.
func (g *guard) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	found, err := g.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	addresses := make([]netip.Addr, len(found))
	for i, ip := range found {
		addresses[i] = ip.Unmap() // resolvers return IPv4 addresses in either form
	}
	if len(addresses) == 0 {
		return nil, &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
	}
	return addresses, nil
}

// judge refuses the host if any of its addresses must not be reached: no honest name has a public and a
// private one.
func (g *guard) judge(host, port string, addresses []netip.Addr) error {
	if g.allow.name(host, port) {
		return nil
	}
	for _, ip := range addresses {
		switch {
		case g.allow.address(ip, port):
		case g.plain:
			return refused("plain http to " + net.JoinHostPort(host, port) + ", which KEYTURN_FETCH_ALLOW does not name")
		case !public(ip):
			return refused(net.JoinHostPort(host, port) + " has an address that is not public, and KEYTURN_FETCH_ALLOW does not name it")
		}
	}
	return nil
}
