package console

import (
	"keyturn/accounts"
	"keyturn/api/admin"
	"keyturn/audit"
)

// partRows is how many rows a part of a page shows.
const partRows = 10

// listUsers shows users in the order of their names.
func (k *Console) listUsers(c *call) error {
	prefix := c.query.Get("prefix")
	l := list[accounts.User]{
		path: "/users", name: "users", empty: "users.empty",
		filters: []filter{{Name: "prefix", Value: prefix}},
		columns: []string{"column.username", "column.name", "column.email", "column.state", "column.created"},
		read: func(w window) ([]accounts.User, error) {
			return k.Accounts.List(c.ctx, accounts.Query{Prefix: prefix, After: w.After, Before: w.Before, Limit: w.Limit}, c.actor)
		},
		cursor: func(u accounts.User) string { return u.Username },
		cells: func(u accounts.User) []cell {
			return []cell{
				{Text: u.Username, Href: Path + "/users/" + u.ID}, {Text: u.FullName()}, {Text: u.Email}, {Mark: userState(u)}, {At: u.CreatedAt},
			}
		},
		export: func(u accounts.User) any { return admin.ViewUser(u) },
	}
	l.acts = []deed{{Name: "invitations", Href: invitationsPath}}
	if c.may(audit.ManageUsers) {
		l.make = Path + "/users/new"
		l.acts = append(l.acts, deed{Name: "invite", Href: "/users/invite"})
	}
	return showList(c, "users", l)
}

// userState is the mark that tells most of a user.
func userState(u accounts.User) string {
	switch {
	case !u.Active:
		return "inactive"
	case u.Admin:
		return "administrator"
	}
	return "active"
}

// showUser is the page of a user.
func (k *Console) showUser(c *call) error {
	u, err := k.Accounts.Get(c.ctx, c.gin.Param("id"))
	if err != nil {
		return err
	}
	return k.userPage(c, u, "")
}

// userPage is the page of a user, with a link that was just made for them.
func (k *Console) userPage(c *call, u accounts.User, link string) error {
	page := thing{Facts: userFacts(u), Link: link}
	ways, factors, err := k.waysOf(c, u.ID)
	if err != nil {
		return err
	}
	if page.Acts, err = k.userDeeds(c, u, factors); err != nil {
		return err
	}
	sessions, err := k.sessionsOf(c, u.ID, len(page.Acts) > 0)
	if err != nil {
		return err
	}
	grants, err := partOf("grants", "column.user", k.grants(c, grantFilter{user: u.ID, live: true}), partRows)
	if err != nil {
		return err
	}
	groups, err := k.groupsOf(c, u.ID)
	if err != nil {
		return err
	}
	history, err := k.history(c, "user", u.ID)
	if err != nil {
		return err
	}
	page.Parts = []part{sessions, grants, groups, ways, history}
	return c.show(view{page: "thing", section: "users", title: escape(u.Username), v: page})
}

func userFacts(u accounts.User) []fact {
	verified := cell{}
	if u.EmailVerified {
		verified.Key = "email.verified"
	}
	return facts(
		fact{"state", []cell{{Mark: userState(u)}}}, fact{"name", []cell{{Text: u.FullName()}}}, fact{"email", []cell{{Text: u.Email}, verified}},
		fact{"id", id(u.ID)}, fact{"external_id", id(u.ExternalID)},
		fact{"created", []cell{{At: u.CreatedAt}}}, fact{"updated", []cell{{At: u.UpdatedAt}}}, fact{"last_login", []cell{{At: u.LastLoginAt}}},
	)
}

// userDeeds are what the caller may do with the user: nothing with one who has more rights. factors tells that there
// are some to reset.
func (k *Console) userDeeds(c *call, u accounts.User, factors bool) ([]deed, error) {
	has, err := k.Accounts.RightsOf(c.ctx, u.ID)
	if err != nil {
		return nil, err
	}
	if u.Admin {
		has |= audit.ManageAll // a deactivated one too, who may be activated again
	}
	if !c.may(audit.ManageUsers | has) {
		return nil, nil
	}
	at := "/users/" + u.ID
	deeds := []deed{{Name: "edit", Href: at + "/edit"}}
	if !u.Active {
		deeds = append(deeds, deed{Name: "activate", Href: at + "/activate"})
	}
	if u.Active && u.Email != "" && k.Self.Offers(accounts.FeaturePasswordReset) {
		deeds = append(deeds, deed{Name: "send_reset", Href: at + "/send-reset"})
	}
	if u.Active {
		deeds = append(deeds, deed{Name: "reset_link", Href: at + "/reset-link"})
	}
	deeds = append(deeds, deed{Name: "set_password", Href: at + "/password"}, deed{Name: "end_all", Href: at + "/end"})
	if factors {
		deeds = append(deeds, deed{"reset_factors", at + "/factors/reset", true})
	}
	if u.Active {
		deeds = append(deeds, deed{"deactivate", at + "/deactivate", true})
	}
	return append(deeds, deed{"delete_user", at + "/delete", true}), nil
}

// sessionsOf is where a user is signed in. They are at most a thousand, and mostly two.
func (k *Console) sessionsOf(c *call, userID string, may bool) (part, error) {
	sessions, err := k.Browsers.Sessions(c.ctx, userID)
	p := part{Name: "sessions", Table: table{Columns: []string{"column.device", "column.address", "column.signed_in", "column.seen", "column.ends"}}}
	if may {
		p.Table.Columns = append(p.Table.Columns, "column.act")
	}
	for _, s := range sessions {
		device, err := c.texts.Device(s.UserAgent)
		if err != nil {
			return p, err
		}
		row := []cell{{HTML: device}, {Text: s.Address, Code: true}, {At: s.AuthTime}, {At: s.SeenAt}, {At: s.ExpiresAt}}
		if may {
			row = append(row, cell{Key: "act.end_session", Href: Path + "/users/" + userID + "/sessions/" + s.ID + "/end"})
		}
		p.Table.Rows = append(p.Table.Rows, row)
	}
	return p, err
}
