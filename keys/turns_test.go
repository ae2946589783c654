package keys

import (
	"testing"
	"time"
)

func TestTurnsTellWhatTheClockWillBring(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	at := func(hours int) time.Time { return now.Add(time.Duration(hours) * time.Hour) }
	key := func(kid string, from, until, end int) Key {
		return Key{KID: kid, Algorithm: RS256, Purpose: Token, PublishedAt: at(-100), SignsFrom: at(from), SignsUntil: at(until), VerifiesUntil: at(end)}
	}
	revoked := key("revoked", -5, 5, 6)
	revoked.RevokedAt = at(-1)
	var list []Listed
	for _, k := range []Key{key("next", 2, 12, 13), key("now", -8, 2, 3), key("old", -18, -8, 1), key("gone", -30, -20, -10), revoked} {
		list = append(list, Listed{k, k.State(now)})
	}
	want := []struct {
		at   int
		what Turning
		kid  string
	}{
		{1, Goes, "old"}, {2, Signs, "next"}, {2, StopsSigning, "now"}, {3, Goes, "now"}, {12, StopsSigning, "next"}, {13, Goes, "next"},
	}
	got := Turns(list)
	if len(got) != len(want) {
		t.Fatalf("got %d turns, want %d: %+v", len(got), len(want), got)
	}
	for i, w := range want {
		if got[i].What != w.what || got[i].Key.KID != w.kid || !got[i].At.Equal(at(w.at)) {
			t.Errorf("turn %d: got %s %s at %v, want %s %s in %d h", i, got[i].Key.KID, got[i].What, got[i].At, w.kid, w.what, w.at)
		}
	}
}
