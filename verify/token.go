package verify

import (
	"slices"
	"strings"
	"time"

	"keyturn/verify/jws"
)

// Token is what a verified access token says. Only Verify makes one that can be trusted.
type Token struct {
	// Issuer, Subject, Audience, ExpiresAt, IssuedAt, JTI and ClientID are in every token.
	Issuer    string
	Subject   string
	Audience  []string
	ExpiresAt time.Time
	IssuedAt  time.Time
	// JTI is unique per token.
	JTI string
	// ClientID is the application that acts for the subject, or is the subject itself.
	ClientID string

	// The others are zero where the token does not have them.

	Scope []string
	// AuthTime is when the person signed in; ACR and AMR how (OIDC Core section 2, RFC 8176).
	AuthTime time.Time
	ACR      string
	AMR      []string
	// SessionID is sid, the person's session with the issuer.
	SessionID string
	// TokenType is "access" or empty.
	TokenType string
	// UserID is user_id, which tokens that stand for a person have for resources that ask for it.
	UserID            string
	GivenName         string
	FamilyName        string
	PreferredUsername string
	Email             string

	payload []byte
}

// HasScope reports whether the token was granted the scope.
func (t *Token) HasScope(scope string) bool { return slices.Contains(t.Scope, scope) }

// Claims decodes all claims into v as encoding/json would, but matches names by exact letter case and
// refuses duplicates, with ErrMalformed.
func (t *Token) Claims(v any) error { return jws.Decode(t.payload, v) }

func (c *claims) token(payload []byte) *Token {
	return &Token{
		Issuer: c.Issuer, Subject: c.Subject, Audience: c.Audience,
		ExpiresAt: c.ExpiresAt.time(), IssuedAt: c.IssuedAt.time(),
		JTI: c.JTI, ClientID: c.ClientID,
		Scope:    strings.Fields(c.Scope),
		AuthTime: c.AuthTime.time(), ACR: c.ACR, AMR: c.AMR,
		SessionID: c.SessionID, TokenType: c.TokenType, UserID: c.UserID,
		GivenName: c.GivenName, FamilyName: c.FamilyName,
		PreferredUsername: c.PreferredUsername, Email: c.Email,
		payload: payload,
	}
}
