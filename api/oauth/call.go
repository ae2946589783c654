package oauth

import (
	"encoding/base64"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// maxForm bounds the body of a request.
const maxForm = 64 << 10

// readForm reads a body of application/x-www-form-urlencoded, the one form of RFC 6749 section 3.2.
func readForm(r *http.Request) (url.Values, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, &requestError{Failure{http.StatusBadRequest, "invalid_request", "The body must be application/x-www-form-urlencoded."}}
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if err != nil {
		return nil, &requestError{BadRequest}
	}
	if len(raw) > maxForm {
		return nil, &requestError{Failure{http.StatusRequestEntityTooLarge, "invalid_request", "The body is too large."}}
	}
	form, err := url.ParseQuery(string(raw))
	if err != nil {
		return nil, &requestError{Failure{http.StatusBadRequest, "invalid_request", "The body is no well-formed form."}}
	}
	return form, nil
}

// readCall reads a client's request at a back-channel endpoint.
func (h *Handlers) readCall(c *gin.Context) (*oauth.Call, error) {
	if strings.Contains(c.Request.URL.RawQuery, "client_secret=") {
		// RFC 6749 section 2.3.1: never in the URI, where logs and proxies see it.
		return nil, &requestError{Failure{http.StatusBadRequest, "invalid_request", "Credentials do not belong in the query string."}}
	}
	form, err := readForm(c.Request)
	if err != nil {
		return nil, err
	}
	call := &oauth.Call{Form: form, Actor: h.Actor(c)}
	headers := c.Request.Header.Values("Authorization")
	if len(headers) > 1 {
		return nil, &requestError{Failure{http.StatusBadRequest, "invalid_request", "Send one Authorization header at most."}}
	}
	if len(headers) == 1 {
		if call.BasicID, call.BasicSecret, err = basic(headers[0]); err != nil {
			return nil, err
		}
		call.HasBasic = true
	}
	return call, nil
}

// basic reads an Authorization header of the scheme Basic, whose parts are form-encoded first (RFC 6749 section
// 2.3.1).
func basic(header string) (string, keys.Secret, error) {
	refused := &requestError{InvalidClient}
	scheme, encoded, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", keys.Secret{}, refused
	}
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return "", keys.Secret{}, refused
	}
	user, password, found := strings.Cut(string(text), ":")
	id, idErr := url.QueryUnescape(user)
	secret, secretErr := url.QueryUnescape(password)
	if !found || idErr != nil || secretErr != nil {
		return "", keys.Secret{}, refused
	}
	return id, keys.SecretOf(secret), nil
}
