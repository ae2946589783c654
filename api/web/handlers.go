package web

import (
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/audit/sentence"
	"keyturn/audit/spoken"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// Provider is the rules behind the pages.
type Provider interface {
	Authorize(ctx context.Context, params url.Values, v oauth.Visit, seen bool) (*oauth.Stop, error)
	Resume(ctx context.Context, id keys.Secret, v oauth.Visit) (*oauth.Stop, error)
	Look(ctx context.Context, id keys.Secret, v oauth.Visit) (*oauth.Stop, error)
	SignedIn(ctx context.Context, id keys.Secret, v oauth.Visit, who accounts.Authentication) error
	Consent(ctx context.Context, id keys.Secret, v oauth.Visit, d oauth.Decision) error
	Cancel(ctx context.Context, id keys.Secret, v oauth.Visit) error
	Logout(ctx context.Context, in oauth.Logout, v oauth.Visit) (oauth.LoggedOut, error)
	Apps(ctx context.Context, userID string) ([]oauth.App, error)
	RemoveApp(ctx context.Context, userID, clientID string, actor audit.Actor) (int64, error)
	Wake()
}

// Handlers are the endpoints that people's browsers come to.
type Handlers struct {
	Provider Provider
	// Client finds an enabled client by its id.
	Client   func(ctx context.Context, id string) (*oauth.Client, error)
	People   *accounts.Service
	Browsers *accounts.Browsers
	Self     *accounts.SelfService
	Factors  *accounts.Factors
	Pages    *Pages
	Cookies  Cookies
	// Guard knows where our own forms come from.
	Guard *http.CrossOriginProtection
	// Actor says who is asking, from the request; RequestID is the id that the log tells of it under.
	Actor     func(*gin.Context) audit.Actor
	RequestID func(*gin.Context) string
	Now       func() time.Time
}

// look is what every page needs to know of its request.
func (h *Handlers) look(c *gin.Context, locales []string) Look {
	who := readerOf(c)
	return Look{Languages: locales, Locale: who.locale, AcceptLanguage: c.GetHeader("Accept-Language"), RequestID: h.RequestID(c), Now: who.in(h.Now())}
}

// maxForm bounds the body of a request.
const maxForm = 64 << 10

// readForm reads a form that a browser sends. *oauth.InvalidRequest where it is none.
func readForm(r *http.Request) (url.Values, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, &oauth.InvalidRequest{Problem: sentence.Say("has a body that is no form")}
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if err != nil || len(raw) > maxForm {
		return nil, &oauth.InvalidRequest{Problem: sentence.Say("has a body that is too large or broken off")}
	}
	form, err := url.ParseQuery(string(raw))
	if err != nil {
		return nil, &oauth.InvalidRequest{Problem: sentence.Say("has a malformed body")}
	}
	return form, nil
}

// ReadQuery reads a query string. *oauth.InvalidRequest where it is malformed.
func ReadQuery(r *http.Request) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, &oauth.InvalidRequest{Problem: sentence.Say("has a malformed query string")}
	}
	return query, nil
}

// ownForm reads a form of one of our pages.
func (h *Handlers) ownForm(c *gin.Context) (url.Values, error) {
	if err := h.checkOrigin(c.Request); err != nil {
		return nil, err
	}
	form, err := readForm(c.Request)
	c.Set(formKey, form)
	return form, err
}

// checkOrigin returns ErrCrossSite where another site sent the form: browsers say so, by Sec-Fetch-Site or
// Origin.
func (h *Handlers) checkOrigin(r *http.Request) error {
	if h.Guard.Check(r) != nil {
		return oauth.ErrCrossSite
	}
	return nil
}

// Answer takes the browser back to a client.
func (h *Handlers) Answer(c *gin.Context, a oauth.Answer) {
	if action, fields, ok := a.FormPost(); ok {
		h.Pages.FormPost(c, http.StatusOK, FormPost{Look: h.look(c, nil), Action: action, Fields: fields})
		return
	}
	seeOther(c, a.Location())
}

// seeOther redirects by 303, which never repeats a form at the place it leads to (RFC 9700 section 4.12).
func seeOther(c *gin.Context, location string) {
	header := c.Writer.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Location", location)
	c.Status(http.StatusSeeOther)
	c.Writer.WriteHeaderNow()
}

// clientOf is what pages say of a client; host is that of the redirect URI.
func clientOf(c *oauth.Client, host string) Client {
	return Client{
		Name: c.DisplayName(), Host: host, LogoURI: c.LogoURI, PolicyURI: c.PolicyURI, TermsURI: c.TermsURI,
		ClientURI: c.ClientURI, FirstParty: c.FirstParty,
	}
}

// Failure is what an error becomes on a page.
type Failure struct {
	Status int
	// Key is that of Error.
	Key string
	// Developers is the text for developers, in English.
	Developers string
}

// WriteFailure shows the page of an error; client is who asked, nil where that is not known.
func (h *Handlers) WriteFailure(c *gin.Context, f Failure, client *oauth.Client) {
	page := Error{Look: h.look(c, nil), Key: f.Key, Detail: f.Developers}
	if client != nil {
		who := clientOf(client, "")
		page.Client = &who
	}
	if slices.Contains(errorsWithHome, f.Key) {
		page.Home = AccountPath
	}
	h.Pages.Error(c, f.Status, page)
}

// Locales are the languages that pages can be had in, as BCP 47 tags.
func Locales() []string { return spoken.Languages() }
