package web

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
)

// SignUpPage asks for the address of whoever wants an account.
func (h *Handlers) SignUpPage(c *gin.Context) error {
	if err := h.needs(accounts.FeatureSignUp); err != nil {
		return err
	}
	return h.step(c, http.StatusOK, signUpStep(c.Query("interaction")))
}

func signUpStep(interaction string) Step {
	return Step{
		Name: StepSignUp, Action: SignUpPath, Hidden: interactionField(interaction), Fields: emailFields(),
		Ways: []Way{{"sign_in", wayToSignIn(interaction)}},
	}
}

// SignUp has a letter sent. What it answers does not tell whether there is an account with the address.
func (h *Handlers) SignUp(c *gin.Context) error {
	if err := h.needs(accounts.FeatureSignUp); err != nil {
		return err
	}
	form, err := h.ownForm(c)
	if err != nil {
		return err
	}
	done, err := h.take(c, signUpStep(form.Get("interaction")), form, func() error {
		in := accounts.SignUp{Email: strings.TrimSpace(form.Get("email")), Language: h.letterLanguage(c)}
		return h.Self.SignUp(c.Request.Context(), in, h.Actor(c))
	})
	if done {
		h.rememberInteraction(c, form.Get("interaction"))
		seeOther(c, SignUpPath+"/sent")
	}
	return err
}

// SignUpSent says what to do next.
func (h *Handlers) SignUpSent(c *gin.Context) error {
	if err := h.needs(accounts.FeatureSignUp); err != nil {
		return err
	}
	return h.step(c, http.StatusOK, Step{
		Name: StepSignUpSent, Facts: Facts{Wait: accounts.LifetimeOf(accounts.LinkSignUp)}, Ways: []Way{{"new_link", SignUpPath}},
	})
}
