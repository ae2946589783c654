package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
)

// ownPage is a page of the account with one form, for whoever is signed in.
type ownPage struct {
	feature accounts.Feature
	// recent tells that the form wants a recent proof.
	recent bool
	step   func(h *Handlers, c *gin.Context, who accounts.Authentication) (Step, error)
	// do does it and returns where to go on.
	do func(h *Handlers, c *gin.Context, who accounts.Authentication, form url.Values) (next string, err error)
}

var toAccount = []Way{{"back", AccountPath}}

// OwnPage shows the page that the path names, Own takes its form.
func (h *Handlers) OwnPage(c *gin.Context) error {
	page := ownPages[c.Request.URL.Path]
	if err := h.needs(page.feature); err != nil {
		return err
	}
	signedIn := h.person
	if page.recent {
		signedIn = h.recently
	}
	return signedIn(c, func(who accounts.Authentication) error {
		v, err := page.step(h, c, who)
		if err != nil {
			return err
		}
		v.fill(h.typed(c, who))
		return h.step(c, http.StatusOK, v)
	})
}

// Own takes the form of such a page.
func (h *Handlers) Own(c *gin.Context) error {
	page := ownPages[c.Request.URL.Path]
	if err := h.needs(page.feature); err != nil {
		return err
	}
	form, err := h.ownForm(c)
	if err != nil {
		return err
	}
	return h.person(c, func(who accounts.Authentication) error {
		v, err := page.step(h, c, who)
		if err != nil {
			return err
		}
		next := ""
		done, err := h.take(c, v, form, func() (err error) {
			next, err = page.do(h, c, who, form)
			return err
		})
		if done && next != "" {
			seeOther(c, next)
		}
		return err
	})
}

// OwnPaths are the paths of these pages.
func OwnPaths() []string {
	return []string{ProfilePath, EmailPath, PasswordPath, DownloadPath, DeletePath}
}

// ownPages are these pages by their paths.
var ownPages = map[string]ownPage{
	ProfilePath:  {accounts.FeatureName, false, (*Handlers).profileStep, (*Handlers).changeProfile},
	EmailPath:    {accounts.FeatureEmail, true, (*Handlers).emailStep, (*Handlers).changeEmail},
	PasswordPath: {accounts.FeaturePassword, true, (*Handlers).passwordStep, (*Handlers).changePassword},
	DownloadPath: {accounts.FeatureDownload, true, (*Handlers).downloadStep, (*Handlers).download},
	DeletePath:   {accounts.FeatureDeletion, true, (*Handlers).deleteStep, (*Handlers).deleteAccount},
}

func (h *Handlers) profileStep(c *gin.Context, who accounts.Authentication) (Step, error) {
	user, err := h.People.Get(c.Request.Context(), who.UserID())
	return Step{Name: StepProfile, Action: ProfilePath, Fields: h.Pages.profileFields(user), Ways: toAccount}, err
}

// changeProfile keeps what the page does not show.
func (h *Handlers) changeProfile(c *gin.Context, who accounts.Authentication, form url.Values) (string, error) {
	user, err := h.People.Get(c.Request.Context(), who.UserID())
	if err != nil {
		return "", err
	}
	sent := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	err = h.Self.ChangeName(c.Request.Context(), who, accounts.Profile{
		GivenName: sent("given_name"), FamilyName: sent("family_name"), Nickname: sent("nickname"),
		Website: user.Claims.Website, Zoneinfo: sent("zoneinfo"), Locale: sent("locale"),
	}, h.actorOwn(c, who))
	return AccountPath + "?done=" + DoneProfileSaved, err
}

func (h *Handlers) emailStep(*gin.Context, accounts.Authentication) (Step, error) {
	return Step{Name: StepEmail, Action: EmailPath, Fields: emailFields(), Ways: toAccount}, nil
}

func (h *Handlers) changeEmail(c *gin.Context, who accounts.Authentication, form url.Values) (string, error) {
	user, err := h.People.Get(c.Request.Context(), who.UserID())
	if err != nil {
		return "", err
	}
	email := strings.TrimSpace(form.Get("email"))
	if user.EmailVerified && user.Email == email {
		return "", &wrongField{"email", "same"}
	}
	err = h.Self.AskEmailChange(c.Request.Context(), who, email, h.letterLanguage(c), h.actorOwn(c, who))
	return EmailPath + "/sent", err
}

// EmailSent says what to do next.
func (h *Handlers) EmailSent(c *gin.Context) error {
	return h.step(c, http.StatusOK, Step{
		Name: StepEmailSent, Facts: Facts{Wait: accounts.LifetimeOf(accounts.LinkEmailConfirm)}, Ways: h.ways([]Way{{"new_link", EmailPath}, {"account", AccountPath}}),
	})
}

func (h *Handlers) passwordStep(c *gin.Context, who accounts.Authentication) (Step, error) {
	ctx := c.Request.Context()
	user, err := h.People.Get(ctx, who.UserID())
	if err != nil {
		return Step{}, err
	}
	has, err := h.Self.HasPassword(ctx, who)
	if err != nil {
		return Step{}, err
	}
	least, err := h.Self.LeastPassword(ctx, who.UserID())
	return Step{Name: StepPassword, Action: PasswordPath, Fields: passwordFields(user.Username, has, least), Ways: toAccount}, err
}

func (h *Handlers) changePassword(c *gin.Context, who accounts.Authentication, form url.Values) (string, error) {
	proof, err := h.Self.ChangePassword(c.Request.Context(), who, form.Get("current_password"), form.Get("new_password"), h.actorOwn(c, who))
	if err != nil {
		return "", err
	}
	_, err = h.startSession(c, proof) // everything else that was open has ended
	return AccountPath + "?done=" + DonePasswordChanged, err
}

func (h *Handlers) downloadStep(*gin.Context, accounts.Authentication) (Step, error) {
	return Step{Name: StepDownload, Action: DownloadPath, Ways: toAccount}, nil
}

// download writes the file itself.
func (h *Handlers) download(c *gin.Context, who accounts.Authentication, _ url.Values) (string, error) {
	export, err := h.Self.Export(c.Request.Context(), who, h.actorOwn(c, who))
	if err != nil {
		return "", err
	}
	body, err := json.MarshalIndent(export, "", "  ")
	if err != nil {
		return "", err
	}
	pagePolicy{}.set(c.Writer.Header())
	c.Header("Content-Disposition", `attachment; filename="account.json"`)
	c.Data(http.StatusOK, "application/json", append(body, '\n'))
	return "", nil
}

// deleteStep says what ends, or at once that the last administrator can't leave.
func (h *Handlers) deleteStep(c *gin.Context, who accounts.Authentication) (Step, error) {
	ctx := c.Request.Context()
	last, err := h.People.IsLastAdministrator(ctx, who.UserID())
	if err != nil || last {
		return Step{Name: StepDeleteLast, Ways: toAccount}, err
	}
	user, err := h.People.Get(ctx, who.UserID())
	if err != nil {
		return Step{}, err
	}
	sessions, err := h.Browsers.Sessions(ctx, who.UserID())
	if err != nil {
		return Step{}, err
	}
	apps, err := h.Provider.Apps(ctx, who.UserID())
	if err != nil {
		return Step{}, err
	}
	v := Step{
		Name: StepDelete, Facts: Facts{Username: user.Username, Sessions: len(sessions)}, Action: DeletePath, Danger: true, Ways: toAccount,
	}
	for _, a := range apps {
		if a.Removable {
			v.Facts.Apps++
		}
	}
	if h.Self.Offers(accounts.FeatureDownload) {
		v.Ways = append([]Way{{"download", DownloadPath}}, v.Ways...)
	}
	return v, nil
}

func (h *Handlers) deleteAccount(c *gin.Context, who accounts.Authentication, _ url.Values) (string, error) {
	err := h.Self.Delete(c.Request.Context(), who, h.actorOwn(c, who))
	if errors.Is(err, accounts.ErrLastAdministrator) {
		return "", h.step(c, http.StatusConflict, Step{Name: StepDeleteLast, Ways: toAccount})
	}
	if err != nil {
		return "", err
	}
	h.Cookies.clear(c, sessionCookie)
	h.Provider.Wake()
	return DeletedPath, nil
}

// Deleted says that it is done, to whoever comes.
func (h *Handlers) Deleted(c *gin.Context) error {
	return h.step(c, http.StatusOK, Step{Name: StepDeleted})
}
