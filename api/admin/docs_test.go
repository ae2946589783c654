package admin_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"keyturn/api/admin"
)

// The page tells of each operation, leads nowhere that is not there, and loads nothing but its stylesheet.
func TestPageOfTheAPI(t *testing.T) {
	f := newFixture(t)
	a := f.send(http.MethodGet, admin.DocsPath, "", "")
	page := a.Body.String()
	if a.Code != http.StatusOK || a.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("%d of type %s", a.Code, a.Header().Get("Content-Type"))
	}
	if got := a.Header().Get("Content-Security-Policy"); got != "default-src 'none'; style-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'" {
		t.Errorf("policy %q", got)
	}
	ids := map[string]int{}
	for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if ids[m[1]]++; ids[m[1]] > 1 {
			t.Errorf("two things have the id %s", m[1])
		}
	}
	for _, m := range regexp.MustCompile(` (?:href|src)="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		fragment, within := strings.CutPrefix(m[1], "#")
		switch {
		case within && ids[fragment] == 0:
			t.Errorf("a link leads to %s, which is not there", m[1])
		case !within && f.send(http.MethodGet, "/"+m[1], "", "").Code != http.StatusOK:
			t.Errorf("a link leads to %s", m[1])
		}
	}
	for _, path := range admin.Document(base).Paths {
		for _, o := range *path.Value {
			if ids[o.Value.ID] == 0 || !strings.Contains(page, "<b>"+strings.ToUpper(o.Name)+"</b> "+path.Name+"<") {
				t.Errorf("%s %s is not on the page", o.Name, path.Name)
			}
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "style=") || strings.Contains(page, "ZgotmplZ") {
		t.Error("a script, a style or what html/template refuses is on the page")
	}
}

// RFC 9457 section 3.1.1: the type is an absolute URI, and where it leads people are told of the kind; section 3.1.5:
// the instance is one of this occurrence.
func TestProblemsNameTheirKind(t *testing.T) {
	f := newFixture(t)
	page := f.send(http.MethodGet, admin.DocsPath, "", "").Body.String()
	seen := map[string]bool{}
	for _, a := range []answer{
		f.send(http.MethodGet, "/keys", "", ""), f.send(http.MethodGet, "/keys", "x", ""), f.send(http.MethodPost, "/clients", f.token("admin:read"), ""),
		f.send(http.MethodGet, "/users/x", f.token("admin"), ""), f.send(http.MethodGet, "/users?x=1", f.token("admin"), ""),
	} {
		problem := a.want(a.Code)
		kind, _ := problem["type"].(string)
		fragment, ours := strings.CutPrefix(kind, base+admin.DocsPath+"#")
		if !ours || !strings.Contains(page, `<dt id="`+fragment+`">`+problem["title"].(string)) {
			t.Errorf("type %q is not on the page", kind)
		}
		instance, _ := problem["instance"].(string)
		if seen[instance] || !strings.HasPrefix(instance, base+"/problems/") || !strings.HasSuffix(instance, a.Header().Get("X-Request-Id")) {
			t.Errorf("instance %q", instance)
		}
		seen[instance] = true
	}
}

// The page speaks the reader's language (RFC 9110 section 12.5.4); what the document says is English and marked as such
// (WCAG 2.2, 3.1.2).
func TestPageSpeaksTheReadersLanguage(t *testing.T) {
	f := newFixture(t)
	get := func(language string) answer {
		return f.send(http.MethodGet, admin.DocsPath, "", "", "Accept-Language", language)
	}
	english, german := get("fr, en;q=0.5"), get("de-AT, en;q=0.5")
	for a, want := range map[answer][]string{
		english: {"en", `<html lang="en">`, "<h4>Answers</h4>", "<h4>With curl</h4>", `<h3 id="listUsers">List users by name</h3>`},
		german:  {"de", `<html lang="de">`, "<h4>Antworten</h4>", "<h4>Mit curl</h4>", `<h3 id="listUsers" lang="en">List users by name</h3>`, "Seite von User"},
	} {
		if got := a.Header().Get("Content-Language"); got != want[0] || a.Header().Get("Vary") != "Accept-Language" {
			t.Errorf("Content-Language %q, want %q; Vary %q", got, want[0], a.Header().Get("Vary"))
		}
		for _, text := range want[1:] {
			if !strings.Contains(a.Body.String(), text) {
				t.Errorf("%s: %s is not on the page", want[0], text)
			}
		}
	}
	if strings.Contains(english.Body.String(), `<h3 id="listUsers" lang`) || english.Header().Get("ETag") == german.Header().Get("ETag") {
		t.Error("the two pages are one")
	}
	again := f.send(http.MethodGet, admin.DocsPath, "", "", "Accept-Language", "de", "If-None-Match", english.Header().Get("ETag"))
	if again.Code != http.StatusOK {
		t.Errorf("who has the English page gets %d for the German one", again.Code)
	}
}
