package oauth

import (
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// metadataMaxAge is how long a client may keep a metadata document, in its Cache-Control form.
const metadataMaxAge = "public, max-age=300"

// The paths of the endpoints, below the issuer.
const (
	AuthorizePath  = "/oauth2/authorize"
	TokenPath      = "/oauth2/token"
	UserInfoPath   = "/oauth2/userinfo"
	IntrospectPath = "/oauth2/introspect"
	RevokePath     = "/oauth2/revoke"
	LogoutPath     = "/oauth2/logout"
)

// metadata is RFC 8414 section 2 with OpenID Connect Discovery 1.0 section 3, RP-Initiated, Front-Channel and
// Back-Channel Logout: what exists and nothing else, and no member of our own.
type metadata struct {
	Issuer                string `json:"issuer"`
	AuthorizationEndpoint string `json:"authorization_endpoint"`
	TokenEndpoint         string `json:"token_endpoint"`
	UserInfoEndpoint      string `json:"userinfo_endpoint"`
	JWKSURI               string `json:"jwks_uri"`
	RevocationEndpoint    string `json:"revocation_endpoint"`
	IntrospectionEndpoint string `json:"introspection_endpoint"`
	EndSessionEndpoint    string `json:"end_session_endpoint"`

	ScopesSupported        []string          `json:"scopes_supported"`
	ResponseTypesSupported []string          `json:"response_types_supported"`
	ResponseModesSupported []string          `json:"response_modes_supported"`
	GrantTypesSupported    []oauth.GrantType `json:"grant_types_supported"`
	SubjectTypesSupported  []string          `json:"subject_types_supported"`
	ACRValuesSupported     []accounts.Level  `json:"acr_values_supported"`
	ClaimTypesSupported    []string          `json:"claim_types_supported"`
	ClaimsSupported        []string          `json:"claims_supported"`
	UILocalesSupported     []string          `json:"ui_locales_supported"`

	IDTokenSigningAlgs        []keys.Algorithm `json:"id_token_signing_alg_values_supported"`
	UserInfoSigningAlgs       []keys.Algorithm `json:"userinfo_signing_alg_values_supported"`
	CodeChallengeMethods      []string         `json:"code_challenge_methods_supported"`
	TokenAuthMethods          []string         `json:"token_endpoint_auth_methods_supported"`
	TokenAuthSigningAlgs      []keys.Algorithm `json:"token_endpoint_auth_signing_alg_values_supported"`
	RevocationAuthMethods     []string         `json:"revocation_endpoint_auth_methods_supported"`
	RevocationAuthAlgs        []keys.Algorithm `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	IntrospectionAuthMethods  []string         `json:"introspection_endpoint_auth_methods_supported"`
	IntrospectionAuthAlgs     []keys.Algorithm `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	ClaimsParameter           bool             `json:"claims_parameter_supported"`
	RequestParameter          bool             `json:"request_parameter_supported"`
	RequestURIParameter       bool             `json:"request_uri_parameter_supported"`
	RequestURIRegistration    bool             `json:"require_request_uri_registration"`
	RequestObjectAlgs         []keys.Algorithm `json:"request_object_signing_alg_values_supported"`
	IssuerInResponse          bool             `json:"authorization_response_iss_parameter_supported"`
	BackchannelLogout         bool             `json:"backchannel_logout_supported"`
	BackchannelLogoutSession  bool             `json:"backchannel_logout_session_supported"`
	FrontchannelLogout        bool             `json:"frontchannel_logout_supported"`
	FrontchannelLogoutSession bool             `json:"frontchannel_logout_session_supported"`
}

// Metadata is the document of one issuer, made once; both well-known places serve it.
type Metadata struct{ text []byte }

// NewMetadata makes the document of an issuer, a URL without trailing slash; locales are those of the pages.
func NewMetadata(url string, locales []string) (*Metadata, error) {
	confidential := []string{string(oauth.AuthBasic), string(oauth.AuthPost), string(oauth.AuthPrivateKeyJWT)}
	everyone := append(confidential[:len(confidential):len(confidential)], string(oauth.AuthNone))
	text, err := json.Marshal(metadata{
		Issuer:                url,
		AuthorizationEndpoint: url + AuthorizePath,
		TokenEndpoint:         url + TokenPath,
		UserInfoEndpoint:      url + UserInfoPath,
		JWKSURI:               url + "/.well-known/jwks.json",
		RevocationEndpoint:    url + RevokePath,
		IntrospectionEndpoint: url + IntrospectPath,
		EndSessionEndpoint:    url + LogoutPath,

		ScopesSupported:        issuer.StandardScopes,
		ResponseTypesSupported: []string{"code"},
		ResponseModesSupported: []string{"query", "form_post"},
		GrantTypesSupported:    oauth.GrantTypes(),
		SubjectTypesSupported:  []string{"public"},
		ACRValuesSupported:     accounts.Levels(),
		ClaimTypesSupported:    []string{"normal"},
		ClaimsSupported:        append([]string{"sub", "iss", "auth_time", "acr", "amr"}, oauth.ReleasableClaims()...),
		UILocalesSupported:     locales,

		IDTokenSigningAlgs:       issuer.Algorithms,
		UserInfoSigningAlgs:      issuer.Algorithms,
		CodeChallengeMethods:     []string{"S256"},
		TokenAuthMethods:         everyone,
		TokenAuthSigningAlgs:     issuer.Algorithms,
		RevocationAuthMethods:    everyone,
		RevocationAuthAlgs:       issuer.Algorithms,
		IntrospectionAuthMethods: confidential,
		IntrospectionAuthAlgs:    issuer.Algorithms,
		ClaimsParameter:          true,
		RequestParameter:         true,
		RequestURIParameter:      true,
		RequestURIRegistration:   true,
		RequestObjectAlgs:        issuer.Algorithms,
		IssuerInResponse:         true,
		BackchannelLogout:        true, BackchannelLogoutSession: true,
		FrontchannelLogout: true, FrontchannelLogoutSession: true,
	})
	return &Metadata{text}, err
}

// Get serves OpenID Connect Discovery 1.0 section 4 and RFC 8414 section 3.
func (m *Metadata) Get(c *gin.Context) {
	c.Header("Cache-Control", metadataMaxAge)
	c.Header("Access-Control-Allow-Origin", "*")
	c.Data(http.StatusOK, "application/json", m.text)
}
