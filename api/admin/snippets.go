package admin

import (
	"cmp"
	"embed"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"path"
	"strings"
	"text/template"

	"keyturn/issuer"
	"keyturn/issuer/oauth"
)

//go:embed snippets/*.txt
var snippetFiles embed.FS

// snippets are what a client or resource server is configured with, in the words of a library that docs/examples and
// docs/connect show at work.
var snippets = template.Must(template.New("").Funcs(template.FuncMap{
	"quote": quoted, "shell": shellQuoted, "apache": apacheQuoted,
}).ParseFS(snippetFiles, "snippets/*.txt"))

// Snippet is code to copy, with what is registered in it and without a secret: that comes from a variable of the
// environment, CLIENT_SECRET.
type Snippet struct {
	Name string `json:"name"`
	// Stack is what it is for, in English.
	Stack string `json:"stack"`
	Code  string `json:"code"`
}

// stacks is what each snippet is for; the console says the same in the reader's language.
var stacks = map[string]string{
	"settings": "Settings for any other library", "go": "Go, by go-oidc", "node": "Node.js, by openid-client", "spa": "The browser, by oidc-client-ts",
	"apache": "Apache, by mod_auth_openidc", "curl": "A shell, by curl", "goservice": "Go, by x/oauth2",
	"verify": "Go, by keyturn/verify", "jose": "Node.js, by jose", "jwks": "What any other library for JWTs must check",
}

// Stacks are the snippets that there are, each with what it is for in English.
func Stacks() map[string]string { return maps.Clone(stacks) }

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

// ClientSnippets are those for a client as it is registered, the one that suits it best first.
func ClientSnippets(s issuer.Settings, client *oauth.Client) []Snippet {
	c := connection{Issuer: s.Issuer, ClientID: client.ID, Method: string(client.AuthMethod), Post: client.AuthMethod == oauth.AuthPost}
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

// ResourceSnippets are those for what takes access tokens for an audience.
func ResourceSnippets(s issuer.Settings, r issuer.Resource) []Snippet {
	c := connection{Issuer: s.Issuer, Audience: r.Identifier, Algorithm: string(cmp.Or(r.Algorithm, s.Algorithm))}
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

// fill makes the snippets. A template that fails is a broken program.
func (c connection) fill(names ...string) []Snippet {
	var all []Snippet
	for _, name := range names {
		var code strings.Builder
		if err := snippets.ExecuteTemplate(&code, name+".txt", c); err != nil {
			panic(err)
		}
		all = append(all, Snippet{Name: name, Stack: stacks[name], Code: code.String()})
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

// listClientSnippets answers what a client is configured with.
func (h *Handlers) listClientSnippets(r *request) error {
	client, err := h.client(r)
	if err != nil {
		return err
	}
	return r.write(http.StatusOK, listed[Snippet]{Items: ClientSnippets(h.Issuer.Settings, client)})
}

// listResourceSnippets answers what a resource server is configured with, that of the configured audience where none is
// named.
func (h *Handlers) listResourceSnippets(r *request) error {
	wanted, given := r.query["identifier"]
	if !given {
		wanted = h.Issuer.Settings.Audience
	}
	resource, err := h.Issuer.Resource(r.ctx, wanted)
	if err != nil {
		return err
	}
	return r.write(http.StatusOK, listed[Snippet]{Items: ResourceSnippets(h.Issuer.Settings, resource)})
}
