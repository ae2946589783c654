package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"keyturn/keys"
)

// The typ headers of what is issued here.
const (
	accessType  = "at+jwt" // RFC 9068 section 2.1
	refreshType = "rt+jwt" // ours: explicit typing, RFC 8725 section 3.11
)

// AuthenticationContext is the acr of a sign-in with one factor.
const AuthenticationContext = "1"

// pair makes both tokens of a grant as it stands.
func (i *Issuer) pair(g *Grant) (Pair, error) {
	access, lifetime, err := i.accessToken(g)
	if err != nil {
		return Pair{}, err
	}
	refresh, err := i.refreshToken(g)
	if err != nil {
		return Pair{}, err
	}
	return Pair{Access: access, Refresh: refresh, ExpiresIn: lifetime}, nil
}

// refreshToken makes the newest refresh token of the grant: the same bytes each time, from any instance,
// because every claim and the choice of the key follow from the row.
func (i *Issuer) refreshToken(g *Grant) (string, error) {
	issued := g.RotatedAt.Truncate(time.Second)
	expires := issued.Add(g.RefreshLifetime)
	if end := g.ExpiresAt.Truncate(time.Second); end.Before(expires) {
		expires = end
	}
	var c claims
	c.add("iss", i.Settings.Issuer)
	c.add("sub", g.UserID)
	c.add("aud", i.Settings.Issuer)
	c.add("exp", expires.Unix())
	c.add("iat", issued.Unix())
	c.add("jti", TokenID(g.ID, g.Generation))
	c.add("client_id", g.ClientID)
	c.add("token_type", "refresh")
	c.add(i.Settings.UserIDClaim, userID(g))
	return i.sign(keys.SignRequest{
		Purpose: keys.Refresh, Algorithm: keys.EdDSA, Type: refreshType,
		At: g.RotatedAt, Expires: expires,
	}, c)
}

// accessToken makes a new access token (RFC 9068 section 2.2) from the user's claims as just read. It
// never outlives the grant.
func (i *Issuer) accessToken(g *Grant) (string, time.Duration, error) {
	r := i.resource(g.Audience)
	now := i.Now()
	issued := now.Truncate(time.Second)
	expires := issued.Add(r.AccessLifetime)
	if end := g.ExpiresAt.Truncate(time.Second); end.Before(expires) {
		expires = end
	}
	var c claims
	c.add("iss", i.Settings.Issuer)
	c.add("sub", g.UserID)
	c.add("aud", g.Audience)
	c.add("exp", expires.Unix())
	c.add("iat", issued.Unix())
	c.add("jti", keys.NewTokenID())
	c.add("client_id", g.ClientID)
	if g.Scope != "" {
		c.add("scope", g.Scope)
	}
	c.add("auth_time", g.AuthTime.Unix())
	c.add("acr", AuthenticationContext)
	c.add("amr", strings.Fields(g.AMR))
	c.add("sid", g.SessionID)
	if r.SimpleJWT {
		c.add("token_type", "access")
		c.add(i.Settings.UserIDClaim, userID(g))
	}
	c.addProfile(g.User, r.Claims)
	token, err := i.sign(keys.SignRequest{
		Purpose: keys.Token, Algorithm: r.Algorithm, Type: accessType, At: now, Expires: expires,
	}, c)
	return token, expires.Sub(issued), err
}

// userID is what SimpleJWT consumers know the user by: the id that they were imported with, else ours.
func userID(g *Grant) string {
	if g.User.ExternalID != "" {
		return g.User.ExternalID
	}
	return g.UserID
}

func (i *Issuer) sign(req keys.SignRequest, c claims) (string, error) {
	text, err := c.json()
	if err != nil {
		return "", err
	}
	req.Claims = text
	return i.Keys.Sign(req)
}

// claims is a claims object under construction, in a fixed order so that equal claims are equal bytes.
type claims struct {
	text []byte
	err  error
}

func (c *claims) add(name string, value any) {
	member, err := json.Marshal(name)
	c.err = errors.Join(c.err, err)
	text, err := json.Marshal(value)
	c.err = errors.Join(c.err, err)
	if len(c.text) > 0 {
		c.text = append(c.text, ',')
	}
	c.text = append(append(append(c.text, member...), ':'), text...)
}

// addProfile releases the claims that the resource asks for, where the user has them.
func (c *claims) addProfile(p Profile, wanted []string) {
	for _, name := range wanted {
		value := profileClaims[name](p)
		if value == "" {
			continue
		}
		c.add(name, value)
		if name == "email" {
			c.add("email_verified", p.EmailVerified)
		}
	}
}

// profileClaims are the claims of OIDC Core section 5.1 that a resource may ask for.
var profileClaims = map[string]func(Profile) string{
	"name":               func(p Profile) string { return strings.TrimSpace(p.GivenName + " " + p.FamilyName) },
	"given_name":         func(p Profile) string { return p.GivenName },
	"family_name":        func(p Profile) string { return p.FamilyName },
	"preferred_username": func(p Profile) string { return p.Username },
	"email":              func(p Profile) string { return p.Email },
}

func (c *claims) json() ([]byte, error) {
	if c.err != nil {
		return nil, c.err
	}
	return append(append([]byte{'{'}, c.text...), '}'), nil
}

// Token is an authentic, unexpired token of ours.
type Token struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience string   `json:"aud"`
	Expires  *int64   `json:"exp"`
	IssuedAt *int64   `json:"iat"`
	ID       string   `json:"jti"`
	ClientID string   `json:"client_id"`
	Scope    string   `json:"scope"`
	AMR      []string `json:"amr"`

	// kind is the typ header.
	kind string
}

// refreshToken is which refresh token of which grant was presented.
type refreshToken struct {
	grantID string
	number  int64
}

// read checks what all our tokens share: signature, issuer, times.
func (i *Issuer) read(ctx context.Context, raw string) (Token, error) {
	v, err := i.Keys.Verify(ctx, raw)
	if errors.Is(err, keys.ErrInvalidToken) {
		return Token{}, ErrTokenInvalid
	}
	if err != nil {
		return Token{}, err
	}
	t := Token{kind: v.Type}
	if err := keys.DecodeClaims(v.Claims, &t); err != nil {
		return Token{}, ErrTokenInvalid
	}
	now := i.Now()
	switch {
	case t.Issuer != i.Settings.Issuer, t.Expires == nil, t.IssuedAt == nil, t.ID == "":
		return Token{}, ErrTokenInvalid
	case v.Purpose == keys.Refresh && t.kind != refreshType, v.Purpose == keys.Token && t.kind != accessType:
		return Token{}, ErrTokenType
	case !now.Before(time.Unix(*t.Expires, 0).Add(i.Settings.Leeway)):
		return Token{}, ErrTokenExpired
	case time.Unix(*t.IssuedAt, 0).After(now.Add(max(i.Settings.Leeway, futureTolerance))):
		return Token{}, ErrTokenInvalid
	}
	return t, nil
}

// futureTolerance is how far ahead another instance's clock may be before its tokens are refused
// here: a client can't cure "issued in the future" by refreshing.
const futureTolerance = 5 * time.Second

func (i *Issuer) readRefresh(ctx context.Context, p Presented) (refreshToken, error) {
	token, err := i.read(ctx, p.Token)
	if err != nil {
		return refreshToken{}, err
	}
	if token.kind != refreshType {
		return refreshToken{}, ErrTokenType
	}
	return i.asRefresh(token, p.ClientID)
}

func (i *Issuer) asRefresh(t Token, clientID string) (refreshToken, error) {
	grantID, number, ok := parseTokenID(t.ID)
	if !ok || t.Audience != i.Settings.Issuer || t.ClientID != clientID {
		return refreshToken{}, ErrTokenInvalid
	}
	return refreshToken{grantID: grantID, number: number}, nil
}

// VerifyAccess checks an access token for one audience (RFC 9068 section 4), from the keys alone.
func (i *Issuer) VerifyAccess(ctx context.Context, raw, audience string) (Token, error) {
	token, err := i.read(ctx, raw)
	switch {
	case err != nil:
		return Token{}, err
	case token.kind != accessType:
		return Token{}, ErrTokenType
	case token.Audience != audience, token.Subject == "", token.ClientID == "":
		return Token{}, ErrTokenInvalid
	}
	return token, nil
}
