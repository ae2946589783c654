package oauth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"keyturn/accounts"
	"keyturn/api/apitest"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
)

// join puts a user into a new group with roles, each resource and role.
func join(t *testing.T, s *apitest.Server, userID, name string, roles ...accounts.Role) accounts.Group {
	t.Helper()
	ctx := context.Background()
	g, err := s.Groups.Create(ctx, accounts.NewGroup{Name: name}, apitest.System)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range roles {
		if err := s.Groups.AddRole(ctx, g.ID, r, apitest.System); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Groups.AddMember(ctx, g.ID, userID, apitest.System); err != nil {
		t.Fatal(err)
	}
	return g
}

// TestGroupsAndRoles: RFC 9068 section 2.2.3.1. Groups and roles are told to clients that registered for them, and to
// resources that ask for them, each audience its own roles, and are read afresh at each refresh.
func TestGroupsAndRoles(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		ctx := context.Background()
		u := s.AddUser(t, "spiderman")
		if err := s.Issuer.CreateResource(ctx, issuer.Resource{Identifier: "api", Claims: []string{"groups", "roles"}, SimpleJWT: true}, apitest.System); err != nil {
			t.Fatal(err)
		}
		if err := s.Issuer.LoadResources(ctx); err != nil {
			t.Fatal(err)
		}
		editors := join(t, s, u.ID, "editors",
			accounts.Role{Resource: "api", Name: "writer"}, accounts.Role{Resource: "orders", Name: "boss"}, accounts.Role{Resource: "elsewhere", Name: "x"})
		join(t, s, u.ID, "Ärzte", accounts.Role{Resource: "api", Name: "writer"}, accounts.Role{Resource: "api", Name: "reader"})

		m := apitest.WebApp()
		m.Scopes = []string{"openid", "groups", "roles", "offline_access"}
		secret := apitest.Register(t, s, "orders", m)
		other := apitest.Register(t, s, "plain", apitest.WebApp())
		b := apitest.NewBrowser(t, s)
		const scope = "openid groups roles offline_access"
		_, tokens := apitest.Token(t, s, "orders", secret, apitest.Redeem(newCode(t, b, apitest.Request("orders", "scope", scope))))
		same := func(what string, of map[string]any, groups, roles string) {
			t.Helper()
			if got := fmt.Sprint(of["groups"]); got != groups {
				t.Errorf("%s: groups %s, want %s", what, got, groups)
			}
			if got := fmt.Sprint(of["roles"]); got != roles {
				t.Errorf("%s: roles %s, want %s", what, got, roles)
			}
		}
		told := func(what string, tokens map[string]any, groups, roles, atClient string) {
			t.Helper()
			same(what+", access token", claims(t, s, tokens["access_token"].(string)), groups, roles)
			same(what+", ID token", claims(t, s, tokens["id_token"].(string)), groups, atClient)
			same(what+", UserInfo", readUserInfo(t, s, tokens["access_token"].(string)), groups, atClient)
		}
		told("at the sign-in", tokens, "[editors Ärzte]", "[reader writer]", "[boss]")

		if err := s.Groups.RemoveMember(ctx, editors.ID, u.ID, apitest.System); err != nil {
			t.Fatal(err)
		}
		refresh := func() map[string]any {
			t.Helper()
			status, next := apitest.Token(t, s, "orders", secret, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens["refresh_token"].(string)}})
			if status != http.StatusOK {
				t.Fatalf("refresh: %d %v", status, next)
			}
			tokens = next
			return next
		}
		told("after a refresh", refresh(), "[Ärzte]", "[reader writer]", "[]")

		// A client that did not register for them gets none, whatever it asks for.
		v := apitest.Request("plain", "scope", scope, "claims", `{"userinfo": {"groups": null, "roles": null}}`)
		_, none := apitest.Token(t, s, "plain", other, apitest.Redeem(newCode(t, b, v)))
		told("not registered", none, "<nil>", "<nil>", "<nil>")
		if issuer.TellsMemberships(none["scope"].(string)) {
			t.Errorf("granted %s", none["scope"])
		}

		// The token-pair API has no scopes: the resource decides.
		pair := signInPair(t, s)
		same("token pair", claims(t, s, pair["access"]), "[Ärzte]", "[reader writer]")
		body := strings.NewReader(`{"refresh": "` + pair["refresh"] + `"}`)
		answer, err := http.Post(s.URL+"/api/token/refresh/", "application/json", body)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var next map[string]string
		if err := json.NewDecoder(answer.Body).Decode(&next); err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%d, %v", answer.StatusCode, err)
		}
		same("token pair refreshed", claims(t, s, next["access"]), "[Ärzte]", "[reader writer]")
	})
}

func signInPair(t *testing.T, s *apitest.Server) map[string]string {
	t.Helper()
	answer, err := http.Post(s.URL+"/api/token/", "application/json", strings.NewReader(`{"username": "spiderman", "password": "`+apitest.Password+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var pair map[string]string
	if err := json.NewDecoder(answer.Body).Decode(&pair); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%d, %v", answer.StatusCode, err)
	}
	return pair
}

// call asks the admin API and returns the status.
func call(t *testing.T, s *apitest.Server, method, path, token string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, s.URL+"/admin/v1"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := apitest.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// TestAdminAPIAsksForTheGroupsLevel: RFC 9470 section 3. A token of somebody who only typed a password opens nothing from
// the moment that a group of theirs demands a passkey, and none is issued to them.
func TestAdminAPIAsksForTheGroupsLevel(t *testing.T) {
	s := apitest.New(t)
	boss, err := s.Accounts.Create(t.Context(), accounts.NewUser{Username: "boss", Password: apitest.Password, Admin: true}, apitest.System)
	if err != nil {
		t.Fatal(err)
	}
	secret := apitest.Register(t, s, "ops", adminApp(s))
	v := apitest.Request("ops", "resource", s.URL+"/admin/v1", "scope", "openid admin")
	b := apitest.NewBrowser(t, s)
	_, tokens := apitest.Token(t, s, "ops", secret, apitest.Redeem(apitest.CodeFrom(t, b.SignIn(v, "boss", apitest.Password))))
	access := tokens["access_token"].(string)
	if status, body := call(t, s, http.MethodGet, "/users", access); status != http.StatusOK {
		t.Fatalf("before: %d %s", status, body)
	}
	g, err := s.Groups.Create(t.Context(), accounts.NewGroup{Name: "careful", RequiredLevel: accounts.PhishingResistant}, apitest.System)
	if err == nil {
		err = s.Groups.AddMember(t.Context(), g.ID, boss.ID, apitest.System)
	}
	if err != nil {
		t.Fatal(err)
	}
	for method, path := range map[string]string{http.MethodGet: "/users", http.MethodPost: "/users/" + boss.ID + "/deactivate"} {
		if status, body := call(t, s, method, path, access); status != http.StatusUnauthorized || !strings.Contains(body, "Insufficient authentication") {
			t.Errorf("%s %s: %d %s", method, path, status, body)
		}
	}
	if p := b.Authorize(v); strings.Contains(p.Location, "code=") {
		t.Errorf("a code all the same: %q", p.Location)
	}
}

// adminApp is a first-party client of the admin API.
func adminApp(s *apitest.Server) oauth.Metadata {
	m := apitest.WebApp()
	m.Resources = []string{"api", s.URL + "/admin/v1"}
	return m
}

// TestAdminAPIByCodeFlow: RFC 8707, RFC 6749 section 3.3. A person gets as much of the admin API as their roles give,
// is told so, and loses it the moment that they lose the role, or are signed out.
func TestAdminAPIByCodeFlow(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		ctx := context.Background()
		u := s.AddUser(t, "spiderman")
		boss := s.AddUser(t, "boss")
		if _, err := s.Accounts.Update(ctx, boss.ID, accounts.Change{Admin: new(true)}, apitest.System); err != nil {
			t.Fatal(err)
		}
		resource := s.URL + "/admin/v1"
		secret := apitest.Register(t, s, "ops", adminApp(s))
		b := apitest.NewBrowser(t, s)
		v := apitest.Request("ops", "resource", resource, "scope", "openid offline_access admin")
		p := b.SignIn(v, "spiderman", apitest.Password)
		if !strings.Contains(p.Location, "error=access_denied") {
			t.Fatalf("somebody without a role: %d to %q", p.Status, p.Location)
		}
		managers := join(t, s, u.ID, "managers", accounts.Role{Resource: resource, Name: accounts.RoleUserManager})

		_, tokens := apitest.Token(t, s, "ops", secret, apitest.Redeem(newCode(t, b, v)))
		if tokens["scope"] != "openid offline_access admin:users admin:read" {
			t.Errorf("granted %q", tokens["scope"])
		}
		access := tokens["access_token"].(string)
		if c := claims(t, s, access); c["scope"] != tokens["scope"] || c["token_type"] != nil || c["preferred_username"] != nil {
			t.Errorf("the token says %v", c)
		}
		can := func(what string, token, method, path string, want int) {
			t.Helper()
			if status, body := call(t, s, method, path, token); status != want {
				t.Errorf("%s: %s %s: %d %s, want %d", what, method, path, status, body, want)
			}
		}
		can("a user manager", access, http.MethodGet, "/users", http.StatusOK)
		can("a user manager", access, http.MethodPost, "/users/"+u.ID+"/activate", http.StatusNoContent)
		can("a user manager", access, http.MethodPost, "/keys/rotate", http.StatusForbidden)
		can("a user manager", access, http.MethodDelete, "/users/"+boss.ID, http.StatusForbidden)

		refresh := func() (int, map[string]any) {
			t.Helper()
			status, next := apitest.Token(t, s, "ops", secret, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens["refresh_token"].(string)}})
			if status == http.StatusOK {
				tokens = next
			}
			return status, next
		}
		// What the role gave is gone at once, for the token that says otherwise too.
		role := accounts.Role{Resource: resource, Name: accounts.RoleUserManager}
		if err := s.Groups.AddRole(ctx, managers.ID, accounts.Role{Resource: resource, Name: accounts.RoleAuditor}, apitest.System); err != nil {
			t.Fatal(err)
		}
		if err := s.Groups.RemoveRole(ctx, managers.ID, role, apitest.System); err != nil {
			t.Fatal(err)
		}
		can("an auditor with an old token", access, http.MethodGet, "/users", http.StatusOK)
		can("an auditor with an old token", access, http.MethodPost, "/users/"+u.ID+"/activate", http.StatusForbidden)
		if status, next := refresh(); status != http.StatusOK || next["scope"] != "openid offline_access admin:read" {
			t.Errorf("refresh of an auditor: %d %v", status, next)
		}
		if err := s.Groups.RemoveMember(ctx, managers.ID, u.ID, apitest.System); err != nil {
			t.Fatal(err)
		}
		can("nobody any more", access, http.MethodGet, "/users", http.StatusForbidden)
		if status, next := refresh(); status != http.StatusBadRequest || next["error"] != "invalid_scope" {
			t.Errorf("refresh of nobody: %d %v", status, next)
		}
		if err := s.Groups.AddMember(ctx, managers.ID, u.ID, apitest.System); err != nil {
			t.Fatal(err)
		}
		can("an auditor again", access, http.MethodGet, "/users", http.StatusOK)
		if _, err := s.Issuer.RevokeUser(ctx, u.ID, "lost laptop", apitest.System); err != nil {
			t.Fatal(err)
		}
		can("signed out", access, http.MethodGet, "/users", http.StatusUnauthorized)
	})
}

// TestAdminAPIIsForFirstPartiesAndPeople: no third party is registered for it, and no client gets it for itself.
func TestAdminAPIIsForFirstPartiesAndPeople(t *testing.T) {
	s := apitest.New(t)
	ctx := context.Background()
	m := adminApp(s)
	m.FirstParty = false
	_, _, err := s.Clients.Create(ctx, oauth.NewClient{ID: "stranger", Metadata: s.Clients.Defaults(m)}, apitest.System)
	if err == nil || !strings.Contains(err.Error(), "first-party") {
		t.Errorf("a third party: %v", err)
	}
	m = adminApp(s)
	m.GrantTypes, m.Scopes = []oauth.GrantType{oauth.AuthorizationCode, oauth.ClientCredentials}, []string{"openid", "admin", "admin:read"}
	secret := apitest.Register(t, s, "robot", m)
	status, body := apitest.Token(t, s, "robot", secret, url.Values{"grant_type": {"client_credentials"}, "resource": {s.URL + "/admin/v1"}, "scope": {"admin"}})
	if status != http.StatusBadRequest || body["error"] != "invalid_target" {
		t.Errorf("a client for itself: %d %v", status, body)
	}
	// A token that opens nothing is not made (RFC 6749 section 4.1.2.1).
	s.AddUser(t, "spiderman")
	p := apitest.NewBrowser(t, s).Authorize(apitest.Request("robot", "resource", s.URL+"/admin/v1", "scope", "openid"))
	if !strings.Contains(p.Location, "error=invalid_scope") {
		t.Errorf("no scope of the admin API: %d to %q", p.Status, p.Location)
	}
	m = adminApp(s)
	m.IntrospectResources = []string{s.URL + "/admin/v1"}
	if _, err := s.Clients.Update(ctx, "robot", m, apitest.System); err == nil {
		t.Error("the admin API's tokens can be introspected by a client")
	}
}

// TestRaisedDemandHoldsAtTheRefresh: RFC 9470 section 3. What a group or the client demands by now holds for grants that
// were made before; a stolen token is told from that all the same (RFC 9700 section 4.14.2).
func TestRaisedDemandHoldsAtTheRefresh(t *testing.T) {
	onBoth(t, func(t *testing.T, s *apitest.Server) {
		user := s.AddUser(t, "spiderman")
		m := s.Clients.Defaults(apitest.WebApp())
		m.RefreshGrace = new(oauth.Lifetime(0))
		secret := apitest.Register(t, s, "orders", m)
		b := apitest.NewBrowser(t, s)
		_, old := apitest.Token(t, s, "orders", secret, apitest.Redeem(apitest.CodeFrom(t, b.SignIn(apitest.Request("orders"), "spiderman", apitest.Password))))
		status, tokens := apitest.Token(t, s, "orders", secret, refreshForm(old))
		if status != http.StatusOK {
			t.Fatalf("before: %d %v", status, tokens)
		}
		refused := func(why string, tokens map[string]any) {
			t.Helper()
			if status, got := apitest.Token(t, s, "orders", secret, refreshForm(tokens)); status != http.StatusBadRequest || got["error"] != "invalid_grant" {
				t.Errorf("%s: %d %v", why, status, got)
			}
		}
		demand := func(level accounts.Level) {
			t.Helper()
			m.RequiredACR = level
			if _, err := s.Clients.Update(t.Context(), "orders", m, apitest.System); err != nil {
				t.Fatal(err)
			}
		}
		demand(accounts.TwoFactors)
		refused("the client's demand", tokens)
		demand("")
		g, err := s.Groups.Create(t.Context(), accounts.NewGroup{Name: "careful", RequiredLevel: accounts.TwoFactors}, apitest.System)
		if err == nil {
			err = s.Groups.AddMember(t.Context(), g.ID, user.ID, apitest.System)
		}
		if err := errors.Join(err, s.Issuer.LoadResources(t.Context())); err != nil { // as each instance does within half a second
			t.Fatal(err)
		}
		refused("the group's demand", tokens)
		if err := s.Groups.Delete(t.Context(), g.ID, apitest.System); err != nil {
			t.Fatal(err)
		}
		status, next := apitest.Token(t, s, "orders", secret, refreshForm(tokens))
		if status != http.StatusOK {
			t.Errorf("without a demand: %d %v", status, next)
		}
		demand(accounts.TwoFactors)
		refused("a replaced token", old)
		demand("")
		refused("what was stolen, or stolen from", next)
	})
}
