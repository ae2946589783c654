package web

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
)

// Where the script asks for what it hands to the browser, each by POST. The answer is JSON: an object whose member
// publicKey is what WebAuthn Level 3 section 5.1 calls PublicKeyCredentialRequestOptionsJSON, or for passkeyBegin
// PublicKeyCredentialCreationOptionsJSON.
const (
	signInBegin  = "/passkey/sign-in" // whoever it is
	secondBegin  = "/passkey/second"  // whose password was right
	stepUpBegin  = "/passkey/step-up" // who is signed in
	passkeyBegin = "/passkey/new"
)

// Ceremony is a form that the script fills in with what a passkey answers. The zero value is none.
type Ceremony struct {
	// Begin is where the question comes from, Finish where the answer goes.
	Begin, Finish string
}

// ceremony is one where passkeys can be had and there is something to ask for.
func (h *Handlers) ceremony(wanted bool, begin, finish string) Ceremony {
	if !wanted || !h.Factors.TakesPasskeys() {
		return Ceremony{}
	}
	return Ceremony{begin, finish}
}

// BeginPasskeySignIn asks for any passkey for this provider.
func (h *Handlers) BeginPasskeySignIn(c *gin.Context) error {
	return h.question(c, func() ([]byte, error) {
		return h.Factors.BeginSignIn(c.Request.Context(), h.browser(c))
	})
}

// BeginSecondPasskey asks whoever has shown a password for a passkey.
func (h *Handlers) BeginSecondPasskey(c *gin.Context) error {
	return h.question(c, func() ([]byte, error) {
		return h.Factors.BeginSecond(c.Request.Context(), h.held(c))
	})
}

// BeginStepUpPasskey asks whoever is signed in for a passkey.
func (h *Handlers) BeginStepUpPasskey(c *gin.Context) error {
	return h.question(c, func() ([]byte, error) {
		who, err := h.Browsers.Resume(c.Request.Context(), h.Cookies.get(c, sessionCookie))
		if err != nil {
			return nil, err
		}
		return h.Factors.BeginElevate(c.Request.Context(), who, h.browser(c))
	})
}

// BeginNewPasskey asks the browser of whoever is signed in to make a passkey.
func (h *Handlers) BeginNewPasskey(c *gin.Context) error {
	return h.question(c, func() ([]byte, error) {
		who, err := h.Browsers.Resume(c.Request.Context(), h.Cookies.get(c, sessionCookie))
		if err != nil {
			return nil, err
		}
		return h.Factors.BeginPasskey(c.Request.Context(), who, h.browser(c))
	})
}

// question answers the script. What hinders the ceremony is told to nobody but the log: the script sends the form
// without an answer then, and the page says what to do.
func (h *Handlers) question(c *gin.Context, ask func() ([]byte, error)) error {
	if _, err := h.ownForm(c); err != nil {
		return err
	}
	text, err := ask()
	if errors.Is(err, accounts.ErrNotSignedIn) {
		err = accounts.ErrCeremonyGone
	}
	if err != nil {
		return err
	}
	c.Header("Cache-Control", "no-store")
	c.Header("X-Content-Type-Options", "nosniff")
	c.Data(http.StatusOK, "application/json", text)
	return nil
}

// PasskeySignIn takes what a passkey answered in place of name and password.
func (h *Handlers) PasskeySignIn(c *gin.Context) error {
	form, err := h.ownForm(c)
	if err != nil {
		return err
	}
	p, err := h.place(c)
	if err != nil || p == nil {
		return err
	}
	if form.Get("response") == "" {
		h.signInAgain(c, p, "", Problem{Kind: ProblemPasskey})
		return nil
	}
	proof, err := h.Factors.FinishSignIn(c.Request.Context(), h.Cookies.get(c, browserCookie), []byte(form.Get("response")), h.Actor(c))
	switch {
	case errors.Is(err, accounts.ErrCeremonyGone), errors.Is(err, accounts.ErrCredentials), errors.Is(err, accounts.ErrSecondFactor):
		h.signInAgain(c, p, "", Problem{Kind: ProblemPasskey})
		return nil
	case err != nil:
		return err
	}
	return h.arrive(c, p, proof)
}
