package console

import (
	"errors"
	"net/http"
	"strings"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/audit/sentence"
)

// userForm is the form of a user, filled with v. What only administrators may set is left out for others.
func (c *call) userForm(v accounts.User, back string) *form {
	f := &form{Back: Path + back, Submit: "form.save"}
	f.Groups = []group{
		{"", []*field{{Name: "username", Kind: "text", Value: v.Username, Help: true, Required: true}}},
		{"person", []*field{
			{Name: "given_name", Kind: "text", Value: v.GivenName}, {Name: "family_name", Kind: "text", Value: v.FamilyName},
			{Name: "email", Kind: "text", Value: v.Email}, {Name: "email_verified", Kind: "tick", Value: onIf(v.EmailVerified)},
		}},
	}
	if c.may(audit.ManageAll) {
		f.Groups = append(f.Groups, group{"rights", []*field{
			{Name: "admin", Kind: "tick", Value: onIf(v.Admin), Help: true}, {Name: "external_id", Kind: "text", Value: v.ExternalID, Help: true},
		}})
	}
	return f
}

func onIf(on bool) string {
	if on {
		return "on"
	}
	return ""
}

// typedUser is what the form holds.
func (c *call) typedUser() accounts.User {
	get := func(name string) string { return strings.TrimSpace(c.form.Get(name)) }
	return accounts.User{
		Username: get("username"), GivenName: get("given_name"), FamilyName: get("family_name"),
		Email: get("email"), EmailVerified: c.form.Get("email_verified") == "on",
		Admin: c.form.Get("admin") == "on", ExternalID: get("external_id"),
	}
}

// showForm shows a form, anew with what is wrong with it.
func (c *call) showForm(section, title string, f *form, err error) error {
	f.Action = c.gin.Request.URL.RequestURI()
	bad, param, problem := badInput(err)
	if bad && !blame(f.fields(), param, problem) {
		f.Clash = verbatim(param) + " " + c.say(problem)
	}
	if typed := c.restore(f.fields()); typed != nil {
		f.Seen = audit.Version(typed.Get(seenField)) // what was typed was typed there
	}
	if f.now != nil {
		c.compare(f, f.now)
	}
	f.Problems = wrong(f.fields())
	status := http.StatusOK
	switch {
	case f.Taken:
		status = http.StatusConflict
	case bad || len(f.Problems) > 0:
		status = http.StatusUnprocessableEntity
	case f.Clash != "":
		status = http.StatusConflict
	}
	return c.show(view{page: "form", section: section, title: c.text(title), narrow: true, status: status, v: f})
}

// newUserForm is the form of a new user.
func (c *call) newUserForm(v accounts.User) *form {
	f := c.userForm(v, "/users")
	f.Submit = "users.make"
	password := &field{Name: "password", Kind: "password", Autocomplete: "new-password", Help: true}
	f.Groups[0].Fields = append(f.Groups[0].Fields, password)
	return f
}

func (k *Console) newUser(c *call) error {
	return c.showForm("users", "users.new", c.newUserForm(accounts.User{}), nil)
}

func (k *Console) createUser(c *call) error {
	v := c.typedUser()
	if c.tooOld(v.Admin) {
		return c.again()
	}
	u, err := k.Accounts.Create(c.ctx, accounts.NewUser{
		Username: v.Username, Email: v.Email, EmailVerified: v.EmailVerified, GivenName: v.GivenName, FamilyName: v.FamilyName,
		Admin: v.Admin, ExternalID: v.ExternalID, Password: c.form.Get("password"),
	}, c.actor)
	if err == nil {
		return c.goTo("/users/" + u.ID + "?done=user_created")
	}
	return k.userAgain(c, "users.new", c.newUserForm(v), err)
}

// userAgain shows the form again for what can be mended there.
func (k *Console) userAgain(c *call, title string, f *form, err error) error {
	bad, _, _ := badInput(err)
	switch {
	case errors.Is(err, accounts.ErrUsernameTaken) && strings.TrimSpace(c.form.Get("external_id")) != "":
		f.Clash = c.text("users.taken") // one of the two
	case errors.Is(err, accounts.ErrUsernameTaken):
		f.taken("username", sentence.Say("belongs to somebody else, or looks like a name that does"))
	case errors.Is(err, accounts.ErrLastAdministrator):
		blame(f.fields(), "admin", sentence.Say("can't be taken: nobody would be left to administer"))
	case !bad:
		return err
	}
	return c.showForm("users", title, f, err)
}

func (k *Console) editUser(c *call) error { return c.showStored("users", "users.edit", k.storedUser) }

// storedUser is the form of the user in the path. It says beforehand of whom the mark of an administrator can't be taken.
func (k *Console) storedUser(c *call) (*form, error) {
	u, err := k.Accounts.Get(c.ctx, c.gin.Param("id"))
	if err != nil {
		return nil, err
	}
	f := c.userForm(u, "/users/"+u.ID)
	f.Seen = u.Version()
	if !u.Admin || !u.Active || !c.may(audit.ManageAll) {
		return f, nil
	}
	nobody, err := k.Accounts.LeavesNobody(c.ctx, accounts.Loss{UserID: u.ID})
	for _, in := range f.fields() {
		if in.Name == "admin" && nobody {
			in.Note = c.text("ask.nobody_left")
		}
	}
	return f, err
}

// updateUser changes what differs, unless the user was changed since the form was made.
func (k *Console) updateUser(c *call) error {
	u, err := k.Accounts.Get(c.ctx, c.gin.Param("id"))
	if err != nil {
		return err
	}
	v := c.typedUser()
	change := accounts.Change{
		Username: other(u.Username, v.Username), Email: other(u.Email, v.Email), EmailVerified: other(u.EmailVerified, v.EmailVerified),
		GivenName: other(u.GivenName, v.GivenName), FamilyName: other(u.FamilyName, v.FamilyName),
	}
	if change.Email != nil {
		change.EmailVerified = &v.EmailVerified // what was verified before was the other address
	}
	if c.may(audit.ManageAll) {
		change.Admin, change.ExternalID = other(u.Admin, v.Admin), other(u.ExternalID, v.ExternalID)
	}
	if c.tooOld(change.Admin != nil && v.Admin || change.Email != nil || change.EmailVerified != nil && v.EmailVerified || change.ExternalID != nil) {
		return c.again()
	}
	c.seen()
	if _, err := k.Accounts.Update(c.ctx, u.ID, change, c.actor); err != nil {
		f := c.userForm(v, "/users/"+u.ID)
		if errors.Is(err, audit.ErrChanged) {
			return c.overtaken("users", "users.edit", f, k.storedUser)
		}
		return k.userAgain(c, "users.edit", f, err)
	}
	return c.goTo("/users/" + u.ID + "?done=saved")
}

// other is what is as it is typed, nil where it was so before.
func other[T comparable](was, typed T) *T {
	if was == typed {
		return nil
	}
	return &typed
}
