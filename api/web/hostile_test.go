package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"keyturn/api/apitest"
)

// TestBadInputIsNever500: every endpoint that browsers and clients come to, with what they never send.
func TestBadInputIsNever500(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		s.AddUser(t, "spiderman")
		apitest.Register(t, s, "orders", apitest.WebApp())
		b := apitest.NewBrowser(t, s)
		here := b.Authorize(apitest.Request("orders")).Location
		b.Post("/account/sign-in", url.Values{"username": {"spiderman"}, "password": {apitest.Password}})
		names := []string{
			"client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "code_challenge", "prompt", "max_age", "claims",
			"acr_values", "id_token_hint", "login_hint", "ui_locales", "request", "request_uri", "resource", "response_mode", "code",
			"code_verifier", "refresh_token", "grant_type", "token", "client_secret", "client_assertion", "username", "password",
			"decision", "post_logout_redirect_uri", "logout_hint", "done",
		}
		values := []string{
			"", "\x00", "\xff\xfe", "\u202e", strings.Repeat("x", 5000), "a\r\nSet-Cookie: x=y", `"'<script>`, "{}", "[[[[", "-1", "9223372036854775808",
			"a.b.c", "%", "eyJhbGciOiJub25lIn0.e30.", "null", "{\"userinfo\":null,\"id_token\":{\"acr\":{\"essential\":1}}}", "\ud7ff", strings.Repeat("a ", 300),
		}
		paths := []string{
			"/oauth2/authorize", "/oauth2/token", "/oauth2/userinfo", "/oauth2/introspect", "/oauth2/revoke", "/oauth2/logout",
			here, here + "/sign-in", here + "/consent", "/interaction/%00", "/interaction/%ff/sign-in", "/interaction/x/consent", "/account", "/account/sign-in",
			"/account/sessions/%00/end", "/account/sessions/x/end", "/account/apps/%ff/remove", "/account/apps/orders/remove", "/nowhere",
		}
		for _, value := range values {
			for _, path := range paths {
				form := url.Values{}
				for _, name := range names {
					form.Set(name, value)
				}
				form.Set("client_id", "orders")
				if strings.HasPrefix(path, "/oauth2/authorize") {
					form.Set("redirect_uri", apitest.Callback)
				}
				for _, p := range []apitest.Page{b.Get(path + "?" + form.Encode()), b.Post(path, form)} {
					if p.Status >= http.StatusInternalServerError {
						t.Errorf("%s with %.40q: %d %s", path, value, p.Status, p.Body)
					}
					if p.Location != "" && !strings.HasPrefix(p.Location, "/") && !strings.HasPrefix(p.Location, apitest.Callback) {
						t.Errorf("%s with %.40q leads to %q", path, value, p.Location)
					}
					if strings.Contains(p.Body, "<script>") {
						t.Errorf("%s with %.40q repeats it as markup", path, value)
					}
				}
			}
		}
	})
}
