package web

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// place is where somebody proves who they are: in an interaction of a client, or at the account page.
type place struct {
	// path is its address, which those of its forms begin with.
	path string
	// stop is where the interaction stands; nil at the account page.
	stop *oauth.Stop
	// next is where to go on to from the account's sign-in, as the request says; see ownPlace.
	next string
}

// below is an address of the place's own.
func (p *place) below(path string) string {
	if next, err := ownPlace(p.next); err == nil && p.stop == nil {
		return p.path + path + "?next=" + url.QueryEscape(next)
	}
	return p.path + path
}

// onward is where to go on to when the person has proved enough.
func (p *place) onward() string {
	if next, err := ownPlace(p.next); err == nil && p.stop == nil {
		return next
	}
	return p.path
}

// leadsOn tells whether the person was on the way to something else than their account.
func (p *place) leadsOn() bool { return p.stop != nil || p.onward() != p.path }

// place is that of the request. Where an interaction was completed before it shows that and returns nil.
func (h *Handlers) place(c *gin.Context) (*place, error) {
	if c.Param("id") == "" {
		return &place{path: AccountPath, next: c.Query("next")}, nil
	}
	id := interactionID(c)
	stop, err := h.Provider.Look(c.Request.Context(), id, h.visit(c))
	if errors.Is(err, oauth.ErrFinished) {
		h.finishedPage(c, stop)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &place{path: InteractionPath + id.Reveal(), stop: stop}, nil
}

func (p *place) client() *Client {
	if p.stop == nil {
		return nil
	}
	client := clientOf(p.stop.Client, p.stop.RedirectHost())
	return &client
}

func (p *place) locales() []string {
	if p.stop == nil {
		return nil
	}
	return p.stop.Request.UILocales
}

func (p *place) redirects() string {
	if p.stop == nil {
		return ""
	}
	return p.stop.RedirectOrigin()
}

// signInAgain shows the sign-in page of the place with what went wrong.
func (h *Handlers) signInAgain(c *gin.Context, p *place, username string, problem Problem) {
	status := http.StatusUnprocessableEntity
	if !problem.Refused() {
		status = http.StatusOK
	}
	if p.stop == nil {
		h.accountSignIn(c, status, p.next, username, problem)
		return
	}
	h.signInPage(c, status, p.stop, username, problem)
}

// arrive gives the browser the session of a proof, and goes on where the person was on the way to.
func (h *Handlers) arrive(c *gin.Context, p *place, proof accounts.Authentication) error {
	who, err := h.startSession(c, proof)
	if err != nil {
		return err
	}
	if p.stop != nil {
		if err := h.Provider.SignedIn(c.Request.Context(), p.stop.ID, h.visit(c), who); err != nil {
			return err
		}
	}
	seeOther(c, p.onward())
	return nil
}

// startSession gives the browser the cookie of a session, and takes that of a half sign-in.
func (h *Handlers) startSession(c *gin.Context, proof accounts.Authentication) (accounts.Authentication, error) {
	secret, who, err := h.Browsers.Start(c.Request.Context(), proof, h.Cookies.get(c, sessionCookie), c.Request.UserAgent(), h.Actor(c))
	if err != nil {
		return accounts.Authentication{}, err
	}
	h.Cookies.set(c, sessionCookie, secret)
	h.Cookies.clear(c, pendingCookie)
	h.Provider.Wake() // the session of somebody else may have ended with it
	return who, nil
}

// browser is the secret that binds what is half done to this browser; one is made where there is none.
func (h *Handlers) browser(c *gin.Context) keys.Secret {
	secret := h.Cookies.get(c, browserCookie)
	if secret.Reveal() == "" {
		secret = keys.NewSecret()
		h.Cookies.set(c, browserCookie, secret)
	}
	return secret
}

// ToPlace answers a reload of what a form led to, or Enter in the address bar there.
func (h *Handlers) ToPlace(c *gin.Context) error {
	if c.Param("id") == "" {
		return h.ToAccount(c)
	}
	seeOther(c, InteractionPath+url.PathEscape(c.Param("id")))
	return nil
}
