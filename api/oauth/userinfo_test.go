package oauth_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"keyturn/accounts"
	"keyturn/api/apitest"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

var secretNone keys.Secret

// claims are those of a token of ours, whose signature is checked.
func claims(t *testing.T, s *apitest.Server, raw string) map[string]any {
	t.Helper()
	v, err := s.Keys.Verify(context.Background(), raw)
	if err != nil {
		t.Fatal(err)
	}
	var c map[string]any
	if err := json.Unmarshal(v.Claims, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// halfSHA256 is at_hash (OIDC Core section 3.1.3.6), told another way than in the issuer.
func halfSHA256(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// addWholeUser makes a user with every standard claim.
func addWholeUser(t *testing.T, s *apitest.Server) accounts.User {
	t.Helper()
	u, err := s.Accounts.Create(context.Background(), accounts.NewUser{
		Username: "spiderman", Password: apitest.Password, GivenName: "Peter", FamilyName: "Parker",
		Email: "peter@example.com", EmailVerified: true,
		Claims: accounts.StandardClaims{
			MiddleName: "Benjamin", Nickname: "Spidey", Profile: "https://example.com/peter", Picture: "https://example.com/peter.png",
			Website: "https://example.com", Gender: "male", Birthdate: "1962-08-10", Zoneinfo: "America/New_York", Locale: "en-US",
			PhoneNumber: "+1 555 0100", PhoneNumberVerified: true,
			Address: &accounts.Address{Formatted: "20 Ingram Street, Queens", StreetAddress: "20 Ingram Street", Locality: "Queens", Region: "NY", PostalCode: "11375", Country: "US"},
		},
	}, apitest.System)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestUserInfoReleasesByScope: OIDC Core sections 5.1, 5.3 and 5.4; every claim of a scope, and none of another.
func TestUserInfoReleasesByScope(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		u := addWholeUser(t, s)
		secret := apitest.Register(t, s, "orders", apitest.WebApp())
		b := apitest.NewBrowser(t, s)
		for scope, names := range map[string]string{
			"openid":         "",
			"openid profile": "name given_name family_name middle_name nickname preferred_username profile picture website gender birthdate zoneinfo locale updated_at",
			"openid email":   "email email_verified",
			"openid address": "address",
			"openid phone":   "phone_number phone_number_verified",
		} {
			_, tokens := apitest.Token(t, s, "orders", secret, apitest.Redeem(newCode(t, b, apitest.Request("orders", "scope", scope))))
			got := readUserInfo(t, s, tokens["access_token"].(string))
			want := append(strings.Fields(names), "sub")
			if got["sub"] != u.ID || len(got) != len(want) {
				t.Errorf("%s: %v, want %v", scope, got, want)
			}
			for _, name := range want {
				if got[name] == nil || got[name] == "" {
					t.Errorf("%s: no %s", scope, name)
				}
			}
		}
		// OIDC Core section 5.5: one claim by parameter, in UserInfo and not in the ID token.
		v := apitest.Request("orders", "scope", "openid", "claims", `{"userinfo":{"name":{"essential":true},"nonsense":null}}`)
		_, tokens := apitest.Token(t, s, "orders", secret, apitest.Redeem(newCode(t, b, v)))
		if got := readUserInfo(t, s, tokens["access_token"].(string)); got["name"] != "Peter Parker" || len(got) != 2 {
			t.Errorf("by the claims parameter: %v", got)
		}
		if c := claims(t, s, tokens["id_token"].(string)); c["name"] != nil {
			t.Errorf("name in the ID token: %v", c)
		}
	})
}

// TestUserInfoLeavesOutWhatIsEmpty: OIDC Core section 5.3.2: never null, never "".
func TestUserInfoLeavesOutWhatIsEmpty(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	secret := apitest.Register(t, s, "orders", apitest.WebApp())
	_, tokens := apitest.Token(t, s, "orders", secret, apitest.Redeem(newCode(t, apitest.NewBrowser(t, s), apitest.Request("orders", "scope", "openid profile email phone address"))))
	for name, value := range readUserInfo(t, s, tokens["access_token"].(string)) {
		if value == nil || value == "" || value == false || name == "address" || strings.HasPrefix(name, "email") || strings.HasPrefix(name, "phone") {
			t.Errorf("%s: %v", name, value)
		}
	}
}

func readUserInfo(t *testing.T, s *apitest.Server, access string) map[string]any {
	t.Helper()
	r, _ := http.NewRequest(http.MethodGet, s.URL+"/oauth2/userinfo", nil)
	r.Header.Set("Authorization", "Bearer "+access)
	answer, err := apitest.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var got map[string]any
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil || answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v %v", answer.StatusCode, answer.Header, err)
	}
	return got
}

// TestUserInfoWays: RFC 6750 sections 2.1, 2.2 and 3.1, RFC 9700 section 4.3.2.
func TestUserInfoWays(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	secret := apitest.Register(t, s, "orders", apitest.WebApp())
	_, tokens := apitest.Token(t, s, "orders", secret, apitest.Redeem(newCode(t, apitest.NewBrowser(t, s), apitest.Request("orders"))))
	access := tokens["access_token"].(string)
	bearer := func(token string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	}
	for _, of := range []struct {
		name   string
		form   url.Values
		change func(*http.Request)
		status int
		want   string
	}{
		{"POST, header", nil, bearer(access), 200, ""},
		{"POST, header, lower case", nil, func(r *http.Request) { r.Header.Set("Authorization", "bearer "+access) }, 200, ""},
		{"POST, body", url.Values{"access_token": {access}}, nil, 200, ""},
		{"both", url.Values{"access_token": {access}}, bearer(access), 400, "invalid_request"},
		{"twice in the body", url.Values{"access_token": {access, access}}, nil, 400, "invalid_request"},
		{"in the query", nil, func(r *http.Request) { r.URL.RawQuery = "access_token=" + access }, 400, "invalid_request"},
		{"none", nil, nil, 401, ""},
		{"another scheme", nil, as("orders", secret), 401, ""},
		{"altered", nil, bearer(access[:len(access)-2] + "xx"), 401, "invalid_token"},
		{"ID token", nil, bearer(tokens["id_token"].(string)), 401, "invalid_token"},
		{"refresh token", nil, bearer(tokens["refresh_token"].(string)), 401, "invalid_token"},
		{"rubbish", nil, bearer("x"), 401, "invalid_token"},
	} {
		answer, body := send(t, s, "/oauth2/userinfo", of.form, of.change)
		if answer.StatusCode != of.status || errorOf(body) != of.want || answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s, want %d %s", of.name, answer.StatusCode, body, of.status, of.want)
		}
		challenge := answer.Header.Get("WWW-Authenticate")
		if of.status != 200 && !strings.HasPrefix(challenge, "Bearer ") || of.want == "" && strings.Contains(challenge, "error") {
			t.Errorf("%s: challenge %q", of.name, challenge)
		}
	}
}

// TestSignedUserInfo: OIDC Core section 5.3.2, with iss and aud and without nonce.
func TestSignedUserInfo(t *testing.T) {
	s := apitest.New(t)
	u := s.AddUser(t, "spiderman")
	m := apitest.WebApp()
	m.UserInfoAlgorithm = keys.RS256
	secret := apitest.Register(t, s, "orders", m)
	_, tokens := apitest.Token(t, s, "orders", secret, apitest.Redeem(newCode(t, apitest.NewBrowser(t, s), apitest.Request("orders"))))
	r, _ := http.NewRequest(http.MethodGet, s.URL+"/oauth2/userinfo", nil)
	r.Header.Set("Authorization", "Bearer "+tokens["access_token"].(string))
	answer, err := apitest.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	c := claims(t, s, string(body))
	if answer.Header.Get("Content-Type") != "application/jwt" || c["iss"] != s.URL || c["aud"] != "orders" || c["sub"] != u.ID || c["nonce"] != nil || c["given_name"] != "Peter" {
		t.Errorf("%v %v", answer.Header, c)
	}
	// It is no ID token: it proves no sign-in.
	if _, err := s.Issuer.ReadHint(context.Background(), string(body)); err == nil {
		t.Error("a UserInfo answer is taken for an ID token")
	}
}

// TestIntrospection: RFC 7662 sections 2.1, 2.2 and 4: only one's own tokens, and those for resources that one is
// registered to introspect.
func TestIntrospection(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	secret := apitest.Register(t, s, "orders", apitest.WebApp())
	other := apitest.Register(t, s, "other", apitest.WebApp())
	server := apitest.WebApp()
	server.IntrospectResources = []string{"api"}
	resource := apitest.Register(t, s, "resource-server", server)
	public := apitest.WebApp()
	public.AuthMethod = oauth.AuthNone
	apitest.Register(t, s, "spa", public)
	_, tokens := apitest.Token(t, s, "orders", secret, apitest.Redeem(newCode(t, apitest.NewBrowser(t, s), apitest.Request("orders"))))
	access, refresh := tokens["access_token"].(string), tokens["refresh_token"].(string)
	look := func(token, id, secret string) string {
		_, body := send(t, s, "/oauth2/introspect", url.Values{"token": {token}, "token_type_hint": {"access_token"}}, as(id, secret))
		return body
	}
	for name, body := range map[string]string{
		"own access token": look(access, "orders", secret), "own refresh token": look(refresh, "orders", secret),
		"the resource's server": look(access, "resource-server", resource),
	} {
		if !strings.HasPrefix(body, `{"active":true,`) || !strings.Contains(body, `"username":"spiderman"`) || !strings.Contains(body, `"client_id":"orders"`) {
			t.Errorf("%s: %s", name, body)
		}
	}
	for name, body := range map[string]string{
		"another client":                           look(access, "other", other),
		"another client's refresh token":           look(refresh, "other", other),
		"a refresh token at the resource's server": look(refresh, "resource-server", resource),
		"rubbish":  look("rubbish", "orders", secret),
		"ID token": look(tokens["id_token"].(string), "orders", secret),
	} {
		if body != `{"active":false}` {
			t.Errorf("%s: %s", name, body)
		}
	}
	if answer, body := send(t, s, "/oauth2/introspect", url.Values{"token": {access}}, nil); answer.StatusCode != 401 || errorOf(body) != "invalid_client" {
		t.Errorf("without authentication: %d %s", answer.StatusCode, body)
	}
	if answer, body := send(t, s, "/oauth2/introspect", url.Values{"token": {access}, "client_id": {"spa"}}, nil); answer.StatusCode != 401 {
		t.Errorf("a public client: %d %s", answer.StatusCode, body)
	}
	user, _ := s.Accounts.Find(context.Background(), "spiderman")
	if _, err := s.Accounts.Deactivate(context.Background(), user.ID, apitest.System); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{access, refresh} {
		if body := look(token, "orders", secret); body != `{"active":false}` {
			t.Errorf("of a user who was deactivated: %s", body)
		}
	}
}

// TestRevocation: RFC 7009 sections 2.1 and 2.2.
func TestRevocation(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		s.AddUser(t, "spiderman")
		secret := apitest.Register(t, s, "orders", apitest.WebApp())
		thief := apitest.Register(t, s, "thief", apitest.WebApp())
		b := apitest.NewBrowser(t, s)
		for _, kind := range []string{"refresh_token", "access_token"} {
			_, tokens := apitest.Token(t, s, "orders", secret, apitest.Redeem(newCode(t, b, apitest.Request("orders"))))
			form := url.Values{"token": {tokens[kind].(string)}}
			if answer, body := send(t, s, "/oauth2/revoke", form, as("thief", thief)); answer.StatusCode != 200 || body != "" {
				t.Errorf("%s by another client: %d %s", kind, answer.StatusCode, body)
			}
			if answer, body := send(t, s, "/oauth2/revoke", form, nil); answer.StatusCode != 401 {
				t.Errorf("%s without authentication: %d %s", kind, answer.StatusCode, body)
			}
			if status := userInfo(t, s, tokens["access_token"].(string)); status != 200 {
				t.Fatalf("%s: a stranger ended it: %d", kind, status)
			}
			form.Set("token_type_hint", "refresh_token")
			for range 2 { // the second time is no error
				if answer, body := send(t, s, "/oauth2/revoke", form, as("orders", secret)); answer.StatusCode != 200 || body != "" {
					t.Errorf("%s: %d %s", kind, answer.StatusCode, body)
				}
			}
			if status := userInfo(t, s, tokens["access_token"].(string)); status != 401 {
				t.Errorf("UserInfo after revoking the %s: %d", kind, status)
			}
			if status, got := apitest.Token(t, s, "orders", secret, refreshForm(tokens)); status != 400 || got["error"] != "invalid_grant" {
				t.Errorf("refresh after revoking the %s: %d %v", kind, status, got)
			}
		}
		if answer, body := send(t, s, "/oauth2/revoke", url.Values{"token": {"rubbish"}}, as("orders", secret)); answer.StatusCode != 200 || body != "" {
			t.Errorf("an unknown token: %d %s", answer.StatusCode, body)
		}
		if answer, body := send(t, s, "/oauth2/revoke", url.Values{}, as("orders", secret)); answer.StatusCode != 400 || errorOf(body) != "invalid_request" {
			t.Errorf("no token: %d %s", answer.StatusCode, body)
		}
	})
}

// TestCORSPerClient: an origin is let in where its own client is called, never with credentials.
func TestCORSPerClient(t *testing.T) {
	s := apitest.New(t)
	spa := apitest.WebApp()
	spa.AuthMethod, spa.CORSOrigins = oauth.AuthNone, []string{"https://spa.example"}
	apitest.Register(t, s, "spa", spa)
	secret := apitest.Register(t, s, "orders", apitest.WebApp())
	from := func(origin string, more func(*http.Request)) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Origin", origin)
			if more != nil {
				more(r)
			}
		}
	}
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}, "client_id": {"spa"}}
	answer, _ := send(t, s, "/oauth2/token", form, from("https://spa.example", nil))
	if answer.Header.Get("Access-Control-Allow-Origin") != "https://spa.example" || answer.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("its own origin: %v", answer.Header)
	}
	answer, _ = send(t, s, "/oauth2/token", form, from("https://evil.example", nil))
	if answer.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin: %v", answer.Header)
	}
	form.Del("client_id")
	answer, _ = send(t, s, "/oauth2/token", form, from("https://spa.example", as("orders", secret)))
	if answer.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another client's origin: %v", answer.Header)
	}
	for origin, want := range map[string]string{"https://spa.example": "https://spa.example", "https://evil.example": ""} {
		r, _ := http.NewRequest(http.MethodOptions, s.URL+"/oauth2/token", nil)
		r.Header.Set("Origin", origin)
		r.Header.Set("Access-Control-Request-Method", "POST")
		answer, err := apitest.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusNoContent || answer.Header.Get("Access-Control-Allow-Origin") != want {
			t.Errorf("preflight from %s: %d %v", origin, answer.StatusCode, answer.Header)
		}
	}
	for _, path := range []string{"/oauth2/authorize", "/account"} {
		r, _ := http.NewRequest(http.MethodGet, s.URL+path, nil)
		r.Header.Set("Origin", "https://spa.example")
		answer, err := apitest.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s has CORS headers (RFC 9700 section 2.6)", path)
		}
	}
}
