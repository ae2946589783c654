package web_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"keyturn/api/apitest"
	"keyturn/issuer/oauth"
)

// TestRequirePKCE: RFC 7636 section 4.4.1, RFC 9700 section 2.1.1: of a confidential client where it says so
// itself, and of all where the setting does.
func TestRequirePKCE(t *testing.T) {
	for _, of := range []struct {
		name              string
		setting, byClient bool
		demanded          bool
	}{
		{"neither", false, false, false}, {"client", false, true, true}, {"setting", true, false, true}, {"both", true, true, true},
	} {
		t.Run(of.name, func(t *testing.T) {
			s := apitest.New(t)
			s.Provider.Settings.RequirePKCE = of.setting
			m := apitest.WebApp()
			m.RequirePKCE = of.byClient
			apitest.Register(t, s, "orders", m)
			b := apitest.NewBrowser(t, s)
			p := b.Authorize(apitest.Request("orders", "code_challenge", "", "code_challenge_method", ""))
			if !of.demanded {
				if !strings.HasPrefix(p.Location, "/interaction/") {
					t.Errorf("without a challenge: %d to %q", p.Status, p.Location)
				}
			} else if q := outcome(t, p); q.Get("error") != "invalid_request" || !strings.Contains(q.Get("error_description"), "code_challenge") {
				t.Errorf("without a challenge: %v", q)
			}
			if p := b.Authorize(apitest.Request("orders")); !strings.HasPrefix(p.Location, "/interaction/") {
				t.Errorf("with one: %d to %q", p.Status, p.Location)
			}
		})
	}
}

// TestDefaultMaxAge: OIDC Registration section 2, default_max_age; that of a request goes before it.
func TestDefaultMaxAge(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	m := apitest.WebApp()
	m.DefaultMaxAge = new(int64)
	*m.DefaultMaxAge = 60
	apitest.Register(t, s, "orders", m)
	m.DefaultMaxAge = new(int64)
	apitest.Register(t, s, "at-once", m)
	b := apitest.NewBrowser(t, s)
	b.SignIn(apitest.Request("orders"), "spiderman", apitest.Password)
	silently := func(client string, more ...string) string {
		t.Helper()
		return outcome(t, b.Authorize(apitest.Request(client, append(more, "prompt", "none")...))).Get("error")
	}
	s.Advance(20 * time.Second)
	if got := silently("orders"); got != "" {
		t.Errorf("within it: %s", got)
	}
	if got := silently("at-once"); got != "login_required" {
		t.Errorf("a default of 0: %q", got)
	}
	s.Advance(41 * time.Second)
	if got := silently("orders"); got != "login_required" {
		t.Errorf("after it: %q", got)
	}
	if p := b.Authorize(apitest.Request("orders")); !strings.HasPrefix(p.Location, "/interaction/") {
		t.Errorf("after it, where one may ask: %q", p.Location)
	}
	if got := silently("orders", "max_age", "10000"); got != "" {
		t.Errorf("with the request's own: %s", got)
	}
	apitest.CodeFrom(t, b.SignIn(apitest.Request("orders"), "spiderman", apitest.Password))
}

// TestSignInIsFreshForFiveMinutes: max_age (OIDC Core section 3.1.2.1) is about an earlier sign-in; after one for
// this very request a person has time to decide, and no more than that.
func TestSignInIsFreshForFiveMinutes(t *testing.T) {
	for maxAge, of := range map[string]struct{ within, after time.Duration }{
		"0":   {4*time.Minute + 30*time.Second, 31 * time.Second},
		"60":  {4*time.Minute + 30*time.Second, 31 * time.Second},
		"600": {9*time.Minute + 30*time.Second, 31 * time.Second}, // what the client takes is longer still
	} {
		s := apitest.New(t)
		s.AddUser(t, "spiderman")
		apitest.Register(t, s, "orders", thirdParty())
		b := apitest.NewBrowser(t, s)
		p := b.SignIn(apitest.Request("orders", "max_age", maxAge), "spiderman", apitest.Password)
		here := strings.TrimSuffix(apitest.Action.FindStringSubmatch(p.Body)[1], "/consent")
		s.Advance(of.within)
		if p := b.Get(here); !strings.Contains(p.Body, `name="decision" value="allow"`) {
			t.Errorf("max_age=%s, %v after the sign-in: %d %s", maxAge, of.within, p.Status, p.Body)
		}
		s.Advance(of.after)
		if p := b.Get(here); !strings.Contains(p.Body, `name="password"`) {
			t.Errorf("max_age=%s, %v later: %d %s", maxAge, of.after, p.Status, p.Body)
		}
		b.Post(here+"/sign-in", url.Values{"username": {"spiderman"}, "password": {apitest.Password}})
		b.Allow(here)
		apitest.CodeFrom(t, b.Get(here))
	}
}

// TestRedirectURIIsProvedAgain: RFC 9700 section 2.1. What was registered when the request came may be nobody's, or
// somebody else's, by the time of the answer.
func TestRedirectURIIsProvedAgain(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	apitest.Register(t, s, "orders", thirdParty())
	b := apitest.NewBrowser(t, s)
	p := b.SignIn(apitest.Request("orders"), "spiderman", apitest.Password)
	here := strings.TrimSuffix(apitest.Action.FindStringSubmatch(p.Body)[1], "/consent")
	session := strings.SplitN(strings.SplitN(p.Body, `name="session" value="`, 2)[1], `"`, 2)[0]
	update := func(uri string) {
		m := thirdParty()
		m.RedirectURIs = []string{uri}
		if _, err := s.Clients.Update(context.Background(), "orders", s.Clients.Defaults(m), apitest.System); err != nil {
			t.Fatal(err)
		}
	}
	update("https://app.example.com/elsewhere")
	for name, p := range map[string]apitest.Page{
		"page":    b.Get(here),
		"allow":   b.Post(here+"/consent", url.Values{"decision": {"allow"}, "session": {session}}),
		"deny":    b.Post(here+"/consent", url.Values{"decision": {"deny"}, "session": {session}}),
		"cancel":  b.Post(here+"/sign-in", url.Values{"decision": {"cancel"}}),
		"sign-in": b.Post(here+"/sign-in", url.Values{"username": {"spiderman"}, "password": {apitest.Password}}),
	} {
		if p.Status != http.StatusBadRequest || p.Location != "" || strings.Contains(p.Body, apitest.Callback) {
			t.Errorf("%s: %d to %q %s", name, p.Status, p.Location, p.Body)
		}
	}
	update(apitest.Callback)
	b.Allow(here)
	apitest.CodeFrom(t, b.Get(here)) // and none of the above has ended it
}

// TestHints: OIDC Core sections 3.1.2.1 (id_token_hint), 3.1.2.6 and 5.5.1 (sub): a code is for the person that was
// meant, or there is none.
func TestHints(t *testing.T) {
	s := apitest.New(t)
	one, other := s.AddUser(t, "spiderman"), s.AddUser(t, "batman")
	secret := apitest.Register(t, s, "orders", apitest.WebApp())
	b := apitest.NewBrowser(t, s)
	hint := idToken(t, b, "orders", secret)
	named := func(where, id string) string { return `{"` + where + `":{"sub":{"value":"` + id + `"}}}` }
	for _, of := range []struct {
		name string
		more []string
		want string
	}{
		{"a hint", []string{"id_token_hint", hint}, ""},
		{"a hint that can't be read", []string{"id_token_hint", "eyJhbGciOiJub25lIn0.e30."}, "login_required"},
		{"a hint whose signature is broken", []string{"id_token_hint", hint[:len(hint)-4] + "AAAA"}, "login_required"},
		{"claims", []string{"claims", named("id_token", one.ID)}, ""},
		{"claims of somebody else", []string{"claims", named("id_token", other.ID)}, "login_required"},
		{"claims, by UserInfo, of somebody else", []string{"claims", named("userinfo", other.ID)}, "login_required"},
		{"a hint and claims", []string{"id_token_hint", hint, "claims", named("id_token", one.ID)}, ""},
		{"a hint and claims that differ", []string{"id_token_hint", hint, "claims", named("id_token", other.ID)}, "invalid_request"},
		{"a hint and claims that differ, by UserInfo", []string{"id_token_hint", hint, "claims", named("userinfo", other.ID)}, "invalid_request"},
	} {
		q := outcome(t, b.Authorize(apitest.Request("orders", append(of.more, "prompt", "none")...)))
		if q.Get("error") != of.want || q.Has("code") != (of.want == "") {
			t.Errorf("silently with %s: %v, want %q", of.name, q, of.want)
		}
	}
	// Where one may ask, a hint that can't be read (any more) expects nobody.
	apitest.CodeFrom(t, b.Authorize(apitest.Request("orders", "id_token_hint", "eyJhbGciOiJub25lIn0.e30.")))
	if q := outcome(t, b.Authorize(apitest.Request("orders", "id_token_hint", hint, "claims", named("id_token", other.ID)))); q.Get("error") != "invalid_request" {
		t.Errorf("a hint and claims that differ: %v", q)
	}
}

// TestVoluntaryACR: OIDC Core section 5.5.1.1: only an essential acr is demanded.
func TestVoluntaryACR(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	apitest.Register(t, s, "orders", apitest.WebApp())
	b := apitest.NewBrowser(t, s)
	b.SignIn(apitest.Request("orders"), "spiderman", apitest.Password)
	for wish, want := range map[string]string{
		`null`:                                 "",
		`{"value":"gold"}`:                     "",
		`{"values":["gold","silver"]}`:         "",
		`{"essential":false,"value":"gold"}`:   "",
		`{"essential":true}`:                   "",
		`{"essential":true,"value":"gold"}`:    "unmet_authentication_requirements",
		`{"essential":true,"values":["gold"]}`: "unmet_authentication_requirements",
	} {
		q := outcome(t, b.Authorize(apitest.Request("orders", "claims", `{"id_token":{"acr":`+wish+`}}`)))
		if q.Get("error") != want || q.Has("code") != (want == "") {
			t.Errorf("acr %s: %v, want %q", wish, q, want)
		}
	}
}

// deaf is a client's server that never takes a logout token.
type deaf struct{ asked chan string }

func (d deaf) PostForm(_ context.Context, to string, _ url.Values) (int, error) {
	d.asked <- to
	return 0, errors.New("connection refused")
}

// noting tells when the outcome of an attempt has been stored.
type noting struct {
	oauth.Store
	noted chan struct{}
}

func (n noting) RetryLogout(ctx context.Context, id string, wait time.Duration) error {
	defer func() { n.noted <- struct{}{} }()
	return n.Store.RetryLogout(ctx, id, wait)
}

func (n noting) DoneLogout(ctx context.Context, id string) error {
	defer func() { n.noted <- struct{}{} }()
	return n.Store.DoneLogout(ctx, id)
}

// TestLogoutIsTriedTwelveTimes, then given up, and the operator told: OIDC Back-Channel Logout section 2.7 leaves
// open how often.
func TestLogoutIsTriedTwelveTimes(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	var log bytes.Buffer
	d := deaf{make(chan string)}
	store := noting{s.Provider.Store, make(chan struct{})}
	s.Provider.Store, s.Provider.Post, s.Provider.Log = store, d, slog.New(slog.NewTextHandler(&log, nil))
	m := withLogout()
	m.BackchannelLogoutURI = "https://app.example.com/logout"
	secret := apitest.Register(t, s, "orders", m)
	b := apitest.NewBrowser(t, s)
	b.Get("/oauth2/logout?id_token_hint=" + idToken(t, b, "orders", secret))
	const givenUp = "a client was not told of a logout"
	waiting := func() (attempts []int64) {
		due, err := s.DB.TakeLogouts(context.Background(), 10, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range due {
			attempts = append(attempts, one.Attempts)
		}
		return attempts
	}
	for n := range int64(12) {
		if got := waiting(); len(got) != 1 || got[0] != n {
			t.Fatalf("before attempt %d: attempts of what is due %v; the log: %s", n+1, got, log.String())
		}
		if strings.Contains(log.String(), givenUp) {
			t.Fatalf("given up before attempt %d", n+1)
		}
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() { defer close(ended); s.Provider.SendLogouts(ctx) }()
		if to := <-d.asked; to != m.BackchannelLogoutURI {
			t.Errorf("asked %s", to)
		}
		<-store.noted
		stop()
		<-ended
		if got := waiting(); len(got) != 0 {
			t.Errorf("due again at once after attempt %d", n+1)
		}
		s.Advance(31 * time.Minute)
	}
	s.Advance(24 * time.Hour)
	if got := waiting(); len(got) != 0 {
		t.Errorf("tried still after %v attempts", got)
	}
	if text := log.String(); strings.Count(text, givenUp) != 1 || !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "attempts=12") || !strings.Contains(text, "client=orders") {
		t.Errorf("the log: %s", text)
	}
	if strings.Contains(log.String(), "eyJ") {
		t.Error("a token in the log")
	}
}

// TestUseKeepsABrowserSignedIn: ASVS 7.3.1, an idle time of 12 hours, and 7.3.2, an end that no use moves.
func TestUseKeepsABrowserSignedIn(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		s.AddUser(t, "spiderman")
		apitest.Register(t, s, "orders", apitest.WebApp())
		b := apitest.NewBrowser(t, s)
		b.SignIn(apitest.Request("orders"), "spiderman", apitest.Password)
		for hours := 11; hours < 168; hours += 11 {
			if s.Advance(11 * time.Hour); !signedIn(b) {
				t.Fatalf("signed out after %d hours, used every 11", hours)
			}
		}
		if s.Advance(4 * time.Hour); signedIn(b) {
			t.Error("signed in after a week and more")
		}
		b.SignIn(apitest.Request("orders"), "spiderman", apitest.Password)
		if s.Advance(12*time.Hour + time.Second); signedIn(b) {
			t.Error("signed in after 12 idle hours")
		}
	})
}

// TestDisabledAppsAreNotShown on the account page: neither what was allowed nor what could be opened.
func TestDisabledAppsAreNotShown(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	m := thirdParty()
	m.Name = "Allowed Shop"
	apitest.Register(t, s, "allowed", m)
	m = apitest.WebApp()
	m.Name, m.InitiateLoginURI = "Own Shop", "https://own.example.com/login"
	apitest.Register(t, s, "own", m)
	b := apitest.NewBrowser(t, s)
	p := b.SignIn(apitest.Request("allowed"), "spiderman", apitest.Password)
	b.Allow(strings.TrimSuffix(apitest.Action.FindStringSubmatch(p.Body)[1], "/consent"))
	for _, on := range []bool{true, false, true} {
		for _, id := range []string{"allowed", "own"} {
			if _, err := s.Clients.SetEnabled(context.Background(), id, on, apitest.System); err != nil {
				t.Fatal(err)
			}
		}
		page := b.Get("/account").Body
		for _, shown := range []string{"Allowed Shop", "/account/apps/allowed/remove", "Own Shop", "https://own.example.com/login"} {
			if strings.Contains(page, shown) != on {
				t.Errorf("turned on %v: %s", on, shown)
			}
		}
	}
}
