package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"keyturn/api/apitest"
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

// TestCodeFlow is OIDC Core section 3.1 from the request to UserInfo and refresh.
func TestCodeFlow(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		s.AddUser(t, "spiderman")
		secret := apitest.Register(t, s, "orders", apitest.WebApp())
		b := apitest.NewBrowser(t, s)
		p := b.SignIn(apitest.Request("orders"), "spiderman", apitest.Password)
		code := apitest.CodeFrom(t, p)
		if u, _ := url.Parse(p.Location); u.Query().Get("state") != "af0ifjsldkj" || u.Query().Get("iss") != s.URL {
			t.Errorf("state and iss (RFC 9207 section 2): %s", p.Location)
		}
		status, got := apitest.Token(t, s, "orders", secret, apitest.Redeem(code))
		if status != http.StatusOK || got["token_type"] != "Bearer" || got["id_token"] == nil || got["refresh_token"] == nil {
			t.Fatalf("tokens: %d %v", status, got)
		}
		r, _ := http.NewRequest(http.MethodGet, s.URL+"/oauth2/userinfo", nil)
		r.Header.Set("Authorization", "Bearer "+got["access_token"].(string))
		info := b.Send(r)
		if info.Status != http.StatusOK || !strings.Contains(info.Body, `"given_name":"Peter"`) {
			t.Fatalf("userinfo: %d %s", info.Status, info.Body)
		}
		// Single sign-on: the second time nobody is asked.
		again := b.Authorize(apitest.Request("orders"))
		apitest.CodeFrom(t, again)
		status, got = apitest.Token(t, s, "orders", secret, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got["refresh_token"].(string)}})
		if status != http.StatusOK || got["refresh_token"] == nil || got["id_token"] == nil {
			t.Fatalf("refresh: %d %v", status, got)
		}
		status, got = apitest.Token(t, s, "orders", secret, apitest.Redeem(code))
		if status != http.StatusBadRequest || got["error"] != "invalid_grant" {
			t.Errorf("a code used twice (RFC 6749 section 4.1.2): %d %v", status, got)
		}
	})
}
