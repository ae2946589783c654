package console

import (
	"embed"
	"encoding/json"
	"net/url"
	"path"
	"slices"
	"strings"
	"text/template"

	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

//go:embed snippets/*.txt
var snippetFiles embed.FS

// snippets are what a client or resource server is configured with, in the words of a library that docs/examples and
// docs/connect show at work.
var snippets = template.Must(template.New("").Funcs(template.FuncMap{
	"quote": quoted, "shell": shellQuoted, "apache": apacheQuoted,
}).ParseFS(snippetFiles, "snippets/*.txt"))

// snippet is code to copy. Its name is the text of the key "snippet."+Name; Open shows it at once.
type snippet struct {
	Name, Code string
	Open       bool
}

// connection is what snippets are filled in with.
type connection struct {
	Issuer, ClientID, Method string
	// Post tells that the secret goes in the body.
	Post bool
	// Redirect is the first redirect URI, Home the address of its site, Path and Folder the path of it and what stands
	// before its last part.
	Redirect, Home, Path, Folder string
	// Of a resource: its audience, how its tokens are signed, and its first scope.
	Audience, Algorithm, Scope string
}

// clientSnippets are those for a client as it is registered.
func (k *Console) clientSnippets(client *oauth.Client) []snippet {
	c := connection{Issuer: k.Issuer.Settings.Issuer, ClientID: client.ID, Method: string(client.AuthMethod), Post: client.AuthMethod == oauth.AuthPost}
	if len(client.RedirectURIs) > 0 {
		c.redirect(client.RedirectURIs[0])
	}
	return c.fill(stacksOf(client)...)
}

// stacksOf names the snippets that suit a client. One that signs with a key of its own is configured with more than
// these show.
func stacksOf(client *oauth.Client) []string {
	web := client.May(oauth.AuthorizationCode) && len(client.RedirectURIs) > 0
	switch {
	case client.Public() && len(client.CORSOrigins) > 0 && web:
		return []string{"spa", "settings"}
	case !client.AuthMethod.UsesSecret():
		return []string{"settings"}
	case !web:
		return []string{"curl", "goservice", "settings"}
	case client.AuthMethod == oauth.AuthBasic:
		return []string{"go", "node", "apache", "settings"}
	}
	return []string{"go", "node", "settings"}
}

// resourceSnippets are those for what takes access tokens for an audience.
func (k *Console) resourceSnippets(r issuer.Resource) []snippet {
	c := connection{Issuer: k.Issuer.Settings.Issuer, Audience: r.Identifier, Algorithm: string(r.Algorithm)}
	if r.Algorithm == keys.Algorithm("") {
		c.Algorithm = string(k.Issuer.Settings.Algorithm)
	}
	if len(r.Scopes) > 0 {
		c.Scope = r.Scopes[0]
	}
	return c.fill("verify", "jose", "jwks")
}

func (c *connection) redirect(uri string) {
	c.Redirect = uri
	if u, err := url.Parse(uri); err == nil {
		c.Home, c.Path, c.Folder = u.Scheme+"://"+u.Host+"/", u.EscapedPath(), path.Dir(path.Clean("/"+u.EscapedPath()))
	}
}

// fill makes the snippets; the first is open. A template that fails is a broken program.
func (c connection) fill(names ...string) []snippet {
	var all []snippet
	for n, name := range names {
		var code strings.Builder
		if err := snippets.ExecuteTemplate(&code, name+".txt", c); err != nil {
			panic(err)
		}
		all = append(all, snippet{Name: name, Code: code.String(), Open: n == 0})
	}
	return all
}

// opened shows another snippet at once, where there is one of that name.
func opened(all []snippet, name string) []snippet {
	if !slices.ContainsFunc(all, func(s snippet) bool { return s.Name == name }) {
		return all
	}
	for n := range all {
		all[n].Open = all[n].Name == name
	}
	return all
}

// quoted is a text as Go and JavaScript write it.
func quoted(text string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// shellQuoted is a text as one word of the shell.
func shellQuoted(text string) string {
	plain := func(c rune) bool {
		return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.ContainsRune("-_.:/", c)
	}
	if !strings.ContainsFunc(text, func(c rune) bool { return !plain(c) }) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// apacheQuoted is a text as one argument in a configuration of Apache's, where a URI has nothing that is expanded:
// "${" can't stand in one.
func apacheQuoted(text string) string {
	if !strings.ContainsAny(text, "'\"\\ ") {
		return text
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}
