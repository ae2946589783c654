package oauth

import (
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"
)

// metadataMaxAge is how long a client may keep a metadata document, in its Cache-Control form.
const metadataMaxAge = "public, max-age=300"

// metadata is RFC 8414 section 2 and OpenID Connect Discovery 1.0 section 3, with what exists and
// nothing else. No grant can be made over OAuth yet, so the lists of response and grant types are
// empty rather than absent: absence would mean their defaults.
type metadata struct {
	Issuer                 string   `json:"issuer"`
	JWKSURI                string   `json:"jwks_uri"`
	ResponseTypesSupported []string `json:"response_types_supported"`
	GrantTypesSupported    []string `json:"grant_types_supported"`

	// OpenID Connect demands these two.
	SubjectTypesSupported            []string `json:"subject_types_supported,omitempty"`
	IDTokenSigningAlgValuesSupported []string `json:"id_token_signing_alg_values_supported,omitempty"`
}

// Metadata are the two documents of one issuer, made once.
type Metadata struct {
	openid, oauth []byte
}

// NewMetadata makes the documents of an issuer, a URL without trailing slash.
func NewMetadata(issuer string) (*Metadata, error) {
	m := metadata{
		Issuer:                 issuer,
		JWKSURI:                issuer + "/.well-known/jwks.json",
		ResponseTypesSupported: []string{},
		GrantTypesSupported:    []string{},
	}
	oauth, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	m.SubjectTypesSupported = []string{"public"}
	m.IDTokenSigningAlgValuesSupported = []string{"RS256"}
	openid, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	return &Metadata{openid: openid, oauth: oauth}, nil
}

// OpenID serves OpenID Connect Discovery 1.0 section 4.
func (m *Metadata) OpenID(c *gin.Context) { document(c, m.openid) }

// OAuth serves RFC 8414 section 3.
func (m *Metadata) OAuth(c *gin.Context) { document(c, m.oauth) }

func document(c *gin.Context, text []byte) {
	c.Header("Cache-Control", metadataMaxAge)
	c.Header("Access-Control-Allow-Origin", "*")
	c.Data(http.StatusOK, "application/json", text)
}
