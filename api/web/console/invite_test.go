package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"keyturn/api/apitest"
)

// TestInvitationGoesByLetter where there is mail, in the language that was chosen; the link stands in no page.
func TestInvitationGoesByLetter(t *testing.T) {
	in := newTown(t)
	in.Letters(t) // those of the town
	if p := in.boss.Get("/admin/users"); !strings.Contains(p.Body, `href="/admin/users/invite"`) {
		t.Error("the list of users does not lead to it")
	}
	p := in.boss.Post("/admin/users/invite", url.Values{"email": {" miles@example.com "}, "username": {"miles"}, "given_name": {"Miles"}, "language": {"de"}})
	if p.Status != http.StatusSeeOther || p.Location != "/admin/users/invitations?done=invited" {
		t.Fatalf("%d to %q: %s", p.Status, p.Location, p.Body)
	}
	if page := in.boss.Get(p.Location); !strings.Contains(page.Body, "The invitation is on its way") {
		t.Errorf("after it:\n%s", page.Body)
	}
	letters := in.Letters(t)
	if len(letters) != 1 || letters[0].To != "miles@example.com" || !strings.Contains(letters[0].Text, in.URL+"/link/invitation?token=") || !strings.Contains(letters[0].Text, "Konto") {
		t.Errorf("%+v", letters)
	}
}

// TestInvitationIsALinkWithoutMail, which is shown once and leads to an account.
func TestInvitationIsALinkWithoutMail(t *testing.T) {
	s := apitest.New(t, func(c *apitest.Config) { c.WithoutMail = true })
	b := administrator(t, s)
	if p := b.Get("/admin/users/invite"); strings.Contains(p.Body, `name="language"`) || !strings.Contains(p.Body, "Make the link</button>") {
		t.Errorf("the form without mail:\n%s", p.Body)
	}
	p := b.Post("/admin/users/invite", url.Values{"email": {"miles@example.com"}})
	_, link, found := strings.Cut(p.Body, s.URL+"/link/invitation?token=")
	if p.Status != http.StatusOK || !found || p.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", p.Status, p.Body)
	}
	token, _, _ := strings.Cut(link, "<")
	if p := b.Get("/admin/users/invite"); strings.Contains(p.Body, token) {
		t.Error("it is shown twice")
	}
	if p := apitest.NewBrowser(t, s).Get("/link/invitation?token=" + token); p.Status != http.StatusOK || !strings.Contains(p.Body, "miles@example.com") {
		t.Errorf("the link leads to %d", p.Status)
	}
}

// TestBadInvitationsKeepWhatWasTyped, and say what is wrong beside its field.
func TestBadInvitationsKeepWhatWasTyped(t *testing.T) {
	for name, mail := range map[string]bool{"by letter": true, "by link": false} {
		s := apitest.New(t, func(c *apitest.Config) { c.WithoutMail = !mail })
		b := administrator(t, s)
		p := b.Post("/admin/users/invite", url.Values{"email": {"nobody"}, "username": {"miles"}, "given_name": {"Miles"}, "admin": {"on"}, "language": {"de"}})
		if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Body, `href="#f-email"`) || !strings.Contains(p.Body, `id="f-email-problem"`) {
			t.Errorf("%s: %d %s", name, p.Status, p.Body)
		}
		for _, kept := range []string{`value="nobody"`, `value="miles"`, `value="Miles"`, `name="admin" value="on" checked`} {
			if !strings.Contains(p.Body, kept) {
				t.Errorf("%s: %s is lost", name, kept)
			}
		}
		if mail && !strings.Contains(p.Body, `value="de" selected`) {
			t.Error("the language is lost")
		}
		p = b.Post("/admin/users/invite", url.Values{"email": {"miles@example.com"}, "username": {"boss"}})
		if p.Status != http.StatusConflict || !strings.Contains(p.Body, "belongs to somebody else") || !strings.Contains(p.Body, `value="miles@example.com"`) {
			t.Errorf("%s, a taken name: %d %s", name, p.Status, p.Body)
		}
	}
}

// TestUserManagersInviteNoAdministrators: the form does not offer it, and the domain refuses it.
func TestUserManagersInviteNoAdministrators(t *testing.T) {
	s := apitest.New(t)
	b := withRole(t, s, "manager", "user-manager")
	if p := b.Get("/admin/users/invite"); p.Status != http.StatusOK || strings.Contains(p.Body, `name="admin"`) {
		t.Errorf("the form: %d %s", p.Status, p.Body)
	}
	if p := b.Post("/admin/users/invite", url.Values{"email": {"miles@example.com"}, "admin": {"on"}}); p.Status != http.StatusForbidden {
		t.Errorf("%d %s", p.Status, p.Body)
	}
	if letters := s.Letters(t); len(letters) != 0 {
		t.Errorf("%+v", letters)
	}
}
