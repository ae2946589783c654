package admin_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestResourceFromCreationToDeletion(t *testing.T) {
	f := newFixture(t)
	all := f.token("admin")
	const identifier = "https://orders.example.com/api?v=1&x=é"
	a := f.send(http.MethodPost, "/resources", all, `{"identifier": "`+identifier+`", "algorithm": "ES256", "access_lifetime": "90s", "claims": ["email"], "simplejwt": false, "scopes": ["orders:read", "orders:write"]}`)
	made := a.want(http.StatusCreated)
	if made["access_lifetime"] != "1m30s" || made["algorithm"] != "ES256" || made["simplejwt"] != false || len(made["claims"].([]any)) != 1 || len(made["scopes"].([]any)) != 2 {
		t.Errorf("made %v", made)
	}
	location, found := strings.CutPrefix(a.Header().Get("Location"), "https://id.example.com/admin/v1")
	if !found {
		t.Fatalf("Location %q", location)
	}
	if got := items(f.send(http.MethodGet, location, all, "").want(http.StatusOK), "identifier"); !slices.Equal(got, []string{identifier}) {
		t.Errorf("Location leads to %v", got)
	}
	f.send(http.MethodPost, "/resources", all, `{"identifier": "`+identifier+`"}`).want(http.StatusConflict)
	if got := items(f.send(http.MethodGet, "/resources", all, "").want(http.StatusOK), "identifier"); !slices.Equal(got, []string{"api", identifier}) {
		t.Errorf("resources %v", got)
	}
	first := f.send(http.MethodGet, "/resources?limit=1", all, "").want(http.StatusOK)
	second := f.send(http.MethodGet, "/resources?limit=1&after="+url.QueryEscape(first["next"].(string)), all, "").want(http.StatusOK)
	if got := items(second, "identifier"); !slices.Equal(got, []string{identifier}) || second["next"] != nil {
		t.Errorf("the second page is %v", second)
	}

	path := "/resources?identifier=" + url.QueryEscape(identifier)
	changed := f.send(http.MethodPut, path, all, `{"identifier": "`+identifier+`"}`).want(http.StatusOK)
	if changed["simplejwt"] != true || changed["algorithm"] != nil || changed["access_lifetime"] != nil || len(changed["claims"].([]any)) != 3 || len(changed["scopes"].([]any)) != 0 {
		t.Errorf("replaced by %v", changed)
	}
	f.send(http.MethodDelete, path, all, "").want(http.StatusNoContent)
	f.send(http.MethodDelete, path, all, "").want(http.StatusNotFound)
	f.send(http.MethodPut, path, all, `{}`).want(http.StatusNotFound)
}

// Consumers of the configured audience read token_type, user_id and names: a change of its lifetime alone
// takes nothing from them, and what is said otherwise counts for the next token.
func TestResourceKeepsTheDefaultsThatAreNotMentioned(t *testing.T) {
	f := newFixture(t)
	all := f.token("admin")
	f.user("spiderman", false)
	made := f.send(http.MethodPost, "/resources", all, `{"identifier": "api", "access_lifetime": "1m"}`).want(http.StatusCreated)
	if made["simplejwt"] != true || len(made["claims"].([]any)) != 3 {
		t.Errorf("made %v", made)
	}
	if claims := f.claimsOf("spiderman"); claims["token_type"] != "access" || claims["preferred_username"] != "spiderman" ||
		claims["exp"].(float64)-claims["iat"].(float64) != 60 {
		t.Errorf("claims %v", claims)
	}
	none := f.send(http.MethodPut, "/resources?identifier=api", all, `{"simplejwt": false, "claims": []}`).want(http.StatusOK)
	if none["simplejwt"] != false || len(none["claims"].([]any)) != 0 || none["access_lifetime"] != nil {
		t.Errorf("replaced by %v", none)
	}
	if claims := f.claimsOf("spiderman"); claims["token_type"] != nil || claims["preferred_username"] != nil {
		t.Errorf("claims %v", claims)
	}
}

// claimsOf are those of an access token that the user gets once the resources have been read again.
func (f *fixture) claimsOf(username string) map[string]any {
	f.Helper()
	if err := f.issuer.LoadResources(f.Context()); err != nil {
		f.Fatal(err)
	}
	payload := strings.Split(f.signIn(username, password).Access, ".")[1]
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		f.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(text, &claims); err != nil {
		f.Fatal(err)
	}
	return claims
}
