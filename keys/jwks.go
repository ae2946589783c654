package keys

import (
	"encoding/json"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// JWKS is the published key set (RFC 7517 section 5), ready to be sent. Body is shared; don't change it.
type JWKS struct {
	Body []byte
	// ETag is strong and quoted.
	ETag string
	// MaxAge is how long a cache may keep the set: the policy's max-age, or less where a key leaves sooner.
	MaxAge time.Duration
}

// keySet is the set with the time in which it is the right one: it changes with the clock only when a
// key goes. Keys enter by being read.
type keySet struct {
	body []byte
	etag string
	// from and until bound the validity; zero until means that no key is in it.
	from, until time.Time
}

// JWKS returns the token keys that verify now: published, signing and retiring. It is served from the
// keys read last, however long ago that was, and is an empty set before the first reading.
func (r *Ring) JWKS() JWKS {
	now, s := r.Now(), r.snapshot.Load()
	if s == nil {
		s = &snapshot{}
	}
	set := s.jwks.Load()
	if set == nil || now.Before(set.from) || !set.until.IsZero() && !now.Before(set.until) {
		set = s.published(now)
		s.jwks.Store(set)
	}
	maxAge := r.Policy().JWKSMaxAge
	if !set.until.IsZero() {
		maxAge = min(maxAge, set.until.Sub(now))
	}
	return JWKS{Body: set.body, ETag: set.etag, MaxAge: maxAge}
}

// published builds the set at now. Its order is that of the rows, so that the bytes change only when a
// key comes or goes and are the same on every instance.
func (s *snapshot) published(now time.Time) *keySet {
	set := &keySet{}
	list := struct {
		Keys []jose.JSONWebKey `json:"keys"`
	}{Keys: []jose.JSONWebKey{}}
	for i := range s.keys {
		k := &s.keys[i]
		switch {
		case k.Purpose != Token || !k.RevokedAt.IsZero():
		case !k.verifies(now):
			set.from = later(set.from, k.VerifiesUntil)
		default:
			list.Keys = append(list.Keys, s.opened[k.KID].jwk())
			if set.until.IsZero() || k.VerifiesUntil.Before(set.until) {
				set.until = k.VerifiesUntil
			}
		}
	}
	body, err := json.Marshal(list)
	if err != nil {
		panic("keys: a public key that was read can't be written: " + err.Error()) // opening checked it
	}
	set.body, set.etag = body, etag(body)
	return set
}
