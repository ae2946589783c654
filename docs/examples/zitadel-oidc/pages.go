package main

import (
	"html/template"
	"log"
	"net/http"
)

var pages = template.Must(template.New("").Funcs(template.FuncMap{"tail": tail}).Parse(`
{{define "signed out"}}<h1>You are not signed in</h1>
<p><a href="/login">Sign in</a></p>{{end}}

{{define "signed in"}}<h1>Hello {{.Person.Name}}</h1>
<dl>
<dt>Username</dt><dd>{{.Person.PreferredUsername}}</dd>
<dt>Email</dt><dd>{{.Person.Email}}</dd>
<dt>Access token</dt><dd>{{tail .Tokens.AccessToken}}</dd>
<dt>Refresh token</dt><dd>{{tail .Tokens.RefreshToken}}</dd>
<dt>ID token</dt><dd>{{tail .Tokens.IDToken}}</dd>
</dl>
<form method="post" action="/refresh"><button>Refresh</button></form>
<form method="post" action="/logout"><button>Sign out</button></form>{{end}}

{{define "failed"}}<h1>Not signed in</h1>
<p>{{.}}</p>
<p><a href="/login">Try again</a></p>{{end}}`))

// tail is the last that is seen of a token: enough to see that it has changed, and of no use to anybody.
func tail(token string) string { return "…" + token[max(0, len(token)-8):] }

func page(w http.ResponseWriter, status int, name string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := pages.ExecuteTemplate(w, name, data); err != nil {
		log.Print(err)
	}
}

func failed(w http.ResponseWriter, status int, why string) { page(w, status, "failed", why) }
