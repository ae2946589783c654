package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
	"keyturn/api/admin"
	"keyturn/api/web"
	"keyturn/audit"
	"keyturn/audit/sentence"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// call is one request of somebody who was let in.
type call struct {
	gin   *gin.Context
	ctx   context.Context
	k     *Console
	texts web.Texts
	// actor is who asks, with what they may do.
	actor audit.Actor
	who   accounts.Authentication
	query url.Values
	// form is what was sent by POST.
	form url.Values
	// badReason says that the reason in the form was refused, for the page that asks for one; actor has none then.
	badReason error
}

// Guard lets a request through to its route only from a browser in which somebody is signed in who has the route's
// right, and has proved themself as strongly as their groups demand. Both are read at each request: what somebody loses,
// they lose at once.
func (k *Console) Guard(r Route) func(*gin.Context) error {
	return func(c *gin.Context) error {
		c.Header("Cache-Control", "no-store")
		who, err := k.SignedIn(c)
		if errors.Is(err, accounts.ErrNotSignedIn) {
			web.ToSignIn(c, k.wayBack(c))
			return nil
		}
		if err != nil {
			return err
		}
		err = k.Factors.Demand(c.Request.Context(), who)
		if errors.Is(err, accounts.ErrLevelRequired) {
			web.ToStepUp(c, k.wayBack(c))
			return nil
		}
		if err != nil {
			return err
		}
		in := &call{gin: c, ctx: c.Request.Context(), k: k, texts: k.Pages.textsFor(c), who: who, actor: k.Actor(c)}
		in.actor.Kind, in.actor.ID = audit.User, who.UserID()
		if in.actor.Rights, err = k.Accounts.RightsOf(in.ctx, who.UserID()); err != nil {
			return err
		}
		return k.refuse(in, r.answer(in))
	}
}

// answer does what the route does, for whoever has its right.
func (r Route) answer(in *call) (err error) {
	c, k := in.gin, in.k
	if err := in.actor.Need(r.Right); err != nil {
		return err
	}
	if in.query, err = web.ReadQuery(c.Request); err != nil {
		return err
	}
	if err := checkTexts(in.query); err != nil {
		return err
	}
	if c.Request.Method != http.MethodPost {
		if r.recent && k.Now().Sub(in.who.At()) > web.TimeToType {
			return in.again()
		}
		return r.get(in)
	}
	if in.form, err = k.OwnForm(c); err != nil {
		return err
	}
	if err := checkTexts(in.form); err != nil {
		return err
	}
	why := strings.TrimSpace(in.form.Get("reason"))
	if in.badReason = checkReason(why); in.badReason == nil {
		in.actor.Why = why
	}
	if r.recent && k.Accounts.Recent(in.ctx, in.who) != nil {
		return in.again()
	}
	return r.post(in)
}

const (
	// refusedHere is the reason of recorded refusals.
	refusedHere = "console"
	// refusalTime bounds how long a refusal waits for its trace.
	refusalTime = time.Second
)

// refuse keeps a trace of who was refused what they may not do, and returns the refusal. It stands without a trace, too.
func (k *Console) refuse(in *call, err error) error {
	if k.Refusals == nil || !errors.Is(err, audit.ErrForbidden) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(in.ctx), refusalTime)
	defer cancel()
	refusal := audit.Refusal{Account: in.actor.ID, Address: accounts.PlaceOf(in.actor.Address), Reason: refusedHere}
	if lost := k.Refusals.AddRefusal(ctx, refusal); lost != nil {
		return &admin.Unrecorded{Refusal: err, Cause: lost}
	}
	return err
}

// tooOld tells whether a change has to wait for a recent proof of who makes it, because it gives somebody rights to
// administer, or an account to somebody: at a desk that somebody left nobody must make themself an administrator, have
// the mail come to themself by which passwords are chosen anew, or take away what a group demands.
func (c *call) tooOld(gives bool) bool { return gives && c.k.Accounts.Recent(c.ctx, c.who) != nil }

// wayBack is where somebody goes on after they signed in: to the page that they asked for, or to that whose form
// they sent.
func (k *Console) wayBack(c *gin.Context) string {
	if c.Request.Method == http.MethodGet {
		return c.Request.URL.RequestURI()
	}
	return c.Request.URL.EscapedPath()
}

// checkTexts refuses what no database stores.
func checkTexts(values url.Values) error {
	for name, given := range values {
		broken := func(text string) bool { return !utf8.ValidString(text) || strings.ContainsRune(text, 0) }
		if broken(name) || slices.ContainsFunc(given, broken) {
			return &oauth.InvalidRequest{Problem: sentence.Say("holds what is no text")}
		}
	}
	return nil
}

// may tells whether the caller has a right.
func (c *call) may(right audit.Rights) bool { return c.actor.Rights.Cover(right) }

// id is a part of the path, or notFound where it can't be an id, so that the store is never asked for it.
func (c *call) id(name string, notFound error) (string, error) {
	id := c.gin.Param(name)
	if !keys.IsID(id) {
		return "", notFound
	}
	return id, nil
}

// goTo redirects by 303, which never repeats a form at the place it leads to.
func (c *call) goTo(path string) error {
	c.gin.Header("Location", Path+path)
	c.gin.Status(http.StatusSeeOther)
	c.gin.Writer.WriteHeaderNow()
	return nil
}
