package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
	"keyturn/audit"
)

// owner is whoever changes their ways to sign in, at the account page or on the way through an interaction that
// demands another one.
type owner struct {
	*place
	who   accounts.Authentication
	actor audit.Actor
}

// waysBegin begins the addresses of what is set up, below a place.
const waysBegin = "/ways/"

// owned does something for the person who is signed in. Whoever is not is asked to be, and whoever signed in too long
// ago for it signs in again.
func (h *Handlers) owned(c *gin.Context, do func(ctx context.Context, o owner) error) error {
	p, err := h.place(c)
	if err != nil || p == nil {
		return err
	}
	ctx := c.Request.Context()
	who, err := h.SignedIn(c)
	if errors.Is(err, accounts.ErrNotSignedIn) {
		seeOther(c, p.path)
		return nil
	}
	if err != nil {
		return err
	}
	if err := h.mayChangeWays(ctx, p, who); err != nil {
		return err
	}
	actor := h.Actor(c)
	actor.Kind, actor.ID = audit.User, who.UserID()
	err = do(ctx, owner{p, who, actor})
	if !errors.Is(err, accounts.ErrReauthenticate) {
		return err
	}
	// The page whose form it was, where it has one of its own.
	page := place{path: strings.TrimSuffix(strings.TrimSuffix(c.Request.URL.Path, "/rename"), "/remove"), next: p.next}
	p.next = page.below("")
	user, err := h.People.Get(ctx, who.UserID())
	if err == nil {
		h.keepTyped(c, who, p.next)
		h.signInAgain(c, p, user.Username, Problem{Kind: ProblemAgain})
	}
	return err
}

// mayChangeWays refuses it where that is switched off. What a policy demands on the way is not a wish of the person's.
func (h *Handlers) mayChangeWays(ctx context.Context, p *place, who accounts.Authentication) error {
	off := h.needs(accounts.FeatureWays)
	if off == nil || p.stop != nil {
		return nil
	}
	required, err := h.Factors.RequiredLevel(ctx, who.UserID())
	if err != nil || required == "" {
		return cmp.Or(err, off)
	}
	can, err := h.Factors.Reachable(ctx, who.UserID())
	if err != nil || can.Satisfies(required) {
		return cmp.Or(err, off)
	}
	return nil
}

// PasskeyPage begins to set up a passkey.
func (h *Handlers) PasskeyPage(c *gin.Context) error {
	return h.owned(c, func(ctx context.Context, o owner) error {
		if err := h.People.Recent(ctx, o.who); err != nil {
			return err
		}
		h.newPasskeyPage(c, http.StatusOK, o, h.typed(c, o.who).Get("name"), Problem{})
		return nil
	})
}

func (h *Handlers) newPasskeyPage(c *gin.Context, status int, o owner, name string, problem Problem) {
	action := o.below(waysBegin + "passkey")
	h.Pages.NewPasskey(c, status, NewPasskey{
		Look: h.look(c, o.locales()), Passkey: h.ceremony(true, passkeyBegin, action), Back: o.onward(),
		Device: c.Request.UserAgent(), Name: name, Problem: problem, Redirects: o.redirects(),
	})
}

// AddPasskey takes a passkey that the browser has made.
func (h *Handlers) AddPasskey(c *gin.Context) error {
	form, err := h.ownForm(c)
	if err != nil {
		return err
	}
	return h.owned(c, func(ctx context.Context, o owner) error {
		before, err := h.Factors.Ways(ctx, o.who.UserID())
		if err != nil {
			return err
		}
		name := form.Get("name")
		var proof accounts.Authentication
		if response := form.Get("response"); response != "" {
			if strings.TrimSpace(name) == "" {
				name = h.defaultName(c, o, "newpasskey.name")
			}
			_, proof, err = h.Factors.AddPasskey(ctx, o.who, h.Cookies.get(c, browserCookie), []byte(response), name, o.actor)
		} else if _, err = h.Factors.BeginPasskey(ctx, o.who, h.browser(c)); err == nil {
			err = accounts.ErrCeremonyGone // nothing hinders it now
		}
		if problem := enrolProblem(err); problem.Kind != "" {
			h.newPasskeyPage(c, http.StatusUnprocessableEntity, o, name, problem)
			return nil
		}
		if err != nil {
			return err
		}
		return h.enrolled(c, o, before, proof, DonePasskeyAdded)
	})
}

// defaultName is what something is called that was set up without a name, in the language of the page.
func (h *Handlers) defaultName(c *gin.Context, o owner, key string) string {
	return h.Pages.dated(h.look(c, o.locales()), key)
}

// AppPage shows the secret of an authenticator app that is being set up.
func (h *Handlers) AppPage(c *gin.Context) error {
	return h.owned(c, func(ctx context.Context, o owner) error {
		return h.newAppPage(c, http.StatusOK, o, h.typed(c, o.who).Get("name"), Problem{})
	})
}

func (h *Handlers) newAppPage(c *gin.Context, status int, o owner, name string, problem Problem) error {
	app, err := h.Factors.BeginApp(c.Request.Context(), o.who)
	if errors.Is(err, accounts.ErrTooManyFactors) {
		seeOther(c, o.path)
		return nil
	}
	if err != nil {
		return err
	}
	return h.Pages.NewApp(c, status, NewApp{
		Look: h.look(c, o.locales()), Action: o.below(waysBegin + "app"), Back: o.onward(),
		Secret: app.Secret, URI: app.URI, Name: name, Problem: problem, Redirects: o.redirects(),
	})
}

// ConfirmApp takes the first code of an authenticator app.
func (h *Handlers) ConfirmApp(c *gin.Context) error {
	form, err := h.ownForm(c)
	if err != nil {
		return err
	}
	return h.owned(c, func(ctx context.Context, o owner) error {
		before, err := h.Factors.Ways(ctx, o.who.UserID())
		if err != nil {
			return err
		}
		code, name := form.Get("code"), form.Get("name")
		if strings.TrimSpace(name) == "" {
			name = h.defaultName(c, o, "newapp.name")
		}
		var proof accounts.Authentication
		if err = errNoCode; code != "" {
			_, proof, err = h.Factors.ConfirmApp(ctx, o.who, code, name, o.actor)
		}
		if problem := enrolProblem(err); problem.Kind != "" {
			if problem.Kind == ProblemPasskey { // ErrCeremonyGone, which is of an app here
				problem.Kind = ProblemAppGone
			}
			return h.newAppPage(c, http.StatusUnprocessableEntity, o, form.Get("name"), problem)
		}
		if err != nil {
			return err
		}
		return h.enrolled(c, o, before, proof, DoneAppAdded)
	})
}

// enrolled goes on after something was set up: the session counts for what was proved with it, and with the first second
// factor recovery codes are offered, to whoever may have them.
func (h *Handlers) enrolled(c *gin.Context, o owner, before accounts.Ways, proof accounts.Authentication, done string) error {
	if _, err := h.startSession(c, proof); err != nil {
		return err
	}
	switch first := len(before.Passkeys)+len(before.Apps) == 0; {
	case first && before.RecoveryCodes == 0 && (o.stop != nil || h.Self.Offers(accounts.FeatureWays)):
		seeOther(c, o.below(waysBegin+"recovery-codes"))
	case o.leadsOn():
		seeOther(c, o.onward())
	default:
		seeOther(c, AccountPath+"?done="+done)
	}
	return nil
}

// enrolProblem is what a page says of something that was not set up.
func enrolProblem(err error) Problem {
	for _, of := range []struct {
		err  error
		kind ProblemKind
	}{
		{errNoCode, ProblemNoCode},
		{accounts.ErrSecondFactor, ProblemCode},
		{accounts.ErrCeremonyGone, ProblemPasskey},
		{accounts.ErrPasskeyRefused, ProblemPasskeyRefused},
		{accounts.ErrTooManyFactors, ProblemTooMany},
	} {
		if errors.Is(err, of.err) {
			return Problem{Kind: of.kind}
		}
	}
	if in, ok := errors.AsType[*accounts.InvalidRequest](err); ok && in != nil {
		return Problem{Kind: ProblemName}
	}
	return Problem{}
}

// RecoveryCodesPage offers new recovery codes.
func (h *Handlers) RecoveryCodesPage(c *gin.Context) error {
	return h.owned(c, func(ctx context.Context, o owner) error {
		ways, err := h.Factors.Ways(ctx, o.who.UserID())
		if err != nil {
			return err
		}
		if len(ways.Passkeys)+len(ways.Apps) == 0 {
			seeOther(c, o.path) // there is nothing that they would stand in for
			return nil
		}
		h.Pages.RecoveryCodes(c, http.StatusOK, RecoveryCodes{
			Look: h.look(c, o.locales()), Action: o.below(waysBegin + "recovery-codes"), Onward: o.onward(),
			Left: ways.RecoveryCodes, Interaction: o.leadsOn(),
		})
		return nil
	})
}

// MakeRecoveryCodes makes them and shows them this once.
func (h *Handlers) MakeRecoveryCodes(c *gin.Context) error {
	if _, err := h.ownForm(c); err != nil {
		return err
	}
	return h.owned(c, func(ctx context.Context, o owner) error {
		codes, err := h.Factors.MakeRecoveryCodes(ctx, o.who, o.actor)
		if errors.Is(err, accounts.ErrNoSecondFactor) {
			seeOther(c, o.path)
			return nil
		}
		if err != nil {
			return err
		}
		h.Pages.RecoveryCodes(c, http.StatusOK, RecoveryCodes{
			Look: h.look(c, o.locales()), Codes: codes, Onward: o.onward(), Interaction: o.leadsOn(),
		})
		return nil
	})
}

// Factor shows one of the person's passkeys or apps, to be renamed or removed.
func (h *Handlers) Factor(c *gin.Context) error {
	return h.owned(c, func(ctx context.Context, o owner) error {
		return h.factorOf(c, http.StatusOK, o, h.typed(c, o.who).Get("name"), Problem{})
	})
}

// factorOf shows it with the name that was typed, its own without one; the account page where it is gone.
func (h *Handlers) factorOf(c *gin.Context, status int, o owner, typed string, problem Problem) error {
	ways, err := h.Factors.Ways(c.Request.Context(), o.who.UserID())
	if err != nil {
		return err
	}
	row, found := accountWays(ways).find(c.Param("factor"))
	if !found {
		seeOther(c, AccountPath)
		return nil
	}
	if typed == "" {
		typed = row.Name
	}
	h.Pages.Factor(c, status, FactorPage{Look: h.look(c, nil), Factor: row, Typed: typed, Back: AccountPath, Problem: problem})
	return nil
}

// RenameFactor gives it another name.
func (h *Handlers) RenameFactor(c *gin.Context) error {
	form, err := h.ownForm(c)
	if err != nil {
		return err
	}
	return h.owned(c, func(ctx context.Context, o owner) error {
		if strings.TrimSpace(form.Get("name")) == "" { // the domain would make one up, in English
			return h.factorOf(c, http.StatusUnprocessableEntity, o, "", Problem{Kind: ProblemName})
		}
		err := h.Factors.Rename(ctx, o.who, c.Param("factor"), form.Get("name"), o.actor)
		if problem := enrolProblem(err); problem.Kind != "" {
			return h.factorOf(c, http.StatusUnprocessableEntity, o, form.Get("name"), problem)
		}
		return factorDone(c, err, DoneFactorRenamed)
	})
}

// RemoveFactor removes it, unless it is the last way in or a policy demands it.
func (h *Handlers) RemoveFactor(c *gin.Context) error {
	if _, err := h.ownForm(c); err != nil {
		return err
	}
	return h.owned(c, func(ctx context.Context, o owner) error {
		err := h.Factors.Remove(ctx, o.who, c.Param("factor"), o.actor)
		switch {
		case errors.Is(err, accounts.ErrLastWay):
			return h.factorOf(c, http.StatusConflict, o, "", Problem{Kind: ProblemLastWay})
		case errors.Is(err, accounts.ErrLevelRequired):
			return h.factorOf(c, http.StatusConflict, o, "", Problem{Kind: ProblemDemanded})
		}
		h.Provider.Wake()
		return factorDone(c, err, DoneFactorRemoved)
	})
}

// factorDone goes back to the account page, also where the factor was gone already.
func factorDone(c *gin.Context, err error, done string) error {
	if err != nil && !errors.Is(err, accounts.ErrFactorNotFound) {
		return err
	}
	seeOther(c, AccountPath+"?done="+done)
	return nil
}
