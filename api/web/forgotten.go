package web

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
)

// ForgottenPage asks who wants a new password.
func (h *Handlers) ForgottenPage(c *gin.Context) error {
	if err := h.needs(accounts.FeaturePasswordReset); err != nil {
		return err
	}
	return h.step(c, http.StatusOK, forgottenStep(c.Query("interaction")))
}

func forgottenStep(interaction string) Step {
	return Step{
		Name: StepForgotten, Action: ForgottenPath, Hidden: interactionField(interaction), Fields: forgottenFields(),
		Ways: []Way{{"sign_in", wayToSignIn(interaction)}},
	}
}

// Forgotten has a letter sent. What it answers does not tell whether there is such an account.
func (h *Handlers) Forgotten(c *gin.Context) error {
	if err := h.needs(accounts.FeaturePasswordReset); err != nil {
		return err
	}
	form, err := h.ownForm(c)
	if err != nil {
		return err
	}
	done, err := h.take(c, forgottenStep(form.Get("interaction")), form, func() error {
		in := accounts.ResetRequest{NameOrEmail: strings.TrimSpace(form.Get("who")), Language: h.letterLanguage(c)}
		return h.Self.AskReset(c.Request.Context(), in, h.Actor(c))
	})
	if done {
		h.rememberInteraction(c, form.Get("interaction"))
		seeOther(c, ForgottenPath+"/sent")
	}
	return err
}

// ForgottenSent says what to do next.
func (h *Handlers) ForgottenSent(c *gin.Context) error {
	if err := h.needs(accounts.FeaturePasswordReset); err != nil {
		return err
	}
	return h.step(c, http.StatusOK, Step{
		Name: StepForgottenSent, Facts: Facts{Wait: accounts.LifetimeOf(accounts.LinkPasswordReset)},
		Ways: []Way{{"new_link", ForgottenPath}, {"sign_in", AccountPath}},
	})
}
