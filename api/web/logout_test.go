package web_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"keyturn/api/apitest"
	"keyturn/issuer/oauth"
	"keyturn/storage/storagetest"
)

const goodbye = "https://app.example.com/goodbye"

func withLogout() oauth.Metadata {
	m := apitest.WebApp()
	m.PostLogoutRedirectURIs = []string{goodbye, goodbye + "?a=b"}
	return m
}

// idToken signs in and returns the client's ID token.
func idToken(t *testing.T, b *apitest.Browser, client, secret string) string {
	t.Helper()
	p := b.Authorize(apitest.Request(client))
	if strings.HasPrefix(p.Location, "/interaction/") {
		p = b.SignIn(apitest.Request(client), "spiderman", apitest.Password)
	}
	status, got := apitest.Token(t, b.S, client, secret, apitest.Redeem(apitest.CodeFrom(t, p)))
	if status != http.StatusOK {
		t.Fatalf("%d %v", status, got)
	}
	return got["id_token"].(string)
}

func claimsOf(t *testing.T, jwt string) map[string]any {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(jwt, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(text, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func signedIn(b *apitest.Browser) bool {
	return strings.HasPrefix(b.Authorize(apitest.Request("orders", "prompt", "none")).Location, apitest.Callback+"?code=")
}

// TestLogoutWithHint: RP-Initiated Logout sections 2 and 3: at once, with the exact state, and without one
// where none was sent.
func TestLogoutWithHint(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		s.AddUser(t, "spiderman")
		secret := apitest.Register(t, s, "orders", withLogout())
		b := apitest.NewBrowser(t, s)
		hint := idToken(t, b, "orders", secret)
		s.Advance(2 * time.Hour) // an expired ID token is a hint as good as any
		state := strings.Repeat("s", 128)
		p := b.Get("/oauth2/logout?" + url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {goodbye}, "state": {state}}.Encode())
		if p.Status != http.StatusSeeOther || p.Location != goodbye+"?state="+state {
			t.Fatalf("%d to %q %s", p.Status, p.Location, p.Body)
		}
		if signedIn(b) {
			t.Error("still signed in")
		}
		hint = idToken(t, b, "orders", secret)
		p = b.Get("/oauth2/logout?" + url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {goodbye + "?a=b"}}.Encode())
		if p.Location != goodbye+"?a=b" {
			t.Errorf("without state: %q", p.Location)
		}
	})
}

// TestLogoutNeverRedirectsElsewhere: RP-Initiated Logout section 3 and oidc.md item 35; the person stays signed in.
func TestLogoutNeverRedirectsElsewhere(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	secret := apitest.Register(t, s, "orders", withLogout())
	other := withLogout()
	other.PostLogoutRedirectURIs = []string{"https://other.example/bye"}
	apitest.Register(t, s, "other", other)
	b := apitest.NewBrowser(t, s)
	hint := idToken(t, b, "orders", secret)
	parts := strings.Split(hint, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
	for name, v := range map[string]url.Values{
		"unregistered":        {"id_token_hint": {hint}, "post_logout_redirect_uri": {"https://evil.example/"}},
		"query added":         {"id_token_hint": {hint}, "post_logout_redirect_uri": {goodbye + "?x=1"}},
		"no hint":             {"post_logout_redirect_uri": {goodbye}},
		"no hint, client_id":  {"post_logout_redirect_uri": {goodbye}, "client_id": {"orders"}},
		"another client's":    {"id_token_hint": {hint}, "post_logout_redirect_uri": {"https://other.example/bye"}},
		"alg none":            {"id_token_hint": {none}, "post_logout_redirect_uri": {goodbye}},
		"broken signature":    {"id_token_hint": {hint + "x"}, "post_logout_redirect_uri": {goodbye}},
		"client_id differs":   {"id_token_hint": {hint}, "post_logout_redirect_uri": {goodbye}, "client_id": {"other"}},
		"twice":               {"id_token_hint": {hint}, "post_logout_redirect_uri": {goodbye, goodbye}},
		"NUL":                 {"id_token_hint": {hint}, "post_logout_redirect_uri": {goodbye + "\x00"}},
		"a hint that is huge": {"id_token_hint": {strings.Repeat("x", 9000)}, "post_logout_redirect_uri": {goodbye}},
	} {
		p := b.Get("/oauth2/logout?" + v.Encode())
		if p.Status != http.StatusBadRequest || p.Location != "" || strings.Contains(p.Body, "evil.example") {
			t.Errorf("%s: %d to %q", name, p.Status, p.Location)
		}
		if !signedIn(b) {
			t.Fatalf("%s signed the person out", name)
		}
	}
}

// TestLogoutAsksWithoutAHint: RP-Initiated Logout section 2 wants a confirmation where the request is not known
// to come from the client, else any page could sign people out.
func TestLogoutAsksWithoutAHint(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	s.AddUser(t, "batman")
	secret := apitest.Register(t, s, "orders", withLogout())
	b := apitest.NewBrowser(t, s)
	strangers := idToken(t, b, "orders", secret)
	b.SignIn(apitest.Request("orders", "prompt", "login"), "batman", apitest.Password)
	for name, query := range map[string]string{
		"nothing": "", "state only": "?state=x", "somebody else's ID token": "?id_token_hint=" + strangers,
	} {
		p := b.Get("/oauth2/logout" + query)
		if p.Status != http.StatusOK || !strings.Contains(p.Body, `value="logout"`) || !strings.Contains(p.Body, "batman") {
			t.Errorf("%s: %d %s", name, p.Status, p.Body)
		}
	}
	if p := b.Post("/oauth2/logout", url.Values{"decision": {"stay"}}); p.Location != "/account" || !signedIn(b) {
		t.Errorf("stay: %d to %q", p.Status, p.Location)
	}
	r, _ := http.NewRequest(http.MethodPost, s.URL+"/oauth2/logout", strings.NewReader("decision=logout"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "https://evil.example")
	if p := b.Send(r); p.Status != http.StatusForbidden || !signedIn(b) {
		t.Errorf("a confirmation from another site: %d", p.Status)
	}
	p := b.Post("/oauth2/logout", url.Values{"decision": {"logout"}})
	if p.Status != http.StatusOK || !strings.Contains(p.Body, "signed out") || signedIn(b) {
		t.Errorf("confirmed: %d %s", p.Status, p.Body)
	}
	if p := b.Get("/oauth2/logout"); p.Status != http.StatusOK || !strings.Contains(p.Body, "signed out") {
		t.Errorf("with nobody signed in: %d %s", p.Status, p.Body)
	}
}

// TestLogoutByPost: RP-Initiated Logout section 2 demands POST, which other sites' cookies do not come with.
func TestLogoutByPost(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	secret := apitest.Register(t, s, "orders", withLogout())
	b := apitest.NewBrowser(t, s)
	hint := idToken(t, b, "orders", secret)
	v := url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {goodbye}, "state": {"x"}}
	r, _ := http.NewRequest(http.MethodPost, s.URL+"/oauth2/logout", strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "https://app.example.com")
	answer, err := apitest.Client().Do(r) // without cookies, as a browser would
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if p := b.Get(answer.Header.Get("Location")); p.Location != goodbye+"?state=x" || signedIn(b) {
		t.Errorf("%d to %q", p.Status, p.Location)
	}
}

// TestLogoutEndsWhatWasIssued, but not what was to outlive it: OIDC Back-Channel Logout section 2.7.
func TestLogoutEndsWhatWasIssued(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		s.AddUser(t, "spiderman")
		secret := apitest.Register(t, s, "orders", withLogout())
		b := apitest.NewBrowser(t, s)
		_, offline := apitest.Token(t, s, "orders", secret, apitest.Redeem(apitest.CodeFrom(t, b.SignIn(apitest.Request("orders"), "spiderman", apitest.Password))))
		_, online := apitest.Token(t, s, "orders", secret, apitest.Redeem(apitest.CodeFrom(t, b.Authorize(apitest.Request("orders", "scope", "openid")))))
		unused := apitest.CodeFrom(t, b.Authorize(apitest.Request("orders")))
		b.Get("/oauth2/logout?id_token_hint=" + online["id_token"].(string))
		if status, got := apitest.Token(t, s, "orders", secret, apitest.Redeem(unused)); status != http.StatusBadRequest {
			t.Errorf("a code of the session: %d %v", status, got)
		}
		if status := userInfo(t, s, online["access_token"].(string)); status != http.StatusUnauthorized {
			t.Errorf("UserInfo without offline_access: %d", status)
		}
		if status, got := apitest.Token(t, s, "orders", secret, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {offline["refresh_token"].(string)}}); status != http.StatusOK {
			t.Errorf("a refresh with offline_access: %d %v", status, got)
		}
	})
}

func userInfo(t *testing.T, s *apitest.Server, access string) int {
	t.Helper()
	r, _ := http.NewRequest(http.MethodGet, s.URL+"/oauth2/userinfo", nil)
	r.Header.Set("Authorization", "Bearer "+access)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

// TestBackchannelLogout: OIDC Back-Channel Logout sections 2.4 and 2.5, with a client that fails at first; what
// is due survives a restart, since it stands in the database.
func TestBackchannelLogout(t *testing.T) {
	for name, database := range map[string]func(testing.TB) string{"SQLite": storagetest.SQLite, "PostgreSQL": storagetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			s := apitest.New(t, func(c *apitest.Config) { c.DatabaseURL = database(t) })
			s.AddUser(t, "spiderman")
			tokens, fail := make(chan url.Values, 10), make(chan bool, 10)
			listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_ = r.ParseForm()
				select {
				case <-fail:
					w.WriteHeader(http.StatusInternalServerError)
				default:
				}
				tokens <- r.PostForm
			}))
			defer listener.Close()
			m := withLogout()
			m.BackchannelLogoutURI = listener.URL + "/logout"
			secret := apitest.Register(t, s, "orders", m)
			b := apitest.NewBrowser(t, s)
			hint := idToken(t, b, "orders", secret)
			fail <- true
			b.Get("/oauth2/logout?id_token_hint=" + hint)

			ctx, stop := context.WithCancel(context.Background())
			ended := make(chan struct{})
			go func() { defer close(ended); s.Provider.SendLogouts(ctx) }()
			<-tokens // the attempt that fails
			stop()
			<-ended
			s.Advance(time.Minute)
			ctx, stop = context.WithCancel(context.Background())
			defer stop()
			ended = make(chan struct{})
			go func() { defer close(ended); s.Provider.SendLogouts(ctx) }()
			form := <-tokens
			stop()
			<-ended
			if len(form) != 1 || form.Get("logout_token") == "" {
				t.Fatalf("posted %v, want logout_token alone", form)
			}
			raw := form.Get("logout_token")
			claims, id := claimsOf(t, raw), claimsOf(t, hint)
			if claims["sid"] != id["sid"] || claims["sub"] != id["sub"] || claims["aud"] != "orders" || claims["iss"] != s.URL || claims["nonce"] != nil || claims["jti"] == nil || claims["iat"] == nil {
				t.Errorf("claims %v", claims)
			}
			events, _ := claims["events"].(map[string]any)
			event, ok := events["http://schemas.openid.net/event/backchannel-logout"].(map[string]any)
			if len(events) != 1 || !ok || len(event) != 0 {
				t.Errorf("events %v", claims["events"])
			}
			if v, err := s.Keys.Verify(context.Background(), raw); err != nil || v.Type != "logout+jwt" {
				t.Errorf("signature: %v %+v", err, v)
			}
			due, err := s.DB.TakeLogouts(context.Background(), 10, time.Second)
			if err != nil || len(due) != 0 {
				t.Errorf("left over: %v %v", due, err)
			}
		})
	}
}

// TestFrontchannelLogout: OIDC Front-Channel Logout section 3, iss and sid in an iframe, then on to the client.
func TestFrontchannelLogout(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	m := withLogout()
	m.FrontchannelLogoutURI = "https://app.example.com/front?x=1"
	secret := apitest.Register(t, s, "orders", m)
	b := apitest.NewBrowser(t, s)
	hint := idToken(t, b, "orders", secret)
	p := b.Get("/oauth2/logout?" + url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {goodbye}}.Encode())
	sid := claimsOf(t, hint)["sid"].(string)
	frame := "https://app.example.com/front?x=1&amp;iss=" + url.QueryEscape(s.URL) + "&amp;sid=" + sid
	if p.Status != http.StatusOK || !strings.Contains(p.Body, `src="`+frame+`"`) || !strings.Contains(p.Body, goodbye) {
		t.Errorf("%d %s, want an iframe of %s", p.Status, p.Body, frame)
	}
	if !strings.Contains(p.Header.Get("Content-Security-Policy"), "frame-src https://app.example.com") {
		t.Errorf("policy %q", p.Header.Get("Content-Security-Policy"))
	}
}

// TestAccountPage: a person sees where they are signed in and which clients have access, and ends either.
func TestAccountPage(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	m := thirdParty()
	m.InitiateLoginURI = "https://app.example.com/login"
	secret := apitest.Register(t, s, "orders", m)
	here, there := apitest.NewBrowser(t, s), apitest.NewBrowser(t, s)
	if p := here.Get("/account"); !strings.Contains(p.Body, `name="password"`) {
		t.Fatalf("not asked to sign in: %d", p.Status)
	}
	form := url.Values{"username": {"spiderman"}, "password": {apitest.Password}}
	if p := here.Post("/account/sign-in", form); p.Location != "/account" {
		t.Fatalf("%d to %q", p.Status, p.Location)
	}
	there.Post("/account/sign-in", form)
	p := here.Authorize(apitest.Request("orders"))
	here.Allow(p.Location)
	_, tokens := apitest.Token(t, s, "orders", secret, apitest.Redeem(apitest.CodeFrom(t, here.Get(p.Location))))
	page := here.Get("/account").Body
	// Third-party initiated login: OIDC Core section 4.
	if !strings.Contains(page, "https://app.example.com/login?iss="+url.QueryEscape(s.URL)) || !strings.Contains(page, "Orders") {
		t.Errorf("no way to open the app: %s", page)
	}
	var ends []string
	for _, m := range apitest.Action.FindAllStringSubmatch(page, -1) {
		if strings.HasPrefix(m[1], "/account/sessions/") {
			ends = append(ends, m[1])
		}
	}
	if len(ends) == 0 {
		t.Fatalf("no session to end: %s", page)
	}
	user, _ := s.Accounts.Find(context.Background(), "spiderman")
	sessions, err := s.Provider.Browsers.Sessions(context.Background(), user.ID)
	if err != nil || len(sessions) != 2 {
		t.Fatalf("%d sessions, %v", len(sessions), err)
	}
	for _, end := range ends { // those that have a button are not this browser's own, or it would be gone, too
		here.Post(end, nil)
	}
	if p := there.Get("/account"); !strings.Contains(p.Body, `name="password"`) {
		t.Error("the other browser still is signed in")
	}
	here.Post("/account/sign-in", form)
	if p := here.Post("/account/apps/orders/remove", nil); p.Status != http.StatusSeeOther {
		t.Errorf("remove access: %d %s", p.Status, p.Body)
	}
	if status, _ := apitest.Token(t, s, "orders", secret, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens["refresh_token"].(string)}}); status != http.StatusBadRequest {
		t.Errorf("the refresh token of an app without access: %d", status)
	}
	if p := here.Authorize(apitest.Request("orders")); !strings.HasPrefix(p.Location, "/interaction/") {
		t.Errorf("consent is remembered after access was removed: %q", p.Location)
	}
	here.Post("/account/sign-out", nil)
	if p := here.Get("/account"); !strings.Contains(p.Body, `name="password"`) {
		t.Error("signed out everywhere, and yet in")
	}
}
