package oauth

import (
	"slices"
	"strings"

	"keyturn/issuer"
)

// maxScopes bounds what a request may name.
const maxScopes = 100

// splitScope reads a scope parameter (RFC 6749 section 3.3): each word once, in the order given. ErrScope
// where it is malformed or too long.
func splitScope(text string) ([]string, error) {
	var words []string
	for word := range strings.FieldsSeq(text) {
		if strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r == '"' || r == '\\' || r > '~' }) {
			return nil, ErrScope
		}
		if !slices.Contains(words, word) {
			words = append(words, word)
		}
		if len(words) > maxScopes {
			return nil, ErrScope
		}
	}
	return words, nil
}

// grantable tells whether the client may be granted the scope for a resource that has the given ones.
func (c *Client) grantable(scope string, ofResource []string) bool {
	if len(c.Scopes) > 0 && !slices.Contains(c.Scopes, scope) {
		return false
	}
	if scope == issuer.ScopeOfflineAccess {
		return c.May(RefreshTokenGrant)
	}
	return slices.Contains(issuer.StandardScopes, scope) || slices.Contains(ofResource, scope)
}

// target picks the resource that a client gets a token for: the one asked for, which must be one of its
// own, or its first. Empty where it has none.
func (p *Provider) target(c *Client, asked []string) (string, error) {
	switch {
	case len(asked) > 1:
		return "", ErrTarget // one resource per access token
	case len(asked) == 1 && !slices.Contains(c.Resources, asked[0]):
		return "", ErrTarget
	case len(asked) == 1:
		return asked[0], nil
	case len(c.Resources) > 0:
		return c.Resources[0], nil
	}
	return "", nil
}

// within tells whether every word of one scope is in the other.
func within(narrow, wide []string) bool {
	return !slices.ContainsFunc(narrow, func(s string) bool { return !slices.Contains(wide, s) })
}
