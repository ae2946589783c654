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

// Endpoint is one path of the contract: the fields that its requests must and may have, and what stands behind it.
type Endpoint struct {
	Path, Name       string
	Fields, Optional []string
	post             func(*gin.Context, map[string]string) error
}

// Endpoints are the contract's four, each answering all methods and with or without its last slash.
func (h *Handlers) Endpoints() []Endpoint {
	return []Endpoint{
		{"/api/token/", "Token Obtain Pair", []string{"username", "password"}, []string{"otp"}, h.obtain},
		{"/api/token/refresh/", "Token Refresh", []string{"refresh"}, nil, h.refresh},
		{"/api/token/verify/", "Token Verify", []string{"token"}, nil, h.verify},
		{"/api/token/blacklist/", "Token Blacklist", []string{"refresh"}, nil, h.blacklist},
	}
}

// Handle does what all four share: negotiation, methods, the description for OPTIONS, fields.
func (e Endpoint) Handle(c *gin.Context) error {
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
		write(c, http.StatusOK, e.fields())
		return nil
	default:
		return &Failure{Status: http.StatusMethodNotAllowed, Body: detail(`Method "` + c.Request.Method + `" not allowed.`)}
	}
	in, err := readFields(c.Request, e.Fields, e.Optional)
	if err != nil {
		return err
	}
	return e.post(c, in)
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
	write(c, http.StatusOK, Nothing{})
	return nil
}

func (h *Handlers) blacklist(c *gin.Context, in map[string]string) error {
	if err := h.Tokens.Revoke(c.Request.Context(), h.presented(c, in["refresh"])); err != nil {
		return err
	}
	write(c, http.StatusOK, Nothing{})
	return nil
}

func (h *Handlers) presented(c *gin.Context, token string) issuer.Presented {
	return issuer.Presented{
		Token:    strings.TrimSpace(token),
		ClientID: issuer.TokenPairClient,
		Actor:    h.Actor(c),
	}
}

// Pair is what a sign-in gives. Refresh is empty where the one that was shown stays valid.
type Pair struct {
	Refresh string `json:"refresh,omitempty"`
	Access  string `json:"access"`
}

// Nothing is the answer where there is no more to say than the status.
type Nothing struct{}

func writePair(c *gin.Context, p issuer.Pair) error {
	write(c, http.StatusOK, Pair{p.Refresh, p.Access})
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

// Fields is the answer to OPTIONS, in the shape of Django REST framework's metadata.
type Fields struct {
	Name        string                      `json:"name"`
	Description string                      `json:"description"`
	Renders     []string                    `json:"renders"`
	Parses      []string                    `json:"parses"`
	Actions     map[string]map[string]Field `json:"actions"`
}

// Field is one that a request may have.
type Field struct {
	Type     string `json:"type"`
	Required bool   `json:"required"`
	ReadOnly bool   `json:"read_only"`
	Label    string `json:"label"`
}

// mediaTypes are those of bodies, which are equals.
var mediaTypes = []string{"application/json", "application/x-www-form-urlencoded", "multipart/form-data"}

func (e Endpoint) fields() Fields {
	post := make(map[string]Field, len(e.Fields)+len(e.Optional))
	for i, f := range slices.Concat(e.Fields, e.Optional) {
		post[f] = Field{Type: "string", Required: i < len(e.Fields), Label: strings.ToUpper(f[:1]) + f[1:]}
	}
	return Fields{Name: e.Name, Renders: mediaTypes[:1], Parses: mediaTypes, Actions: map[string]map[string]Field{http.MethodPost: post}}
}
