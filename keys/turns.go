package keys

import (
	"slices"
	"time"
)

// Turning is what happens to a key by the clock alone.
type Turning string

// The turnings, in the order of a life.
const (
	Signs        Turning = "signs"         // it takes over
	StopsSigning Turning = "stops_signing" // the next one takes over
	Goes         Turning = "gone"          // it verifies nothing any more; a token key leaves the JWKS
)

// Turn is one moment to come in the life of a key.
type Turn struct {
	At   time.Time
	What Turning
	Key  Key
}

// Turns are what the clock will bring for the listed keys, in the order of time. What a plan would change
// about them is not in it.
func Turns(list []Listed) []Turn {
	var turns []Turn
	for _, k := range list {
		switch k.State {
		case Published:
			turns = append(turns, Turn{k.SignsFrom, Signs, k.Key})
			fallthrough
		case Signing:
			turns = append(turns, Turn{k.SignsUntil, StopsSigning, k.Key})
			fallthrough
		case Retiring:
			turns = append(turns, Turn{k.VerifiesUntil, Goes, k.Key})
		}
	}
	slices.SortStableFunc(turns, func(a, b Turn) int { return a.At.Compare(b.At) })
	return turns
}
