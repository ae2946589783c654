package admin

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"keyturn/issuer"
	"keyturn/issuer/oauth"
)

// hostile is a client whose redirect URI has all the signs that a URI may have and code gives a meaning.
func hostile(m oauth.Metadata) *oauth.Client {
	if !slices.Contains(m.GrantTypes, oauth.ClientCredentials) {
		m.GrantTypes, m.RedirectURIs = []oauth.GrantType{oauth.AuthorizationCode}, []string{"https://app.example.com/it's/$(id)/callback?a=%22"}
	}
	return &oauth.Client{ID: "shop", Metadata: m, Enabled: true}
}

// everySnippet is each of them, filled in.
func everySnippet() map[string]string {
	all := map[string]string{}
	settings := issuer.Settings{Issuer: "https://id.example.com", Algorithm: "RS256"}
	for _, m := range []oauth.Metadata{
		{AuthMethod: oauth.AuthBasic}, {AuthMethod: oauth.AuthNone, CORSOrigins: []string{"https://app.example.com"}},
		{AuthMethod: oauth.AuthBasic, GrantTypes: []oauth.GrantType{oauth.ClientCredentials}},
	} {
		for _, s := range ClientSnippets(settings, hostile(m)) {
			all[s.Name] = s.Code
		}
	}
	for _, s := range ResourceSnippets(settings, issuer.Resource{Identifier: "orders", Scopes: []string{"orders:read"}}) {
		all[s.Name] = s.Code
	}
	return all
}

// TestSnippetsNameWhatIsRegistered: the issuer in each, and the client or audience.
func TestSnippetsNameWhatIsRegistered(t *testing.T) {
	all := everySnippet()
	if len(all) != len(snippets.Templates()) || len(all) != len(stacks) {
		t.Errorf("%d snippets of %d, and %d stacks", len(all), len(snippets.Templates()), len(stacks))
	}
	for name, code := range all {
		if !strings.Contains(code, "https://id.example.com") || !strings.Contains(code, "shop") && !strings.Contains(code, "orders") || strings.Contains(code, "<no value>") {
			t.Errorf("%s:\n%s", name, code)
		}
		if (name == "go" || name == "node" || name == "spa" || name == "apache") && !strings.Contains(code, "https://app.example.com/it's/$(id)/callback?a=%22") {
			t.Errorf("%s: no redirect URI:\n%s", name, code)
		}
	}
}

// TestSnippetsOfGoAreGo.
func TestSnippetsOfGoAreGo(t *testing.T) {
	all := everySnippet()
	for _, name := range []string{"go", "goservice", "verify"} {
		if _, err := parser.ParseFile(token.NewFileSet(), name, "package p\nfunc f() error {\n"+all[name]+"\nreturn nil }", 0); err != nil {
			t.Errorf("%s: %v\n%s", name, err, all[name])
		}
	}
}

// proofs are where what a snippet calls is shown at work, by something that a test runs.
var proofs = map[string]struct {
	calls string
	files []string
}{
	"go":        {`\b(?:oidc|oauth2|config|verifier|tokens|idToken|provider)\.([A-Z]\w+)`, []string{"docs/examples/go-oidc/*.go"}},
	"goservice": {`\b(?:clientcredentials|oauth2|config)\.([A-Z]\w+)`, []string{"docs/connect/service.md"}},
	"node":      {`\bclient\.(\w+)|\b(\w+)(?:: )`, []string{"docs/examples/openid-client/server.js"}},
	"spa":       {`\b(?:manager)\.(\w+)|\b(\w+)(?:: )`, []string{"docs/examples/oidc-client-ts/main.js"}},
	"apache":    {`(?m)^\s*(OIDC\w+|AuthType|Require)`, []string{"docs/examples/mod_auth_openidc/keyturn.conf"}},
	"verify":    {`\b(?:verify|v)\.([A-Z]\w+)`, []string{"cmd/hello/server/server.go", "docs/connect/resource-server.md"}},
	"jose":      {`\b(createRemoteJWKSet|jwtVerify|issuer|audience|typ|algorithms)\b`, []string{"docs/connect/resource-server.md"}},
}

// TestSnippetsAreProved: they call nothing that no example calls.
func TestSnippetsAreProved(t *testing.T) {
	all := everySnippet()
	for name, proof := range proofs {
		shown := ""
		for _, pattern := range proof.files {
			files, err := filepath.Glob("../../" + pattern)
			if err != nil || len(files) == 0 {
				t.Fatal(pattern, err)
			}
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				shown += string(text)
			}
		}
		found := regexp.MustCompile(proof.calls).FindAllStringSubmatch(all[name], -1)
		if len(found) < 3 {
			t.Errorf("%s: only %d calls found", name, len(found))
		}
		for _, m := range found {
			if call := strings.Join(m[1:], ""); !regexp.MustCompile(`\b` + call + `\b`).MatchString(shown) {
				t.Errorf("%s calls %s, which no example does", name, call)
			}
		}
	}
}

// TestSnippetsSuitTheClient: nothing that can't work with how it is registered.
func TestSnippetsSuitTheClient(t *testing.T) {
	web := func(m oauth.AuthMethod) *oauth.Client { return hostile(oauth.Metadata{AuthMethod: m}) }
	for _, c := range []struct {
		client *oauth.Client
		want   string
	}{
		{web(oauth.AuthBasic), "go node apache settings"},
		{web(oauth.AuthPost), "go node settings"},
		{web(oauth.AuthPrivateKeyJWT), "settings"},
		{web(oauth.AuthNone), "settings"},
		{hostile(oauth.Metadata{AuthMethod: oauth.AuthNone, CORSOrigins: []string{"https://app.example.com"}}), "spa settings"},
		{hostile(oauth.Metadata{AuthMethod: oauth.AuthPost, GrantTypes: []oauth.GrantType{oauth.ClientCredentials}}), "curl goservice settings"},
	} {
		if got := strings.Join(stacksOf(c.client), " "); got != c.want {
			t.Errorf("%s %v: %s, want %s", c.client.AuthMethod, c.client.GrantTypes, got, c.want)
		}
	}
}

// TestQuotes: what somebody registers is a text in the code, and no code.
func TestQuotes(t *testing.T) {
	for text, want := range map[string][3]string{
		"https://a.example/": {`"https://a.example/"`, "https://a.example/", "https://a.example/"},
		`a'b`:                {`"a'b"`, `'a'\''b'`, `"a'b"`},
		`a"b\c`:              {`"a\"b\\c"`, `'a"b\c'`, `"a\"b\\c"`},
		"$(id)&<":            {`"$(id)&<"`, `'$(id)&<'`, "$(id)&<"},
	} {
		if got := [3]string{quoted(text), shellQuoted(text), apacheQuoted(text)}; got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
