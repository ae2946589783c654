package web

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
	"keyturn/issuer/oauth"
)

// stepUpPath is below a place: where the form of the step-up goes, and at the account page also where it stands.
const stepUpPath = "/step-up"

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
	page.Action = p.below(stepUpPath)
	here := p.path
	if p.stop == nil {
		here = page.Action
	}
	page.offer(has, here)
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
	proof, err := h.elevate(c, who, form)
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

// elevate adds what the form holds, a passkey's answer or a code, to what the person has proved before.
func (h *Handlers) elevate(c *gin.Context, who accounts.Authentication, form url.Values) (accounts.Authentication, error) {
	ctx, response, code := c.Request.Context(), form.Get("response"), form.Get("code")
	switch {
	case form.Has("response") && response == "":
		return accounts.Authentication{}, accounts.ErrCeremonyGone
	case form.Has("response"):
		return h.Factors.ElevateByPasskey(ctx, who, h.Cookies.get(c, browserCookie), []byte(response), h.Actor(c))
	case code == "":
		return accounts.Authentication{}, errNoCode
	}
	return h.Factors.ElevateByCode(ctx, who, code, h.Actor(c))
}

// ToStepUp leads whoever is signed in to the page that asks for what their groups demand, and from there back to path.
func ToStepUp(c *gin.Context, path string) {
	seeOther(c, (&place{path: AccountPath, next: path}).below(stepUpPath))
}

// OwnStepUp asks whoever is signed in for what their groups demand, without a client that wants it: on the way to a page
// of ours that is for nobody who has proved less.
func (h *Handlers) OwnStepUp(c *gin.Context) error {
	return h.lacking(c, func(p *place, who accounts.Authentication, level accounts.Level) error {
		can, err := h.Factors.Reachable(c.Request.Context(), who.UserID())
		switch {
		case err != nil:
			return err
		case can.Satisfies(level):
			return h.stepUpPage(c, http.StatusOK, p, level, c.Query("with"), Problem{})
		case level == accounts.PhishingResistant && !h.Factors.TakesPasskeys():
			return accounts.ErrLevelRequired // which nobody reaches here
		}
		h.enrollPage(c, p, level)
		return nil
	})
}

// OwnStepUpForm takes a code or a passkey there.
func (h *Handlers) OwnStepUpForm(c *gin.Context) error {
	form, err := h.ownForm(c)
	if err != nil {
		return err
	}
	return h.lacking(c, func(p *place, who accounts.Authentication, level accounts.Level) error {
		proof, err := h.elevate(c, who, form)
		if err == nil {
			return h.arrive(c, p, proof)
		}
		status, problem, err := h.factorProblem(err, form.Has("response"))
		if err != nil {
			return err
		}
		return h.stepUpPage(c, status, p, level, form.Get("with"), problem)
	})
}

// lacking does something about the level that whoever is signed in lacks; who lacks none goes on.
func (h *Handlers) lacking(c *gin.Context, do func(p *place, who accounts.Authentication, level accounts.Level) error) error {
	p := &place{path: AccountPath, next: c.Query("next")}
	who, err := h.SignedIn(c)
	if errors.Is(err, accounts.ErrNotSignedIn) {
		seeOther(c, p.below(""))
		return nil
	}
	if err != nil {
		return err
	}
	err = h.Factors.Demand(c.Request.Context(), who)
	if err == nil {
		seeOther(c, p.onward())
		return nil
	}
	if !errors.Is(err, accounts.ErrLevelRequired) {
		return err
	}
	level, err := h.Factors.RequiredLevel(c.Request.Context(), who.UserID())
	if err != nil {
		return err
	}
	return do(p, who, level)
}

// enrollPage leads somebody who has nothing that reaches the demanded level to what does.
func (h *Handlers) enrollPage(c *gin.Context, p *place, level accounts.Level) {
	page := Enroll{
		Look: h.look(c, p.locales()), Client: p.client(), Action: p.path + stepUpPath, Redirects: p.redirects(),
		OnlyPasskey: level == accounts.PhishingResistant,
	}
	if h.Factors.TakesPasskeys() {
		page.Passkey = p.below(waysBegin + "passkey")
	}
	if !page.OnlyPasskey {
		page.App = p.below(waysBegin + "app")
	}
	h.Pages.Enroll(c, http.StatusOK, page)
}
