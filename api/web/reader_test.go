package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/api/apitest"
)

// choose sets somebody's language and time zone.
func choose(t *testing.T, s *apitest.Server, id, locale, zone string) {
	t.Helper()
	claims := accounts.StandardClaims{Locale: locale, Zoneinfo: zone}
	if _, err := s.Accounts.Update(t.Context(), id, accounts.Change{Claims: &claims}, apitest.System); err != nil {
		t.Fatal(err)
	}
}

// TestPagesSpeakThePersonsLanguage: that of the profile goes before the browser's, and ui_locales of a request before both
// (OIDC Core section 3.1.2.1). Times are those of the person's clock.
func TestPagesSpeakThePersonsLanguage(t *testing.T) {
	s := apitest.New(t)
	user := addPerson(t, s, "spiderman", "spiderman@example.com")
	apitest.Register(t, s, "orders", thirdParty())
	b := signedInAs(t, s, "spiderman")
	wantPage(t, "nothing chosen", b.Get("/account"), 200, `<html lang="en">`, " UTC\"")
	choose(t, s, user.ID, "de-AT", "Asia/Tokyo")
	wantPage(t, "the account", b.Get("/account"), 200, `<html lang="de">`, "Ihr Konto", " Uhr JST\"")
	wantPage(t, "a form", b.Get("/account/email"), 200, `<html lang="de">`)
	wantPage(t, "a form with a mistake", b.Post("/account/email", url.Values{"email": {"x"}}), 422, `<html lang="de">`)
	wantPage(t, "setting up", b.Get("/account/ways/app"), 200, `<html lang="de">`)
	if got := b.Get("/account/sessions/x/end").Location; got != "/account" {
		t.Errorf("a reload of a form: %q", got)
	}
	here := b.Authorize(apitest.Request("orders")).Location
	wantPage(t, "the consent", b.Get(here), 200, `<html lang="de">`)
	here = b.Authorize(apitest.Request("orders", "ui_locales", "en")).Location
	wantPage(t, "what the client asks for", b.Get(here), 200, `<html lang="en">`)
	wantPage(t, "somebody else", apitest.NewBrowser(t, s).Get("/account"), 200, `<html lang="en">`)
	choose(t, s, user.ID, "ja", "Nowhere/Land")
	wantPage(t, "a language that we don't speak", b.Get("/account"), 200, `<html lang="en">`, " UTC\"")
}

// TestNamesThatNobodyTyped are in the language of the page.
func TestNamesThatNobodyTyped(t *testing.T) {
	s := apitest.New(t)
	user := addPerson(t, s, "spiderman", "spiderman@example.com")
	choose(t, s, user.ID, "de", "Europe/Berlin")
	b := signedInAs(t, s, "spiderman")
	key := secretOf.FindStringSubmatch(b.Get("/account/ways/app").Body)[1]
	if p := b.Post("/account/ways/app", url.Values{"code": {apitest.AppCode(t, key, s.Now())}}); p.Status != http.StatusSeeOther {
		t.Fatalf("enrolment: %d %s", p.Status, p.Body)
	}
	body := b.Get("/account").Body
	_, name, _ := strings.Cut(body, "<bdi>App vom ")
	name, _, _ = strings.Cut(name, "<")
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	if now := s.Now().In(berlin); !strings.HasPrefix(name, now.Format("2")+". ") || !strings.HasSuffix(name, now.Format(" 2006")) {
		t.Errorf("the app is called %q: %s", name, body)
	}
	_, at, _ := strings.Cut(body, `href="/account/factors/`)
	at, _, _ = strings.Cut(at, `"`)
	p := b.Post("/account/factors/"+at+"/rename", url.Values{"name": {" "}})
	wantPage(t, "no name", p, 422, `aria-invalid="true"`, `href="#name"`)
}

// TestWhatWasTypedOutlivesTheSignIn that the form asks for after ten minutes.
func TestWhatWasTypedOutlivesTheSignIn(t *testing.T) {
	s := apitest.New(t)
	addPerson(t, s, "spiderman", "spiderman@example.com")
	addPerson(t, s, "user01", "user01@example.com")
	withApp(t, s)
	b := apitest.NewBrowser(t, s)
	signIn := func(name string) {
		t.Helper()
		p := b.Post("/account/sign-in?next=%2Faccount%2Femail", url.Values{"username": {name}, "password": {apitest.Password}})
		wantOnward(t, "sign-in", p, "/account/email")
	}
	signIn("user01")
	for _, next := range []string{"user01", "user01"} {
		s.Advance(11 * time.Minute)
		p := b.Post("/account/email", url.Values{"email": {"new@example.com"}})
		wantPage(t, "too late", p, 200, `name="password"`, `next=%2Faccount%2Femail`)
		signIn(next)
		wantPage(t, "the form again", b.Get("/account/email"), 200, `value="new@example.com"`)
		if strings.Contains(b.Get("/account/email").Body, "new@example.com") {
			t.Error("it is kept for ever")
		}
	}
	s.Advance(11 * time.Minute)
	b.Post("/account/email", url.Values{"email": {"new@example.com"}})
	addPerson(t, s, "user02", "user02@example.com")
	signIn("user02")
	if strings.Contains(b.Get("/account/email").Body, "new@example.com") {
		t.Error("somebody else is shown what was typed")
	}
}
