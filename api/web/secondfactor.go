package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
	"keyturn/issuer/oauth"
)

// withRecovery is the value of "with" that asks for a recovery code in place of one of the app.
const withRecovery = "recovery"

// hold keeps the half of a sign-in that a password has proved, and goes on to the page of the second factor.
func (h *Handlers) hold(c *gin.Context, needed *accounts.SecondFactorNeeded, second string) error {
	secret, err := h.Factors.Hold(c.Request.Context(), needed, h.browser(c))
	if err != nil {
		return err
	}
	h.Cookies.set(c, pendingCookie, secret)
	seeOther(c, second)
	return nil
}

// held names the half sign-in of this browser.
func (h *Handlers) held(c *gin.Context) accounts.Held {
	return accounts.Held{Secret: h.Cookies.get(c, pendingCookie), Browser: h.Cookies.get(c, browserCookie)}
}

// SecondFactor asks whoever has shown a password for more, or for the password where none was shown a while ago.
func (h *Handlers) SecondFactor(c *gin.Context) error {
	p, err := h.place(c)
	if err != nil || p == nil {
		return err
	}
	held, err := h.Factors.Look(c.Request.Context(), h.held(c))
	if errors.Is(err, accounts.ErrPendingGone) {
		seeOther(c, p.below(""))
		return nil
	}
	if err != nil {
		return err
	}
	h.secondPage(c, http.StatusOK, p, held, c.Query("with"), Problem{})
	return nil
}

func (h *Handlers) secondPage(c *gin.Context, status int, p *place, held accounts.HeldSignIn, with string, problem Problem) {
	page := h.factorPage(c, p, held.Has, with)
	page.Username, page.Problem, page.Back = held.Username, problem, p.below("")
	page.Action = p.below("/second")
	page.offer(held.Has, page.Action)
	page.Passkey = h.ceremony(held.Has.Passkeys > 0, secondBegin, page.Action)
	h.Pages.SecondFactor(c, status, page)
}

// factorPage is what sign-in and step-up have in common. with is the way that the person chose.
func (h *Handlers) factorPage(c *gin.Context, p *place, has accounts.FactorCounts, with string) SecondFactor {
	page := SecondFactor{Look: h.look(c, p.locales()), Client: p.client(), Cancel: p.stop != nil, Redirects: p.redirects(), Console: p.stop == nil && leadsToConsole(p.next)}
	switch {
	case with == withRecovery && has.RecoveryCodes > 0:
		page.Code = CodeRecovery
	case has.Apps > 0:
		page.Code = CodeApp
	}
	return page
}

// offer links to the other kind of code; here is the address of the page.
func (v *SecondFactor) offer(has accounts.FactorCounts, here string) {
	switch {
	case v.Code == CodeRecovery:
		v.Usual = here
	case has.RecoveryCodes > 0 && strings.Contains(here, "?"):
		v.Recovery = here + "&with=" + withRecovery
	case has.RecoveryCodes > 0:
		v.Recovery = here + "?with=" + withRecovery
	}
}

// SecondFactorForm takes a code or the answer of a passkey.
func (h *Handlers) SecondFactorForm(c *gin.Context) error {
	form, err := h.ownForm(c)
	if err != nil {
		return err
	}
	p, err := h.place(c)
	if err != nil || p == nil {
		return err
	}
	if form.Get("decision") == "cancel" && p.stop != nil {
		return h.cancel(c)
	}
	ctx, held := c.Request.Context(), h.held(c)
	whose, err := h.Factors.Look(ctx, held)
	if err == nil {
		var proof accounts.Authentication
		response, code := form.Get("response"), form.Get("code")
		switch {
		case form.Has("response") && response == "":
			err = accounts.ErrCeremonyGone
		case form.Has("response"):
			proof, err = h.Factors.FinishSecond(ctx, held, []byte(response), h.Actor(c))
		case code == "":
			err = errNoCode
		default:
			proof, err = h.Factors.VerifyCode(ctx, held, code, h.Actor(c))
		}
		if err == nil {
			return h.arrive(c, p, proof)
		}
	}
	if gone := goneProblem(err); gone.Kind != "" {
		h.Cookies.clear(c, pendingCookie)
		h.signInAgain(c, p, whose.Username, gone)
		return nil
	}
	status, problem, err := h.factorProblem(err, form.Has("response"))
	if err == nil {
		h.secondPage(c, status, p, whose, form.Get("with"), problem)
	}
	return err
}

// errNoCode says that a form came without what it asks for.
var errNoCode = errors.New("web: the form holds no code")

// goneProblem is for what leaves nothing but to begin anew: the half sign-in has expired, or the person was changed
// meanwhile.
func goneProblem(err error) Problem {
	if errors.Is(err, accounts.ErrPendingGone) || errors.Is(err, accounts.ErrCredentials) {
		return Problem{Kind: ProblemExpired}
	}
	return Problem{}
}

// factorProblem is what a page says of a proof that was not taken, and its status; the error itself where it is none
// that the person can mend.
func (h *Handlers) factorProblem(err error, passkey bool) (int, Problem, error) {
	throttled, isThrottled := errors.AsType[*accounts.Throttled](err)
	switch {
	case isThrottled:
		return http.StatusTooManyRequests, Problem{Kind: ProblemThrottled, Wait: throttled.RetryAfter}, nil
	case errors.Is(err, errNoCode):
		return http.StatusUnprocessableEntity, Problem{Kind: ProblemNoCode}, nil
	case errors.Is(err, accounts.ErrCeremonyGone), passkey && errors.Is(err, accounts.ErrSecondFactor):
		return http.StatusUnprocessableEntity, Problem{Kind: ProblemPasskey}, nil
	case errors.Is(err, accounts.ErrSecondFactor):
		return http.StatusUnprocessableEntity, Problem{Kind: ProblemCode}, nil
	}
	return 0, Problem{}, err
}

// cancel ends an interaction at the person's wish.
func (h *Handlers) cancel(c *gin.Context) error {
	err := h.Provider.Cancel(c.Request.Context(), interactionID(c), h.visit(c))
	if errors.Is(err, oauth.ErrFinished) {
		return h.finished(c)
	}
	return err
}
