package web

import (
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
	"keyturn/keys"
)

// firstAdministrator makes the first administrator, signs them in, has their address proved where letters leave, and
// goes on to the offer of a second way to sign in.
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
	if email := sent("email"); email != "" && h.Self.Offers(accounts.FeatureEmail) {
		// Without that letter there is the button on the account page. The administrator is made either way.
		_ = h.Self.AskEmailChange(c.Request.Context(), proof, email, h.letterLanguage(c), h.actorOwn(c, proof))
	}
	if h.Self.Offers(accounts.FeatureWays) {
		return LinkPath + string(accounts.LinkFirstRun) + "/done", nil
	}
	return FirstClientPath, nil
}

// protectStep is the page that offers the first administrator a second way to sign in: a passkey, or an authenticator
// app where the issuer is an IP address and passkeys can't be had.
func protectStep(passkeys bool) Step {
	name, way := StepFirstRunDone, "passkey"
	if !passkeys {
		name, way = StepFirstRunApp, "app"
	}
	return Step{Name: name, Ways: []Way{
		{way, AccountPath + waysBegin + way + "?next=" + url.QueryEscape(FirstClientPath)},
		{"not_now", FirstClientPath},
	}}
}
