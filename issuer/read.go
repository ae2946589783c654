package issuer

import (
	"context"
	"errors"
	"time"

	"keyturn/keys"
)

// futureTolerance is how far ahead another instance's clock may be before its tokens are refused
// here: a client can't cure "issued in the future" by refreshing.
const futureTolerance = 5 * time.Second

// Token is an authentic, unexpired token of ours.
type Token struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	Expires  *int64 `json:"exp"`
	IssuedAt *int64 `json:"iat"`
	ID       string `json:"jti"`
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`

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
