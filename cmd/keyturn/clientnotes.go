package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"keyturn/issuer"
	"keyturn/issuer/fetch"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// noteGaps tells what of a registration will not work yet. None of it is an error: what is missing may be about to
// be made, and the server may have other settings than this command.
func (a *app) noteGaps(ctx context.Context, out io.Writer, c *oauth.Client) error {
	if err := a.issuer.LoadResources(ctx); err != nil {
		return fmt.Errorf("read resources: %w", err)
	}
	fetcher, err := a.config.fetcher()
	if err != nil {
		return err
	}
	for _, note := range slices.Concat(a.missingResources(c), a.missingScopes(c), a.newAlgorithms(c), unreachedURIs(fetcher, a.config.FetchAllow, c)) {
		fmt.Fprintln(out, "note: "+note)
	}
	return nil
}

// newAlgorithms are those that keys may have to be made for: until the first of them has had its lead, another one
// signs, and a client that insists refuses what it gets.
func (a *app) newAlgorithms(c *oauth.Client) (notes []string) {
	for _, algorithm := range slices.Compact([]keys.Algorithm{c.IDTokenAlgorithm, c.UserInfoAlgorithm}) {
		if algorithm != "" && algorithm != keys.RS256 && algorithm != a.config.Algorithm {
			notes = append(notes, fmt.Sprintf("where %s is new here, its first key signs when it has been published for KEYTURN_KEY_LEAD (%s); RS256 signs until then. `keyturn keys plan` tells when", algorithm, a.config.KeyLead))
		}
	}
	return notes
}

func (a *app) missingResources(c *oauth.Client) (notes []string) {
	for _, resource := range c.Resources {
		if _, known := a.issuer.HasResource(resource); !known {
			notes = append(notes, fmt.Sprintf("no resource %s is described; tokens for it are refused until `keyturn resource create %[1]s`", resource))
		}
	}
	return notes
}

func (a *app) missingScopes(c *oauth.Client) (notes []string) {
	for _, scope := range a.unknownScopes(c) {
		notes = append(notes, fmt.Sprintf("scope %s is of none of its resources and is not granted; `keyturn resource list` shows what there is", scope))
	}
	return notes
}

// unknownScopes are those of a client that neither Keyturn nor one of its resources has, as resources were last read.
func (a *app) unknownScopes(c *oauth.Client) []string {
	known := slices.Clone(issuer.StandardScopes)
	for _, resource := range c.Resources {
		scopes, _ := a.issuer.HasResource(resource)
		known = append(known, scopes...)
	}
	return slices.DeleteFunc(slices.Clone(c.Scopes), func(scope string) bool { return slices.Contains(known, scope) })
}

// unreachedURIs are those that Keyturn is to call and does not without KEYTURN_FETCH_ALLOW. Names are not resolved:
// those that look inside are told, and for others the log tells.
func unreachedURIs(fetcher *fetch.Fetcher, allowed []string, c *oauth.Client) (notes []string) {
	type member struct{ what, uri string }
	calls := []member{{"back-channel logout URI", c.BackchannelLogoutURI}, {"JWKS URI", c.JWKSURI}}
	for _, uri := range c.RequestURIs {
		calls = append(calls, member{"request URI", uri})
	}
	for _, call := range calls {
		address, _, _ := strings.Cut(call.uri, "#")
		u, err := url.Parse(address)
		if address == "" || err != nil {
			continue
		}
		named := slices.Contains(allowed, u.Host) || slices.Contains(allowed, u.Hostname())
		if fetcher.Check(address) != nil || !named && looksInside(u.Hostname()) {
			notes = append(notes, fmt.Sprintf("the %s is called only if the server's KEYTURN_FETCH_ALLOW names %s", call.what, u.Host))
		}
	}
	return notes
}

// looksInside tells whether a name is one that no public DNS server knows.
func looksInside(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false // judged as an address already
	}
	return !strings.Contains(host, ".") || slices.ContainsFunc([]string{".localhost", ".local", ".internal", ".lan", ".home.arpa"},
		func(end string) bool { return strings.HasSuffix(host, end) })
}
