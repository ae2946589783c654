package oauth_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"keyturn/api/apitest"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
)

// lives is how long a token says it does, in seconds.
func lives(t *testing.T, s *apitest.Server, token any) int {
	t.Helper()
	c := claims(t, s, token.(string))
	return int(c["exp"].(float64) - c["iat"].(float64))
}

// newestGrant is the one that was made last.
func newestGrant(t *testing.T, s *apitest.Server) issuer.Grant {
	t.Helper()
	grants, err := s.Issuer.Grants(context.Background(), issuer.GrantQuery{Limit: 1}, apitest.System)
	if err != nil || len(grants) != 1 {
		t.Fatalf("%d grants, %v", len(grants), err)
	}
	return grants[0]
}

// robot is a service for the resource orders-api, which is made for it.
func robot(t *testing.T, s *apitest.Server) oauth.Metadata {
	t.Helper()
	if err := s.Issuer.CreateResource(context.Background(), issuer.Resource{Identifier: "orders-api", Scopes: []string{"read"}}, apitest.System); err != nil {
		t.Fatal(err)
	}
	if err := s.Issuer.LoadResources(context.Background()); err != nil {
		t.Fatal(err)
	}
	return oauth.Metadata{GrantTypes: []oauth.GrantType{oauth.ClientCredentials}, Resources: []string{"orders-api"}, Scopes: []string{"read"}}
}

// TestLifetimesOfAClient: what a client has of its own goes before the settings', in what is told (RFC 6749 section
// 5.1, expires_in), in the tokens and in what is taken.
func TestLifetimesOfAClient(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	own := apitest.WebApp()
	own.AccessLifetime, own.RefreshLifetime, own.GrantLifetime = oauth.Lifetime(2*time.Minute), oauth.Lifetime(time.Hour), oauth.Lifetime(150*time.Minute)
	secret := apitest.Register(t, s, "own", own)
	plain := apitest.Register(t, s, "plain", apitest.WebApp())
	b := apitest.NewBrowser(t, s)

	_, tokens := apitest.Token(t, s, "plain", plain, apitest.Redeem(newCode(t, b, apitest.Request("plain"))))
	if tokens["expires_in"] != 300.0 || lives(t, s, tokens["access_token"]) != 300 || lives(t, s, tokens["refresh_token"]) != 24*3600 {
		t.Errorf("the settings': %v, access %d, refresh %d", tokens["expires_in"], lives(t, s, tokens["access_token"]), lives(t, s, tokens["refresh_token"]))
	}
	if g := newestGrant(t, s); g.ExpiresAt.Sub(g.CreatedAt) != 720*time.Hour {
		t.Errorf("the settings': grant %v", g.ExpiresAt.Sub(g.CreatedAt))
	}
	_, tokens = apitest.Token(t, s, "own", secret, apitest.Redeem(newCode(t, b, apitest.Request("own"))))
	if g := newestGrant(t, s); g.ClientID != "own" || g.ExpiresAt.Sub(g.CreatedAt) != 150*time.Minute || g.RefreshLifetime != time.Hour {
		t.Errorf("the client's: grant %v, refresh %v", g.ExpiresAt.Sub(g.CreatedAt), g.RefreshLifetime)
	}
	for _, after := range []time.Duration{0, 59 * time.Minute, 59 * time.Minute} { // each refresh begins an hour, to the grant's end
		if s.Advance(after); after > 0 {
			status, next := apitest.Token(t, s, "own", secret, refreshForm(tokens))
			if status != http.StatusOK {
				t.Fatalf("refresh: %d %v", status, next)
			}
			tokens = next
		}
		if tokens["expires_in"] != 120.0 || lives(t, s, tokens["access_token"]) != 120 {
			t.Errorf("%v later: expires_in %v, access token %d", after, tokens["expires_in"], lives(t, s, tokens["access_token"]))
		}
	}
	if got := lives(t, s, tokens["refresh_token"]); got > 32*60 || got < 31*60 {
		t.Errorf("the last refresh token lives %d seconds, want what is left of the grant", got)
	}
	s.Advance(33 * time.Minute)
	if status, got := apitest.Token(t, s, "own", secret, refreshForm(tokens)); status != http.StatusBadRequest || got["error"] != "invalid_grant" {
		t.Errorf("after the grant's end: %d %v", status, got)
	}
	_, tokens = apitest.Token(t, s, "own", secret, apitest.Redeem(newCode(t, b, apitest.Request("own", "prompt", "login"))))
	s.Advance(61 * time.Minute)
	if status, got := apitest.Token(t, s, "own", secret, refreshForm(tokens)); status != http.StatusBadRequest || got["error"] != "invalid_grant" {
		t.Errorf("a refresh token after an hour: %d %v", status, got)
	}
}

// TestLifetimeOfAServicesToken is the client's, too (RFC 6749 section 4.4.3).
func TestLifetimeOfAServicesToken(t *testing.T) {
	s := apitest.New(t)
	m := robot(t, s)
	for _, id := range []string{"plain", "own"} {
		want := 300.0
		if id == "own" {
			m.AccessLifetime, want = oauth.Lifetime(2*time.Hour), 7200
		}
		secret := apitest.Register(t, s, id, m)
		status, got := apitest.Token(t, s, id, secret, url.Values{"grant_type": {"client_credentials"}})
		if status != http.StatusOK || got["expires_in"] != want || float64(lives(t, s, got["access_token"])) != want {
			t.Errorf("%s: %d %v", id, status, got)
		}
	}
}

// TestGrantWithoutOfflineAccess ends with its access token: there is nothing that would outlive it (OIDC Core section
// 11). Nothing may open the API or UserInfo longer than the token says.
func TestGrantWithoutOfflineAccess(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	own := apitest.WebApp()
	own.AccessLifetime = oauth.Lifetime(42 * time.Minute)
	b := apitest.NewBrowser(t, s)
	for id, of := range map[string]struct {
		m    oauth.Metadata
		want time.Duration
	}{"plain": {apitest.WebApp(), 5 * time.Minute}, "own": {own, 42 * time.Minute}} {
		secret := apitest.Register(t, s, id, of.m)
		_, tokens := apitest.Token(t, s, id, secret, apitest.Redeem(newCode(t, b, apitest.Request(id, "scope", "openid"))))
		g := newestGrant(t, s)
		if g.ClientID != id || g.ExpiresAt.Sub(g.CreatedAt) != of.want || g.RefreshLifetime != of.want {
			t.Errorf("%s: grant %v, refresh %v, want %v", id, g.ExpiresAt.Sub(g.CreatedAt), g.RefreshLifetime, of.want)
		}
		if tokens["refresh_token"] != nil || tokens["expires_in"].(float64) > of.want.Seconds() {
			t.Errorf("%s: %v", id, tokens)
		}
	}
}

// TestUserInfoWantsOpenID: OIDC Core section 5.3, RFC 6750 section 3.1. A token that was narrowed at the refresh no
// longer opens UserInfo: where it is for an API, its aud lacks us, and where it is for UserInfo alone, its scope does
// not suffice.
func TestUserInfoWantsOpenID(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	alone := apitest.WebApp()
	alone.Resources = []string{}
	b := apitest.NewBrowser(t, s)
	for id, of := range map[string]struct {
		m         oauth.Metadata
		audience  string
		status    int
		challenge string
	}{
		"whole": {apitest.WebApp(), "api", http.StatusUnauthorized, `error="invalid_token"`},
		"alone": {alone, s.URL, http.StatusForbidden, `error="insufficient_scope"`},
	} {
		secret := apitest.Register(t, s, id, of.m)
		_, tokens := apitest.Token(t, s, id, secret, apitest.Redeem(newCode(t, b, apitest.Request(id))))
		if status := userInfo(t, s, tokens["access_token"].(string)); status != http.StatusOK {
			t.Fatalf("%s: with openid: %d", id, status)
		}
		form := refreshForm(tokens)
		form.Set("scope", "profile")
		status, tokens := apitest.Token(t, s, id, secret, form)
		if status != http.StatusOK || tokens["scope"] != "profile" || tokens["id_token"] != nil {
			t.Fatalf("%s: narrowed: %d %v", id, status, tokens)
		}
		access := tokens["access_token"].(string)
		if c := claims(t, s, access); c["aud"] != of.audience {
			t.Errorf("%s: aud %v, want %s", id, c["aud"], of.audience)
		}
		answer, body := send(t, s, "/oauth2/userinfo", nil, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+access) })
		challenge := answer.Header.Get("WWW-Authenticate")
		if answer.StatusCode != of.status || !strings.HasPrefix(challenge, "Bearer ") || !strings.Contains(challenge, of.challenge) || strings.Contains(body, "Peter") {
			t.Errorf("%s: %d %q %s", id, answer.StatusCode, challenge, body)
		}
		if (of.status == http.StatusForbidden) != strings.Contains(challenge, `scope="openid"`) {
			t.Errorf("%s: the scope to ask for: %q", id, challenge)
		}
	}
}

// TestIntrospectionOfADisabledService: RFC 7662 section 2.2. Nothing is stored of a service's token, so who asks is
// told by the client alone that it is off.
func TestIntrospectionOfADisabledService(t *testing.T) {
	s := apitest.New(t)
	secret := apitest.Register(t, s, "robot", robot(t, s))
	server := apitest.WebApp()
	server.IntrospectResources = []string{"orders-api"}
	resource := apitest.Register(t, s, "resource-server", server)
	status, got := apitest.Token(t, s, "robot", secret, url.Values{"grant_type": {"client_credentials"}})
	if status != http.StatusOK {
		t.Fatalf("%d %v", status, got)
	}
	look := func() string {
		_, body := send(t, s, "/oauth2/introspect", url.Values{"token": {got["access_token"].(string)}}, as("resource-server", resource))
		return body
	}
	for _, on := range []bool{true, false, true} {
		if _, err := s.Clients.SetEnabled(context.Background(), "robot", on, apitest.System); err != nil {
			t.Fatal(err)
		}
		if body := look(); on != strings.HasPrefix(body, `{"active":true,`) || !on && body != `{"active":false}` {
			t.Errorf("turned on %v: %s", on, body)
		}
	}
	if _, err := s.Clients.Delete(context.Background(), "robot", apitest.System); err != nil {
		t.Fatal(err)
	}
	if body := look(); body != `{"active":false}` {
		t.Errorf("deleted: %s", body)
	}
}
