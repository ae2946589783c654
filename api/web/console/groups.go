package console

import (
	"errors"
	"html/template"
	"net/url"
	"slices"
	"strings"

	"keyturn/accounts"
	"keyturn/api/admin"
	"keyturn/audit"
	"keyturn/audit/sentence"
)

// listGroups shows groups in the order of their names.
func (k *Console) listGroups(c *call) error {
	prefix := c.query.Get("prefix")
	l := list[accounts.Group]{
		path: "/groups", name: "groups", empty: "groups.empty",
		filters: []filter{{Name: "prefix", Value: prefix}},
		columns: []string{"column.group", "column.description", "column.roles", "column.level", "column.updated"},
		read: func(w window) ([]accounts.Group, error) {
			return k.Groups.List(c.ctx, accounts.Query{Prefix: prefix, After: w.After, Before: w.Before, Limit: w.Limit}, c.actor)
		},
		cursor: func(g accounts.Group) string { return g.Name },
		cells: func(g accounts.Group) []cell {
			var roles []string
			for _, r := range g.Roles {
				roles = append(roles, r.Name)
			}
			return []cell{
				{Text: g.Name, Href: Path + "/groups/" + g.ID}, {Text: g.Description}, {Text: strings.Join(roles, " ")},
				{Key: levelKey(g.RequiredLevel)}, {At: g.UpdatedAt},
			}
		},
		export: func(g accounts.Group) any { return admin.ViewGroup(g) },
	}
	if c.may(audit.ManageUsers) {
		l.make = Path + "/groups/new"
	}
	return showList(c, "groups", l)
}

func levelKey(l accounts.Level) string {
	if l == "" {
		return "acr.default"
	}
	return "acr." + string(l)
}

// members is the list of the people in a group, in the order of their names.
func (k *Console) members(c *call, g accounts.Group) list[accounts.Member] {
	l := list[accounts.Member]{
		path: "/groups/" + g.ID, name: "members",
		columns: []string{"column.user", "column.added"},
		read: func(w window) ([]accounts.Member, error) {
			return k.Groups.Members(c.ctx, g.ID, accounts.Query{After: w.After, Before: w.Before, Limit: w.Limit}, c.actor)
		},
		cursor: func(m accounts.Member) string { return m.Username },
		cells: func(m accounts.Member) []cell {
			row := []cell{userCell(m.UserID, m.Username), {At: m.AddedAt}}
			if c.may(audit.ManageUsers) {
				row = append(row, cell{Key: "act.remove_member", Href: Path + "/groups/" + g.ID + "/members/" + m.UserID + "/remove"})
			}
			return row
		},
		export: func(m accounts.Member) any { return admin.ViewMember(m) },
	}
	if c.may(audit.ManageUsers) {
		l.columns = append(l.columns, "column.act")
	}
	return l
}

// showGroup is the page of a group; its members turn in pages, and are what it exports.
func (k *Console) showGroup(c *call) error {
	g, err := k.Groups.Get(c.ctx, c.gin.Param("id"))
	if err != nil {
		return err
	}
	l := k.members(c, g)
	if format := c.query.Get("format"); format != "" {
		return exportList(c, l, format)
	}
	at := "/groups/" + g.ID
	page := thing{Facts: facts(
		fact{"description", []cell{{Text: g.Description}}}, fact{"required_acr", []cell{{Key: levelKey(g.RequiredLevel)}}}, fact{"id", id(g.ID)},
		fact{"created", []cell{{At: g.CreatedAt}}}, fact{"updated", []cell{{At: g.UpdatedAt}}},
	)}
	if c.may(audit.ManageUsers) {
		page.Acts = []deed{
			{Name: "edit", Href: at + "/edit"}, {Name: "add_member", Href: at + "/members/new"}, {Name: "add_role", Href: at + "/roles/new"},
			{"delete_group", at + "/delete", true},
		}
	}
	members, err := l.page(c.window())
	if err != nil {
		return err
	}
	history, err := k.history(c, "group", g.ID)
	page.Parts = []part{k.rolesOf(c, g), {Name: "members", Table: members}, history}
	if err != nil {
		return err
	}
	return c.show(view{page: "thing", section: "groups", title: escape(g.Name), v: page})
}

func (k *Console) rolesOf(c *call, g accounts.Group) part {
	p := part{Name: "roles", Table: table{Columns: []string{"column.role", "column.audience"}}}
	may := c.may(audit.ManageUsers)
	if may {
		p.Table.Columns = append(p.Table.Columns, "column.act")
	}
	for _, r := range g.Roles {
		row := []cell{{Text: r.Name, Code: true}, {HTML: verbatim(r.Resource), Wrap: true}}
		if may {
			query := url.Values{"resource": {r.Resource}, "role": {r.Name}}
			row = append(row, cell{Key: "act.remove_role", Href: Path + "/groups/" + g.ID + "/roles/remove?" + query.Encode()})
		}
		p.Table.Rows = append(p.Table.Rows, row)
	}
	return p
}

// groupsOf are the groups of a user, as a part of that page.
func (k *Console) groupsOf(c *call, userID string) (part, error) {
	groups, err := k.Groups.Of(c.ctx, userID, c.actor)
	p := part{Name: "groups", Table: table{Columns: []string{"column.group", "column.description", "column.level"}}}
	for _, g := range groups {
		p.Table.Rows = append(p.Table.Rows, []cell{{Text: g.Name, Href: Path + "/groups/" + g.ID}, {Text: g.Description}, {Key: levelKey(g.RequiredLevel)}})
	}
	return p, err
}

// groupForm is the form of a group, filled with g.
func groupForm(g accounts.Group, back string) *form {
	levels := []option{{Key: "acr.default", Chosen: g.RequiredLevel == ""}}
	for _, l := range []accounts.Level{accounts.TwoFactors, accounts.PhishingResistant} {
		levels = append(levels, option{Value: string(l), Key: levelKey(l), Chosen: l == g.RequiredLevel})
	}
	return &form{Back: Path + back, Submit: "form.save", Groups: []group{{"", []*field{
		{Name: "name", Kind: "text", Value: g.Name, Required: true, Help: true}, {Name: "description", Kind: "text", Value: g.Description},
		{Name: "required_acr", Kind: "choice", Options: levels, Help: true},
	}}}}
}

func (c *call) typedGroup() accounts.Group {
	return accounts.Group{
		Name: strings.TrimSpace(c.form.Get("name")), Description: strings.TrimSpace(c.form.Get("description")), RequiredLevel: accounts.Level(c.form.Get("required_acr")),
	}
}

func (k *Console) newGroup(c *call) error {
	return c.showForm("groups", "groups.new", groupForm(accounts.Group{}, "/groups"), nil)
}

func (k *Console) createGroup(c *call) error {
	v := c.typedGroup()
	g, err := k.Groups.Create(c.ctx, accounts.NewGroup{Name: v.Name, Description: v.Description, RequiredLevel: v.RequiredLevel}, c.actor)
	if err != nil {
		return c.groupAgain("groups.new", groupForm(v, "/groups"), err)
	}
	return c.goTo("/groups/" + g.ID + "?done=saved")
}

// groupAgain shows a form of a group again for what can be mended there.
func (c *call) groupAgain(title string, f *form, err error) error {
	bad, _, _ := badInput(err)
	switch {
	case errors.Is(err, accounts.ErrGroupExists):
		f.taken("name", sentence.Say("belongs to another group, or looks like a name that does"))
	case errors.Is(err, accounts.ErrUserNotFound):
		blame(f.fields(), "user", sentence.Say("is nobody's username or id"))
	case errors.Is(err, accounts.ErrTooManyGroups), errors.Is(err, accounts.ErrTooManyRoles):
		f.Clash = c.text("groups.too_many")
	case !bad:
		return err
	}
	return c.showForm("groups", title, f, err)
}

func (k *Console) editGroup(c *call) error {
	return c.showStored("groups", "groups.edit", k.storedGroup)
}

// storedGroup is the form of the group in the path.
func (k *Console) storedGroup(c *call) (*form, error) {
	g, err := k.Groups.Get(c.ctx, c.gin.Param("id"))
	if err != nil {
		return nil, err
	}
	f := groupForm(g, "/groups/"+g.ID)
	f.Seen = g.Version()
	return f, nil
}

func (k *Console) updateGroup(c *call) error {
	g, err := k.Groups.Get(c.ctx, c.gin.Param("id"))
	if err != nil {
		return err
	}
	v := c.typedGroup()
	change := accounts.GroupChange{Name: other(g.Name, v.Name), Description: other(g.Description, v.Description), RequiredLevel: other(g.RequiredLevel, v.RequiredLevel)}
	if c.tooOld(change.RequiredLevel != nil && !v.RequiredLevel.Satisfies(g.RequiredLevel) && g.RequiredLevel != "") {
		return c.again()
	}
	c.seen()
	if _, err := k.Groups.Update(c.ctx, g.ID, change, c.actor); err != nil {
		f := groupForm(v, "/groups/"+g.ID)
		if errors.Is(err, audit.ErrChanged) {
			return c.overtaken("groups", "groups.edit", f, k.storedGroup)
		}
		return c.groupAgain("groups.edit", f, err)
	}
	return c.goTo("/groups/" + g.ID + "?done=saved")
}

func memberForm(id, user string) *form {
	return &form{Back: Path + "/groups/" + id, Submit: "act.add_member", Groups: []group{{"", []*field{{Name: "user", Kind: "text", Value: user, Required: true, Help: true}}}}}
}

func (k *Console) newMember(c *call) error {
	g, err := k.Groups.Get(c.ctx, c.gin.Param("id"))
	if err != nil {
		return err
	}
	return c.showForm("groups", "act.add_member", memberForm(g.ID, ""), nil)
}

// addMember takes a username or a user's id.
func (k *Console) addMember(c *call) error {
	g, err := k.Groups.Get(c.ctx, c.gin.Param("id"))
	if err != nil {
		return err
	}
	if c.tooOld(slices.ContainsFunc(g.Roles, k.administers)) {
		return c.again()
	}
	typed := strings.TrimSpace(c.form.Get("user"))
	user, err := k.userNamed(c, typed)
	if err == nil {
		err = k.Groups.AddMember(c.ctx, g.ID, user, c.actor)
	}
	if err != nil {
		return c.groupAgain("act.add_member", memberForm(g.ID, typed), err)
	}
	return c.goTo("/groups/" + g.ID + "?done=saved")
}

// administers tells whether a role is one of the admin API's.
func (k *Console) administers(r accounts.Role) bool { return r.Resource == k.Groups.AdminAudience }

func (k *Console) roleForm(id string, r accounts.Role) *form {
	return &form{Back: Path + "/groups/" + id, Submit: "act.add_role", Groups: []group{{"", []*field{
		{Name: "role", Kind: "text", Value: r.Name, Required: true, Help: true}, {Name: "resource", Kind: "text", Value: r.Resource, Required: true, Help: true},
	}}}}
}

func (k *Console) newRole(c *call) error {
	g, err := k.Groups.Get(c.ctx, c.gin.Param("id"))
	if err != nil {
		return err
	}
	return c.showForm("groups", "act.add_role", k.roleForm(g.ID, accounts.Role{Resource: k.Issuer.Settings.Audience}), nil)
}

func (k *Console) addRole(c *call) error {
	g, err := k.Groups.Get(c.ctx, c.gin.Param("id"))
	if err != nil {
		return err
	}
	r := accounts.Role{Resource: strings.TrimSpace(c.form.Get("resource")), Name: strings.TrimSpace(c.form.Get("role"))}
	if c.tooOld(k.administers(r)) {
		return c.again()
	}
	if err := k.Groups.AddRole(c.ctx, g.ID, r, c.actor); err != nil {
		return c.groupAgain("act.add_role", k.roleForm(g.ID, r), err)
	}
	return c.goTo("/groups/" + g.ID + "?done=saved")
}

// groupQuestion begins a question about a group.
func (k *Console) groupQuestion(c *call, name string, more ...any) (*question, accounts.Group, error) {
	g, err := k.Groups.Get(c.ctx, c.gin.Param("id"))
	if err != nil {
		return nil, g, err
	}
	with := append([]any{"group", g.Name}, more...)
	return &question{
		section: "groups", Back: "/groups/" + g.ID, Title: c.text("ask."+name+".title", with...), Button: c.text("ask."+name+".button", with...),
		What: []template.HTML{c.text("ask."+name+".what", with...)},
	}, g, nil
}

// leavesSomebody refuses what would leave nobody to administer.
func (k *Console) leavesSomebody(c *call, q *question, l accounts.Loss) error {
	nobody, err := k.Accounts.LeavesNobody(c.ctx, l)
	if nobody {
		q.Refused = c.text("ask.nobody_left")
	}
	return err
}

func (k *Console) memberRemoval(c *call) (*question, error) {
	u, err := k.Accounts.Get(c.ctx, c.gin.Param("user"))
	if err != nil {
		return nil, err
	}
	q, g, err := k.groupQuestion(c, "remove_member", "user", u.Username)
	if err != nil {
		return nil, err
	}
	q.do = func() (string, error) {
		return q.Back + "?done=saved", k.Groups.RemoveMember(c.ctx, g.ID, u.ID, c.actor)
	}
	return q, k.leavesSomebody(c, q, accounts.Loss{GroupID: g.ID, UserID: u.ID})
}

func (k *Console) roleRemoval(c *call) (*question, error) {
	r := accounts.Role{Resource: c.query.Get("resource"), Name: c.query.Get("role")}
	q, g, err := k.groupQuestion(c, "remove_role", "role", r.Name, "resource", r.Resource)
	if err != nil {
		return nil, err
	}
	q.do = func() (string, error) { return q.Back + "?done=saved", k.Groups.RemoveRole(c.ctx, g.ID, r, c.actor) }
	if k.administers(r) && r.Name == accounts.RoleAdministrator {
		return q, k.leavesSomebody(c, q, accounts.Loss{GroupID: g.ID})
	}
	return q, nil
}

func (k *Console) groupDeletion(c *call) (*question, error) {
	q, g, err := k.groupQuestion(c, "delete_group")
	if err != nil {
		return nil, err
	}
	members, err := k.Groups.Members(c.ctx, g.ID, accounts.Query{Limit: exportRows}, c.actor)
	if err != nil {
		return nil, err
	}
	if len(members) > 0 {
		q.Ends = append(q.Ends, c.count("ends.members", int64(len(members))))
	}
	for _, r := range g.Roles {
		q.Ends = append(q.Ends, c.text("ends.role", "role", r.Name, "resource", r.Resource))
	}
	q.seen = g.Version()
	q.do = func() (string, error) {
		return "/groups?done=group_deleted", gone(k.Groups.Delete(c.ctx, g.ID, c.actor), accounts.ErrGroupNotFound)
	}
	return q, k.leavesSomebody(c, q, accounts.Loss{GroupID: g.ID})
}
