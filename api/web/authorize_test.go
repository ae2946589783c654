package web_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"keyturn/api/apitest"
	"keyturn/issuer/oauth"
)

// TestNeverRedirectedElsewhere: RFC 6749 section 4.1.2.1, RFC 9700 sections 2.1 and 4.1.3. A redirect URI that
// differs from the registered one in anything is a page, without a redirect and without a link to it.
func TestNeverRedirectedElsewhere(t *testing.T) {
	s := apitest.New(t)
	apitest.Register(t, s, "orders", oauth.Metadata{RedirectURIs: []string{apitest.Callback, apitest.Callback + "?tenant=1"}})
	b := apitest.NewBrowser(t, s)
	for _, uri := range []string{
		"", "https://evil.example/", apitest.Callback + "/", apitest.Callback + "x", "https://app.example.com/callback/../x",
		"https://app.example.com/%63allback", "https://app.example.com/callback?x=1", apitest.Callback + "#f", "https://APP.example.com/callback",
		"https://app.example.com:443/callback", "https://user@app.example.com/callback", "http://app.example.com/callback",
		"https://app.example.com.evil.example/callback", "https://app.example.com/callback?tenant=1&x=2", "https://app.example.com/callback?tenant=2",
		" " + apitest.Callback, apitest.Callback + " ", "https://app.example.com\\@evil.example/callback", "javascript:alert(1)", "https://app.example.com/callback\x00",
		"//app.example.com/callback", "/callback", apitest.Callback + "\r\nSet-Cookie: a=b", "https://app.example.com/callback\xff",
	} {
		p := b.Authorize(apitest.Request("orders", "redirect_uri", uri))
		if p.Status != http.StatusBadRequest || p.Location != "" || !strings.Contains(strings.ToLower(p.Body), "invalid") && !strings.Contains(strings.ToLower(p.Body), "error") {
			t.Errorf("%q: %d to %q", uri, p.Status, p.Location)
		}
		if uri != "" && strings.Contains(p.Body, "evil.example") {
			t.Errorf("%q stands in the page", uri)
		}
	}
}

// TestErrorsBeforeTheRedirectURIIsKnown are pages (RFC 6749 section 4.1.2.1).
func TestErrorsBeforeTheRedirectURIIsKnown(t *testing.T) {
	s := apitest.New(t)
	apitest.Register(t, s, "orders", apitest.WebApp())
	apitest.Register(t, s, "off", apitest.WebApp())
	if _, err := s.Clients.SetEnabled(context.Background(), "off", false, apitest.System); err != nil {
		t.Fatal(err)
	}
	b := apitest.NewBrowser(t, s)
	twice := apitest.Request("orders")
	twice.Add("redirect_uri", apitest.Callback)
	twoClients := apitest.Request("orders")
	twoClients.Add("client_id", "orders")
	for name, v := range map[string]url.Values{
		"no client_id":      apitest.Request("orders", "client_id", ""),
		"unknown client":    apitest.Request("nobody"),
		"client turned off": apitest.Request("off"),
		"NUL in client_id":  apitest.Request("orders\x00"),
		"broken UTF-8":      apitest.Request("orders\xff"),
		"redirect_uri ×2":   twice,
		"client_id ×2":      twoClients,
		"huge client_id":    apitest.Request(strings.Repeat("x", 8000)),
		"no parameters":     {},
	} {
		p := b.Authorize(v)
		if p.Status != http.StatusBadRequest || p.Location != "" || !strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d to %q (%s)", name, p.Status, p.Location, p.Header.Get("Content-Type"))
		}
	}
	if p := b.Get("/oauth2/authorize?client_id=%zz"); p.Status != http.StatusBadRequest {
		t.Errorf("a malformed query string: %d", p.Status)
	}
}

// TestErrorsThatTheClientIsTold: each rule of the authorization endpoint, with the code that its specification
// names, state as it was sent and iss (RFC 9207 section 2).
func TestErrorsThatTheClientIsTold(t *testing.T) {
	s := apitest.New(t)
	apitest.Register(t, s, "orders", apitest.WebApp())
	public := apitest.WebApp()
	public.AuthMethod = oauth.AuthNone
	apitest.Register(t, s, "spa", public)
	b := apitest.NewBrowser(t, s)
	add := func(v url.Values, name string, values ...string) url.Values {
		v[name] = append(v[name], values...)
		return v
	}
	for _, of := range []struct {
		name string
		v    url.Values
		code string
	}{
		{"no response_type (RFC 6749 3.1.1)", apitest.Request("orders", "response_type", ""), "invalid_request"},
		{"implicit (RFC 9700 2.1.2)", apitest.Request("orders", "response_type", "token"), "unsupported_response_type"},
		{"hybrid (RFC 9700 2.1.2)", apitest.Request("orders", "response_type", "code id_token"), "unsupported_response_type"},
		{"unknown response_mode", apitest.Request("orders", "response_mode", "fragment"), "invalid_request"},
		{"scope twice (RFC 6749 3.1)", add(apitest.Request("orders"), "scope", "openid"), "invalid_request"},
		{"nonce twice (RFC 6749 3.1)", add(apitest.Request("orders"), "nonce", "x"), "invalid_request"},
		{"malformed scope (RFC 6749 3.3)", apitest.Request("orders", "scope", "openid \"x\""), "invalid_scope"},
		{"no known scope (RFC 6749 3.3)", apitest.Request("orders", "scope", "nothing-we-know"), "invalid_scope"},
		{"public without PKCE (RFC 9700 2.1.1)", apitest.Request("spa", "code_challenge", "", "code_challenge_method", ""), "invalid_request"},
		{"plain PKCE (RFC 9700 2.1.1)", apitest.Request("orders", "code_challenge_method", "plain"), "invalid_request"},
		{"PKCE method absent means plain (RFC 7636 4.3)", apitest.Request("orders", "code_challenge_method", ""), "invalid_request"},
		{"malformed challenge (RFC 7636 4.2)", apitest.Request("orders", "code_challenge", "short"), "invalid_request"},
		{"method without challenge", apitest.Request("orders", "code_challenge", ""), "invalid_request"},
		{"a request object that is not signed (OIDC Core 6.1)", apitest.Request("orders", "request", "eyJhbGciOiJub25lIn0.e30."), "invalid_request_object"},
		{"request_uri (OIDC Core 6.2)", apitest.Request("orders", "request_uri", "https://app.example.com/r"), "invalid_request_uri"},
		{"request_uri by http (RFC 9101 10.4)", apitest.Request("orders", "request_uri", "http://169.254.169.254/latest"), "invalid_request_uri"},
		{"both", apitest.Request("orders", "request", "x", "request_uri", "https://app.example.com/r"), "invalid_request"},
		{"unknown resource (RFC 8707 2)", apitest.Request("orders", "resource", "https://other.example"), "invalid_target"},
		{"two resources (RFC 8707 2)", add(apitest.Request("orders"), "resource", "api", "api2"), "invalid_target"},
		{"unknown prompt (OIDC Core 3.1.2.1)", apitest.Request("orders", "prompt", "create"), "invalid_request"},
		{"none with another prompt (OIDC Core 3.1.2.1)", apitest.Request("orders", "prompt", "none login"), "invalid_request"},
		{"not signed in (OIDC Core 3.1.2.6)", apitest.Request("orders", "prompt", "none"), "login_required"},
		{"forged id_token_hint, silently (OIDC Core 3.1.2.1)", apitest.Request("orders", "prompt", "none", "id_token_hint", "eyJhbGciOiJub25lIn0.e30."), "login_required"},
		{"max_age is no number", apitest.Request("orders", "max_age", "soon"), "invalid_request"},
		{"negative max_age", apitest.Request("orders", "max_age", "-1"), "invalid_request"},
		{"claims is no object (OIDC Core 5.5)", apitest.Request("orders", "claims", "[]"), "invalid_request"},
		{"acr that can't be reached (OIDC Core 5.5.1.1)", apitest.Request("orders", "claims", `{"id_token":{"acr":{"essential":true,"values":["gold"]}}}`), "unmet_authentication_requirements"},
		{"huge nonce", apitest.Request("orders", "nonce", strings.Repeat("n", 5000)), "invalid_request"},
		{"NUL in nonce", apitest.Request("orders", "nonce", "a\x00b"), "invalid_request"},
		{"broken UTF-8 in login_hint", apitest.Request("orders", "login_hint", "a\xffb"), "invalid_request"},
	} {
		p := b.Authorize(of.v)
		u, err := url.Parse(p.Location)
		if err != nil || p.Status != http.StatusSeeOther || !strings.HasPrefix(p.Location, apitest.Callback+"?") {
			t.Errorf("%s: %d to %q %s", of.name, p.Status, p.Location, p.Body)
			continue
		}
		q := u.Query()
		if q.Get("error") != of.code || q.Get("state") != "af0ifjsldkj" || q.Get("iss") != s.URL || q.Has("code") {
			t.Errorf("%s: got %s, want %s", of.name, p.Location, of.code)
		}
		if strings.ContainsFunc(q.Get("error_description"), func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
			t.Errorf("%s: characters that error_description may not have (RFC 6749 4.1.2.1): %q", of.name, q.Get("error_description"))
		}
	}
}

// TestWhatIsNoError: OIDC Core section 3.1.2.1 and oidc.md's items 9, 12 and 17.
func TestWhatIsNoError(t *testing.T) {
	s := apitest.New(t)
	apitest.Register(t, s, "orders", apitest.WebApp())
	b := apitest.NewBrowser(t, s)
	for name, v := range map[string]url.Values{
		"unknown parameter":  apitest.Request("orders", "extra", "foobar"),
		"unknown scope":      apitest.Request("orders", "scope", "openid something-else"),
		"no scope":           apitest.Request("orders", "scope", ""),
		"display":            apitest.Request("orders", "display", "popup"),
		"unknown login_hint": apitest.Request("orders", "login_hint", "nobody@example.com"),
		"ui_locales":         apitest.Request("orders", "ui_locales", "se de", "claims_locales", "se"),
		"acr_values":         apitest.Request("orders", "acr_values", "1 2"),
		"no nonce":           apitest.Request("orders", "nonce", ""),
		"no PKCE":            apitest.Request("orders", "code_challenge", "", "code_challenge_method", ""),
		"unknown claims":     apitest.Request("orders", "claims", `{"userinfo":{"foo":null},"elsewhere":{"x":1}}`),
		"a long state":       apitest.Request("orders", "state", strings.Repeat("s", 1000)),
	} {
		if p := b.Authorize(v); p.Status != http.StatusSeeOther || !strings.HasPrefix(p.Location, "/interaction/") {
			t.Errorf("%s: %d to %q", name, p.Status, p.Location)
		}
	}
}

// TestStateIsReturnedExactly: RFC 6749 section 4.1.2, an empty one too, and none where none came.
func TestStateIsReturnedExactly(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	apitest.Register(t, s, "orders", apitest.WebApp())
	b := apitest.NewBrowser(t, s)
	b.SignIn(apitest.Request("orders"), "spiderman", apitest.Password)
	for _, state := range []string{"", "a b&c=d%20+\"'<ü>", strings.Repeat("x", 128)} {
		v := apitest.Request("orders")
		v["state"] = []string{state}
		u, _ := url.Parse(b.Authorize(v).Location)
		if got, has := u.Query()["state"]; !has || got[0] != state {
			t.Errorf("state %q came back as %q", state, got)
		}
	}
	u, _ := url.Parse(b.Authorize(apitest.Request("orders", "state", "")).Location)
	if u.Query().Has("state") || !u.Query().Has("code") {
		t.Errorf("without state: %s", u)
	}
}

// TestRegisteredQueryStays: RFC 6749 section 3.1.2.
func TestRegisteredQueryStays(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	m := apitest.WebApp()
	m.RedirectURIs = []string{apitest.Callback + "?tenant=1"}
	apitest.Register(t, s, "orders", m)
	b := apitest.NewBrowser(t, s)
	p := b.SignIn(apitest.Request("orders", "redirect_uri", apitest.Callback+"?tenant=1"), "spiderman", apitest.Password)
	if !strings.HasPrefix(p.Location, apitest.Callback+"?tenant=1&code=") {
		t.Errorf("got %s", p.Location)
	}
}

// TestLoopbackPort: RFC 8252 section 7.3, for public clients alone.
func TestLoopbackPort(t *testing.T) {
	s := apitest.New(t)
	native := oauth.Metadata{RedirectURIs: []string{"http://127.0.0.1/cb", "http://[::1]:1234/cb", "http://localhost/cb"}, AuthMethod: oauth.AuthNone}
	apitest.Register(t, s, "native", native)
	native.AuthMethod = oauth.AuthBasic
	apitest.Register(t, s, "server", native)
	b := apitest.NewBrowser(t, s)
	for uri, fine := range map[string]bool{
		"http://127.0.0.1:51004/cb": true, "http://127.0.0.1/cb": true, "http://[::1]:9/cb": true,
		"http://127.0.0.1:51004/cb2": false, "http://127.0.0.1:51004/cb?x=1": false, "https://127.0.0.1:51004/cb": false,
		"http://127.0.0.1:51004@evil.example/cb": false, "http://127.0.0.1:x/cb": false, "http://127.0.0.2:51004/cb": false,
		"http://localhost:51004/cb": false, "http://127.0.0.1:/cb": false, "http://127.0.0.1:123456/cb": false,
	} {
		if p := b.Authorize(apitest.Request("native", "redirect_uri", uri)); (p.Status == http.StatusSeeOther) != fine {
			t.Errorf("public, %s: %d", uri, p.Status)
		}
		exact := uri == "http://127.0.0.1/cb"
		if p := b.Authorize(apitest.Request("server", "redirect_uri", uri)); (p.Status == http.StatusSeeOther) != exact {
			t.Errorf("confidential, %s: %d", uri, p.Status)
		}
	}
}

// TestPromptAndMaxAge: OIDC Core section 3.1.2.1, to the second.
func TestPromptAndMaxAge(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	apitest.Register(t, s, "orders", apitest.WebApp())
	b := apitest.NewBrowser(t, s)
	b.SignIn(apitest.Request("orders"), "spiderman", apitest.Password)
	asks := func(v url.Values) bool {
		t.Helper()
		p := b.Authorize(v)
		if p.Status != http.StatusSeeOther {
			t.Fatalf("%d %s", p.Status, p.Body)
		}
		return strings.HasPrefix(p.Location, "/interaction/")
	}
	s.Advance(2 * time.Second)
	for _, of := range []struct {
		name string
		v    url.Values
		asks bool
	}{
		{"nothing", apitest.Request("orders"), false},
		{"prompt=none", apitest.Request("orders", "prompt", "none"), false},
		{"prompt=login", apitest.Request("orders", "prompt", "login"), true},
		{"prompt=select_account", apitest.Request("orders", "prompt", "select_account"), true},
		{"prompt=consent", apitest.Request("orders", "prompt", "consent"), true},
		{"max_age=1", apitest.Request("orders", "max_age", "1"), true},
		{"max_age=0", apitest.Request("orders", "max_age", "0"), true},
		{"max_age=10000", apitest.Request("orders", "max_age", "10000"), false},
	} {
		if got := asks(of.v); got != of.asks {
			t.Errorf("%s: asks %v, want %v", of.name, got, of.asks)
		}
	}
	// A sign-in within the request is enough for any max_age, and auth_time tells it.
	p := b.SignIn(apitest.Request("orders", "max_age", "0"), "spiderman", apitest.Password)
	apitest.CodeFrom(t, p)
	p = b.SignIn(apitest.Request("orders", "prompt", "login"), "spiderman", apitest.Password)
	apitest.CodeFrom(t, p)
}

// TestFormPost: OAuth 2.0 Form Post Response Mode, for success and error: nothing in a query string.
func TestFormPost(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	apitest.Register(t, s, "orders", apitest.WebApp())
	b := apitest.NewBrowser(t, s)
	p := b.SignIn(apitest.Request("orders", "response_mode", "form_post"), "spiderman", apitest.Password)
	for _, want := range []string{`action="` + apitest.Callback + `"`, `name="code"`, `name="state"`, `name="iss"`, `method="post"`, `type="submit"`} {
		if p.Status != http.StatusOK || !strings.Contains(p.Body, want) {
			t.Errorf("%d without %s: %s", p.Status, want, p.Body)
		}
	}
	p = b.Authorize(apitest.Request("orders", "response_mode", "form_post", "prompt", "login none"))
	if p.Status != http.StatusOK || p.Location != "" || !strings.Contains(p.Body, `name="error" value="invalid_request"`) {
		t.Errorf("an error: %d to %q: %s", p.Status, p.Location, p.Body)
	}
}

// TestAuthorizeByForm: OIDC Core section 3.1.2.1. A form from another site carries no Lax cookie; the person
// is signed in all the same.
func TestAuthorizeByForm(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	apitest.Register(t, s, "orders", apitest.WebApp())
	b := apitest.NewBrowser(t, s)
	b.SignIn(apitest.Request("orders"), "spiderman", apitest.Password)
	stranger := apitest.Client()
	r, _ := http.NewRequest(http.MethodPost, s.URL+"/oauth2/authorize", strings.NewReader(apitest.Request("orders", "prompt", "none").Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "https://app.example.com")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	answer, err := stranger.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	here := answer.Header.Get("Location")
	if answer.StatusCode != http.StatusSeeOther || !strings.HasPrefix(here, "/oauth2/authorize?") {
		t.Fatalf("%d to %q", answer.StatusCode, here)
	}
	apitest.CodeFrom(t, b.Get(here))
	// A request that is too long for a URL goes on at an interaction's page.
	long := apitest.Request("orders", "prompt", "none", "ignored", strings.Repeat("x", 20_000))
	p := b.Post("/oauth2/authorize", long)
	if !strings.HasPrefix(p.Location, "/interaction/") {
		t.Fatalf("a long request: %d to %q", p.Status, p.Location)
	}
	apitest.CodeFrom(t, b.Get(p.Location))
}
