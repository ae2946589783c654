package storagetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
	"keyturn/storage"
)

// fullMetadata has something in every member whose form is not that of a text.
func fullMetadata() oauth.Metadata {
	return oauth.Metadata{
		Name: "Shöp & <Söhne>", AuthMethod: oauth.AuthPrivateKeyJWT, RedirectURIs: []string{"https://shop.example/cb", "http://127.0.0.1/cb"},
		GrantTypes: []oauth.GrantType{oauth.AuthorizationCode, oauth.ClientCredentials}, Scopes: []string{"openid"}, Resources: []string{"api"},
		FirstParty: true, JWKS: json.RawMessage(`{"keys":[]}`), IDTokenAlgorithm: keys.EdDSA,
		AccessLifetime: oauth.Lifetime(90 * time.Second), RefreshGrace: new(oauth.Lifetime(0)), RotateRefreshTokens: new(false), DefaultMaxAge: new(int64(0)), RequiredACR: "phr",
		BackchannelLogoutURI: "https://shop.example/logout", BackchannelLogoutSessionRequired: true,
	}
}

func testClients(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	want := oauth.Client{
		ID: "shop", Metadata: fullMetadata(), Enabled: true,
		Secrets: []oauth.ClientSecret{{ID: "b", Hash: keys.NewSecret().Hash()}, {ID: "a", Hash: keys.NewSecret().Hash()}},
	}
	created, err := db.CreateClient(ctx, want, Event(audit.ClientCreated))
	must(t, err)
	now := micro(clock.Now())
	want.CreatedAt, want.UpdatedAt, want.Secrets[0].CreatedAt, want.Secrets[1].CreatedAt = now, now, now, now
	equal(t, "created", created, want)
	_, err = db.CreateClient(ctx, want, Event(audit.ClientCreated))
	is(t, "the id again", err, oauth.ErrClientExists)
	other := Client(t, db)
	all, counter, err := db.Clients(ctx, 0)
	must(t, err)
	equal(t, "all", all, []oauth.Client{want, other})

	m := oauth.Metadata{AuthMethod: oauth.AuthNone}
	updated, err := db.UpdateClient(ctx, "shop", m, Event(audit.ClientUpdated))
	must(t, err)
	if !updated.UpdatedAt.After(want.UpdatedAt) {
		t.Errorf("updated at %v, want it to grow though the clock stands still", updated.UpdatedAt)
	}
	want.Metadata, want.UpdatedAt, want.Secrets = m, updated.UpdatedAt, nil
	equal(t, "updated", updated, want)
	_, err = db.UpdateClient(ctx, "shop", m, Event(audit.ClientUpdated))
	is(t, "the same again", err, nil)
	_, err = db.UpdateClient(ctx, "nobody", m, Event(audit.ClientUpdated))
	is(t, "an update of nobody", err, oauth.ErrClientNotFound)
	equal(t, "events", actions(t, db, audit.ClientUpdated), 2)

	changed, later, err := db.Clients(ctx, counter)
	must(t, err)
	if len(changed) != 1 || changed[0].ID != "shop" || later != counter+2 {
		t.Errorf("since the first list: got %+v and %d, want the one client and %d", changed, later, counter+2)
	}
	changed, again, err := db.Clients(ctx, later)
	must(t, err)
	if len(changed) != 0 || again != later {
		t.Errorf("since then: got %+v and %d, want none and %d", changed, again, later)
	}
}

func testClientSecrets(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	c, other := Client(t, db), Client(t, db)
	first := c.Secrets[0].ID
	named := func(c oauth.Client) (ids []string) {
		for _, s := range c.Secrets {
			ids = append(ids, s.ID)
		}
		return ids
	}
	add := func(id string) oauth.Client { // the clock stands still: their order must not come from it
		t.Helper()
		c, err := db.AddSecret(ctx, c.ID, oauth.ClientSecret{ID: id, Hash: keys.NewSecret().Hash()}, Event(audit.ClientSecretAdded))
		must(t, err)
		return c
	}
	remove := func(id string) oauth.Client {
		t.Helper()
		c, err := db.RemoveSecret(ctx, c.ID, id, Event(audit.ClientSecretRemoved))
		must(t, err)
		return c
	}
	equal(t, "a second secret", named(add("z")), []string{first, "z"})
	equal(t, "a third", named(add("b")), []string{"z", "b"})
	equal(t, "a fourth", named(add("y")), []string{"b", "y"})
	equal(t, "without the older", named(remove("b")), []string{"y"})
	equal(t, "two again", named(add("a")), []string{"y", "a"})
	equal(t, "without the newer", named(remove("a")), []string{"y"})
	equal(t, "two again", named(add("c")), []string{"y", "c"})
	_, err := db.RemoveSecret(ctx, c.ID, "a", Event(audit.ClientSecretRemoved))
	is(t, "a secret that is gone", err, oauth.ErrSecretNotFound)
	_, err = db.RemoveSecret(ctx, other.ID, "y", Event(audit.ClientSecretRemoved))
	is(t, "another client's secret", err, oauth.ErrSecretNotFound)
	_, err = db.RemoveSecret(ctx, "nobody", "y", Event(audit.ClientSecretRemoved))
	is(t, "a secret of nobody", err, oauth.ErrClientNotFound)
	_, err = db.AddSecret(ctx, "nobody", oauth.ClientSecret{ID: "y"}, Event(audit.ClientSecretAdded))
	is(t, "a secret for nobody", err, oauth.ErrClientNotFound)
	equal(t, "events", actions(t, db, audit.ClientSecretAdded, audit.ClientSecretRemoved), 7)
	all, _, err := db.Clients(ctx, 0)
	must(t, err)
	for _, read := range all {
		if read.ID == other.ID {
			equal(t, "the other client", read, other)
		}
	}
}

// testMethodsWithoutSecrets: what opens nothing under one method must not open something under the next.
func testMethodsWithoutSecrets(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	c, kept := Client(t, db), Client(t, db)
	first := c.Secrets[0].ID
	add := func(id string) error {
		return second(db.AddSecret(ctx, c.ID, oauth.ClientSecret{ID: id, Hash: keys.NewSecret().Hash()}, Event(audit.ClientSecretAdded)))
	}
	change := func(method oauth.AuthMethod) oauth.Client {
		t.Helper()
		m := c.Metadata
		m.AuthMethod = method
		left, err := db.UpdateClient(ctx, c.ID, m, Event(audit.ClientUpdated))
		must(t, err)
		return left
	}
	must(t, add("z"))
	equal(t, "secrets under client_secret_post", len(change(oauth.AuthPost).Secrets), 2)
	equal(t, "events of removal", actions(t, db, audit.ClientSecretRemoved), 0)
	for _, method := range []oauth.AuthMethod{oauth.AuthNone, oauth.AuthPrivateKeyJWT} {
		equal(t, "secrets under "+string(method), len(change(method).Secrets), 0)
		is(t, "a secret under "+string(method), add("y"), issuer.ErrConflict)
	}
	events, err := db.AuditEvents(ctx, audit.Query{Limit: 1000})
	must(t, err)
	var told []string
	for _, e := range events {
		if e.Action == audit.ClientSecretRemoved {
			told = append(told, e.Details["secret"])
		}
	}
	slices.Sort(told)
	want := []string{first, "z"}
	slices.Sort(want)
	equal(t, "secrets whose removal is told", told, want)
	equal(t, "events of addition", actions(t, db, audit.ClientSecretAdded), 1)
	equal(t, "secrets under client_secret_basic again", len(change(oauth.AuthBasic).Secrets), 0)

	all, _, err := db.Clients(ctx, 0)
	must(t, err)
	for _, other := range all {
		if other.ID == kept.ID {
			equal(t, "secrets of another client", len(other.Secrets), 1)
		}
	}
}

// testSecretBesideChangeOfMethod: whichever of the two comes first, no secret is left.
func testSecretBesideChangeOfMethod(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{MaxOpen: 4}), t.Context()
	for range 20 {
		c := Client(t, db)
		public := c.Metadata
		public.AuthMethod = oauth.AuthNone
		must(t, atOnce(2, func(i int) error {
			if i == 0 {
				return second(db.UpdateClient(ctx, c.ID, public, Event(audit.ClientUpdated)))
			}
			err := second(db.AddSecret(ctx, c.ID, oauth.ClientSecret{ID: "z", Hash: keys.NewSecret().Hash()}, Event(audit.ClientSecretAdded)))
			if errors.Is(err, issuer.ErrConflict) {
				return nil
			}
			return err
		}))
		left, err := db.UpdateClient(ctx, c.ID, c.Metadata, Event(audit.ClientUpdated))
		must(t, err)
		equal(t, "secrets", len(left.Secrets), 0)
	}
}

func testClientEnds(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	u, c, other := User(t, db), Client(t, db), Client(t, db)
	s := Session(t, db, u)
	consent := func(id string) error {
		return db.AddConsent(ctx, oauth.Consent{UserID: u.ID, ClientID: id, Resource: "api", Scopes: []string{"openid"}}, Event(audit.ConsentGiven))
	}
	must(t, consent(c.ID))
	must(t, consent(other.ID))
	kept := redeemIn(t, db, other, s, "openid")
	redeemIn(t, db, c, s, "openid offline_access")
	redeemIn(t, db, c, s, "openid")
	_, counter, err := db.Clients(ctx, 0)
	must(t, err)
	set := func(on bool) int64 {
		t.Helper()
		ended, err := db.SetClientEnabled(ctx, c.ID, on, Event(audit.ClientDisabled))
		must(t, err)
		return ended
	}
	equal(t, "grants ended by turning on what is on", set(true), 0)
	_, same, err := db.Clients(ctx, 0)
	must(t, err)
	equal(t, "the counter after no change", same, counter)
	equal(t, "grants ended by turning off", set(false), 2)
	equal(t, "grants ended again", set(false), 0)
	equal(t, "events", actions(t, db, audit.ClientDisabled), 1)
	changed, counter, err := db.Clients(ctx, counter)
	must(t, err)
	if len(changed) != 1 || changed[0].Enabled || changed[0].AuthMethod != c.AuthMethod {
		t.Errorf("turned off: got %+v", changed)
	}
	is(t, "a consent for a client that is off", consent(c.ID), oauth.ErrSessionGone)
	equal(t, "grants ended by turning on", set(true), 0)
	third := redeemIn(t, db, c, s, "openid")

	ended, err := db.DeleteClient(ctx, c.ID, Event(audit.ClientDeleted))
	must(t, err)
	equal(t, "grants ended by deletion", ended, 1)
	stored, _, err := db.GrantByID(ctx, third.ID)
	must(t, err)
	equal(t, "ended for", stored.RevokedFor, issuer.ClientDeleted)
	checkRevoked(t, db, "")
	checkAlive(t, db, kept.ID)
	changed, _, err = db.Clients(ctx, counter)
	must(t, err)
	if len(changed) != 1 || changed[0].ID != c.ID || changed[0].Enabled || changed[0].AuthMethod != "" || changed[0].Secrets != nil || changed[0].Name != "" {
		t.Errorf("deleted: got %+v, want the id and nothing else", changed)
	}
	consents, err := db.Consents(ctx, u.ID)
	must(t, err)
	if len(consents) != 1 || consents[0].ClientID != other.ID {
		t.Errorf("consents: got %+v, want that to the other client", consents)
	}
	_, err = db.DeleteClient(ctx, c.ID, Event(audit.ClientDeleted))
	is(t, "deleting twice", err, oauth.ErrClientNotFound)
	_, err = db.CreateClient(ctx, c, Event(audit.ClientCreated))
	is(t, "the id of a deleted client", err, oauth.ErrClientExists)
	for name, err := range map[string]error{
		"update":    second(db.UpdateClient(ctx, c.ID, c.Metadata, Event(audit.ClientUpdated))),
		"turn on":   second(db.SetClientEnabled(ctx, c.ID, true, Event(audit.ClientEnabled))),
		"add":       second(db.AddSecret(ctx, c.ID, c.Secrets[0], Event(audit.ClientSecretAdded))),
		"a consent": consent(c.ID),
	} {
		if name == "a consent" {
			is(t, name+" for a deleted client", err, oauth.ErrSessionGone)
			continue
		}
		is(t, name+" a deleted client", err, oauth.ErrClientNotFound)
	}
	_, err = db.SetClientEnabled(ctx, "nobody", false, Event(audit.ClientDisabled))
	is(t, "turning off nobody", err, oauth.ErrClientNotFound)
}

// testClientsMissNothing: writers change clients all the time while readers follow them by the counter. In
// the end each reader holds what is stored.
func testClientsMissNothing(t *testing.T, open OpenFunc) {
	const writers, readers, rounds = 6, 3, 25
	db, ctx := open(t, storage.Options{MaxOpen: writers + readers}), t.Context()
	var clients []oauth.Client
	for range writers {
		clients = append(clients, Client(t, db))
	}
	done := make(chan struct{})
	var left sync.WaitGroup
	left.Add(writers)
	go func() { left.Wait(); close(done) }()
	must(t, atOnce(writers+readers, func(i int) error {
		if i < writers {
			defer left.Done()
			return changeClients(ctx, db, clients, i, rounds)
		}
		return followClients(ctx, db, done)
	}))
}

func changeClients(ctx context.Context, db *storage.DB, clients []oauth.Client, i, rounds int) error {
	for n := range rounds {
		c := clients[(i+n)%len(clients)]
		var err error
		switch n % 5 {
		case 0:
			_, err = db.SetClientEnabled(ctx, c.ID, n%2 == 0, Event(audit.ClientDisabled))
		case 1:
			_, err = db.AddSecret(ctx, c.ID, oauth.ClientSecret{ID: keys.NewTokenID(), Hash: keys.NewSecret().Hash()}, Event(audit.ClientSecretAdded))
		case 2:
			if c, err = db.CreateClient(ctx, oauth.Client{ID: keys.NewTokenID(), Metadata: c.Metadata}, Event(audit.ClientCreated)); err == nil {
				_, err = db.DeleteClient(ctx, c.ID, Event(audit.ClientDeleted))
			}
		default:
			m := c.Metadata
			m.Name = fmt.Sprintf("writer %d, round %d", i, n)
			_, err = db.UpdateClient(ctx, c.ID, m, Event(audit.ClientUpdated))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func followClients(ctx context.Context, db *storage.DB, done <-chan struct{}) error {
	held, counter := map[string]oauth.Client{}, int64(0)
	follow := func() error {
		changed, next, err := db.Clients(ctx, counter)
		for _, c := range changed {
			held[c.ID] = c
		}
		counter = next
		return err
	}
	for over := false; !over; {
		select {
		case <-done:
			over = true // and once more
		default:
		}
		if err := follow(); err != nil {
			return err
		}
	}
	all, _, err := db.Clients(ctx, 0)
	if err != nil {
		return err
	}
	if len(all) != len(held) {
		return fmt.Errorf("a reader holds %d clients, want %d", len(held), len(all))
	}
	for _, c := range all {
		if got, want := fmt.Sprintf("%+v", held[c.ID]), fmt.Sprintf("%+v", c); got != want {
			return fmt.Errorf("a reader holds %s, want %s", got, want)
		}
	}
	return nil
}
