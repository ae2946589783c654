package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
	"keyturn/audit"
)

// TimeToType is how long somebody has at least for a form that wants a recent proof: the page before it asks for the
// proof anew where less is left of the ten minutes, so that nothing that was typed is lost.
const TimeToType = 5 * time.Minute

// offered is the path of what people may do here, empty where it is switched off.
func (h *Handlers) offered(f accounts.Feature, path string) string {
	if !h.Self.Offers(f) {
		return ""
	}
	return path
}

// needs returns accounts.ErrNotOffered where a feature is switched off.
func (h *Handlers) needs(f accounts.Feature) error {
	if !h.Self.Offers(f) {
		return accounts.ErrNotOffered
	}
	return nil
}

// step shows a page of self-service.
func (h *Handlers) step(c *gin.Context, status int, v Step) error {
	v.Look = h.look(c, nil)
	h.Pages.Step(c, status, v)
	return nil
}

// take does what a form asks for. Where the person has something to mend, the page comes again, and done is false.
func (h *Handlers) take(c *gin.Context, v Step, form url.Values, do func() error) (done bool, err error) {
	sent := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	wrong := unfilled(v.Fields, form)
	status := http.StatusUnprocessableEntity
	if len(wrong) == 0 {
		if err = do(); err == nil {
			return true, nil
		}
		throttled, isThrottled := errors.AsType[*accounts.Throttled](err)
		switch {
		case isThrottled:
			status, v.Problem = http.StatusTooManyRequests, Problem{Kind: ProblemThrottled, Wait: throttled.RetryAfter}
		case errors.Is(err, accounts.ErrHashingBusy):
			c.Header("Retry-After", "2")
			status, v.Problem = http.StatusServiceUnavailable, Problem{Kind: ProblemBusy}
		default:
			if wrong = refusedField(v.Fields, err); wrong == nil {
				return false, err
			}
		}
	}
	v.Mark(sent, wrong)
	return false, h.step(c, status, v)
}

// unfilled finds the fields that must hold something and do not, and choices that were not offered.
func unfilled(fields []Field, form url.Values) map[string]string {
	wrong := map[string]string{}
	for _, f := range fields {
		value := form.Get(f.Name)
		switch {
		case f.ReadOnly:
		case f.Type == "select":
			if !slices.ContainsFunc(f.Options, func(o Option) bool { return o.Value == value }) {
				wrong[f.Name] = "invalid"
			}
		case !f.Optional && strings.TrimSpace(value) == "":
			wrong[f.Name] = "missing"
		}
	}
	return wrong
}

// wrongField is what only a page can say of a field.
type wrongField struct{ name, why string }

func (e *wrongField) Error() string { return "web: the field " + e.name + " is wrong: " + e.why }

// refusedField is the field that an error is about, and why; nil where it is about none.
func refusedField(fields []Field, err error) map[string]string {
	has := func(name string) bool {
		return slices.ContainsFunc(fields, func(f Field) bool { return f.Name == name })
	}
	username := "username"
	if has("chosen_username") {
		username = "chosen_username"
	}
	if errors.Is(err, accounts.ErrUsernameTaken) {
		return map[string]string{username: "taken"}
	}
	if own, ok := errors.AsType[*wrongField](err); ok {
		return map[string]string{own.name: own.why}
	}
	in, ok := errors.AsType[*accounts.InvalidRequest](err)
	if !ok {
		return nil
	}
	name, why := in.Param, "invalid"
	switch name {
	case "name_or_email":
		name = "who"
	case "username":
		name = username
	case "old_password":
		name, why = "current_password", "wrong"
	case "password":
		if refused, ok := errors.AsType[*accounts.PasswordRefused](err); ok {
			why = string(refused.Why)
		}
		if has("new_password") {
			name = "new_password"
		}
	}
	if !has(name) {
		return nil
	}
	return map[string]string{name: why}
}

// person does something for whoever is signed in, with a page of the account for it. Others sign in first and come back.
func (h *Handlers) person(c *gin.Context, do func(who accounts.Authentication) error) error {
	who, err := h.SignedIn(c)
	if err == nil {
		err = do(who)
	}
	switch {
	case errors.Is(err, accounts.ErrNotSignedIn):
		h.accountSignIn(c, http.StatusOK, c.Request.URL.Path, "", Problem{})
		return nil
	case errors.Is(err, accounts.ErrReauthenticate):
		return h.again(c, who)
	}
	return err
}

// recently is person for a page whose form wants a recent proof.
func (h *Handlers) recently(c *gin.Context, do func(who accounts.Authentication) error) error {
	return h.person(c, func(who accounts.Authentication) error {
		if h.Now().Sub(who.At()) > TimeToType {
			return accounts.ErrReauthenticate
		}
		if err := h.People.Recent(c.Request.Context(), who); err != nil {
			return err
		}
		return do(who)
	})
}

// again asks the person who is signed in to prove themself anew, and comes back here.
func (h *Handlers) again(c *gin.Context, who accounts.Authentication) error {
	user, err := h.People.Get(c.Request.Context(), who.UserID())
	if err != nil {
		return err
	}
	h.keepTyped(c, who, c.Request.URL.Path)
	h.accountSignIn(c, http.StatusOK, c.Request.URL.Path, user.Username, Problem{Kind: ProblemAgain})
	return nil
}

// actorOwn is the actor of what somebody does to their own account.
func (h *Handlers) actorOwn(c *gin.Context, who accounts.Authentication) audit.Actor {
	actor := h.Actor(c)
	actor.Kind, actor.ID = audit.User, who.UserID()
	return actor
}

// letterLanguage is that of a letter which is asked for on a page: the page's own.
func (h *Handlers) letterLanguage(c *gin.Context) string {
	return Locales()[h.Pages.LanguageOf(c)]
}
