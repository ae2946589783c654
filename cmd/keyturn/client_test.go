package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// object is what a command answers with --json.
func (i *instance) object(t *testing.T, stdin string, args ...string) map[string]any {
	t.Helper()
	var v map[string]any
	out := i.must(t, stdin, append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("keyturn %v: %v in %s", args, err, out)
	}
	return v
}

// refused is what a command that must fail says.
func (i *instance) refused(t *testing.T, args ...string) string {
	t.Helper()
	out, status := i.run(t, "", args...)
	if status != 1 {
		t.Errorf("keyturn %v: status %d, want 1: %s", args, status, out)
	}
	return out
}

func (i *instance) file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(i.dir, name)
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestClientCommands(t *testing.T) {
	i := newMigrated(t)
	out := i.must(t, "", "client", "create", "shop", "--name", "The shop", "--redirect-uri", "https://shop.example.com/callback")
	_, rest, found := strings.Cut(out, "client secret  ")
	secret, _, _ := strings.Cut(rest, "\n")
	if !found || len(secret) != 43 || !strings.Contains(out, "shown this once") || !strings.Contains(out, i.url) || !strings.Contains(out, "shop") {
		t.Errorf("created: %s", out)
	}
	for _, args := range [][]string{{"client", "show", "shop"}, {"client", "list"}, {"client", "show", "shop", "--json"}, {"client", "list", "--json"}, {"audit", "events"}} {
		if out, _ := i.run(t, "", args...); strings.Contains(out, secret) {
			t.Errorf("%v tells the secret:\n%s", args, out)
		}
	}
	if said := i.refused(t, "client", "create", "shop", "--redirect-uri", "https://shop.example.com/callback"); !strings.Contains(said, "keyturn client update") {
		t.Errorf("the same again: %s", said)
	}

	first := i.object(t, "", "client", "show", "shop")["secrets"].([]any)[0].(map[string]any)["id"].(string)
	rotated := i.object(t, "", "client", "rotate-secret", "shop")
	if rotated["client_secret"] == secret || rotated["id"] == first || len(rotated["client_secret"].(string)) != 43 {
		t.Errorf("rotated to %v", rotated["id"])
	}
	own := i.object(t, "Zm9vYmFyYmF6cXV4cXV1eGNvcmdlZ3Jh\n", "client", "rotate-secret", "shop", "--secret-stdin")
	if own["client_secret"] != nil {
		t.Error("a secret that the operator brought is told again")
	}
	if said := i.refused(t, "client", "remove-secret", "shop", first); !strings.Contains(said, "no such secret") {
		t.Errorf("the one that fell out: %s", said)
	}
	if said := i.must(t, "", "client", "remove-secret", "shop", rotated["id"].(string)); !strings.Contains(said, "removed secret") {
		t.Errorf("removed: %s", said)
	}
	i.must(t, "", "client", "disable", "shop")
	if i.object(t, "", "client", "show", "shop")["enabled"] != false || !strings.Contains(i.must(t, "", "client", "list"), "off") {
		t.Error("not disabled")
	}
	i.must(t, "", "client", "enable", "shop")
	if ended := i.object(t, "", "client", "delete", "shop"); ended["client_id"] != "shop" || ended["ended"] != 0.0 {
		t.Errorf("deleted: %v", ended)
	}
	i.refused(t, "client", "show", "shop")
	i.refused(t, "client", "create", "shop", "--redirect-uri", "https://shop.example.com/callback")
}

// What is not given stays; what is given replaces.
func TestClientUpdateChangesWhatIsGiven(t *testing.T) {
	i := newMigrated(t)
	i.must(t, "", "client", "create", "app", "--redirect-uri", "https://app.example.com/a", "--redirect-uri", "https://app.example.com/b?x=1,2",
		"--scope", "openid profile", "--scope", "orders:read", "--cors-origin", "https://app.example.com", "--access-lifetime", "90s",
		"--refresh-grace", "0s", "--rotate-refresh-tokens=false", "--default-max-age", "0", "--required-acr", "2", "--first-party", "--require-pkce")
	before := i.object(t, "", "client", "show", "app")
	for member, want := range map[string]any{
		"redirect_uris": []any{"https://app.example.com/a", "https://app.example.com/b?x=1,2"}, "scopes": []any{"openid", "profile", "orders:read"},
		"resources": []any{"api"}, "access_token_lifetime": "1m30s", "refresh_grace": "0s", "rotate_refresh_tokens": false, "default_max_age": 0.0, "required_acr": "2",
		"first_party": true, "require_pkce": true, "token_endpoint_auth_method": "client_secret_basic",
	} {
		if text(before[member]) != text(want) {
			t.Errorf("%s is %v, want %v", member, before[member], want)
		}
	}
	changes := []struct {
		args []string
		want map[string]any // nil for a member that goes
	}{
		{[]string{"--name", "The app"}, map[string]any{"client_name": "The app"}},
		{[]string{"--redirect-uri", "https://app.example.com/c"}, map[string]any{"redirect_uris": []any{"https://app.example.com/c"}}},
		{[]string{"--resource="}, map[string]any{"resources": []any{}}},
		{[]string{"--scope="}, map[string]any{"scopes": nil}},
		{[]string{"--first-party=false", "--require-pkce=false"}, map[string]any{"first_party": nil, "require_pkce": nil}},
		{[]string{"--refresh-grace", "-1s", "--default-max-age", "-1"}, map[string]any{"refresh_grace": nil, "default_max_age": nil}},
		{[]string{"--required-acr", "phr"}, map[string]any{"required_acr": "phr"}},
		{[]string{"--required-acr="}, map[string]any{"required_acr": nil}},
		{[]string{"--access-lifetime", "0"}, map[string]any{"access_token_lifetime": nil}},
		{[]string{"--service", "--scope", "orders:read"}, map[string]any{
			"grant_types": []any{"authorization_code", "refresh_token", "client_credentials"}, "scopes": []any{"orders:read"}}},
		{[]string{"--service=false"}, map[string]any{"grant_types": []any{"authorization_code", "refresh_token"}}},
		{[]string{"--grant-type", "authorization_code"}, map[string]any{"grant_types": []any{"authorization_code"}}},
		{[]string{"--auth-method", "private_key_jwt", "--jwks-uri", "https://app.example.com/jwks.json"}, map[string]any{
			"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://app.example.com/jwks.json", "secrets": []any{}}},
		{[]string{"--public", "--rotate-refresh-tokens"}, map[string]any{"token_endpoint_auth_method": "none", "rotate_refresh_tokens": true}},
	}
	for _, change := range changes {
		after := i.object(t, "", append([]string{"client", "update", "app"}, change.args...)...)
		want := maps.Clone(before)
		want["updated_at"] = after["updated_at"]
		for member, value := range change.want {
			if want[member] = value; value == nil {
				delete(want, member)
			}
		}
		if text(after) != text(want) {
			t.Errorf("%v: got %s, want %s", change.args, text(after), text(want))
		}
		before = after
	}
	i.refused(t, "client", "update", "app")
	i.refused(t, "client", "update", "app", "--public", "--auth-method", "client_secret_post")
	i.refused(t, "client", "update", "app", "--redirect-uri", "http://app.example.com")
	i.refused(t, "client", "update", "nobody", "--name", "x")
	i.refused(t, "client", "update", "app", "--cors-origins", "https://app.example.com")
	if after := i.object(t, "", "client", "show", "app"); text(after) != text(before) {
		t.Errorf("what was refused changed it: %s", text(after))
	}
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func TestClientFiles(t *testing.T) {
	i := newMigrated(t)
	good := i.file(t, "good.json", `{"client_id": "app", "client_name": "From a file", "redirect_uris": ["https://app.example.com/cb"], "resources": [],
		"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "kid": "1",
		"x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}, "refresh_grace": "1m"}`)
	made := i.object(t, "", "client", "create", "app", "--file", good, "--name", "From a flag")
	if made["client_name"] != "From a flag" || made["refresh_grace"] != "1m0s" || text(made["resources"]) != "[]" || made["client_secret"] != nil {
		t.Errorf("made %s", text(made))
	}
	short := i.file(t, "short.json", `{"redirect_uris": ["https://app.example.com/cb"]}`)
	changed := i.object(t, "", "client", "update", "app", "--file", short)
	if changed["client_name"] != nil || changed["jwks"] != nil || changed["token_endpoint_auth_method"] != "client_secret_basic" || text(changed["resources"]) != `[]` {
		t.Errorf("replaced by %s", text(changed))
	}
	for name, wrong := range map[string]string{
		"unknown": `{"redirect_uri": ["https://app.example.com/cb"]}`, "other id": `{"client_id": "other"}`, "type": `{"redirect_uris": "x"}`,
		"twice": `{"client_name": "a", "client_name": "b"}`, "no object": `[]`, "secret": `{"redirect_uris": ["https://app.example.com/cb"], "client_secret": "Zm9vYmFyYmF6cXV4cXV1eGNvcmdlZ3Jh"}`,
	} {
		if said := i.refused(t, "client", "update", "app", "--file", i.file(t, "wrong.json", wrong)); strings.Contains(said, "Zm9v") {
			t.Errorf("%s: %s", name, said)
		}
	}
	if said := i.refused(t, "client", "update", "app", "--file", i.file(t, "wrong.json", `{"redirect_uri": []}`)); !strings.Contains(said, "wrong.json: redirect_uri ") {
		t.Errorf("it does not say what is wrong where: %s", said)
	}
}

func TestClaimsFiles(t *testing.T) {
	i := newMigrated(t)
	all := `{"name": "Peter Benjamin Parker", "middle_name": "Benjamin", "nickname": "Spidey", "profile": "https://example.com/peter",
		"picture": "https://example.com/peter.png", "website": "https://example.com", "gender": "male", "birthdate": "2001-08-10",
		"zoneinfo": "America/New_York", "locale": "en-US", "phone_number": "+1 604 555 1234", "phone_number_verified": true,
		"address": {"formatted": "20 Ingram Street\nNew York", "street_address": "20 Ingram Street", "locality": "Forest Hills",
		"region": "New York", "postal_code": "11375", "country": "USA"}}`
	var want map[string]any
	must(t, json.Unmarshal([]byte(all), &want))
	made := i.object(t, "", "user", "create", "spiderman", "--claims-file", i.file(t, "claims.json", all))
	if text(made["claims"]) != text(want) {
		t.Errorf("claims %s, want %s", text(made["claims"]), text(want))
	}
	changed := i.object(t, "", "user", "update", "spiderman", "--claims-file", i.file(t, "claims.json", `{"locale": "de"}`))
	if text(changed["claims"]) != `{"locale":"de"}` {
		t.Errorf("replaced by %s", text(changed["claims"]))
	}
	if changed = i.object(t, "", "user", "update", "spiderman", "--claims-file", i.file(t, "claims.json", `{}`)); changed["claims"] != nil {
		t.Errorf("cleared to %s", text(changed["claims"]))
	}
	for wrong, says := range map[string]string{
		`{"shoe_size": "46"}`: "claims.shoe_size", `{"birthdate": 2001}`: "claims.birthdate", `{"birthdate": "10.8.2001"}`: "birthdate",
		`{"address": "x"}`: "claims.address", `{"address": {"planet": "Earth"}}`: "claims.address.planet", `{"name": null}`: "claims.name", `x`: "claims",
	} {
		if said := i.refused(t, "user", "update", "spiderman", "--claims-file", i.file(t, "claims.json", wrong)); !strings.Contains(said, says) {
			t.Errorf("%s: %s", wrong, said)
		}
	}
}

func TestResourceScopesByCommand(t *testing.T) {
	i := newMigrated(t)
	made := i.object(t, "", "resource", "create", "orders", "--scopes", "orders:read,orders:write")
	if text(made["scopes"]) != `["orders:read","orders:write"]` {
		t.Errorf("made %s", text(made))
	}
	if out := i.must(t, "", "resource", "list"); !strings.Contains(out, "orders:read orders:write") {
		t.Errorf("listed as %s", out)
	}
	if said := i.refused(t, "resource", "update", "orders", "--scopes", "openid"); !strings.Contains(said, "scopes") {
		t.Errorf("a standard scope: %s", said)
	}
	var list []map[string]any
	must(t, json.Unmarshal([]byte(i.must(t, "", "resource", "list", "--json")), &list))
	if !slices.ContainsFunc(list, func(r map[string]any) bool { return r["identifier"] == "orders" && len(r["scopes"].([]any)) == 2 }) {
		t.Errorf("listed %s", text(list))
	}
}
