package oauth

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"keyturn/audit/sentence"
	"keyturn/issuer/fetch"
)

const (
	// maxURI is in bytes, maxURIs how many of one kind a client has.
	maxURI  = 2000
	maxURIs = 50
)

// redirectURIProblem says why a URI can't be registered for redirects, nothing where it can. Compared is byte by
// byte later, so what a browser would rewrite before it goes there is refused here: whoever reads the
// registration must see where the code will go (RFC 9700 section 4.1.3).
func redirectURIProblem(uri string, public bool) sentence.Sentence {
	u, problem := parseURI(uri)
	switch {
	case !problem.IsZero():
		return problem
	case strings.Contains(uri, "#"): // RFC 6749 section 3.1.2
		return sentence.Say("must not have a fragment")
	case strings.Contains(uri, "*"):
		return sentence.Say("must not hold a wildcard; each URI is registered as it is")
	case u.Scheme == "https" || u.Scheme == "http":
		return webProblem(uri, u)
	case !public:
		return sentence.Say("must be https, or http on 127.0.0.1, [::1] or localhost")
	case !privateScheme.MatchString(u.Scheme): // RFC 8252 section 7.1; neither javascript: nor data: nor file: has a dot
		return sentence.Say("must be https, http on 127.0.0.1, [::1] or localhost, or have a private-use scheme with a dot, such as com.example.app:/callback")
	case u.Opaque != "" || u.Host == "" && !strings.HasPrefix(u.Path, "/"):
		return sentence.Say("must have a path behind its scheme, such as com.example.app:/callback")
	}
	return sentence.Sentence{}
}

// privateScheme is a scheme of the private-use kind: a domain name in reverse.
var privateScheme = regexp.MustCompile(`^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+$`)

// webURIProblem says what is wrong with the URL of something that people or Keyturn itself visit: https, or
// http on loopback.
func webURIProblem(uri string) sentence.Sentence {
	u, problem := parseURI(uri)
	switch {
	case !problem.IsZero():
		return problem
	case u.Scheme != "https" && u.Scheme != "http":
		return sentence.Say("must be https, or http on 127.0.0.1, [::1] or localhost")
	}
	return webProblem(uri, u)
}

// callURIProblem is webURIProblem for a URL that is called, which has no fragment.
func callURIProblem(uri string) sentence.Sentence {
	if strings.Contains(uri, "#") {
		return sentence.Say("must not have a fragment")
	}
	return webURIProblem(uri)
}

// fetchURIProblem is callURIProblem for a URL that Keyturn itself calls; where it leads is judged at each call.
func fetchURIProblem(uri string) sentence.Sentence {
	if problem := callURIProblem(uri); !problem.IsZero() {
		return problem
	}
	if fetch.CheckURL(uri) != nil {
		return sentence.Say("must have a host that is a plain name or address")
	}
	return sentence.Sentence{}
}

// parseURI reads an absolute URI of the characters of RFC 3986 section 2, without user information and
// without path segments that lead elsewhere.
func parseURI(uri string) (*url.URL, sentence.Sentence) {
	switch {
	case uri == "":
		return nil, sentence.Say("is empty")
	case len(uri) > maxURI:
		return nil, sentence.Say("is longer than %d bytes", maxURI)
	}
	u, err := url.Parse(uri)
	site, rest := split(uri)
	switch {
	case strings.ContainsFunc(uri, notOfURI) || strings.ContainsAny(rest, "[]"):
		return nil, sentence.Say("holds a character that URIs do not have; write it as %%XX, and a host name in its xn-- form")
	case err != nil:
		return nil, sentence.Say("is not a URI")
	case u.Scheme == "":
		return nil, sentence.Say("must be absolute")
	case strings.Contains(site, "@"):
		return nil, sentence.Say("must not hold a user name")
	case !escapesWell(uri):
		return nil, sentence.Say("must not hold a %% but before two hexadecimal digits, nor an escaped control character or backslash")
	case dotted(rest):
		return nil, sentence.Say("must not have . or .. in its path, written as %%2e neither")
	}
	return u, sentence.Sentence{}
}

func notOfURI(c rune) bool {
	return c <= ' ' || c >= 0x7f || strings.ContainsRune("\"<>\\^`{|}", c)
}

// split gives the authority of a URI and what stands behind it, as they are written.
func split(uri string) (site, rest string) {
	_, rest, _ = strings.Cut(uri, ":")
	rest, found := strings.CutPrefix(rest, "//")
	if !found {
		return "", rest
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		return rest[:end], rest[end:]
	}
	return rest, ""
}

// escapesWell tells whether each % stands before two hexadecimal digits, and none of these means a control
// character, or a backslash, which browsers take for a slash.
func escapesWell(uri string) bool {
	for n, part := range strings.Split(uri, "%") {
		if n == 0 {
			continue
		}
		if len(part) < 2 {
			return false
		}
		code, err := strconv.ParseUint(part[:2], 16, 8)
		if err != nil || code < ' ' || code == 0x7f || code == '\\' {
			return false
		}
	}
	return true
}

// dotted tells whether the path at the beginning of rest holds a dot segment (RFC 3986 section 5.2.4) or an
// escaped dot.
func dotted(rest string) bool {
	path := rest
	if end := strings.IndexAny(rest, "?#"); end >= 0 {
		path = rest[:end]
	}
	return strings.Contains(strings.ToLower(path), "%2e") ||
		slices.ContainsFunc(strings.Split(path, "/"), func(s string) bool { return s == "." || s == ".." })
}

// webProblem says what is wrong with the beginning of an http or https URL.
func webProblem(uri string, u *url.URL) sentence.Sentence {
	site, _ := split(uri)
	host, port, hasPort := strings.Cut(site, ":")
	if strings.HasPrefix(site, "[") {
		host, port, hasPort = strings.Cut(site, "]:")
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	switch {
	case !strings.HasPrefix(uri, u.Scheme+"://"):
		return sentence.Say("must begin with https:// or http:// in lower case")
	case !hostForm(host, strings.HasPrefix(site, "[")):
		return sentence.Say("must have a host name in lower case, or an address")
	case hasPort && !portForm(port):
		return sentence.Say("must have a port from 1 to 65535, or none")
	case u.Scheme == "http" && !loopbackHost(host):
		return sentence.Say("must be https; plain http is for 127.0.0.1, [::1] and localhost")
	}
	return sentence.Sentence{}
}

var (
	hostName = regexp.MustCompile(`^[a-z0-9]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]*[a-z0-9])?)*$`)
	// numeric is a host name whose last label browsers take for a part of an IPv4 address.
	numeric = regexp.MustCompile(`(^|\.)([0-9]+|0x[0-9a-f]*)$`)
)

func hostForm(host string, bracketed bool) bool {
	if bracketed || numeric.MatchString(host) {
		address, err := netip.ParseAddr(host)
		return err == nil && address.String() == host && address.Zone() == "" && address.Is6() == bracketed
	}
	return len(host) <= 253 && hostName.MatchString(host)
}

func portForm(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0 && strconv.FormatUint(n, 10) == port
}

func loopbackHost(host string) bool {
	return host == "127.0.0.1" || host == "::1" || host == "localhost"
}

// originProblem says what is wrong with an origin (RFC 6454 section 6.2), nothing where it is none. It is compared
// with what browsers send, which is always in lower case and without the scheme's own port.
func originProblem(origin string) sentence.Sentence {
	problem := webURIProblem(origin)
	if !problem.IsZero() {
		return problem
	}
	scheme, site, _ := strings.Cut(origin, "://")
	switch {
	case strings.ContainsAny(site, "/?#"):
		return sentence.Say("must be an origin such as https://app.example.com, without a path and a slash at its end")
	case scheme == "https" && strings.HasSuffix(site, ":443"), scheme == "http" && strings.HasSuffix(site, ":80"):
		return sentence.Say("must not name the scheme's own port, which browsers leave out")
	}
	return sentence.Sentence{}
}

// beginning is scheme and authority of a URI, as they are written.
func beginning(uri string) string {
	_, rest := split(uri)
	return strings.TrimSuffix(uri, rest)
}
