package web_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/api/apitest"
	"keyturn/issuer/oauth"
)

func thirdParty() oauth.Metadata {
	return oauth.Metadata{Name: "Orders", RedirectURIs: []string{apitest.Callback}}
}

func outcome(t *testing.T, p apitest.Page) url.Values {
	t.Helper()
	u, err := url.Parse(p.Location)
	if err != nil || !strings.HasPrefix(p.Location, apitest.Callback) {
		t.Fatalf("not back at the client: %d to %q: %s", p.Status, p.Location, p.Body)
	}
	return u.Query()
}

// TestConsentIsAskedAndRemembered: OIDC Core section 3.1.2.4, per user, client, resource and scope.
func TestConsentIsAskedAndRemembered(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		s.AddUser(t, "spiderman")
		secret := apitest.Register(t, s, "orders", thirdParty())
		b := apitest.NewBrowser(t, s)
		narrow := apitest.Request("orders", "scope", "openid profile")
		p := b.SignIn(narrow, "spiderman", apitest.Password)
		if p.Status != http.StatusOK || !strings.Contains(p.Body, `name="decision"`) || !strings.Contains(p.Body, "app.example.com") {
			t.Fatalf("no consent page: %d %s", p.Status, p.Body)
		}
		here := strings.TrimSuffix(apitest.Action.FindStringSubmatch(p.Body)[1], "/consent")
		if q := outcome(t, b.Authorize(apitest.Request("orders", "scope", "openid profile", "prompt", "none"))); q.Get("error") != "consent_required" {
			t.Errorf("silently before consent: %v", q)
		}
		p = b.Allow(here)
		if p.Status != http.StatusSeeOther || p.Location != here {
			t.Fatalf("allow: %d to %q %s", p.Status, p.Location, p.Body)
		}
		code := apitest.CodeFrom(t, b.Get(here))
		if status, got := apitest.Token(t, s, "orders", secret, apitest.Redeem(code)); status != http.StatusOK || got["scope"] != "openid profile" {
			t.Errorf("tokens: %d %v", status, got)
		}
		apitest.CodeFrom(t, b.Authorize(narrow))
		apitest.CodeFrom(t, b.Authorize(apitest.Request("orders", "scope", "openid", "prompt", "none")))
		for name, wider := range map[string]url.Values{
			"another scope":        apitest.Request("orders", "scope", "openid profile email"),
			"prompt=consent":       apitest.Request("orders", "scope", "openid", "prompt", "consent"),
			"a claim by parameter": apitest.Request("orders", "scope", "openid", "claims", `{"userinfo":{"phone_number":null}}`),
		} {
			if p := b.Authorize(wider); !strings.HasPrefix(p.Location, "/interaction/") {
				t.Errorf("%s: not asked: %q", name, p.Location)
			}
		}
	})
}

// TestDeny: RFC 6749 section 4.1.2.1, by the consent page and by the way back of the sign-in page.
func TestDeny(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	apitest.Register(t, s, "orders", thirdParty())
	b := apitest.NewBrowser(t, s)
	p := b.SignIn(apitest.Request("orders"), "spiderman", apitest.Password)
	p = b.Post(apitest.Action.FindStringSubmatch(p.Body)[1], url.Values{"decision": {"deny"}})
	if q := outcome(t, p); q.Get("error") != "access_denied" || q.Get("state") != "af0ifjsldkj" || q.Get("iss") != s.URL {
		t.Errorf("deny: %v", q)
	}
	other := apitest.NewBrowser(t, s)
	here := other.Authorize(apitest.Request("orders")).Location
	if q := outcome(t, other.Post(here+"/sign-in", url.Values{"decision": {"cancel"}})); q.Get("error") != "access_denied" {
		t.Errorf("cancel: %v", q)
	}
	if p := b.Post("/interaction/x/consent", url.Values{"decision": {"maybe"}}); p.Status != http.StatusBadRequest || p.Location != "" {
		t.Errorf("another decision: %d to %q", p.Status, p.Location)
	}
}

// TestPublicClientsWithoutAPlaceOfTheirOwnAreAskedEachTime: RFC 8252 section 8.6.
func TestPublicClientsWithoutAPlaceOfTheirOwnAreAskedEachTime(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	const loopback = "http://127.0.0.1:9999/cb"
	apitest.Register(t, s, "native", oauth.Metadata{RedirectURIs: []string{loopback}, AuthMethod: oauth.AuthNone})
	b := apitest.NewBrowser(t, s)
	v := apitest.Request("native", "redirect_uri", loopback)
	p := b.SignIn(v, "spiderman", apitest.Password)
	here := strings.TrimSuffix(apitest.Action.FindStringSubmatch(p.Body)[1], "/consent")
	b.Allow(here)
	if p := b.Get(here); !strings.HasPrefix(p.Location, loopback+"?code=") {
		t.Fatalf("not back: %q", p.Location)
	}
	if p := b.Authorize(v); !strings.HasPrefix(p.Location, "/interaction/") {
		t.Errorf("the second time: %q", p.Location)
	}
}

// TestInteractionsBelongToTheirBrowser: whoever is sent the URL of somebody else's sign-in can do nothing with it.
func TestInteractionsBelongToTheirBrowser(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	apitest.Register(t, s, "orders", thirdParty())
	mine, theirs := apitest.NewBrowser(t, s), apitest.NewBrowser(t, s)
	here := mine.Authorize(apitest.Request("orders")).Location
	theirs.Authorize(apitest.Request("orders"))
	for name, p := range map[string]apitest.Page{
		"page":    theirs.Get(here),
		"sign-in": theirs.Post(here+"/sign-in", url.Values{"username": {"spiderman"}, "password": {apitest.Password}}),
		"consent": theirs.Post(here+"/consent", url.Values{"decision": {"allow"}}),
		"cancel":  theirs.Post(here+"/sign-in", url.Values{"decision": {"cancel"}}),
		"unknown": mine.Get("/interaction/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
		"NUL":     mine.Get("/interaction/%00"),
		"broken":  mine.Get("/interaction/%ff"),
	} {
		if p.Status != http.StatusBadRequest || p.Location != "" {
			t.Errorf("%s: %d to %q", name, p.Status, p.Location)
		}
	}
	s.Advance(2 * time.Hour)
	if p := mine.Get(here); p.Status != http.StatusBadRequest || !strings.Contains(p.Header.Get("Content-Type"), "text/html") {
		t.Errorf("expired: %d", p.Status)
	}
}

// TestFormsOfOtherSitesAreRefused: RFC 9700 section 4.7, ASVS 3.5.1.
func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	apitest.Register(t, s, "orders", thirdParty())
	b := apitest.NewBrowser(t, s)
	p := b.SignIn(apitest.Request("orders"), "spiderman", apitest.Password)
	consent := apitest.Action.FindStringSubmatch(p.Body)[1]
	for _, path := range []string{consent, strings.TrimSuffix(consent, "/consent") + "/sign-in", "/account/sign-in", "/account/sign-out"} {
		for name, value := range map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"} {
			r, _ := http.NewRequest(http.MethodPost, s.URL+path, strings.NewReader("decision=allow&username=spiderman&password="+url.QueryEscape(apitest.Password)))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set(name, value)
			if p := b.Send(r); p.Status != http.StatusForbidden || p.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s with %s: %d", path, name, p.Status)
			}
		}
	}
	if p := b.Get(strings.TrimSuffix(consent, "/consent")); p.Status != http.StatusOK {
		t.Errorf("the consent page afterwards: %d", p.Status)
	}
}

// TestSignInFailuresKeepTheName and tell nothing more; the password is never sent back.
func TestSignInFailures(t *testing.T) {
	s := apitest.New(t, func(c *apitest.Config) { c.Throttle = true })
	s.AddUser(t, "spiderman")
	apitest.Register(t, s, "orders", apitest.WebApp())
	b := apitest.NewBrowser(t, s)
	here := b.Authorize(apitest.Request("orders")).Location
	try := func(username, password string) apitest.Page {
		return b.Post(here+"/sign-in", url.Values{"username": {username}, "password": {password}})
	}
	wrong, unknown := try("spiderman", "wrong horse battery"), try("nobody-here", "wrong horse battery")
	if wrong.Status != http.StatusUnprocessableEntity || !strings.Contains(wrong.Body, `value="spiderman"`) || strings.Contains(wrong.Body, "wrong horse") {
		t.Errorf("%d %s", wrong.Status, wrong.Body)
	}
	without := func(p apitest.Page, name string) string {
		return strings.ReplaceAll(strings.ReplaceAll(p.Body, name, "NAME"), p.Header.Get("X-Request-Id"), "ID")
	}
	if without(wrong, "spiderman") != without(unknown, "nobody-here") || wrong.Status != unknown.Status {
		t.Error("an unknown name and a wrong password look different (ASVS 6.3.8)")
	}
	if p := try("", ""); p.Status != http.StatusUnprocessableEntity {
		t.Errorf("empty fields: %d", p.Status)
	}
	if p := try("a\x00b\xff", "x"); p.Status != http.StatusUnprocessableEntity {
		t.Errorf("broken text: %d", p.Status)
	}
	for range 12 {
		try("spiderman", "wrong horse battery")
	}
	if p := try("spiderman", apitest.Password); p.Status != http.StatusTooManyRequests || p.Header.Get("Retry-After") == "" {
		t.Errorf("after 13 failures: %d", p.Status)
	}
}

// TestSessionCookie: a new secret at every sign-in, and the attributes that OWASP ASVS 3.3 wants.
func TestSessionCookie(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	apitest.Register(t, s, "orders", apitest.WebApp())
	b := apitest.NewBrowser(t, s)
	cookie := func() string {
		here := b.Authorize(apitest.Request("orders", "prompt", "login")).Location
		p := b.Post(here+"/sign-in", url.Values{"username": {"spiderman"}, "password": {apitest.Password}})
		line := p.Header.Get("Set-Cookie")
		for _, want := range []string{"keyturn_session=", "; Path=/", "; HttpOnly", "; SameSite=Lax"} {
			if !strings.Contains(line, want) {
				t.Errorf("%q lacks %q", line, want)
			}
		}
		return line
	}
	first := cookie()
	planted := strings.SplitN(strings.TrimPrefix(first, "keyturn_session="), ";", 2)[0]
	second := cookie()
	if first == second {
		t.Error("the secret stayed the same (ASVS 7.2.4)")
	}
	r, _ := http.NewRequest(http.MethodGet, s.URL+"/account", nil)
	r.AddCookie(&http.Cookie{Name: "keyturn_session", Value: planted})
	answer, err := apitest.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if p := apitest.NewBrowser(t, s).Send(r); strings.Contains(p.Body, "Peter Parker") || !strings.Contains(p.Body, `name="password"`) {
		t.Error("the secret of the earlier sign-in still opens the account")
	}
}

// TestTabsBackAndReload: two tabs, the back button, a reload and a double click do what a person expects.
func TestTabsBackAndReload(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		s.AddUser(t, "spiderman")
		secret := apitest.Register(t, s, "orders", thirdParty())
		b := apitest.NewBrowser(t, s)
		tabA, tabB := b.Authorize(apitest.Request("orders", "state", "A")).Location, b.Authorize(apitest.Request("orders", "state", "B")).Location
		if tabA == tabB {
			t.Fatal("two tabs share an interaction")
		}
		b.Post(tabA+"/sign-in", url.Values{"username": {"spiderman"}, "password": {apitest.Password}})
		// The other tab, reloaded, does not ask who it is any more; its old form still works.
		if p := b.Get(tabB); !strings.Contains(p.Body, `name="decision"`) {
			t.Errorf("tab B after the sign-in in A: %s", p.Body)
		}
		if p := b.Post(tabB+"/sign-in", url.Values{"username": {"spiderman"}, "password": {apitest.Password}}); p.Location != tabB {
			t.Errorf("tab B's old form: %d to %q", p.Status, p.Location)
		}
		b.Allow(tabA)
		first := outcome(t, b.Get(tabA))
		// Consent in A answers B too; each goes back with its own state.
		if q := outcome(t, b.Get(tabB)); q.Get("state") != "B" || q.Get("code") == "" {
			t.Errorf("tab B: %v", q)
		}
		// A double click, or an answer that got lost: another code, and either works once.
		again := outcome(t, b.Get(tabA))
		if again.Get("state") != "A" || again.Get("code") == "" || again.Get("code") == first.Get("code") {
			t.Errorf("again: %v", again)
		}
		if status, got := apitest.Token(t, s, "orders", secret, apitest.Redeem(again.Get("code"))); status != http.StatusOK {
			t.Errorf("the second code: %d %v", status, got)
		}
		// The back button, later: a page that says that this is done.
		s.Advance(2 * time.Minute)
		if p := b.Get(tabA); p.Status != http.StatusOK || p.Location != "" || !strings.Contains(p.Body, "signed in already") && !strings.Contains(p.Body, "already signed in") {
			t.Errorf("back after completion: %d to %q %s", p.Status, p.Location, p.Body)
		}
	})
}

// TestAnotherPersonSignsInOnTheSameBrowser: the first one's session is over.
func TestAnotherPersonSignsInOnTheSameBrowser(t *testing.T) {
	s := apitest.New(t)
	one := s.AddUser(t, "spiderman")
	s.AddUser(t, "batman")
	apitest.Register(t, s, "orders", apitest.WebApp())
	b := apitest.NewBrowser(t, s)
	b.SignIn(apitest.Request("orders"), "spiderman", apitest.Password)
	b.SignIn(apitest.Request("orders", "prompt", "login"), "batman", apitest.Password)
	sessions, err := s.Provider.Browsers.Sessions(context.Background(), one.ID)
	if err != nil || len(sessions) != 0 {
		t.Errorf("%d sessions of the first one, %v", len(sessions), err)
	}
	if p := b.Get("/account"); !strings.Contains(p.Body, "batman") {
		t.Error("the account page is not the second one's")
	}
}

// TestSessionsEnd: idle, absolute, by deactivation and by a new password (ASVS 7.3.1, 7.3.2, 7.4.2, 7.4.3).
func TestSessionsEnd(t *testing.T) {
	for name, end := range map[string]func(*apitest.Server, accounts.User) error{
		"idle":     func(s *apitest.Server, _ accounts.User) error { s.Advance(13 * time.Hour); return nil },
		"absolute": func(s *apitest.Server, _ accounts.User) error { s.Advance(169 * time.Hour); return nil },
		"deactivated": func(s *apitest.Server, u accounts.User) error {
			_, err := s.Accounts.Deactivate(context.Background(), u.ID, apitest.System)
			return err
		},
		"password": func(s *apitest.Server, u accounts.User) error {
			_, err := s.Accounts.SetPassword(context.Background(), u.ID, "another horse battery", apitest.System)
			return err
		},
		"by an administrator": func(s *apitest.Server, u accounts.User) error {
			_, err := s.Provider.Browsers.EndOf(context.Background(), u.ID, "test", apitest.System)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := apitest.New(t)
			u := s.AddUser(t, "spiderman")
			apitest.Register(t, s, "orders", apitest.WebApp())
			b := apitest.NewBrowser(t, s)
			b.SignIn(apitest.Request("orders"), "spiderman", apitest.Password)
			apitest.CodeFrom(t, b.Authorize(apitest.Request("orders")))
			if err := end(s, u); err != nil {
				t.Fatal(err)
			}
			if q := outcome(t, b.Authorize(apitest.Request("orders", "prompt", "none"))); q.Get("error") != "login_required" {
				t.Errorf("afterwards: %v", q)
			}
		})
	}
}
