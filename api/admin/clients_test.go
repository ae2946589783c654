package admin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"keyturn/audit"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

func TestClientFromCreationToDeletion(t *testing.T) {
	f := newFixture(t)
	all := f.token("admin")
	a := f.send(http.MethodPost, "/clients", all, `{"client_id": "shop", "client_name": "The shop", "redirect_uris": ["https://shop.example.com/cb"]}`)
	made := a.want(http.StatusCreated)
	secret, _ := made["client_secret"].(string)
	for member, want := range map[string]any{
		"client_id": "shop", "client_name": "The shop", "enabled": true, "token_endpoint_auth_method": "client_secret_basic",
		"redirect_uris": []any{"https://shop.example.com/cb"}, "grant_types": []any{"authorization_code", "refresh_token"}, "resources": []any{},
	} {
		if fmt.Sprint(made[member]) != fmt.Sprint(want) {
			t.Errorf("%s is %v, want %v", member, made[member], want)
		}
	}
	location, found := strings.CutPrefix(a.Header().Get("Location"), "https://id.example.com/admin/v1")
	if !found || len(secret) != 43 {
		t.Fatalf("Location %q, a secret of %d characters", location, len(secret))
	}
	secrets = append(slices.Clip(secrets), secret) // from here on it must not stand in any answer, nor in the log
	t.Cleanup(func() { secrets = secrets[:len(secrets)-1] })
	client, err := f.clients.Find(t.Context(), "shop")
	if err != nil || !client.Secrets[0].Hash.Matches(keys.SecretOf(secret)) {
		t.Errorf("the secret that was told is not the client's (%v)", err)
	}
	read := f.send(http.MethodGet, location, all, "").want(http.StatusOK)
	delete(made, "client_secret")
	if fmt.Sprint(read) != fmt.Sprint(made) {
		t.Errorf("read %v, want %v", read, made)
	}
	f.instant(read["created_at"])
	f.send(http.MethodPost, "/clients", all, `{"client_id": "shop", "redirect_uris": ["https://shop.example.com/cb"]}`).want(http.StatusConflict)

	changed := f.send(http.MethodPut, "/clients/shop", all, `{"client_id": "shop", "redirect_uris": ["https://shop.example.com/other"], "resources": [], "refresh_grace": "0s"}`).want(http.StatusOK)
	if changed["client_name"] != nil || fmt.Sprint(changed["redirect_uris"]) != "[https://shop.example.com/other]" ||
		fmt.Sprint(changed["resources"]) != "[]" || changed["refresh_grace"] != "0s" || fmt.Sprint(changed["secrets"]) != fmt.Sprint(made["secrets"]) {
		t.Errorf("replaced by %v", changed)
	}
	f.send(http.MethodPut, "/clients/nobody", all, `{"redirect_uris": ["https://shop.example.com/other"]}`).want(http.StatusNotFound)

	if ended := f.send(http.MethodPost, "/clients/shop/disable", all, "").want(http.StatusOK)["ended"]; ended != 0.0 {
		t.Errorf("ended %v", ended)
	}
	if f.send(http.MethodGet, "/clients/shop", all, "").want(http.StatusOK)["enabled"] != false {
		t.Error("not disabled")
	}
	f.send(http.MethodPost, "/clients/shop/enable", all, "{}").want(http.StatusNoContent)
	if f.send(http.MethodGet, "/clients/shop", all, "").want(http.StatusOK)["enabled"] != true {
		t.Error("not enabled")
	}
	f.send(http.MethodDelete, "/clients/shop", all, "").want(http.StatusOK)
	f.send(http.MethodDelete, "/clients/shop", all, "").want(http.StatusNotFound)
	f.send(http.MethodGet, "/clients/shop", all, "").want(http.StatusNotFound)
	f.send(http.MethodPost, "/clients", all, `{"client_id": "shop", "redirect_uris": ["https://shop.example.com/cb"]}`).want(http.StatusConflict)

	events, err := f.db.AuditEvents(t.Context(), audit.Query{SubjectKind: "client", SubjectID: "shop", Limit: 10})
	var actions []audit.Action
	for _, e := range events {
		actions = append(actions, e.Action)
		if e.Actor.ID != "keyturn-cli" || strings.Contains(fmt.Sprint(e.Details), secret) {
			t.Errorf("event %+v", e)
		}
	}
	slices.Reverse(actions)
	if want := []audit.Action{audit.ClientCreated, audit.ClientUpdated, audit.ClientDisabled, audit.ClientEnabled, audit.ClientDeleted}; err != nil || !slices.Equal(actions, want) {
		t.Errorf("audited as %v (%v), want %v", actions, err, want)
	}
}

func TestClientSecretsRotate(t *testing.T) {
	f := newFixture(t)
	all := f.token("admin")
	const own = "Zm9vYmFyYmF6cXV4cXV1eGNvcmdlZ3Jh-" + secretMark
	made := f.send(http.MethodPost, "/clients", all, `{"client_id": "shop", "redirect_uris": ["https://shop.example.com/cb"], "client_secret": "`+own+`"}`).want(http.StatusCreated)
	if made["client_secret"] != nil {
		t.Error("a secret that the caller brought is told again")
	}
	matches := func(n int, secret any) bool {
		t.Helper()
		c, err := f.clients.Find(t.Context(), "shop")
		if err != nil || len(c.Secrets) <= n {
			t.Fatalf("%v", err)
		}
		return c.Secrets[n].Hash.Matches(keys.SecretOf(secret.(string)))
	}
	second := f.send(http.MethodPost, "/clients/shop/secrets", all, "").want(http.StatusCreated)
	if !matches(0, own) || !matches(1, second["client_secret"]) {
		t.Error("not both secrets are valid")
	}
	third := f.send(http.MethodPost, "/clients/shop/secrets", all, "{}").want(http.StatusCreated)
	if !matches(0, second["client_secret"]) || !matches(1, third["client_secret"]) {
		t.Error("not the last two secrets are valid")
	}
	f.instant(third["created_at"])
	f.send(http.MethodDelete, "/clients/shop/secrets/"+second["id"].(string), all, "").want(http.StatusNoContent)
	if !matches(0, third["client_secret"]) {
		t.Error("another secret than the named one was removed")
	}
	for _, id := range []string{second["id"].(string), "x", "%00", "%ff", strings.Repeat("a", 5000)} {
		f.send(http.MethodDelete, "/clients/shop/secrets/"+id, all, "").want(http.StatusNotFound)
	}
	if again := f.send(http.MethodPost, "/clients/shop/secrets", all, `{"client_secret": "`+own+`"}`).want(http.StatusCreated); again["client_secret"] != nil || !matches(1, own) {
		t.Error("the caller's own secret")
	}
	f.send(http.MethodPut, "/clients/shop", all, `{"redirect_uris": ["https://shop.example.com/cb"], "token_endpoint_auth_method": "none"}`).want(http.StatusOK)
	f.send(http.MethodPost, "/clients/shop/secrets", all, "").wantParam("client_secret")
}

// What the answer tells of the metadata, a request takes.
func TestClientMetadataRoundTrip(t *testing.T) {
	f := newFixture(t)
	all := f.token("admin")
	const metadata = `"client_name": "The shop", "token_endpoint_auth_method": "private_key_jwt", "redirect_uris": ["https://shop.example.com/cb"],
		"grant_types": ["authorization_code", "client_credentials", "refresh_token"], "scopes": ["openid", "orders:read"], "resources": ["api", "orders"],
		"introspect_resources": ["stock"], "first_party": true, "require_pkce": true, "cors_origins": ["https://shop.example.com"],
		"jwks_uri": "https://shop.example.com/jwks.json", "id_token_signed_response_alg": "ES256", "userinfo_signed_response_alg": "RS256",
		"access_token_lifetime": "1m0s", "refresh_token_lifetime": "2h0m0s", "grant_lifetime": "48h0m0s", "refresh_grace": "10s",
		"rotate_refresh_tokens": false, "default_max_age": 3600, "required_acr": "phr", "post_logout_redirect_uris": ["https://shop.example.com/bye"],
		"backchannel_logout_uri": "https://shop.example.com/back", "backchannel_logout_session_required": true,
		"frontchannel_logout_uri": "https://shop.example.com/front", "frontchannel_logout_session_required": true,
		"initiate_login_uri": "https://shop.example.com/login", "client_uri": "https://shop.example.com", "logo_uri": "https://shop.example.com/logo.png",
		"policy_uri": "https://shop.example.com/policy", "tos_uri": "https://shop.example.com/terms", "contacts": ["team@example.com"]`
	first := f.send(http.MethodPost, "/clients", all, `{"client_id": "shop", `+metadata+`}`).want(http.StatusCreated)
	f.send(http.MethodPut, "/clients/shop", all, `{"redirect_uris": ["https://shop.example.com/cb"]}`).want(http.StatusOK)
	second := f.send(http.MethodPut, "/clients/shop", all, `{`+metadata+`}`).want(http.StatusOK)
	var sent map[string]any
	if err := json.Unmarshal([]byte(`{`+metadata+`}`), &sent); err != nil {
		t.Fatal(err)
	}
	for member, want := range sent {
		if fmt.Sprint(first[member]) != fmt.Sprint(want) {
			t.Errorf("%s is %v, want %v", member, first[member], want)
		}
	}
	delete(first, "updated_at")
	if delete(second, "updated_at"); fmt.Sprint(first) != fmt.Sprint(second) {
		t.Errorf("got %v, want %v", second, first)
	}
	for _, a := range []keys.Algorithm{keys.ES256, keys.RS256} {
		if !slices.Contains(f.clients.Algorithms(), a) {
			t.Errorf("no key will be made for %s", a)
		}
	}
}

func TestClientListsPage(t *testing.T) {
	f := newFixture(t)
	token := f.token("admin:read")
	var ids []string
	for i := range 25 {
		ids = append(ids, fmt.Sprintf("c%02d", i))
		if _, _, err := f.clients.Create(t.Context(), oauth.NewClient{ID: ids[i], Metadata: oauth.Metadata{RedirectURIs: []string{"https://shop.example.com/cb"}}}, audit.Actor{Rights: audit.ManageAll}); err != nil {
			t.Fatal(err)
		}
	}
	for prefix, want := range map[string][]string{"": ids, "c1": ids[10:20], "x": {}} {
		for _, size := range []int{1, 7, 25, 1000} {
			var got []string
			next := ""
			for more := true; more; {
				list := f.send(http.MethodGet, fmt.Sprintf("/clients?limit=%d&prefix=%s&after=%s", size, prefix, next), token, "").want(http.StatusOK)
				got = append(got, items(list, "client_id")...)
				next, more = list["next"].(string)
			}
			if !slices.Equal(got, want) {
				t.Errorf("pages of %d with prefix %q: %v, want %v", size, prefix, got, want)
			}
		}
	}
}

func TestUserClaims(t *testing.T) {
	f := newFixture(t)
	people := f.token("admin:users")
	made := f.send(http.MethodPost, "/users", people, `{"username": "spiderman", "claims": {"nickname": "Spidey", "address": {"country": "USA"}}}`).want(http.StatusCreated)
	if got := fmt.Sprint(made["claims"]); got != "map[address:map[country:USA] nickname:Spidey]" {
		t.Errorf("made with %s", got)
	}
	path := "/users/" + made["id"].(string)
	if got := fmt.Sprint(f.send(http.MethodPatch, path, people, `{"email": "peter@example.com"}`).want(http.StatusOK)["claims"]); got != fmt.Sprint(made["claims"]) {
		t.Errorf("a change of something else left %s", got)
	}
	if got := fmt.Sprint(f.send(http.MethodPatch, path, people, `{"claims": {"locale": "de"}}`).want(http.StatusOK)["claims"]); got != "map[locale:de]" {
		t.Errorf("replaced by %s", got)
	}
	if got := f.send(http.MethodPatch, path, people, `{"claims": {}}`).want(http.StatusOK)["claims"]; got != nil {
		t.Errorf("cleared to %v", got)
	}
}

// TestSnippetsNameWhatIsStored, whose making has tests of its own.
func TestSnippetsNameWhatIsStored(t *testing.T) {
	f := newFixture(t)
	all := f.token("admin")
	f.send(http.MethodPost, "/clients", all, `{"client_id": "shop", "client_name": "The shop", "redirect_uris": ["https://shop.example.com/callback"]}`).want(http.StatusCreated)
	f.send(http.MethodPost, "/resources", all, `{"identifier": "https://api.example.com/", "algorithm": "ES256"}`).want(http.StatusCreated)
	for path, want := range map[string]string{
		"/clients/shop/snippets": "https://shop.example.com/callback", "/resources/snippets": `"api"`,
		"/resources/snippets?identifier=https%3A%2F%2Fapi.example.com%2F": "https://api.example.com/",
	} {
		out := f.send(http.MethodGet, path, all, "").want(http.StatusOK)
		if code := items(out, "code"); len(code) < 3 || !strings.Contains(code[0], want) || !strings.Contains(code[0], "https://id.example.com") {
			t.Errorf("%s: %v, want %s", path, code, want)
		}
		for _, stack := range items(out, "stack") {
			if stack == "" {
				t.Errorf("%s: a snippet is for nothing", path)
			}
		}
	}
	f.send(http.MethodGet, "/resources/snippets?identifier=none", all, "").want(http.StatusNotFound)
}
