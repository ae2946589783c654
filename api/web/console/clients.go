package console

import (
	"html/template"
	"slices"
	"strings"

	"keyturn/api/admin"
	"keyturn/audit"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// allClients are those whose id begins with prefix. They are in memory.
func (k *Console) allClients(c *call, prefix string) ([]*oauth.Client, error) {
	var all []*oauth.Client
	for after := ""; ; after = all[len(all)-1].ID {
		some, err := k.Clients.List(c.ctx, prefix, after, exportRows, c.actor)
		all = append(all, some...)
		if err != nil || len(some) < exportRows {
			return all, err
		}
	}
}

// listClients shows clients in the order of their ids.
func (k *Console) listClients(c *call) error {
	prefix := c.query.Get("prefix")
	l := list[*oauth.Client]{
		path: "/clients", name: "clients", empty: "clients.empty",
		filters: []filter{{Name: "prefix", Value: prefix}},
		columns: []string{"column.client", "column.name", "column.kind", "column.grant_types", "column.state", "column.updated"},
		read: func(w window) ([]*oauth.Client, error) {
			all, err := k.allClients(c, prefix)
			from, to := w.of(len(all), func(n int) string { return all[n].ID })
			return all[from:to], err
		},
		cursor: func(client *oauth.Client) string { return client.ID },
		cells: func(client *oauth.Client) []cell {
			return []cell{
				{Text: client.ID, Href: Path + "/clients/" + client.ID, Code: true}, {Text: client.Name}, {Key: clientKind(client)},
				{Text: joined(client.GrantTypes)}, {Mark: clientState(client)}, {At: client.UpdatedAt},
			}
		},
		export: func(client *oauth.Client) any {
			if client == nil {
				client = &oauth.Client{}
			}
			return admin.ViewClient(client)
		},
	}
	if c.may(audit.ManageAll) {
		l.make = Path + "/clients/new"
	}
	return showList(c, "clients", l)
}

func clientState(client *oauth.Client) string {
	if client.Enabled {
		return "enabled"
	}
	return "disabled"
}

// clientKind is the key of how much a client is trusted with.
func clientKind(client *oauth.Client) string {
	switch {
	case client.Public():
		return "client.public"
	case !client.May(oauth.AuthorizationCode):
		return "client.service"
	}
	return "client.confidential"
}

// joined are the texts with blanks between.
func joined[T ~string](list []T) string {
	var all []string
	for _, item := range list {
		all = append(all, string(item))
	}
	return strings.Join(all, " ")
}

func (k *Console) client(c *call) (*oauth.Client, error) {
	id, err := c.id("id", oauth.ErrClientNotFound)
	if err != nil {
		return nil, err
	}
	return k.Clients.Get(c.ctx, id)
}

func (k *Console) showClient(c *call) error {
	client, err := k.client(c)
	if err != nil {
		return err
	}
	return k.clientPage(c, client, keys.Secret{})
}

// clientPage is the page of a client, with a secret that was just made.
func (k *Console) clientPage(c *call, client *oauth.Client, made keys.Secret) error {
	page, err := k.clientThing(c, client, made)
	if err != nil {
		return err
	}
	return c.show(view{page: "thing", section: "clients", title: escape(client.DisplayName()), v: page})
}

// clientThing is what the page of a client shows.
func (k *Console) clientThing(c *call, client *oauth.Client, made keys.Secret) (thing, error) {
	at := "/clients/" + client.ID
	page := thing{
		Facts: k.clientFacts(c, client), Secret: made.Reveal(),
		Snippets: opened(admin.ClientSnippets(k.Issuer.Settings, client), ""), HasSecret: client.AuthMethod.UsesSecret(),
	}
	if c.may(audit.ManageAll) {
		page.Acts = append(page.Acts, deed{Name: "edit", Href: at + "/edit"})
		if client.AuthMethod.UsesSecret() {
			page.Acts = append(page.Acts, deed{Name: "add_secret", Href: at + "/secrets"})
		}
		if client.Enabled {
			page.Acts = append(page.Acts, deed{"disable", at + "/disable", true})
		} else {
			page.Acts = append(page.Acts, deed{"enable", at + "/enable", false})
		}
		page.Acts = append(page.Acts, deed{"delete_client", at + "/delete", true})
	}
	if client.AuthMethod.UsesSecret() {
		page.Parts = append(page.Parts, k.secretsOf(c, client))
	}
	if len(client.Secrets) > 1 {
		page.Notes = append(page.Notes, c.text("client.two_secrets"))
	}
	grants, err := partOf("grants", "column.client", k.grants(c, grantFilter{client: client.ID, live: true}), partRows)
	if err != nil {
		return thing{}, err
	}
	history, err := k.history(c, "client", client.ID)
	page.Parts = append(page.Parts, grants, history)
	return page, err
}

// clientFacts are what the form has, in its order, without what is not set.
func (k *Console) clientFacts(c *call, client *oauth.Client) []fact {
	all := []fact{
		{"state", []cell{{Mark: clientState(client)}}}, {"client_id", id(client.ID)}, {"kind", []cell{{Key: clientKind(client)}}},
	}
	m := client.Metadata
	for _, member := range clientMembers() {
		f := fact{Name: member.name}
		switch value := member.get(&m); {
		case value == "":
		case member.kind == "tick":
			f.Cells = []cell{{Key: "yes"}}
		default:
			f.Cells = codes(strings.Split(value, "\n")...)
		}
		all = append(all, f)
	}
	return facts(append(all, fact{"created", []cell{{At: client.CreatedAt}}}, fact{"updated", []cell{{At: client.UpdatedAt}}})...)
}

func (k *Console) secretsOf(c *call, client *oauth.Client) part {
	p := part{Name: "secrets", Table: table{Columns: []string{"column.secret", "column.created"}}}
	may := c.may(audit.ManageAll)
	if may {
		p.Table.Columns = append(p.Table.Columns, "column.act")
	}
	for _, s := range client.Secrets {
		row := []cell{{Text: s.ID, Code: true}, {At: s.CreatedAt}}
		if may {
			row = append(row, cell{Key: "act.remove_secret", Href: Path + "/clients/" + client.ID + "/secrets/" + s.ID + "/remove"})
		}
		p.Table.Rows = append(p.Table.Rows, row)
	}
	return p
}

// clientQuestion begins a question about a client.
func (k *Console) clientQuestion(c *call, name string) (*question, *oauth.Client, error) {
	client, err := k.client(c)
	if err != nil {
		return nil, nil, err
	}
	return &question{
		section: "clients", Back: "/clients/" + client.ID,
		Title:  c.text("ask."+name+".title", "client", client.DisplayName()),
		Button: c.text("ask."+name+".button", "client", client.DisplayName()),
		What:   []template.HTML{c.text("ask."+name+".what", "client", client.DisplayName())},
	}, client, nil
}

// clientEnds tells what ends with a client.
func (k *Console) clientEnds(c *call, q *question, id string) error {
	open, err := k.whatEnds().OfClient(c.ctx, id, c.actor)
	q.Ends = append(q.Ends, c.grantsEnd(open)...)
	return err
}

func (k *Console) clientDisabling(c *call) (*question, error) {
	q, client, err := k.clientQuestion(c, "disable")
	if err != nil {
		return nil, err
	}
	q.do = func() (string, error) {
		n, err := k.Clients.SetEnabled(c.ctx, client.ID, false, c.actor)
		return ended(q.Back, "disabled", n), err
	}
	return q, k.clientEnds(c, q, client.ID)
}

func (k *Console) clientEnabling(c *call) (*question, error) {
	q, client, err := k.clientQuestion(c, "enable")
	if err != nil {
		return nil, err
	}
	q.Mild = true
	q.do = func() (string, error) {
		_, err := k.Clients.SetEnabled(c.ctx, client.ID, true, c.actor)
		return q.Back + "?done=enabled", err
	}
	return q, nil
}

func (k *Console) clientDeletion(c *call) (*question, error) {
	q, client, err := k.clientQuestion(c, "delete_client")
	if err != nil {
		return nil, err
	}
	q.seen = client.Version()
	q.do = func() (string, error) {
		n, err := k.Clients.Delete(c.ctx, client.ID, c.actor)
		return ended("/clients", "client_deleted", n), gone(err, oauth.ErrClientNotFound)
	}
	return q, k.clientEnds(c, q, client.ID)
}

func (k *Console) secretRemoval(c *call) (*question, error) {
	q, client, err := k.clientQuestion(c, "remove_secret")
	if err != nil {
		return nil, err
	}
	n := slices.IndexFunc(client.Secrets, func(s oauth.ClientSecret) bool { return s.ID == c.gin.Param("secret") })
	if n < 0 {
		return nil, oauth.ErrSecretNotFound
	}
	secret := client.Secrets[n]
	q.seen = client.Version()
	q.Ends = []template.HTML{c.text("ends.secret", "secret", secret.ID, "time", must(c.texts.Exact(secret.CreatedAt)))}
	if len(client.Secrets) == 1 {
		q.Ends = append(q.Ends, c.text("ends.last_secret"))
	}
	q.do = func() (string, error) {
		_, err := k.Clients.RemoveSecret(c.ctx, client.ID, secret.ID, c.actor)
		return q.Back + "?done=secret_removed", gone(err, oauth.ErrSecretNotFound)
	}
	return q, nil
}

// secretMaking asks before a client gets another secret.
func (k *Console) secretMaking(c *call) (*question, error) {
	q, client, err := k.clientQuestion(c, "add_secret")
	if err != nil {
		return nil, err
	}
	q.Mild = true
	q.seen = client.Version()
	if len(client.Secrets) > 1 {
		oldest := client.Secrets[0]
		q.Ends = []template.HTML{c.text("ends.secret", "secret", oldest.ID, "time", must(c.texts.Exact(oldest.CreatedAt)))}
	}
	q.show = func() error {
		made, now, err := k.Clients.RotateSecret(c.ctx, client.ID, keys.Secret{}, c.actor)
		if err != nil {
			return err
		}
		return k.clientPage(c, &now, made)
	}
	return q, nil
}
