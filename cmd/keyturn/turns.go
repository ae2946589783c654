package main

import (
	"slices"
	"time"

	"keyturn/keys"
)

// comingTurns is what will happen to the keys, in the order of time: what the rows say already, and
// what the next maintenance would add to them.
func comingTurns(list []keys.Listed, steps []keys.Step, now time.Time) []turnView {
	turns := []turnView{}
	add := func(at time.Time, k keys.Key, what string) {
		turns = append(turns, turnView{at, k.KID, string(k.Purpose), string(k.Algorithm), what})
	}
	for _, k := range list {
		if !k.RevokedAt.IsZero() {
			continue
		}
		if k.SignsFrom.After(now) {
			add(k.SignsFrom, k.Key, "starts to sign")
		}
		if k.SignsUntil.After(now) {
			add(k.SignsUntil, k.Key, "stops signing")
		}
		if k.VerifiesUntil.After(now) {
			add(k.VerifiesUntil, k.Key, "leaves the key set")
		}
	}
	for _, s := range steps {
		add(now, s.Key, string(s.Action)+" at the next maintenance: "+s.Why)
	}
	slices.SortStableFunc(turns, func(a, b turnView) int { return a.At.Compare(b.At) })
	return turns
}
