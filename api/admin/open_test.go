package admin_test

import (
	"net/http"
	"testing"
	"time"

	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/keys"
)

// What an act would end is what it then ends.
func TestWhatEndsIsToldBefore(t *testing.T) {
	f := newFixture(t)
	now := time.Now().UTC().Truncate(time.Microsecond)
	f.now = func() time.Time { return now }
	all := f.token("admin")
	id := f.user("spiderman", false)
	open := func(path string) map[string]any { return f.send(http.MethodGet, path, all, "").want(http.StatusOK) }
	if got := open("/users/" + id + "/open"); got["grants"] != 0.0 || got["sessions"] != 0.0 || got["tokens_until"] != nil {
		t.Errorf("of somebody new: %v", got)
	}
	f.signIn("spiderman", password)
	f.signIn("spiderman", password)
	if err := f.issuer.CreateResource(t.Context(), issuer.Resource{Identifier: "slow", AccessLifetime: 10 * time.Minute}, audit.Actor{Rights: audit.ManageAll}); err != nil {
		t.Fatal(err)
	}
	got := open("/users/" + id + "/open")
	if want := now.Add(10 * time.Minute).Format("2006-01-02T15:04:05.000000Z07:00"); got["grants"] != 2.0 || got["tokens_until"] != want || got["last_administrator"] != nil || got["more"] != nil {
		t.Errorf("of somebody signed in: %v, want tokens until %s", got, want)
	}
	f.send(http.MethodPost, "/clients", all, `{"client_id": "shop", "client_name": "The shop", "redirect_uris": ["https://shop.example.com/callback"], "access_token_lifetime": "20m"}`).want(http.StatusCreated)
	if until, want := open("/users/" + id + "/open")["tokens_until"], now.Add(20*time.Minute).Format("2006-01-02T15:04:05.000000Z07:00"); until != want {
		t.Errorf("beside a client whose tokens live longer: %v, want %s", until, want)
	}
	if ended := f.send(http.MethodPost, "/users/"+id+"/deactivate", all, "").want(http.StatusOK)["ended"]; ended != got["grants"] {
		t.Errorf("deactivation ended %v", ended)
	}
	boss := f.user("boss", true)
	if got := open("/users/" + boss + "/open"); got["last_administrator"] != true {
		t.Errorf("of the last administrator: %v", got)
	}
	f.send(http.MethodDelete, "/users/"+boss, all, "").want(http.StatusConflict)
	if got := open("/clients/shop/open"); got["grants"] != 0.0 {
		t.Errorf("of a new client: %v", got)
	}
	many := f.user("doctor-octopus", false)
	for range 1000 {
		g := issuer.NewGrant{Grant: issuer.Grant{ID: keys.NewTokenID(), UserID: many, ClientID: "shop", Audience: "api", RefreshLifetime: time.Hour}, CredentialVersion: 1, AbsoluteLifetime: time.Hour}
		if _, err := f.db.CreateGrant(t.Context(), g, audit.Event{Action: audit.UserSignedIn}); err != nil {
			t.Fatal(err)
		}
	}
	if got := open("/clients/shop/open"); got["grants"] != 1000.0 || got["more"] != true {
		t.Errorf("of so many that they are not counted: %v", got)
	}
	for _, path := range []string{"/users/nobody/open", "/users/x%20y/open", "/clients/none/open", "/clients/x%20y/open", "/clients/none/snippets", "/clients/x%20y/snippets"} {
		f.send(http.MethodGet, path, all, "").want(http.StatusNotFound)
	}
}
