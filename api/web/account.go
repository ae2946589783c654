package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer/oauth"
)

// The words of audit for what people do on their account page.
const (
	endedByOwner = "ended_by_owner"
	endedAll     = "signed_out_everywhere"
)

// Account shows a person where they are signed in and which apps have access, or asks them to sign in. With the
// parameter next, the sign-in leads on to that page of ours.
func (h *Handlers) Account(c *gin.Context) error {
	who, err := h.SignedIn(c)
	if errors.Is(err, accounts.ErrNotSignedIn) {
		h.accountSignIn(c, http.StatusOK, c.Query("next"), "", Problem{})
		return nil
	}
	if err != nil {
		return err
	}
	return h.accountPage(c, who, c.Query("done"), c.Query("app"))
}

// ToAccount leads there from the issuer's own address, and from those that only take forms.
func (h *Handlers) ToAccount(c *gin.Context) error {
	seeOther(c, AccountPath)
	return nil
}

func (h *Handlers) accountSignIn(c *gin.Context, status int, next, username string, p Problem) {
	at := &place{path: AccountPath, next: next}
	if h.Factors.TakesPasskeys() {
		h.browser(c) // before the script asks twice at once, and each question is bound to a browser of its own
	}
	h.Pages.SignIn(c, status, SignIn{
		Look: h.look(c, nil), Action: at.below("/sign-in"), Username: username, Problem: p, Console: leadsToConsole(next),
		Passkey:   h.ceremony(true, signInBegin, at.below("/passkey")),
		Forgotten: h.offered(accounts.FeaturePasswordReset, ForgottenPath), SignUp: h.offered(accounts.FeatureSignUp, SignUpPath),
	})
}

// leadsToConsole tells whether somebody signs in for the console.
func leadsToConsole(next string) bool {
	place, err := ownPlace(next)
	return err == nil && strings.HasPrefix(place, ConsolePath)
}

func (h *Handlers) accountPage(c *gin.Context, who accounts.Authentication, done, app string) error {
	ctx := c.Request.Context()
	user, err := h.People.Get(ctx, who.UserID())
	if err != nil {
		return err
	}
	sessions, err := h.Browsers.Sessions(ctx, who.UserID())
	if err != nil {
		return err
	}
	apps, err := h.Provider.Apps(ctx, who.UserID())
	if err != nil {
		return err
	}
	if !slices.Contains(dones, done) {
		done = ""
	}
	page := Account{
		Look: h.look(c, nil), Username: user.Username, Name: user.FullName(), SignOutAction: AccountPath + "/sign-out", Done: done,
	}
	h.profile(&page, user)
	rights, err := h.People.RightsOf(ctx, who.UserID())
	if err != nil {
		return err
	}
	if rights.Cover(audit.Read) {
		page.Console = ConsolePath
	}
	ways, err := h.Factors.Ways(ctx, who.UserID())
	if err != nil {
		return err
	}
	page.Ways = accountWays(ways)
	page.Ways.offer(ways, h.Self.Offers(accounts.FeatureWays), h.Factors.TakesPasskeys())
	for _, s := range sessions {
		row := AccountSession{
			ID: s.ID, Device: s.UserAgent, Address: s.Address, Started: s.CreatedAt, Seen: s.SeenAt,
			Current: s.ID == who.SessionID(), Action: AccountPath + "/sessions/" + s.ID + "/end",
		}
		page.Sessions = append(page.Sessions, row)
	}
	for _, a := range apps {
		row := AccountApp{ClientID: a.Client.ID, Name: a.Client.DisplayName(), Host: a.Host, Scopes: a.Scopes, OpenURI: a.OpenURI}
		if a.Removable {
			row.Action = AccountPath + "/apps/" + a.Client.ID + "/remove"
		}
		page.Apps = append(page.Apps, row)
	}
	if done == DoneAccessRemoved {
		page.DoneApp = h.removed(ctx, app, apps)
	}
	h.Pages.Account(c, http.StatusOK, page)
	return nil
}

// profile fills in what the page says of the person, and where that is changed.
func (h *Handlers) profile(page *Account, u accounts.User) {
	page.Nickname, page.Email, page.EmailVerified = u.Claims.Nickname, u.Email, u.EmailVerified
	page.Language, page.Zone = h.Pages.languageName(u.Claims.Locale), zoneName(u.Claims.Zoneinfo)
	page.EditProfile = h.offered(accounts.FeatureName, ProfilePath)
	page.ChangeEmail = h.offered(accounts.FeatureEmail, EmailPath)
	page.ChangePassword = h.offered(accounts.FeaturePassword, PasswordPath)
	page.Download = h.offered(accounts.FeatureDownload, DownloadPath)
	page.Delete = h.offered(accounts.FeatureDeletion, DeletePath)
}

// removed is the name of an app that has no access, as the page claims; empty for one that has, and for no app.
func (h *Handlers) removed(ctx context.Context, id string, apps []oauth.App) string {
	has := func(a oauth.App) bool { return a.Client.ID == id && a.Removable }
	client, err := h.Client(ctx, id)
	if err != nil || slices.ContainsFunc(apps, has) {
		return ""
	}
	return client.DisplayName()
}

// AccountSignIn takes the sign-in form of the account page.
func (h *Handlers) AccountSignIn(c *gin.Context) error {
	form, err := h.ownForm(c)
	if err != nil {
		return err
	}
	at := &place{path: AccountPath, next: c.Query("next")}
	who, err := h.signIn(c, form, at.below("/second"), func(status int, username string, p Problem) { h.accountSignIn(c, status, at.next, username, p) })
	if err == nil && who.Valid() {
		seeOther(c, at.onward())
	}
	return err
}

// own does what a person's form asks for, for the person who is signed in.
func (h *Handlers) own(c *gin.Context, do func(who accounts.Authentication, actor audit.Actor) (next string, err error)) error {
	if _, err := h.ownForm(c); err != nil {
		return err
	}
	who, err := h.Browsers.Resume(c.Request.Context(), h.Cookies.get(c, sessionCookie))
	if errors.Is(err, accounts.ErrNotSignedIn) {
		seeOther(c, AccountPath)
		return nil
	}
	if err != nil {
		return err
	}
	actor := h.Actor(c)
	actor.Kind, actor.ID = audit.User, who.UserID()
	next, err := do(who, actor)
	if err != nil {
		return err
	}
	h.Provider.Wake()
	seeOther(c, next)
	return nil
}

// EndSession ends one of the person's browser sessions.
func (h *Handlers) EndSession(c *gin.Context) error {
	return h.own(c, func(who accounts.Authentication, actor audit.Actor) (string, error) {
		err := h.Browsers.EndOwn(c.Request.Context(), who.UserID(), c.Param("id"), endedByOwner, actor)
		if errors.Is(err, accounts.ErrSessionNotFound) {
			err = nil // it has ended already, which is what was wanted
		}
		return AccountPath + "?done=" + DoneSessionEnded, err
	})
}

// SignOutEverywhere ends all of the person's browser sessions.
func (h *Handlers) SignOutEverywhere(c *gin.Context) error {
	return h.own(c, func(who accounts.Authentication, actor audit.Actor) (string, error) {
		_, err := h.Browsers.EndAllOwn(c.Request.Context(), who.UserID(), endedAll, actor)
		if err == nil {
			h.Cookies.clear(c, sessionCookie)
		}
		return LogoutPath, err
	})
}

// RemoveApp takes back what the person has allowed a client.
func (h *Handlers) RemoveApp(c *gin.Context) error {
	return h.own(c, func(who accounts.Authentication, actor audit.Actor) (string, error) {
		id := c.Param("id")
		_, err := h.Provider.RemoveApp(c.Request.Context(), who.UserID(), id, actor)
		return AccountPath + "?done=" + DoneAccessRemoved + "&app=" + url.QueryEscape(id), err
	})
}
