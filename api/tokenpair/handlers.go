package tokenpair

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
)

// People proves who somebody is.
type People interface {
	Authenticate(ctx context.Context, in accounts.SignIn) (accounts.Authentication, error)
}

// Tokens issues, renews, checks and takes back.
type Tokens interface {
	SignIn(ctx context.Context, who accounts.Authentication, actor audit.Actor) (issuer.Pair, error)
	Refresh(ctx context.Context, p issuer.Presented) (issuer.Pair, error)
	Verify(ctx context.Context, raw string) error
	Revoke(ctx context.Context, p issuer.Presented) error
}

// Handlers are the four endpoints. None of them looks at the Authorization header, cookies or Origin:
// front-ends attach an expired access token to the refresh call as a matter of course.
type Handlers struct {
	People People
	Tokens Tokens
	// Actor says who is asking, from the request.
	Actor func(*gin.Context) audit.Actor
}

// Endpoint is one path of the contract and what stands behind it.
type Endpoint struct {
	Path   string
	Handle func(*gin.Context) error
}

// Endpoints are the contract's four, each answering all methods and with or without its last slash.
func (h *Handlers) Endpoints() []Endpoint {
	return []Endpoint{
		{"/api/token/", endpoint("Token Obtain Pair", []string{"username", "password"}, h.obtain, "otp")},
		{"/api/token/refresh/", endpoint("Token Refresh", []string{"refresh"}, h.refresh)},
		{"/api/token/verify/", endpoint("Token Verify", []string{"token"}, h.verify)},
		{"/api/token/blacklist/", endpoint("Token Blacklist", []string{"refresh"}, h.blacklist)},
	}
}

// endpoint does what all four share: negotiation, methods, the description for OPTIONS, fields.
func endpoint(name string, fields []string, post func(*gin.Context, map[string]string) error, optional ...string) func(*gin.Context) error {
	return func(c *gin.Context) error {
		header := c.Writer.Header()
		header.Set("Allow", "POST, OPTIONS")
		header.Set("Cache-Control", "no-store")
		header.Add("Vary", "Accept")
		if !accepts(c.GetHeader("Accept")) {
			return &Failure{Status: http.StatusNotAcceptable, Body: detail("Could not satisfy the request Accept header.")}
		}
		switch c.Request.Method {
		case http.MethodPost:
		case http.MethodOptions:
			write(c, http.StatusOK, describe(name, fields, optional))
			return nil
		default:
			return &Failure{Status: http.StatusMethodNotAllowed, Body: detail(`Method "` + c.Request.Method + `" not allowed.`)}
		}
		in, err := readFields(c.Request, fields, optional)
		if err != nil {
			return err
		}
		return post(c, in)
	}
}

func (h *Handlers) obtain(c *gin.Context, in map[string]string) error {
	actor := h.Actor(c)
	who, err := h.People.Authenticate(c.Request.Context(), accounts.SignIn{
		Username: strings.TrimSpace(in["username"]),
		Password: in["password"],
		OTP:      in["otp"],
		Actor:    actor,
	})
	if err != nil {
		return err
	}
	pair, err := h.Tokens.SignIn(c.Request.Context(), who, actor)
	if err != nil {
		return err
	}
	return writePair(c, pair)
}

func (h *Handlers) refresh(c *gin.Context, in map[string]string) error {
	pair, err := h.Tokens.Refresh(c.Request.Context(), h.presented(c, in["refresh"]))
	if err != nil {
		return err
	}
	return writePair(c, pair)
}

func (h *Handlers) verify(c *gin.Context, in map[string]string) error {
	if err := h.Tokens.Verify(c.Request.Context(), strings.TrimSpace(in["token"])); err != nil {
		return &verifyError{err}
	}
	write(c, http.StatusOK, struct{}{})
	return nil
}

func (h *Handlers) blacklist(c *gin.Context, in map[string]string) error {
	if err := h.Tokens.Revoke(c.Request.Context(), h.presented(c, in["refresh"])); err != nil {
		return err
	}
	write(c, http.StatusOK, struct{}{})
	return nil
}

func (h *Handlers) presented(c *gin.Context, token string) issuer.Presented {
	return issuer.Presented{
		Token:    strings.TrimSpace(token),
		ClientID: issuer.TokenPairClient,
		Actor:    h.Actor(c),
	}
}

func writePair(c *gin.Context, p issuer.Pair) error {
	write(c, http.StatusOK, struct {
		Refresh string `json:"refresh,omitempty"`
		Access  string `json:"access"`
	}{p.Refresh, p.Access})
	return nil
}

// accepts tells whether an Accept header can be met with JSON (RFC 9110 section 12.5.1). text/html
// counts: a browser's address bar gets JSON too.
func accepts(header string) bool {
	if strings.TrimSpace(header) == "" {
		return true
	}
	for part := range strings.SplitSeq(header, ",") {
		kind, _, _ := strings.Cut(part, ";")
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case "*/*", "application/*", "application/json", "text/html":
			return true
		}
	}
	return false
}

// describe is the answer to OPTIONS, in the shape of Django REST framework's metadata.
func describe(name string, fields, optional []string) any {
	type field struct {
		Type     string `json:"type"`
		Required bool   `json:"required"`
		ReadOnly bool   `json:"read_only"`
		Label    string `json:"label"`
	}
	post := make(map[string]field, len(fields)+len(optional))
	for i, f := range slices.Concat(fields, optional) {
		post[f] = field{Type: "string", Required: i < len(fields), Label: strings.ToUpper(f[:1]) + f[1:]}
	}
	return struct {
		Name        string                      `json:"name"`
		Description string                      `json:"description"`
		Renders     []string                    `json:"renders"`
		Parses      []string                    `json:"parses"`
		Actions     map[string]map[string]field `json:"actions"`
	}{
		name, "",
		[]string{"application/json"},
		[]string{"application/json", "application/x-www-form-urlencoded", "multipart/form-data"},
		map[string]map[string]field{"POST": post},
	}
}
