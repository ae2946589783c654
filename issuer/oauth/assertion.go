package oauth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"keyturn/keys"
)

const (
	// assertionLife is how long an assertion is good, counted from its iat, whatever it says of its exp: libraries
	// have been seen to write an hour. It bounds what is noted against replay.
	assertionLife = 5 * time.Minute
	// assertionLeeway is how far the client's clock may be ahead of ours.
	assertionLeeway = time.Minute
	// maxAssertionID is the longest jti, in bytes.
	maxAssertionID = 256
)

// Assertions checks the client assertions of private_key_jwt (RFC 7523 section 3, OIDC Core section 9).
type Assertions struct {
	Keys *ClientKeys
	// Store remembers what was used.
	Store interface {
		UseAssertion(ctx context.Context, clientID, jti string, until time.Time) error
	}
	Now func() time.Time
	// Issuer is our identifier, which aud should name. Audiences are the other names that are taken for it:
	// the URLs of the endpoints at which clients authenticate.
	Issuer    string
	Audiences []string
}

// Check accepts an assertion that the client signed for us, once. Else it returns ErrClientAuth with the
// reason, also where the client's keys can't be had, and together with ErrReplayed where the assertion was
// used before; or the store's error, which proves nothing.
func (a *Assertions) Check(ctx context.Context, c *Client, raw string) error {
	if c.AuthMethod != AuthPrivateKeyJWT {
		return badAssertion("the client is registered for another method")
	}
	token, err := a.Keys.Verify(ctx, c, raw)
	if err != nil {
		// Not wrapped: to everybody else keys.ErrUnknownKey and its kin speak of our own keys.
		return badAssertion(err.Error())
	}
	claims, err := readAssertion(token)
	if err != nil {
		return err
	}
	if err := claims.check(a, c.ID, a.Now()); err != nil {
		return err
	}
	err = a.Store.UseAssertion(ctx, c.ID, claims.ID, claims.end().Add(assertionLeeway))
	if errors.Is(err, ErrReplayed) {
		return fmt.Errorf("%w: %w", ErrClientAuth, err)
	}
	return err
}

// assertionClaims are the claims that count (RFC 7523 section 3); others are passed over.
type assertionClaims struct {
	Issuer    string       `json:"iss"`
	Subject   string       `json:"sub"`
	Audience  audiences    `json:"aud"`
	ExpiresAt *numericDate `json:"exp"`
	IssuedAt  *numericDate `json:"iat"`
	NotBefore *numericDate `json:"nbf"`
	ID        string       `json:"jti"`
}

// readAssertion reads the type and the claims of a token whose signature was good.
func readAssertion(token keys.ForeignToken) (*assertionClaims, error) {
	// Explicit types keep other tokens of the client's from serving here (RFC 8725 section 3.11).
	if t := token.Type; t != "" && !strings.EqualFold(t, "JWT") && !strings.EqualFold(t, "client-authentication+jwt") {
		return nil, badAssertion("its typ is that of another kind of token")
	}
	if !utf8.Valid(token.Claims) {
		return nil, badAssertion("its claims are not UTF-8")
	}
	claims := new(assertionClaims)
	if err := keys.DecodeClaims(token.Claims, claims); err != nil {
		return nil, badAssertion("its claims can't be read")
	}
	return claims, nil
}

// check applies RFC 7523 section 3 and OIDC Core section 9.
func (c *assertionClaims) check(a *Assertions, clientID string, now time.Time) error {
	early := now.Add(assertionLeeway)
	switch {
	case clientID == "", c.Issuer != clientID, c.Subject != clientID:
		return badAssertion("iss and sub are not the client's id")
	case !slices.ContainsFunc(c.Audience, a.isUs):
		return badAssertion("aud does not name this server")
	case c.ExpiresAt == nil:
		return badAssertion("exp is missing")
	case !now.Before(c.ExpiresAt.time()):
		return badAssertion("exp has passed")
	case c.IssuedAt != nil && c.IssuedAt.time().After(early):
		return badAssertion("iat is in the future")
	case !now.Before(c.end()):
		return badAssertion("it was issued more than 5 minutes ago")
	case c.end().After(early.Add(assertionLife)):
		return badAssertion("exp is more than 5 minutes ahead, and there is no iat")
	case c.NotBefore != nil && c.NotBefore.time().After(early):
		return badAssertion("nbf is in the future")
	case c.ID == "", len(c.ID) > maxAssertionID, strings.ContainsFunc(c.ID, unicode.IsControl):
		return badAssertion("jti is missing, too long or no text")
	}
	return nil
}

// end is when the assertion stops being good: at its exp, or before that at the end of the life that we give it
// (RFC 7523 section 3 items 4 and 6). It does not depend on when it is asked for, so that what was noted once
// suffices.
func (c *assertionClaims) end() time.Time {
	exp := c.ExpiresAt.time()
	if c.IssuedAt == nil {
		return exp
	}
	if last := c.IssuedAt.time().Add(assertionLife); last.Before(exp) {
		return last
	}
	return exp
}

// isUs tells whether an audience means this server.
func (a *Assertions) isUs(audience string) bool {
	return audience != "" && (audience == a.Issuer || slices.Contains(a.Audiences, audience))
}

// audiences is an aud claim: a text or a list of texts (RFC 7519 section 4.1.3).
type audiences []string

// UnmarshalJSON reads both forms.
func (a *audiences) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '[' {
		return keys.DecodeClaims(text, (*[]string)(a))
	}
	var one string
	if err := keys.DecodeClaims(text, &one); err != nil {
		return err
	}
	*a = audiences{one}
	return nil
}

// numericDate is a time in seconds since 1970 (RFC 7519 section 2), the fraction left out.
type numericDate int64

// latestDate is the last second of the year 9999: sums beyond it overflow sooner or later.
const latestDate = 253402300799

// UnmarshalJSON refuses signs and exponents, which nobody writes into a date.
func (d *numericDate) UnmarshalJSON(text []byte) error {
	whole, fraction, fractional := strings.Cut(string(text), ".")
	n, err := strconv.ParseUint(whole, 10, 64)
	if err != nil || n > latestDate || fractional && (fraction == "" || strings.Trim(fraction, "0123456789") != "") {
		return errors.New("not a time in seconds")
	}
	*d = numericDate(n)
	return nil
}

func (d *numericDate) time() time.Time { return time.Unix(int64(*d), 0) }
