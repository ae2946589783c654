package web_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/api/apitest"
)

// secretOf finds the key of an authenticator app on its page.
var secretOf = regexp.MustCompile(`<p class="key"><code>([A-Z2-7 ]+)</code>`)

// withApp gives spiderman an authenticator app, and returns its key. The clock moves, so that its next code is another.
func withApp(t *testing.T, s *apitest.Server) string {
	t.Helper()
	b := apitest.NewBrowser(t, s)
	if p := b.Post("/account/sign-in", url.Values{"username": {"spiderman"}, "password": {apitest.Password}}); p.Location != "/account" {
		t.Fatalf("sign-in: %d %s", p.Status, p.Body)
	}
	key := secretOf.FindStringSubmatch(b.Get("/account/ways/app").Body)[1]
	if p := b.Post("/account/ways/app", url.Values{"code": {apitest.AppCode(t, key, s.Now())}}); p.Location != "/account/ways/recovery-codes" {
		t.Fatalf("enrolment: %d to %q %s", p.Status, p.Location, p.Body)
	}
	s.Advance(time.Minute)
	return key
}

// halfway begins a request and shows the password; here is its interaction.
func halfway(b *apitest.Browser) (here string) {
	here = b.Authorize(apitest.Request("orders")).Location
	b.Post(here+"/sign-in", url.Values{"username": {"spiderman"}, "password": {apitest.Password}})
	return here
}

// cookie is the value of one that the browser keeps.
func cookie(b *apitest.Browser, name string) string {
	home, _ := url.Parse(b.S.URL)
	for _, c := range b.Jar.Cookies(home) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// TestAPasswordAloneOpensNothing: whoever has shown the password, and leaves out the page of the second factor, is nobody.
func TestAPasswordAloneOpensNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		s.AddUser(t, "spiderman")
		apitest.Register(t, s, "orders", apitest.WebApp())
		key := withApp(t, s)
		b := apitest.NewBrowser(t, s)
		here := halfway(b)
		if cookie(b, "keyturn_pending") == "" || cookie(b, "keyturn_session") != "" {
			t.Fatal("the password gave a session, or no half of one")
		}
		if p := b.Get(here); p.Status != http.StatusOK || !strings.Contains(p.Body, `name="password"`) {
			t.Errorf("the interaction: %d to %q", p.Status, p.Location)
		}
		if p := b.Post(here+"/consent", url.Values{"decision": {"allow"}}); p.Location != here {
			t.Errorf("consent: %d to %q", p.Status, p.Location)
		}
		for _, path := range []string{here + "/ways/app", here + "/ways/passkey", here + "/ways/recovery-codes"} {
			if p := b.Get(path); p.Location != here {
				t.Errorf("%s: %d to %q", path, p.Status, p.Location)
			}
		}
		if p := b.Post(here+"/step-up", url.Values{"code": {apitest.AppCode(t, key, s.Now())}}); p.Status == http.StatusSeeOther || cookie(b, "keyturn_session") != "" {
			t.Errorf("step-up: %d to %q", p.Status, p.Location)
		}
		if p := b.Get("/account"); !strings.Contains(p.Body, `name="password"`) {
			t.Errorf("the account: %s", p.Body)
		}
		if p := b.Authorize(apitest.Request("orders", "prompt", "none")); !strings.Contains(p.Location, "error=login_required") {
			t.Errorf("silently: %q", p.Location)
		}
		// The half is no session by another name.
		b2 := apitest.NewBrowser(t, s)
		home, _ := url.Parse(s.URL)
		b2.Jar.SetCookies(home, []*http.Cookie{{Name: "keyturn_session", Value: cookie(b, "keyturn_pending")}})
		if p := b2.Get("/account"); !strings.Contains(p.Body, `name="password"`) {
			t.Error("the half of a sign-in is taken for a session")
		}

		if p := b.Post(here+"/second", url.Values{"code": {apitest.AppCode(t, key, s.Now())}}); p.Location != here {
			t.Fatalf("the second factor: %d to %q %s", p.Status, p.Location, p.Body)
		}
		if cookie(b, "keyturn_pending") != "" {
			t.Error("the half is left")
		}
		apitest.CodeFrom(t, b.Get(here))
	})
}

// TestHalfASignInIsBound to its browser, to ten minutes, and to the user as they were.
func TestHalfASignInIsBound(t *testing.T) {
	s := apitest.New(t)
	u := s.AddUser(t, "spiderman")
	apitest.Register(t, s, "orders", apitest.WebApp())
	key := withApp(t, s)
	gone := func(name string, b *apitest.Browser, here string) {
		t.Helper()
		p := b.Post(here+"/second", url.Values{"code": {apitest.AppCode(t, key, s.Now())}})
		if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Body, "Please sign in once more") || cookie(b, "keyturn_session") != "" {
			t.Errorf("%s: %d to %q %s", name, p.Status, p.Location, p.Body)
		}
		if p := b.Get(here + "/second"); p.Location != here {
			t.Errorf("%s: the page: %d to %q", name, p.Status, p.Location)
		}
	}
	b := apitest.NewBrowser(t, s)
	halfway(b)
	thief := apitest.NewBrowser(t, s)
	here := thief.Authorize(apitest.Request("orders")).Location
	home, _ := url.Parse(s.URL)
	thief.Jar.SetCookies(home, []*http.Cookie{{Name: "keyturn_pending", Value: cookie(b, "keyturn_pending")}})
	gone("another browser", thief, here)

	late := apitest.NewBrowser(t, s)
	here = halfway(late)
	s.Advance(11 * time.Minute)
	gone("eleven minutes later", late, here)

	changed := apitest.NewBrowser(t, s)
	here = halfway(changed)
	if _, err := s.Accounts.SetPassword(context.Background(), u.ID, "another long password", apitest.System); err != nil {
		t.Fatal(err)
	}
	gone("after a change of password", changed, here)
}

// TestCodesAreThrottled: ASVS 6.6.3, in the same bucket as passwords. The page says how long.
func TestCodesAreThrottled(t *testing.T) {
	s := apitest.New(t, func(c *apitest.Config) { c.Throttle = true })
	s.AddUser(t, "spiderman")
	apitest.Register(t, s, "orders", apitest.WebApp())
	key := withApp(t, s)
	b := apitest.NewBrowser(t, s)
	here := halfway(b)
	var p apitest.Page
	for n := 0; n < 30 && p.Status != http.StatusTooManyRequests; n++ {
		p = b.Post(here+"/second", url.Values{"code": {"000000"}})
	}
	if p.Status != http.StatusTooManyRequests || p.Header.Get("Retry-After") == "" || !strings.Contains(p.Body, "Your account is safe") {
		t.Fatalf("thirty wrong codes: %d %s", p.Status, p.Body)
	}
	if p := b.Post(here+"/second", url.Values{"code": {apitest.AppCode(t, key, s.Now())}}); p.Status != http.StatusTooManyRequests {
		t.Errorf("the right code meanwhile: %d to %q", p.Status, p.Location)
	}
}

// TestWaysNeedARecentProof: ASVS 7.5.1. Whoever signed in too long ago signs in again, and goes on where they were.
func TestWaysNeedARecentProof(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	b := apitest.NewBrowser(t, s)
	for _, path := range []string{"/account/ways/app", "/account/ways/passkey", "/account/ways/recovery-codes", "/account/factors/x"} {
		if p := b.Get(path); p.Location != "/account" {
			t.Errorf("%s, not signed in: %d to %q", path, p.Status, p.Location)
		}
	}
	b.Post("/account/sign-in", url.Values{"username": {"spiderman"}, "password": {apitest.Password}})
	s.Advance(11 * time.Minute)
	for _, path := range []string{"/account/ways/app", "/account/ways/passkey"} {
		p := b.Get(path)
		if p.Status != http.StatusOK || !strings.Contains(p.Body, `name="password"`) || !strings.Contains(p.Body, `value="spiderman"`) {
			t.Fatalf("%s: %d %s", path, p.Status, p.Body)
		}
		if action := apitest.Action.FindStringSubmatch(p.Body)[1]; action != "/account/sign-in?next="+url.QueryEscape(path) {
			t.Errorf("%s: the form goes to %s", path, action)
		}
	}
	if p := b.Post("/account/factors/x/remove", url.Values{}); !strings.Contains(p.Body, `name="password"`) {
		t.Errorf("a removal: %d to %q", p.Status, p.Location)
	}
	if p := b.Post("/account/sign-in?next=%2Faccount%2Fways%2Fapp", url.Values{"username": {"spiderman"}, "password": {apitest.Password}}); p.Location != "/account/ways/app" {
		t.Errorf("after it: %d to %q", p.Status, p.Location)
	}
}

// TestAccountAsksForTheSecondFactor: with where to go on to, and a recovery code in place of the app.
func TestAccountAsksForTheSecondFactor(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	key := withApp(t, s)
	b := apitest.NewBrowser(t, s)
	p := b.Post("/account/sign-in?next=%2Faccount%2Fways%2Fapp", url.Values{"username": {"spiderman"}, "password": {apitest.Password}})
	if p.Location != "/account/second?next=%2Faccount%2Fways%2Fapp" {
		t.Fatalf("%d to %q", p.Status, p.Location)
	}
	here := p.Location
	if p = b.Get(here); !strings.Contains(p.Body, `autocomplete="one-time-code"`) || !strings.Contains(p.Body, `inputmode="numeric"`) {
		t.Errorf("the page: %s", p.Body)
	}
	if p = b.Post(here, url.Values{"code": {""}}); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Body, "The code is missing") {
		t.Errorf("without a code: %d", p.Status)
	}
	if p = b.Post(here, url.Values{"code": {" " + apitest.AppCode(t, key, s.Now()) + "\u00a0"}}); p.Location != "/account/ways/app" {
		t.Errorf("with one: %d to %q", p.Status, p.Location)
	}
}

// factorForms are all that takes a form about second factors, with what the forms hold.
var factorForms = map[string][]string{
	"/account/second":              {"code", "response", "with", "decision"},
	"/account/passkey":             {"response"},
	"/account/ways/passkey":        {"response", "name"},
	"/account/ways/app":            {"code", "name"},
	"/account/ways/recovery-codes": {"lang"},
	"/account/factors/x/rename":    {"name"},
	"/account/factors/x/remove":    {"lang"},
	"/passkey/sign-in":             {"lang"},
	"/passkey/second":              {"lang"},
	"/passkey/step-up":             {"lang"},
	"/passkey/new":                 {"lang"},
}

// TestFactorFormsTakeOnlyOurOwn: ASVS 3.5.1, before anything is looked at.
func TestFactorFormsTakeOnlyOurOwn(t *testing.T) {
	s := apitest.New(t)
	b := apitest.NewBrowser(t, s)
	apitest.Register(t, s, "orders", apitest.WebApp())
	here := b.Authorize(apitest.Request("orders")).Location
	paths := []string{here + "/second", here + "/passkey", here + "/step-up", here + "/ways/app", here + "/ways/passkey", here + "/ways/recovery-codes"}
	for path := range factorForms {
		paths = append(paths, path)
	}
	for _, path := range paths {
		r, _ := http.NewRequest(http.MethodPost, s.URL+path, strings.NewReader("code=1"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "https://evil.example")
		if p := b.Send(r); p.Status != http.StatusForbidden {
			t.Errorf("%s: %d", path, p.Status)
		}
	}
}

// TestFactorFormsNever500: whatever stands in them.
func TestFactorFormsNever500(t *testing.T) {
	s := apitest.New(t, named)
	s.AddUser(t, "spiderman")
	withApp(t, s)
	signedIn, half := apitest.NewBrowser(t, s), apitest.NewBrowser(t, s)
	s.AddUser(t, "peter")
	signedIn.Post("/account/sign-in", url.Values{"username": {"peter"}, "password": {apitest.Password}})
	for path, names := range factorForms {
		for _, name := range names {
			for _, value := range append(slices.Clone(hostileValues), `{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AA","signature":"AA","userHandle":"AA"}}`) {
				for _, b := range []*apitest.Browser{signedIn, half} {
					if b == half && path == "/account/second" {
						b.Post("/account/sign-in", url.Values{"username": {"spiderman"}, "password": {apitest.Password}})
					}
					if p := b.Post(path, url.Values{name: {value}}); p.Status >= 500 {
						t.Errorf("%s %s=%.40q: %d %s", path, name, value, p.Status, p.Body)
					}
				}
			}
		}
	}
}

// TestQuestionsOfOnePageAreOfOneBrowser: autofill and the button may ask at the same moment.
func TestQuestionsOfOnePageAreOfOneBrowser(t *testing.T) {
	s := apitest.New(t, named)
	b := apitest.NewBrowser(t, s)
	b.Get("/account")
	before := cookie(b, "keyturn_browser")
	p := b.Post("/passkey/sign-in", url.Values{"": {""}})
	if before == "" || p.Status != http.StatusOK || p.Header.Get("Set-Cookie") != "" || !strings.Contains(p.Body, `"publicKey"`) {
		t.Errorf("the browser is %q, the question sets %q: %d %s", before, p.Header.Get("Set-Cookie"), p.Status, p.Body)
	}
}

// TestSecondFactorSaysWhatItIsFor: the console, where the person is on the way there, as the page of the password does.
func TestSecondFactorSaysWhatItIsFor(t *testing.T) {
	s := apitest.New(t)
	addPerson(t, s, "spiderman", "spiderman@example.com")
	withApp(t, s)
	for next, says := range map[string]string{"/admin/users": "to manage this installation", "/account": "to see your account", "//evil.example/admin": "to see your account"} {
		b := apitest.NewBrowser(t, s)
		query := "?next=" + url.QueryEscape(next)
		p := b.Post("/account/sign-in"+query, url.Values{"username": {"spiderman"}, "password": {apitest.Password}})
		wantPage(t, next, b.Get(p.Location), http.StatusOK, says)
		wantPage(t, next+", again", b.Post(p.Location, url.Values{"code": {""}}), http.StatusUnprocessableEntity, says)
	}
}
