package admin

import (
	"time"

	"keyturn/accounts"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// The types of this file are how things look in answers. The command line's --json tells of them in the
// same words, so that a script may move from one to the other.

// Instant is a time in an answer: RFC 3339, UTC, the microseconds that are stored. With omitzero none is left out.
type Instant struct{ time.Time }

// MarshalJSON writes the time.
func (i Instant) MarshalJSON() ([]byte, error) {
	return []byte(i.UTC().Format(`"2006-01-02T15:04:05.000000Z07:00"`)), nil
}

// User is a user in an answer, with the names of OIDC Core section 5.1 where it has one for a member.
type User struct {
	ID            string  `json:"id"`
	ExternalID    string  `json:"external_id,omitempty"`
	Username      string  `json:"username"`
	Email         string  `json:"email"`
	EmailVerified bool    `json:"email_verified"`
	GivenName     string  `json:"given_name"`
	FamilyName    string  `json:"family_name"`
	Active        bool    `json:"active"`
	Admin         bool    `json:"admin"`
	CreatedAt     Instant `json:"created_at"`
	UpdatedAt     Instant `json:"updated_at"`
	LastLoginAt   Instant `json:"last_login_at,omitzero"`
	// Claims are the further standard claims, left out where there are none.
	Claims *accounts.StandardClaims `json:"claims,omitempty"`
}

// ViewUser is how one looks.
func ViewUser(u accounts.User) User {
	v := User{
		ID: u.ID, ExternalID: u.ExternalID, Username: u.Username, Email: u.Email, EmailVerified: u.EmailVerified,
		GivenName: u.GivenName, FamilyName: u.FamilyName, Active: u.Active, Admin: u.Admin,
		CreatedAt: Instant{u.CreatedAt}, UpdatedAt: Instant{u.UpdatedAt}, LastLoginAt: Instant{u.LastLoginAt},
	}
	if u.Claims != (accounts.StandardClaims{}) {
		v.Claims = &u.Claims
	}
	return v
}

// Grant is a sign-in at a client.
type Grant struct {
	ID        string  `json:"id"`
	UserID    string  `json:"user_id"`
	ClientID  string  `json:"client_id"`
	Audience  string  `json:"audience"`
	Scope     string  `json:"scope,omitempty"`
	SessionID string  `json:"session_id,omitempty"`
	AuthTime  Instant `json:"auth_time,omitzero"`
	AMR       string  `json:"amr,omitempty"`
	ACR       string  `json:"acr,omitempty"`

	Generation       int64         `json:"generation"`
	CreatedAt        Instant       `json:"created_at"`
	RotatedAt        Instant       `json:"rotated_at"`
	RefreshExpiresAt Instant       `json:"refresh_expires_at"`
	ExpiresAt        Instant       `json:"expires_at"`
	RevokedAt        Instant       `json:"revoked_at,omitzero"`
	Reason           issuer.Reason `json:"reason,omitempty"`
}

// ViewGrant is how one looks.
func ViewGrant(g issuer.Grant) Grant {
	return Grant{
		ID: g.ID, UserID: g.UserID, ClientID: g.ClientID, Audience: g.Audience, Scope: g.Scope,
		SessionID: g.SessionID, AuthTime: Instant{g.AuthTime}, AMR: g.AMR, ACR: g.ACR,
		Generation: g.Generation, CreatedAt: Instant{g.CreatedAt}, RotatedAt: Instant{g.RotatedAt},
		RefreshExpiresAt: Instant{g.RefreshExpiresAt()}, ExpiresAt: Instant{g.ExpiresAt},
		RevokedAt: Instant{g.RevokedAt}, Reason: g.RevokedFor,
	}
}

// RevokedToken is a refresh token that was taken back before its time.
type RevokedToken struct {
	JTI          string        `json:"jti"`
	GrantID      string        `json:"grant_id"`
	UserID       string        `json:"user_id"`
	ClientID     string        `json:"client_id"`
	Reason       issuer.Reason `json:"reason"`
	PresentedJTI string        `json:"presented_jti,omitempty"`
	RevokedAt    Instant       `json:"revoked_at"`
	Until        Instant       `json:"until"`
}

// ViewRevokedToken is how one looks.
func ViewRevokedToken(t issuer.RevokedToken) RevokedToken {
	return RevokedToken{
		JTI: t.JTI, GrantID: t.GrantID, UserID: t.UserID, ClientID: t.ClientID, Reason: t.Reason,
		PresentedJTI: t.PresentedJTI, RevokedAt: Instant{t.RevokedAt}, Until: Instant{t.Until},
	}
}

// Resource is an audience. It leaves out what follows the configuration.
type Resource struct {
	Identifier     string         `json:"identifier"`
	Algorithm      keys.Algorithm `json:"algorithm,omitempty"`
	AccessLifetime string         `json:"access_lifetime,omitempty"`
	Claims         []string       `json:"claims"`
	SimpleJWT      bool           `json:"simplejwt"`
	Scopes         []string       `json:"scopes"`
}

// ViewResource is how one looks.
func ViewResource(r issuer.Resource) Resource {
	v := Resource{
		Identifier: r.Identifier, Algorithm: r.Algorithm,
		Claims: append([]string{}, r.Claims...), SimpleJWT: r.SimpleJWT, Scopes: append([]string{}, r.Scopes...),
	}
	if r.AccessLifetime != 0 {
		v.AccessLifetime = r.AccessLifetime.String()
	}
	return v
}

// Client is a registered client in an answer: its metadata, with the names of RFC 7591 and the OpenID Connect
// specifications where these have one, and what Keyturn adds.
type Client struct {
	ID      string `json:"client_id"`
	Enabled bool   `json:"enabled"`
	oauth.Metadata
	// Resources are told where there are none, too: left out of a request they are the default one.
	Resources []string       `json:"resources"`
	Secrets   []ClientSecret `json:"secrets"`
	CreatedAt Instant        `json:"created_at"`
	UpdatedAt Instant        `json:"updated_at"`
	// NewSecret is told once, in the answer to what made it.
	NewSecret string `json:"client_secret,omitempty"`
}

// ClientSecret is what can be told of a secret. NewSecret is told once, in the answer to what made it.
type ClientSecret struct {
	ID        string  `json:"id"`
	CreatedAt Instant `json:"created_at"`
	NewSecret string  `json:"client_secret,omitempty"`
}

// ViewClient is how one looks.
func ViewClient(c *oauth.Client) Client {
	v := Client{
		ID: c.ID, Enabled: c.Enabled, Metadata: c.Metadata, Resources: append([]string{}, c.Resources...),
		Secrets: make([]ClientSecret, len(c.Secrets)), CreatedAt: Instant{c.CreatedAt}, UpdatedAt: Instant{c.UpdatedAt},
	}
	for n, s := range c.Secrets {
		v.Secrets[n] = ClientSecret{ID: s.ID, CreatedAt: Instant{s.CreatedAt}}
	}
	return v
}
