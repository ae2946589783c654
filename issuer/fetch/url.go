package fetch

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// maxURL is the length in bytes beyond which a URL is refused.
const maxURL = 2048

// CheckURL tells whether a client may be registered with the URL: absolute, https (plain http for a
// loopback address or localhost, as on a developer's machine), a host that is a plain name or IP address,
// no user and no fragment. It asks no network; where the host leads is judged when it is fetched, and plain
// http then also needs Options.Allow. Its error wraps ErrRefused.
func CheckURL(raw string) error {
	u, err := parse(raw)
	if err != nil {
		return err
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return refused("plain http to a host that is not loopback")
	}
	return nil
}

// parse reads an absolute http or https URL of ASCII characters whose host reads the same to everybody.
func parse(raw string) (*url.URL, error) {
	if len(raw) > maxURL {
		return nil, refused("the URL is too long")
	}
	// These are no URL characters (RFC 3986 section 2); programs differ in what they make of them.
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"<>\\^`{|}", r) }) {
		return nil, refused("the URL has characters that must be percent-encoded")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, refused("not a URL") // the error of url.Parse would repeat a password in it
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, refused("not an https URL")
	case u.Opaque != "", u.Host == "":
		return nil, refused("the URL has no host")
	case u.User != nil:
		return nil, refused("the URL has a user in it")
	case strings.Contains(raw, "#"):
		return nil, refused("the URL has a fragment")
	case !validHost(u.Hostname()):
		return nil, refused("the URL's host is neither a name nor an IP address")
	case strings.HasSuffix(u.Host, ":"), u.Port() != "" && !validPort(u.Port()):
		return nil, refused("the URL's port is not one")
	}
	return u, nil
}

// validHost accepts IP addresses in their usual form and names of letters, digits, hyphens and underscores.
// A last label of digits is refused: resolvers read 127.1 and 0x7f000001 as addresses.
func validHost(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Zone() == "" && !ip.Is4In6()
	}
	name := strings.TrimSuffix(host, ".")
	if name == "" || len(name) > 253 {
		return false
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, notInName) {
			return false
		}
	}
	last := strings.ToLower(labels[len(labels)-1])
	return !strings.HasPrefix(last, "0x") && strings.Trim(last, "0123456789") != ""
}

func notInName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}
