package tokenpair

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"
)

// Failure is an answer of this API's dialect to a request that is not fulfilled. Those that concern the
// request itself are made here; what the domain's errors become is said by the table in package api.
type Failure struct {
	Status int
	// Body is written as JSON.
	Body any
	// takenBack marks the one failure that verify answers in its own way (contract section 2).
	takenBack bool
}

func (f *Failure) Error() string { return "token-pair request: " + http.StatusText(f.Status) }

// The answers that the contract knows (sections 2 to 5).
var (
	Invalid         = tokenError("Token is invalid")
	Expired         = tokenError("Token is expired")
	WrongType       = tokenError("Token has wrong type")
	Blacklisted     = Failure{Status: http.StatusUnauthorized, Body: tokenError("Token is blacklisted").Body, takenBack: true}
	NoAccount       = Failure{Status: http.StatusUnauthorized, Body: detail("No active account found with the given credentials")}
	OTPRequired     = Failure{Status: http.StatusUnauthorized, Body: Detail{otpRequired, "A second factor is needed."}}
	NoAccountLeft   = Failure{Status: http.StatusUnauthorized, Body: detail("No active account found for the given token.")}
	Throttled       = Failure{Status: http.StatusTooManyRequests, Body: detail("Request was throttled.")}
	Unavailable     = Failure{Status: http.StatusServiceUnavailable, Body: detail("Service temporarily unavailable, try again later.")}
	Internal        = Failure{Status: http.StatusInternalServerError, Body: detail("A server error occurred.")}
	BodyTooLarge    = Failure{Status: http.StatusRequestEntityTooLarge, Body: detail("Request body is too large.")}
	verifyForbidden = Failure{Status: http.StatusBadRequest, Body: map[string][]string{"non_field_errors": {"Token is blacklisted"}}}
)

// Detail is what is wrong with a request as a whole.
type Detail struct {
	Code   code   `json:"code,omitempty"`
	Detail string `json:"detail"`
}

// code is what programs tell some refusals apart by.
type code string

const (
	tokenNotValid code = "token_not_valid"
	otpRequired   code = "otp_required"
)

func tokenError(text string) Failure {
	return Failure{Status: http.StatusUnauthorized, Body: Detail{tokenNotValid, text}}
}

func detail(text string) Detail { return Detail{Detail: text} }

// verifyError marks what verify found, because the same finding is answered differently there.
type verifyError struct{ error }

func (e *verifyError) Unwrap() error { return e.error }

// Write answers a failure. f is the table's row for err.
func Write(c *gin.Context, err error, f Failure) {
	if _, verifying := errors.AsType[*verifyError](err); verifying && f.takenBack {
		f = verifyForbidden
	}
	if f.Status == http.StatusUnauthorized {
		c.Header("WWW-Authenticate", `Bearer realm="api"`)
	}
	write(c, f.Status, f.Body)
}

// write sends JSON as Django REST framework does: no charset, no trailing newline.
func write(c *gin.Context, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // only maps and structs of text come here
	}
	c.Data(status, "application/json", text)
}
