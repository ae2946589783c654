package issuer

import (
	"slices"
	"strings"
	"time"

	"keyturn/keys"
)

// The typ headers of what is issued here.
const (
	accessType  = "at+jwt"     // RFC 9068 section 2.1
	refreshType = "rt+jwt"     // ours: explicit typing, RFC 8725 section 3.11
	idType      = "JWT"        // OIDC Core says nothing; this is what every client expects
	logoutType  = "logout+jwt" // OIDC Back-Channel Logout section 2.4
)

// The scopes that Keyturn itself gives a meaning to (OIDC Core sections 3.1.2.1, 5.4 and 11).
const (
	ScopeOpenID        = "openid"
	ScopeOfflineAccess = "offline_access"
)

// HasScope tells whether the blank-separated list holds the scope (RFC 6749 section 3.3).
func HasScope(list, scope string) bool {
	for word := range strings.SplitSeq(list, " ") {
		if word == scope {
			return true
		}
	}
	return false
}

// pair makes both tokens of a grant as it stands.
func (i *Issuer) pair(g *Grant) (Pair, error) {
	access, lifetime, err := i.AccessToken(g, AccessRequest{})
	if err != nil {
		return Pair{}, err
	}
	refresh, err := i.RefreshToken(g)
	if err != nil {
		return Pair{}, err
	}
	return Pair{Access: access, Refresh: refresh, ExpiresIn: lifetime}, nil
}

// RefreshToken makes the newest refresh token of the grant: the same bytes each time, from any instance,
// because every claim and the choice of the key follow from the row.
func (i *Issuer) RefreshToken(g *Grant) (string, error) {
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

// AccessRequest is what an access token of a grant may differ in.
type AccessRequest struct {
	// Scope is a narrower one than the grant's; empty for the grant's.
	Scope string
	// Lifetime is the client's; zero for the resource's.
	Lifetime time.Duration
}

// AccessToken makes a new access token of a grant (RFC 9068 section 2.2) from the user's claims as just
// read, and returns its lifetime. It never outlives the grant.
func (i *Issuer) AccessToken(g *Grant, q AccessRequest) (string, time.Duration, error) {
	r := i.resource(g.Audience)
	if g.Audience == i.Settings.Issuer {
		r.Claims, r.SimpleJWT = nil, false // for UserInfo alone, which reads the user itself
	}
	scope := q.Scope
	if scope == "" {
		scope = g.Scope
	}
	now := i.Now()
	issued, expires := lifetime(now, q.Lifetime, r.AccessLifetime)
	if end := g.ExpiresAt.Truncate(time.Second); end.Before(expires) {
		expires = end
	}
	if !expires.After(now) {
		return "", 0, ErrRefreshExpired // the grant ends within this second
	}
	var c claims
	c.add("iss", i.Settings.Issuer)
	c.add("sub", g.UserID)
	c.add("aud", i.audience(g.Audience, scope))
	c.add("exp", expires.Unix())
	c.add("iat", issued.Unix())
	c.add("jti", keys.NewTokenID())
	c.add("client_id", g.ClientID)
	if scope != "" {
		c.add("scope", scope)
	}
	c.add("auth_time", g.AuthTime.Unix())
	c.add("acr", acr(g))
	c.add("amr", amr(g))
	c.add("sid", g.SessionID)
	c.add(grantClaim, g.ID)
	if r.SimpleJWT {
		c.add("token_type", "access")
		c.add(i.Settings.UserIDClaim, userID(g))
	}
	wanted := released(r.Claims, g, scope)
	c.addProfile(g.User, wanted)
	c.addMemberships(g.User.Memberships, wanted, g.Audience)
	token, err := i.sign(keys.SignRequest{
		Purpose: keys.Token, Algorithm: r.Algorithm, Type: accessType, At: now, Expires: expires,
	}, c)
	return token, expires.Sub(issued), err
}

// grantClaim names the grant that an access token belongs to: UserInfo and introspection ask the grant
// whether the token still holds. The name is that of OAuth 2.0 Grant Management.
const grantClaim = "grant_id"

// ServiceRequest asks for an access token that a client gets for itself.
type ServiceRequest struct {
	ClientID string
	// Audience is a resource; Scope is blank-separated.
	Audience, Scope string
	// Lifetime is the client's; zero for the resource's.
	Lifetime time.Duration
}

// ServiceToken makes an access token whose subject is the client itself (RFC 6749 section 4.4, RFC 9068
// section 2.2), and returns its lifetime. Nothing is written.
func (i *Issuer) ServiceToken(q ServiceRequest) (string, time.Duration, error) {
	r := i.resource(q.Audience)
	now := i.Now()
	issued, expires := lifetime(now, q.Lifetime, r.AccessLifetime)
	var c claims
	c.add("iss", i.Settings.Issuer)
	c.add("sub", q.ClientID)
	c.add("aud", q.Audience)
	c.add("exp", expires.Unix())
	c.add("iat", issued.Unix())
	c.add("jti", keys.NewTokenID())
	c.add("client_id", q.ClientID)
	if q.Scope != "" {
		c.add("scope", q.Scope)
	}
	token, err := i.sign(keys.SignRequest{
		Purpose: keys.Token, Algorithm: r.Algorithm, Type: accessType, At: now, Expires: expires,
	}, c)
	return token, expires.Sub(issued), err
}

// lifetime is a token's iat and exp, in whole seconds; iat is rounded down, because PyJWT refuses a
// token that was issued in the future.
func lifetime(now time.Time, own, byDefault time.Duration) (issued, expires time.Time) {
	if own == 0 {
		own = byDefault
	}
	issued = now.Truncate(time.Second)
	return issued, issued.Add(own)
}

// audience is the resource alone or, where UserInfo will be asked with the token, the issuer beside it.
func (i *Issuer) audience(resource, scope string) any {
	if resource == i.Settings.Issuer || !HasScope(scope, ScopeOpenID) {
		return resource
	}
	return []string{resource, i.Settings.Issuer}
}

// acr is what was reached; grants of the first release have none noted.
func acr(g *Grant) string {
	if g.ACR == "" {
		return string(g.Level())
	}
	return g.ACR
}

func amr(g *Grant) []string { return strings.Fields(g.AMR) }

// userID is what SimpleJWT consumers know the user by: the id that they were imported with, else ours.
func userID(g *Grant) string {
	if g.User.ExternalID != "" {
		return g.User.ExternalID
	}
	return g.UserID
}

// AccessLifetime is that of the access tokens for a resource.
func (i *Issuer) AccessLifetime(resource string) time.Duration {
	return i.resource(resource).AccessLifetime
}

// HasResource tells whether the identifier is that of a resource that tokens are made for, and which
// scopes it has beside the standard ones.
func (i *Issuer) HasResource(identifier string) (scopes []string, ok bool) {
	if identifier == i.Settings.AdminAudience() {
		return slices.Clone(AdminScopes), true
	}
	if stored := i.resources.Load(); stored != nil {
		if r, found := (*stored)[identifier]; found {
			return slices.Clone(r.Scopes), true
		}
	}
	return nil, identifier == i.Settings.Audience
}

func (i *Issuer) sign(req keys.SignRequest, c claims) (string, error) {
	text, err := c.json()
	if err != nil {
		return "", err
	}
	req.Claims = text
	return i.Keys.Sign(req)
}
