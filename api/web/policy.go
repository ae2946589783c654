package web

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// pagePolicy is what differs between the pages in what a browser may do with them.
type pagePolicy struct {
	// forms, frames and images are sources beside 'self' (frames: instead of it), as CSP writes them.
	forms, frames, images []string
	// script allows our own script files.
	script bool
	// connect lets these fetch from where they come from.
	connect bool
	// opener leaves the tie to the window that opened this one.
	opener bool
	// referrer is the Referrer-Policy, same-origin where it is empty.
	referrer string
}

// originOnly is the Referrer-Policy of pages whose address or content nobody may learn: where the page is served from, and
// no path and no query, is all that anybody is told.
const originOnly = "strict-origin"

func (p pagePolicy) set(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", p.contentSecurity())
	// Not no-referrer: with that, browsers send "Origin: null" with our own forms, and handlers check it.
	h.Set("Referrer-Policy", "same-origin")
	if p.referrer != "" {
		h.Set("Referrer-Policy", p.referrer)
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	// A client may show sign-in and sign-out in a window that it opened and wait for it. Cutting the tie makes
	// that window look closed to the client at once, so only the other pages do.
	if !p.opener {
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
	}
}

// passkeys allows what the script of a ceremony needs.
func (p *pagePolicy) passkeys(of Ceremony) {
	if of.Begin != "" {
		p.script, p.connect = true, true
	}
}

// leads allows what a form may lead to, where it is part of an interaction.
func (p *pagePolicy) leads(redirects string) {
	if redirects != "" {
		p.forms = formTargets(redirects)
	}
}

func (p pagePolicy) contentSecurity() string {
	policy := []string{"default-src 'none'", "style-src 'self'", sourceList("img-src 'self'", p.images)}
	if p.script {
		policy = append(policy, "script-src 'self'")
	}
	if p.connect {
		policy = append(policy, "connect-src 'self'")
	}
	if len(p.frames) > 0 {
		policy = append(policy, sourceList("frame-src", p.frames))
	}
	policy = append(policy, sourceList("form-action 'self'", p.forms), "frame-ancestors 'none'", "base-uri 'none'")
	return strings.Join(policy, "; ")
}

func sourceList(directive string, sources []string) string {
	return strings.Join(append([]string{directive}, sources...), " ")
}

// formTargets are the form-action sources beside 'self' for a form whose answer leads to the URI of a client.
// Browsers hold form-action against every redirect that follows the submission, and a client's callback may
// go on to any other origin of its own: so https as a whole. A client on this computer may do so between
// ports.
func formTargets(redirect string) []string {
	targets := []string{"https:"}
	u, err := url.Parse(redirect)
	if err != nil || u.Scheme == "" || u.Scheme == "https" || scriptingScheme(u.Scheme) {
		return targets
	}
	if u.Scheme != "http" {
		return append(targets, u.Scheme+":") // the scheme of an app (RFC 8252 section 7.1)
	}
	source := originSource(u)
	switch {
	case !loopbackHost(u.Hostname()) && source != "":
		return append(targets, source)
	case strings.Contains(u.Host, "["):
		return append(targets, "http:") // CSP has no way to write an IPv6 address
	case loopbackHost(u.Hostname()):
		return append(targets, "http://localhost:*", "http://127.0.0.1:*")
	}
	return targets
}

// frameSources returns the frames that can be shown and their distinct origins.
func frameSources(uris []string) (shown, sources []string) {
	for _, uri := range uris {
		u, err := url.Parse(webLink(uri))
		if err != nil {
			continue
		}
		source := originSource(u)
		if source == "" {
			continue
		}
		shown = append(shown, uri)
		if !slices.Contains(sources, source) {
			sources = append(sources, source)
		}
	}
	return shown, sources
}

// logoSource is the origin of the client's logo, none where it is not shown.
func logoSource(client *Client) []string {
	if client == nil || client.Logo() == "" {
		return nil
	}
	u, err := url.Parse(client.LogoURI)
	if err != nil {
		return nil
	}
	return []string{originSource(u)}
}

// Logo is the client's logo where a page can show it, else empty.
func (c Client) Logo() string {
	u, err := url.Parse(webLink(c.LogoURI))
	if err != nil || originSource(u) == "" {
		return ""
	}
	return c.LogoURI
}

// originSource is the URL's origin as CSP writes it, empty where it can't be written: IPv6 addresses and
// names that are not ASCII have no form there, and anything else could end the directive.
func originSource(u *url.URL) string {
	host := u.Hostname()
	if host == "" || strings.ContainsFunc(host, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.'
	}) {
		return ""
	}
	if port := u.Port(); port != "" {
		host += ":" + port
	}
	return u.Scheme + "://" + host
}

// webLink returns a link that a client registered if a page may hold it: https, or http to this computer
// itself; else empty.
func webLink(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" || u.User != nil || strings.ContainsAny(uri, noURI) {
		return ""
	}
	if u.Scheme == "https" || u.Scheme == "http" && loopbackHost(u.Hostname()) {
		return uri
	}
	return ""
}

// onwardLink returns a URI that the domain has matched against a registration, unless a browser would run
// it. An app's own scheme is right here.
func onwardLink(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme == "" || scriptingScheme(u.Scheme) || strings.ContainsAny(uri, noURI) {
		return ""
	}
	return uri
}

// noURI never stands in a URI (RFC 3986 appendix A), and what does has no need of a second look in markup.
const noURI = "\"<>\\` "

func scriptingScheme(scheme string) bool {
	return slices.Contains([]string{"javascript", "data", "vbscript", "blob", "filesystem", "file", "about", "view-source"}, scheme)
}

func loopbackHost(host string) bool {
	if host == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}
