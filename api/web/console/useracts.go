package console

import (
	"html/template"
	"slices"
	"strconv"
	"time"

	"keyturn/accounts"
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
func (k *Console) ends(c *call, q *question, userID string) error {
	sessions, grants, err := k.open(c, userID)
	if err != nil {
		return err
	}
	if sessions > 0 {
		q.Ends = append(q.Ends, c.count("ends.sessions", sessions))
	}
	if grants >= exportRows {
		q.Ends = append(q.Ends, c.text("ends.grants.many", "n", grants))
	} else if grants > 0 {
		q.Ends = append(q.Ends, c.count("ends.grants", grants))
	}
	if grants > 0 {
		q.Ends = append(q.Ends, c.text("ends.tokens", "time", must(c.texts.Exact(k.Now().Add(k.longestAccess(c))))))
	}
	return nil
}

// longestAccess is how long an access token that was made just now lives at most. They can't be taken back.
func (k *Console) longestAccess(c *call) time.Duration {
	longest := k.Issuer.Settings.AccessLifetime
	if resources, err := k.Issuer.Resources(c.ctx); err == nil {
		for _, r := range resources {
			longest = max(longest, r.AccessLifetime)
		}
	}
	ofClients, _ := k.Clients.LongestLifetimes()
	return max(longest, ofClients)
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
	q.do = func() (string, error) {
		n, err := k.Accounts.Delete(c.ctx, u.ID, c.actor)
		return ended("/users", "user_deleted", n), gone(err, accounts.ErrUserNotFound)
	}
	return q, k.leaves(c, q, u.ID)
}

// leaves is ends for an act that the last administrator is never subject to.
func (k *Console) leaves(c *call, q *question, userID string) error {
	last, err := k.Accounts.IsLastAdministrator(c.ctx, userID)
	if err != nil {
		return err
	}
	if last {
		q.Refused = c.text("ask.last_administrator")
	}
	return k.ends(c, q, userID)
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
	return q, k.ends(c, q, u.ID)
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
	return q, k.ends(c, q, u.ID)
}
