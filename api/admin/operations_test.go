package admin_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/api/admin"
	"keyturn/audit"
	"keyturn/audit/sentence"
	"keyturn/issuer/oauth"
)

func TestHealthIsThatOfTheWorstCheck(t *testing.T) {
	f := newFixture(t)
	reader := f.token("admin:read")
	for _, test := range []struct {
		states []string
		want   string
	}{{nil, "ok"}, {[]string{"ok"}, "ok"}, {[]string{"warning", "ok"}, "warning"}, {[]string{"failed", "warning"}, "failed"}, {[]string{"warning", "failed"}, "failed"}} {
		checks := make([]admin.Check, len(test.states))
		for i, s := range test.states {
			checks[i] = admin.Check{Name: "check", Status: s, Detail: sentence.Verbatim("as it is")}
		}
		s := *f.server
		s.Operations.Version = "1.2.3"
		s.Operations.Checks = func(ctx context.Context) []admin.Check { return checks }
		f.handleWith(&s)
		out := f.send(http.MethodGet, "/health", reader, "").want(http.StatusOK)
		if out["status"] != test.want || out["version"] != "1.2.3" || len(out["checks"].([]any)) != len(checks) {
			t.Errorf("%v: %v", test.states, out)
		}
	}
}

func TestSettingsAreListed(t *testing.T) {
	f := newFixture(t)
	s := *f.server
	s.Operations.Settings = []admin.Setting{{Name: "KEYTURN_AUDIENCE", Value: "api", Doc: "Who.", Changed: true}}
	f.handleWith(&s)
	if got := items(f.send(http.MethodGet, "/settings", f.token("admin:read"), "").want(http.StatusOK), "name"); !slices.Equal(got, []string{"KEYTURN_AUDIENCE"}) {
		t.Errorf("settings %v", got)
	}
}

func TestLettersAreRetriedAndDropped(t *testing.T) {
	f := newFixture(t)
	f.withLetters()
	all := f.token("admin")
	for _, name := range []string{"gwen", "miles"} {
		f.send(http.MethodPost, "/users/invite", all, `{"email": "`+name+`@example.com"}`).want(http.StatusNoContent)
	}
	list := func(query string) map[string]any {
		return f.send(http.MethodGet, "/letters"+query, all, "").want(http.StatusOK)
	}
	ids := items(list(""), "id")
	if len(ids) != 2 || list("")["items"].([]any)[0].(map[string]any)["kind"] != string(accounts.LetterInvitation) {
		t.Fatalf("letters %v", list(""))
	}
	if page := list("?limit=1"); page["next"] != ids[0] || !slices.Equal(items(list("?limit=1&after="+ids[0]), "id"), ids[1:]) {
		t.Errorf("page %v", page)
	}
	l := f.letter()
	if err := f.db.LetterFailed(t.Context(), l.ID, accounts.LetterFailure{Attempt: l.Attempts, Failure: "unreachable", GiveUp: true}); err != nil {
		t.Fatal(err)
	}
	if got := items(list("?failed=true"), "id"); !slices.Equal(got, []string{l.ID}) {
		t.Fatalf("given up: %v", got)
	}
	if got := f.send(http.MethodGet, "/letters/"+l.ID, all, "").want(http.StatusOK); got["failure"] != "unreachable" || got["given_up_at"] == nil || got["to"] != l.To {
		t.Errorf("letter %v", got)
	}
	f.send(http.MethodPost, "/letters/"+l.ID+"/retry", all, "").want(http.StatusNoContent)
	if got := items(list(""), "id"); !slices.Equal(got, ids) {
		t.Errorf("after a retry: %v", got)
	}
	f.send(http.MethodDelete, "/letters/"+l.ID, all, "").want(http.StatusNoContent)
	f.send(http.MethodDelete, "/letters/"+l.ID, all, "").want(http.StatusNotFound)
	f.send(http.MethodPost, "/letters/"+l.ID+"/retry", all, "").want(http.StatusNotFound)
	f.send(http.MethodGet, "/letters/"+l.ID, all, "").want(http.StatusNotFound)
	f.send(http.MethodGet, "/letters/x%20y", all, "").want(http.StatusNotFound)
	f.send(http.MethodGet, "/letters?failed=yes", all, "").wantParam("failed")
	f.send(http.MethodGet, "/letters?after=%20", all, "").wantParam("after")
}

func TestAppsOfAUserAreTakenBack(t *testing.T) {
	f := newFixture(t)
	all, people := f.token("admin"), f.token("admin:users")
	id, boss := f.user("spiderman", false), f.user("boss", true)
	f.send(http.MethodPost, "/clients", all, `{"client_id": "shop", "client_name": "The shop", "redirect_uris": ["https://shop.example.com/callback"]}`)
	for _, user := range []string{id, boss} {
		if err := f.db.AddConsent(t.Context(), oauth.Consent{UserID: user, ClientID: "shop", Resource: "api", Scopes: []string{"openid", "email"}}, audit.Event{Action: audit.ConsentGiven}); err != nil {
			t.Fatal(err)
		}
	}
	apps := func() []string {
		return items(f.send(http.MethodGet, "/users/"+id+"/apps", people, "").want(http.StatusOK), "client_id")
	}
	if got := apps(); !slices.Equal(got, []string{"shop"}) {
		t.Fatalf("apps %v", got)
	}
	f.send(http.MethodDelete, "/users/"+boss+"/apps/shop", people, "").want(http.StatusForbidden)
	f.send(http.MethodDelete, "/users/"+id+"/apps/shop", people, `{"reason": "asked by telephone"}`).want(http.StatusOK)
	if got := apps(); len(got) != 0 {
		t.Errorf("apps %v", got)
	}
	events, err := f.db.AuditEvents(t.Context(), audit.Query{Action: audit.ConsentRemoved, Limit: 10})
	if err != nil || len(events) != 1 || events[0].Reason != "asked by telephone" {
		t.Errorf("events %v, %v", events, err)
	}
	for _, path := range []string{"/users/nobody/apps", "/users/x%20y/apps"} {
		f.send(http.MethodGet, path, people, "").want(http.StatusNotFound)
	}
	f.send(http.MethodDelete, "/users/nobody/apps/shop", people, "").want(http.StatusNotFound)
	f.send(http.MethodDelete, "/users/"+id+"/apps/x%20y", people, "").want(http.StatusNotFound)
}

func TestEverybodyIsSignedOut(t *testing.T) {
	f := newFixture(t)
	all := f.token("admin")
	f.user("spiderman", false)
	tokens := f.signIn("spiderman", password)
	for _, body := range []string{``, `{}`, `{"everybody": false}`} {
		f.send(http.MethodPost, "/sessions/end-all", all, body).wantParam("everybody")
	}
	out := f.send(http.MethodPost, "/sessions/end-all", all, `{"everybody": true, "reason": "restored"}`).want(http.StatusOK)
	if out["ended"] != 1.0 || out["keys_revoked"].(float64) < 1 {
		t.Errorf("answer %v", out)
	}
	if f.refreshes(tokens) {
		t.Error("a refresh token from before is taken")
	}
	f.now = func() time.Time { return time.Now().Add(time.Second) }
	if !f.refreshes(f.signIn("spiderman", password)) {
		t.Error("nobody can sign in afterwards")
	}
}
