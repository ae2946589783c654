package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"keyturn/verify/jws"
)

// Verifier checks the access tokens of one issuer. It is safe for concurrent use.
type Verifier struct {
	settings
	scopes []string
	keys   *keySet
}

// New returns a Verifier for the tokens of the issuer, which must name itself by exactly this URL. It
// fetches nothing, so a resource server starts while its issuer is down; its error names every setting
// that is wrong.
func New(issuer string, opts ...Option) (*Verifier, error) {
	s := defaults(issuer)
	for _, opt := range opts {
		opt(&s)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	if s.realm == "" && quotable(s.audiences[0]) {
		s.realm = s.audiences[0]
	}
	return &Verifier{settings: s, keys: newKeySet(&s)}, nil
}

// RequireScope returns a Verifier that refuses tokens without all the scopes, in addition to those that v
// requires, with ErrScope. Both share their keys, so one per route costs nothing.
func (v *Verifier) RequireScope(scope ...string) *Verifier {
	narrowed := *v
	narrowed.scopes = slices.Concat(v.scopes, scope)
	return &narrowed
}

// Verify checks raw, the bare compact token without "Bearer", and returns what it says, or one of the
// errors of this package; never both. It fetches keys when it has none, when they are stale, and when
// the token names a key that it does not know; ctx bounds the wait for them, not the fetch, which serves others too.
func (v *Verifier) Verify(ctx context.Context, raw string) (*Token, error) {
	parsed, err := jws.Parse(raw, v.algorithms...)
	if err != nil {
		return nil, err
	}
	// The type before the key: a refresh token is signed with a key that is never published and would
	// cost a fetch, to be told of as "unknown key".
	if !slices.ContainsFunc(v.types, func(t string) bool { return strings.EqualFold(t, parsed.Type) }) {
		return nil, fmt.Errorf("%w: typ is %.40q", ErrWrongType, parsed.Type)
	}
	key, err := v.keys.find(ctx, parsed.KeyID, parsed.Algorithm)
	if err != nil {
		return nil, err
	}
	payload, err := parsed.Verify(key)
	if err != nil {
		return nil, err
	}
	c, err := readClaims(payload)
	if err != nil {
		return nil, err
	}
	if err := c.check(&v.settings, v.now()); err != nil {
		return nil, err
	}
	token := c.token(payload)
	for _, scope := range v.scopes {
		if !token.HasScope(scope) {
			return nil, fmt.Errorf("%w: %q", ErrScope, scope)
		}
	}
	return token, nil
}
