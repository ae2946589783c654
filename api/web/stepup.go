package web

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
	"keyturn/issuer/oauth"
)

// stepUpPage asks whoever is signed in for what reaches a level.
func (h *Handlers) stepUpPage(c *gin.Context, status int, p *place, level accounts.Level, with string, problem Problem) error {
	ctx := c.Request.Context()
	who, err := h.SignedIn(c)
	if err != nil {
		return err
	}
	user, err := h.People.Get(ctx, who.UserID())
	if err != nil {
		return err
	}
	ways, err := h.Factors.Ways(ctx, who.UserID())
	if err != nil {
		return err
	}
	has := accounts.FactorCounts{Passkeys: int64(len(ways.Passkeys)), Apps: int64(len(ways.Apps)), RecoveryCodes: ways.RecoveryCodes}
	if level == accounts.PhishingResistant { // which no code reaches
		has.Apps, has.RecoveryCodes = 0, 0
	}
	page := h.factorPage(c, p, has, with)
	page.Username, page.Problem, page.StepUp = user.Username, problem, true
	page.Action = p.path + "/step-up"
	page.offer(has, p.path)
	page.Passkey = h.ceremony(has.Passkeys > 0, stepUpBegin, page.Action)
	h.Pages.SecondFactor(c, status, page)
	return nil
}

// StepUp takes a code or a passkey of somebody who is signed in. The session that comes of it is a new one, so that
// nothing planted before is worth more after.
func (h *Handlers) StepUp(c *gin.Context) error {
	form, err := h.ownForm(c)
	if err != nil {
		return err
	}
	if form.Get("decision") == "cancel" {
		return h.cancel(c)
	}
	ctx, id := c.Request.Context(), interactionID(c)
	stop, err := h.Provider.Resume(ctx, id, h.visit(c))
	if errors.Is(err, oauth.ErrFinished) {
		h.finishedPage(c, stop)
		return nil
	}
	if err != nil {
		return err
	}
	p := &place{path: InteractionPath + id.Reveal(), stop: stop}
	asked, ok := stop.Next.(oauth.SignIn)
	if !ok || asked.Why != oauth.StepUp {
		return h.proceed(c, stop) // done in another tab, or signed out there
	}
	who, err := h.Browsers.Resume(ctx, h.Cookies.get(c, sessionCookie))
	if err != nil {
		return err
	}
	var proof accounts.Authentication
	switch response, code := form.Get("response"), form.Get("code"); {
	case form.Has("response") && response == "":
		err = accounts.ErrCeremonyGone
	case form.Has("response"):
		proof, err = h.Factors.ElevateByPasskey(ctx, who, h.Cookies.get(c, browserCookie), []byte(response), h.Actor(c))
	case code == "":
		err = errNoCode
	default:
		proof, err = h.Factors.ElevateByCode(ctx, who, code, h.Actor(c))
	}
	if err == nil {
		if _, err = h.startSession(c, proof); err == nil {
			seeOther(c, p.path)
		}
		return err
	}
	status, problem, err := h.factorProblem(err, form.Has("response"))
	if err != nil {
		return err
	}
	return h.stepUpPage(c, status, p, asked.Level, form.Get("with"), problem)
}

// enrollPage leads somebody who has nothing that reaches the demanded level to what does.
func (h *Handlers) enrollPage(c *gin.Context, p *place, ask oauth.Enroll) {
	page := Enroll{
		Look: h.look(c, p.locales()), Client: p.client(), Action: p.path + "/step-up", Redirects: p.redirects(),
		OnlyPasskey: ask.Level == accounts.PhishingResistant,
	}
	if h.Factors.TakesPasskeys() {
		page.Passkey = p.path + "/ways/passkey"
	}
	if !page.OnlyPasskey {
		page.App = p.path + "/ways/app"
	}
	h.Pages.Enroll(c, http.StatusOK, page)
}
