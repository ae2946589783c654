package keys

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// carryOut applies steps to rows, as a store would.
func carryOut(keys []Key, steps []Step, serial *int) []Key {
	keys = slices.Clone(keys)
	for _, s := range steps {
		if s.Action == Create {
			*serial++
			s.Key.KID = fmt.Sprint("made-", *serial)
			keys = append(keys, s.Key)
			continue
		}
		i := slices.Index(keys, *s.Was)
		if s.Action == Delete {
			keys = slices.Delete(keys, i, i+1)
			continue
		}
		keys[i] = s.Key
	}
	return keys
}

// planned plans until nothing is left, which must be after one round.
func planned(t *testing.T, keys []Key, p Policy, now time.Time, serial *int) []Key {
	t.Helper()
	keys = carryOut(keys, Plan(keys, p, now), serial)
	if again := Plan(keys, p, now); len(again) > 0 {
		t.Fatalf("Plan is not idempotent: plans again %+v", again)
	}
	return keys
}

func TestStateIsAFunctionOfTheRowAndTheClock(t *testing.T) {
	k := Key{SignsFrom: day0, SignsUntil: day0.Add(10), VerifiesUntil: day0.Add(20)}
	revoked := k
	revoked.RevokedAt = day0
	for _, c := range []struct {
		key  Key
		at   time.Duration
		want State
	}{
		{k, -1, Published}, {k, 0, Signing}, {k, 9, Signing}, {k, 10, Retiring}, {k, 19, Retiring}, {k, 20, Gone},
		{revoked, -1, Revoked}, {revoked, 5, Revoked}, {revoked, 50, Revoked},
	} {
		if got := c.key.State(day0.Add(c.at)); got != c.want {
			t.Errorf("State at %d, revoked %v: got %s, want %s", c.at, c.key.RevokedAt, got, c.want)
		}
	}
}

func TestPlanFillsAnEmptyDatabase(t *testing.T) {
	p := testPolicy(EdDSA)
	var serial int
	keys := planned(t, nil, p, day0, &serial)
	if len(keys) != 6 {
		t.Fatalf("got %d keys, want a signing and a waiting one in each of 3 lanes", len(keys))
	}
	for _, l := range []lane{{Token, RS256}, {Token, EdDSA}, {Refresh, EdDSA}} {
		first, ok := Signer(keys, p, l.purpose, l.algorithm, day0)
		if !ok || first.lane() != l || first.Epoch != 1 {
			t.Fatalf("%v: signs at once: %+v, %v", l, first, ok)
		}
		next, ok := Signer(keys, p, l.purpose, l.algorithm, first.SignsUntil)
		if !ok || next.lane() != l || next.Epoch != 2 || !next.PublishedAt.Equal(day0) {
			t.Fatalf("%v: takes over: %+v, %v", l, next, ok)
		}
		want := first.SignsUntil.Add(p.lifetime(l.purpose) + verifyMargin)
		if !first.VerifiesUntil.Equal(want) {
			t.Errorf("%v: verifies until %s, want %s", l, first.VerifiesUntil, want)
		}
	}
}

func TestPlanPublishesTheNextKeyARotationAhead(t *testing.T) {
	p := testPolicy()
	var serial int
	keys := planned(t, nil, p, day0, &serial)
	turnAt := day0.Add(p.Rotation)
	if steps := Plan(keys, p, turnAt.Add(-1)); len(steps) > 0 {
		t.Fatalf("planned before the turn: %+v", steps)
	}
	keys = planned(t, keys, p, turnAt, &serial)
	for _, k := range keys {
		if k.Epoch == 3 && (!k.PublishedAt.Equal(turnAt) || !k.SignsFrom.Equal(turnAt.Add(p.Rotation))) {
			t.Errorf("third key: published %s, signs from %s", k.PublishedAt, k.SignsFrom)
		}
	}
	if serial != 6 {
		t.Errorf("made %d keys, want 6", serial)
	}
}

func TestAddedAlgorithmWaitsForItsLeadAndTheOldOneSigns(t *testing.T) {
	var serial int
	before := testPolicy(ES256)
	keys := planned(t, nil, before, day0, &serial)
	after, now := testPolicy(EdDSA), day0.Add(time.Hour)
	keys = planned(t, keys, after, now, &serial)
	for _, c := range []struct {
		at   time.Duration
		want Algorithm
	}{{0, ES256}, {after.Lead - 1, ES256}, {after.Lead, EdDSA}} {
		got, ok := Signer(keys, after, Token, EdDSA, now.Add(c.at))
		if !ok || got.Algorithm != c.want {
			t.Errorf("after %v: got %s %v, want %s", c.at, got.Algorithm, ok, c.want)
		}
	}
	if got, _ := Signer(keys, testPolicy(ES256, EdDSA), Token, EdDSA, now); got.Algorithm != RS256 {
		t.Errorf("where no old default is left %s stands in, want RS256", got.Algorithm)
	}
	if got, _ := Signer(keys, after, Token, RS256, now); got.Algorithm != RS256 {
		t.Errorf("RS256 is signed by %s", got.Algorithm)
	}
	// The dropped algorithm gets no new keys.
	for range 4 {
		now = now.Add(after.Rotation)
		keys = planned(t, keys, after, now, &serial)
	}
	if slices.ContainsFunc(keys, func(k Key) bool { return k.Algorithm == ES256 && k.verifies(now) }) {
		t.Error("a dropped algorithm still has keys four rotations later")
	}
}

func TestPlanAfterALongPause(t *testing.T) {
	p := testPolicy()
	var serial int
	keys := planned(t, nil, p, day0, &serial)
	end := day0.Add(2 * p.Rotation) // both keys of each lane have stopped

	now := end.Add(p.TokenLifetime / 2)
	resumed := planned(t, keys, p, now, &serial)
	old, ok := Signer(resumed, p, Token, RS256, now)
	if !ok || old.Epoch != 2 || !old.SignsUntil.Equal(now.Add(p.Lead)) {
		t.Errorf("retiring key goes on until its successor had its lead: got %+v, %v", old, ok)
	}
	next, _ := Signer(resumed, p, Token, RS256, now.Add(p.Lead))
	if next.Epoch != 3 || old.VerifiesUntil.Before(old.SignsUntil.Add(p.TokenLifetime)) {
		t.Errorf("successor %+v of %+v", next, old)
	}

	now = end.Add(100 * 24 * time.Hour)
	anew := planned(t, keys, p, now, &serial)
	if first, ok := Signer(anew, p, Token, RS256, now); !ok || first.Epoch != 3 {
		t.Errorf("with every key gone a new one signs at once: got %+v, %v", first, ok)
	}
	if slices.ContainsFunc(anew, func(k Key) bool { return k.Epoch < 3 }) {
		t.Error("rows of keys gone for more than 30 days are left")
	}
}

func TestLongerLifetimeExtendsAndShorterNeverShortens(t *testing.T) {
	p := testPolicy()
	var serial int
	keys := planned(t, nil, p, day0, &serial)
	p.TokenLifetime = 10 * time.Hour
	keys = planned(t, keys, p, day0, &serial)
	k, _ := Signer(keys, p, Token, RS256, day0)
	if want := k.SignsUntil.Add(10*time.Hour + verifyMargin); !k.VerifiesUntil.Equal(want) {
		t.Errorf("verifies until %s, want %s", k.VerifiesUntil, want)
	}
	p.TokenLifetime = time.Minute
	if steps := Plan(keys, p, day0); len(steps) > 0 {
		t.Errorf("a shorter lifetime planned %+v", steps)
	}
}

// randomKeys are rows as no sane history would leave them.
func randomKeys(rng *rand.Rand) []Key {
	at := func() time.Time {
		return day0.Add(time.Duration(rng.Int64N(int64(200*24*time.Hour))) - 100*24*time.Hour).Truncate(time.Microsecond)
	}
	var keys []Key
	for i := range rng.IntN(12) {
		l := lanes()[rng.IntN(len(lanes()))]
		k := Key{
			KID: fmt.Sprint("random-", i), Purpose: l.purpose, Algorithm: l.algorithm, Epoch: int64(i + 1),
			PublishedAt: at(), SignsFrom: at(), SignsUntil: at(), VerifiesUntil: at(),
		}
		if rng.IntN(5) == 0 {
			k.RevokedAt = at()
		}
		keys = append(keys, k)
	}
	return keys
}

func TestPlanIsIdempotentAndMakesEveryLaneWhole(t *testing.T) {
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		p := testPolicy(algorithms[rng.IntN(4)], algorithms[rng.IntN(4)])
		keys, now, serial := randomKeys(rng), day0, 0
		for range 4 {
			before := slices.Clone(keys)
			keys = planned(t, keys, p, now, &serial)
			checkWhole(t, seed, before, keys, p, now)
			if rng.IntN(2) == 0 {
				out, err := Rotate(keys, randomRotation(rng, keys), p, now)
				if err == nil {
					keys = carryOut(keys, out.Steps, &serial)
					checkWhole(t, seed, nil, keys, p, now)
					if again := Plan(keys, p, now); len(again) > 0 {
						t.Fatalf("seed %d: Rotate leaves work to Plan: %+v", seed, again)
					}
				}
			}
			now = now.Add(time.Duration(rng.Int64N(int64(40 * 24 * time.Hour)))).Truncate(time.Microsecond)
		}
	}
}

func randomRotation(rng *rand.Rand, keys []Key) Rotation {
	q := Rotation{Mode: []Mode{Graceful, Immediate, Compromised}[rng.IntN(3)]}
	if rng.IntN(2) == 0 {
		q.Algorithm = algorithms[rng.IntN(4)]
	}
	switch q.Mode {
	case Immediate:
		q.Force = rng.IntN(2) == 0
	case Compromised:
		q.All = rng.IntN(2) == 0
		if !q.All {
			q.KID, q.Algorithm = keys[rng.IntN(len(keys))].KID, ""
		}
	}
	return q
}

// checkWhole checks what must hold after any plan.
func checkWhole(t *testing.T, seed uint64, before, keys []Key, p Policy, now time.Time) {
	t.Helper()
	for _, l := range lanes() {
		if !p.wantsLane(l) {
			continue
		}
		d := newDraft(keys, p, now)
		live := d.live(l)
		if len(live) == 0 || !live[len(live)-1].key.SignsFrom.After(now) {
			t.Fatalf("seed %d: lane %v has no waiting key", seed, l)
		}
		for i, next := range live[1:] {
			if next.key.SignsFrom.After(now) && !live[i].key.SignsUntil.Equal(next.key.SignsFrom) {
				t.Fatalf("seed %d: lane %v has a gap or an overlap: %+v, %+v", seed, l, live[i].key, next.key)
			}
		}
		if _, ok := Signer(keys, p, l.purpose, l.algorithm, now); !ok {
			t.Fatalf("seed %d: nothing signs for lane %v", seed, l)
		}
	}
	for _, k := range keys {
		if k.verifies(now) && k.SignsUntil.After(now) && k.VerifiesUntil.Before(k.SignsUntil.Add(p.lifetime(k.Purpose))) {
			t.Fatalf("seed %d: a token would outlive its key %+v", seed, k)
		}
		for _, was := range before {
			if was.KID == k.KID && k.VerifiesUntil.Before(was.VerifiesUntil) {
				t.Fatalf("seed %d: VerifiesUntil was shortened: %+v, %+v", seed, was, k)
			}
		}
	}
}

func TestPolicyValidateNamesEveryProblem(t *testing.T) {
	if err := testPolicy(EdDSA).Validate(); err != nil {
		t.Fatal(err)
	}
	err := Policy{Algorithms: []Algorithm{"HS256"}, Rotation: time.Hour, Lead: 2 * time.Hour, JWKSMaxAge: 3 * time.Hour}.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"token lifetime", "refresh lifetime", "rotation (1h0m0s) must not be shorter than the lead (2h0m0s)",
		"lead (2h0m0s) must not be shorter than the JWKS max-age (3h0m0s)", `unknown algorithm "HS256"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not named in:\n%v", want, err)
		}
	}
}
