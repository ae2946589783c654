package oauth

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"keyturn/audit"
	"keyturn/keys"
)

func TestClientFromCreationToDeletion(t *testing.T) {
	r, store := newRegistry(t)
	ctx := t.Context()
	made, secret, err := r.Create(ctx, NewClient{ID: "app", Metadata: Metadata{RedirectURIs: []string{"https://app.example.com/cb"}}}, clientAdmin)
	if err != nil {
		t.Fatal(err)
	}
	if made.AuthMethod != AuthBasic || !slices.Equal(made.GrantTypes, []GrantType{AuthorizationCode, RefreshTokenGrant}) ||
		len(made.Resources) != 0 || !made.Enabled {
		t.Errorf("made %+v", made)
	}
	if len(secret.Reveal()) != 43 || len(made.Secrets) != 1 || !made.Secrets[0].Hash.Matches(secret) {
		t.Errorf("a secret of %d characters, stored %d", len(secret.Reveal()), len(made.Secrets))
	}
	if c, err := r.Find(ctx, "app"); err != nil || !c.Secrets[0].Hash.Matches(secret) {
		t.Errorf("find: %v", err)
	}
	if _, _, err := r.Create(ctx, NewClient{ID: "app", Metadata: webClient()}, clientAdmin); !errors.Is(err, ErrClientExists) {
		t.Errorf("the same id again: %v", err)
	}

	changed := made.Metadata
	changed.Name, changed.RedirectURIs = "The app", []string{"https://app.example.com/other"}
	updated, err := r.Update(ctx, "app", changed, clientAdmin)
	if err != nil || updated.Name != "The app" || len(updated.Secrets) != 1 {
		t.Errorf("updated %+v, %v", updated, err)
	}
	if c, err := r.Find(ctx, "app"); err != nil || c.Name != "The app" {
		t.Errorf("find: %v", err)
	}

	if ended, err := r.SetEnabled(ctx, "app", false, clientAdmin); err != nil || ended != 3 {
		t.Errorf("disable: %d, %v", ended, err)
	}
	if _, err := r.Find(ctx, "app"); !errors.Is(err, ErrClientDisabled) {
		t.Errorf("find: %v", err)
	}
	if c, err := r.Get(ctx, "app"); err != nil || c.Enabled {
		t.Errorf("get: %+v, %v", c, err)
	}
	if _, err := r.SetEnabled(ctx, "app", true, clientAdmin); err != nil {
		t.Error(err)
	}
	if _, err := r.Find(ctx, "app"); err != nil {
		t.Errorf("find: %v", err)
	}
	if ended, err := r.Delete(ctx, "app", clientAdmin); err != nil || ended != 4 {
		t.Errorf("delete: %d, %v", ended, err)
	}
	if _, err := r.Find(ctx, "app"); !errors.Is(err, ErrUnknownClient) {
		t.Errorf("find: %v", err)
	}
	if _, _, err := r.Create(ctx, NewClient{ID: "app", Metadata: webClient()}, clientAdmin); !errors.Is(err, ErrClientExists) {
		t.Errorf("the id of a deleted client: %v", err)
	}

	var actions []audit.Action
	for _, e := range store.events {
		if e.SubjectKind != "client" || e.SubjectID != "app" || e.Actor != clientAdmin || strings.Contains(fmt.Sprint(e.Details), secret.Reveal()) {
			t.Errorf("event %+v", e)
		}
		actions = append(actions, e.Action)
	}
	if want := []audit.Action{
		audit.ClientCreated, audit.ClientUpdated, audit.ClientDisabled, audit.ClientEnabled, audit.ClientDeleted,
	}; !slices.Equal(actions, want) {
		t.Errorf("actions %v, want %v", actions, want)
	}
	if got, want := store.events[1].Details, map[string]string{
		"fields": "client_name redirect_uris", "redirect_uris": "https://app.example.com/other", "auth_method": "client_secret_basic",
		"grant_types": "authorization_code refresh_token", "first_party": "false",
	}; !maps.Equal(got, want) {
		t.Errorf("the update is recorded as %v, want %v", got, want)
	}
}

func TestDefaultsOfNewClients(t *testing.T) {
	r, _ := newRegistry(t)
	for name, n := range map[string]NewClient{
		"public":  {ID: "spa", Metadata: Metadata{AuthMethod: AuthNone, RedirectURIs: []string{"https://app.example.com/cb"}}},
		"key":     {ID: "key", Metadata: Metadata{AuthMethod: AuthPrivateKeyJWT, JWKSURI: "https://app.example.com/jwks", RedirectURIs: []string{"https://app.example.com/cb"}}},
		"nothing": {ID: "bare", Metadata: Metadata{RedirectURIs: []string{"https://app.example.com/cb"}, Resources: []string{}, FirstParty: true}},
		"own":     {ID: "own", Metadata: Metadata{RedirectURIs: []string{"https://app.example.com/cb"}, FirstParty: true}},
		"service": {ID: "robot", Metadata: Metadata{GrantTypes: []GrantType{ClientCredentials}, Scopes: []string{"read"}}},
	} {
		made, secret, err := r.Create(t.Context(), n, clientAdmin)
		if err != nil {
			t.Fatal(name, err)
		}
		if has := name != "public" && name != "key"; len(made.Secrets) == 1 != has || (secret.Reveal() != "") != has {
			t.Errorf("%s: %d secrets", name, len(made.Secrets))
		}
		if hasAPI := name == "own" || name == "service"; (len(made.Resources) == 1) != hasAPI {
			t.Errorf("%s: resources %q", name, made.Resources)
		}
	}
	for name, n := range map[string]NewClient{
		"id":           {ID: "a b", Metadata: webClient()},
		"metadata":     {ID: "app"},
		"weak":         {ID: "app", Metadata: webClient(), Secret: keys.SecretOf("short")},
		"public+own":   {ID: "app", Metadata: Metadata{AuthMethod: AuthNone, RedirectURIs: []string{"https://app.example.com/cb"}}, Secret: keys.NewSecret()},
		"reserved":     {ID: "token-pair", Metadata: webClient()},
		"an audience":  {ID: "api", Metadata: webClient()},
		"another user": {ID: "9d6eb919-664d-4748-b52d-265009d776b0", Metadata: webClient()},
	} {
		if _, _, err := r.Create(t.Context(), n, clientAdmin); !isInvalid(err) {
			t.Errorf("%s: %v, want *InvalidRequest", name, err)
		}
	}
}

func isInvalid(err error) bool {
	_, ok := errors.AsType[*InvalidRequest](err)
	return ok
}

// Of two secrets both are valid, so that a client's instances can be changed over one by one.
func TestSecretsRotate(t *testing.T) {
	r, store := newRegistry(t)
	ctx := t.Context()
	own := keys.SecretOf("Zm9vYmFyYmF6cXV4cXV1eGNvcmdlZ3Jh")
	made, shown, err := r.Create(ctx, NewClient{ID: "app", Metadata: webClient(), Secret: own}, clientAdmin)
	if err != nil || shown.Reveal() != "" || !made.Secrets[0].Hash.Matches(own) {
		t.Fatalf("own secret: shown %v, %v", shown.Reveal() != "", err)
	}
	second, _, err := r.RotateSecret(ctx, "app", keys.Secret{}, clientAdmin)
	if err != nil {
		t.Fatal(err)
	}
	third, c, err := r.RotateSecret(ctx, "app", keys.Secret{}, clientAdmin)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Secrets) != 2 || !c.Secrets[0].Hash.Matches(second) || !c.Secrets[1].Hash.Matches(third) {
		t.Errorf("%d secrets, want the last two", len(c.Secrets))
	}
	if _, _, err := r.RotateSecret(ctx, "app", keys.SecretOf("short"), clientAdmin); !isInvalid(err) {
		t.Errorf("a short one: %v", err)
	}
	if shown, c, err = r.RotateSecret(ctx, "app", own, clientAdmin); err != nil || shown.Reveal() != "" || !c.Secrets[1].Hash.Matches(own) {
		t.Errorf("own secret: shown %v, %v", shown.Reveal() != "", err)
	}
	for range 2 {
		first := c.Secrets[0].ID
		if c, err = r.RemoveSecret(ctx, "app", first, clientAdmin); err != nil {
			t.Fatal(err)
		}
		if _, err := r.RemoveSecret(ctx, "app", first, clientAdmin); !errors.Is(err, ErrSecretNotFound) {
			t.Errorf("again: %v", err)
		}
	}
	found, err := r.Find(ctx, "app")
	if err != nil || len(found.Secrets) != 0 {
		t.Errorf("%d secrets are left (%v)", len(found.Secrets), err)
	}
	for _, e := range store.events[1:] {
		if e.Details["secret"] == "" || strings.Contains(fmt.Sprint(e), own.Reveal()) {
			t.Errorf("event %+v", e)
		}
	}
}

// A secret that opens nothing any more must not come back to life with the next change of the method.
func TestChangeOfMethodRemovesSecrets(t *testing.T) {
	r, _ := newRegistry(t)
	ctx := t.Context()
	if _, _, err := r.Create(ctx, NewClient{ID: "app", Metadata: webClient()}, clientAdmin); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.RotateSecret(ctx, "app", keys.Secret{}, clientAdmin); err != nil {
		t.Fatal(err)
	}
	m := webClient()
	m.AuthMethod = AuthPost
	if c, err := r.Update(ctx, "app", m, clientAdmin); err != nil || len(c.Secrets) != 2 {
		t.Errorf("another method with secrets: %d secrets, %v", len(c.Secrets), err)
	}
	m.AuthMethod = AuthNone
	if c, err := r.Update(ctx, "app", m, clientAdmin); err != nil || len(c.Secrets) != 0 {
		t.Errorf("a public client: %d secrets, %v", len(c.Secrets), err)
	}
	if _, _, err := r.RotateSecret(ctx, "app", keys.Secret{}, clientAdmin); !isInvalid(err) {
		t.Errorf("a secret for a public client: %v", err)
	}
}

// changesMethod is a store in which somebody else makes every client public just before a secret is added.
type changesMethod struct{ *clientStore }

func (m changesMethod) AddSecret(ctx context.Context, id string, s ClientSecret, event audit.Event) (Client, error) {
	public := webClient()
	public.AuthMethod = AuthNone
	if _, err := m.UpdateClient(ctx, id, public, event); err != nil {
		return Client{}, err
	}
	return m.clientStore.AddSecret(ctx, id, s, event)
}

func TestSecretBesideChangeOfMethod(t *testing.T) {
	r, store := newRegistry(t, "app")
	r.Store = changesMethod{store}
	if made, _, err := r.RotateSecret(t.Context(), "app", keys.Secret{}, clientAdmin); !errors.Is(err, ErrClientChanged) || made.Reveal() != "" {
		t.Errorf("got a secret: %v, %v; want %v", made.Reveal() != "", err, ErrClientChanged)
	}
}

func TestClientsThatAreNotThere(t *testing.T) {
	r, store := newRegistry(t)
	ctx := t.Context()
	for _, id := range []string{"app", "", "\x00", "a b", "token-pair", strings.Repeat("x", 1000)} {
		_, get := r.Get(ctx, id)
		_, update := r.Update(ctx, id, webClient(), clientAdmin)
		_, set := r.SetEnabled(ctx, id, false, clientAdmin)
		_, del := r.Delete(ctx, id, clientAdmin)
		_, _, rotate := r.RotateSecret(ctx, id, keys.Secret{}, clientAdmin)
		_, remove := r.RemoveSecret(ctx, id, "x", clientAdmin)
		for n, err := range []error{get, update, set, del, rotate, remove} {
			if !errors.Is(err, ErrClientNotFound) {
				t.Errorf("%q, call %d: %v, want ErrClientNotFound", id, n, err)
			}
		}
	}
	if len(store.events) != 0 {
		t.Errorf("events %v", store.events)
	}
}

func TestListPages(t *testing.T) {
	r, store := newRegistry(t, "b", "a", "app-2", "app-1", "app-3", "Z")
	off := store.rows["a"].Client
	off.Enabled = false
	store.put(off)
	for _, test := range []struct {
		prefix, after string
		limit         int
		want          []string
	}{
		{"", "", 1000, []string{"Z", "a", "app-1", "app-2", "app-3", "b"}},
		{"", "", 2, []string{"Z", "a"}},
		{"", "a", 2, []string{"app-1", "app-2"}},
		{"app-", "", 2, []string{"app-1", "app-2"}},
		{"app-", "app-2", 2, []string{"app-3"}},
		{"", "app-9", 2, []string{"b"}},
		{"\x00", "", 2, nil},
		{"", "z", 2, nil},
	} {
		list, err := r.List(t.Context(), test.prefix, test.after, test.limit, clientAdmin)
		var ids []string
		for _, c := range list {
			ids = append(ids, c.ID)
		}
		if err != nil || !slices.Equal(ids, test.want) {
			t.Errorf("%+v: got %v, %v", test, ids, err)
		}
	}
	for _, limit := range []int{0, -1, 1001} {
		if _, err := r.List(t.Context(), "", "", limit, clientAdmin); !isInvalid(err) {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}

// Administrators see what another instance changed a moment ago, and no change is lost with the reading
// behind it.
func TestAdministrationReadsTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, store := newRegistry(t, "app")
		changed := store.rows["app"].Client
		changed.Name = "elsewhere"
		store.put(changed)
		if c, err := r.Get(t.Context(), "app"); err != nil || c.Name != "elsewhere" {
			t.Errorf("got %v, %v", c, err)
		}
		store.set(func() { store.err = keys.ErrUnavailable })
		if _, err := r.Get(t.Context(), "app"); !errors.Is(err, keys.ErrUnavailable) {
			t.Errorf("get: %v", err)
		}
		if _, err := r.List(t.Context(), "", "", 10, clientAdmin); !errors.Is(err, keys.ErrUnavailable) {
			t.Errorf("list: %v", err)
		}
		if _, _, err := r.Create(t.Context(), NewClient{ID: "new", Metadata: webClient()}, clientAdmin); !errors.Is(err, keys.ErrUnavailable) {
			t.Errorf("create: %v", err)
		}
		store.set(func() { store.err, store.hangs = nil, true })
		if ended, err := r.SetEnabled(t.Context(), "app", false, clientAdmin); err != nil || ended != 3 {
			t.Errorf("disable: %d, %v", ended, err)
		}
		store.set(func() { store.hangs = false })
		if err := r.Follow(t.Context(), store.counter); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Find(t.Context(), "app"); !errors.Is(err, ErrClientDisabled) {
			t.Errorf("find: %v", err)
		}
	})
}

// What ends grants is not cancelled by whoever hangs up.
func TestChangesOutliveTheCaller(t *testing.T) {
	r, store := newRegistry(t, "app")
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	if _, err := r.SetEnabled(ctx, "app", false, clientAdmin); err != nil || store.rows["app"].Enabled {
		t.Errorf("disable: %v", err)
	}
	if _, err := r.Delete(ctx, "app", clientAdmin); err != nil || store.rows["app"].AuthMethod != "" {
		t.Errorf("delete: %v", err)
	}
}

func TestDetailsStaySmall(t *testing.T) {
	m := webClient()
	for range 49 {
		m.RedirectURIs = append(m.RedirectURIs, "https://app.example.com/"+strings.Repeat("x", 100))
	}
	if got := describe(m)["redirect_uris"]; got != "50 of them" {
		t.Errorf("recorded as %.100s", got)
	}
}
