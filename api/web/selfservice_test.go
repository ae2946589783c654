package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/api/apitest"
	"keyturn/audit"
)

// goodPassword is one that people may choose.
const goodPassword = "walnut ferry umbrella noon"

// addPerson makes a user with a confirmed address.
func addPerson(t *testing.T, s *apitest.Server, username, email string) accounts.User {
	t.Helper()
	u := s.AddUser(t, username)
	verified := true
	u, err := s.Accounts.Update(context.Background(), u.ID, accounts.Change{Email: &email, EmailVerified: &verified}, apitest.System)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// signedInAs is a browser in which somebody is signed in.
func signedInAs(t *testing.T, s *apitest.Server, username string) *apitest.Browser {
	t.Helper()
	b := apitest.NewBrowser(t, s)
	if p := b.Post("/account/sign-in", url.Values{"username": {username}, "password": {apitest.Password}}); p.Location != "/account" {
		t.Fatalf("sign-in: %d to %q %s", p.Status, p.Location, p.Body)
	}
	return b
}

// atHome tells whether somebody is signed in.
func atHome(b *apitest.Browser) bool {
	return strings.Contains(b.Get("/account").Body, "<h1>Your account</h1>")
}

// tokenOf is the secret in the path of a link, and pathOf what stands before it.
func tokenOf(link string) string { _, token, _ := strings.Cut(link, "?token="); return token }
func pathOf(link string) string  { path, _, _ := strings.Cut(link, "?"); return path }

// by is the form of a link's page.
func by(link string, more ...string) url.Values {
	form := url.Values{"token": {tokenOf(link)}}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return form
}

func wantPage(t *testing.T, what string, p apitest.Page, status int, words ...string) {
	t.Helper()
	if p.Status != status || p.Location != "" {
		t.Errorf("%s: %d to %q, want %d: %s", what, p.Status, p.Location, status, p.Body)
	}
	for _, word := range words {
		if !strings.Contains(p.Body, word) {
			t.Errorf("%s does not say %q: %s", what, word, p.Body)
		}
	}
}

func wantOnward(t *testing.T, what string, p apitest.Page, to string) {
	t.Helper()
	if p.Status != http.StatusSeeOther || p.Location != to {
		t.Fatalf("%s: %d to %q, want %q: %s", what, p.Status, p.Location, to, p.Body)
	}
}

// TestSignUp: from the sign-in page to the account, by the link of a letter.
func TestSignUp(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		b := apitest.NewBrowser(t, s)
		wantPage(t, "sign-in", b.Get("/account"), 200, `href="/sign-up"`, `href="/forgotten"`)
		wantPage(t, "sign-up", b.Get("/sign-up"), 200, `action="/sign-up"`)
		wantOnward(t, "the address", b.Post("/sign-up", url.Values{"email": {" peter@example.com "}}), "/sign-up/sent")
		wantPage(t, "sent", b.Get("/sign-up/sent"), 200, "24 hours")
		link := s.Link(t)
		if !strings.HasPrefix(link, "/link/sign_up?token=") {
			t.Fatalf("the link is %s", link)
		}
		wantPage(t, "the link", b.Get(link), 200, `value="peter@example.com" autocomplete="username"`, `name="password"`, "At least 15 characters")
		p := b.Post("/link/sign_up", by(link, "given_name", "Peter", "password", goodPassword))
		wantOnward(t, "the form", p, "/account")
		wantPage(t, "account", b.Get("/account"), 200, "Peter", "<bdi>peter@example.com</bdi>, confirmed", "Your account")
	})
}

// TestSignUpGoesOnWhereItBegan: at the client whose sign-in led to it, and only in the browser where that waits.
func TestSignUpGoesOnWhereItBegan(t *testing.T) {
	s := apitest.New(t)
	apitest.Register(t, s, "orders", apitest.WebApp())
	b := apitest.NewBrowser(t, s)
	here := b.Authorize(apitest.Request("orders")).Location
	id := strings.TrimPrefix(here, "/interaction/")
	way := "/sign-up?interaction=" + id
	wantPage(t, "sign-in", b.Get(here), 200, `href="`+way+`"`, `href="/forgotten?interaction=`+id)
	wantPage(t, "sign-up", b.Get(way), 200, `name="interaction" value="`+id, `href="`+here)
	b.Post("/sign-up", url.Values{"email": {"peter@example.com"}, "interaction": {id}})
	link := s.Link(t)
	p := b.Post("/link/sign_up", by(link, "password", goodPassword))
	wantOnward(t, "the form", p, here)
	if p = b.Get(here); !strings.HasPrefix(p.Location, apitest.Callback+"?code=") {
		t.Errorf("the interaction: %d to %q", p.Status, p.Location)
	}
	other := apitest.NewBrowser(t, s)
	wantOnward(t, "another address", b.Post("/sign-up", url.Values{"email": {"miles@example.com"}, "interaction": {id}}), "/sign-up/sent")
	wantOnward(t, "another browser", other.Post("/link/sign_up", by(s.Link(t), "password", goodPassword)), "/account")
}

// TestOnwardIsNoOpenRedirect: whatever a form says of an interaction, nobody is led to another site.
func TestOnwardIsNoOpenRedirect(t *testing.T) {
	s := apitest.New(t)
	for n, id := range []string{"https://evil.example/", "//evil.example", "/../../evil", "..%2f..%2fevil", "\\evil.example", "x"} {
		b := apitest.NewBrowser(t, s)
		b.Post("/sign-up", url.Values{"email": {string(rune('a'+n)) + "@example.com"}, "interaction": {id}})
		if got := b.Post("/link/sign_up", by(s.Link(t), "password", goodPassword)); got.Location != "/account" {
			t.Errorf("%q leads to %q", id, got.Location)
		}
	}
}

// TestLinksSurviveMailScanners: ten GET and HEAD requests, without cookies, and the link still works; once.
func TestLinksSurviveMailScanners(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		b := apitest.NewBrowser(t, s)
		b.Post("/sign-up", url.Values{"email": {"peter@example.com"}})
		link := s.Link(t)
		scanner := apitest.NewBrowser(t, s)
		for range 5 {
			wantPage(t, "GET", scanner.Get(link), 200, `name="token"`)
			r, _ := http.NewRequest(http.MethodHead, s.URL+link, nil)
			wantPage(t, "HEAD", scanner.Send(r), 200)
		}
		wantOnward(t, "the form", b.Post("/link/sign_up", by(link, "password", goodPassword)), "/account")
		wantPage(t, "the form again", b.Post("/link/sign_up", by(link, "password", goodPassword)), 410, "used already", `href="/account"`)
		wantPage(t, "the link again", b.Get(link), 410, "used already")
	})
}

// TestBadLinksSayWhatToDoNext: forged, cut short, for something else, expired, used. None of them changes anything.
func TestBadLinksSayWhatToDoNext(t *testing.T) {
	s := apitest.New(t)
	addPerson(t, s, "spiderman", "peter@example.com")
	b := apitest.NewBrowser(t, s)
	b.Post("/forgotten", url.Values{"who": {"spiderman"}})
	reset := s.Link(t)
	for what, c := range map[string]struct{ link, way string }{
		"forged":             {"/link/password_reset?token=" + strings.Repeat("A", 43), `href="/forgotten"`},
		"cut short":          {reset[:len(reset)-3], `href="/forgotten"`},
		"empty":              {"/link/password_reset", `href="/forgotten"`},
		"for something else": {"/link/sign_up?token=" + tokenOf(reset), `href="/sign-up"`},
		"an invitation":      {"/link/invitation?token=" + tokenOf(reset), "Ask whoever invited you"},
		"an address":         {"/link/email_confirm?token=" + tokenOf(reset), `href="/account/email"`},
	} {
		wantPage(t, what, b.Get(c.link), 410, "does not work", c.way)
		wantPage(t, what+", its form", b.Post(pathOf(c.link), by(c.link, "password", goodPassword, "new_password", goodPassword)), 410, "does not work", c.way)
	}
	nothing := b.Get("/link/nothing?token=" + tokenOf(reset))
	wantPage(t, "no purpose", nothing, 404)
	if strings.Contains(nothing.Body, "KEYTURN_SELF_SERVICE") {
		t.Errorf("a link that is none is said to be switched off: %s", nothing.Body)
	}
	wantPage(t, "a purpose of others", b.Get("/link/first_run?token="+tokenOf(reset)), 410)
	s.Advance(31 * time.Minute)
	wantPage(t, "expired", b.Get(reset), 410, "does not work", `href="/forgotten"`)
	wantPage(t, "expired form", b.Post("/link/password_reset", by(reset, "new_password", goodPassword)), 410, "does not work")
	signedInAs(t, s, "spiderman") // with the password as it was
}

// TestResetPassword: the old password and everything that was open is gone, the new one signs in.
func TestResetPassword(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		addPerson(t, s, "spiderman", "peter@example.com")
		before := signedInAs(t, s, "spiderman")
		b := apitest.NewBrowser(t, s)
		wantOnward(t, "the question", b.Post("/forgotten", url.Values{"who": {"peter@example.com"}}), "/forgotten/sent")
		wantPage(t, "sent", b.Get("/forgotten/sent"), 200, "30 minutes", `href="/forgotten"`)
		link := s.Link(t)
		wantPage(t, "the link", b.Get(link), 200, `value="spiderman"`, `name="new_password"`)
		wantPage(t, "too short", b.Post("/link/password_reset", by(link, "new_password", "short")), 422, "too short. Make it 15 characters", `href="#new_password"`)
		wantPage(t, "about the person", b.Post("/link/password_reset", by(link, "new_password", "peter@example.com")), 422, "your name, your address")
		wantPage(t, "common", b.Post("/link/password_reset", by(link, "new_password", "passwordpassword")), 422, "new_password-problem")
		wantPage(t, "none", b.Post("/link/password_reset", by(link)), 422, "Enter a password")
		wantOnward(t, "the form", b.Post("/link/password_reset", by(link, "new_password", goodPassword)), "/link/password_reset/done")
		wantPage(t, "done", b.Get("/link/password_reset/done"), 200, "Sign in now", `href="/account"`)
		if atHome(before) || atHome(b) {
			t.Error("a browser is signed in that was not to be")
		}
		wantPage(t, "the old password", b.Post("/account/sign-in", url.Values{"username": {"spiderman"}, "password": {apitest.Password}}), 422)
		wantOnward(t, "the new password", b.Post("/account/sign-in", url.Values{"username": {"spiderman"}, "password": {goodPassword}}), "/account")
		if letters := s.Letters(t); len(letters) != 1 || letters[0].To != "peter@example.com" {
			t.Errorf("letters afterwards: %+v", letters)
		}
	})
}

// TestResetGoesBackToTheClient where the sign-in began.
func TestResetGoesBackToTheClient(t *testing.T) {
	s := apitest.New(t)
	addPerson(t, s, "spiderman", "peter@example.com")
	apitest.Register(t, s, "orders", apitest.WebApp())
	b := apitest.NewBrowser(t, s)
	here := b.Authorize(apitest.Request("orders")).Location
	b.Post("/forgotten", url.Values{"who": {"spiderman"}, "interaction": {strings.TrimPrefix(here, "/interaction/")}})
	b.Post("/link/password_reset", by(s.Link(t), "new_password", goodPassword))
	wantPage(t, "done", b.Get("/link/password_reset/done"), 200, `href="`+here+`"`)
}

// TestNobodyLearnsWhetherAnAccountExists: ASVS 5.0 section 6.3.8. Byte for byte the same answers, headers and all but the
// request's id, for addresses and names with an account, without one, and with one that is deactivated.
func TestNobodyLearnsWhetherAnAccountExists(t *testing.T) {
	s := apitest.New(t)
	addPerson(t, s, "known", "known@example.com")
	gone := addPerson(t, s, "gone", "gone@example.com")
	if _, err := s.Accounts.Deactivate(context.Background(), gone.ID, apitest.System); err != nil {
		t.Fatal(err)
	}
	s.AddUser(t, "nomail")
	for path, names := range map[string][]string{
		"/sign-up":   {"known@example.com", "nobody@example.com", "gone@example.com"},
		"/forgotten": {"known@example.com", "nobody@example.com", "gone@example.com", "known", "nobody", "gone", "nomail"},
	} {
		var first string
		for _, name := range names {
			b := apitest.NewBrowser(t, s)
			p := b.Post(path, url.Values{"email": {name}, "who": {name}})
			after := b.Get(p.Location)
			told := ""
			for _, p := range []apitest.Page{p, after} {
				p.Header.Del("Date")
				p.Header.Del("X-Request-Id")
				told += fmt.Sprintln(p.Status, p.Location) + headersOf(p) + p.Body
			}
			if first == "" {
				first = told
			}
			if told != first || strings.Contains(told, "@") {
				t.Errorf("%s with %s answers\n%s\nand with %s\n%s", path, name, told, names[0], first)
			}
		}
	}
}

func headersOf(p apitest.Page) string {
	var b bytes.Buffer
	p.Header.Write(&b)
	return b.String()
}

// TestWhatIsSwitchedOffIsNotOffered: neither the pages nor the links to them.
func TestWhatIsSwitchedOffIsNotOffered(t *testing.T) {
	for name, choose := range map[string]func(*apitest.Config){
		"all off":      func(c *apitest.Config) { c.SelfService = accounts.Features{} },
		"without mail": func(c *apitest.Config) { c.WithoutMail = true },
	} {
		t.Run(name, func(t *testing.T) {
			s := apitest.New(t, choose)
			s.AddUser(t, "spiderman")
			b := apitest.NewBrowser(t, s)
			off := []string{"/sign-up", "/sign-up/sent", "/forgotten", "/forgotten/sent", "/account/email"}
			if name == "all off" {
				off = append(off, "/account/profile", "/account/password", "/account/download", "/account/delete")
			}
			page := b.Get("/account").Body
			if !strings.Contains(page, "Your administrator can set a new one.") {
				t.Errorf("the sign-in page: %s", page)
			}
			b = signedInAs(t, s, "spiderman")
			page += b.Get("/account").Body
			for _, path := range off {
				if strings.Contains(page, `href="`+path+`"`) {
					t.Errorf("a link leads to %s", path)
				}
				wantPage(t, path, b.Get(path), 404)
				if !strings.HasSuffix(path, "/sent") {
					wantPage(t, "POST "+path, b.Post(path, url.Values{"email": {"peter@example.com"}, "who": {"spiderman"}}), 404)
				}
			}
			if letters := s.Letters(t); len(letters) > 0 {
				t.Errorf("letters left: %+v", letters)
			}
		})
	}
}

// TestInvitation: the letter of an administrator leads to an account.
func TestInvitation(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		err := s.Self.Invite(context.Background(), accounts.Invitation{Email: "peter@example.com", Username: "spiderman", GivenName: "Peter"}, apitest.System)
		if err != nil {
			t.Fatal(err)
		}
		link := s.Link(t)
		b := apitest.NewBrowser(t, s)
		wantPage(t, "the link", b.Get(link), 200, `value="spiderman"`, `value="Peter"`, "peter@example.com")
		wantPage(t, "a weak password", b.Post("/link/invitation", by(link, "given_name", "Pete", "family_name", "Parker", "password", "short")), 422, `value="Pete"`, `value="Parker"`)
		wantOnward(t, "the form", b.Post("/link/invitation", by(link, "given_name", "Pete", "family_name", "Parker", "password", goodPassword)), "/account")
		wantPage(t, "account", b.Get("/account"), 200, "spiderman", "Pete Parker")
		wantPage(t, "again", b.Get(link), 410, "accepted already")
	})
}

// TestTakenUsernameLeavesTheLinkGood.
func TestTakenUsernameLeavesTheLinkGood(t *testing.T) {
	s := apitest.New(t)
	b := apitest.NewBrowser(t, s)
	b.Post("/sign-up", url.Values{"email": {"peter@example.com"}})
	link := s.Link(t)
	taken := s.AddUser(t, "peter@example.com")
	wantPage(t, "taken", b.Post("/link/sign_up", by(link, "given_name", "Peter", "password", goodPassword)), 422, "username-problem", `value="Peter"`)
	if _, err := s.Accounts.Delete(context.Background(), taken.ID, apitest.System); err != nil {
		t.Fatal(err)
	}
	wantOnward(t, "free again", b.Post("/link/sign_up", by(link, "password", goodPassword)), "/account")
}

// TestProfile: what is typed is kept, also where something is wrong, and what the page does not show stays.
func TestProfile(t *testing.T) {
	s := apitest.New(t)
	u := s.AddUser(t, "spiderman")
	claims := accounts.StandardClaims{Website: "https://peter.example.com/", Locale: "fr", Name: "P. B. Parker"}
	if _, err := s.Accounts.Update(context.Background(), u.ID, accounts.Change{Claims: &claims}, apitest.System); err != nil {
		t.Fatal(err)
	}
	b := signedInAs(t, s, "spiderman")
	wantPage(t, "the page", b.Get("/account/profile"), 200, `value="Peter"`, `<option value="fr" selected>`, "America/New York")
	form := url.Values{"given_name": {"Pete"}, "family_name": {"Parker"}, "nickname": {"Spidey"}, "locale": {"de"}, "zoneinfo": {"Mars/Phobos"}}
	wantPage(t, "no such zone", b.Post("/account/profile", form), 422, `value="Spidey"`, `href="#zoneinfo"`)
	form.Set("zoneinfo", "America/New_York")
	form.Set("given_name", strings.Repeat("x", 200))
	wantPage(t, "a long name", b.Post("/account/profile", form), 422, "given_name-problem")
	form.Set("given_name", "Pete")
	wantOnward(t, "the form", b.Post("/account/profile", form), "/account?done=profile_saved")
	wantPage(t, "account", b.Get("/account?done=profile_saved"), 200, "Pete Parker", "Spidey", "Deutsch", "America/New York", "Ihr Profil ist gespeichert.")
	if u, _ = s.Accounts.Get(context.Background(), u.ID); u.Claims.Website != claims.Website {
		t.Errorf("the website is %q", u.Claims.Website)
	}
}

// TestChangeEmail: both addresses are told, the link changes it, and only after a recent proof.
func TestChangeEmail(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		u := addPerson(t, s, "spiderman", "old@example.com")
		b := signedInAs(t, s, "spiderman")
		wantPage(t, "not an address", b.Post("/account/email", url.Values{"email": {"nonsense"}}), 422, `value="nonsense"`, "no email address")
		wantPage(t, "the same", b.Post("/account/email", url.Values{"email": {"old@example.com"}}), 422, "your address already")
		wantOnward(t, "the form", b.Post("/account/email", url.Values{"email": {"new@example.com"}}), "/account/email/sent")
		wantPage(t, "sent", b.Get("/account/email/sent"), 200, "24 hours")
		letters := s.Letters(t)
		link, to := "", map[string]bool{}
		for _, l := range letters {
			to[l.To] = true
			if found := regexp.MustCompile(`/link/email_confirm\?token=\S+`).FindString(l.Text); found != "" && l.To == "new@example.com" {
				link = found
			}
		}
		if len(letters) != 2 || !to["old@example.com"] || link == "" {
			t.Fatalf("letters: %+v", letters)
		}
		elsewhere := apitest.NewBrowser(t, s) // a mailbox may be open in another browser
		wantPage(t, "the link", elsewhere.Get(link), 200, "new@example.com")
		if u, _ = s.Accounts.Get(context.Background(), u.ID); u.Email != "old@example.com" {
			t.Errorf("opening the link changed the address to %s", u.Email)
		}
		addPerson(t, s, "norman", "norman@example.com")
		wantPage(t, "where somebody else is signed in", signedInAs(t, s, "norman").Post("/link/email_confirm", by(link)), 410, "another account")
		wantPage(t, "whose account", elsewhere.Get(link), 200, "spiderman")
		wantOnward(t, "confirm", elsewhere.Post("/link/email_confirm", by(link)), "/link/email_confirm/done")
		wantPage(t, "done", elsewhere.Get("/link/email_confirm/done"), 200, `href="/account"`)
		wantPage(t, "again", elsewhere.Post("/link/email_confirm", by(link)), 410, "used already")
		wantPage(t, "account", b.Get("/account"), 200, "<bdi>new@example.com</bdi>, confirmed")
		if letters := s.Letters(t); len(letters) != 2 {
			t.Errorf("letters afterwards: %+v", letters)
		}
	})
}

// TestChangePassword: every other browser is signed out, this one goes on under a new cookie.
func TestChangePassword(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		addPerson(t, s, "spiderman", "peter@example.com")
		other, b := signedInAs(t, s, "spiderman"), signedInAs(t, s, "spiderman")
		wantPage(t, "the page", b.Get("/account/password"), 200, `value="spiderman"`, `autocomplete="current-password"`, `autocomplete="new-password"`)
		wantPage(t, "wrong", b.Post("/account/password", url.Values{"current_password": {"wrong"}, "new_password": {goodPassword}}), 422, "not the password that you have now")
		wantPage(t, "weak", b.Post("/account/password", url.Values{"current_password": {apitest.Password}, "new_password": {"spiderman"}}), 422, "new_password-problem")
		wantPage(t, "empty", b.Post("/account/password", url.Values{}), 422, "Enter the password that you have now", "Enter a password")
		before := b.Jar.Cookies(serverURL(t, s))
		wantOnward(t, "the form", b.Post("/account/password", url.Values{"current_password": {apitest.Password}, "new_password": {goodPassword}}), "/account?done=password_changed")
		wantPage(t, "account", b.Get("/account?done=password_changed"), 200, "Your password is changed")
		if atHome(other) {
			t.Error("the other browser is signed in")
		}
		stale := apitest.NewBrowser(t, s)
		stale.Jar.SetCookies(serverURL(t, s), before)
		if atHome(stale) {
			t.Error("the cookie from before still is worth something")
		}
	})
}

func serverURL(t *testing.T, s *apitest.Server) *url.URL {
	t.Helper()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestRecentProofIsAsked: ASVS 5.0 section 7.5.1. Beforehand, so that nothing that was typed is lost, and the sign-in leads
// back to the page.
func TestRecentProofIsAsked(t *testing.T) {
	s := apitest.New(t)
	addPerson(t, s, "spiderman", "peter@example.com")
	b := signedInAs(t, s, "spiderman")
	s.Advance(11 * time.Minute)
	for _, path := range []string{"/account/email", "/account/password", "/account/download", "/account/delete"} {
		p := b.Get(path)
		wantPage(t, path, p, 200, "Please enter your password again.", `value="spiderman"`)
		if got := apitest.Action.FindStringSubmatch(p.Body); got == nil || got[1] != "/account/sign-in?next="+url.QueryEscape(path) {
			t.Errorf("%s: the form goes to %v", path, got)
		}
		form := url.Values{"email": {"new@example.com"}, "current_password": {apitest.Password}, "new_password": {goodPassword}}
		wantPage(t, "POST "+path, b.Post(path, form), 200, "Please enter your password again.")
	}
	wantPage(t, "the profile", b.Get("/account/profile"), 200, `name="nickname"`)
	if letters := s.Letters(t); len(letters) > 0 {
		t.Errorf("letters left: %+v", letters)
	}
	p := b.Post("/account/sign-in?next="+url.QueryEscape("/account/email"), url.Values{"username": {"spiderman"}, "password": {apitest.Password}})
	wantOnward(t, "the proof", p, "/account/email")
	wantPage(t, "the page", b.Get("/account/email"), 200, `name="email"`)
	s.Advance(6 * time.Minute)
	wantPage(t, "with too little time left", b.Get("/account/email"), 200, "Please enter your password again.")
}

// TestNotSignedInLeadsThere: every page of the account asks to sign in, and comes back.
func TestNotSignedInLeadsThere(t *testing.T) {
	s := apitest.New(t)
	b := apitest.NewBrowser(t, s)
	for _, path := range []string{"/account/profile", "/account/email", "/account/password", "/account/download", "/account/delete"} {
		for what, p := range map[string]apitest.Page{"GET": b.Get(path), "POST": b.Post(path, nil)} {
			wantPage(t, what+" "+path, p, 200, `name="password"`, "next="+url.QueryEscape(path))
		}
	}
}

// TestDownload is a JSON file with what is kept, and no hash of a password.
func TestDownload(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		addPerson(t, s, "spiderman", "peter@example.com")
		b := signedInAs(t, s, "spiderman")
		wantPage(t, "the page", b.Get("/account/download"), 200, `action="/account/download"`)
		p := b.Post("/account/download", nil)
		var got struct {
			Account  struct{ Username, Email string }
			Sessions []any `json:"browser_sessions"`
		}
		if err := json.Unmarshal([]byte(p.Body), &got); err != nil || got.Account.Username != "spiderman" || got.Account.Email != "peter@example.com" || len(got.Sessions) != 1 {
			t.Errorf("%v: %s", err, p.Body)
		}
		if p.Header.Get("Content-Disposition") != `attachment; filename="account.json"` || p.Header.Get("Cache-Control") != "no-store" || strings.Contains(p.Body, "argon2") {
			t.Errorf("%v %s", p.Header, p.Body)
		}
	})
}

// TestDelete: the page says what ends, and then it does.
func TestDelete(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		addPerson(t, s, "spiderman", "peter@example.com")
		apitest.Register(t, s, "orders", thirdParty())
		other := signedInAs(t, s, "spiderman")
		b := apitest.NewBrowser(t, s)
		p := b.SignIn(apitest.Request("orders"), "spiderman", apitest.Password)
		b.Allow(strings.TrimSuffix(apitest.Action.FindStringSubmatch(p.Body)[1], "/consent"))
		wantPage(t, "the page", b.Get("/account/delete"), 200, "2 browsers are signed in", "1 app has access", "Delete the account <bdi>spiderman</bdi>")
		wantOnward(t, "the form", b.Post("/account/delete", nil), "/account/deleted")
		wantPage(t, "deleted", b.Get("/account/deleted"), 200, "Your account is deleted")
		if atHome(other) || atHome(b) {
			t.Error("a browser is signed in to an account that is gone")
		}
		if _, err := s.Accounts.Find(context.Background(), "spiderman"); err == nil {
			t.Error("the account is there")
		}
		if letters := s.Letters(t); len(letters) != 1 || letters[0].To != "peter@example.com" {
			t.Errorf("letters: %+v", letters)
		}
	})
}

// TestTheLastAdministratorStays.
func TestTheLastAdministratorStays(t *testing.T) {
	s := apitest.New(t)
	u := s.AddUser(t, "spiderman")
	admin := true
	if _, err := s.Accounts.Update(context.Background(), u.ID, accounts.Change{Admin: &admin}, apitest.System); err != nil {
		t.Fatal(err)
	}
	b := signedInAs(t, s, "spiderman")
	wantPage(t, "the form", b.Post("/account/delete", nil), 409, "the only administrator")
	if !atHome(b) {
		t.Error("signed out by a refusal")
	}
}

// TestFormsOfSelfServiceAreOurs: ASVS 5.0 section 3.5.1. Another site's form does nothing.
func TestFormsOfSelfServiceAreOurs(t *testing.T) {
	s := apitest.New(t)
	addPerson(t, s, "spiderman", "peter@example.com")
	b := signedInAs(t, s, "spiderman")
	for _, path := range []string{
		"/sign-up", "/forgotten", "/link/sign_up", "/link/invitation", "/link/password_reset", "/link/email_confirm",
		"/account/profile", "/account/email", "/account/password", "/account/download", "/account/delete",
	} {
		form := url.Values{"email": {"new@example.com"}, "who": {"spiderman"}, "current_password": {apitest.Password}, "new_password": {goodPassword}}
		r, err := http.NewRequest(http.MethodPost, s.URL+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		wantPage(t, path, b.Send(r), 403, "did not come from our page")
	}
	if letters := s.Letters(t); len(letters) > 0 || !atHome(b) {
		t.Errorf("letters left, or signed out: %+v", letters)
	}
}

// TestTokensOfLinksStayOutOfTheLog, whatever is done with them, and the page hands them to nobody.
func TestTokensOfLinksStayOutOfTheLog(t *testing.T) {
	var log bytes.Buffer
	s := apitest.New(t, func(c *apitest.Config) {
		c.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	addPerson(t, s, "spiderman", "peter@example.com")
	b := apitest.NewBrowser(t, s)
	b.Post("/forgotten", url.Values{"who": {"spiderman"}})
	link := s.Link(t)
	p := b.Get(link)
	if got := p.Header.Get("Referrer-Policy"); got != "strict-origin" { // the origin and nothing else
		t.Errorf("Referrer-Policy %q", got)
	}
	if n := strings.Count(p.Body, tokenOf(link)); n != 1 || strings.Contains(p.Body, "http") {
		t.Errorf("the token stands in the page %d times, or the page leads elsewhere: %s", n, p.Body)
	}
	b.Post("/link/password_reset", by(link, "new_password", "short"))
	b.Post("/link/password_reset", by(link, "new_password", goodPassword))
	b.Post("/link/password_reset", by(link, "new_password", goodPassword))
	b.Get(link)
	b.Get("/link/nothing?token=" + tokenOf(link))
	if log.Len() == 0 || strings.Contains(log.String(), tokenOf(link)) || strings.Contains(log.String(), goodPassword) {
		t.Errorf("the log: %s", log.String())
	}
	events, err := s.DB.AuditEvents(context.Background(), audit.Query{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	if told, _ := json.Marshal(events); len(events) == 0 || bytes.Contains(told, []byte(tokenOf(link))) {
		t.Errorf("the audit log: %s", told)
	}
}

// TestAnotherAccountAtTheConsentPage: whoever finds themself signed in as somebody else.
func TestAnotherAccountAtTheConsentPage(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	s.AddUser(t, "venom")
	apitest.Register(t, s, "orders", thirdParty())
	b := apitest.NewBrowser(t, s)
	p := b.SignIn(apitest.Request("orders"), "spiderman", apitest.Password)
	here := strings.TrimSuffix(apitest.Action.FindStringSubmatch(p.Body)[1], "/consent")
	wantPage(t, "consent", p, 200, `href="`+here+`/other"`, "spiderman")
	wantPage(t, "the other account", b.Get(here+"/other"), 200, `name="password"`)
	wantPage(t, "consent, still", b.Get(here), 200, "spiderman") // looking changes nothing
	wantOnward(t, "sign-in", b.Post(here+"/sign-in", url.Values{"username": {"venom"}, "password": {apitest.Password}}), here)
	wantPage(t, "consent of the other", b.Get(here), 200, "You are signed in as <strong><bdi>venom</bdi></strong>")
}
