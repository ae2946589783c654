package console

import (
	"keyturn/accounts"
	"keyturn/api/admin"
)

// listUsers shows users in the order of their names.
func (k *Console) listUsers(c *call) error {
	prefix := c.query.Get("prefix")
	l := list[accounts.User]{
		path: "/users", name: "users", empty: "users.empty",
		filters: []filter{{Name: "prefix", Value: prefix}},
		columns: []string{"users.username", "users.name", "users.email", "users.state", "users.created"},
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
