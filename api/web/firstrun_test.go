package web_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/api/apitest"
	"keyturn/audit"
)

// firstRunLink is the path of a link to become the first administrator.
func firstRunLink(t *testing.T, s *apitest.Server) string {
	t.Helper()
	secret, err := s.Self.FirstRunLink(context.Background(), apitest.System)
	if err != nil {
		t.Fatal(err)
	}
	return "/link/first_run?token=" + secret.Reveal()
}

// TestFirstRun: whoever opens the link becomes the administrator, is signed in, and nobody does after them.
func TestFirstRun(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		old := firstRunLink(t, s)
		link := firstRunLink(t, s)
		b := apitest.NewBrowser(t, s)
		wantPage(t, "an older link", b.Get(old), http.StatusGone, "keyturn admin first-run")
		wantPage(t, "a forged link", b.Get(link+"x"), http.StatusGone, "This link does not work")
		for range 3 { // opening it uses nothing up
			wantPage(t, "the link", b.Get(link), 200, `name="chosen_username"`, `name="email"`, "At least 15 characters")
		}
		p := b.Post(pathOf(link), by(link, "chosen_username", "boss", "email", "nowhere", "password", goodPassword))
		wantPage(t, "a wrong address", p, http.StatusUnprocessableEntity, `href="#email"`, `id="email-problem"`, `value="boss"`, `value="nowhere"`)
		p = b.Post(pathOf(link), by(link, "chosen_username", " ", "password", "password"))
		wantPage(t, "nothing", p, http.StatusUnprocessableEntity, `href="#chosen_username"`)
		p = b.Post(pathOf(link), by(link, "chosen_username", "boss", "password", "passwordpassword"))
		wantPage(t, "a common password", p, http.StatusUnprocessableEntity, `href="#password"`)
		if strings.Contains(p.Body, "passwordpassword") {
			t.Error("the password is sent back")
		}
		s.AddUser(t, "spiderman")
		p = b.Post(pathOf(link), by(link, "chosen_username", "SpiderMan", "password", goodPassword))
		wantPage(t, "a name that is taken", p, http.StatusUnprocessableEntity, "There is a user with this name already")

		p = b.Post(pathOf(link), by(link, "chosen_username", " boss ", "email", "boss@example.com", "given_name", "Jonah", "password", goodPassword))
		wantOnward(t, "the form", p, "/link/first_run/done")
		next := "?next=" + url.QueryEscape("/admin/set-up/client")
		wantPage(t, "at an address there are no passkeys", b.Get("/link/first_run/done"), 200, `href="/account/ways/app`+next, `href="/admin/set-up/client"`, "need a host name")
		wantPage(t, "the page that adds the app", b.Get("/account/ways/app"+next), 200, `action="/account/ways/app`+next)
		wantPage(t, "the console", b.Get("/admin"), 200, "Overview")
		boss, err := s.DB.UserByUsername(context.Background(), "boss")
		if err != nil || !boss.Admin || !boss.Active || boss.EmailVerified || boss.Email != "boss@example.com" || boss.GivenName != "Jonah" {
			t.Errorf("made %+v, %v", boss, err)
		}
		events, err := s.DB.AuditEvents(context.Background(), audit.Query{Action: audit.UserCreated, SubjectID: boss.ID, Limit: 10})
		if err != nil || len(events) != 1 || events[0].Reason != "first_run" || events[0].Actor.ID != boss.ID {
			t.Errorf("recorded %+v, %v", events, err)
		}

		other := apitest.NewBrowser(t, s)
		wantPage(t, "the link again", other.Get(link), http.StatusGone, "This link was used already", `href="/account"`)
		p = other.Post(pathOf(link), by(link, "chosen_username", "thief", "password", goodPassword))
		wantPage(t, "the form again", p, http.StatusGone, "This link was used already")
		if _, err := s.Self.FirstRunLink(context.Background(), apitest.System); err != accounts.ErrAdministratorExists {
			t.Errorf("another link: %v", err)
		}
		if atHome(other) {
			t.Error("the second is signed in")
		}
	})
}

// TestAddressIsConfirmedByItsButton, whoever gave it: the first administrator gets the letter at once, others ask for it.
func TestAddressIsConfirmedByItsButton(t *testing.T) {
	s := apitest.New(t)
	b, link := apitest.NewBrowser(t, s), firstRunLink(t, s)
	b.Post(pathOf(link), by(link, "chosen_username", "boss", "email", "boss@example.com", "password", goodPassword))
	button := `<input type="hidden" name="email" value="boss@example.com">`
	wantPage(t, "the account", b.Get("/account"), 200, button)
	first := s.Link(t)
	wantOnward(t, "the button", b.Post("/account/email", url.Values{"email": {"boss@example.com"}}), "/account/email/sent")
	second := s.Link(t)
	wantPage(t, "the first letter's link", b.Get(first), http.StatusGone)
	b.Post(pathOf(second), by(second))
	if boss, err := s.DB.UserByUsername(context.Background(), "boss"); err != nil || !boss.EmailVerified {
		t.Errorf("%+v, %v", boss, err)
	}
	if p := b.Get("/account"); strings.Contains(p.Body, button) {
		t.Error("a confirmed address has the button")
	}
	wantPage(t, "the only administrator", b.Get("/account/delete"), 200, "You can’t leave yet")
}

// TestFirstRunEndsWithAnyAdministrator: by the command line, by a role of a group, and by time.
func TestFirstRunEndsWithAnyAdministrator(t *testing.T) {
	s, b := apitest.New(t), (*apitest.Browser)(nil)
	b = apitest.NewBrowser(t, s)
	link := firstRunLink(t, s)
	s.Advance(24*time.Hour - time.Second)
	wantPage(t, "before a day", b.Get(link), 200)
	s.Advance(time.Second)
	wantPage(t, "after a day", b.Get(link), http.StatusGone)

	link = firstRunLink(t, s)
	ctx, u := context.Background(), s.AddUser(t, "spiderman")
	group, err := s.Groups.Create(ctx, accounts.NewGroup{Name: "all"}, apitest.System)
	if err == nil {
		err = s.Groups.AddRole(ctx, group.ID, accounts.Role{Resource: s.Issuer.Settings.AdminAudience(), Name: "administrator"}, apitest.System)
	}
	if err != nil {
		t.Fatal(err)
	}
	wantPage(t, "with a role that nobody has", b.Get(link), 200)
	if err := s.Groups.AddMember(ctx, group.ID, u.ID, apitest.System); err != nil {
		t.Fatal(err)
	}
	wantPage(t, "with an administrator by a group", b.Get(link), http.StatusGone)
	p := b.Post(pathOf(link), by(link, "chosen_username", "thief", "password", goodPassword))
	wantPage(t, "the form then", p, http.StatusGone, "This link does not work")
}

// TestFirstRunByTwo: two people send the form in the same moment; one is the administrator, the other is told.
func TestFirstRunByTwo(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		link := firstRunLink(t, s)
		pages := make([]apitest.Page, 4)
		var all sync.WaitGroup
		for n := range pages {
			b := apitest.NewBrowser(t, s)
			all.Go(func() {
				pages[n] = b.Post(pathOf(link), by(link, "chosen_username", "boss"+string(rune('a'+n)), "password", goodPassword))
			})
		}
		all.Wait()
		var statuses []int
		for _, p := range pages {
			statuses = append(statuses, p.Status)
		}
		slices.Sort(statuses)
		if want := []int{http.StatusSeeOther, http.StatusGone, http.StatusGone, http.StatusGone}; !slices.Equal(statuses, want) {
			t.Errorf("answers %v, want %v", statuses, want)
		}
		users, err := s.Accounts.List(context.Background(), accounts.Query{Limit: 10}, apitest.System)
		if err != nil || len(users) != 1 {
			t.Errorf("made %d users, %v", len(users), err)
		}
	})
}

// TestPasskeyOfFirstRunLeadsOn: the page that adds one leads where the first run goes on, and nowhere else.
func TestPasskeyOfFirstRunLeadsOn(t *testing.T) {
	s := apitest.New(t, named)
	link := firstRunLink(t, s)
	b := apitest.NewBrowser(t, s)
	wantOnward(t, "the form", b.Post(pathOf(link), by(link, "chosen_username", "boss", "password", goodPassword)), "/link/first_run/done")
	next := "?next=" + url.QueryEscape("/admin/set-up/client")
	wantPage(t, "the offer", b.Get("/link/first_run/done"), 200, `href="/account/ways/passkey`+next, `href="/admin/set-up/client"`)
	wantPage(t, "the page that adds one", b.Get("/account/ways/passkey"+next), 200, `action="/account/ways/passkey`+next, `href="/admin/set-up/client"`)
	wantPage(t, "the same to another site", b.Get("/account/ways/passkey?next=https%3A%2F%2Fevil.example"), 200, `action="/account/ways/passkey"`, `href="/account"`)
	s.Advance(time.Hour)
	wantPage(t, "too late for it", b.Get("/account/ways/passkey"+next), 200, `action="/account/sign-in?next=`+url.QueryEscape("/account/ways/passkey"+next))
}
