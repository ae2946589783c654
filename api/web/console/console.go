package console

import (
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
	"keyturn/api/admin"
	"keyturn/api/web"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// Console is the pages at /admin. Its fields are set once, before Routes.
type Console struct {
	Accounts *accounts.Service
	Browsers *accounts.Browsers
	Issuer   *issuer.Issuer
	Keys     *keys.Ring
	Clients  *oauth.Registry
	Groups   *accounts.Groups
	Factors  *accounts.Factors
	Self     *accounts.SelfService
	Audit    *audit.Reader
	// Letters is the queue of mail; nil where there is none.
	Letters admin.Letters
	// Refusals takes the trace of who was refused; nil keeps none.
	Refusals admin.Refusals
	Pages    *Pages
	// SignedIn is who is signed in in the browser; accounts.ErrNotSignedIn where nobody is.
	SignedIn func(*gin.Context) (accounts.Authentication, error)
	// Again shows the sign-in page to somebody who is signed in, which leads back to where they are, and keeps for them
	// alone what they typed there; Kept is what it kept for the page of the request, which is forgotten with that.
	Again func(c *gin.Context, who accounts.Authentication, typed url.Values) error
	Kept  func(*gin.Context, accounts.Authentication) url.Values
	// OwnForm reads a form of our own; oauth.ErrCrossSite where another site sent it.
	OwnForm func(*gin.Context) (url.Values, error)
	// Link is where the secret of a one-time link leads.
	Link func(accounts.LinkPurpose, keys.Secret) string
	// Actor says where the request came from; RequestID is the id that the log tells of it under.
	Actor     func(*gin.Context) audit.Actor
	RequestID func(*gin.Context) string
	Now       func() time.Time
	// Operations is what the program knows of itself.
	Operations Operations
}

// Operations is what only the running program can tell, here as in the admin API.
type (
	Operations = admin.Operations
	Check      = admin.Check
	Setting    = admin.Setting
)

// Path is where the console lives.
const Path = web.ConsolePath

// handler is one way to answer a call.
type handler func(*call) error

// Route is one address of the console, and what stands behind it by GET and, for one that takes a form, by POST.
type Route struct {
	// Path is below Path.
	Path string
	// Right is what it takes to be let in.
	Right audit.Rights
	get   handler
	post  handler
	// recent asks for a recent proof of who acts: what can't be undone must not be done at a desk that somebody left.
	recent bool
}

// Methods are those that the address takes.
func (r Route) Methods() []string {
	if r.post == nil {
		return []string{http.MethodGet}
	}
	return []string{http.MethodGet, http.MethodPost}
}

// section is a heading of the navigation, with the addresses below it. The first is where the heading leads.
type section struct {
	name   string
	routes []Route
}
