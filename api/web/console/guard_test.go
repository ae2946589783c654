package console_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"keyturn/api/apitest"
	"keyturn/api/web/console"
	"keyturn/audit"
)

// addresses are all of the console, with values in the place of parameters.
func addresses() []console.Route {
	all := (&console.Console{}).Routes()
	for n := range all {
		parts := strings.Split(all[n].Path, "/")
		for m, part := range parts {
			if strings.HasPrefix(part, ":") {
				parts[m] = "00000000-0000-4000-8000-000000000000"
			}
		}
		all[n].Path = strings.Join(parts, "/")
	}
	return all
}

// send asks an address by a method, as a page of ours would.
func send(b *apitest.Browser, method, path string) apitest.Page {
	if method == http.MethodPost {
		return b.Post(path, url.Values{})
	}
	return b.Get(path)
}

// TestNobodyGetsInWithoutSigningIn: every address leads to the sign-in page, and from there back.
func TestNobodyGetsInWithoutSigningIn(t *testing.T) {
	s := apitest.New(t)
	b := apitest.NewBrowser(t, s)
	for _, r := range addresses() {
		for _, method := range r.Methods() {
			p := send(b, method, console.Path+r.Path)
			if want := "/account?next=" + url.QueryEscape(console.Path+r.Path); p.Status != http.StatusSeeOther || p.Location != want {
				t.Errorf("%s %s: %d to %q, want %q", method, r.Path, p.Status, p.Location, want)
			}
			if p.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s %s may be kept", method, r.Path)
			}
		}
	}
}

// TestSigningInLeadsToNoOtherSite: OWASP ASVS 5.0 section 3.7.2, open redirects.
func TestSigningInLeadsToNoOtherSite(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	for next, want := range map[string]string{
		"/admin": "/admin", "/admin/users?prefix=a": "/admin/users?prefix=a", "/account": "/account",
		"//evil.example/admin": "/account", "https://evil.example/admin": "/account", `/\evil.example/admin`: "/account", "/admin@evil.example": "/account",
		"javascript:alert(1)": "/account", "/oauth2/logout": "/account", "": "/account", "/adminx": "/account", "\t//evil.example": "/account",
	} {
		b := apitest.NewBrowser(t, s)
		p := b.Post("/account/sign-in?next="+url.QueryEscape(next), url.Values{"username": {"spiderman"}, "password": {apitest.Password}})
		if p.Status != http.StatusSeeOther || p.Location != want {
			t.Errorf("next %q: %d to %q, want %q", next, p.Status, p.Location, want)
		}
	}
}

// TestEachRouteAsksForItsRight: a plain user sees nothing, an auditor everything and changes nothing.
func TestEachRouteAsksForItsRight(t *testing.T) {
	s := apitest.New(t)
	plain, _ := signedIn(t, s, "spiderman", false)
	for _, r := range addresses() {
		for _, method := range r.Methods() {
			p := send(plain, method, console.Path+r.Path)
			if p.Status != http.StatusForbidden || !strings.Contains(p.Body, "You may not do this here") {
				t.Errorf("a plain user: %s %s: %d", method, r.Path, p.Status)
			}
		}
		if len(r.Methods()) > 1 && r.Right == audit.Read {
			t.Errorf("%s takes a form from whoever may see it", r.Path)
		}
	}
}

// TestFormsOfOtherSitesAreRefused: OWASP ASVS 5.0 section 3.5.1, cross-site request forgery. They are refused before
// anything is looked up.
func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	s := apitest.New(t)
	b := administrator(t, s)
	for _, r := range addresses() {
		if !slices.Contains(r.Methods(), http.MethodPost) {
			continue
		}
		for name, values := range map[string][2]string{"Origin": {"Origin", "https://evil.example"}, "Sec-Fetch-Site": {"Sec-Fetch-Site", "cross-site"}} {
			q := httptest.NewRequest(http.MethodPost, s.URL+console.Path+r.Path, strings.NewReader("reason=x"))
			q.RequestURI = ""
			q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			q.Header.Set(values[0], values[1])
			if p := b.Send(q); p.Status != http.StatusForbidden || !strings.Contains(p.Body, "did not come from our page") {
				t.Errorf("%s with %s: %d", r.Path, name, p.Status)
			}
		}
	}
}
