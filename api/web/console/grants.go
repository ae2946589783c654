package console

import (
	"html/template"

	"keyturn/accounts"
	"keyturn/api/admin"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/keys"
)

// grantFilter is what a list of grants is narrowed to.
type grantFilter struct {
	user, client string
	live         bool
}

// grants is the list of grants, newest first.
func (k *Console) grants(c *call, f grantFilter) list[issuer.Grant] {
	l := list[issuer.Grant]{
		path: "/grants", name: "grants", empty: "grants.empty",
		filters: []filter{
			{Name: "user", Value: f.user}, {Name: "client", Value: f.client},
			{Name: "live", Value: onIf(f.live), Options: []option{{Value: "on", Key: "filter.live.on", Chosen: f.live}}},
		},
		columns: []string{"column.grant", "column.user", "column.client", "column.audience", "column.state", "column.created", "column.used", "column.ends"},
		read: func(w window) ([]issuer.Grant, error) {
			return k.Issuer.Grants(c.ctx, issuer.GrantQuery{
				UserID: f.user, ClientID: f.client, LiveOnly: f.live, After: w.After, Before: w.Before, Limit: w.Limit,
			}, c.actor)
		},
		cursor: func(g issuer.Grant) string { return g.ID },
		cells: func(g issuer.Grant) []cell {
			return []cell{
				{Text: g.ID, Href: Path + "/grants/" + g.ID, Code: true}, userCell(g.UserID, g.User.Username), clientCell(g.ClientID),
				{Text: g.Audience}, {Mark: k.grantState(g)}, {At: g.CreatedAt}, {At: g.RotatedAt}, {At: g.RefreshExpiresAt()},
			}
		},
		export: func(g issuer.Grant) any { return admin.ViewGrant(g) },
	}
	return l
}

// userCell leads to a user, by the name where it is known.
func userCell(id, name string) cell {
	c := cell{Text: name, Href: Path + "/users/" + id}
	if name == "" {
		c.Text, c.Code = id, true
	}
	return c
}

func clientCell(id string) cell {
	if id == issuer.TokenPairClient || id == issuer.AdminCLIClient {
		return cell{Text: id, Code: true} // built in, and has no page
	}
	return cell{Text: id, Href: Path + "/clients/" + id, Code: true}
}

func (k *Console) grantState(g issuer.Grant) string {
	switch now := k.Now(); {
	case !g.RevokedAt.IsZero():
		return "revoked"
	case !now.Before(g.RefreshExpiresAt()):
		return "expired"
	case !g.UserActive:
		return "inactive"
	}
	return "live"
}

func (k *Console) listGrants(c *call) error {
	f := grantFilter{user: c.query.Get("user"), client: c.query.Get("client"), live: c.query.Get("live") == "on"}
	user, err := k.userNamed(c, f.user)
	if err != nil {
		return err
	}
	f.user = user
	if f.client != "" && !keys.IsID(f.client) || f.user != "" && !keys.IsID(f.user) {
		f.user, f.client = "none", "" // such an id is nobody's
	}
	return showList(c, "grants", k.grants(c, f))
}

// userNamed is the id of the user whom a filter names by id or username; what names nobody stays as it is.
func (k *Console) userNamed(c *call, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	u, err := k.Accounts.Find(c.ctx, text)
	if err != nil {
		return text, gone(err, accounts.ErrUserNotFound)
	}
	return u.ID, nil
}

func (k *Console) showGrant(c *call) error {
	name, err := c.id("id", issuer.ErrGrantNotFound)
	if err != nil {
		return err
	}
	g, err := k.Issuer.Grant(c.ctx, name)
	if err != nil {
		return err
	}
	page := thing{Facts: facts(
		fact{"state", []cell{{Mark: k.grantState(g)}}}, fact{"user", []cell{userCell(g.UserID, g.User.Username)}}, fact{"client", []cell{clientCell(g.ClientID)}},
		fact{"audience", codes(g.Audience)}, fact{"scope", codes(g.Scope)}, fact{"amr", codes(g.AMR)}, fact{"acr", codes(g.ACR)},
		fact{"auth_time", []cell{{At: g.AuthTime}}}, fact{"created", []cell{{At: g.CreatedAt}}},
		fact{"rotated", []cell{{At: g.RotatedAt, More: c.text("grant.generation", "n", g.Generation)}}},
		fact{"refresh_until", []cell{{At: g.RefreshExpiresAt()}}}, fact{"grant_until", []cell{{At: g.ExpiresAt}}},
		fact{"revoked", []cell{{At: g.RevokedAt}}}, fact{"reason", codes(string(g.RevokedFor))},
		fact{"id", id(g.ID)}, fact{"session", id(g.SessionID)},
	)}
	if k.grantState(g) == "live" && c.may(audit.ManageUsers) {
		page.Acts = []deed{{"revoke_grant", "/grants/" + g.ID + "/revoke", true}}
	}
	history, err := k.history(c, "grant", g.ID)
	page.Parts = []part{history}
	if err != nil {
		return err
	}
	return c.show(view{page: "thing", section: "grants", title: c.text("grant.title", "client", g.ClientID), v: page})
}

func (k *Console) grantRevocation(c *call) (*question, error) {
	id, err := c.id("id", issuer.ErrGrantNotFound)
	if err != nil {
		return nil, err
	}
	g, err := k.Issuer.Grant(c.ctx, id)
	if err != nil {
		return nil, err
	}
	until, err := k.whatEnds().TokensUntil(c.ctx)
	if err != nil {
		return nil, err
	}
	q := &question{
		section: "grants", Back: "/grants/" + g.ID,
		Title:  c.text("ask.revoke_grant.title", "user", userCell(g.UserID, g.User.Username).Text, "client", g.ClientID),
		Button: c.text("ask.revoke_grant.button"),
		What:   []template.HTML{c.text("ask.revoke_grant.what")},
		Ends:   []template.HTML{c.count("ends.grants", 1), c.tokensEnd(until)},
	}
	q.do = func() (string, error) {
		n, err := k.Issuer.RevokeGrant(c.ctx, g.ID, c.actor.Why, c.actor)
		return ended(q.Back, "ended", n), err
	}
	return q, nil
}
