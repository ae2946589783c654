package console_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"keyturn/accounts"
	"keyturn/api/apitest"
	"keyturn/api/web/console"
	"keyturn/audit"
	"keyturn/issuer"
)

// town is a provider that holds something of each kind.
type town struct {
	*apitest.Server
	boss    *apitest.Browser
	bossID  string
	spider  accounts.User
	secret  string
	grant   issuer.Grant
	session accounts.Session
}

func newTown(t *testing.T) *town {
	t.Helper()
	s := apitest.New(t)
	in := &town{Server: s}
	var boss accounts.User
	in.boss, boss = signedIn(t, s, "boss", true)
	in.bossID = boss.ID
	in.spider = s.AddUser(t, "spiderman")
	in.secret = apitest.Register(t, s, "orders", apitest.WebApp())
	code := apitest.CodeFrom(t, apitest.NewBrowser(t, s).SignIn(apitest.Request("orders"), "spiderman", apitest.Password))
	if status, _ := apitest.Token(t, s, "orders", in.secret, apitest.Redeem(code)); status != http.StatusOK {
		t.Fatal(status)
	}
	grants, err := s.Issuer.Grants(context.Background(), issuer.GrantQuery{UserID: in.spider.ID, Limit: 10}, apitest.System)
	if err != nil || len(grants) != 1 {
		t.Fatal(grants, err)
	}
	in.grant = grants[0]
	sessions, err := s.Provider.Browsers.Sessions(context.Background(), in.spider.ID)
	if err != nil || len(sessions) != 1 {
		t.Fatal(sessions, err)
	}
	in.session = sessions[0]
	return in
}

// real puts the town's things in the place of the parameters of a path.
func (in *town) real(path string) string {
	kind, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	id := map[string]string{"users": in.spider.ID, "clients": "orders", "grants": in.grant.ID}[kind]
	client, _ := in.Clients.Get(context.Background(), "orders")
	path = strings.NewReplacer(":id", id, ":session", in.session.ID, ":secret", client.Secrets[0].ID, ":kid", in.Keys.Keys()[0].KID).Replace(path)
	if path == "/resources/edit" || path == "/resources/delete" {
		path += "?identifier=api"
	}
	return path
}

// TestEachPageShowsInBothLanguages: with a thing of each kind, and without what is about to end.
func TestEachPageShowsInBothLanguages(t *testing.T) {
	in := newTown(t)
	for _, language := range []string{"en", "de"} {
		for _, r := range (&console.Console{}).Routes() {
			q, err := http.NewRequest(http.MethodGet, in.URL+console.Path+in.real(r.Path), nil)
			if err != nil {
				t.Fatal(err)
			}
			q.Header.Set("Accept-Language", language)
			p := in.boss.Send(q)
			if p.Status != http.StatusOK || p.Header.Get("Content-Language") != language || strings.Count(p.Body, "<h1>") != 1 {
				t.Errorf("%s in %s: %d", r.Path, language, p.Status)
			}
			if strings.Contains(p.Body, "ZgotmplZ") || strings.Contains(p.Body, "&amp;lt;") {
				t.Errorf("%s: something is escaped twice or refused:\n%s", r.Path, p.Body)
			}
			policy := p.Header.Get("Content-Security-Policy")
			if want := "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"; policy != want {
				t.Errorf("%s: %s", r.Path, policy)
			}
		}
	}
}

// withRole signs somebody in who has a role of the admin API.
func withRole(t *testing.T, s *apitest.Server, name, role string) *apitest.Browser {
	t.Helper()
	ctx := context.Background()
	b, user := signedIn(t, s, name, false)
	groups := &accounts.Groups{Store: s.DB, AdminAudience: s.Issuer.Settings.AdminAudience()}
	g, err := groups.Create(ctx, accounts.NewGroup{Name: role}, apitest.System)
	if err == nil {
		err = groups.AddRole(ctx, g.ID, accounts.Role{Resource: s.Issuer.Settings.AdminAudience(), Name: role}, apitest.System)
	}
	if err == nil {
		err = groups.AddMember(ctx, g.ID, user.ID, apitest.System)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRolesDecide: who may do what, tried at each address, and nothing is offered that one may not do.
func TestRolesDecide(t *testing.T) {
	in := newTown(t)
	for role, has := range map[string]audit.Rights{
		"auditor": audit.Read, "user-manager": audit.ManageUsers, "key-manager": audit.ManageKeys,
	} {
		b := withRole(t, in.Server, "has-"+role, role)
		for _, r := range (&console.Console{}).Routes() {
			want := http.StatusForbidden
			if has.Cover(r.Right) {
				want = http.StatusOK
			}
			p := b.Get(console.Path + in.real(r.Path))
			if p.Status != want {
				t.Errorf("%s: GET %s: %d, want %d", role, r.Path, p.Status, want)
			}
			for _, other := range (&console.Console{}).Routes() {
				if offered := `href="` + console.Path + in.real(other.Path) + `"`; !has.Cover(other.Right) && strings.Contains(p.Body, offered) {
					t.Errorf("%s: %s offers %s", role, r.Path, other.Path)
				}
			}
			if len(r.Methods()) > 1 && want == http.StatusForbidden {
				if p := b.Post(console.Path+in.real(r.Path), url.Values{}); p.Status != http.StatusForbidden {
					t.Errorf("%s: POST %s: %d", role, r.Path, p.Status)
				}
			}
		}
	}
}

// TestUserManagersLeaveAdministratorsAlone: the domain refuses it, and the page does not offer it.
func TestUserManagersLeaveAdministratorsAlone(t *testing.T) {
	in := newTown(t)
	b := withRole(t, in.Server, "manager", "user-manager")
	if p := b.Get("/admin/users/" + in.bossID); p.Status != http.StatusOK || strings.Contains(p.Body, "/deactivate") {
		t.Errorf("the page of an administrator: %d\n%s", p.Status, p.Body)
	}
	for _, act := range []string{"deactivate", "password", "delete", "end"} {
		p := b.Post("/admin/users/"+in.bossID+"/"+act, url.Values{"password": {"another fine password"}})
		if p.Status != http.StatusForbidden {
			t.Errorf("%s: %d", act, p.Status)
		}
	}
	u, err := in.Accounts.Get(context.Background(), in.bossID)
	if err != nil || !u.Active {
		t.Errorf("%+v %v", u, err)
	}
}

// TestActsDoWhatTheirPagesSay: the page says what ends, the form does it, and the audit log keeps who and why.
func TestActsDoWhatTheirPagesSay(t *testing.T) {
	in := newTown(t)
	at := "/admin/users/" + in.spider.ID
	ask := in.boss.Get(at + "/deactivate")
	for _, says := range []string{"1 browser session", "1 grant:", "Deactivate spiderman</button>", `name="reason"`} {
		if !strings.Contains(ask.Body, says) {
			t.Errorf("the page does not say %q:\n%s", says, ask.Body)
		}
	}
	p := in.boss.Post(at+"/deactivate", url.Values{"reason": {"left the team"}})
	if p.Status != http.StatusSeeOther || p.Location != at+"?done=deactivated&n=1" {
		t.Fatalf("%d to %q: %s", p.Status, p.Location, p.Body)
	}
	if page := in.boss.Get(p.Location); !strings.Contains(page.Body, "Grants that ended: 1") || !strings.Contains(page.Body, "deactivated") {
		t.Errorf("after it:\n%s", page.Body)
	}
	events, err := in.DB.AuditEvents(context.Background(), audit.Query{Action: audit.UserDeactivated, Limit: 10})
	if err != nil || len(events) != 1 {
		t.Fatal(events, err)
	}
	if e := events[0]; e.Reason != "left the team" || e.Actor.ID != in.bossID || e.Actor.Kind != audit.User || e.Actor.Address == "" || e.SubjectID != in.spider.ID {
		t.Errorf("recorded %+v", e)
	}
	if p := in.boss.Post(at+"/activate", url.Values{}); p.Status != http.StatusSeeOther {
		t.Errorf("activate: %d", p.Status)
	}
	if p := in.boss.Post(at+"/password", url.Values{"password": {"short"}}); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Body, `href="#f-password"`) {
		t.Errorf("a short password: %d", p.Status)
	}
	if p := in.boss.Post(at+"/password", url.Values{"password": {"another fine password"}}); p.Status != http.StatusSeeOther {
		t.Errorf("password: %d", p.Status)
	}
	if p := in.boss.Post(at+"/delete", url.Values{}); p.Location != "/admin/users?done=user_deleted&n=0" {
		t.Errorf("delete: %d to %q", p.Status, p.Location)
	}
	if p := in.boss.Get(at); p.Status != http.StatusNotFound || !strings.Contains(p.Body, "There is nothing here") {
		t.Errorf("a deleted user: %d", p.Status)
	}
}

// TestReasonsForgeNoLines: what is written into the audit log is one line that can be seen.
func TestReasonsForgeNoLines(t *testing.T) {
	in := newTown(t)
	for _, reason := range []string{"a\nb", "a\x00", "a\u202eb", strings.Repeat("x", 501), "\xff"} {
		p := in.boss.Post("/admin/users/"+in.spider.ID+"/deactivate", url.Values{"reason": {reason}})
		if p.Status != http.StatusBadRequest {
			t.Errorf("%q: %d", reason, p.Status)
		}
	}
}

// TestBadInputIsNoBreakdown: whatever stands in a path, a query or a form, no answer is 500.
func TestBadInputIsNoBreakdown(t *testing.T) {
	in := newTown(t)
	for _, path := range []string{
		"/users?prefix=%00", "/users?prefix=%ff", "/users?after=%00", "/users?before=zzz", "/users?prefix=%F0%9F%A6%84", "/users?format=xml", "/users?%zz",
		"/grants?after=nothing", "/grants?before=nothing", "/grants?user=nobody", "/grants?user=%27", "/grants?client=%00", "/grants/x%2Fy", "/grants/%00",
		"/revoked-tokens?after=nothing", "/revoked-tokens?user=no%20body", "/clients/..", "/clients/%00", "/clients?prefix=%F0%9F", "/keys/none", "/keys/none/revoke",
		"/keys/rotate?mode=other", "/keys/rotate?mode=immediate&lane=HS256", "/resources/edit", "/resources/edit?identifier=none", "/search?q=%00", "/search?q=" + strings.Repeat("x", 5000),
		"/search?q=%22%3E%3Cscript%3E", "/users/none", "/users/none/deactivate", "/nothing",
	} {
		if p := in.boss.Get("/admin" + path); p.Status >= 500 || strings.Contains(p.Body, "<script>") {
			t.Errorf("%s: %d\n%s", path, p.Status, p.Body)
		}
	}
	for _, r := range (&console.Console{}).Routes() {
		if len(r.Methods()) == 1 {
			continue
		}
		for _, form := range []url.Values{{}, {"username": {"\x00"}}, {"since": {"x"}}, {"since": {"1"}, "jwks": {"{"}, "default_max_age": {"never"}}, {"mode": {"x"}}, {"access_lifetime": {"x"}, "claims": {"x"}}} {
			if strings.Contains(r.Path, "delete") || strings.Contains(r.Path, "secrets") {
				continue // done by an empty form, as the page says
			}
			if p := in.boss.Post("/admin"+in.real(r.Path), form); p.Status >= 500 {
				t.Errorf("%s %v: %d", r.Path, form, p.Status)
			}
		}
	}
}

// TestExportsHoldAll: all of a list, whatever a page shows, as the admin API tells of it.
func TestExportsHoldAll(t *testing.T) {
	s := apitest.New(t)
	b := administrator(t, s)
	for _, name := range names(120) {
		s.AddUser(t, name)
	}
	if _, err := s.Accounts.Create(context.Background(), accounts.NewUser{Username: "u999", GivenName: `=HYPERLINK("https://evil.example")`}, apitest.System); err != nil {
		t.Fatal(err)
	}
	p := b.Get("/admin/users?prefix=u&format=jsonl")
	lines := strings.Split(strings.TrimSuffix(p.Body, "\n"), "\n")
	var last struct{ Username string }
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || len(lines) != 121 || last.Username != "u999" {
		t.Errorf("%d lines, the last %+v %v", len(lines), last, err)
	}
	p = b.Get("/admin/users?prefix=u&format=csv")
	rows, err := csv.NewReader(strings.NewReader(p.Body)).ReadAll()
	if err != nil || len(rows) != 122 || rows[0][0] != "id" || rows[0][1] != "external_id" || rows[0][2] != "username" || rows[121][2] != "u999" {
		t.Errorf("%v, %d rows: %v", err, len(rows), rows[:1])
	}
	if given := rows[121][5]; !strings.HasPrefix(given, "'=") {
		t.Errorf("a spreadsheet calculates %q", given)
	}
	if got := p.Header.Get("Content-Disposition"); got != `attachment; filename="users.csv"` {
		t.Error(got)
	}
	for _, list := range []string{"clients", "resources", "keys", "grants", "revoked-tokens"} {
		for _, format := range []string{"csv", "jsonl"} {
			if p := b.Get("/admin/" + list + "?format=" + format); p.Status != http.StatusOK || p.Header.Get("Content-Disposition") != `attachment; filename="`+list+"."+format+`"` {
				t.Errorf("%s as %s: %d %v", list, format, p.Status, p.Header)
			}
		}
	}
}

// TestSearchLeadsToWhatIsNamed: exact ids at once, beginnings by a list.
func TestSearchLeadsToWhatIsNamed(t *testing.T) {
	in := newTown(t)
	kid := in.Keys.Keys()[0].KID
	for query, want := range map[string]string{
		in.spider.ID: "/users/" + in.spider.ID, kid: "/keys/" + kid, in.grant.ID: "/grants/" + in.grant.ID, in.grant.ID + ".1": "/grants/" + in.grant.ID,
	} {
		if p := in.boss.Get("/admin/search?q=" + query); p.Status != http.StatusSeeOther || p.Location != "/admin"+want {
			t.Errorf("%s: %d to %q", query, p.Status, p.Location)
		}
	}
	for query, want := range map[string]string{"spid": "/admin/users/" + in.spider.ID, "ord": "/admin/clients/orders", kid[:6]: "/admin/keys/" + kid} {
		if p := in.boss.Get("/admin/search?q=" + query); !strings.Contains(p.Body, `href="`+want+`"`) {
			t.Errorf("%s does not lead to %s:\n%s", query, want, p.Body)
		}
	}
	if p := in.boss.Get("/admin/search?q=nothing"); p.Status != http.StatusOK || !strings.Contains(p.Body, "Nothing begins with") {
		t.Errorf("%d %s", p.Status, p.Body)
	}
}
