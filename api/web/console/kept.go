package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"keyturn/audit/sentence"
	"keyturn/issuer/oauth"
)

// keptNames are the fields of forms that may ask for a recent proof only when they are sent. What was typed there is kept
// in the browser while somebody signs in again, and stands in the form when they are back. None is a secret.
var keptNames = []string{
	seenField, "reason", "mode", "lane", "force",
	"username", "given_name", "family_name", "email", "email_verified", "admin", "external_id", "language", "user", "role", "resource",
	"name", "description", "required_acr", "client_id",
}

// typedNames are keptNames, and the members of a client.
func typedNames() []string {
	all := slices.Clone(keptNames)
	for _, m := range clientMembers() {
		all = append(all, m.name)
	}
	return all
}

// passwordField holds the only secret that is typed here. It is never shown again and never kept.
const passwordField = "password"

// retype stands in what is kept for a password that was typed.
const retype = "retype"

// again asks whoever is signed in to prove themself anew, and comes back here with what they have typed.
func (c *call) again() error {
	typed := url.Values{}
	for _, name := range typedNames() {
		if texts := c.form[name]; strings.Join(texts, "") != "" {
			typed[name] = texts
		}
	}
	if c.form.Get(passwordField) != "" {
		typed.Set(retype, "on")
	}
	return c.k.Again(c.gin, c.who, typed)
}

// kept is what was typed before somebody signed in again, for the page that they come back to; nil for nothing.
func (c *call) kept() url.Values {
	if c.gin.Request.Method != http.MethodGet {
		return nil
	}
	return c.k.Kept(c.gin, c.who)
}

// restore fills a form with what was typed into it, and returns that: just now, where it comes again with what is wrong,
// or before somebody signed in again; nil for nothing.
func (c *call) restore(fields []*field) url.Values {
	typed := c.form
	if typed == nil {
		typed = c.kept()
	}
	if typed == nil {
		return nil
	}
	for _, f := range fields {
		f.fill(typed)
	}
	return typed
}

// fill sets a field to what was typed; one without it was left empty.
func (f *field) fill(typed url.Values) {
	switch {
	case f.Fixed:
	case f.Kind == "password":
		f.Again = typed.Get(f.Name) != "" || typed.Has(retype)
	case f.Kind == "choice", f.Kind == "ticks":
		for n := range f.Options {
			f.Options[n].Chosen = slices.Contains(typed[f.Name], f.Options[n].Value)
		}
	default:
		f.Value = typed.Get(f.Name)
	}
}

// checkChoices refuses what is not among the choices of a form.
func (c *call) checkChoices(f *form) error {
	for _, in := range f.fields() {
		if in.Kind != "choice" && in.Kind != "ticks" {
			continue
		}
		for _, value := range c.form[in.Name] {
			if !slices.ContainsFunc(in.Options, func(o option) bool { return o.Value == value }) {
				return &oauth.InvalidRequest{Param: in.Name, Problem: sentence.Say("is not one of those to choose from")}
			}
		}
	}
	return nil
}
