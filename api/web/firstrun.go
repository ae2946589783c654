package web

import (
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
	"keyturn/keys"
)

// firstAdministrator makes the first administrator, signs them in and goes on to the offer of a passkey, where
// passkeys can be had, else to the console.
func (h *Handlers) firstAdministrator(c *gin.Context, secret keys.Secret, form url.Values) (string, error) {
	sent := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	proof, err := h.Self.BecomeAdministrator(c.Request.Context(), secret, accounts.FirstAdministrator{
		Username: sent("chosen_username"), Email: sent("email"), NewPerson: personOf(form),
	}, h.Actor(c))
	if err != nil {
		return "", err
	}
	if _, err := h.startSession(c, proof); err != nil {
		return "", err
	}
	if h.Self.Offers(accounts.FeatureWays) && h.Factors.TakesPasskeys() {
		return LinkPath + string(accounts.LinkFirstRun) + "/done", nil
	}
	return FirstClientPath, nil
}

// passkeyWays lead to the page that adds a passkey, and past it.
func (h *Handlers) passkeyWays(*gin.Context) []Way {
	return []Way{
		{"passkey", AccountPath + waysBegin + "passkey?next=" + url.QueryEscape(FirstClientPath)},
		{"not_now", FirstClientPath},
	}
}
