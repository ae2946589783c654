package console

import (
	"errors"
	"html/template"
	"net/url"
	"slices"
	"strings"

	"keyturn/api/admin"
	"keyturn/audit"
	"keyturn/audit/sentence"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// listResources shows the audiences. They are few and held whole.
func (k *Console) listResources(c *call) error {
	l := list[issuer.Resource]{
		path: "/resources", name: "resources", empty: "resources.empty",
		columns: []string{"column.identifier", "column.algorithm", "column.access_lifetime", "column.claims", "column.scopes"},
		read: func(w window) ([]issuer.Resource, error) {
			all, err := k.Issuer.Resources(c.ctx)
			from, to := w.of(len(all), func(n int) string { return all[n].Identifier })
			return all[from:to], err
		},
		cursor: func(r issuer.Resource) string { return r.Identifier },
		cells: func(r issuer.Resource) []cell {
			id := cell{Text: r.Identifier, Code: true}
			if c.may(audit.ManageAll) {
				id.Href = Path + "/resources/edit?identifier=" + url.QueryEscape(r.Identifier)
			}
			if r.Identifier == k.Issuer.Settings.Audience {
				id.More = c.text("resources.default")
			}
			cells := []cell{id, {Key: "resources.by_default"}, {Key: "resources.by_default"}, {Text: strings.Join(r.Claims, " ")}, {Text: strings.Join(r.Scopes, " ")}}
			if r.Algorithm != "" {
				cells[1] = cell{Text: string(r.Algorithm), Code: true}
			}
			if r.AccessLifetime != 0 {
				cells[2] = cell{HTML: must(c.texts.Wait(r.AccessLifetime))}
			}
			return cells
		},
		export: func(r issuer.Resource) any { return admin.ViewResource(r) },
	}
	if c.may(audit.ManageAll) {
		l.make = Path + "/resources/new"
	}
	return showList(c, "resources", l)
}

// resource is the one that the query names: identifiers are URLs as often as not, and no part of a path.
func (k *Console) resource(c *call) (issuer.Resource, error) {
	return k.Issuer.Resource(c.ctx, c.query.Get("identifier"))
}

// resourceForm is the form of a resource, filled with r; isNew lets its identifier be chosen. lifetime is as it was typed.
func resourceForm(r issuer.Resource, lifetime string, isNew bool) *form {
	f := &form{Back: Path + "/resources", Submit: "form.save"}
	algorithms := []option{{Key: "resources.by_default", Chosen: r.Algorithm == ""}}
	for _, a := range issuer.Algorithms {
		algorithms = append(algorithms, option{Value: string(a), Chosen: a == r.Algorithm})
	}
	claims := &field{Name: "claims", Kind: "ticks", Help: true}
	for _, name := range issuer.ProfileClaims() {
		claims.Options = append(claims.Options, option{Value: name, Chosen: slices.Contains(r.Claims, name)})
	}
	f.Groups = []group{{"", []*field{
		{Name: "identifier", Kind: "text", Value: r.Identifier, Required: true, Fixed: !isNew, Help: true},
		{Name: "algorithm", Kind: "choice", Options: algorithms, Help: true},
		{Name: "access_lifetime", Kind: "text", Value: lifetime, Help: true},
		claims,
		{Name: "scopes", Kind: "lines", Value: strings.Join(r.Scopes, "\n"), Help: true, HelpOf: "resource_scopes"},
		{Name: "simplejwt", Kind: "tick", Value: onIf(r.SimpleJWT), Help: true},
	}}}
	return f
}

func lifetimeText(r issuer.Resource) string {
	if r.AccessLifetime == 0 {
		return ""
	}
	return r.AccessLifetime.String()
}

// typedResource is what was typed.
func (c *call) typedResource(identifier string) (issuer.Resource, error) {
	r := issuer.Resource{
		Identifier: identifier, Algorithm: keys.Algorithm(c.form.Get("algorithm")), Claims: c.form["claims"],
		SimpleJWT: c.form.Get("simplejwt") == "on", Scopes: linesOf(c.form.Get("scopes")),
	}
	d, problem := readDuration(strings.TrimSpace(c.form.Get("access_lifetime")))
	if !problem.IsZero() {
		return r, &oauth.InvalidRequest{Param: "access_lifetime", Problem: problem}
	}
	r.AccessLifetime = d
	return r, nil
}

func (k *Console) newResource(c *call) error {
	r := issuer.Resource{Claims: k.Issuer.Settings.DefaultResource().Claims, SimpleJWT: true}
	return c.showForm("resources", "resources.new", resourceForm(r, "", true), nil)
}

func (k *Console) createResource(c *call) error {
	r, err := c.typedResource(strings.TrimSpace(c.form.Get("identifier")))
	if err == nil {
		err = k.Issuer.CreateResource(c.ctx, r, c.actor)
	}
	if err != nil {
		return k.resourceAgain(c, "resources.new", resourceForm(r, c.form.Get("access_lifetime"), true), err)
	}
	return c.goTo("/resources?done=saved")
}

func (k *Console) resourceAgain(c *call, title string, f *form, err error) error {
	bad, _, _ := badInput(err)
	switch {
	case errors.Is(err, issuer.ErrResourceExists):
		f.taken("identifier", sentence.Say("is taken"))
	case !bad:
		return err
	}
	return c.showForm(sectionOf(title, "resources"), title, f, err)
}

func (k *Console) editResource(c *call) error {
	return c.showStored("resources", "resources.edit", k.storedResource)
}

// storedResource is the form of the resource that the query names.
func (k *Console) storedResource(c *call) (*form, error) {
	r, err := k.resource(c)
	if err != nil {
		return nil, err
	}
	f := resourceForm(r, lifetimeText(r), false)
	f.Other, f.Seen = Path+"/resources/delete?identifier="+url.QueryEscape(r.Identifier), r.Version()
	return f, nil
}

// updateResource replaces a resource. The one of the configured audience gets a row of its own with the first change.
func (k *Console) updateResource(c *call) error {
	was, err := k.resource(c)
	if err != nil {
		return err
	}
	c.seen()
	r, err := c.typedResource(was.Identifier)
	if err == nil {
		err = k.storeResource(c, was, r)
	}
	if err == nil {
		return c.goTo("/resources?done=saved")
	}
	f := resourceForm(r, c.form.Get("access_lifetime"), false)
	if errors.Is(err, audit.ErrChanged) {
		return c.overtaken("resources", "resources.edit", f, k.storedResource)
	}
	return k.resourceAgain(c, "resources.edit", f, err)
}

// storeResource stores r in the place of what was, which is as the settings say where there is no row yet.
func (k *Console) storeResource(c *call, was, r issuer.Resource) error {
	err := k.Issuer.UpdateResource(c.ctx, r, c.actor)
	if !errors.Is(err, issuer.ErrResourceNotFound) {
		return err
	}
	if err := c.actor.Saw(was.Version()); err != nil {
		return err
	}
	actor := c.actor
	actor.Seen = "" // there is no row that could be in a state
	err = k.Issuer.CreateResource(c.ctx, r, actor)
	if errors.Is(err, issuer.ErrResourceExists) {
		return audit.ErrChanged
	}
	return err
}

func (k *Console) resourceDeletion(c *call) (*question, error) {
	r, err := k.resource(c)
	if err != nil {
		return nil, err
	}
	q := &question{
		section: "resources", Back: "/resources",
		Title:  c.text("ask.delete_resource.title", "resource", r.Identifier),
		Button: c.text("ask.delete_resource.button", "resource", r.Identifier),
		What:   []template.HTML{c.text("ask.delete_resource.what")},
	}
	if r.Identifier == k.Issuer.Settings.Audience {
		q.What = []template.HTML{c.text("ask.delete_resource.default")}
	}
	q.seen = r.Version()
	q.do = func() (string, error) {
		return "/resources?done=resource_deleted", gone(k.Issuer.DeleteResource(c.ctx, r.Identifier, c.actor), issuer.ErrResourceNotFound)
	}
	return q, nil
}
