package storagetest

import (
	"bytes"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/keys"
	"keyturn/storage"
)

func key(kid string, epoch int64) *keys.Record {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	return &keys.Record{
		Key: keys.Key{
			KID: kid, Algorithm: keys.RS256, Purpose: keys.Token, Epoch: epoch,
			PublishedAt: at, SignsFrom: at.Add(time.Hour), SignsUntil: at.Add(2 * time.Hour), VerifiesUntil: at.Add(3 * time.Hour),
		},
		PublicJWK: []byte(`{"kid":"` + kid + `"}`), Sealed: []byte{0, 1, 0xff, 0}, Tag: []byte("tag of " + kid),
	}
}

func testKeys(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	before, err := db.Changes(ctx)
	must(t, err)
	one, two, three := key("one", 1), key("two", 2), key("three", 1)
	three.Purpose, three.Algorithm, three.SignsUntil = keys.Refresh, keys.EdDSA, time.Time{}
	must(t, db.ApplyKeys(ctx, []keys.Change{{Now: two}, {Now: one}, {Now: three}}, []audit.Event{Event(audit.KeyCreated)}))
	stored, err := db.Keys(ctx)
	must(t, err)
	equal(t, "keys by purpose, algorithm and epoch", stored, []keys.Record{*three, *one, *two})

	revoked := *one
	revoked.RevokedAt, revoked.Tag = one.SignsFrom, []byte("new tag")
	must(t, db.ApplyKeys(ctx, []keys.Change{{Was: one, Now: &revoked}, {Was: two}}, []audit.Event{Event(audit.KeyRevoked), Event(audit.KeyDeleted)}))
	stored, err = db.Keys(ctx)
	must(t, err)
	equal(t, "keys after an update and a delete", stored, []keys.Record{*three, revoked})
	after, err := db.Changes(ctx)
	must(t, err)
	equal(t, "the changes counter", after, before+2)
	equal(t, "events", actions(t, db, audit.KeyCreated, audit.KeyRevoked, audit.KeyDeleted), 3)
}

func testKeysConflict(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	one := key("one", 1)
	must(t, db.ApplyKeys(ctx, []keys.Change{{Now: one}}, nil))
	counter, err := db.Changes(ctx)
	must(t, err)
	stale := *one
	stale.Tag = []byte("an older tag")
	for name, changes := range map[string][]keys.Change{
		"kid taken":          {{Now: key("one", 7)}},
		"epoch taken":        {{Now: key("other", 1)}},
		"update of a stale":  {{Was: &stale, Now: one}},
		"delete of a stale":  {{Was: &stale}},
		"a good one as well": {{Now: key("good", 9)}, {Was: &stale}},
	} {
		is(t, name, db.ApplyKeys(ctx, changes, []audit.Event{Event(audit.KeyCreated)}), keys.ErrConflict)
	}
	stored, err := db.Keys(ctx)
	must(t, err)
	equal(t, "keys after conflicts", stored, []keys.Record{*one})
	after, err := db.Changes(ctx)
	must(t, err)
	equal(t, "the changes counter after conflicts", after, counter)
	equal(t, "events after conflicts", actions(t, db, audit.KeyCreated), 0)

	var made atomic.Int64
	must(t, atOnce(10, func(i int) error { // F8: many instances plan the same rotation
		next := key("next-"+string(rune('a'+i)), 2)
		next.Tag = bytes.Repeat([]byte{byte(i)}, 32)
		err := db.ApplyKeys(ctx, []keys.Change{{Now: next}, {Now: key("also-"+string(rune('a'+i)), 3)}}, nil)
		if err == nil {
			made.Add(1)
		}
		if errors.Is(err, keys.ErrConflict) {
			return nil
		}
		return err
	}))
	equal(t, "instances that made the next key", made.Load(), 1)
}

func testResources(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	before, err := db.Changes(ctx)
	must(t, err)
	api := issuer.Resource{Identifier: "api", Algorithm: keys.RS256, Claims: []string{"groups", "given_name"}, SimpleJWT: true}
	orders := issuer.Resource{Identifier: "https://orders.example.com", Algorithm: keys.EdDSA, AccessLifetime: time.Minute, Scopes: []string{"orders:read", "a"}}
	must(t, db.CreateResource(ctx, orders, Event(audit.ResourceCreated)))
	must(t, db.CreateResource(ctx, api, Event(audit.ResourceCreated)))
	is(t, "created twice", db.CreateResource(ctx, api, Event(audit.ResourceCreated)), issuer.ErrResourceExists)
	stored, err := db.Resources(ctx)
	must(t, err)
	equal(t, "resources", stored, []issuer.Resource{api, orders})

	orders.Claims, orders.AccessLifetime, orders.Scopes = []string{"email"}, 0, []string{"orders:write"}
	must(t, db.UpdateResource(ctx, orders, Event(audit.ResourceUpdated)))
	must(t, db.DeleteResource(ctx, "api", Event(audit.ResourceDeleted)))
	is(t, "deleted twice", db.DeleteResource(ctx, "api", Event(audit.ResourceDeleted)), issuer.ErrResourceNotFound)
	is(t, "update of a deleted one", db.UpdateResource(ctx, api, Event(audit.ResourceUpdated)), issuer.ErrResourceNotFound)
	stored, err = db.Resources(ctx)
	must(t, err)
	equal(t, "resources after an update and a delete", stored, []issuer.Resource{orders})
	after, err := db.Changes(ctx)
	must(t, err)
	equal(t, "the changes counter", after, before+4)
	equal(t, "events", actions(t, db, audit.ResourceCreated, audit.ResourceUpdated, audit.ResourceDeleted), 4)
}
