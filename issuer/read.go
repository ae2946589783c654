package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"keyturn/keys"
)

// futureTolerance is how far ahead another instance's clock may be before its tokens are refused
// here: a client can't cure "issued in the future" by refreshing.
const futureTolerance = 5 * time.Second

// Token is an authentic, unexpired token of ours.
type Token struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience Audience `json:"aud"`
	Expires  *int64   `json:"exp"`
	IssuedAt *int64   `json:"iat"`
	ID       string   `json:"jti"`
	ClientID string   `json:"client_id"`
	Scope    string   `json:"scope"`
	// GrantID is empty for a token that a client got for itself.
	GrantID string `json:"grant_id"`

	// kind is the typ header.
	kind string
}

// Audience is the aud claim, which is one text or a list of them (RFC 7519 section 4.1.3).
type Audience []string

// UnmarshalJSON reads either form.
func (a *Audience) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*a = Audience{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(a))
}

// only tells whether the token is for this audience and no other.
func (a Audience) only(audience string) bool { return len(a) == 1 && a[0] == audience }

// refreshToken is which refresh token of which grant was presented.
type refreshToken struct {
	grantID string
	userID  string
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
	if !ok || !t.Audience.only(i.Settings.Issuer) || t.ClientID != clientID {
		return refreshToken{}, ErrTokenInvalid
	}
	return refreshToken{grantID: grantID, userID: t.Subject, number: number}, nil
}

// VerifyAccess checks an access token for one audience (RFC 9068 section 4), from the keys alone.
func (i *Issuer) VerifyAccess(ctx context.Context, raw, audience string) (Token, error) {
	token, err := i.ReadAccess(ctx, raw)
	if err == nil && !slices.Contains(token.Audience, audience) {
		return Token{}, ErrTokenInvalid
	}
	return token, err
}

// ReadAccess is VerifyAccess for whoever judges the audience, at introspection.
func (i *Issuer) ReadAccess(ctx context.Context, raw string) (Token, error) {
	token, err := i.read(ctx, raw)
	switch {
	case err != nil:
		return Token{}, err
	case token.kind != accessType:
		return Token{}, ErrTokenType
	case len(token.Audience) == 0, token.Subject == "", token.ClientID == "":
		return Token{}, ErrTokenInvalid
	}
	return token, nil
}

// Live returns the grant of an access token if neither it nor its user has ended (RFC 7662 section 4).
// ErrGrantRevoked, ErrRefreshExpired or ErrUserInactive where one has.
func (i *Issuer) Live(ctx context.Context, grantID string) (Grant, error) {
	g, now, err := i.Store.GrantByID(ctx, grantID)
	switch {
	case errors.Is(err, ErrGrantNotFound):
		return Grant{}, ErrGrantRevoked
	case err != nil:
		return Grant{}, err
	case !g.UserActive:
		return Grant{}, ErrUserInactive
	case !g.RevokedAt.IsZero():
		return Grant{}, ErrGrantRevoked
	case !now.Before(g.ExpiresAt):
		return Grant{}, ErrRefreshExpired
	}
	return g, nil
}

// CheckRefresh returns the grant of a refresh token that would be taken now; it consumes nothing. The errors
// are those of Refresh.
func (i *Issuer) CheckRefresh(ctx context.Context, p Presented) (Grant, error) {
	token, err := i.readRefresh(ctx, p)
	if err != nil {
		return Grant{}, err
	}
	g, now, err := i.Store.GrantByID(ctx, token.grantID)
	switch {
	case errors.Is(err, ErrGrantNotFound):
		return Grant{}, ErrGrantRevoked
	case err != nil:
		return Grant{}, err
	case !g.UserActive:
		return Grant{}, ErrUserInactive
	}
	return g, g.Check(token.number, now, i.terms(p).Grace)
}
