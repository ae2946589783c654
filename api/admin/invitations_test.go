package admin_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/keys"
)

// withLetters serves with invitations and letters switched on.
func (f *fixture) withLetters() {
	f.Helper()
	s := *f.server
	s.SelfService = &accounts.SelfService{People: f.accounts, Store: f.db, Allow: accounts.AllFeatures(), Mail: true}
	f.handleWith(&s)
}

// letter takes the letter that is due.
func (f *fixture) letter() accounts.QueuedLetter {
	f.Helper()
	l, err := f.db.ClaimLetter(f.Context(), time.Hour, keys.NewSecret().Hash())
	if err != nil {
		f.Fatal(err)
	}
	return l
}

func TestInviteUser(t *testing.T) {
	f := newFixture(t)
	token := f.token("admin:users")
	invite := func(body string) answer { return f.send("POST", "/users/invite", token, body) }
	invite(`{"email": "gwen@example.com"}`).want(http.StatusConflict) // nothing sends letters
	f.withLetters()
	invite(`{"email": "gwen@example.com", "username": "gwen", "given_name": "Gwen", "language": "de", "lifetime": "48h"}`).want(http.StatusNoContent)
	l := f.letter()
	if l.Kind != accounts.LetterInvitation || l.To != "gwen@example.com" || l.Language != "de" || l.Link.Lifetime != 48*time.Hour {
		t.Errorf("letter %+v with %+v", l, l.Link)
	}
	invite(`{}`).wantParam("email")
	invite(`{"email": "no address"}`).wantParam("email")
	invite(`{"email": "gwen@example.com", "lifetime": "721h"}`).wantParam("lifetime")
	invite(`{"email": "gwen@example.com", "lifetime": "soon"}`).wantParam("lifetime")
	invite(`{"email": "gwen@example.com", "password": "x"}`).wantParam("password")
	f.create(`{"username": "taken"}`)
	invite(`{"email": "gwen@example.com", "username": "taken"}`).want(http.StatusConflict)
	invite(`{"email": "gwen@example.com", "admin": true}`).want(http.StatusForbidden)
	f.send("POST", "/users/invite", f.token("admin"), `{"email": "gwen@example.com", "admin": true}`).want(http.StatusNoContent)
}

// TestInvitationsArePendingUntilTaken: they are listed by pages, and withdrawn once, with the reason.
func TestInvitationsArePendingUntilTaken(t *testing.T) {
	f := newFixture(t)
	token, all := f.token("admin:users"), f.token("admin")
	list := func(query string) map[string]any {
		return f.send(http.MethodGet, "/users/invitations"+query, token, "").want(http.StatusOK)
	}
	withdraw := func(id, token, body string) answer {
		return f.send(http.MethodDelete, "/users/invitations/"+id, token, body)
	}
	if got := list(""); len(got["items"].([]any)) != 0 {
		t.Errorf("without letters: %v", got)
	}
	withdraw("none", token, "").want(http.StatusNotFound)
	f.withLetters()
	for _, body := range []string{`{"email": "gwen@example.com", "given_name": "Gwen"}`, `{"email": "anna@example.com"}`, `{"email": "zoe@example.com", "admin": true}`} {
		f.send(http.MethodPost, "/users/invite", all, body).want(http.StatusNoContent)
	}
	first := list("?limit=2")
	items := first["items"].([]any)
	anna, gwen := items[0].(map[string]any), items[1].(map[string]any)
	if anna["email"] != "anna@example.com" || gwen["email"] != "gwen@example.com" || gwen["given_name"] != "Gwen" || gwen["state"] != "waiting" || gwen["expires_at"] != nil {
		t.Errorf("the first page: %v", first)
	}
	second := list("?limit=2&after=" + url.QueryEscape(first["next"].(string)))
	zoe := second["items"].([]any)[0].(map[string]any)
	if zoe["email"] != "zoe@example.com" || zoe["admin"] != true || second["next"] != nil {
		t.Errorf("the second page: %v", second)
	}
	if got := list("?prefix=gw"); len(got["items"].([]any)) != 1 {
		t.Errorf("by prefix: %v", got)
	}
	f.send(http.MethodGet, "/users/invitations?after=x", token, "").wantParam("after")

	withdraw(zoe["id"].(string), token, "").want(http.StatusForbidden)
	withdraw(gwen["id"].(string), token, `{"reason": "joined another team"}`).want(http.StatusNoContent)
	withdraw(gwen["id"].(string), token, "").want(http.StatusNotFound)
	events, err := f.db.AuditEvents(t.Context(), audit.Query{Action: audit.InvitationWithdrawn, Limit: 10})
	if err != nil || len(events) != 1 || events[0].Reason != "joined another team" || events[0].SubjectID != gwen["id"] {
		t.Errorf("events %+v, %v", events, err)
	}
	secret, err := f.server.SelfService.InvitationLink(t.Context(), accounts.Invitation{Email: "mary@example.com"}, audit.Actor{Rights: audit.ManageAll})
	if err == nil {
		mary := list("?prefix=mary")["items"].([]any)[0].(map[string]any)
		_, err = f.server.SelfService.AcceptInvitation(t.Context(), secret, accounts.NewPerson{Password: "with great power"}, audit.Actor{})
		withdraw(mary["id"].(string), token, "").want(http.StatusConflict)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestSendPasswordReset(t *testing.T) {
	f := newFixture(t)
	token := f.token("admin:users")
	with, without := f.create(`{"username": "spiderman", "email": "peter@example.com"}`), f.create(`{"username": "nobody"}`)
	reset := func(id string) answer { return f.send("POST", "/users/"+id+"/password-reset", token, "") }
	reset(with).want(http.StatusConflict)
	f.withLetters()
	reset(with).want(http.StatusNoContent)
	if l := f.letter(); l.Kind != accounts.LetterPasswordReset || l.To != "peter@example.com" || l.Link.UserID != with {
		t.Errorf("letter %+v", l)
	}
	reset(without).want(http.StatusConflict)
	reset("no-such-id").want(http.StatusNotFound)
	f.send("POST", "/users/"+with+"/deactivate", token, "").want(http.StatusOK)
	reset(with).want(http.StatusConflict)
}

// TestPasswordIsRefusedWithAReason: administrators read why, too.
func TestPasswordIsRefusedWithAReason(t *testing.T) {
	f := newFixture(t)
	token, id := f.token("admin:users"), f.create(`{"username": "spiderman"}`)
	for password, word := range map[string]string{"seven77": "shorter", "iloveyou": "common", "spiderman62": "name", "qwertyuiop": "run", "aaaaaaaa": "again"} {
		a := f.send("PUT", "/users/"+id+"/password", token, `{"password": "`+password+`"}`)
		a.wantParam("password")
		if !strings.Contains(a.Body.String(), word) || strings.Contains(a.Body.String(), password) {
			t.Errorf("%s: %s", password, a.Body)
		}
	}
}

// create makes a user and returns the id.
func (f *fixture) create(body string) string {
	f.Helper()
	return f.send("POST", "/users", f.token("admin:users"), body).want(http.StatusCreated)["id"].(string)
}

// A link is told once, to who asked for it, and leads to the configured issuer; no letter leaves.
func TestLinksToHandOver(t *testing.T) {
	f := newFixture(t)
	people := f.token("admin:users")
	id := f.create(`{"username": "spiderman", "email": "peter@example.com"}`)
	f.send(http.MethodPost, "/users/"+id+"/password-reset-link", people, "").want(http.StatusConflict)
	f.send(http.MethodPost, "/users/invitation-link", people, `{"email": "gwen@example.com"}`).want(http.StatusConflict)
	f.withLetters()
	for path, want := range map[string]struct{ body, link string }{
		"/users/" + id + "/password-reset-link": {`{"lifetime": "1h"}`, "/link/password_reset"},
		"/users/invitation-link":                {`{"email": "gwen@example.com", "given_name": "Gwen", "lifetime": "48h"}`, "/link/invitation"},
	} {
		link, _ := f.send(http.MethodPost, path, people, want.body).want(http.StatusCreated)["link"].(string)
		address, secret, _ := strings.Cut(link, "?token=")
		if address != "https://id.example.com"+want.link || len(secret) != 43 {
			t.Errorf("%s: %q", path, link)
		}
		if strings.Contains(f.log.String(), secret) {
			t.Errorf("%s: the secret is logged", path)
		}
		f.send(http.MethodPost, path, people, strings.Replace(want.body, "{", `{"password": "x", `, 1)).wantParam("password")
	}
	if _, err := f.db.ClaimLetter(t.Context(), time.Hour, keys.NewSecret().Hash()); !errors.Is(err, accounts.ErrNoLetter) {
		t.Errorf("a letter was queued (%v)", err)
	}
	f.send(http.MethodPost, "/users/"+id+"/password-reset-link", people, `{"lifetime": "25h"}`).wantParam("lifetime")
	f.send(http.MethodPost, "/users/"+id+"/password-reset-link", people, `{"lifetime": "soon"}`).wantParam("lifetime")
	f.send(http.MethodPost, "/users/invitation-link", people, `{"email": "no address"}`).wantParam("email")
	f.send(http.MethodPost, "/users/invitation-link", people, `{"email": "gwen@example.com", "admin": true}`).want(http.StatusForbidden)
	f.send(http.MethodPost, "/users/"+f.user("boss", true)+"/password-reset-link", people, "").want(http.StatusForbidden)
	f.send(http.MethodPost, "/users/nobody/password-reset-link", people, "").want(http.StatusNotFound)
}
