package console_test

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"keyturn/api/apitest"
	"keyturn/api/web/console"
	"keyturn/audit"
	"keyturn/issuer"
)

// badForm is what can be wrong with a form of the console beside what is wrong with any field: a control character, more
// than anybody types, nothing where something is required, and what is not among the choices.
type badForm struct {
	// query is behind the path.
	query string
	// with is what the form needs, beside what stands in it.
	with url.Values
	// wrong are values by field.
	wrong map[string][]string
	// taken is what another has already.
	taken url.Values
}

// badForms has an entry for each form of the console.
var badForms = map[string]badForm{
	"/set-up/client/:kind": {taken: url.Values{"client_id": {"orders"}}, with: url.Values{"client_id": {"shop"}, "redirect_uris": {"https://shop.example/callback"}}, wrong: map[string][]string{
		"client_id": {"with blanks"}, "redirect_uris": {"", "no address", "http://shop.example/callback", "https://shop.example/#part"},
	}},
	"/users/new": {taken: url.Values{"username": {"spiderman"}}, with: url.Values{"username": {"miles"}}, wrong: map[string][]string{
		"email": {"no address"}, "password": {"short"},
	}},
	"/users/invite": {with: url.Values{"email": {"miles@example.com"}}, wrong: map[string][]string{
		"email": {"no address"},
	}},
	"/users/invitations/:invitation/withdraw": {},
	"/users/:id/edit":                         {taken: url.Values{"username": {"boss"}}, wrong: map[string][]string{"email": {"no address"}}},
	"/users/:id/password":                     {with: url.Values{"password": {"another fine password"}}, wrong: map[string][]string{"password": {"short", "spiderman"}}},
	"/users/:id/reset-link":                   {},
	"/users/:id/send-reset":                   {},
	"/users/:id/factors/reset":                {},
	"/users/:id/activate":                     {},
	"/users/:id/deactivate":                   {},
	"/users/:id/end":                          {},
	"/users/:id/sessions/:session/end":        {},
	"/users/:id/delete":                       {},
	"/groups/new":                             {taken: url.Values{"name": {"avengers"}}, with: url.Values{"name": {"x-men"}}},
	"/groups/:id/edit":                        {},
	"/groups/:id/members/new":                 {with: url.Values{"user": {"boss"}}, wrong: map[string][]string{"user": {"nobody"}}},
	"/groups/:id/members/:user/remove":        {},
	"/groups/:id/roles/new":                   {with: url.Values{"role": {"driver"}}, wrong: map[string][]string{"role": {"with blanks"}}},
	"/groups/:id/roles/remove":                {},
	"/groups/:id/delete":                      {},
	"/clients/new":                            {taken: url.Values{"client_id": {"orders"}}, with: url.Values{"client_id": {"shop"}, "redirect_uris": {"https://shop.example/callback"}}, wrong: wrongClient},
	"/clients/:id/edit":                       {wrong: wrongClient},
	"/clients/:id/enable":                     {},
	"/clients/:id/disable":                    {},
	"/clients/:id/delete":                     {},
	"/clients/:id/secrets":                    {},
	"/clients/:id/secrets/:secret/remove":     {},
	"/resources/new":                          {taken: url.Values{"identifier": {"https://taken.example.com"}}, with: url.Values{"identifier": {"https://api.example.com"}}, wrong: map[string][]string{"identifier": {"with blanks"}, "access_lifetime": {"soon", "-1m", "1ms", "999h"}, "scopes": {"with blanks", "openid"}}},
	"/resources/edit":                         {wrong: map[string][]string{"access_lifetime": {"soon", "-1m", "999h"}, "scopes": {"with blanks"}}},
	"/resources/delete":                       {},
	"/keys/rotate":                            {query: "?mode=graceful&lane=RS256"},
	"/keys/:kid/revoke":                       {},
	"/grants/:id/revoke":                      {},
	"/mail/:id/retry":                         {},
	"/mail/:id/drop":                          {},
}

var wrongClient = map[string][]string{
	"redirect_uris": {"no address", "https://shop.example/callback\nhttp://shop.example/"}, "default_max_age": {"soon", "-1"},
	"access_token_lifetime": {"soon", "-1m"}, "refresh_grace": {"soon", "99h"}, "jwks": {"{", `{"keys":[]}`}, "jwks_uri": {"no address"}, "scopes": {`"`},
	"cors_origins": {"https://shop.example/path"}, "logo_uri": {"javascript:alert(1)"}, "backchannel_logout_uri": {"no address"},
}

// TestEveryFormSaysWhatToMend: whatever is wrong, what was typed is kept, except for passwords; the problem stands beside
// its field and is gathered above the form, with a link to the field (WCAG 2.2, 3.3.1 and 3.3.3). Nothing is changed by
// it, nor by what another site sends (ASVS 5.0 section 3.5.1).
func TestEveryFormSaysWhatToMend(t *testing.T) {
	in := newTown(t)
	if err := in.Issuer.CreateResource(t.Context(), issuer.Resource{Identifier: "https://taken.example.com"}, apitest.System); err != nil {
		t.Fatal(err)
	}
	var routes []string
	for _, r := range (&console.Console{}).Routes() {
		if !slices.Contains(r.Methods(), http.MethodPost) {
			continue
		}
		routes = append(routes, r.Path)
		form, has := badForms[r.Path]
		if !has {
			t.Errorf("no entry for the form of %s", r.Path)
			continue
		}
		t.Run(r.Path, func(t *testing.T) { form.check(t, in, console.Path+in.real(r.Path)+form.query) })
	}
	for path := range badForms {
		if !slices.Contains(routes, path) {
			t.Errorf("there is no form at %s", path)
		}
	}
}

func (f badForm) check(t *testing.T, in *town, path string) {
	page := in.boss.Get(path)
	shown := readForm(t, page.Body)
	if page.Status != http.StatusOK || len(shown) == 0 {
		t.Fatalf("no form: %d %s", page.Status, page.Body)
	}
	path, _, _ = strings.Cut(path, "?mode=")
	good := sent(shown)
	maps.Copy(good, f.with)
	before := newestEvent(t, in.Server)
	if p := foreignPost(in.boss, path, good); p.Status != http.StatusForbidden {
		t.Errorf("from another site: %d", p.Status)
	}
	for _, c := range shown {
		for _, value := range append(slices.Clone(f.wrong[c.name]), wrongAnywhere(c)...) {
			typed := maps.Clone(good)
			typed[c.name] = []string{value}
			p := in.boss.Post(path, typed)
			if p.Status != http.StatusUnprocessableEntity {
				t.Errorf("%s is %.40q: %d to %q", c.name, value, p.Status, p.Location)
				continue
			}
			checkAgain(t, p.Body, c.name, typed)
		}
		typed := maps.Clone(good)
		typed[c.name] = []string{"\xff"}
		if p := in.boss.Post(path, typed); p.Status != http.StatusBadRequest && p.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s is no UTF-8: %d", c.name, p.Status)
		}
	}
	if f.taken != nil {
		typed := maps.Clone(good)
		maps.Copy(typed, f.taken)
		p := in.boss.Post(path, typed)
		if p.Status != http.StatusConflict || !strings.Contains(p.Body, `role="alert"`) {
			t.Errorf("%v: %d %s", f.taken, p.Status, p.Body)
		}
		for name := range f.taken {
			checkAgain(t, p.Body, name, typed)
		}
	}
	for name := range f.wrong {
		if fieldOf(shown, name) == nil {
			t.Errorf("there is no field %s", name)
		}
	}
	if after := newestEvent(t, in.Server); after != before {
		t.Errorf("something was changed: event %d after %d", after, before)
	}
}

// TestWhatIsFixedStays: a field that can't be changed shows what is stored, whatever was sent for it.
func TestWhatIsFixedStays(t *testing.T) {
	in := newTown(t)
	p := in.boss.Post("/admin/resources/edit?identifier=api", url.Values{"identifier": {"other"}, "access_lifetime": {"soon"}})
	if identifier := fieldOf(readForm(t, p.Body), "identifier"); p.Status != http.StatusUnprocessableEntity || identifier == nil || !slices.Equal(sent([]*control{identifier})["identifier"], []string{"api"}) {
		t.Errorf("%d %s", p.Status, p.Body)
	}
}

// TestARotationThatIsNone is told beside what was chosen, and nothing is turned.
func TestARotationThatIsNone(t *testing.T) {
	in := newTown(t)
	before := newestEvent(t, in.Server)
	for chosen, wrong := range map[string]string{
		"": "mode", "mode=other": "mode", "mode=graceful&lane=HS256": "lane", "mode=graceful&lane=ES256": "lane",
	} {
		form, err := url.ParseQuery(chosen)
		if err != nil {
			t.Fatal(err)
		}
		pages := map[string]apitest.Page{http.MethodPost: in.boss.Post("/admin/keys/rotate", form)}
		if chosen != "" {
			pages[http.MethodGet] = in.boss.Get("/admin/keys/rotate?" + chosen)
		}
		for method, p := range pages {
			if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Body, `href="#f-`+wrong+`"`) || !strings.Contains(p.Body, `aria-describedby="f-`+wrong+`-problem`) {
				t.Errorf("%s %q: %d %s", method, chosen, p.Status, p.Body)
			}
		}
	}
	if after := newestEvent(t, in.Server); after != before {
		t.Errorf("something was turned: event %d after %d", after, before)
	}
}

// wrongAnywhere is what such a field can't hold.
func wrongAnywhere(c *control) []string {
	_, fixed := c.attr["readonly"]
	switch {
	case c.kind == "hidden", c.kind == "checkbox", fixed:
		return nil
	case !c.isText():
		return []string{"none of them"}
	}
	wrong := []string{strings.Repeat("x", 20_000)}
	if c.kind != "password" { // a password may be anything that can be typed
		wrong = append(wrong, "a\x7fb")
	}
	if c.name == "reason" { // it is read in a log
		wrong = append(wrong, "a\u202eb", "a\nb", strings.Repeat("x", 501))
	}
	if _, required := c.attr["required"]; required {
		wrong = append(wrong, "")
	}
	return wrong
}

// checkKept demands that a form came back with what was typed; wrong is the field with the problem.
func checkKept(t *testing.T, page, wrong string, typed url.Values) []*control {
	t.Helper()
	again := readForm(t, page)
	for _, c := range again {
		switch want := typed.Get(c.name); {
		case c.kind == "password" && c.values[0] != "":
			t.Errorf("the page holds the password")
		case c.kind == "password" || c.name == wrong && !c.isText():
		case strings.Join(c.values, " ") != strings.Join(typed[c.name], " "):
			t.Errorf("%s was %.40q and is %.40q", c.name, want, c.values)
		}
	}
	return again
}

// checkAgain demands that what was typed is kept, and that the page says beside the field what is wrong, and above the
// form where that is.
func checkAgain(t *testing.T, page, wrong string, typed url.Values) {
	t.Helper()
	c := fieldOf(checkKept(t, page, wrong, typed), wrong)
	if c == nil {
		t.Errorf("the field %s is gone", wrong)
		return
	}
	id := "f-" + wrong
	if c.attr["aria-invalid"] != "true" || !slices.Contains(strings.Fields(c.attr["aria-describedby"]), id+"-problem") || !strings.Contains(page, `id="`+id+`-problem"`) {
		t.Errorf("%s = %.40q is not marked, or not told of: %v", wrong, typed.Get(wrong), c.attr)
	}
	above, _, _ := strings.Cut(page, `method="post"`)
	if !strings.Contains(above, `role="alert"`) || !strings.Contains(above, `href="#`+id+`"`) || !strings.Contains(page, `id="`+id+`"`) {
		t.Errorf("nothing above leads to %s", wrong)
	}
}

// foreignPost sends a form as a page of another site would.
func foreignPost(b *apitest.Browser, path string, form url.Values) apitest.Page {
	r, err := http.NewRequest(http.MethodPost, b.S.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	return b.Send(r)
}

// newestEvent is the number of the newest event of the audit log.
func newestEvent(t *testing.T, s *apitest.Server) int64 {
	t.Helper()
	events, err := s.DB.AuditEvents(context.Background(), audit.Query{Limit: 1})
	if err != nil || len(events) != 1 {
		t.Fatal(events, err)
	}
	return events[0].ID
}
