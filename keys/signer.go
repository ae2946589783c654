package keys

import "time"

// Signer returns the key that signs at the moment at: the one of the lane whose turn it is, revoked
// ones left out. It is the same on every instance that has read the same rows, and for a refresh token
// at is when its grant was rotated, so that the token made again is the same.
//
// A token lane in which none signs (a newly wanted algorithm in its lead) is stood in for by a lane
// that does: first by one whose algorithm the policy does not want any more, which is what signed
// until the change, then by RS256, then by any other.
func Signer(keys []Key, p Policy, purpose Purpose, a Algorithm, at time.Time) (Key, bool) {
	if i := turn(keys, lane{purpose, a}, at); i >= 0 {
		return keys[i], true
	}
	if purpose != Token {
		return Key{}, false
	}
	for _, dropped := range []bool{true, false} {
		for _, other := range algorithms {
			if p.wants(other) == dropped {
				continue
			}
			if i := turn(keys, lane{Token, other}, at); i >= 0 {
				return keys[i], true
			}
		}
	}
	return Key{}, false
}

// turn returns the index of the key of lane l that signs at the moment at, or -1. Were there two, the
// one that started last would sign.
func turn(keys []Key, l lane, at time.Time) int {
	found := -1
	for i := range keys {
		k := &keys[i]
		if k.Algorithm != l.algorithm || k.Purpose != l.purpose || !k.RevokedAt.IsZero() ||
			at.Before(k.SignsFrom) || !at.Before(k.SignsUntil) {
			continue
		}
		if found < 0 || k.SignsFrom.After(keys[found].SignsFrom) ||
			k.SignsFrom.Equal(keys[found].SignsFrom) && k.Epoch > keys[found].Epoch {
			found = i
		}
	}
	return found
}
