package oauth

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

// Redirect is a URI that was matched against what its client has registered. Only this package makes one;
// its zero value leads nowhere.
type Redirect struct{ uri string }

// Valid is false for the zero value.
func (r Redirect) Valid() bool { return r.uri != "" }

// redirectTo matches an authorization request's redirect URI: byte by byte (RFC 9700 section 2.1), but for
// the port of a public client's loopback IP address (RFC 8252 section 7.3).
func (c *Client) redirectTo(uri string) (Redirect, error) {
	if uri == "" {
		return Redirect{}, ErrRedirectURI
	}
	matches := func(registered string) bool {
		return registered == uri || c.Public() && samePlaceOnLoopback(registered, uri)
	}
	if !slices.ContainsFunc(c.RedirectURIs, matches) {
		return Redirect{}, ErrRedirectURI
	}
	return Redirect{uri}, nil
}

// postLogoutTo matches a post_logout_redirect_uri, byte by byte (RP-Initiated Logout section 3).
func (c *Client) postLogoutTo(uri string) (Redirect, error) {
	if uri == "" || !slices.Contains(c.PostLogoutRedirectURIs, uri) {
		return Redirect{}, ErrLogoutURI
	}
	return Redirect{uri}, nil
}

// samePlaceOnLoopback compares two URIs of which the ports may differ. What stands before and after the
// port is compared as it is written.
func samePlaceOnLoopback(registered, uri string) bool {
	a, aOK := withoutPort(registered)
	b, bOK := withoutPort(uri)
	return aOK && bOK && a == b
}

// withoutPort cuts the port of http://127.0.0.1:port/… or http://[::1]:port/…; false for any other URI.
func withoutPort(uri string) (string, bool) {
	const scheme = "http://"
	rest, found := strings.CutPrefix(uri, scheme)
	if !found {
		return "", false
	}
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	for _, host := range []string{"127.0.0.1", "[::1]"} {
		port, found := strings.CutPrefix(authority, host)
		if found && (port == "" || port[0] == ':' && portForm(port[1:])) {
			return scheme + host + tail, true
		}
	}
	return "", false
}

// secureRedirect tells whether nobody but the owner of a name can receive what is sent there: https. A
// loopback port or a private-use scheme belongs to whatever program took it (RFC 8252 section 8.6).
func secureRedirect(uri string) bool { return strings.HasPrefix(uri, "https://") }

// callback is where and how a client is told the outcome of its request.
type callback struct {
	to       Redirect
	mode     string
	state    string
	hasState bool
	issuer   string
}

// answer adds state and iss (RFC 9207 section 2) to the parameters.
func (c callback) answer(params ...[2]string) Answer {
	if c.hasState {
		params = append(params, [2]string{"state", c.state})
	}
	return Answer{to: c.to, mode: c.mode, params: append(params, [2]string{"iss", c.issuer})}
}

// The response modes.
const (
	modeQuery    = "query"
	modeFormPost = "form_post"
)

// Answer is what the browser takes to a client.
type Answer struct {
	to     Redirect
	mode   string
	params [][2]string
}

// FormPost tells whether the parameters go in a form that the browser sends (Form Post Response Mode), and
// gives its action and fields.
func (a Answer) FormPost() (action string, fields [][2]string, ok bool) {
	return a.to.uri, a.params, a.mode == modeFormPost
}

// Location is the URL to go to, with the parameters in its query behind those that are registered (RFC
// 6749 section 3.1.2).
func (a Answer) Location() string {
	var query strings.Builder
	for _, p := range a.params {
		if query.Len() > 0 {
			query.WriteByte('&')
		}
		query.WriteString(url.QueryEscape(p[0]) + "=" + url.QueryEscape(p[1]))
	}
	if query.Len() == 0 {
		return a.to.uri
	}
	separator := "?"
	if _, has, found := strings.Cut(a.to.uri, "?"); found {
		separator = "&"
		if has == "" || strings.HasSuffix(has, "&") {
			separator = ""
		}
	}
	return a.to.uri + separator + query.String()
}

// Origin is where the answer goes, without path, as a Content-Security-Policy names it; the scheme alone
// for a private-use scheme.
func (a Answer) Origin() string { return originOf(a.to.uri) }

func originOf(uri string) string {
	u, err := url.Parse(uri)
	switch {
	case err != nil || u.Scheme == "":
		return ""
	case u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return u.Scheme + ":"
	}
	return u.Scheme + "://" + u.Host
}

// hostOf is what people are shown of a redirect URI.
func hostOf(uri string) string {
	u, err := url.Parse(uri)
	switch {
	case err != nil:
		return ""
	case u.Host == "":
		return u.Scheme + ":"
	}
	if host, port, err := net.SplitHostPort(u.Host); err == nil && (port == "80" || port == "443") {
		return host
	}
	return u.Host
}
