package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
	"keyturn/keys"
)

// linkPage is the page of a one-time link. It is shown as often as anybody asks for it, mail scanners among them, and uses
// nothing up: only its form does.
type linkPage struct {
	step, used, gone, done StepName
	// usedWays and goneWays are where to go with a link that was used, or is not good.
	usedWays, goneWays []Way
	// doneWays are the ways on from done.
	doneWays func(*Handlers, *gin.Context) []Way
	fields   func(accounts.OpenedLink) []Field
	// finish does what the link is for and returns where to go on.
	finish func(h *Handlers, c *gin.Context, secret keys.Secret, form url.Values) (next string, err error)
}

var toSignIn = Way{"sign_in", AccountPath}

// LinkAt is where one-time links lead, whatever address somebody came by: always to the configured issuer.
func LinkAt(issuer string) func(accounts.LinkPurpose, keys.Secret) string {
	return func(purpose accounts.LinkPurpose, secret keys.Secret) string {
		return issuer + LinkPath + string(purpose) + "?token=" + secret.Reveal()
	}
}

// linkPages are the pages by the purpose that stands in the path.
var linkPages = map[accounts.LinkPurpose]linkPage{
	accounts.LinkSignUp: {
		step: StepSignUpLink, used: StepSignUpUsed, gone: StepSignUpGone,
		usedWays: []Way{toSignIn}, goneWays: []Way{{"new_link", SignUpPath}, toSignIn},
		fields: newPerson,
		finish: func(h *Handlers, c *gin.Context, secret keys.Secret, form url.Values) (string, error) {
			return h.welcome(c, func() (accounts.Authentication, error) {
				return h.Self.FinishSignUp(c.Request.Context(), secret, personOf(form), h.Actor(c))
			})
		},
	},
	accounts.LinkInvitation: {
		step: StepInvitation, used: StepInvitationUsed, gone: StepInvitationGone,
		usedWays: []Way{toSignIn}, goneWays: []Way{toSignIn},
		fields: newPerson,
		finish: func(h *Handlers, c *gin.Context, secret keys.Secret, form url.Values) (string, error) {
			return h.welcome(c, func() (accounts.Authentication, error) {
				return h.Self.AcceptInvitation(c.Request.Context(), secret, personOf(form), h.Actor(c))
			})
		},
	},
	accounts.LinkPasswordReset: {
		step: StepReset, used: StepResetUsed, gone: StepResetGone, done: StepResetDone,
		doneWays: func(h *Handlers, c *gin.Context) []Way { return []Way{{"sign_in_now", h.onward(c)}} },
		usedWays: []Way{toSignIn, {"new_link", ForgottenPath}}, goneWays: []Way{{"new_link", ForgottenPath}, toSignIn},
		fields: func(l accounts.OpenedLink) []Field { return resetFields(l.Username, l.LeastPassword) },
		finish: func(h *Handlers, c *gin.Context, secret keys.Secret, form url.Values) (string, error) {
			err := h.Self.Reset(c.Request.Context(), secret, form.Get("new_password"), h.Actor(c))
			return LinkPath + string(accounts.LinkPasswordReset) + "/done", err
		},
	},
	accounts.LinkEmailConfirm: {
		step: StepConfirmEmail, used: StepConfirmUsed, gone: StepConfirmGone, done: StepEmailConfirmed,
		doneWays: func(*Handlers, *gin.Context) []Way { return []Way{{"account", AccountPath}} },
		usedWays: []Way{{"account", AccountPath}}, goneWays: []Way{{"new_link", EmailPath}, {"account", AccountPath}},
		fields: func(accounts.OpenedLink) []Field { return nil },
		finish: func(h *Handlers, c *gin.Context, secret keys.Secret, _ url.Values) (string, error) {
			by, err := h.SignedIn(c)
			if err != nil && !errors.Is(err, accounts.ErrNotSignedIn) {
				return "", err
			}
			_, err = h.Self.ConfirmEmail(c.Request.Context(), secret, by, h.Actor(c))
			return LinkPath + string(accounts.LinkEmailConfirm) + "/done", err
		},
	},
	accounts.LinkFirstRun: {
		step: StepFirstRun, used: StepFirstRunUsed, gone: StepFirstRunGone, done: StepFirstRunDone,
		usedWays: []Way{toSignIn}, goneWays: []Way{toSignIn},
		fields: func(l accounts.OpenedLink) []Field { return administratorFields(l.LeastPassword) },
		finish: (*Handlers).firstAdministrator,
	},
}

func newPerson(l accounts.OpenedLink) []Field {
	return newPersonFields(l.Username, l.GivenName, l.FamilyName, l.LeastPassword)
}

func personOf(form url.Values) accounts.NewPerson {
	return accounts.NewPerson{
		GivenName: strings.TrimSpace(form.Get("given_name")), FamilyName: strings.TrimSpace(form.Get("family_name")),
		Password: form.Get("password"),
	}
}

// welcome makes an account and signs its owner in.
func (h *Handlers) welcome(c *gin.Context, create func() (accounts.Authentication, error)) (next string, err error) {
	proof, err := create()
	if err != nil {
		return "", err
	}
	next = h.onward(c)
	_, err = h.startSession(c, proof)
	return next, err
}

// noPurpose says that there is no page: there are no links of that purpose.
func (h *Handlers) noPurpose(c *gin.Context) error {
	h.WriteFailure(c, Failure{Status: http.StatusNotFound, Key: "not_found"}, nil)
	return nil
}

// Link shows the page of a one-time link.
func (h *Handlers) Link(c *gin.Context) error {
	page, known := linkPages[purposeOf(c)]
	if !known {
		return h.noPurpose(c)
	}
	_, err := h.opened(c, page, keys.SecretOf(c.Query("token")), func(v Step) error { return h.step(c, http.StatusOK, v) })
	return err
}

// LinkForm does what the link is for.
func (h *Handlers) LinkForm(c *gin.Context) error {
	page, known := linkPages[purposeOf(c)]
	if !known {
		return h.noPurpose(c)
	}
	form, err := h.ownForm(c)
	if err != nil {
		return err
	}
	secret, next := keys.SecretOf(form.Get("token")), ""
	done, err := h.opened(c, page, secret, func(v Step) error {
		_, err := h.take(c, v, form, func() (err error) {
			next, err = page.finish(h, c, secret, form)
			return err
		})
		return err
	})
	if done && err == nil && next != "" {
		seeOther(c, next)
	}
	return err
}

// opened does something with the page of a link that is good. Where it is not, or not any more when it comes to using it,
// a page says so, and good is false.
func (h *Handlers) opened(c *gin.Context, page linkPage, secret keys.Secret, do func(Step) error) (good bool, err error) {
	purpose := purposeOf(c)
	link, err := h.Self.Look(c.Request.Context(), purpose, secret)
	if err == nil {
		err = do(Step{
			Name: page.step, Facts: Facts{Email: link.Email, Username: link.Username}, Action: LinkPath + string(purpose),
			Hidden: map[string]string{"token": secret.Reveal()}, Fields: page.fields(link),
		})
	}
	switch {
	case errors.Is(err, accounts.ErrLinkUsed):
		return false, h.step(c, http.StatusGone, Step{Name: page.used, Ways: h.ways(page.usedWays)})
	case errors.Is(err, accounts.ErrLinkGone):
		return false, h.step(c, http.StatusGone, Step{Name: page.gone, Ways: h.ways(page.goneWays)})
	}
	return err == nil, err
}

// ways are those that lead somewhere: nobody is sent to what is switched off.
func (h *Handlers) ways(all []Way) []Way {
	var open []Way
	for _, w := range all {
		feature, of := map[string]accounts.Feature{
			SignUpPath: accounts.FeatureSignUp, ForgottenPath: accounts.FeaturePasswordReset, EmailPath: accounts.FeatureEmail,
		}[w.Path]
		if !of || h.Self.Offers(feature) {
			open = append(open, w)
		}
	}
	return open
}

// LinkDone says that it is done, for links that do not lead on by themselves.
func (h *Handlers) LinkDone(c *gin.Context) error {
	page := linkPages[purposeOf(c)]
	if page.done == "" {
		return h.noPurpose(c)
	}
	if page.done == StepFirstRunDone {
		return h.step(c, http.StatusOK, protectStep(h.Factors.TakesPasskeys()))
	}
	return h.step(c, http.StatusOK, Step{Name: page.done, Ways: page.doneWays(h, c)})
}

func purposeOf(c *gin.Context) accounts.LinkPurpose { return accounts.LinkPurpose(c.Param("purpose")) }
