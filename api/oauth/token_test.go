package oauth_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"keyturn/api/apitest"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/storage/storagetest"
)

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, test func(t *testing.T, s *apitest.Server)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) { test(t, apitest.New(t)) })
	t.Run("PostgreSQL", func(t *testing.T) {
		url := storagetest.Postgres(t)
		test(t, apitest.New(t, func(c *apitest.Config) { c.DatabaseURL = url }))
	})
}

// send posts a form to an endpoint; change may alter the request.
func send(t *testing.T, s *apitest.Server, path string, form url.Values, change func(*http.Request)) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, s.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if change != nil {
		change(r)
	}
	answer, err := apitest.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

func as(id, secret string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret)) }
}

func errorOf(body string) string {
	var e struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal([]byte(body), &e)
	return e.Error
}

// newCode signs in (or uses the session) and returns a fresh code.
func newCode(t *testing.T, b *apitest.Browser, v url.Values) string {
	t.Helper()
	p := b.Authorize(v)
	if strings.HasPrefix(p.Location, "/interaction/") {
		p = b.SignIn(v, "spiderman", apitest.Password)
	}
	return apitest.CodeFrom(t, p)
}

// TestCodeIsBound: RFC 6749 section 4.1.3, RFC 7636 section 4.6, RFC 9700 section 4.8.2. A refusal leaves the code
// to whom it belongs.
func TestCodeIsBound(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		s.AddUser(t, "spiderman")
		m := apitest.WebApp()
		m.RedirectURIs = append(m.RedirectURIs, "https://app.example.com/other")
		secret := apitest.Register(t, s, "orders", m)
		thief := apitest.Register(t, s, "thief", m)
		b := apitest.NewBrowser(t, s)
		with := func(name, value string) url.Values {
			v := apitest.Redeem("")
			if v.Del(name); value != "" {
				v.Set(name, value)
			}
			return v
		}
		for name, of := range map[string]struct {
			form       url.Values
			id, secret string
			want       string
		}{
			"another client":     {apitest.Redeem(""), "thief", thief, "invalid_grant"},
			"other redirect URI": {with("redirect_uri", "https://app.example.com/other"), "orders", secret, "invalid_grant"},
			"no redirect URI":    {with("redirect_uri", ""), "orders", secret, "invalid_request"},
			"no verifier":        {with("code_verifier", ""), "orders", secret, "invalid_grant"},
			"wrong verifier":     {with("code_verifier", strings.Repeat("a", 43)), "orders", secret, "invalid_grant"},
			"the challenge":      {with("code_verifier", apitest.ChallengeOf(apitest.Verifier)), "orders", secret, "invalid_grant"},
			"short verifier":     {with("code_verifier", "short"), "orders", secret, "invalid_grant"},
			"wrong secret":       {apitest.Redeem(""), "orders", "wrong", "invalid_client"},
		} {
			code := newCode(t, b, apitest.Request("orders"))
			of.form.Set("code", code)
			answer, body := send(t, s, "/oauth2/token", of.form, as(of.id, of.secret))
			if errorOf(body) != of.want || answer.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %d %s, want %s", name, answer.StatusCode, body, of.want)
			}
			if answer, body := send(t, s, "/oauth2/token", apitest.Redeem(code), as("orders", secret)); answer.StatusCode != http.StatusOK {
				t.Errorf("%s: the code's own client afterwards: %d %s", name, answer.StatusCode, body)
			}
		}
		// RFC 9700 section 4.8.2: a verifier for a code that was given without a challenge is a downgrade attack.
		code := newCode(t, b, apitest.Request("orders", "code_challenge", "", "code_challenge_method", ""))
		if _, body := send(t, s, "/oauth2/token", apitest.Redeem(code), as("orders", secret)); errorOf(body) != "invalid_grant" {
			t.Errorf("a verifier without a challenge: %s", body)
		}
		plain := apitest.Redeem(code)
		plain.Del("code_verifier")
		if answer, body := send(t, s, "/oauth2/token", plain, as("orders", secret)); answer.StatusCode != http.StatusOK {
			t.Errorf("neither challenge nor verifier: %d %s", answer.StatusCode, body)
		}
		code = newCode(t, b, apitest.Request("orders"))
		s.Advance(61 * time.Second)
		if _, body := send(t, s, "/oauth2/token", apitest.Redeem(code), as("orders", secret)); errorOf(body) != "invalid_grant" {
			t.Errorf("a code after 61 s (FAPI 2.0 section 5.3.2.1): %s", body)
		}
	})
}

// TestCodeReuseRevokes: RFC 6749 section 4.1.2. Refresh, UserInfo and introspection all notice, also of an access
// token that is a JWT, and after 30 seconds.
func TestCodeReuseRevokes(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		s.AddUser(t, "spiderman")
		secret := apitest.Register(t, s, "orders", apitest.WebApp())
		b := apitest.NewBrowser(t, s)
		code := newCode(t, b, apitest.Request("orders"))
		_, first := apitest.Token(t, s, "orders", secret, apitest.Redeem(code))
		if status := userInfo(t, s, first["access_token"].(string)); status != http.StatusOK {
			t.Fatalf("UserInfo: %d", status)
		}
		s.Advance(30 * time.Second)
		if status, got := apitest.Token(t, s, "orders", secret, apitest.Redeem(code)); status != http.StatusBadRequest || got["error"] != "invalid_grant" {
			t.Errorf("the second time: %d %v", status, got)
		}
		if status := userInfo(t, s, first["access_token"].(string)); status != http.StatusUnauthorized {
			t.Errorf("UserInfo with the first access token: %d", status)
		}
		if status, got := apitest.Token(t, s, "orders", secret, refreshForm(first)); status != http.StatusBadRequest || got["error"] != "invalid_grant" {
			t.Errorf("refresh: %d %v", status, got)
		}
		if _, body := send(t, s, "/oauth2/introspect", url.Values{"token": {first["access_token"].(string)}}, as("orders", secret)); body != `{"active":false}` {
			t.Errorf("introspection: %s", body)
		}
		revoked, err := s.Issuer.RevokedTokens(context.Background(), issuer.RevokedQuery{Limit: 10}, apitest.System)
		if err != nil || len(revoked) != 1 || revoked[0].Reason != issuer.CodeReused {
			t.Errorf("revoked: %+v %v", revoked, err)
		}
	})
}

// TestOneOfManyRedeems a code that comes at once from everywhere.
func TestOneOfManyRedeems(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		s.AddUser(t, "spiderman")
		secret := apitest.Register(t, s, "orders", apitest.WebApp())
		code := newCode(t, apitest.NewBrowser(t, s), apitest.Request("orders"))
		var all sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for range 20 {
			all.Go(func() {
				answer, _ := send(t, s, "/oauth2/token", apitest.Redeem(code), as("orders", secret))
				mu.Lock()
				defer mu.Unlock()
				if answer.StatusCode == http.StatusOK {
					won++
				} else if answer.StatusCode != http.StatusBadRequest {
					t.Errorf("status %d", answer.StatusCode)
				}
			})
		}
		all.Wait()
		if won != 1 {
			t.Errorf("%d redeemed one code", won)
		}
	})
}

func refreshForm(tokens map[string]any) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens["refresh_token"].(string)}}
}

func userInfo(t *testing.T, s *apitest.Server, access string) int {
	t.Helper()
	r, _ := http.NewRequest(http.MethodGet, s.URL+"/oauth2/userinfo", nil)
	r.Header.Set("Authorization", "Bearer "+access)
	answer, err := apitest.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

// TestRefreshIsBound: RFC 6749 section 6, RFC 8707 section 2.2. A refusal for scope, resource or client consumes
// nothing.
func TestRefreshIsBound(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		s.AddUser(t, "spiderman")
		secret := apitest.Register(t, s, "orders", apitest.WebApp())
		thief := apitest.Register(t, s, "thief", apitest.WebApp())
		_, tokens := apitest.Token(t, s, "orders", secret, apitest.Redeem(newCode(t, apitest.NewBrowser(t, s), apitest.Request("orders"))))
		with := func(name, value string) url.Values {
			v := refreshForm(tokens)
			v.Set(name, value)
			return v
		}
		if status, got := apitest.Token(t, s, "thief", thief, refreshForm(tokens)); status != http.StatusBadRequest || got["error"] != "invalid_grant" {
			t.Errorf("another client: %d %v", status, got)
		}
		if status, got := apitest.Token(t, s, "orders", secret, with("scope", "openid phone")); status != http.StatusBadRequest || got["error"] != "invalid_scope" {
			t.Errorf("a wider scope: %d %v", status, got)
		}
		if status, got := apitest.Token(t, s, "orders", secret, with("resource", "elsewhere")); status != http.StatusBadRequest || got["error"] != "invalid_target" {
			t.Errorf("another resource: %d %v", status, got)
		}
		if status, got := apitest.Token(t, s, "orders", secret, with("refresh_token", tokens["access_token"].(string))); got["error"] != "invalid_grant" {
			t.Errorf("an access token: %d %v", status, got)
		}
		// The token-pair API treats it as invalid, and it goes on living.
		answer, body := send(t, s, "/api/token/refresh/", url.Values{"refresh": {tokens["refresh_token"].(string)}}, nil)
		if answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("at the token-pair API: %d %s", answer.StatusCode, body)
		}
		status, narrow := apitest.Token(t, s, "orders", secret, with("scope", "openid"))
		if status != http.StatusOK || narrow["scope"] != "openid" {
			t.Fatalf("a narrower scope: %d %v", status, narrow)
		}
		// The narrower scope was for that access token; the grant keeps its own.
		status, whole := apitest.Token(t, s, "orders", secret, url.Values{
			"grant_type": {"refresh_token"}, "refresh_token": {narrow["refresh_token"].(string)}, "scope": {"openid profile email offline_access"},
		})
		if status != http.StatusOK || whole["scope"] != "openid profile email offline_access" {
			t.Errorf("the scope repeated: %d %v", status, whole)
		}
	})
}

// TestRefreshOverOAuth: two tabs get the same successor; a replay ends the sign-in (RFC 9700 section 4.14.2), and
// with a client's own grace of 0 at once.
func TestRefreshOverOAuth(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		s.AddUser(t, "spiderman")
		secret := apitest.Register(t, s, "orders", apitest.WebApp())
		strict := apitest.WebApp()
		strict.RefreshGrace = new(oauth.Lifetime)
		strictSecret := apitest.Register(t, s, "strict", strict)
		keep := apitest.WebApp()
		keep.RotateRefreshTokens = new(bool)
		keepSecret := apitest.Register(t, s, "keep", keep)
		b := apitest.NewBrowser(t, s)

		_, tokens := apitest.Token(t, s, "orders", secret, apitest.Redeem(newCode(t, b, apitest.Request("orders"))))
		_, one := apitest.Token(t, s, "orders", secret, refreshForm(tokens))
		_, two := apitest.Token(t, s, "orders", secret, refreshForm(tokens))
		if one["refresh_token"] == nil || one["refresh_token"] != two["refresh_token"] || one["access_token"] == two["access_token"] {
			t.Errorf("two tabs: %v and %v", one["refresh_token"], two["refresh_token"])
		}

		_, tokens = apitest.Token(t, s, "strict", strictSecret, apitest.Redeem(newCode(t, b, apitest.Request("strict"))))
		_, next := apitest.Token(t, s, "strict", strictSecret, refreshForm(tokens))
		if status, got := apitest.Token(t, s, "strict", strictSecret, refreshForm(tokens)); status != http.StatusBadRequest || got["error"] != "invalid_grant" {
			t.Errorf("grace 0, replayed: %d %v", status, got)
		}
		if status, _ := apitest.Token(t, s, "strict", strictSecret, refreshForm(next)); status != http.StatusBadRequest {
			t.Errorf("the successor after a replay: %d", status)
		}

		_, tokens = apitest.Token(t, s, "keep", keepSecret, apitest.Redeem(newCode(t, b, apitest.Request("keep"))))
		s.Advance(time.Hour)
		for range 2 {
			if status, got := apitest.Token(t, s, "keep", keepSecret, refreshForm(tokens)); status != http.StatusOK || got["refresh_token"] != nil {
				t.Errorf("without rotation: %d %v", status, got)
			}
		}
	})
}

// TestIDToken: OIDC Core sections 2, 3.1.3.3, 3.1.3.6 and 12.2.
func TestIDToken(t *testing.T) {
	s := apitest.New(t)
	u := s.AddUser(t, "spiderman")
	secret := apitest.Register(t, s, "orders", apitest.WebApp())
	b := apitest.NewBrowser(t, s)
	_, tokens := apitest.Token(t, s, "orders", secret, apitest.Redeem(newCode(t, b, apitest.Request("orders", "max_age", "10000"))))
	first := claims(t, s, tokens["id_token"].(string))
	for name, want := range map[string]any{
		"iss": s.URL, "sub": u.ID, "aud": "orders", "nonce": "n-0S6_WzA2Mj", "acr": "1",
	} {
		if first[name] != want {
			t.Errorf("%s is %v, want %v", name, first[name], want)
		}
	}
	known := map[string]bool{"iss": true, "sub": true, "aud": true, "exp": true, "iat": true, "auth_time": true, "nonce": true, "acr": true, "amr": true, "at_hash": true, "sid": true}
	for name := range first {
		if !known[name] {
			t.Errorf("the ID token holds %s; what is about the person comes from UserInfo", name)
		}
	}
	v, err := s.Keys.Verify(context.Background(), tokens["id_token"].(string))
	if err != nil || v.Algorithm != "RS256" || v.KID == "" {
		t.Errorf("signature: %+v %v", v, err)
	}
	if first["at_hash"] != halfSHA256(tokens["access_token"].(string)) {
		t.Errorf("at_hash is %v", first["at_hash"])
	}
	s.Advance(2 * time.Second)
	_, tokens = apitest.Token(t, s, "orders", secret, refreshForm(tokens))
	second := claims(t, s, tokens["id_token"].(string))
	for _, name := range []string{"iss", "sub", "aud", "auth_time", "acr", "sid"} {
		if first[name] != second[name] {
			t.Errorf("%s changed at the refresh: %v, %v", name, first[name], second[name])
		}
	}
	if second["nonce"] != nil || second["iat"] == first["iat"] {
		t.Errorf("after a refresh: nonce %v, iat %v and %v", second["nonce"], first["iat"], second["iat"])
	}
	// Without openid there is no ID token, and UserInfo does not open.
	_, tokens = apitest.Token(t, s, "orders", secret, apitest.Redeem(newCode(t, b, apitest.Request("orders", "scope", "profile"))))
	if tokens["id_token"] != nil || tokens["refresh_token"] != nil {
		t.Errorf("without openid and offline_access: %v", tokens)
	}
	if status := userInfo(t, s, tokens["access_token"].(string)); status != http.StatusUnauthorized {
		t.Errorf("UserInfo without openid: %d", status)
	}
}

// TestAccessToken: RFC 9068 sections 2.1 and 2.2, RFC 8707 section 2.
func TestAccessToken(t *testing.T) {
	s := apitest.New(t)
	u := s.AddUser(t, "spiderman")
	if err := s.Issuer.CreateResource(context.Background(), issuer.Resource{
		Identifier: "https://orders.example", Algorithm: "ES256", AccessLifetime: time.Minute, Scopes: []string{"orders:read"}, Claims: []string{"email"},
	}, apitest.System); err != nil {
		t.Fatal(err)
	}
	if err := s.Issuer.LoadResources(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := s.Keys.Maintain(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.Advance(25 * time.Hour) // past the lead of the new algorithm
	m := apitest.WebApp()
	m.Resources = []string{"api", "https://orders.example"}
	secret := apitest.Register(t, s, "orders", m)
	b := apitest.NewBrowser(t, s)

	_, tokens := apitest.Token(t, s, "orders", secret, apitest.Redeem(newCode(t, b, apitest.Request("orders", "scope", "openid orders:read", "resource", "https://orders.example"))))
	got := claims(t, s, tokens["access_token"].(string))
	audience, _ := got["aud"].([]any)
	if len(audience) != 2 || audience[0] != "https://orders.example" || audience[1] != s.URL {
		t.Errorf("aud with openid is %v", got["aud"])
	}
	if got["client_id"] != "orders" || got["sub"] != u.ID || got["scope"] != "openid orders:read" || got["jti"] == nil || got["user_id"] != nil {
		t.Errorf("claims %v", got)
	}
	if got["exp"].(float64)-got["iat"].(float64) != 60 || tokens["expires_in"].(float64) != 60 {
		t.Errorf("lifetime %v", tokens["expires_in"])
	}
	v, err := s.Keys.Verify(context.Background(), tokens["access_token"].(string))
	if err != nil || v.Algorithm != "ES256" || v.Type != "at+jwt" {
		t.Errorf("%+v %v", v, err)
	}
	_, tokens = apitest.Token(t, s, "orders", secret, apitest.Redeem(newCode(t, b, apitest.Request("orders", "scope", "profile"))))
	got = claims(t, s, tokens["access_token"].(string))
	if got["aud"] != "api" || got["user_id"] != u.ID || got["given_name"] != "Peter" {
		t.Errorf("the default resource: %v", got)
	}
	// orders:read belongs to the other resource.
	_, tokens = apitest.Token(t, s, "orders", secret, apitest.Redeem(newCode(t, b, apitest.Request("orders", "scope", "openid orders:read"))))
	if tokens["scope"] != "openid" {
		t.Errorf("a scope of another resource was granted: %v", tokens["scope"])
	}
}

// TestClientCredentials: RFC 6749 section 4.4, RFC 9068 section 2.2.
func TestClientCredentials(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		if err := s.Issuer.CreateResource(context.Background(), issuer.Resource{Identifier: "orders-api", Scopes: []string{"read", "write", "delete"}}, apitest.System); err != nil {
			t.Fatal(err)
		}
		if err := s.Issuer.LoadResources(context.Background()); err != nil {
			t.Fatal(err)
		}
		service := oauth.Metadata{
			GrantTypes: []oauth.GrantType{oauth.ClientCredentials}, Resources: []string{"orders-api"}, Scopes: []string{"read", "write"},
		}
		secret := apitest.Register(t, s, "robot", service)
		web := apitest.Register(t, s, "web", apitest.WebApp())
		form := func(more ...string) url.Values {
			v := url.Values{"grant_type": {"client_credentials"}}
			for i := 0; i < len(more); i += 2 {
				v.Add(more[i], more[i+1])
			}
			return v
		}
		status, got := apitest.Token(t, s, "robot", secret, form())
		if status != http.StatusOK || got["scope"] != "read write" || got["refresh_token"] != nil || got["id_token"] != nil {
			t.Fatalf("%d %v", status, got)
		}
		c := claims(t, s, got["access_token"].(string))
		if c["sub"] != "robot" || c["client_id"] != "robot" || c["aud"] != "orders-api" || c["sid"] != nil {
			t.Errorf("claims %v", c)
		}
		for name, of := range map[string]struct {
			id, secret string
			form       url.Values
			want       string
		}{
			"a scope of the resource that is not the client's": {"robot", secret, form("scope", "delete"), "invalid_scope"},
			"openid, which is about people":                    {"robot", secret, form("scope", "openid"), "invalid_scope"},
			"another resource":                                 {"robot", secret, form("resource", "api"), "invalid_target"},
			"two resources":                                    {"robot", secret, form("resource", "orders-api", "resource", "orders-api"), "invalid_target"},
			"not registered for it":                            {"web", web, form(), "unauthorized_client"},
		} {
			if status, got := apitest.Token(t, s, of.id, of.secret, of.form); status != http.StatusBadRequest || got["error"] != of.want {
				t.Errorf("%s: %d %v, want %s", name, status, got, of.want)
			}
		}
		if status := userInfo(t, s, got["access_token"].(string)); status != http.StatusUnauthorized {
			t.Errorf("UserInfo with a service's token: %d", status)
		}
		if _, body := send(t, s, "/oauth2/revoke", url.Values{"token": {got["access_token"].(string)}}, as("robot", secret)); errorOf(body) != "unsupported_token_type" {
			t.Errorf("revoking what nothing can take back (RFC 7009 section 2.2.1): %s", body)
		}
		if _, err := s.Clients.SetEnabled(context.Background(), "robot", false, apitest.System); err != nil {
			t.Fatal(err)
		}
		if status, got := apitest.Token(t, s, "robot", secret, form()); status != http.StatusUnauthorized || got["error"] != "invalid_client" {
			t.Errorf("turned off: %d %v", status, got)
		}
	})
}

// TestMalformedTokenRequests: RFC 6749 sections 2.3, 3.2 and 5.2. None of them is a 5xx, and none may be cached.
func TestMalformedTokenRequests(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	secret := apitest.Register(t, s, "orders", apitest.WebApp())
	post := apitest.WebApp()
	post.AuthMethod = oauth.AuthPost
	postSecret := apitest.Register(t, s, "poster", post)
	public := apitest.WebApp()
	public.AuthMethod = oauth.AuthNone
	apitest.Register(t, s, "spa", public)
	form := func(more ...string) url.Values {
		v := url.Values{}
		for i := 0; i < len(more); i += 2 {
			v.Add(more[i], more[i+1])
		}
		return v
	}
	for _, of := range []struct {
		name   string
		form   url.Values
		change func(*http.Request)
		status int
		want   string
	}{
		{"nothing", form(), nil, 401, "invalid_client"},
		{"no grant_type", form(), as("orders", secret), 400, "invalid_request"},
		{"unknown grant_type", form("grant_type", "password"), as("orders", secret), 400, "unsupported_grant_type"},
		{"grant_type twice", form("grant_type", "refresh_token", "grant_type", "refresh_token"), as("orders", secret), 400, "invalid_request"},
		{"no code", form("grant_type", "authorization_code"), as("orders", secret), 400, "invalid_request"},
		{"rubbish for a code", apitest.Redeem("rubbish\x01"), as("orders", secret), 400, "invalid_grant"},
		{"NUL in the code", apitest.Redeem("a\x00b"), as("orders", secret), 400, "invalid_request"},
		{"broken UTF-8", apitest.Redeem("a\xffb"), as("orders", secret), 400, "invalid_request"},
		{"rubbish for a refresh token", form("grant_type", "refresh_token", "refresh_token", "a.b.c"), as("orders", secret), 400, "invalid_grant"},
		{"a huge refresh token", form("grant_type", "refresh_token", "refresh_token", strings.Repeat("x", 50_000)), as("orders", secret), 400, "invalid_grant"},
		{"a huge body", form("grant_type", strings.Repeat("x", 100_000)), as("orders", secret), 413, "invalid_request"},
		{"unknown client", apitest.Redeem("x"), as("nobody", "x"), 401, "invalid_client"},
		{"empty secret", apitest.Redeem("x"), as("orders", ""), 401, "invalid_client"},
		{"a confidential client without its secret", form("client_id", "orders", "grant_type", "refresh_token"), nil, 401, "invalid_client"},
		{"post where basic is registered", form("client_id", "orders", "client_secret", secret, "grant_type", "refresh_token"), nil, 401, "invalid_client"},
		{"basic where post is registered", form("grant_type", "refresh_token"), as("poster", postSecret), 401, "invalid_client"},
		{"a public client with a secret", form("grant_type", "refresh_token"), as("spa", "x"), 401, "invalid_client"},
		{"two ways at once", form("client_id", "orders", "client_secret", secret, "grant_type", "refresh_token"), as("orders", secret), 400, "invalid_request"},
		{"another client_id in the body", form("client_id", "spa", "grant_type", "refresh_token"), as("orders", secret), 400, "invalid_request"},
		{"a broken Authorization header", form("grant_type", "refresh_token"), func(r *http.Request) { r.Header.Set("Authorization", "Basic !!!") }, 401, "invalid_client"},
		{"another scheme", form("grant_type", "refresh_token"), func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 401, "invalid_client"},
		{"two Authorization headers", form("grant_type", "refresh_token"), func(r *http.Request) {
			r.SetBasicAuth("orders", secret)
			r.Header.Add("Authorization", r.Header.Get("Authorization"))
		}, 400, "invalid_request"},
		{"JSON", form("grant_type", "refresh_token"), func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, 400, "invalid_request"},
		{"a malformed form", form("grant_type", "refresh_token"), func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("a=%zz")); r.ContentLength = 5 }, 400, "invalid_request"},
		{"the secret in the query", form("grant_type", "refresh_token"), func(r *http.Request) { r.URL.RawQuery = "client_id=poster&client_secret=" + postSecret }, 400, "invalid_request"},
		{"an assertion of another type", form("client_assertion", "x.y.z", "client_assertion_type", "saml", "grant_type", "refresh_token"), nil, 400, "invalid_request"},
		{"rubbish for an assertion", form("client_assertion", "x.y.z", "client_assertion_type", oauth.AssertionType, "grant_type", "refresh_token"), nil, 401, "invalid_client"},
	} {
		answer, body := send(t, s, "/oauth2/token", of.form, of.change)
		if answer.StatusCode != of.status || errorOf(body) != of.want {
			t.Errorf("%s: %d %s, want %d %s", of.name, answer.StatusCode, body, of.status, of.want)
		}
		if answer.Header.Get("Cache-Control") != "no-store" || answer.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %v", of.name, answer.Header)
		}
		if (answer.StatusCode == 401) != (answer.Header.Get("WWW-Authenticate") != "") {
			t.Errorf("%s: %d with challenge %q", of.name, answer.StatusCode, answer.Header.Get("WWW-Authenticate"))
		}
	}
	answer, err := apitest.Client().Get(s.URL + "/oauth2/token")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusMethodNotAllowed || answer.Header.Get("Allow") == "" {
		t.Errorf("GET: %d, Allow %q", answer.StatusCode, answer.Header.Get("Allow"))
	}
}

// TestSecretsTurn: two secrets are valid at a time, the third puts the first out.
func TestSecretsTurn(t *testing.T) {
	s := apitest.New(t)
	first := apitest.Register(t, s, "orders", apitest.WebApp())
	works := func(secret string) bool {
		_, body := send(t, s, "/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}}, as("orders", secret))
		return errorOf(body) == "invalid_grant"
	}
	turn := func() string {
		secret, _, err := s.Clients.RotateSecret(context.Background(), "orders", secretNone, apitest.System)
		if err != nil {
			t.Fatal(err)
		}
		return secret.Reveal()
	}
	second := turn()
	if !works(first) || !works(second) {
		t.Error("both of two secrets must work")
	}
	third := turn()
	if works(first) || !works(second) || !works(third) {
		t.Error("after the third the first must be out")
	}
}
