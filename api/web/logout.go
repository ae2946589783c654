package web

import (
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"keyturn/issuer/oauth"
)

// LogoutPath is the end_session_endpoint.
const LogoutPath = "/oauth2/logout"

// Logout is the end_session_endpoint by GET (OpenID Connect RP-Initiated Logout section 2).
func (h *Handlers) Logout(c *gin.Context) error {
	params, err := ReadQuery(c.Request)
	if err != nil {
		return err
	}
	return h.logout(c, oauth.Logout{Params: params})
}

// LogoutByForm is the endpoint by POST. Without a decision it is a client's form, with which browsers send
// no Lax cookie: it goes on by GET, with which they do. With one it is that of our own page.
func (h *Handlers) LogoutByForm(c *gin.Context) error {
	form, err := readForm(c.Request)
	if err != nil {
		return err
	}
	if !form.Has("decision") {
		params := url.Values{}
		for _, name := range oauth.LogoutParams {
			if form.Has(name) {
				params[name] = form[name]
			}
		}
		seeOther(c, LogoutPath+"?"+params.Encode())
		return nil
	}
	if err := h.checkOrigin(c.Request); err != nil {
		return err
	}
	if form.Get("decision") != "logout" {
		seeOther(c, AccountPath)
		return nil
	}
	return h.logout(c, oauth.Logout{Params: form, Confirmed: true})
}

func (h *Handlers) logout(c *gin.Context, in oauth.Logout) error {
	ctx := c.Request.Context()
	out, err := h.Provider.Logout(ctx, in, h.visit(c))
	if err != nil {
		return err
	}
	look := h.look(c, out.Locales)
	if out.Confirm {
		user, err := h.People.Get(ctx, out.UserID)
		if err != nil {
			return err
		}
		page := ConfirmSignOut{Look: look, Action: LogoutPath, Hidden: map[string]string{}, Username: user.Username}
		for _, name := range oauth.LogoutParams {
			if in.Params.Has(name) {
				page.Hidden[name] = in.Params.Get(name)
			}
		}
		if out.Client != nil {
			client := clientOf(out.Client, "")
			page.Client = &client
		}
		if out.HasBack {
			page.Redirects = out.Back.Origin()
		}
		h.Pages.ConfirmSignOut(c, http.StatusOK, page)
		return nil
	}
	h.Cookies.clear(c, sessionCookie)
	if out.HasBack && len(out.Frames) == 0 {
		seeOther(c, out.Back.Location())
		return nil
	}
	page := SignedOut{Look: look, Frames: out.Frames, Home: AccountPath}
	if out.HasBack {
		page.Continue, page.ClientName = out.Back.Location(), out.Client.DisplayName()
	}
	h.Pages.SignedOut(c, http.StatusOK, page)
	return nil
}
