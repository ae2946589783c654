package admin_test

import (
	"net/http"
	"testing"
	"time"

	"keyturn/audit"
	"keyturn/issuer"
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
	if ended := f.send(http.MethodPost, "/users/"+id+"/deactivate", all, "").want(http.StatusOK)["ended"]; ended != got["grants"] {
		t.Errorf("deactivation ended %v", ended)
	}
	boss := f.user("boss", true)
	if got := open("/users/" + boss + "/open"); got["last_administrator"] != true {
		t.Errorf("of the last administrator: %v", got)
	}
	f.send(http.MethodDelete, "/users/"+boss, all, "").want(http.StatusConflict)
	f.send(http.MethodPost, "/clients", all, `{"client_id": "shop", "client_name": "The shop", "redirect_uris": ["https://shop.example.com/callback"]}`).want(http.StatusCreated)
	if got := open("/clients/shop/open"); got["grants"] != 0.0 {
		t.Errorf("of a new client: %v", got)
	}
	for _, path := range []string{"/users/nobody/open", "/users/x%20y/open", "/clients/none/open", "/clients/x%20y/open", "/clients/none/snippets", "/clients/x%20y/snippets"} {
		f.send(http.MethodGet, path, all, "").want(http.StatusNotFound)
	}
}
