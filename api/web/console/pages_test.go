package console_test

import (
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/api/apitest"
	"keyturn/api/web/console"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/keys"
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
	group   accounts.Group
	letter  accounts.Letter
	// invitation is the id of one that nobody has taken.
	invitation string
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
	in.group, err = s.Groups.Create(context.Background(), accounts.NewGroup{Name: "avengers", Description: "They save the day"}, apitest.System)
	if err == nil {
		err = s.Groups.AddRole(context.Background(), in.group.ID, accounts.Role{Resource: "api", Name: "hero"}, apitest.System)
	}
	if err == nil {
		err = s.Groups.AddMember(context.Background(), in.group.ID, in.spider.ID, apitest.System)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Accounts.Update(context.Background(), in.spider.ID, accounts.Change{Email: new("peter@example.com")}, apitest.System); err != nil {
		t.Fatal(err)
	}
	in.letter = accounts.Letter{
		ID: strings.Repeat("0", 32), Kind: accounts.LetterPasswordChanged, To: "peter@example.com", UserID: in.spider.ID,
		Facts: map[string]string{"username": "spiderman"},
	}
	if err := s.DB.QueueLetters(context.Background(), in.letter); err != nil {
		t.Fatal(err)
	}
	_, in.invitation = handedOver(t, s, accounts.Invitation{Email: "gwen@example.com", Username: "gwen", GivenName: "Gwen"})
	return in
}

// handedOver invites somebody without a letter, and returns the secret of the link and the id of the invitation.
func handedOver(t *testing.T, s *apitest.Server, in accounts.Invitation) (keys.Secret, string) {
	t.Helper()
	secret, err := s.Self.InvitationLink(context.Background(), in, apitest.System)
	if err != nil {
		t.Fatal(err)
	}
	pending, err := s.Self.Invitations(context.Background(), accounts.InvitationQuery{Prefix: in.Email, Limit: 1}, apitest.System)
	if err != nil || len(pending) != 1 {
		t.Fatal(pending, err)
	}
	return secret, pending[0].ID
}

// real puts the town's things in the place of the parameters of a path.
func (in *town) real(path string) string {
	kind, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	id := map[string]string{"users": in.spider.ID, "clients": "orders", "grants": in.grant.ID, "groups": in.group.ID, "mail": in.letter.ID}[kind]
	client, _ := in.Clients.Get(context.Background(), "orders")
	path = strings.NewReplacer(":kind", "web", ":id", id, ":session", in.session.ID, ":secret", client.Secrets[0].ID, ":user", in.spider.ID, ":invitation", in.invitation, ":kid", in.Keys.Keys()[0].KID).Replace(path)
	if path == "/resources/edit" || path == "/resources/delete" {
		path += "?identifier=api"
	}
	if strings.HasSuffix(path, "/roles/remove") {
		path += "?resource=api&role=hero"
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
	g, err := s.Groups.Create(ctx, accounts.NewGroup{Name: role}, apitest.System)
	if err == nil {
		err = s.Groups.AddRole(ctx, g.ID, accounts.Role{Resource: s.Issuer.Settings.AdminAudience(), Name: role}, apitest.System)
	}
	if err == nil {
		err = s.Groups.AddMember(ctx, g.ID, user.ID, apitest.System)
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

// TestAccountPageLeadsToTheConsole those who may see it, and nobody else.
func TestAccountPageLeadsToTheConsole(t *testing.T) {
	s := apitest.New(t)
	plain, _ := signedIn(t, s, "spiderman", false)
	for name, of := range map[string]struct {
		b     *apitest.Browser
		leads bool
	}{"plain": {plain, false}, "auditor": {withRole(t, s, "auditor", "auditor"), true}, "administrator": {administrator(t, s), true}} {
		if got := strings.Contains(of.b.Get("/account").Body, `href="/admin"`); got != of.leads {
			t.Errorf("%s: %v", name, got)
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
	if p := submit(t, in.boss, at+"/delete", nil); p.Location != "/admin/users?done=user_deleted&n=0" {
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
		if p.Status != http.StatusBadRequest && p.Status != http.StatusUnprocessableEntity {
			t.Errorf("%q: %d", reason, p.Status)
		}
	}
	if u, err := in.Accounts.Get(context.Background(), in.spider.ID); err != nil || !u.Active {
		t.Errorf("deactivated: %v", err)
	}
	// A form that asks for none takes none that is no reason.
	submit(t, in.boss, "/admin/users/"+in.spider.ID+"/edit", url.Values{"given_name": {"Miles"}, "reason": {"a\nb"}})
	events, err := in.DB.AuditEvents(context.Background(), audit.Query{Action: audit.UserUpdated, SubjectID: in.spider.ID, Limit: 1})
	if err != nil || len(events) != 1 || events[0].Reason != "" {
		t.Errorf("changed for a reason of two lines: %+v %v", events, err)
	}
}

// TestAnAddressIsVerifiedAsTheFormSays: the tick that stands beside a new address is about that one.
func TestAnAddressIsVerifiedAsTheFormSays(t *testing.T) {
	in := newTown(t)
	at := "/admin/users/" + in.spider.ID + "/edit"
	for _, typed := range []url.Values{
		{"email": {"one@example.com"}, "email_verified": {"on"}}, {"email": {"two@example.com"}, "email_verified": {"on"}}, {"email": {"three@example.com"}, "email_verified": {""}},
	} {
		if p := submit(t, in.boss, at, typed); p.Status != http.StatusSeeOther {
			t.Fatalf("%v: %d %s", typed, p.Status, p.Body)
		}
		u, err := in.Accounts.Get(t.Context(), in.spider.ID)
		if err != nil || u.Email != typed.Get("email") || u.EmailVerified != (typed.Get("email_verified") == "on") {
			t.Errorf("%v: %+v %v", typed, u, err)
		}
	}
}

// TestWhatWasTypedOutlivesTheProof: a form that came too late, or that gives rights at an old sign-in, is filled in again
// when its sender is back, in no other page and for nobody else. A password is asked for again.
func TestWhatWasTypedOutlivesTheProof(t *testing.T) {
	in := newTown(t)
	user := "/admin/users/" + in.spider.ID
	for _, late := range []struct {
		at    string
		form  url.Values
		shows []string
	}{
		{user + "/deactivate", url.Values{"reason": {`left "the" team & Zürich`}}, []string{`value="left &#34;the&#34; team &amp; Zürich"`, "Deactivate spiderman</button>"}},
		{user + "/password", url.Values{"reason": {"asked"}, "password": {"another fine password"}}, []string{`value="asked"`, "type it again"}},
		{"/admin/keys/rotate", url.Values{"mode": {"immediate"}, "lane": {"RS256"}, "force": {"on"}, "reason": {"a drill"}}, []string{`value="a drill"`, `name="mode" value="immediate"`, `name="lane" value="RS256"`, `name="force" value="on"`}},
		{"/admin/resources/delete?identifier=api", url.Values{"reason": {"gone"}}, []string{`value="gone"`}},
		{"/admin/users/new", url.Values{"username": {"miles"}, "given_name": {"Miles"}, "admin": {"on"}, "password": {"another fine password"}}, []string{`value="miles"`, `value="Miles"`, `value="on" checked`, "type it again"}},
		{user + "/edit", url.Values{"username": {"spidey"}, "email": {""}, "admin": {"on"}}, []string{`value="spidey"`, `name="email" type="text" value=""`, `value="on" checked`}},
		{"/admin/groups/" + in.group.ID + "/roles/new", url.Values{"role": {"auditor"}, "resource": {in.Groups.AdminAudience}}, []string{`value="auditor"`, `value="` + in.Groups.AdminAudience + `"`}},
		{"/admin/users/invite", url.Values{"email": {"miles@example.com"}, "language": {"de"}}, []string{`value="miles@example.com"`, `value="de" selected`}},
		{"/admin/clients/new", url.Values{"client_id": {"mine"}, "resources": {in.Groups.AdminAudience}, "grant_types": {"authorization_code", "client_credentials"}}, []string{`value="mine"`, in.Groups.AdminAudience + "</textarea>", `value="client_credentials" checked`, `value="authorization_code" checked`}},
	} {
		in.Advance(11 * time.Minute)
		p := in.boss.Post(late.at, late.form)
		if p.Status != http.StatusOK || !strings.Contains(p.Body, url.QueryEscape(late.at)) {
			t.Errorf("%s is taken: %d %s", late.at, p.Status, p.Body)
		}
		for _, cookie := range p.Header.Values("Set-Cookie") {
			value, _, _ := strings.Cut(strings.TrimPrefix(cookie, "keyturn_typed="), ";")
			kept, err := base64.RawURLEncoding.DecodeString(value)
			if err == nil && strings.Contains(string(kept), "another") {
				t.Errorf("%s keeps a password: %s", late.at, kept)
			}
		}
		in.boss.Post("/account/sign-in?next="+url.QueryEscape(late.at), url.Values{"username": {"boss"}, "password": {apitest.Password}})
		back := in.boss.Get(late.at)
		wantAll(t, back.Body, late.shows...)
		if strings.Contains(back.Body, "another fine password") {
			t.Errorf("%s shows the password", late.at)
		}
		if again := in.boss.Get(late.at); strings.Contains(again.Body, late.shows[0]) {
			t.Errorf("%s is filled twice", late.at)
		}
	}
	in.Advance(11 * time.Minute)
	in.boss.Post(user+"/deactivate", url.Values{"reason": {"for this page alone"}})
	in.boss.Post("/account/sign-in", url.Values{"username": {"boss"}, "password": {apitest.Password}})
	if p := in.boss.Get(user + "/delete"); strings.Contains(p.Body, "for this page alone") {
		t.Error("another page is filled")
	}
}

// TestBadInputIsNoBreakdown: whatever stands in a path, a query or a form, no answer is 500.
func TestBadInputIsNoBreakdown(t *testing.T) {
	in := newTown(t)
	for _, path := range []string{
		"/users?prefix=%00", "/users?prefix=%ff", "/users?after=%00", "/users?before=zzz", "/users?prefix=%F0%9F%A6%84", "/users?format=xml", "/users?%zz", "/users/invitations?after=x", "/users/invitations?before=.", "/users/invitations?after=a.%ff", "/users/invitations?email=%00", "/users/invitations/none/withdraw", "/users/invitations/%00/withdraw",
		"/grants?after=nothing", "/grants?before=nothing", "/grants?user=nobody", "/grants?user=%27", "/grants?client=%00", "/grants/x%2Fy", "/grants/%00",
		"/revoked-tokens?after=nothing", "/revoked-tokens?user=no%20body", "/clients/..", "/clients/%00", "/clients?prefix=%F0%9F", "/keys/none", "/keys/none/revoke",
		"/keys/rotate?mode=other", "/keys/rotate?mode=immediate&lane=HS256", "/resources/edit", "/resources/edit?identifier=none", "/search?q=%00", "/search?q=" + strings.Repeat("x", 5000),
		"/search?q=%22%3E%3Cscript%3E", "/users/none", "/groups/none", "/groups?prefix=%00", "/groups?after=%ff", "/groups?before=%ff", "/mail?after=%20&state=x", "/mail?after=%ff", "/mail?before=%ff", "/mail/x", "/mail/none/retry", "/mail/%00", "/audit?after=x", "/audit?before=x", "/audit?before=99999999999", "/audit?before=1&after=1", "/audit?after=99999999999", "/audit?since=x", "/audit?until=99999-01-01", "/audit?action=%00", "/audit?action=user.&actor=spiderman", "/audit?address=%27", "/users/none/deactivate", "/nothing",
	} {
		if p := in.boss.Get("/admin" + path); p.Status >= 500 || strings.Contains(p.Body, "<script>") {
			t.Errorf("%s: %d\n%s", path, p.Status, p.Body)
		}
	}
	// Whoever makes a link must not put words into the mouth of the page (OWASP, content spoofing).
	if p := in.boss.Get("/admin/users?done=ended&n=call+0900+1234"); strings.Contains(p.Body, "0900") {
		t.Errorf("the page says what the link says:\n%s", p.Body)
	}
	for _, r := range (&console.Console{}).Routes() {
		if len(r.Methods()) == 1 {
			continue
		}
		for _, form := range []url.Values{{}, {"username": {"\x00"}}, {"seen": {"x"}}, {"seen": {"\" y"}, "jwks": {"{"}, "default_max_age": {"never"}}, {"mode": {"x"}}, {"access_lifetime": {"x"}, "claims": {"x"}}} {
			if strings.Contains(r.Path, "delete") || strings.Contains(r.Path, "secrets") || strings.Contains(r.Path, "remove") || strings.Contains(r.Path, "drop") {
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
	if _, err := s.Accounts.Create(context.Background(), accounts.NewUser{Username: "u999", GivenName: `=HYPERLINK("https://evil.example")`, FamilyName: `Parker;=1+1;@x;9`}, apitest.System); err != nil {
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
	// Where a comma is the decimal sign, spreadsheets take semicolons for separators, and the quotation marks about a field
	// for text (OWASP, CSV injection: "take care of the field separator").
	if family := rows[121][6]; family != "Parker;'=1+1;'@x;9" {
		t.Errorf("a spreadsheet calculates %q", family)
	}
	if got := p.Header.Get("Content-Disposition"); got != `attachment; filename="users.csv"` {
		t.Error(got)
	}
	for _, list := range []string{"groups", "clients", "resources", "keys", "grants", "revoked-tokens", "mail", "audit", "users/invitations"} {
		for _, format := range []string{"csv", "jsonl"} {
			if p := b.Get("/admin/" + list + "?format=" + format); p.Status != http.StatusOK || p.Header.Get("Content-Disposition") != `attachment; filename="`+path.Base(list)+"."+format+`"` {
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
	for query, want := range map[string]string{"spid": "/admin/users/" + in.spider.ID, "aven": "/admin/groups/" + in.group.ID, "ord": "/admin/clients/orders", kid[:6]: "/admin/keys/" + kid} {
		if p := in.boss.Get("/admin/search?q=" + query); !strings.Contains(p.Body, `href="`+want+`"`) {
			t.Errorf("%s does not lead to %s:\n%s", query, want, p.Body)
		}
	}
	if p := in.boss.Get("/admin/search?q=nothing"); p.Status != http.StatusOK || !strings.Contains(p.Body, "Nothing begins with") {
		t.Errorf("%d %s", p.Status, p.Body)
	}
}

// TestWhatCantBeUndoneNeedsARecentProof: an act at a desk that somebody left asks for the password again, and goes on
// where one was. What was asked for before is done by the form alone.
func TestWhatCantBeUndoneNeedsARecentProof(t *testing.T) {
	in := newTown(t)
	at := "/admin/users/" + in.spider.ID + "/deactivate"
	in.Advance(6 * time.Minute)
	if p := in.boss.Get(at); !strings.Contains(p.Body, `name="password"`) || !strings.Contains(p.Body, url.QueryEscape(at)) {
		t.Errorf("six minutes later the page asks for no password: %d %s", p.Status, p.Body)
	}
	if p := in.boss.Get("/admin/users/" + in.spider.ID); strings.Contains(p.Body, `name="password"`) {
		t.Error("to look takes a password, too")
	}
	in.Advance(5 * time.Minute)
	if p := in.boss.Post(at, url.Values{}); p.Status != http.StatusOK || !strings.Contains(p.Body, `name="password"`) {
		t.Errorf("eleven minutes later the form is taken: %d", p.Status)
	}
	if u, err := in.Accounts.Get(context.Background(), in.spider.ID); err != nil || !u.Active {
		t.Errorf("%+v %v", u, err)
	}
	p := in.boss.Post("/account/sign-in?next="+url.QueryEscape(at), url.Values{"username": {"boss"}, "password": {apitest.Password}})
	if p.Status != http.StatusSeeOther || p.Location != at {
		t.Fatalf("%d to %q", p.Status, p.Location)
	}
	if p := in.boss.Get(at); !strings.Contains(p.Body, "Deactivate spiderman</button>") {
		t.Errorf("%d %s", p.Status, p.Body)
	}
}

// TestGivingRightsNeedsARecentProof: at a desk that somebody left nobody gets rights to administer, by whichever form;
// what gives none is taken as before.
func TestGivingRightsNeedsARecentProof(t *testing.T) {
	in := newTown(t)
	ctx := context.Background()
	auditors, err := in.Groups.Create(ctx, accounts.NewGroup{Name: "auditors"}, apitest.System)
	if err == nil {
		err = in.Groups.AddRole(ctx, auditors.ID, accounts.Role{Resource: in.Groups.AdminAudience, Name: accounts.RoleAuditor}, apitest.System)
	}
	if err != nil {
		t.Fatal(err)
	}
	user, group := "/admin/users/"+in.spider.ID+"/edit", "/admin/groups/"+in.group.ID
	in.Advance(11 * time.Minute)
	for _, give := range []struct {
		at   string
		form url.Values
	}{
		{user, url.Values{"username": {"spiderman"}, "admin": {"on"}}},
		{"/admin/users/new", url.Values{"username": {"miles"}, "admin": {"on"}}},
		{"/admin/groups/" + auditors.ID + "/members/new", url.Values{"user": {"spiderman"}}},
		{group + "/roles/new", url.Values{"resource": {in.Groups.AdminAudience}, "role": {accounts.RoleAdministrator}}},
	} {
		if p := in.boss.Post(give.at, give.form); p.Status != http.StatusOK || !strings.Contains(p.Body, `name="password"`) {
			t.Errorf("%s is taken: %d", give.at, p.Status)
		}
	}
	if rights, err := in.Accounts.RightsOf(ctx, in.spider.ID); err != nil || rights != 0 {
		t.Errorf("rights %v, %v", rights, err)
	}
	// A client of the attacker's that may ask for the administrator's own rights keeps them for weeks.
	adminClient := url.Values{
		"client_id": {"mine"}, "first_party": {"on"}, "redirect_uris": {"https://evil.example/"}, "grant_types": {"authorization_code", "refresh_token"},
		"resources": {in.Groups.AdminAudience}, "scopes": {"admin"}, "token_endpoint_auth_method": {"none"},
	}
	if p := submit(t, in.boss, "/admin/clients/new", adminClient); p.Status != http.StatusOK || !strings.Contains(p.Body, `name="password"`) {
		t.Errorf("a client of the admin API is taken: %d", p.Status)
	}
	if p := submit(t, in.boss, "/admin/clients/orders/edit", url.Values{"resources": {in.Groups.AdminAudience}}); p.Status != http.StatusOK || !strings.Contains(p.Body, `name="password"`) {
		t.Errorf("a client gets the admin API: %d", p.Status)
	}
	in.boss.Get("/admin/clients/orders/edit") // which is filled in with that once
	if p := submit(t, in.boss, "/admin/clients/orders/edit", url.Values{"redirect_uris": {"https://evil.example/"}}); p.Status != http.StatusOK || !strings.Contains(p.Body, `name="password"`) {
		t.Errorf("codes go elsewhere: %d", p.Status)
	}
	in.boss.Get("/admin/clients/orders/edit")
	for at, form := range map[string]url.Values{
		"/admin/clients/orders/edit": {"client_name": {"Orders"}},
		user:                         {"username": {"spiderman"}, "given_name": {"Peter"}},
		"/admin/users/new":           {"username": {"miles"}},
		group + "/members/new":       {"user": {"boss"}},
		group + "/roles/new":         {"resource": {"api"}, "role": {"driver"}},
	} {
		if p := submit(t, in.boss, at, form); p.Status != http.StatusSeeOther {
			t.Errorf("%s gives no rights: %d", at, p.Status)
		}
	}
}

// TestSecurityOfOthersNeedsARecentProof: at a desk that somebody left nobody has mail of an account come to themself, by
// which its password is chosen anew, makes it known to apps as another, or takes away what a group demands (OWASP ASVS
// 5.0 7.5.1). The form comes back filled in.
func TestSecurityOfOthersNeedsARecentProof(t *testing.T) {
	in := newTown(t)
	ctx := context.Background()
	level := accounts.TwoFactors
	if _, err := in.Groups.Update(ctx, in.group.ID, accounts.GroupChange{RequiredLevel: &level}, apitest.System); err != nil {
		t.Fatal(err)
	}
	user, group := "/admin/users/"+in.spider.ID+"/edit", "/admin/groups/"+in.group.ID+"/edit"
	before, err := in.Accounts.Get(ctx, in.spider.ID)
	if err != nil {
		t.Fatal(err)
	}
	in.Advance(11 * time.Minute)
	for _, take := range []struct {
		at    string
		form  url.Values
		shows string
	}{
		{user, url.Values{"email": {"thief@example.org"}}, `value="thief@example.org"`},
		{user, url.Values{"email_verified": {"on"}}, `value="on" checked`},
		{user, url.Values{"external_id": {"7"}}, `value="7"`},
		{group, url.Values{"description": {"all"}, "required_acr": {""}}, `value="all"`},
	} {
		if p := submit(t, in.boss, take.at, take.form); p.Status != http.StatusOK || !strings.Contains(p.Body, `name="password"`) {
			t.Errorf("%s is taken: %d %v", take.at, p.Status, take.form)
			continue
		}
		in.boss.Post("/account/sign-in?next="+url.QueryEscape(take.at), url.Values{"username": {"boss"}, "password": {apitest.Password}})
		wantAll(t, in.boss.Get(take.at).Body, take.shows)
		in.Advance(11 * time.Minute)
	}
	after, err := in.Accounts.Get(ctx, in.spider.ID)
	if err != nil || after.Email != before.Email || after.EmailVerified != before.EmailVerified || after.ExternalID != before.ExternalID {
		t.Errorf("%+v, %v; was %+v", after, err, before)
	}
	// More may be demanded at once.
	level = accounts.PhishingResistant
	if p := submit(t, in.boss, group, url.Values{"name": {in.group.Name}, "required_acr": {string(level)}}); p.Status != http.StatusSeeOther {
		t.Errorf("a higher demand: %d", p.Status)
	}
}

// TestResetLinkIsShownOnce, and lets its bearer choose a password.
func TestResetLinkIsShownOnce(t *testing.T) {
	in := newTown(t)
	at := "/admin/users/" + in.spider.ID
	p := in.boss.Post(at+"/reset-link", url.Values{"reason": {"called the desk"}})
	_, link, found := strings.Cut(p.Body, in.URL+"/link/password_reset?token=")
	if p.Status != http.StatusOK || !found {
		t.Fatalf("%d %s", p.Status, p.Body)
	}
	token, _, _ := strings.Cut(link, "<")
	if p := in.boss.Get(at); strings.Contains(p.Body, token) {
		t.Error("it is shown twice")
	}
	if p := apitest.NewBrowser(t, in.Server).Get("/link/password_reset?token=" + token); p.Status != http.StatusOK {
		t.Errorf("the link leads to %d", p.Status)
	}
}

// TestAuditLogIsFiltered by what, by whom, to what, from where and when.
func TestAuditLogIsFiltered(t *testing.T) {
	in := newTown(t)
	in.boss.Post("/admin/users/"+in.spider.ID+"/deactivate", url.Values{"reason": {"left the team"}})
	today := in.Now().UTC().Format(time.DateOnly)
	for query, want := range map[string]bool{
		"": true, "?action=user.deactivated": true, "?action=user.": true, "?action=client.": false, "?actor=boss": true, "?actor=" + in.bossID: true, "?actor=spiderman": false,
		"?subject=" + in.spider.ID: true, "?subject=orders": false, "?address=127.0.0.1": true, "?address=192.0.2.1": false,
		"?since=" + today + "&until=" + today: true, "?until=2020-01-01": false,
	} {
		p := in.boss.Get("/admin/audit" + query)
		if got := strings.Contains(p.Body, "left the team"); p.Status != http.StatusOK || got != want {
			t.Errorf("%q: %d, shown %v, want %v", query, p.Status, got, want)
		}
	}
	if p := in.boss.Get("/admin/users/" + in.spider.ID); !strings.Contains(p.Body, "left the team") {
		t.Error("the page of the user does not tell")
	}
}

// TestAuditLogTellsNames of the groups and people that an event names by id, while they have one.
func TestAuditLogTellsNames(t *testing.T) {
	in := newTown(t)
	member := `<code>user=</code><a href="/admin/users/` + in.spider.ID + `"><bdi>spiderman</bdi></a>`
	group := `<a href="/admin/groups/` + in.group.ID + `"><bdi>avengers</bdi></a>`
	wantAll(t, in.boss.Get("/admin/audit?action=group.member_added").Body, member, group)
	wantAll(t, in.boss.Get("/admin/audit?action=group.member_added&format=csv").Body, in.spider.ID, in.group.ID)
	submit(t, in.boss, "/admin/groups/"+in.group.ID+"/delete", nil)
	submit(t, in.boss, "/admin/users/"+in.spider.ID+"/delete", nil)
	wantAll(t, in.boss.Get("/admin/audit?action=group.member_added").Body, "user="+in.spider.ID, in.group.ID)
}

func wantAll(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("there is no %s in %s", part, text)
		}
	}
}

// TestLastAdministratorIsToldBefore anything is asked, as long as it is the last.
func TestLastAdministratorIsToldBefore(t *testing.T) {
	in := newTown(t)
	for _, act := range []string{"deactivate", "delete"} {
		page := in.boss.Get("/admin/users/" + in.bossID + "/" + act).Body
		wantAll(t, page, "only active administrator")
		if strings.Contains(page, `class="danger"`) {
			t.Errorf("%s: there is a button", act)
		}
	}
	signedIn(t, in.Server, "second", true)
	if page := in.boss.Get("/admin/users/" + in.bossID + "/deactivate").Body; strings.Contains(page, "only active") || !strings.Contains(page, `class="danger"`) {
		t.Error("refused with another administrator")
	}
}

// TestNobodyTakesTheLastAdministratorAway: by none of the ways in which a group makes one, nor by the mark; each page says
// so beforehand, and the domain where it has become so since.
func TestNobodyTakesTheLastAdministratorAway(t *testing.T) {
	in := newTown(t)
	ctx := context.Background()
	demote := func(id string, admin bool) {
		t.Helper()
		if _, err := in.Accounts.Update(ctx, id, accounts.Change{Admin: &admin}, apitest.System); err != nil {
			t.Fatal(err)
		}
	}
	edit := "/admin/users/" + in.bossID + "/edit"
	wantAll(t, in.boss.Get(edit).Body, `aria-describedby="f-admin-note f-admin-help"`, "Nobody would be left")
	form := sent(readForm(t, in.boss.Get(edit).Body))
	delete(form, "admin")
	if p := in.boss.Post(edit, form); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Body, `href="#f-admin"`) {
		t.Errorf("%d %s", p.Status, p.Body)
	}
	b := withRole(t, in.Server, "second", "administrator")
	if page := in.boss.Get(edit).Body; strings.Contains(page, "Nobody would be left") {
		t.Error("told with another administrator")
	}
	second, err := in.Accounts.Find(ctx, "second")
	if err != nil {
		t.Fatal(err)
	}
	groups, err := in.Groups.Of(ctx, second.ID, apitest.System)
	if err != nil || len(groups) != 1 {
		t.Fatal(groups, err)
	}
	at := "/admin/groups/" + groups[0].ID
	acts := []string{at + "/delete", at + "/members/" + second.ID + "/remove", at + "/roles/remove?" + url.Values{"resource": {in.Groups.AdminAudience}, "role": {"administrator"}}.Encode()}
	var asked []apitest.Page
	for _, act := range acts {
		page := b.Get(act)
		if strings.Contains(page.Body, "Nobody would be left") || !strings.Contains(page.Body, `class="danger"`) {
			t.Errorf("%s: refused with another administrator", act)
		}
		asked = append(asked, page)
	}
	demote(in.bossID, false)
	for n, act := range acts {
		if page := b.Get(act).Body; !strings.Contains(page, "Nobody would be left") || strings.Contains(page, `class="danger"`) {
			t.Errorf("%s: %s", act, page)
		}
		if p := resend(t, b, act, asked[n], nil); p.Status != http.StatusConflict || !strings.Contains(p.Body, "Nobody would be left") {
			t.Errorf("%s, asked before: %d", act, p.Status)
		}
	}
	demote(in.bossID, true)
	if p := resend(t, b, acts[1], asked[1], nil); p.Status != http.StatusSeeOther {
		t.Errorf("with another again: %d", p.Status)
	}
}

// TestWhoMaySeeNothingIsShownNoWays: each would lead to the same refusal.
func TestWhoMaySeeNothingIsShownNoWays(t *testing.T) {
	in := newTown(t)
	wantAll(t, apitest.NewBrowser(t, in.Server).Get("/account?next=%2Fadmin").Body, "to manage this installation")
	plain, _ := signedIn(t, in.Server, "plain", false)
	page := plain.Get("/admin").Body
	wantAll(t, page, "You may not do this here", `href="/account"`, `href="/oauth2/logout"`)
	for _, no := range []string{"/admin/users", `role="search"`, "caller"} {
		if strings.Contains(page, no) {
			t.Errorf("the page has %s", no)
		}
	}
}

// TestRefusalsLeaveATrace: of whom, and from where; what a domain refuses as well as what a route does.
func TestRefusalsLeaveATrace(t *testing.T) {
	in := newTown(t)
	b := withRole(t, in.Server, "manager", "user-manager")
	b.Get("/admin/keys/rotate")
	b.Post("/admin/users/"+in.bossID+"/deactivate", url.Values{})
	manager, err := in.Accounts.Find(context.Background(), "manager")
	if err != nil {
		t.Fatal(err)
	}
	list, err := in.DB.Refusals(context.Background(), audit.RefusalQuery{Account: manager.ID, Since: in.Now().Add(-time.Hour), Until: in.Now().Add(time.Hour), Limit: 10})
	var n int64
	for _, r := range list {
		if n += r.Count; r.Reason != "console" || r.Address != "127.0.0.1" {
			t.Errorf("%+v", r)
		}
	}
	if err != nil || n != 2 {
		t.Errorf("%d refusals: %+v %v", n, list, err)
	}
}
