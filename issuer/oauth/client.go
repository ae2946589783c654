package oauth

import (
	"encoding/json"
	"slices"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/keys"
)

// AuthMethod is how a client authenticates at the token endpoint (RFC 7591 section 2,
// token_endpoint_auth_method).
type AuthMethod string

// The methods.
const (
	AuthNone          AuthMethod = "none" // a public client
	AuthBasic         AuthMethod = "client_secret_basic"
	AuthPost          AuthMethod = "client_secret_post"
	AuthPrivateKeyJWT AuthMethod = "private_key_jwt"
)

// GrantType is a grant_type of the token endpoint.
type GrantType string

// The grant types.
const (
	AuthorizationCode GrantType = "authorization_code"
	RefreshTokenGrant GrantType = "refresh_token"
	ClientCredentials GrantType = "client_credentials"
)

// Lifetime is a duration in whole seconds, written as Go writes durations ("5m0s"); zero follows the setting.
type Lifetime time.Duration

// MarshalText writes the duration.
func (l Lifetime) MarshalText() ([]byte, error) { return []byte(time.Duration(l).String()), nil }

// UnmarshalText reads a duration such as 5m or 1h30m.
func (l *Lifetime) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	*l = Lifetime(d)
	return err
}

// Metadata is what is registered about a client. The names of the members are those of RFC 7591 and of
// the OpenID Connect specifications where these have one.
type Metadata struct {
	// Name is what people are shown; the client's id where it is empty.
	Name       string     `json:"client_name,omitempty"`
	AuthMethod AuthMethod `json:"token_endpoint_auth_method"`
	// RedirectURIs are compared byte by byte; of a loopback IP address the port may differ for public
	// clients (RFC 8252 section 7.3).
	RedirectURIs []string    `json:"redirect_uris,omitempty"`
	GrantTypes   []GrantType `json:"grant_types,omitempty"`
	// Scopes are what it may be granted; empty for every standard scope and those of its resources. For
	// client_credentials they must be named.
	Scopes []string `json:"scopes,omitempty"`
	// Resources are the audiences that it may ask access tokens for (RFC 8707); the first is the default.
	Resources []string `json:"resources,omitempty"`
	// IntrospectResources are the audiences whose tokens it may introspect beside its own.
	IntrospectResources []string `json:"introspect_resources,omitempty"`
	// FirstParty clients are not asked consent for.
	FirstParty bool `json:"first_party,omitempty"`
	// RequirePKCE demands a code_challenge of a confidential client too; public ones always send one.
	RequirePKCE bool     `json:"require_pkce,omitempty"`
	CORSOrigins []string `json:"cors_origins,omitempty"`

	// JWKS or JWKSURI hold the public keys of private_key_jwt.
	JWKS    json.RawMessage `json:"jwks,omitempty"`
	JWKSURI string          `json:"jwks_uri,omitempty"`

	// RequestURIs are the places of request objects (OIDC Core section 6.2), compared byte by byte with their
	// fragments.
	RequestURIs []string `json:"request_uris,omitempty"`

	// IDTokenAlgorithm is RS256 where it is empty; with UserInfoAlgorithm empty, UserInfo is plain JSON.
	IDTokenAlgorithm  keys.Algorithm `json:"id_token_signed_response_alg,omitempty"`
	UserInfoAlgorithm keys.Algorithm `json:"userinfo_signed_response_alg,omitempty"`

	// AccessLifetime shortens or lengthens the resource's.
	AccessLifetime  Lifetime `json:"access_token_lifetime,omitzero"`
	RefreshLifetime Lifetime `json:"refresh_token_lifetime,omitzero"`
	GrantLifetime   Lifetime `json:"grant_lifetime,omitzero"`
	// RefreshGrace is nil for the setting; 0 signs out whoever loses one answer.
	RefreshGrace *Lifetime `json:"refresh_grace,omitempty"`
	// RotateRefreshTokens is nil for the setting.
	RotateRefreshTokens *bool `json:"rotate_refresh_tokens,omitempty"`

	// DefaultMaxAge, in seconds, is the max_age of requests that have none; nil for none.
	DefaultMaxAge *int64 `json:"default_max_age,omitempty"`

	// RequiredACR is the level that people must have reached at each of its sign-ins, accounts.TwoFactors or
	// PhishingResistant; empty for any. Whoever has no way to reach it is led through setting one up. A grant that was
	// made before is refused at its next refresh.
	RequiredACR accounts.Level `json:"required_acr,omitempty"`

	PostLogoutRedirectURIs            []string `json:"post_logout_redirect_uris,omitempty"`
	BackchannelLogoutURI              string   `json:"backchannel_logout_uri,omitempty"`
	BackchannelLogoutSessionRequired  bool     `json:"backchannel_logout_session_required,omitempty"`
	FrontchannelLogoutURI             string   `json:"frontchannel_logout_uri,omitempty"`
	FrontchannelLogoutSessionRequired bool     `json:"frontchannel_logout_session_required,omitempty"`
	// InitiateLoginURI starts a sign-in at the client (OIDC Core section 4).
	InitiateLoginURI string `json:"initiate_login_uri,omitempty"`

	ClientURI string   `json:"client_uri,omitempty"`
	LogoURI   string   `json:"logo_uri,omitempty"`
	PolicyURI string   `json:"policy_uri,omitempty"`
	TermsURI  string   `json:"tos_uri,omitempty"`
	Contacts  []string `json:"contacts,omitempty"`
}

// Client is a registered application. Its id is chosen by whoever registers it, and never used again
// after its deletion.
type Client struct {
	ID string
	Metadata
	// Enabled is false for one that gets nothing more.
	Enabled bool
	// Secrets are at most two, the older first, both valid.
	Secrets   []ClientSecret
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Version is that of what is registered, with its secrets: each change makes UpdatedAt grow.
func (c *Client) Version() audit.Version { return audit.VersionOf(c.ID, c.CreatedAt, c.UpdatedAt) }

// ClientSecret is one secret of a client, as it is stored.
type ClientSecret struct {
	// ID names it to operators; it opens nothing.
	ID        string
	Hash      keys.Hash
	CreatedAt time.Time
}

// DisplayName is what people are shown.
func (c *Client) DisplayName() string {
	if c.Name != "" {
		return c.Name
	}
	return c.ID
}

// Public tells whether the client has no way to authenticate (RFC 6749 section 2.1).
func (c *Client) Public() bool { return c.AuthMethod == AuthNone }

// May tells whether the client is registered for the grant type.
func (c *Client) May(g GrantType) bool { return slices.Contains(c.GrantTypes, g) }
