package console_test

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"

	"keyturn/accounts"
	"keyturn/api/apitest"
)

// chromium is the browser that the tests of this package share.
var chromium apitest.Chromium

func TestMain(m *testing.M) {
	code := m.Run()
	chromium.Close()
	os.Exit(code)
}

// administrator makes one and signs them in.
func administrator(t *testing.T, s *apitest.Server) *apitest.Browser {
	t.Helper()
	b, _ := signedIn(t, s, "boss", true)
	return b
}

// signedIn makes a user and signs them in by the page that leads to the console.
func signedIn(t *testing.T, s *apitest.Server, name string, admin bool) (*apitest.Browser, accounts.User) {
	t.Helper()
	user, err := s.Accounts.Create(context.Background(), accounts.NewUser{Username: name, Password: apitest.Password, Admin: admin}, apitest.System)
	if err != nil {
		t.Fatal(err)
	}
	b := apitest.NewBrowser(t, s)
	p := b.Get("/admin")
	if p.Status != http.StatusSeeOther {
		t.Fatalf("nobody is signed in, and the console answers %d", p.Status)
	}
	p = b.Get(p.Location)
	action := apitest.Action.FindStringSubmatch(p.Body)
	if action == nil {
		t.Fatalf("no sign-in form: %d %s", p.Status, p.Body)
	}
	p = b.Post(strings.ReplaceAll(action[1], "&amp;", "&"), map[string][]string{"username": {name}, "password": {apitest.Password}})
	if p.Status != http.StatusSeeOther || p.Location != "/admin" {
		t.Fatalf("signed in: %d to %q", p.Status, p.Location)
	}
	return b, user
}

// TestListOfUsersTurnsBothWays: by keyset, with the filter in the address.
func TestListOfUsersTurnsBothWays(t *testing.T) {
	s := apitest.New(t)
	b := administrator(t, s)
	for _, name := range names(120) {
		s.AddUser(t, name)
	}
	first := b.Get("/admin/users?prefix=u")
	second := b.Get(linkOf(t, first.Body, "next"))
	third := b.Get(linkOf(t, second.Body, "next"))
	again := b.Get(linkOf(t, third.Body, "prev"))
	for page, want := range map[string][2]string{first.Body: {"u000", "u049"}, second.Body: {"u050", "u099"}, third.Body: {"u100", "u119"}, again.Body: {"u050", "u099"}} {
		if !strings.Contains(page, ">"+want[0]+"<") || !strings.Contains(page, ">"+want[1]+"<") || strings.Contains(page, ">boss<") {
			t.Errorf("no page from %s to %s", want[0], want[1])
		}
	}
	if strings.Contains(first.Body, `rel="prev"`) || strings.Contains(third.Body, `rel="next"`) {
		t.Error("the list goes on where it ends")
	}
	if begin := b.Get(linkOf(t, again.Body, "prev")); strings.Contains(begin.Body, `rel="prev"`) || !strings.Contains(begin.Body, ">u000<") {
		t.Error("the way back does not end at the beginning")
	}
}
