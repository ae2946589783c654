package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/api/apitest"
)

// badForm is what comes of a form with a mistake.
type badForm struct {
	// path stands for the route where that has parameters.
	path string
	// sent is the form.
	sent   string
	status int
	// says is in the page, or in the address that it leads to.
	says string
	// wrong is the field that is marked, kept what was typed and is still there.
	wrong, kept string
}

// badForms has an entry for each route of people's that takes a form.
var badForms = map[string]badForm{
	"/account/sign-in":                     {sent: "username=spiderman", status: 422, says: "Enter your password", wrong: "password", kept: "spiderman"},
	"/account/step-up":                     {path: "/account/step-up?next=/admin", sent: "code=", status: 303, says: "/admin"},
	"/account/second":                      {sent: "code=1", status: 422, says: "took too long"},
	"/account/passkey":                     {sent: "response=", status: 422, says: "passkey"},
	"/account/sign-out":                    {sent: "", status: 303, says: "/oauth2/logout"},
	"/account/sessions/:id/end":            {path: "/account/sessions/none/end", status: 303, says: "/account?done=session_ended"},
	"/account/apps/:id/remove":             {path: "/account/apps/none/remove", status: 303, says: "/account?done=access_removed"},
	"/account/factors/:factor/rename":      {sent: "name=+", status: 422, says: "1 to 64", wrong: "name"},
	"/account/factors/:factor/remove":      {path: "/account/factors/none/remove", status: 303, says: "/account?done=factor_removed"},
	"/account/ways/app":                    {sent: "code=123&name=My+phone", status: 422, says: "newest code", wrong: "code", kept: "My phone"},
	"/account/ways/passkey":                {sent: "response={}&name=My+phone", status: 422, says: "passkey", kept: "My phone"},
	"/account/ways/recovery-codes":         {sent: "", status: 200, says: "shown this once"},
	"/account/profile":                     {sent: "given_name=" + long + "&nickname=Spidey&locale=&zoneinfo=", status: 422, says: "First name", wrong: "given_name", kept: "Spidey"},
	"/account/email":                       {sent: "email=no+address", status: 422, says: "email", wrong: "email", kept: "no address"},
	"/account/password":                    {sent: "current_password=&new_password=short", status: 422, says: "password", wrong: "current_password"},
	"/account/download":                    {sent: "", status: 200, says: "spiderman"},
	"/account/delete":                      {sent: "", status: 409, says: "the only administrator"},
	"/sign-up":                             {sent: "email=no+address", status: 422, says: "email", wrong: "email", kept: "no address"},
	"/forgotten":                           {sent: "who=", status: 422, says: "username", wrong: "who"},
	"/link/:purpose":                       {path: "/link/password_reset", sent: "token=forged&new_password=x", status: 410, says: "/forgotten"},
	"/interaction/:id/sign-in":             {sent: "username=spiderman", status: 422, says: "Enter your password", wrong: "password", kept: "spiderman"},
	"/interaction/:id/consent":             {sent: "decision=perhaps", status: 400, says: "again"},
	"/interaction/:id/step-up":             {sent: "code=", status: 200, says: "Allow access?"},
	"/interaction/:id/second":              {sent: "code=1", status: 422, says: "took too long"},
	"/interaction/:id/passkey":             {sent: "response=", status: 422, says: "passkey"},
	"/interaction/:id/ways/app":            {sent: "code=&name=My+phone", status: 422, says: "Enter the code", wrong: "code", kept: "My phone"},
	"/interaction/:id/ways/passkey":        {sent: "response={}&name=My+phone", status: 422, says: "passkey", kept: "My phone"},
	"/interaction/:id/ways/recovery-codes": {sent: "", status: 200, says: "shown this once"},
	"/passkey/sign-in":                     {status: 200, says: "publicKey"}, // these four answer scripts
	"/passkey/second":                      {status: 400, says: ""},
	"/passkey/step-up":                     {status: 400, says: ""},
	"/passkey/new":                         {status: 200, says: "publicKey"},
}

var long = strings.Repeat("x", 300)

// othersForms are the routes that take forms of other sites, by their specifications, and calls of programs.
func othersForms(path string) bool {
	return slices.Contains([]string{"/oauth2/authorize", "/oauth2/logout", "/oauth2/token", "/oauth2/userinfo", "/oauth2/revoke", "/oauth2/introspect"}, path) ||
		strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/admin")
}

var describedBy = regexp.MustCompile(`aria-describedby="([^"]+)"`)

// TestEveryFormSaysWhatToMend: what was typed is kept, except for secrets; the problem stands beside its field and is
// gathered above the form, with a link to each field but the one that is in focus (WCAG 2.2, 3.3.1 and 3.3.3). Each form is
// refused from another site (ASVS 5.0 section 3.5.1).
func TestEveryFormSaysWhatToMend(t *testing.T) {
	s := apitest.New(t, named)
	user := addPerson(t, s, "spiderman", "spiderman@example.com")
	admin := true
	if _, err := s.Accounts.Update(t.Context(), user.ID, accounts.Change{Admin: &admin}, apitest.System); err != nil {
		t.Fatal(err)
	}
	apitest.Register(t, s, "orders", thirdParty())
	app := withApp(t, s)
	seen := map[string]bool{}
	for _, route := range s.Posts {
		if seen[route] = true; othersForms(route) {
			continue
		}
		form, has := badForms[route]
		if !has {
			t.Errorf("no entry for the form of %s", route)
			continue
		}
		t.Run(route, func(t *testing.T) {
			b := apitest.NewBrowser(t, s)
			b.Post("/account/sign-in", url.Values{"username": {"spiderman"}, "password": {apitest.Password}})
			wantOnward(t, "sign-in", b.Post("/account/second", url.Values{"code": {apitest.AppCode(t, app, s.Now())}}), "/account")
			s.Advance(time.Minute) // the next code is another
			form.check(t, b, form.at(b, route))
		})
	}
	for route := range badForms {
		if !seen[route] {
			t.Errorf("there is no form at %s", route)
		}
	}
}

// TestAnAppThatWasNotBegun, or too long ago: the page says what to scan now.
func TestAnAppThatWasNotBegun(t *testing.T) {
	s := apitest.New(t)
	addPerson(t, s, "spiderman", "spiderman@example.com")
	b := signedInAs(t, s, "spiderman")
	p := b.Post("/account/ways/app", url.Values{"code": {"123456"}, "name": {"My phone"}})
	wantPage(t, "without a beginning", p, 422, "That picture was too old", `value="My phone"`, `href="#code"`)
}

// at is an address of the route that is good as far as it goes.
func (f badForm) at(b *apitest.Browser, route string) string {
	if here, isInteraction := strings.CutPrefix(route, "/interaction/:id"); isInteraction {
		return b.Authorize(apitest.Request("orders")).Location + here
	}
	if strings.Contains(route, ":factor") && f.path == "" {
		_, id, _ := strings.Cut(b.Get("/account").Body, `href="/account/factors/`)
		id, _, _ = strings.Cut(id, `"`)
		return strings.Replace(route, ":factor", id, 1)
	}
	if f.path != "" {
		return f.path
	}
	return route
}

func (f badForm) check(t *testing.T, b *apitest.Browser, path string) {
	t.Helper()
	foreign, err := http.NewRequest(http.MethodPost, b.S.URL+path, strings.NewReader(f.sent))
	if err != nil {
		t.Fatal(err)
	}
	foreign.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	foreign.Header.Set("Sec-Fetch-Site", "cross-site")
	if p := b.Send(foreign); p.Status != http.StatusForbidden {
		t.Errorf("from another site: %d", p.Status)
	}
	sent, err := url.ParseQuery(f.sent)
	if err != nil {
		t.Fatal(err)
	}
	b.Get(path) // as a person comes to the form
	p := b.Post(path, sent)
	if p.Status != f.status || !strings.Contains(p.Body+p.Location, f.says) {
		t.Errorf("%d to %q, want %d and %q: %s", p.Status, p.Location, f.status, f.says, p.Body)
	}
	if f.kept != "" && !strings.Contains(p.Body, `value="`+f.kept+`"`) {
		t.Errorf("%q is lost: %s", f.kept, p.Body)
	}
	for _, secret := range []string{"password", "new_password", "current_password", "code"} {
		if value := sent.Get(secret); value != "" && strings.Contains(p.Body, `value="`+value+`"`) {
			t.Errorf("the page holds the %s", secret)
		}
	}
	if f.wrong != "" {
		wantMarked(t, p.Body, f.wrong)
	}
}

// wantMarked demands that a field is marked, that its problem stands beside it, and that the list above leads there.
func wantMarked(t *testing.T, page, field string) {
	t.Helper()
	for _, tag := range regexp.MustCompile(`<(?:input|select)[^>]*>`).FindAllString(page, -1) {
		if !strings.Contains(tag, ` id="`+field+`"`) {
			continue
		}
		described := describedBy.FindStringSubmatch(tag)
		if !strings.Contains(tag, `aria-invalid="true"`) || described == nil || !strings.Contains(page, ` id="`+field+`-problem"`) ||
			!slices.Contains(strings.Fields(described[1]), field+"-problem") {
			t.Errorf("%s is not marked, or not told of: %s", field, tag)
		}
		above, _, _ := strings.Cut(page, tag)
		if !strings.Contains(above, `id="problem" role="alert"`) || !strings.Contains(above, `href="#`+field+`"`) && !strings.Contains(tag, " autofocus") {
			t.Errorf("nothing above leads to %s: %s", field, page)
		}
		return
	}
	t.Errorf("there is no field %s: %s", field, page)
}
