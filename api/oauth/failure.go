package oauth

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"keyturn/issuer/oauth"
)

// Failure is what an error becomes for a client: RFC 6749 sections 4.1.2.1 and 5.2.
type Failure struct {
	// Status is that of the token endpoint; a redirect has none.
	Status int
	Code   string
	// Description is for the client's developer, of RFC 6749's characters: no quotes, no backslash.
	Description string
}

// The failures that the table in package api refers to.
var (
	Unavailable  = Failure{http.StatusServiceUnavailable, "temporarily_unavailable", "The provider can not answer now; try again with the same request."}
	Internal     = Failure{http.StatusInternalServerError, "server_error", "Something is broken; the log says more under the request id."}
	InvalidGrant = grant("The code or refresh token is invalid, expired, taken back, or was issued to another client or redirect URI.")
	CodeReused   = grant("The authorization code was used before; what it gave has been taken back.")
	TokenReused  = grant("The refresh token was replaced by a newer one and came again; the sign-in has ended.")
	UserGone     = grant("The user is not active.")
	SessionGone  = Failure{http.StatusBadRequest, "login_required", "The sign-in has ended."}

	InvalidClient      = Failure{http.StatusUnauthorized, "invalid_client", "The client is unknown, or could not be authenticated by its registered method."}
	InvalidScope       = Failure{http.StatusBadRequest, "invalid_scope", "The scope is malformed, or not one that the client may have."}
	InvalidTarget      = Failure{http.StatusBadRequest, "invalid_target", "The resource is unknown, not one of the client, or more than one."}
	UnauthorizedClient = Failure{http.StatusBadRequest, "unauthorized_client", "The client is not registered for this grant type."}
	UnknownGrantType   = Failure{http.StatusBadRequest, "unsupported_grant_type", "The grant type is not supported."}
	UnknownResponse    = Failure{http.StatusBadRequest, "unsupported_response_type", "The only response type is code."}
	BadRequestObject   = Failure{http.StatusBadRequest, "invalid_request_object", "The request object is not signed by a key of the client, or its claims are wrong."}
	BadRequestURI      = Failure{http.StatusBadRequest, "invalid_request_uri", "The request_uri is not one that the client registered, or could not be read."}
	LoginRequired      = Failure{http.StatusBadRequest, "login_required", "The person has to sign in."}
	ConsentRequired    = Failure{http.StatusBadRequest, "consent_required", "The person has to be asked for consent."}
	NeedsInteraction   = Failure{http.StatusBadRequest, "interaction_required", "The person has to set up another way to sign in."}
	AccessDenied       = Failure{http.StatusBadRequest, "access_denied", "The person declined."}
	UnmetContext       = Failure{http.StatusBadRequest, "unmet_authentication_requirements", "The demanded acr can not be reached."}
	UnsupportedToken   = Failure{http.StatusBadRequest, "unsupported_token_type", "An access token that a client got for itself can not be taken back; it expires."}
	InsufficientScope  = Failure{http.StatusForbidden, "insufficient_scope", "The access token lacks the scope openid."}
	InvalidToken       = Failure{http.StatusUnauthorized, "invalid_token", "The access token is invalid, expired or taken back."}
	NoToken            = Failure{Status: http.StatusUnauthorized}
	BadRequest         = Failure{http.StatusBadRequest, "invalid_request", "The request is malformed."}
)

func grant(description string) Failure {
	return Failure{http.StatusBadRequest, "invalid_grant", description}
}

// Invalid is the failure of a bad parameter.
func Invalid(e *oauth.InvalidRequest) Failure {
	text := "The parameter " + e.Param + " " + e.Problem.String() + "."
	if e.Param == "" {
		text = "The request " + e.Problem.String() + "."
	}
	return Failure{http.StatusBadRequest, "invalid_request", describable(text)}
}

// describable keeps the characters that RFC 6749 section 5.2 allows in error_description.
func describable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || r == '"' || r == '\\' {
			return -1
		}
		return r
	}, text)
}

// requestError is a request that can't be read as one of its endpoint.
type requestError struct{ Failure }

func (e *requestError) Error() string { return "oauth request: " + e.Code + ": " + e.Description }

// FailureOf gives the failure of an error that this package made itself.
func FailureOf(err error) (Failure, bool) {
	if own, ok := err.(*requestError); ok {
		return own.Failure, true
	}
	return Failure{}, false
}

// Write answers a failure of the token, introspection and revocation endpoints (RFC 6749 section 5.2).
func Write(c *gin.Context, f Failure) {
	if f.Status == http.StatusUnauthorized {
		c.Header("WWW-Authenticate", `Basic realm="oauth", charset="UTF-8"`)
	}
	writeFailure(c, f)
}

// WriteBearer answers a failure of a protected resource (RFC 6750 section 3). What the table calls a bad grant
// or client is a bad token here.
func WriteBearer(c *gin.Context, f Failure) {
	switch f.Code {
	case "invalid_grant", "invalid_client", "login_required":
		f = InvalidToken
	}
	challenge := `Bearer realm="userinfo"`
	if f.Code != "" && f.Status < http.StatusInternalServerError {
		challenge += `, error="` + f.Code + `", error_description="` + f.Description + `"`
	}
	if f.Code == InsufficientScope.Code {
		challenge += `, scope="openid"`
	}
	if f.Status < http.StatusInternalServerError {
		c.Header("WWW-Authenticate", challenge)
	}
	writeFailure(c, f)
}

func writeFailure(c *gin.Context, f Failure) {
	noStore(c)
	if f.Code == "" { // RFC 6750 section 3.1: who sent no token is told nothing about one
		c.Status(f.Status)
		c.Writer.WriteHeaderNow()
		return
	}
	writeJSON(c, f.Status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{f.Code, f.Description})
}

// noStore is for every answer of these endpoints (RFC 6749 section 5.1).
func noStore(c *gin.Context) {
	c.Header("Cache-Control", "no-store")
	c.Header("Pragma", "no-cache")
}

func writeJSON(c *gin.Context, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // only structs of text and numbers come here
	}
	c.Data(status, "application/json", text)
}
