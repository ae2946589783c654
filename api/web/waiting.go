package web

import (
	"net/url"

	"github.com/gin-gonic/gin"

	"keyturn/keys"
)

// waitingCookie names the interaction that somebody left for their mailbox. It is worth nothing in another browser: the
// interaction is bound to this one.
const waitingCookie = "keyturn_waiting"

// interactionField carries the id of an interaction through a form.
func interactionField(id string) map[string]string {
	if id == "" {
		return nil
	}
	return map[string]string{"interaction": id}
}

// fromInteraction is a page that an interaction leads to, and that leads back.
func fromInteraction(path string, id keys.Secret) string {
	if path == "" {
		return ""
	}
	return path + "?interaction=" + url.QueryEscape(id.Reveal())
}

// wayToSignIn leads back to the sign-in page that somebody came from. An id that is none leads to a page that says so.
func wayToSignIn(interaction string) string {
	if interaction == "" {
		return AccountPath
	}
	return InteractionPath + url.PathEscape(interaction)
}

// rememberInteraction notes an interaction that waits in this browser, so that who comes back by the link of a letter goes
// on there.
func (h *Handlers) rememberInteraction(c *gin.Context, id string) {
	secret := keys.SecretOf(id)
	if h.waits(c, secret) {
		h.Cookies.set(c, waitingCookie, secret)
	}
}

// onward is where somebody goes on who has signed up or has a new password: where they came from, while that waits, else to
// their account.
func (h *Handlers) onward(c *gin.Context) string {
	secret := h.Cookies.get(c, waitingCookie)
	if !h.waits(c, secret) {
		return AccountPath
	}
	return InteractionPath + url.PathEscape(secret.Reveal())
}

// waits tells whether the interaction is one of this browser that is not completed.
func (h *Handlers) waits(c *gin.Context, id keys.Secret) bool {
	if id.Reveal() == "" {
		return false
	}
	_, err := h.Provider.Look(c.Request.Context(), id, h.visit(c))
	return err == nil
}
