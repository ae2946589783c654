package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
	"keyturn/audit/sentence"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// interactionID is the id in the path.
func interactionID(c *gin.Context) keys.Secret { return keys.SecretOf(c.Param("id")) }

// Interaction shows whatever is next: after a reload, the back button or a step in another tab too.
func (h *Handlers) Interaction(c *gin.Context) error {
	stop, err := h.Provider.Resume(c.Request.Context(), interactionID(c), h.visit(c))
	if errors.Is(err, oauth.ErrFinished) {
		h.finishedPage(c, stop)
		return nil
	}
	if err != nil {
		return err
	}
	return h.proceed(c, stop)
}

// proceed shows what is next of an interaction.
func (h *Handlers) proceed(c *gin.Context, stop *oauth.Stop) error {
	p := &place{path: InteractionPath + stop.ID.Reveal(), stop: stop}
	switch next := stop.Next.(type) {
	case oauth.SignIn:
		if next.Why == oauth.StepUp {
			return h.stepUpPage(c, http.StatusOK, p, next.Level, c.Query("with"), Problem{})
		}
		h.signInPage(c, http.StatusOK, stop, next.Hint, reasonProblem(next.Why))
	case oauth.Enroll:
		h.enrollPage(c, p, next.Level)
	case oauth.AskConsent:
		return h.consentPage(c, stop, next)
	case oauth.Return:
		h.Answer(c, next.Answer)
	}
	return nil
}

// ToInteraction answers a reload of what a form led to, or Enter in the address bar there.
func (h *Handlers) ToInteraction(c *gin.Context) error {
	seeOther(c, InteractionPath+url.PathEscape(c.Param("id")))
	return nil
}

func (h *Handlers) finishedPage(c *gin.Context, stop *oauth.Stop) {
	client := clientOf(stop.Client, stop.RedirectHost())
	h.Pages.Finished(c, http.StatusOK, Finished{Look: h.look(c, stop.Request.UILocales), Client: &client, Home: AccountPath})
}

// finished answers somebody who declines what was completed before, for example on a page from the browser's
// memory.
func (h *Handlers) finished(c *gin.Context) error {
	stop, err := h.Provider.Look(c.Request.Context(), interactionID(c), h.visit(c))
	if err != nil && !errors.Is(err, oauth.ErrFinished) {
		return err
	}
	h.finishedPage(c, stop)
	return nil
}

// reasonProblem says why somebody who may be signed in is asked to sign in.
func reasonProblem(why oauth.SignInReason) Problem {
	switch why {
	case oauth.Asked, oauth.TooLongAgo:
		return Problem{Kind: ProblemAgain}
	case oauth.AnotherPerson:
		return Problem{Kind: ProblemOther}
	}
	return Problem{}
}

func (h *Handlers) signInPage(c *gin.Context, status int, stop *oauth.Stop, username string, problem Problem) {
	client := clientOf(stop.Client, stop.RedirectHost())
	h.Pages.SignIn(c, status, SignIn{
		Look: h.look(c, stop.Request.UILocales), Client: &client,
		Action: InteractionPath + stop.ID.Reveal() + "/sign-in", Cancel: true,
		Username: username, Problem: problem, Redirects: stop.RedirectOrigin(),
		Forgotten: fromInteraction(h.offered(accounts.FeaturePasswordReset, ForgottenPath), stop.ID),
		SignUp:    fromInteraction(h.offered(accounts.FeatureSignUp, SignUpPath), stop.ID),
		Passkey:   h.ceremony(true, signInBegin, InteractionPath+stop.ID.Reveal()+"/passkey"),
	})
}

func (h *Handlers) consentPage(c *gin.Context, stop *oauth.Stop, ask oauth.AskConsent) error {
	user, err := h.People.Get(c.Request.Context(), ask.UserID)
	if err != nil {
		return err
	}
	reads(c, user)
	h.Pages.Consent(c, http.StatusOK, Consent{
		Look: h.look(c, stop.Request.UILocales), Client: clientOf(stop.Client, stop.RedirectHost()),
		Action: InteractionPath + stop.ID.Reveal() + "/consent", Other: InteractionPath + stop.ID.Reveal() + "/other", Username: user.Username, Session: ask.SessionID,
		Scopes: ask.Scopes, Claims: ask.Claims, Resource: ask.Resource, Redirects: stop.RedirectOrigin(),
	})
	return nil
}

// Other asks whoever is signed in as somebody else to sign in as who they want to be. It changes nothing by itself.
func (h *Handlers) Other(c *gin.Context) error {
	stop, err := h.Provider.Look(c.Request.Context(), interactionID(c), h.visit(c))
	if errors.Is(err, oauth.ErrFinished) {
		h.finishedPage(c, stop)
		return nil
	}
	if err == nil {
		h.signInPage(c, http.StatusOK, stop, "", Problem{})
	}
	return err
}

// SignIn takes the sign-in form of an interaction.
func (h *Handlers) SignIn(c *gin.Context) error {
	form, err := h.ownForm(c)
	if err != nil {
		return err
	}
	ctx, id, visit := c.Request.Context(), interactionID(c), h.visit(c)
	if form.Get("decision") == "cancel" {
		return h.cancel(c)
	}
	stop, err := h.Provider.Look(ctx, id, visit)
	if errors.Is(err, oauth.ErrFinished) {
		h.finishedPage(c, stop)
		return nil
	}
	if err != nil {
		return err
	}
	who, err := h.signIn(c, form, InteractionPath+id.Reveal()+"/second", func(status int, username string, problem Problem) {
		h.signInPage(c, status, stop, username, problem)
	})
	if err != nil || !who.Valid() {
		return err
	}
	if err := h.Provider.SignedIn(ctx, id, visit, who); err != nil {
		return err
	}
	seeOther(c, InteractionPath+id.Reveal())
	return nil
}

// signIn signs the browser in with a name and a password. It shows the page again, or goes on to that of the second
// factor, and returns a proof of nothing, where that is not all.
func (h *Handlers) signIn(c *gin.Context, form url.Values, second string, again func(status int, username string, p Problem)) (accounts.Authentication, error) {
	username, password := strings.TrimSpace(form.Get("username")), form.Get("password")
	if username == "" || password == "" {
		again(http.StatusUnprocessableEntity, username, Problem{Kind: ProblemMissing})
		return accounts.Authentication{}, nil
	}
	who, err := h.start(c, username, password)
	throttled, isThrottled := errors.AsType[*accounts.Throttled](err)
	needed, isNeeded := errors.AsType[*accounts.SecondFactorNeeded](err)
	switch {
	case isNeeded:
		return accounts.Authentication{}, h.hold(c, needed, second)
	case isThrottled:
		again(http.StatusTooManyRequests, username, Problem{Kind: ProblemThrottled, Wait: throttled.RetryAfter})
	case errors.Is(err, accounts.ErrCredentials):
		again(http.StatusUnprocessableEntity, username, Problem{Kind: ProblemCredentials})
	case errors.Is(err, accounts.ErrHashingBusy):
		c.Header("Retry-After", "2")
		again(http.StatusServiceUnavailable, username, Problem{Kind: ProblemBusy})
	default:
		return who, err
	}
	return accounts.Authentication{}, nil
}

// start proves the person and gives the browser its cookie.
func (h *Handlers) start(c *gin.Context, username, password string) (accounts.Authentication, error) {
	proof, err := h.People.Authenticate(c.Request.Context(), accounts.SignIn{Username: username, Password: password, Actor: h.Actor(c)})
	if err != nil {
		return accounts.Authentication{}, err
	}
	return h.startSession(c, proof)
}

// Consent takes the person's decision.
func (h *Handlers) Consent(c *gin.Context) error {
	form, err := h.ownForm(c)
	if err != nil {
		return err
	}
	decision := oauth.Decision{SessionID: form.Get("session")}
	switch form.Get("decision") {
	case "allow":
		decision.Allowed = true
	case "deny":
	default:
		return &oauth.InvalidRequest{Param: "decision", Problem: sentence.Say("must be allow or deny")}
	}
	id := interactionID(c)
	err = h.Provider.Consent(c.Request.Context(), id, h.visit(c), decision)
	if errors.Is(err, oauth.ErrFinished) {
		return h.finished(c)
	}
	if err != nil && !errors.Is(err, accounts.ErrNotSignedIn) {
		return err
	}
	seeOther(c, InteractionPath+id.Reveal()) // which asks to sign in where that has ended meanwhile
	return nil
}
