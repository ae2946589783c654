package verify

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"

	"keyturn/verify/jws"
)

// ahead is how far iat and nbf may lie in the future whatever the leeway; Leeway says why.
const ahead = 5 * time.Second

// latest is the last second that a four-digit year can name. Beyond it sums of times overflow sooner or
// later, and nobody means it.
const latest = 253402300799

// claims are the members that this package reads (RFC 7519 section 4.1, RFC 9068 section 2.2).
type claims struct {
	Issuer            string   `json:"iss"`
	Subject           string   `json:"sub"`
	Audience          audience `json:"aud"`
	ExpiresAt         *seconds `json:"exp"`
	IssuedAt          *seconds `json:"iat"`
	NotBefore         *seconds `json:"nbf"`
	JTI               string   `json:"jti"`
	ClientID          string   `json:"client_id"`
	Scope             string   `json:"scope"`
	AuthTime          *seconds `json:"auth_time"`
	ACR               string   `json:"acr"`
	AMR               []string `json:"amr"`
	SessionID         string   `json:"sid"`
	TokenType         string   `json:"token_type"`
	UserID            string   `json:"user_id"`
	GivenName         string   `json:"given_name"`
	FamilyName        string   `json:"family_name"`
	PreferredUsername string   `json:"preferred_username"`
	Email             string   `json:"email"`

	bound bool // has cnf
}

// claimNames are the names that claims reads.
var claimNames = func() (names []string) {
	for field := range reflect.TypeFor[claims]().Fields() {
		if name := field.Tag.Get("json"); name != "" {
			names = append(names, name)
		}
	}
	return append(names, "cnf")
}()

// readClaims decodes a payload whose signature was good, or returns ErrMalformed.
func readClaims(payload []byte) (*claims, error) {
	if !utf8.Valid(payload) {
		return nil, fmt.Errorf("%w: claims are not UTF-8", ErrMalformed)
	}
	var members map[string]json.RawMessage
	if err := jws.Decode(payload, &members); err != nil {
		return nil, err
	}
	for name := range members {
		// Another reader of the same token may match names loosely; they must not read two different tokens.
		if respelled(name) {
			return nil, fmt.Errorf("%w: a claim's name in another letter case", ErrMalformed)
		}
	}
	c := new(claims)
	if err := jws.Decode(payload, c); err != nil {
		return nil, err
	}
	_, c.bound = members["cnf"]
	return c, nil
}

// respelled says whether name differs in letter case alone from a claim that is read here.
func respelled(name string) bool {
	exact := !strings.ContainsFunc(name, func(r rune) bool { return r >= utf8.RuneSelf || 'A' <= r && r <= 'Z' })
	return !exact && slices.ContainsFunc(claimNames, func(known string) bool { return strings.EqualFold(known, name) })
}

// check applies the rules of RFC 9068 section 4 that follow the signature, in this order.
func (c *claims) check(s *settings, now time.Time) error {
	early := now.Add(max(s.leeway, ahead))
	switch {
	case c.Issuer != s.issuer:
		return ErrIssuer
	case !slices.ContainsFunc(s.audiences, func(a string) bool { return slices.Contains(c.Audience, a) }):
		return ErrAudience
	case c.ExpiresAt == nil:
		return fmt.Errorf("%w: exp", ErrClaims)
	case !now.Before(c.ExpiresAt.time().Add(s.leeway)):
		return ErrExpired
	case c.IssuedAt == nil:
		return fmt.Errorf("%w: iat", ErrClaims)
	case c.IssuedAt.time().After(early):
		return fmt.Errorf("%w: iat", ErrNotYetValid)
	case c.NotBefore != nil && c.NotBefore.time().After(early):
		return fmt.Errorf("%w: nbf", ErrNotYetValid)
	case c.Subject == "" || c.JTI == "" || c.ClientID == "":
		return fmt.Errorf("%w: sub, jti or client_id", ErrClaims)
	case c.TokenType != "" && c.TokenType != "access":
		return fmt.Errorf("%w: token_type is %.40q", ErrWrongType, c.TokenType)
	case c.bound:
		return ErrBound
	}
	return nil
}

// seconds is a NumericDate (RFC 7519 section 2) that is a non-negative JSON integer: what every issuer
// writes, and what no two readers understand differently.
type seconds int64

// UnmarshalJSON refuses signs, fractions, exponents and years past 9999.
func (s *seconds) UnmarshalJSON(text []byte) error {
	n, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil || n > latest {
		return fmt.Errorf("not a time in whole seconds")
	}
	*s = seconds(n)
	return nil
}

func (s *seconds) time() time.Time {
	if s == nil {
		return time.Time{}
	}
	return time.Unix(int64(*s), 0)
}

// audience is a text or a list of texts (RFC 7519 section 4.1.3).
type audience []string

// UnmarshalJSON reads both forms.
func (a *audience) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '[' {
		return json.Unmarshal(text, (*[]string)(a))
	}
	var one string
	if err := json.Unmarshal(text, &one); err != nil {
		return err
	}
	*a = audience{one}
	return nil
}
