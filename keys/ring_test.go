package keys

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keyturn/audit"
)

func TestStartFillsAnEmptyDatabaseAndTellsTheAuditLog(t *testing.T) {
	r, store, _ := started(t, testPolicy(EdDSA))
	if len(store.rows) != 6 || len(r.Keys()) != 6 {
		t.Fatalf("%d rows, %d keys, want 6", len(store.rows), len(r.Keys()))
	}
	for _, e := range store.events {
		if e.Action != audit.KeyCreated || e.SubjectKind != "key" || store.find(e.SubjectID).KID != e.SubjectID ||
			e.Actor.Kind != audit.System || e.Details["algorithm"] == "" {
			t.Errorf("event %+v", e)
		}
	}
	if steps := r.Plan(); len(steps) > 0 {
		t.Errorf("started, and still plans %+v", steps)
	}
}

func TestStartRefusesABadPolicy(t *testing.T) {
	p := testPolicy()
	p.Lead = 2 * p.Rotation
	store := &memory{}
	if err := newRing(store, newMaster(t), time.Now, p).Start(t.Context()); err == nil || len(store.rows) > 0 {
		t.Errorf("got %v and %d rows", err, len(store.rows))
	}
}

// F8 of the fault list: any number of instances plan in the same second; one new key comes of it.
func TestTenInstancesPlanningAtOnceMakeOneNextKey(t *testing.T) {
	_, store, c := started(t, testPolicy())
	first := store.rows
	master := newMaster(t)
	store2 := &memory{}
	if err := newRing(store2, master, c.now, testPolicy()).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(first) != 4 || len(store2.rows) != 4 {
		t.Fatalf("%d and %d rows, want 4 each", len(first), len(store2.rows))
	}
	c.advance(testPolicy().Rotation)
	var all sync.WaitGroup
	rings := make([]*Ring, 10)
	for i := range rings {
		rings[i] = newRing(store2, master, c.now, testPolicy())
		all.Go(func() {
			if err := rings[i].Start(t.Context()); err != nil {
				t.Errorf("instance %d: %v", i, err)
			}
		})
	}
	all.Wait()
	if len(store2.rows) != 6 {
		t.Errorf("%d rows, want 6: one new key in each of two lanes", len(store2.rows))
	}
	for i, r := range rings {
		if err := r.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(r.JWKS().Body, rings[0].JWKS().Body) || r.JWKS().ETag != rings[0].JWKS().ETag {
			t.Errorf("instance %d publishes another key set", i)
		}
	}
}

func TestConflictsAreRetriedABoundedNumberOfTimes(t *testing.T) {
	r, store, _ := started(t, testPolicy())
	store.set(func() { store.conflicts = attempts - 1 })
	if _, err := r.Rotate(t.Context(), Rotation{Algorithm: RS256}, "", audit.Actor{Rights: audit.ManageAll}); err != nil {
		t.Errorf("%d conflicts: %v", attempts-1, err)
	}
	store.set(func() { store.conflicts = 1000 })
	_, err := r.Rotate(t.Context(), Rotation{Algorithm: RS256}, "", audit.Actor{Rights: audit.ManageAll})
	if !errors.Is(err, ErrConflict) || store.conflicts != 1000-attempts {
		t.Errorf("got %v after %d tries, want ErrConflict after %d", err, 1000-store.conflicts, attempts)
	}
}

func TestKeySignsOnlyAfterItWasReadBack(t *testing.T) {
	r, store, _ := started(t, testPolicy())
	kid := signing(t, r, Token, RS256).KID
	store.set(func() { store.err = ErrUnavailable })
	_, err := r.Rotate(t.Context(), Rotation{Mode: Immediate, Force: true}, "", audit.Actor{Rights: audit.ManageAll})
	if !errors.Is(err, ErrUnavailable) || signing(t, r, Token, RS256).KID != kid {
		t.Errorf("database away: got %v, and key %s signs", err, signing(t, r, Token, RS256).KID)
	}
}

func TestBadRowStopsTheStartAndNamesTheKid(t *testing.T) {
	_, store, c := started(t, testPolicy())
	_, err := json.Marshal(store.rows)
	if err != nil {
		t.Fatal(err)
	}
	wrong := newRing(store, newMaster(t), c.now, testPolicy())
	if err := wrong.Start(t.Context()); !errors.Is(err, ErrForeignMaster) {
		t.Errorf("wrong master identity: got %v, want ErrForeignMaster", err)
	}
	if len(store.rows) != 4 {
		t.Errorf("the refused start wrote: %d rows", len(store.rows))
	}
}

func TestBadRowAtRunTimeIsNotUsedAndRaisesAnAlarm(t *testing.T) {
	r, store, c := started(t, testPolicy(EdDSA))
	var alarms []string
	r.Alarm = func(text string) { alarms = append(alarms, text) }
	bad := signing(t, r, Token, EdDSA)
	store.set(func() {
		row := store.find(bad.KID)
		row.VerifiesUntil = row.VerifiesUntil.Add(time.Hour)
	})
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 3 { // a table that stays bad is no news
		if err := r.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(alarms) != 1 || !strings.Contains(alarms[0], bad.KID) {
		t.Errorf("alarms %q, want one that names %s", alarms, bad.KID)
	}
	if strings.Contains(string(r.JWKS().Body), bad.KID) {
		t.Error("the altered key is published")
	}
	token, err := accessToken(r, EdDSA)
	if err != nil {
		t.Fatalf("the other keys don't sign: %v", err)
	}
	if v, err := r.Verify(t.Context(), token); err != nil || v.Algorithm != RS256 {
		t.Errorf("signed by %s, %v; want RS256", v.Algorithm, err)
	}
	c.advance(testPolicy().Rotation)
	before := len(store.rows)
	var row *BadRow
	if err := r.Maintain(t.Context()); !errors.As(err, &row) || len(store.rows) != before {
		t.Errorf("planned with a bad row: %v, %d rows", err, len(store.rows))
	}
	if out, err := r.Foresee(Rotation{Mode: Graceful}); !errors.As(err, &row) {
		t.Errorf("foreseen with a bad row: %+v, %v", out, err)
	}
}

func TestWhereNoRowIsGoodTheKeysReadLastStay(t *testing.T) {
	r, store, c := started(t, testPolicy())
	body, read := r.JWKS().Body, r.LastRead()
	c.advance(time.Minute)
	rows := store.rows
	for name, change := range map[string]func(){
		"resealed to an identity that this instance lacks": func() {
			other := newMaster(t)
			store.rows = slices.Clone(rows)
			for i := range store.rows {
				store.rows[i] = other.tagged(store.rows[i])
			}
		},
		"emptied": func() { store.rows = nil },
		"away":    func() { store.rows, store.err = rows, ErrUnavailable },
	} {
		store.set(func() { store.err = nil; change() })
		if err := r.Maintain(t.Context()); err == nil {
			t.Errorf("%s: no error", name)
		}
		if !bytes.Equal(r.JWKS().Body, body) || !r.LastRead().Equal(read) {
			t.Errorf("%s: the key set changed, or was counted as read", name)
		}
		if _, err := accessToken(r, RS256); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStaleKeysNeitherSignNorVerifyButAreServed(t *testing.T) {
	r, store, c := started(t, testPolicy())
	token, err := accessToken(r, RS256)
	if err != nil {
		t.Fatal(err)
	}
	store.set(func() { store.err = ErrUnavailable })
	c.advance(r.MaxStaleness)
	if _, err := r.Verify(t.Context(), token); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	c.advance(time.Microsecond)
	if _, err := r.Verify(t.Context(), token); !errors.Is(err, ErrStale) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("verify past the limit: got %v, want ErrStale", err)
	}
	if _, err := accessToken(r, RS256); !errors.Is(err, ErrStale) {
		t.Errorf("sign past the limit: got %v, want ErrStale", err)
	}
	if !strings.Contains(string(r.JWKS().Body), `"kty":"RSA"`) {
		t.Errorf("the JWKS is not served: %s", r.JWKS().Body)
	}
}

func TestResealOpensWithTheFirstIdentityAlone(t *testing.T) {
	oldText, old, err := GenerateMaster()
	if err != nil {
		t.Fatal(err)
	}
	newText, _, err := GenerateMaster()
	if err != nil {
		t.Fatal(err)
	}
	both, err := ParseMaster(append(slices.Clone(newText), oldText...))
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := ParseMaster(newText)
	if err != nil {
		t.Fatal(err)
	}
	store, c := &memory{}, &clock{t: day0}
	if err := newRing(store, old, c.now, testPolicy()).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := newRing(store, both, c.now, testPolicy())
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	body := r.JWKS().Body
	n, err := r.Reseal(t.Context(), audit.Actor{Kind: audit.Operator, ID: "root", Rights: audit.ManageAll})
	if err != nil || n != 4 {
		t.Fatalf("resealed %d, %v; want 4", n, err)
	}
	last := store.events[len(store.events)-1]
	if last.Action != audit.KeysResealed || last.Details["keys"] != "4" || last.Actor.ID != "root" {
		t.Errorf("event %+v", last)
	}
	only := newRing(store, fresh, c.now, testPolicy())
	if err := only.Start(t.Context()); err != nil || !bytes.Equal(only.JWKS().Body, body) {
		t.Errorf("with the new identity alone: %v", err)
	}
	if err := newRing(store, old, c.now, testPolicy()).Start(t.Context()); err == nil {
		t.Error("the old identity still opens")
	}
	store.set(func() { store.err = ErrUnavailable })
	if n, err := r.Reseal(t.Context(), audit.Actor{Rights: audit.ManageAll}); n != 0 || !errors.Is(err, ErrUnavailable) {
		t.Errorf("database away: %d, %v", n, err)
	}
}

func TestRotateTellsTheAuditLogWhoAndWhy(t *testing.T) {
	r, store, c := started(t, testPolicy())
	c.advance(time.Hour)
	kid, before := signing(t, r, Token, RS256).KID, len(store.events)
	actor := audit.Actor{Kind: audit.User, ID: "admin", Rights: audit.ManageAll}
	out, err := r.Revoke(t.Context(), kid, "laptop stolen", actor)
	if err != nil {
		t.Fatal(err)
	}
	var actions []audit.Action
	for i, e := range store.events[before:] {
		actions = append(actions, e.Action)
		if e.Actor != actor || e.Reason != "laptop stolen" || e.SubjectID == "" || e.SubjectID != out.Steps[i].Key.KID {
			t.Errorf("event %+v of step %+v", e, out.Steps[i])
		}
	}
	slices.Sort(actions)
	if want := []audit.Action{audit.KeyCreated, audit.KeyRescheduled, audit.KeyRevoked}; !slices.Equal(actions, want) {
		t.Errorf("events %q, want %q", actions, want)
	}
	if strings.Contains(string(r.JWKS().Body), kid) {
		t.Error("the revoked key is still published")
	}
	if _, err := r.Revoke(t.Context(), kid, "", actor); !errors.Is(err, ErrKeyNotFound) {
		t.Errorf("again: got %v, want ErrKeyNotFound", err)
	}
}

func TestRevocationOutlivesTheCaller(t *testing.T) {
	r, store, _ := started(t, testPolicy())
	kid := signing(t, r, Refresh, EdDSA).KID
	ctx, hangUp := context.WithCancel(t.Context())
	r.Store = hangingUp{store, hangUp}
	if _, err := r.Revoke(ctx, kid, "", audit.Actor{Rights: audit.ManageAll}); err != nil {
		t.Fatal(err)
	}
	if store.find(kid).RevokedAt.IsZero() {
		t.Error("the key is not revoked")
	}
}

// hangingUp is a store whose caller hangs up once the keys were read; it refuses ended contexts.
type hangingUp struct {
	*memory
	hangUp func()
}

func (h hangingUp) Keys(ctx context.Context) ([]Record, error) {
	defer h.hangUp()
	return h.memory.Keys(ctx)
}

func (h hangingUp) ApplyKeys(ctx context.Context, changes []Change, events []audit.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return h.memory.ApplyKeys(ctx, changes, events)
}

// RFC 7517 section 4: public members only, use and alg named, distinct kids, RSA of at least 2048 bits.
func TestJWKSHoldsPublicTokenKeysOnlyRFC7517Section4(t *testing.T) {
	r, _, _ := started(t, testPolicy(EdDSA, ES256, PS256))
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(r.JWKS().Body, &set); err != nil {
		t.Fatal(err)
	}
	members := map[string][]string{
		"RSA": {"alg", "e", "kid", "kty", "n", "use"},
		"EC":  {"alg", "crv", "kid", "kty", "use", "x", "y"},
		"OKP": {"alg", "crv", "kid", "kty", "use", "x"},
	}
	kids := map[string]bool{}
	for _, k := range set.Keys {
		var names []string
		for name := range k {
			names = append(names, name)
		}
		slices.Sort(names)
		if !slices.Equal(names, members[k["kty"]]) || k["use"] != "sig" || k["kty"] == "RSA" && len(k["n"]) < 342 {
			t.Errorf("key %v", k)
		}
		kids[k["kid"]] = true
	}
	if len(set.Keys) != 8 || len(kids) != 8 {
		t.Errorf("%d keys, %d kids, want 8", len(set.Keys), len(kids))
	}
	for _, k := range r.Keys() {
		if kids[k.KID] != (k.Purpose == Token) {
			t.Errorf("%s key %s published: %v", k.Purpose, k.KID, kids[k.KID])
		}
	}
}

func TestJWKSIsTheSameBytesUntilAKeyComesOrGoes(t *testing.T) {
	p := testPolicy()
	r, store, c := started(t, p)
	first := r.JWKS()
	if first.MaxAge != p.JWKSMaxAge || first.ETag[0] != '"' {
		t.Errorf("max-age %v, ETag %s", first.MaxAge, first.ETag)
	}
	c.advance(time.Hour)
	if again := r.JWKS(); &again.Body[0] != &first.Body[0] || again.ETag != first.ETag {
		t.Error("built again though nothing changed")
	}
	gone := signing(t, r, Token, RS256)
	c.advance(gone.VerifiesUntil.Sub(c.now()) - 10*time.Second)
	if got := r.JWKS(); got.MaxAge != 10*time.Second || got.ETag != first.ETag {
		t.Errorf("10 s before a key goes: max-age %v", got.MaxAge)
	}
	store.set(func() { store.err = ErrUnavailable }) // by the clock alone
	c.advance(10 * time.Second)
	if got := r.JWKS(); got.MaxAge != p.JWKSMaxAge || got.ETag == first.ETag || strings.Contains(string(got.Body), gone.KID) {
		t.Errorf("when it has gone: max-age %v, %s", got.MaxAge, got.Body)
	}
	c.advance(-time.Hour) // a clock set back
	if got := r.JWKS(); got.ETag != first.ETag {
		t.Error("with the clock set back the key is missing")
	}
}

func TestJWKSBeforeTheFirstReadingIsEmpty(t *testing.T) {
	r := newRing(&memory{}, newMaster(t), time.Now, testPolicy())
	if got := string(r.JWKS().Body); got != `{"keys":[]}` {
		t.Errorf("got %s", got)
	}
	if _, err := accessToken(r, RS256); !errors.Is(err, ErrUnavailable) {
		t.Errorf("sign: got %v, want ErrUnavailable", err)
	}
}
