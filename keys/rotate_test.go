package keys

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// turned carries a rotation out on planned rows.
func turned(t *testing.T, keys []Key, q Rotation, p Policy, now time.Time, serial *int) ([]Key, Outcome) {
	t.Helper()
	out, err := Rotate(keys, q, p, now)
	if err != nil {
		t.Fatalf("Rotate(%+v): %v", q, err)
	}
	keys = carryOut(keys, out.Steps, serial)
	if again := Plan(keys, p, now); len(again) > 0 {
		t.Fatalf("Rotate(%+v) leaves work to Plan: %+v", q, again)
	}
	return keys, out
}

func epochAt(keys []Key, p Policy, l lane, at time.Time) int64 {
	k, _ := Signer(keys, p, l.purpose, l.algorithm, at)
	return k.Epoch
}

var rs256 = lane{Token, RS256}

func TestGracefulRotationSignsAfterTheLead(t *testing.T) {
	p, now := testPolicy(), day0.Add(10*24*time.Hour)
	var serial int
	keys := planned(t, nil, p, day0, &serial)
	keys, out := turned(t, keys, Rotation{}, p, now, &serial)
	if want := now.Add(p.Lead); !out.SignsFrom.Equal(want) || !out.SafeBy.Equal(want) {
		t.Errorf("signs from %s, safe by %s, want %s", out.SignsFrom, out.SafeBy, want)
	}
	for _, l := range []lane{rs256, {Refresh, EdDSA}} {
		for _, c := range []struct {
			at   time.Time
			want int64
		}{
			{now.Add(p.Lead - 1), 1},
			{now.Add(p.Lead), 3},
			{day0.Add(p.Rotation), 2}, // the waiting key's turn stands
		} {
			if got := epochAt(keys, p, l, c.at); got != c.want {
				t.Errorf("%v at %s: key %d signs, want %d", l, c.at, got, c.want)
			}
		}
	}
	// A waiting key whose turn comes before the new one's: the new one follows it.
	now = day0.Add(p.Rotation - time.Hour)
	keys, _ = turned(t, keys, Rotation{Algorithm: RS256}, p, now, &serial)
	if a, b := epochAt(keys, p, rs256, now.Add(2*time.Hour)), epochAt(keys, p, rs256, now.Add(p.Lead)); a != 2 || b != 4 {
		t.Errorf("keys %d and %d sign, want 2 and 4", a, b)
	}
}

func TestGracefulRotationIsBounded(t *testing.T) {
	p := testPolicy()
	var serial int
	keys := planned(t, nil, p, day0, &serial)
	for i := range maxWaiting - 1 {
		keys, _ = turned(t, keys, Rotation{Algorithm: RS256}, p, day0.Add(time.Duration(i)*time.Second), &serial)
	}
	if _, err := Rotate(keys, Rotation{Algorithm: RS256}, p, day0.Add(time.Minute)); !errors.Is(err, ErrTooManyWaiting) {
		t.Errorf("ninth waiting key: got %v, want ErrTooManyWaiting", err)
	}
}

// TestForcedRotationIsBounded: each turn at once leaves a key that verifies to its planned end.
func TestForcedRotationIsBounded(t *testing.T) {
	p, now := testPolicy(), day0
	forced := Rotation{Mode: Immediate, Force: true, Algorithm: RS256}
	var serial int
	keys := planned(t, nil, p, day0, &serial)
	verifying := func() (n int) {
		for _, k := range keys {
			if k.lane() == rs256 && k.verifies(now) {
				n++
			}
		}
		return n
	}
	for verifying() < maxVerifying {
		now = now.Add(time.Second)
		keys, _ = turned(t, keys, forced, p, now, &serial)
		if serial > 10*maxVerifying {
			t.Fatalf("%d keys were made and %d verify", serial, verifying())
		}
	}
	for _, q := range []Rotation{forced, {Mode: Immediate, Force: true}, {Algorithm: RS256}} {
		if out, err := Rotate(keys, q, p, now); !errors.Is(err, ErrTooManyKeys) || out.Steps != nil {
			t.Errorf("%+v with %d keys: got %v, %d steps, want ErrTooManyKeys", q, verifying(), err, len(out.Steps))
		}
	}
	if _, err := Rotate(keys, Rotation{Mode: Immediate, Force: true, Purpose: Refresh}, p, now); err != nil {
		t.Errorf("another lane: %v", err)
	}
	bad, _ := Signer(keys, p, Token, RS256, now)
	keys, _ = turned(t, keys, Rotation{Mode: Compromised, KID: bad.KID}, p, now, &serial)
	if verifying() != maxVerifying {
		t.Errorf("%d keys verify after a revocation, want %d", verifying(), maxVerifying)
	}
	keys, _ = turned(t, keys, Rotation{Mode: Compromised, All: true, Algorithm: RS256}, p, now, &serial)
	keys, _ = turned(t, keys, forced, p, now.Add(time.Second), &serial)
}

// TestScheduledKeysDoNotBlockRotations: refresh tokens that live for 40 rotations keep 40 keys.
func TestScheduledKeysDoNotBlockRotations(t *testing.T) {
	p, now := testPolicy(), day0
	p.Rotation, p.RefreshLifetime = 24*time.Hour, 40*24*time.Hour
	var serial int
	var keys []Key
	for range 60 {
		keys = planned(t, keys, p, now, &serial)
		now = now.Add(p.Rotation)
	}
	keys = planned(t, keys, p, now, &serial)
	turned(t, keys, Rotation{Mode: Immediate, Force: true}, p, now, &serial)
	turned(t, keys, Rotation{}, p, now, &serial)
}

func TestImmediateRotationNeedsTheLead(t *testing.T) {
	p := testPolicy()
	var serial int
	keys := planned(t, nil, p, day0, &serial)
	early := day0.Add(p.Lead - time.Microsecond)
	if _, err := Rotate(keys, Rotation{Mode: Immediate}, p, early); !errors.Is(err, ErrLeadNotOver) {
		t.Fatalf("before the lead: got %v, want ErrLeadNotOver", err)
	}
	forced, out := turned(t, keys, Rotation{Mode: Immediate, Force: true}, p, early, &serial)
	if got := epochAt(forced, p, rs256, early); got != 2 {
		t.Errorf("forced: key %d signs, want 2", got)
	}
	if want := early.Add(p.JWKSMaxAge + fetchTimeout); !out.SafeBy.Equal(want) || !strings.Contains(strings.Join(out.Notes, " "), "12 hours") {
		t.Errorf("forced: safe by %s with %q, want %s and a note", out.SafeBy, out.Notes, want)
	}
	now := day0.Add(p.Lead)
	keys, out = turned(t, keys, Rotation{Mode: Immediate}, p, now, &serial)
	if !out.SafeBy.Equal(now) || !out.SignsFrom.Equal(now) || len(out.Notes) > 0 {
		t.Errorf("after the lead: %+v, want safe now", out)
	}
	if got := epochAt(keys, p, rs256, now.Add(-1)); got != 1 {
		t.Errorf("just before: key %d signs, want 1", got)
	}
	if a, b := epochAt(keys, p, rs256, now), epochAt(keys, p, rs256, now.Add(p.Rotation)); a != 2 || b != 3 {
		t.Errorf("keys %d and %d sign, want 2 and then 3", a, b)
	}
}

func TestCompromisedKeyLeavesAtOnceAndTheWaitingOneTakesOver(t *testing.T) {
	p, now := testPolicy(), day0.Add(5*24*time.Hour)
	var serial int
	keys := planned(t, nil, p, day0, &serial)
	bad, _ := Signer(keys, p, Token, RS256, now)
	keys, out := turned(t, keys, Rotation{Mode: Compromised, KID: bad.KID}, p, now, &serial)
	if got := epochAt(keys, p, rs256, now); got != 2 {
		t.Errorf("key %d signs, want 2", got)
	}
	if _, ok := Signer(keys, p, Token, RS256, now.Add(-1)); ok {
		t.Error("the revoked key still counts for moments in the past")
	}
	if want := now.Add(p.JWKSMaxAge + fetchTimeout); !out.SafeBy.Equal(want) || !strings.Contains(out.Notes[0], "1 to 12 hours") {
		t.Errorf("safe by %s, notes %q", out.SafeBy, out.Notes)
	}
	if _, err := Rotate(keys, Rotation{Mode: Compromised, KID: bad.KID}, p, now); !errors.Is(err, ErrKeyNotFound) {
		t.Errorf("revoked again: got %v, want ErrKeyNotFound", err)
	}
	refresh, _ := Signer(keys, p, Refresh, EdDSA, now)
	_, out = turned(t, keys, Rotation{Mode: Compromised, KID: refresh.KID}, p, now, &serial)
	if !out.SafeBy.Equal(now) || len(out.Notes) != 1 {
		t.Errorf("a refresh key: safe by %s, notes %q; want now and one note", out.SafeBy, out.Notes)
	}
}

func TestCompromisedWaitingAndRetiringKeysLeaveTheSignerAlone(t *testing.T) {
	p, now := testPolicy(), day0.Add(24*time.Hour)
	var serial int
	keys := planned(t, nil, p, day0, &serial)
	waiting, _ := Signer(keys, p, Token, RS256, day0.Add(p.Rotation))
	keys, _ = turned(t, keys, Rotation{Mode: Compromised, KID: waiting.KID}, p, now, &serial)
	if a, b := epochAt(keys, p, rs256, now), epochAt(keys, p, rs256, day0.Add(p.Rotation)); a != 1 || b != 3 {
		t.Errorf("keys %d and %d sign, want 1 and the new 3", a, b)
	}
	now = day0.Add(p.Rotation)
	keys = planned(t, keys, p, now, &serial)
	keys, _ = turned(t, keys, Rotation{Mode: Compromised, KID: keys[0].KID}, p, now.Add(time.Minute), &serial)
	if got := epochAt(keys, p, rs256, now.Add(time.Minute)); got != 3 {
		t.Errorf("after revoking a retiring key %d signs, want 3", got)
	}
}

func TestCompromisedAllRevokesEveryKeyOfTheLanes(t *testing.T) {
	p, now := testPolicy(EdDSA), day0.Add(40*24*time.Hour)
	var serial int
	keys := planned(t, nil, p, day0, &serial)
	keys = planned(t, keys, p, now, &serial)
	one, _ := turned(t, keys, Rotation{Mode: Compromised, All: true, Algorithm: EdDSA}, p, now, &serial)
	refreshOnly, _ := turned(t, keys, Rotation{Mode: Compromised, All: true, Purpose: Refresh}, p, now, &serial)
	all, out := turned(t, keys, Rotation{Mode: Compromised, All: true}, p, now, &serial)
	for _, k := range all {
		if k.Epoch <= 3 && k.RevokedAt.IsZero() && k.verifies(now) {
			t.Errorf("%+v still verifies", k)
		}
	}
	for _, l := range []lane{rs256, {Token, EdDSA}, {Refresh, EdDSA}} {
		if got, ok := Signer(all, p, l.purpose, l.algorithm, now); !ok || !got.PublishedAt.Equal(now) || got.lane() != l {
			t.Errorf("%v: %+v signs, want a new key", l, got)
		}
	}
	if !strings.Contains(strings.Join(out.Notes, "\n"), "not been published for the lead") {
		t.Errorf("the answer does not name the cost: %q", out.Notes)
	}
	for _, k := range refreshOnly {
		if revoked := !k.RevokedAt.IsZero(); revoked != (k.Purpose == Refresh && (k.Epoch == 2 || k.Epoch == 3)) {
			t.Errorf("refresh keys were addressed: %+v", k)
		}
	}
	for _, k := range one {
		if (k.lane() == rs256 || k.Purpose == Refresh) && !k.RevokedAt.IsZero() {
			t.Errorf("EdDSA was addressed, %+v revoked", k)
		}
	}
}

func TestBadRotationsNameTheParameter(t *testing.T) {
	p := testPolicy(EdDSA)
	var serial int
	keys := planned(t, nil, p, day0, &serial)
	rs, _ := Signer(keys, p, Token, RS256, day0)
	for _, c := range []struct {
		q     Rotation
		param string
	}{
		{Rotation{Mode: "soon"}, "mode"},
		{Rotation{Algorithm: "HS256"}, "algorithm"},
		{Rotation{Algorithm: ES256}, "algorithm"},
		{Rotation{Purpose: "session"}, "purpose"},
		{Rotation{Purpose: Refresh, Algorithm: EdDSA}, "algorithm"},
		{Rotation{Mode: Compromised, KID: rs.KID, Purpose: Token}, "purpose"},
		{Rotation{Mode: Compromised}, "kid"},
		{Rotation{Mode: Compromised, KID: rs.KID, Algorithm: EdDSA}, "algorithm"},
		{Rotation{KID: rs.KID}, "kid"},
		{Rotation{Mode: Immediate, All: true}, "all"},
		{Rotation{Mode: Graceful, Force: true}, "force"},
	} {
		var bad *BadRotation
		if _, err := Rotate(keys, c.q, p, day0); !errors.As(err, &bad) || bad.Param != c.param {
			t.Errorf("%+v: got %v, want a BadRotation of %s", c.q, err, c.param)
		}
	}
	if _, err := Rotate(keys, Rotation{Mode: Compromised, KID: "none"}, p, day0); !errors.Is(err, ErrKeyNotFound) {
		t.Errorf("unknown kid: got %v, want ErrKeyNotFound", err)
	}
}
