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
	if issuer.TellsMemberships(scope) && !slices.Contains(c.Scopes, scope) {
		return false // to have them is registered by name
	}
	if scope == issuer.ScopeOfflineAccess {
		return c.May(RefreshTokenGrant)
	}
	return slices.Contains(issuer.StandardScopes, scope) || slices.Contains(ofResource, scope)
}

// target picks the resource that a client gets a token for: the one asked for, or its first; empty where it
// has none. ErrTarget where it is not one of the client's, or is not described (any more).
func (p *Provider) target(c *Client, asked []string) (string, error) {
	if len(asked) > 1 {
		return "", ErrTarget // one resource per access token
	}
	if len(asked) == 0 {
		if len(c.Resources) == 0 {
			return "", nil
		}
		asked = c.Resources[:1]
	}
	return asked[0], p.mayTarget(c, asked[0])
}

func (p *Provider) mayTarget(c *Client, resource string) error {
	if _, known := p.Issuer.HasResource(resource); !known || !slices.Contains(c.Resources, resource) {
		return ErrTarget
	}
	return nil
}

// within tells whether every word of one scope is in the other.
func within(narrow, wide []string) bool {
	return !slices.ContainsFunc(narrow, func(s string) bool { return !slices.Contains(wide, s) })
}
