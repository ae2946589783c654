package issuer

import (
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
	if !expires.After(now) {
		return "", 0, ErrRefreshExpired // the grant ends within this second
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
