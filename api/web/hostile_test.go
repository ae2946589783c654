package web_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"keyturn/api/apitest"
	"keyturn/issuer/oauth"
)

// hostileValues are what no client and no browser of good will sends.
var hostileValues = []string{
	"", "\x00", "\xff\xfe", "\u202e", strings.Repeat("x", 5000), "a\r\nSet-Cookie: x=y", `"'<script>`, "{}", "[[[[", "-1", "9223372036854775808",
	"a.b.c", "%", "eyJhbGciOiJub25lIn0.e30.", "null", `{"userinfo":null,"id_token":{"acr":{"essential":1}}}`, "\ud7ff", strings.Repeat("a ", 300),
	"https://evil.example/", "//evil.example", "javascript:alert(1)",
}

// hostileShop is a provider with a client of each kind, and a person who is signed in.
type hostileShop struct {
	*apitest.Browser
	t               *testing.T
	secret, refresh string
}

func openHostileShop(t *testing.T, s *apitest.Server) *hostileShop {
	t.Helper()
	s.AddUser(t, "spiderman")
	m := withLogout()
	m.AuthMethod, m.RotateRefreshTokens = oauth.AuthPost, new(bool) // so that a refresh token stays good
	h := &hostileShop{Browser: apitest.NewBrowser(t, s), t: t, secret: apitest.Register(t, s, "orders", m)}
	apitest.Register(t, s, "stranger", thirdParty())
	h.refresh = h.tokens()["refresh_token"].(string)
	return h
}

// signIn makes sure that the person is signed in.
func (h *hostileShop) signIn() {
	h.t.Helper()
	if p := h.Post("/account/sign-in", url.Values{"username": {"spiderman"}, "password": {apitest.Password}}); p.Location != "/account" {
		h.t.Fatalf("sign-in: %d to %q", p.Status, p.Location)
	}
}

func (h *hostileShop) code() string {
	h.t.Helper()
	p := h.Authorize(apitest.Request("orders"))
	if strings.HasPrefix(p.Location, "/interaction/") {
		h.signIn()
		p = h.Authorize(apitest.Request("orders"))
	}
	return apitest.CodeFrom(h.t, p)
}

// client adds the authentication of the client to a form.
func (h *hostileShop) client(form url.Values) url.Values {
	form.Set("client_id", "orders")
	form.Set("client_secret", h.secret)
	return form
}

func (h *hostileShop) tokens() map[string]any {
	h.t.Helper()
	status, got := apitest.Token(h.t, h.S, "orders", "", h.client(apitest.Redeem(h.code())))
	if status != http.StatusOK {
		h.t.Fatalf("tokens: %d %v", status, got)
	}
	return got
}

// hostileCase is a request that would be good, and the parameters that it also might have.
type hostileCase struct {
	name string
	// request is made anew for each value; path may differ, too.
	request func() (path string, form url.Values)
	// also are names of parameters that the good request lacks.
	also string
	// good tells that the request as it is was taken.
	good func(apitest.Page) bool
}

func hostileCases(h *hostileShop) []hostileCase {
	ok := func(p apitest.Page) bool { return p.Status == http.StatusOK }
	seeOther := func(p apitest.Page) bool { return p.Status == http.StatusSeeOther }
	back := func(p apitest.Page) bool { return strings.HasPrefix(p.Location, apitest.Callback+"?code=") }
	person := url.Values{"username": {"spiderman"}, "password": {apitest.Password}}
	authorize := func() (string, url.Values) { return "/oauth2/authorize", apitest.Request("orders") }
	fixed := func(path string, form url.Values) func() (string, url.Values) {
		return func() (string, url.Values) { return path, form }
	}
	interaction := func(step string, form url.Values) func() (string, url.Values) {
		return func() (string, url.Values) {
			return h.Authorize(apitest.Request("stranger", "prompt", "login consent")).Location + step, form
		}
	}
	consent := func() (string, url.Values) {
		here := h.Authorize(apitest.Request("stranger", "prompt", "consent")).Location
		_, rest, _ := strings.Cut(h.Get(here).Body, `name="session" value="`)
		session, _, _ := strings.Cut(rest, `"`)
		return here + "/consent", url.Values{"decision": {"allow"}, "session": {session}}
	}
	var hint string
	access := h.tokens()["access_token"].(string)
	return []hostileCase{
		{"authorize", authorize, "response_mode prompt max_age display claims acr_values id_token_hint login_hint ui_locales claims_locales request request_uri resource", back},
		{"code", func() (string, url.Values) { return "/oauth2/token", h.client(apitest.Redeem(h.code())) }, "client_assertion client_assertion_type scope resource", ok},
		{"refresh", fixed("/oauth2/token", h.client(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {h.refresh}})), "client_assertion client_assertion_type scope resource code", ok},
		{"userinfo", fixed("/oauth2/userinfo", url.Values{"access_token": {access}}), "schema", ok},
		{"introspect", fixed("/oauth2/introspect", h.client(url.Values{"token": {access}})), "token_type_hint client_assertion client_assertion_type", ok},
		{"revoke", fixed("/oauth2/revoke", h.client(url.Values{"token": {"rubbish"}})), "token_type_hint client_assertion client_assertion_type", ok},
		{"sign-in", interaction("/sign-in", person), "decision lang", seeOther},
		{"account sign-in", fixed("/account/sign-in", person), "decision done", seeOther},
		{"consent", consent, "lang", seeOther},
		{"account", fixed("/account", url.Values{}), "done app lang next", nil},
		{"sign-up", fixed("/sign-up", url.Values{"email": {"miles@example.com"}}), "interaction", seeOther},
		{"forgotten", fixed("/forgotten", url.Values{"who": {"miles"}}), "interaction", seeOther},
		{"profile", fixed("/account/profile", url.Values{"given_name": {"Peter"}}), "family_name nickname locale zoneinfo", seeOther},
		{"email", fixed("/account/email", url.Values{"email": {"peter@example.com"}}), "next", seeOther},
		{"password", fixed("/account/password", url.Values{"current_password": {""}, "new_password": {"short"}}), "username", nil},
		{"sign-up link", fixed("/link/sign_up", url.Values{"token": {"x"}, "password": {goodPassword}}), "given_name family_name username", nil},
		{"invitation", fixed("/link/invitation", url.Values{"token": {"x"}, "password": {goodPassword}}), "given_name family_name", nil},
		{"reset", fixed("/link/password_reset", url.Values{"token": {"x"}, "new_password": {goodPassword}}), "", nil},
		{"confirm", fixed("/link/email_confirm", url.Values{"token": {"x"}}), "", nil},
		{"logout", func() (string, url.Values) {
			if hint == "" || !signedIn(h.Browser) { // it is that of the session which it is to end
				hint = h.tokens()["id_token"].(string)
			}
			return "/oauth2/logout", url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {goodbye}, "state": {"s"}, "client_id": {"orders"}}
		}, "logout_hint ui_locales confirm", func(p apitest.Page) bool { return p.Location == goodbye+"?state=s" }},
	}
}

// TestBadInputIsNever500: every endpoint that browsers and clients come to, with a request that would be good but for
// one parameter: nothing else keeps what is tried from where it would be read.
func TestBadInputIsNever500(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		t.Parallel() // each mostly waits for its disk
		h := openHostileShop(t, s)
		for _, of := range hostileCases(h) {
			if path, form := of.request(); of.good != nil {
				if p := h.send(of.name, path, form); !of.good(p) {
					t.Fatalf("%s: the request that everything differs from in one parameter is not taken: %d to %q %s", of.name, p.Status, p.Location, p.Body)
				}
			}
			_, form := of.request()
			for _, name := range append(slices.Sorted(maps.Keys(form)), strings.Fields(of.also)...) {
				for _, value := range hostileValues {
					path, form := of.request()
					form = maps.Clone(form)
					form[name] = []string{value}
					h.check(of.name+" with "+name, value, h.send(of.name, path, form))
				}
			}
		}
	})
}

// TestHostilePaths: what stands in a path is no more to be trusted.
func TestHostilePaths(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		t.Parallel() // each mostly waits for its disk
		h := openHostileShop(t, s)
		for _, value := range hostileValues {
			part := url.PathEscape(value)
			for _, path := range []string{
				"/interaction/" + part, "/interaction/" + part + "/sign-in", "/interaction/" + part + "/consent",
				"/account/sessions/" + part + "/end", "/account/apps/" + part + "/remove", "/" + part, "/link/" + part, "/link/" + part + "/done", "/link/sign_up?token=" + url.QueryEscape(value), "/sign-up?interaction=" + url.QueryEscape(value), "/oauth2/" + part,
			} {
				h.check("GET "+path, value, h.Get(path))
				h.check("POST "+path, value, h.Post(path, url.Values{"decision": {"allow"}, "username": {"spiderman"}, "password": {apitest.Password}}))
			}
		}
	})
}

// send sends authorization and logout requests as links do, forms as forms.
func (h *hostileShop) send(name, path string, form url.Values) apitest.Page {
	h.t.Helper()
	if name == "authorize" || name == "logout" || name == "account" {
		return h.Get(path + "?" + form.Encode())
	}
	return h.Post(path, form)
}

func (h *hostileShop) check(what, value string, p apitest.Page) {
	h.t.Helper()
	if p.Status >= http.StatusInternalServerError {
		h.t.Errorf("%s = %.40q: %d %s", what, value, p.Status, p.Body)
	}
	ours := strings.HasPrefix(p.Location, "/") && !strings.HasPrefix(p.Location, "//")
	if p.Location != "" && !ours && !strings.HasPrefix(p.Location, apitest.Callback) && !strings.HasPrefix(p.Location, goodbye) {
		h.t.Errorf("%s = %.40q leads to %q", what, value, p.Location)
	}
	if strings.Contains(p.Body, "<script>") {
		h.t.Errorf("%s = %.40q repeats it as markup", what, value)
	}
	for _, cookie := range p.Header.Values("Set-Cookie") {
		if !strings.HasPrefix(cookie, "keyturn_") {
			h.t.Errorf("%s = %.40q sets %q", what, value, cookie)
		}
	}
}
