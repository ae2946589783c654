package console

import (
	"html/template"
	"slices"
	"strconv"
	"time"

	"keyturn/accounts"
	"keyturn/api/admin"
)

// userQuestion begins the question about the user in the path, with what that user has open.
func (k *Console) userQuestion(c *call, name string) (*question, accounts.User, error) {
	u, err := k.Accounts.Get(c.ctx, c.gin.Param("id"))
	if err != nil {
		return nil, u, err
	}
	q := &question{
		section: "users", Back: "/users/" + u.ID,
		Title:  c.text("ask."+name+".title", "user", u.Username),
		Button: c.text("ask."+name+".button", "user", u.Username),
		What:   []template.HTML{c.text("ask."+name+".what", "user", u.Username)},
	}
	if u.ID == c.actor.ID {
		q.What = append(q.What, c.text("ask.own"))
	}
	return q, u, nil
}

// ends tells what a user has open and loses with the act.
func (k *Console) ends(c *call, q *question, userID string) (admin.Open, error) {
	open, err := k.whatEnds().OfUser(c.ctx, userID, c.actor)
	if err != nil {
		return open, err
	}
	if open.Sessions > 0 {
		q.Ends = append(q.Ends, c.count("ends.sessions", open.Sessions))
	}
	q.Ends = append(q.Ends, c.grantsEnd(open)...)
	return open, nil
}

// grantsEnd are sentences about the grants that end, and about what lives on for a while.
func (c *call) grantsEnd(open admin.Open) []template.HTML {
	if open.Grants == 0 {
		return nil
	}
	says := c.count("ends.grants", open.Grants)
	if open.More {
		says = c.text("ends.grants.many", "n", open.Grants)
	}
	return []template.HTML{says, c.tokensEnd(open.TokensUntil.Time)}
}

// tokensEnd says until when access tokens live that can't be taken back.
func (c *call) tokensEnd(until time.Time) template.HTML {
	return c.text("ends.tokens", "time", must(c.texts.Exact(until)))
}

// whatEnds finds out what an act would end.
func (k *Console) whatEnds() admin.Ends {
	return admin.Ends{Accounts: k.Accounts, Browsers: k.Browsers, Issuer: k.Issuer, Clients: k.Clients}
}

// ended is where to go on after an act that ended n grants.
func ended(path, done string, n int64) string {
	return path + "?done=" + done + "&n=" + strconv.FormatInt(n, 10)
}

func (k *Console) deactivation(c *call) (*question, error) {
	q, u, err := k.userQuestion(c, "deactivate")
	if err != nil {
		return nil, err
	}
	q.do = func() (string, error) {
		n, err := k.Accounts.Deactivate(c.ctx, u.ID, c.actor)
		return ended(q.Back, "deactivated", n), err
	}
	return q, k.leaves(c, q, u.ID)
}

func (k *Console) activation(c *call) (*question, error) {
	q, u, err := k.userQuestion(c, "activate")
	if err != nil {
		return nil, err
	}
	q.Mild = true
	q.do = func() (string, error) { return q.Back + "?done=activated", k.Accounts.Activate(c.ctx, u.ID, c.actor) }
	return q, nil
}

func (k *Console) userDeletion(c *call) (*question, error) {
	q, u, err := k.userQuestion(c, "delete_user")
	if err != nil {
		return nil, err
	}
	q.seen = u.Version()
	q.do = func() (string, error) {
		n, err := k.Accounts.Delete(c.ctx, u.ID, c.actor)
		return ended("/users", "user_deleted", n), gone(err, accounts.ErrUserNotFound)
	}
	return q, k.leaves(c, q, u.ID)
}

// leaves is ends for an act that the last administrator is never subject to.
func (k *Console) leaves(c *call, q *question, userID string) error {
	open, err := k.ends(c, q, userID)
	if open.LastAdministrator {
		q.Refused = c.text("ask.last_administrator")
	}
	return err
}

// loses is ends for an act that anybody may be subject to.
func (k *Console) loses(c *call, q *question, userID string) error {
	_, err := k.ends(c, q, userID)
	return err
}

// userEnd ends all that a user has open, who may sign in again.
func (k *Console) userEnd(c *call) (*question, error) {
	q, u, err := k.userQuestion(c, "end_all")
	if err != nil {
		return nil, err
	}
	q.do = func() (string, error) {
		// Grants first: their revocation ends the browser sessions as well, and this way both are told of.
		n, err := k.Issuer.RevokeUser(c.ctx, u.ID, c.actor.Why, c.actor)
		if err == nil {
			_, err = k.Browsers.EndOf(c.ctx, u.ID, c.actor.Why, c.actor)
		}
		return ended(q.Back, "ended", n), err
	}
	return q, k.loses(c, q, u.ID)
}

// sessionEnd ends one browser session.
func (k *Console) sessionEnd(c *call) (*question, error) {
	q, u, err := k.userQuestion(c, "end_session")
	if err != nil {
		return nil, err
	}
	sessions, err := k.Browsers.Sessions(c.ctx, u.ID)
	if err != nil {
		return nil, err
	}
	n := slices.IndexFunc(sessions, func(s accounts.Session) bool { return s.ID == c.gin.Param("session") })
	if n < 0 {
		return nil, accounts.ErrSessionNotFound
	}
	s := sessions[n]
	device, err := c.texts.Device(s.UserAgent)
	if err != nil {
		return nil, err
	}
	q.Ends = []template.HTML{c.text("ends.session", "device", device, "time", must(c.texts.Exact(s.AuthTime))), c.text("ends.session.grants")}
	q.do = func() (string, error) {
		return q.Back + "?done=session_ended", k.Browsers.EndOneOf(c.ctx, u.ID, s.ID, c.actor.Why, c.actor)
	}
	return q, nil
}

// passwordSetting sets the password of a user.
func (k *Console) passwordSetting(c *call) (*question, error) {
	q, u, err := k.userQuestion(c, "set_password")
	if err != nil {
		return nil, err
	}
	q.Fields = []*field{{Name: "password", Kind: "password", Autocomplete: "new-password", Help: true, Required: true}}
	q.do = func() (string, error) {
		n, err := k.Accounts.SetPassword(c.ctx, u.ID, c.form.Get("password"), c.actor)
		return ended(q.Back, "password_set", n), err
	}
	return q, k.loses(c, q, u.ID)
}
