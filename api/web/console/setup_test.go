package console_test

import (
	"context"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"keyturn/api/apitest"
	"keyturn/issuer/oauth"
)

var (
	shownSecret  = regexp.MustCompile(`(?s)<div class="notice care" role="status">.*?<code[^>]*>([^<]+)</code>`)
	shownSnippet = regexp.MustCompile(`(?s)<pre role="region"[^>]*>(.*?)</pre>`)
)

// TestEachKindIsConnected: what is registered works for its kind, the secret is shown once, and the code names all.
func TestEachKindIsConnected(t *testing.T) {
	s := apitest.New(t)
	b := administrator(t, s)
	for name, c := range map[string]struct {
		redirect, first string
		secret          bool
		fits            func(*oauth.Client) bool
	}{
		"web": {"https://app.example.com/callback", "oidc.NewProvider", true, func(c *oauth.Client) bool {
			return c.AuthMethod == oauth.AuthBasic && c.PostLogoutRedirectURIs[0] == "https://app.example.com/" && c.FirstParty
		}},
		"spa": {"http://localhost:3000/callback", "new UserManager", false, func(c *oauth.Client) bool {
			return c.Public() && c.CORSOrigins[0] == "http://localhost:3000"
		}},
		"native":  {"com.example.field:/callback", "client id", false, func(c *oauth.Client) bool { return c.Public() && len(c.CORSOrigins) == 0 }},
		"service": {"", "grant_type=client_credentials", true, func(c *oauth.Client) bool { return !c.May(oauth.AuthorizationCode) }},
		"apache":  {"https://www.example.com/protected/callback", "OIDCClientID", true, func(c *oauth.Client) bool { return c.AuthMethod == oauth.AuthBasic }},
	} {
		at := "/admin/set-up/client/" + name
		if p := b.Get(at); p.Status != http.StatusOK || strings.Contains(p.Body, "redirect_uris") != (c.redirect != "") {
			t.Errorf("%s: the form: %d", name, p.Status)
		}
		p := b.Post(at, url.Values{"client_id": {"my-" + name}, "client_name": {"My app"}, "redirect_uris": {c.redirect}, "scopes": {"orders:read"}})
		open := regexp.MustCompile(`(?s)<details class="snippet" open>.*?</details>`).FindString(p.Body)
		if p.Status != http.StatusOK || !strings.Contains(open, c.first) || !strings.Contains(p.Body, `href="/admin/set-up"`) {
			t.Errorf("%s: %d, open is %s", name, p.Status, open)
		}
		for _, want := range []string{s.URL, "my-" + name, html.EscapeString(c.redirect)} {
			if !strings.Contains(open, want) {
				t.Errorf("%s: %s does not name %s", name, open, want)
			}
		}
		if strings.Contains(p.Body, "CLIENT_SECRET") != c.secret {
			t.Errorf("%s: where its secret comes from is told: %t", name, !c.secret)
		}
		secret := shownSecret.FindStringSubmatch(p.Body)
		if (secret != nil) != c.secret {
			t.Errorf("%s: a secret is shown: %v", name, secret != nil)
		}
		again := b.Get("/admin/clients/my-" + name)
		if again.Status != http.StatusOK || !strings.Contains(again.Body, c.first) || secret != nil && (strings.Contains(again.Body, secret[1]) || strings.Count(p.Body, secret[1]) != 1) {
			t.Errorf("%s: its page later: %d", name, again.Status)
		}
		client, err := s.Clients.Get(context.Background(), "my-"+name)
		if err != nil || !c.fits(client) {
			t.Errorf("%s: %+v %v", name, client, err)
		}
		if p := b.Post(at, url.Values{"client_id": {"my-" + name}, "redirect_uris": {c.redirect}, "scopes": {"orders:read"}}); p.Status != http.StatusConflict || !strings.Contains(p.Body, "my-"+name) {
			t.Errorf("%s: the same again: %d", name, p.Status)
		}
	}
	p := b.Post("/admin/set-up/client/web", url.Values{"client_id": {"other"}, "redirect_uris": {"http://app.example.com/"}})
	if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Body, `href="#f-redirect_uris"`) || !strings.Contains(p.Body, `value="other"`) || !strings.Contains(p.Body, "http://app.example.com/</textarea>") {
		t.Errorf("a redirect URI that can't be: %d\n%s", p.Status, p.Body)
	}
	for _, kind := range []string{"none", "..", "%00"} {
		if p := b.Get("/admin/set-up/client/" + kind); p.Status != http.StatusNotFound && p.Status != http.StatusBadRequest {
			t.Errorf("kind %s: %d", kind, p.Status)
		}
	}
}

// TestAPIIsConnected: it is described, and its page says what to verify.
func TestAPIIsConnected(t *testing.T) {
	s := apitest.New(t)
	b := administrator(t, s)
	p := b.Post("/admin/set-up/client/api", url.Values{"identifier": {"orders"}, "scopes": {"orders:read\norders:write"}})
	if p.Status != http.StatusSeeOther {
		t.Fatalf("%d %s", p.Status, p.Body)
	}
	page := b.Get(strings.TrimPrefix(p.Location, s.URL))
	for _, want := range []string{"verify.New(", "orders:read", "jwtVerify", s.URL + "/.well-known/jwks.json"} {
		if !strings.Contains(page.Body, want) {
			t.Errorf("the page does not say %s:\n%s", want, page.Body)
		}
	}
	if p := b.Post("/admin/set-up/client/api", url.Values{"identifier": {"orders"}}); p.Status != http.StatusConflict {
		t.Errorf("the same again: %d", p.Status)
	}
	if p := b.Get("/admin/set-up/api?identifier=none"); p.Status != http.StatusNotFound {
		t.Errorf("one that does not exist: %d", p.Status)
	}
}

// TestCurlSnippetWorks as it is shown, with the secret in the variable that it names.
func TestCurlSnippetWorks(t *testing.T) {
	s := apitest.New(t)
	b := administrator(t, s)
	b.Post("/admin/set-up/client/api", url.Values{"identifier": {"orders"}, "scopes": {"orders:read"}})
	if err := s.Issuer.LoadResources(t.Context()); err != nil { // as a running server does by itself
		t.Fatal(err)
	}
	p := b.Post("/admin/set-up/client/service", url.Values{"client_id": {"reports"}, "resources": {"orders"}, "scopes": {"orders:read"}})
	secret, code := shownSecret.FindStringSubmatch(p.Body), shownSnippet.FindStringSubmatch(p.Body)
	if secret == nil || code == nil {
		t.Fatalf("%d %s", p.Status, p.Body)
	}
	command := exec.Command("sh", "-c", html.UnescapeString(code[1]))
	command.Env = append(os.Environ(), "CLIENT_SECRET="+secret[1])
	out, err := command.Output()
	var answer map[string]any
	if err != nil || json.Unmarshal(out, &answer) != nil || answer["access_token"] == nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestSetUpIsForWhoMay: who may only look sees what is to do, and is not led to what they may not.
func TestSetUpIsForWhoMay(t *testing.T) {
	s := apitest.New(t)
	auditor := withRole(t, s, "looks", "auditor")
	if p := auditor.Get("/admin/set-up"); p.Status != http.StatusOK || strings.Contains(p.Body, "/admin/set-up/client") || strings.Count(p.Body, "<li>\n<h2>") != 11 {
		t.Errorf("an auditor: %d\n%s", p.Status, p.Body)
	}
	for _, path := range []string{"/admin/set-up/client", "/admin/set-up/client/web"} {
		if p := auditor.Get(path); p.Status != http.StatusForbidden {
			t.Errorf("an auditor at %s: %d", path, p.Status)
		}
	}
	if p := auditor.Post("/admin/set-up/client/service", url.Values{"client_id": {"x"}}); p.Status != http.StatusForbidden {
		t.Errorf("an auditor registers: %d", p.Status)
	}
}
