package oauth

import (
	"context"
	"mime"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"keyturn/audit"
	"keyturn/issuer/oauth"
)

// Clients are the rules behind the endpoints that programs call.
type Clients interface {
	Token(ctx context.Context, call *oauth.Call) (oauth.Tokens, *oauth.Client, error)
	UserInfo(ctx context.Context, accessToken string) (oauth.UserInfo, *oauth.Client, error)
	Introspect(ctx context.Context, call *oauth.Call) (oauth.Introspection, *oauth.Client, error)
	Revoke(ctx context.Context, call *oauth.Call) (*oauth.Client, error)
}

// Handlers are the endpoints that programs call.
type Handlers struct {
	Clients Clients
	// Actor says who is asking, from the request.
	Actor func(*gin.Context) audit.Actor
	// Origins narrows the CORS headers of an answer to the client that it is for, nil for a client that is not known.
	Origins func(*gin.Context, *oauth.Client)
}

// Token is the token endpoint (RFC 6749 section 3.2).
func (h *Handlers) Token(c *gin.Context) error {
	call, err := h.readCall(c)
	if err != nil {
		return err
	}
	tokens, client, err := h.Clients.Token(c.Request.Context(), call)
	h.Origins(c, client)
	if err != nil {
		return err
	}
	noStore(c)
	writeJSON(c, http.StatusOK, struct {
		Access    string `json:"access_token"`
		Type      string `json:"token_type"`
		ExpiresIn int64  `json:"expires_in"`
		Refresh   string `json:"refresh_token,omitempty"`
		ID        string `json:"id_token,omitempty"`
		Scope     string `json:"scope,omitempty"`
	}{tokens.Access, "Bearer", int64(tokens.ExpiresIn.Seconds()), tokens.Refresh, tokens.ID, tokens.Scope})
	return nil
}

// UserInfo is the UserInfo endpoint, by GET and POST (OIDC Core section 5.3.1).
func (h *Handlers) UserInfo(c *gin.Context) error {
	raw, err := bearer(c.Request)
	if err != nil {
		return err
	}
	told, client, err := h.Clients.UserInfo(c.Request.Context(), raw)
	h.Origins(c, client)
	if err != nil {
		return err
	}
	noStore(c)
	if told.JWT != "" {
		c.Data(http.StatusOK, "application/jwt", []byte(told.JWT))
		return nil
	}
	c.Data(http.StatusOK, "application/json", told.JSON)
	return nil
}

// bearer takes the access token from the header or, of a form that was posted, from the body (RFC 6750 sections
// 2.1 and 2.2). In a query string it is refused (RFC 9700 section 4.3.2).
func bearer(r *http.Request) (string, error) {
	twice := &requestError{Failure{http.StatusBadRequest, "invalid_request", "Send the access token once, in the Authorization header or in the body of a form."}}
	if r.URL.Query().Has("access_token") {
		return "", &requestError{Failure{http.StatusBadRequest, "invalid_request", "The access token does not belong in the query string."}}
	}
	headers := r.Header.Values("Authorization")
	var inBody []string
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); r.Method == http.MethodPost && err == nil && kind == "application/x-www-form-urlencoded" {
		form, err := readForm(r)
		if err != nil {
			return "", err
		}
		inBody = form["access_token"]
	}
	switch {
	case len(headers)+len(inBody) > 1:
		return "", twice
	case len(inBody) == 1:
		return inBody[0], nil
	case len(headers) == 0:
		return "", &requestError{NoToken}
	}
	scheme, token, found := strings.Cut(headers[0], " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return "", &requestError{NoToken}
	}
	return strings.TrimSpace(token), nil
}

// Introspect is the introspection endpoint (RFC 7662 section 2).
func (h *Handlers) Introspect(c *gin.Context) error {
	call, err := h.readCall(c)
	if err != nil {
		return err
	}
	told, client, err := h.Clients.Introspect(c.Request.Context(), call)
	h.Origins(c, client)
	if err != nil {
		return err
	}
	noStore(c)
	writeJSON(c, http.StatusOK, told)
	return nil
}

// Revoke is the revocation endpoint (RFC 7009 section 2).
func (h *Handlers) Revoke(c *gin.Context) error {
	call, err := h.readCall(c)
	if err != nil {
		return err
	}
	client, err := h.Clients.Revoke(c.Request.Context(), call)
	h.Origins(c, client)
	if err != nil {
		return err
	}
	noStore(c)
	c.Status(http.StatusOK)
	c.Writer.WriteHeaderNow()
	return nil
}
