package console

import (
	"net/url"
	"slices"
	"strings"

	"keyturn/api/admin"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
)

// setUp is the list of what production needs. Todo counts what is to do.
type setUp struct {
	Tasks []admin.Task
	Todo  int64
	// Client leads to registering what is to be connected, empty for whoever may not.
	Client string
}

// showSetUp shows what production still needs, as things are now.
func (k *Console) showSetUp(c *call) error {
	v := setUp{Tasks: k.Operations.Tasks(c.ctx)}
	for _, t := range v.Tasks {
		if t.State == admin.Todo {
			v.Todo++
		}
	}
	if c.may(audit.ManageAll) {
		v.Client = Path + "/set-up/client"
	}
	return c.show(view{page: "setup", section: "setup", title: c.text("setup.title"), narrow: true, v: v})
}

// kind is what somebody wants to connect. Its name is the text of the key "kind."+Name, and ".text" behind that.
type kind struct {
	name string
	// redirects tells that browsers come back to it.
	redirects bool
	// scopes tells that it must name what it may ask for, and of which resources.
	scopes   bool
	metadata func(redirects []string) oauth.Metadata
	// shows is the snippet that is open on its page.
	shows string
}

// sectionOf is where a form of that title stands, that of its things without one of ours.
func sectionOf(title, otherwise string) string {
	if strings.HasPrefix(title, kindKey) {
		return "setup"
	}
	return otherwise
}

// title is the key of the heading of its form.
func (k kind) title() string { return kindKey + k.name }

// kindKey begins the texts of kinds.
const kindKey = "kind."

// apiKind is what takes tokens and is no client.
const apiKind = "api"

// kinds are those that the first run offers.
func kinds() []kind {
	web := func(redirects []string) oauth.Metadata {
		return oauth.Metadata{FirstParty: true, RedirectURIs: redirects, PostLogoutRedirectURIs: homes(redirects)}
	}
	public := func(redirects []string) oauth.Metadata {
		return oauth.Metadata{FirstParty: true, RedirectURIs: redirects, AuthMethod: oauth.AuthNone}
	}
	return []kind{
		{"web", true, false, web, "go"},
		{"spa", true, false, func(redirects []string) oauth.Metadata {
			m := public(redirects)
			m.PostLogoutRedirectURIs = homes(redirects)
			for _, home := range m.PostLogoutRedirectURIs {
				m.CORSOrigins = append(m.CORSOrigins, strings.TrimSuffix(home, "/"))
			}
			return m
		}, "spa"},
		{"native", true, false, public, "settings"},
		{"service", false, true, func([]string) oauth.Metadata {
			return oauth.Metadata{GrantTypes: []oauth.GrantType{oauth.ClientCredentials}}
		}, "curl"},
		{"apache", true, false, web, "apache"},
		{apiKind, false, false, nil, "verify"},
	}
}

// homes are the addresses of the sites that redirect URIs belong to, each once.
func homes(redirects []string) []string {
	var all []string
	for _, uri := range redirects {
		u, err := url.Parse(uri)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			continue
		}
		if home := u.Scheme + "://" + u.Host + "/"; !slices.Contains(all, home) {
			all = append(all, home)
		}
	}
	return all
}

// chooseKind asks what is to be connected.
func (k *Console) chooseKind(c *call) error {
	var names []string
	for _, kind := range kinds() {
		names = append(names, kind.name)
	}
	return c.show(view{page: "kinds", section: "setup", title: c.text("setup.client"), narrow: true, v: names})
}

// errNoKind says that nothing of that kind can be connected.
var errNoKind = oauth.ErrClientNotFound

// kindOf is that of the path.
func (c *call) kindOf() (kind, error) {
	all := kinds()
	n := slices.IndexFunc(all, func(k kind) bool { return k.name == c.gin.Param("kind") })
	if n < 0 {
		return kind{}, errNoKind
	}
	return all[n], nil
}

// kindForm asks for what a client of that kind needs, no more.
func kindForm(of kind, sent url.Values) *form {
	f := &form{Back: Path + "/set-up/client", Submit: "setup.connect"}
	fields := []*field{
		{Name: "client_name", Kind: "text", Value: sent.Get("client_name"), Help: true},
		{Name: "client_id", Kind: "text", Value: sent.Get("client_id"), Help: true, Required: true},
	}
	if of.redirects {
		fields = append(fields, &field{Name: "redirect_uris", Kind: "lines", Value: sent.Get("redirect_uris"), Help: true})
	}
	if of.scopes {
		fields = append(fields,
			&field{Name: "resources", Kind: "lines", Value: sent.Get("resources"), Help: true},
			&field{Name: "scopes", Kind: "lines", Value: sent.Get("scopes"), Help: true})
	}
	if of.name == apiKind {
		fields = []*field{
			{Name: "identifier", Kind: "text", Value: sent.Get("identifier"), Help: true, Required: true},
			{Name: "scopes", Kind: "lines", Value: sent.Get("scopes"), Help: true, HelpOf: "resource_scopes"},
		}
	}
	f.Groups = []group{{"", fields}}
	return f
}

func (k *Console) askKind(c *call) error {
	of, err := c.kindOf()
	if err != nil {
		return err
	}
	return c.showForm("setup", of.title(), kindForm(of, nil), nil)
}

// connect registers what was asked for, and shows its secret and what to configure it with in the answer itself: a
// redirect would have to carry the secret.
func (k *Console) connect(c *call) error {
	of, err := c.kindOf()
	if err != nil {
		return err
	}
	if of.name == apiKind {
		return k.connectAPI(c, of)
	}
	m := of.metadata(linesOf(c.form.Get("redirect_uris")))
	m.Name = strings.TrimSpace(c.form.Get("client_name"))
	if of.scopes {
		m.Scopes = linesOf(c.form.Get("scopes"))
		if m.Resources = linesOf(c.form.Get("resources")); len(m.Resources) == 0 {
			m.Resources = nil // the default one
		}
	}
	id := strings.TrimSpace(c.form.Get("client_id"))
	client, made, err := k.Clients.Create(c.ctx, oauth.NewClient{ID: id, Metadata: m}, c.actor)
	if err != nil {
		return k.clientAgain(c, of.title(), kindForm(of, c.form), err)
	}
	page, err := k.clientThing(c, &client, made)
	if err != nil {
		return err
	}
	page.Snippets, page.Onward = opened(admin.ClientSnippets(k.Issuer.Settings, &client), of.shows), true
	page.Notes = append(page.Notes, c.text("done.client_created"))
	return c.show(view{page: "thing", section: "setup", title: escape(client.DisplayName()), v: page})
}

// connectAPI describes what takes tokens.
func (k *Console) connectAPI(c *call, of kind) error {
	r := issuer.Resource{
		Identifier: strings.TrimSpace(c.form.Get("identifier")), Scopes: linesOf(c.form.Get("scopes")),
		Claims: k.Issuer.Settings.DefaultResource().Claims,
	}
	if err := k.Issuer.CreateResource(c.ctx, r, c.actor); err != nil {
		return k.resourceAgain(c, of.title(), kindForm(of, c.form), err)
	}
	return c.goTo("/set-up/api?identifier=" + url.QueryEscape(r.Identifier) + "&done=saved")
}

// showAPI shows what a resource server is configured with; that of the configured audience without another.
func (k *Console) showAPI(c *call) error {
	r := k.Issuer.Settings.DefaultResource()
	if c.query.Has("identifier") {
		var err error
		if r, err = k.resource(c); err != nil {
			return err
		}
	}
	page := thing{Facts: facts(fact{"audience", id(r.Identifier)}), Snippets: opened(admin.ResourceSnippets(k.Issuer.Settings, r), ""), Onward: true}
	return c.show(view{page: "thing", section: "setup", title: c.text("setup.api"), v: page})
}
