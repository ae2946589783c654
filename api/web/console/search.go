package console

import (
	"errors"
	"strings"

	"keyturn/accounts"
	"keyturn/issuer"
	"keyturn/keys"
)

// mostFound is how many of a kind a search shows.
const mostFound = 10

// found is what a search led to, by kind.
type found struct {
	Query string
	Kinds []foundKind
}

// foundKind are the things of one kind. More leads to all of them, where there may be more.
type foundKind struct {
	Kind  string
	Rows  []cell
	More  string
	exact string
}

// search looks everywhere for an id, or for how one or a username begins. What is exactly one thing's id leads there.
func (k *Console) search(c *call) error {
	query := strings.TrimSpace(c.query.Get("q"))
	f := found{Query: query}
	for _, look := range []func(*call, string) (foundKind, error){k.findUsers, k.findGroups, k.findClients, k.findKeys, k.findGrants} {
		if query == "" {
			break
		}
		kind, err := look(c, query)
		if err != nil {
			return err
		}
		if kind.exact != "" {
			return c.goTo(kind.exact)
		}
		if len(kind.Rows) > 0 {
			f.Kinds = append(f.Kinds, kind)
		}
	}
	return c.show(view{page: "search", title: c.text("search.title"), v: f})
}

func (k *Console) findUsers(c *call, query string) (foundKind, error) {
	kind := foundKind{Kind: "users"}
	if u, err := k.Accounts.Get(c.ctx, query); err == nil {
		kind.exact = "/users/" + u.ID
		return kind, nil
	} else if !errors.Is(err, accounts.ErrUserNotFound) {
		return kind, err
	}
	users, err := k.Accounts.List(c.ctx, accounts.Query{Prefix: query, Limit: mostFound + 1}, c.actor)
	if _, bad := errors.AsType[*accounts.InvalidRequest](err); bad {
		return kind, nil // no user is called so
	}
	for n, u := range users {
		if n == mostFound {
			kind.More = Path + list[accounts.User]{path: "/users", filters: []filter{{Name: "prefix", Value: query}}}.address()
			break
		}
		kind.Rows = append(kind.Rows, cell{Text: u.Username, Href: Path + "/users/" + u.ID, More: escape(u.FullName())})
	}
	return kind, err
}

func (k *Console) findClients(c *call, query string) (foundKind, error) {
	kind := foundKind{Kind: "clients"}
	clients, err := k.Clients.List(c.ctx, query, "", mostFound+1, c.actor)
	for n, client := range clients {
		if n == mostFound {
			kind.More = Path + list[accounts.User]{path: "/clients", filters: []filter{{Name: "prefix", Value: query}}}.address()
			break
		}
		kind.Rows = append(kind.Rows, cell{Text: client.ID, Href: Path + "/clients/" + client.ID, Code: true, More: escape(client.Name)})
	}
	return kind, err
}

func (k *Console) findKeys(c *call, query string) (foundKind, error) {
	kind := foundKind{Kind: "keys"}
	for _, key := range k.Keys.Keys() {
		switch {
		case key.KID == query:
			kind.exact = "/keys/" + key.KID
		case strings.HasPrefix(key.KID, query) && len(kind.Rows) < mostFound:
			kind.Rows = append(kind.Rows, cell{Text: key.KID, Href: Path + "/keys/" + key.KID, Code: true, More: escape(string(key.Algorithm))})
		}
	}
	return kind, nil
}

// findGrants finds a grant by its id, or by the jti of one of its refresh tokens.
func (k *Console) findGrants(c *call, query string) (foundKind, error) {
	kind := foundKind{Kind: "grants"}
	id, _, _ := strings.Cut(query, ".")
	if !keys.IsID(id) {
		return kind, nil
	}
	grant, err := k.Issuer.Grant(c.ctx, id)
	if errors.Is(err, issuer.ErrGrantNotFound) {
		return kind, nil
	}
	if err == nil {
		kind.exact = "/grants/" + grant.ID
	}
	return kind, err
}

func (k *Console) findGroups(c *call, query string) (foundKind, error) {
	kind := foundKind{Kind: "groups"}
	if g, err := k.Groups.Get(c.ctx, query); err == nil {
		kind.exact = "/groups/" + g.ID
		return kind, nil
	} else if !errors.Is(err, accounts.ErrGroupNotFound) {
		return kind, err
	}
	groups, err := k.Groups.List(c.ctx, accounts.Query{Prefix: query, Limit: mostFound + 1}, c.actor)
	if _, bad := errors.AsType[*accounts.InvalidRequest](err); bad {
		return kind, nil // no group is called so
	}
	for n, g := range groups {
		if n == mostFound {
			kind.More = Path + list[accounts.User]{path: "/groups", filters: []filter{{Name: "prefix", Value: query}}}.address()
			break
		}
		kind.Rows = append(kind.Rows, cell{Text: g.Name, Href: Path + "/groups/" + g.ID, More: escape(g.Description)})
	}
	return kind, err
}
