package server

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"keyturn/verify"
)

// refuse answers for verify's errors in SimpleJWT's words. Front-ends take a 401 with the code
// token_not_valid as their cue to refresh, so nothing but a refused token may have it: without keys the
// answer is 503, and the front-end keeps its tokens.
func refuse(w http.ResponseWriter, _ *http.Request, err error) {
	switch {
	case errors.Is(err, verify.ErrNoKeys):
		w.Header().Set("Retry-After", strconv.Itoa(verify.RetryAfter))
		writeJSON(w, http.StatusServiceUnavailable, detail("Tokens cannot be checked at the moment."))
	case errors.Is(err, verify.ErrNoToken):
		unauthorized(w, detail("Authentication credentials were not provided."))
	case errors.Is(err, verify.ErrRequest):
		unauthorized(w, map[string]any{
			"detail": "Authorization header must contain two space-delimited values",
			"code":   "bad_authorization_header",
		})
	case errors.Is(err, verify.ErrScope):
		writeJSON(w, http.StatusForbidden, detail("You do not have permission to perform this action."))
	case errors.Is(err, verify.ErrWrongType):
		tokenNotValid(w, "Token has wrong type")
	case errors.Is(err, verify.ErrExpired):
		tokenNotValid(w, "Token is expired")
	default:
		tokenNotValid(w, "Token is invalid")
	}
}

func tokenNotValid(w http.ResponseWriter, message string) {
	unauthorized(w, map[string]any{
		"detail": "Given token not valid for any token type",
		"code":   "token_not_valid",
		"messages": []map[string]string{
			{"token_class": "AccessToken", "token_type": "access", "message": message},
		},
	})
}

func unauthorized(w http.ResponseWriter, body map[string]any) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="api"`)
	writeJSON(w, http.StatusUnauthorized, body)
}

func detail(text string) map[string]any { return map[string]any{"detail": text} }

func writeJSON(w http.ResponseWriter, status int, body map[string]any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// An error here is a client that went away, or a body of this file that can't be JSON.
	_ = json.NewEncoder(w).Encode(body)
}
