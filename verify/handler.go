package verify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// RetryAfter is what Refuse writes beside status 503, in seconds: until then the keys were tried again.
const RetryAfter = 5

type contextKey struct{}

// NewContext returns a context that carries the token, for middleware of other frameworks and for tests of handlers.
func NewContext(ctx context.Context, t *Token) context.Context {
	return context.WithValue(ctx, contextKey{}, t)
}

// FromContext returns the token of the request that Handler let through.
func FromContext(ctx context.Context) (*Token, bool) {
	t, ok := ctx.Value(contextKey{}).(*Token)
	return t, ok
}

// Handler lets requests with a good access token through to next, which finds it with FromContext, and
// refuses all others. It knows nothing of CORS: a preflight has no token, so CORS stands outside of it.
func (v *Verifier) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, err := v.Authenticate(r)
		if err != nil {
			v.Refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(NewContext(r.Context(), token)))
	})
}

// Authenticate verifies the token of the request's Authorization header. Tokens elsewhere (query, body,
// cookies) are not looked for: they end up in logs and forms (RFC 9700 section 4.3.2).
func (v *Verifier) Authenticate(r *http.Request) (*Token, error) {
	raw, err := bearer(r.Header.Values("Authorization"))
	if err != nil {
		return nil, err
	}
	return v.Verify(r.Context(), raw)
}

// bearer reads the token out of the Authorization headers, or returns ErrNoToken or ErrRequest.
func bearer(headers []string) (string, error) {
	if len(headers) == 0 {
		return "", ErrNoToken
	}
	if len(headers) > 1 {
		return "", fmt.Errorf("%w: more than one", ErrRequest)
	}
	parts := strings.FieldsFunc(headers[0], func(r rune) bool { return r == ' ' || r == '\t' })
	// The scheme's letter case is free (RFC 9110 section 11.1).
	if len(parts) == 0 || !strings.EqualFold(parts[0], "Bearer") {
		return "", ErrNoToken
	}
	if len(parts) != 2 {
		return "", fmt.Errorf("%w: not a scheme and one token", ErrRequest)
	}
	return parts[1], nil
}

// refusal is how RFC 6750 section 3.1 tells of an error. The texts name nothing that a stranger may not know.
type refusal struct {
	err         error
	status      int
	code        string
	description string
}

var refusals = []refusal{
	{ErrNoToken, http.StatusUnauthorized, "", ""},
	{ErrRequest, http.StatusBadRequest, "invalid_request", "one Authorization header with one bearer token is needed"},
	{ErrNoKeys, http.StatusServiceUnavailable, "temporarily_unavailable", "tokens cannot be checked at the moment"},
	{ErrScope, http.StatusForbidden, "insufficient_scope", "the token lacks a scope"},
	{ErrExpired, http.StatusUnauthorized, "invalid_token", "the token is expired"},
	{ErrNotYetValid, http.StatusUnauthorized, "invalid_token", "the token is not valid yet"},
	{ErrAudience, http.StatusUnauthorized, "invalid_token", "the token was issued for another resource"},
	{ErrWrongType, http.StatusUnauthorized, "invalid_token", "the token is not an access token"},
	{ErrBound, http.StatusUnauthorized, "invalid_token", "the token is bound to a key and no bearer token"},
	{ErrMalformed, http.StatusUnauthorized, "invalid_token", "the token is invalid"},
	{ErrUnknownKey, http.StatusUnauthorized, "invalid_token", "the token is invalid"},
	{ErrSignature, http.StatusUnauthorized, "invalid_token", "the token is invalid"},
	{ErrIssuer, http.StatusUnauthorized, "invalid_token", "the token is invalid"},
	{ErrClaims, http.StatusUnauthorized, "invalid_token", "the token is invalid"},
}

// Refuse answers a request that Authenticate refused with err: with the function given to OnError, else
// by RFC 6750 section 3. An error of another origin is answered 500.
func (v *Verifier) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	if v.onError != nil {
		v.onError(w, r, err)
		return
	}
	known := refusal{status: http.StatusInternalServerError, code: "server_error", description: "the request could not be checked"}
	for _, row := range refusals {
		if errors.Is(err, row.err) {
			known = row
			break
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case known.status == http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", strconv.Itoa(RetryAfter))
	case known.status < http.StatusInternalServerError:
		w.Header().Set("WWW-Authenticate", v.challenge(known))
	}
	if known.code == "" {
		w.WriteHeader(known.status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(known.status)
	fmt.Fprintf(w, `{"error":"%s","error_description":"%s"}`+"\n", known.code, known.description)
}

// challenge is the value of WWW-Authenticate: RFC 6750 section 3, RFC 9728 section 5.1.
func (v *Verifier) challenge(known refusal) string {
	params := []string{fmt.Sprintf(`realm="%s"`, v.realm)}
	if known.code != "" {
		params = append(params, fmt.Sprintf(`error="%s"`, known.code), fmt.Sprintf(`error_description="%s"`, known.description))
	}
	if known.status == http.StatusForbidden && quotable(strings.Join(v.scopes, " ")) {
		params = append(params, fmt.Sprintf(`scope="%s"`, strings.Join(v.scopes, " ")))
	}
	if v.metadata != "" {
		params = append(params, fmt.Sprintf(`resource_metadata="%s"`, v.metadata))
	}
	return "Bearer " + strings.Join(params, ", ")
}
