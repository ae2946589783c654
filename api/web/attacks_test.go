package web_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"keyturn/api/apitest"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
)

// What an attacker tried once, and what has to come of it.

// TestThirdPartiesGetNoAPIUnasked: a client that is nobody's own and names no resource gets tokens for UserInfo
// alone; with a resource the consent page says so, and no claim comes without its scope.
func TestThirdPartiesGetNoAPIUnasked(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	secret := apitest.Register(t, s, "stranger", thirdParty())
	m := thirdParty()
	m.Resources = []string{"api"}
	withAPI := apitest.Register(t, s, "with-api", m)
	b := apitest.NewBrowser(t, s)
	consent := func(client string) (string, url.Values) {
		v := apitest.Request(client, "scope", "openid")
		p := b.Authorize(v)
		here := p.Location
		if page := b.Get(here); strings.Contains(page.Body, `name="password"`) {
			b.Post(here+"/sign-in", url.Values{"username": {"spiderman"}, "password": {apitest.Password}})
		}
		page := b.Get(here).Body
		b.Allow(here)
		return page, v
	}
	page, v := consent("stranger")
	if strings.Contains(page, ">api<") {
		t.Errorf("the consent page names a resource that is not given")
	}
	_, tokens := apitest.Token(t, s, "stranger", secret, apitest.Redeem(apitest.CodeFrom(t, b.Authorize(v))))
	c := claimsOf(t, tokens["access_token"].(string))
	if c["aud"] != s.URL || c["user_id"] != nil || c["given_name"] != nil {
		t.Errorf("without a resource: %v", c)
	}
	page, v = consent("with-api")
	if !strings.Contains(page, ">api<") {
		t.Errorf("the consent page does not name the resource: %s", page)
	}
	_, tokens = apitest.Token(t, s, "with-api", withAPI, apitest.Redeem(apitest.CodeFrom(t, b.Authorize(v))))
	if c := claimsOf(t, tokens["access_token"].(string)); c["given_name"] != nil || c["user_id"] == nil {
		t.Errorf("names without the scope profile: %v", c)
	}
}

// TestStepsBelongToThePersonWhoTookThem: a sign-in or a consent of somebody else in the same interaction does
// not count for whoever's cookie comes with it (OIDC Core section 3.1.2.1: prompt, max_age).
func TestStepsBelongToThePersonWhoTookThem(t *testing.T) {
	for name, more := range map[string][]string{
		"prompt=login": {"prompt", "login"}, "max_age": {"max_age", "0"}, "prompt=consent": {"prompt", "consent"},
	} {
		t.Run(name, func(t *testing.T) {
			s := apitest.New(t)
			s.AddUser(t, "alice")
			s.AddUser(t, "bob")
			apitest.Register(t, s, "orders", apitest.WebApp())
			alice, attacker := apitest.NewBrowser(t, s), apitest.NewBrowser(t, s)
			alice.SignIn(apitest.Request("orders"), "alice", apitest.Password)
			s.Advance(10 * time.Minute)
			v := apitest.Request("orders", more...)
			here := attacker.Authorize(v).Location
			attacker.Post(here+"/sign-in", url.Values{"username": {"bob"}, "password": {apitest.Password}})
			if name == "prompt=consent" {
				attacker.Allow(here)
			}
			server, _ := url.Parse(s.URL)
			for _, cookie := range alice.Jar.Cookies(server) {
				if cookie.Name == "keyturn_session" { // stolen
					attacker.Jar.SetCookies(server, []*http.Cookie{cookie})
				}
			}
			if p := attacker.Get(here); strings.Contains(p.Location, "code=") {
				t.Errorf("a code for somebody who did not do it: %q", p.Location)
			}
		})
	}
}

// TestConsentIsOfWhoeverSawThePage: signed in as somebody else meanwhile, in another tab.
func TestConsentIsOfWhoeverSawThePage(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "alice")
	bob := s.AddUser(t, "bob")
	apitest.Register(t, s, "orders", thirdParty())
	b := apitest.NewBrowser(t, s)
	p := b.SignIn(apitest.Request("orders"), "alice", apitest.Password)
	shown := url.Values{"decision": {"allow"}}
	_, rest, _ := strings.Cut(p.Body, `name="session" value="`)
	shown.Set("session", rest[:strings.IndexByte(rest, '"')])
	b.Post("/account/sign-in", url.Values{"username": {"bob"}, "password": {apitest.Password}})
	here := strings.TrimSuffix(apitest.Action.FindStringSubmatch(p.Body)[1], "/consent")
	b.Post(here+"/consent", shown)
	consents, err := s.DB.Consents(context.Background(), bob.ID)
	if err != nil || len(consents) != 0 {
		t.Errorf("bob allowed what alice was asked: %v %v", consents, err)
	}
}

// TestClaimsStayWithinTheClientsScopes: OIDC Core section 5.5; the parameter is no way around the registration.
func TestClaimsStayWithinTheClientsScopes(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	m := apitest.WebApp()
	m.Scopes = []string{"openid"}
	secret := apitest.Register(t, s, "orders", m)
	b := apitest.NewBrowser(t, s)
	v := apitest.Request("orders", "scope", "openid", "claims", `{"userinfo":{"name":null,"given_name":{"essential":true}}}`)
	_, tokens := apitest.Token(t, s, "orders", secret, apitest.Redeem(apitest.CodeFrom(t, b.SignIn(v, "spiderman", apitest.Password))))
	r, _ := http.NewRequest(http.MethodGet, s.URL+"/oauth2/userinfo", nil)
	r.Header.Set("Authorization", "Bearer "+tokens["access_token"].(string))
	if p := b.Send(r); strings.Contains(p.Body, "Peter") {
		t.Errorf("UserInfo: %s", p.Body)
	}
}

// TestFirstPartyOnLoopbackIsAsked: RFC 8252 section 8.6. Any program on the machine can claim to be it.
func TestFirstPartyOnLoopbackIsAsked(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	apitest.Register(t, s, "native", oauth.Metadata{AuthMethod: oauth.AuthNone, FirstParty: true, RedirectURIs: []string{"http://127.0.0.1/cb", "com.example.app:/cb"}})
	b := apitest.NewBrowser(t, s)
	b.Post("/account/sign-in", url.Values{"username": {"spiderman"}, "password": {apitest.Password}})
	for _, uri := range []string{"http://127.0.0.1:31337/cb", "com.example.app:/cb"} {
		if p := b.Authorize(apitest.Request("native", "redirect_uri", uri)); strings.Contains(p.Location, "code=") {
			t.Errorf("%s: a code without a word", uri)
		}
		if p := b.Authorize(apitest.Request("native", "redirect_uri", uri, "prompt", "none")); !strings.Contains(p.Location, "error=consent_required") {
			t.Errorf("%s silently: %q", uri, p.Location)
		}
	}
}

// TestNarrowedRegistrationsCount at the next refresh.
func TestNarrowedRegistrationsCount(t *testing.T) {
	s := apitest.New(t)
	ctx := context.Background()
	s.AddUser(t, "spiderman")
	if err := s.Issuer.CreateResource(ctx, issuer.Resource{Identifier: "orders-api", Scopes: []string{"orders:write"}}, apitest.System); err != nil {
		t.Fatal(err)
	}
	if err := s.Issuer.LoadResources(ctx); err != nil {
		t.Fatal(err)
	}
	m := apitest.WebApp()
	m.Resources = []string{"orders-api"}
	secret := apitest.Register(t, s, "orders", m)
	b := apitest.NewBrowser(t, s)
	v := apitest.Request("orders", "scope", "openid email orders:write offline_access")
	_, tokens := apitest.Token(t, s, "orders", secret, apitest.Redeem(apitest.CodeFrom(t, b.SignIn(v, "spiderman", apitest.Password))))
	refresh := func() (int, map[string]any) {
		status, got := apitest.Token(t, s, "orders", secret, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens["refresh_token"].(string)}})
		if status == http.StatusOK {
			tokens = got
		}
		return status, got
	}
	narrow := s.Clients.Defaults(m)
	narrow.Scopes = []string{"openid", "offline_access"}
	if _, err := s.Clients.Update(ctx, "orders", narrow, apitest.System); err != nil {
		t.Fatal(err)
	}
	if status, got := refresh(); status != http.StatusOK || got["scope"] != "openid offline_access" {
		t.Errorf("scopes taken away: %d %v", status, got["scope"])
	}
	if err := s.Issuer.DeleteResource(ctx, "orders-api", apitest.System); err != nil {
		t.Fatal(err)
	}
	if err := s.Issuer.LoadResources(ctx); err != nil {
		t.Fatal(err)
	}
	if status, got := refresh(); status != http.StatusBadRequest || got["error"] != "invalid_target" {
		t.Errorf("a resource that is gone: %d %v", status, got)
	}
	if p := b.Authorize(v); !strings.Contains(p.Location, "error=invalid_target") {
		t.Errorf("at the authorization endpoint: %q", p.Location)
	}
}

// TestEndingAllOfAUserLeavesNothing: the lost laptop. Codes and browser sessions go with the grants.
func TestEndingAllOfAUserLeavesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		u := s.AddUser(t, "spiderman")
		secret := apitest.Register(t, s, "orders", apitest.WebApp())
		b := apitest.NewBrowser(t, s)
		code := apitest.CodeFrom(t, b.SignIn(apitest.Request("orders"), "spiderman", apitest.Password))
		if _, err := s.Issuer.RevokeUser(context.Background(), u.ID, "lost laptop", apitest.System); err != nil {
			t.Fatal(err)
		}
		if status, got := apitest.Token(t, s, "orders", secret, apitest.Redeem(code)); status != http.StatusBadRequest {
			t.Errorf("a code from before: %d %v", status, got)
		}
		if q := outcome(t, b.Authorize(apitest.Request("orders", "prompt", "none"))); q.Get("error") != "login_required" {
			t.Errorf("the browser: %v", q)
		}
	})
}

// TestGrantsAreToldInFull: with single sign-on no other event ties the person to the client.
func TestGrantsAreToldInFull(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		u := s.AddUser(t, "spiderman")
		secret := apitest.Register(t, s, "orders", apitest.WebApp())
		b := apitest.NewBrowser(t, s)
		code := apitest.CodeFrom(t, b.SignIn(apitest.Request("orders"), "spiderman", apitest.Password))
		apitest.Token(t, s, "orders", secret, url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {apitest.Callback}, "code_verifier": {strings.Repeat("a", 43)}})
		_, tokens := apitest.Token(t, s, "orders", secret, apitest.Redeem(code))
		events := auditEvents(t, s, audit.GrantCreated)
		if len(events) != 1 {
			t.Fatalf("%d events", len(events))
		}
		sid := claimsOf(t, tokens["id_token"].(string))["sid"]
		for name, want := range map[string]any{"client": "orders", "user": u.ID, "session": sid, "resource": "api", "scope": "openid profile email offline_access"} {
			if events[0].Details[name] != want {
				t.Errorf("%s is %q, want %q", name, events[0].Details[name], want)
			}
		}
		if n := refusals(t, s, "orders", "code"); n != 1 {
			t.Errorf("%d refusals of codes noted", n)
		}
	})
}

// TestFormsLeaveOtherTabsAlone: a request that a client posts comes without Lax cookies, and must not replace the
// cookie that the sign-ins of other tabs hang on.
func TestFormsLeaveOtherTabsAlone(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	apitest.Register(t, s, "orders", apitest.WebApp())
	b := apitest.NewBrowser(t, s)
	here := b.Authorize(apitest.Request("orders")).Location
	r, _ := http.NewRequest(http.MethodPost, s.URL+"/oauth2/authorize", strings.NewReader(apitest.Request("orders").Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	answer, err := apitest.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	server, _ := url.Parse(s.URL)
	b.Jar.SetCookies(server, answer.Cookies())
	if p := b.Get(answer.Header.Get("Location")); p.Status != http.StatusSeeOther || !strings.HasPrefix(p.Location, "/interaction/") {
		t.Errorf("the posted request: %d to %q", p.Status, p.Location)
	}
	if p := b.Get(here); p.Status != http.StatusOK {
		t.Errorf("the other tab's sign-in: %d", p.Status)
	}
}

// TestOnlyItsOwnClientEndsACode's grant by showing it again (RFC 6749 section 4.1.2).
func TestOnlyItsOwnClientEndsACodesGrant(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		s.AddUser(t, "spiderman")
		secret := apitest.Register(t, s, "orders", apitest.WebApp())
		spa := apitest.WebApp()
		spa.AuthMethod = oauth.AuthNone
		apitest.Register(t, s, "spa", spa)
		code := apitest.CodeFrom(t, apitest.NewBrowser(t, s).SignIn(apitest.Request("orders"), "spiderman", apitest.Password))
		_, tokens := apitest.Token(t, s, "orders", secret, apitest.Redeem(code))
		if status, got := apitest.Token(t, s, "spa", "", apitest.Redeem(code)); status != http.StatusBadRequest || got["error"] != "invalid_grant" {
			t.Errorf("%d %v", status, got)
		}
		if status := userInfo(t, s, tokens["access_token"].(string)); status != http.StatusOK {
			t.Errorf("another client's showing ended the grant: %d", status)
		}
	})
}

// TestTransportSecurity: RFC 6797 section 7.2, only where the issuer is https.
func TestTransportSecurity(t *testing.T) {
	for issuerURL, want := range map[string]string{"https://id.example.com": "max-age=31536000", "": ""} {
		s := apitest.New(t, func(c *apitest.Config) {
			if issuerURL != "" {
				c.Settings.Issuer = issuerURL
			}
		})
		for _, path := range []string{"/.well-known/jwks.json", "/account", "/nowhere"} {
			answer, err := apitest.Client().Get(s.URL + path)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if got := answer.Header.Get("Strict-Transport-Security"); got != want {
				t.Errorf("%s of %q: %q, want %q", path, issuerURL, got, want)
			}
		}
	}
}

// TestDenyAfterAllow: a page from the browser's memory must not tell a client "denied" that holds tokens.
func TestDenyAfterAllow(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	apitest.Register(t, s, "orders", thirdParty())
	b := apitest.NewBrowser(t, s)
	p := b.SignIn(apitest.Request("orders"), "spiderman", apitest.Password)
	here := strings.TrimSuffix(apitest.Action.FindStringSubmatch(p.Body)[1], "/consent")
	b.Allow(here)
	apitest.CodeFrom(t, b.Get(here))
	for path, form := range map[string]url.Values{"/consent": {"decision": {"deny"}}, "/sign-in": {"decision": {"cancel"}}} {
		if p := b.Post(here+path, form); p.Status != http.StatusOK || p.Location != "" {
			t.Errorf("%s: %d to %q", path, p.Status, p.Location)
		}
	}
}
