package issuer

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"keyturn/keys"
)

// IDTokenLifetime is how long an ID token is valid. It tells of a sign-in and opens nothing.
const IDTokenLifetime = time.Hour

// logoutTokenLifetime is what OIDC Back-Channel Logout section 2.4 recommends.
const logoutTokenLifetime = 2 * time.Minute

// LogoutEvent is the one member of a logout token's events claim (OIDC Back-Channel Logout section 2.4).
const LogoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// IDTokenRequest is what an ID token says beside the grant.
type IDTokenRequest struct {
	// Algorithm is the client's, RS256 where it names none.
	Algorithm keys.Algorithm
	// Nonce is that of the authorization request; empty at a refresh.
	Nonce string
	// Scope is that of the answer, which may be narrower than the grant's.
	Scope string
	// AccessToken is the one beside it, for at_hash.
	AccessToken string
}

// IDToken makes an ID token of a grant (OIDC Core section 2). It holds nothing about the person but who
// they are: names and addresses come from UserInfo. Groups, and the roles at the client, stand here too, since many
// programs that decide by them read nothing else; only a client that registered for them is told.
func (i *Issuer) IDToken(g *Grant, q IDTokenRequest) (string, error) {
	now := i.Now()
	issued, expires := lifetime(now, IDTokenLifetime, 0)
	request := keys.SignRequest{Purpose: keys.Token, Algorithm: q.Algorithm, Type: idType, At: now, Expires: expires}
	// While the first key of a newly wanted algorithm is in its lead another one signs, and at_hash is of that.
	signs, err := i.Keys.Signs(request)
	if err != nil {
		return "", err
	}
	var c claims
	c.add("iss", i.Settings.Issuer)
	c.add("sub", g.UserID)
	c.add("aud", g.ClientID)
	c.add("exp", expires.Unix())
	c.add("iat", issued.Unix())
	c.add("auth_time", g.AuthTime.Unix())
	if q.Nonce != "" {
		c.add("nonce", q.Nonce)
	}
	c.add("acr", acr(g))
	c.add("amr", amr(g))
	c.add("at_hash", halfHash(signs, q.AccessToken))
	c.add("sid", g.SessionID)
	c.addMemberships(g.User.Memberships, strings.Fields(q.Scope), g.ClientID)
	return i.sign(request, c)
}

// CanSign tells beforehand whether tokens of such lifetimes can be signed now: a code or a refresh token must not
// be consumed for an answer that can't be made. The errors are those of keys.Ring.Sign.
func (i *Issuer) CanSign(access, refresh time.Duration, algorithms ...keys.Algorithm) error {
	now := i.Now()
	for _, a := range append(algorithms, i.Settings.Algorithm) {
		if _, err := i.Keys.Signs(keys.SignRequest{
			Purpose: keys.Token, Algorithm: a, At: now, Expires: now.Add(max(access, IDTokenLifetime)),
		}); err != nil {
			return err
		}
	}
	_, err := i.Keys.Signs(keys.SignRequest{Purpose: keys.Refresh, Algorithm: keys.EdDSA, At: now, Expires: now.Add(refresh)})
	return err
}

// halfHash is at_hash (OIDC Core section 3.1.3.6): the left half of the hash that belongs to the
// algorithm; SHA-512 with Ed25519, whose own hash it is.
func halfHash(a keys.Algorithm, text string) string {
	if a == keys.EdDSA {
		sum := sha512.Sum512([]byte(text))
		return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
	}
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// LogoutToken makes a logout token for a client about a browser session (OIDC Back-Channel Logout section 2.4).
func (i *Issuer) LogoutToken(clientID, userID, sessionID string, a keys.Algorithm) (string, error) {
	now := i.Now()
	issued, expires := lifetime(now, logoutTokenLifetime, 0)
	var c claims
	c.add("iss", i.Settings.Issuer)
	c.add("sub", userID)
	c.add("aud", clientID)
	c.add("exp", expires.Unix())
	c.add("iat", issued.Unix())
	c.add("jti", keys.NewTokenID())
	c.add("events", map[string]struct{}{LogoutEvent: {}})
	c.add("sid", sessionID)
	return i.sign(keys.SignRequest{Purpose: keys.Token, Algorithm: a, Type: logoutType, At: now, Expires: expires}, c)
}

// SignUserInfo signs a UserInfo answer (OIDC Core section 5.3.2). members are those of the answer; iss and
// aud are added.
func (i *Issuer) SignUserInfo(clientID string, members []byte, a keys.Algorithm) (string, error) {
	now := i.Now()
	var c claims
	c.add("iss", i.Settings.Issuer)
	c.add("aud", clientID)
	if len(members) < 2 || members[0] != '{' {
		return "", errors.New("issuer: UserInfo is no JSON object")
	}
	c.text = append(append(c.text, ','), members[1:len(members)-1]...)
	return i.sign(keys.SignRequest{Purpose: keys.Token, Algorithm: a, Type: idType, At: now, Expires: now.Add(IDTokenLifetime)}, c)
}

// Hint is what an ID token of ours, shown as id_token_hint, says. It proves who a client dealt with, and
// authenticates nobody.
type Hint struct {
	Subject   string
	ClientID  string
	SessionID string
}

// ReadHint reads an ID token that we issued to a client, expired ones too (OIDC Core section 3.1.2.1,
// RP-Initiated Logout section 2). ErrTokenInvalid where it is none or its key is gone.
func (i *Issuer) ReadHint(ctx context.Context, raw string) (Hint, error) {
	v, err := i.Keys.Verify(ctx, raw)
	switch {
	case errors.Is(err, keys.ErrUnavailable):
		return Hint{}, err
	case err != nil:
		return Hint{}, ErrTokenInvalid
	case v.Purpose != keys.Token || v.Type != idType:
		return Hint{}, ErrTokenType
	}
	var t struct {
		Issuer   string          `json:"iss"`
		Subject  string          `json:"sub"`
		Audience json.RawMessage `json:"aud"`
		Expires  *int64          `json:"exp"` // which a UserInfo answer lacks
		AuthTime *int64          `json:"auth_time"`
		Session  string          `json:"sid"`
	}
	var client string
	if keys.DecodeClaims(v.Claims, &t) != nil || json.Unmarshal(t.Audience, &client) != nil {
		return Hint{}, ErrTokenInvalid
	}
	if t.Issuer != i.Settings.Issuer || t.Subject == "" || client == "" || t.Expires == nil || t.AuthTime == nil {
		return Hint{}, ErrTokenInvalid
	}
	return Hint{Subject: t.Subject, ClientID: client, SessionID: t.Session}, nil
}
