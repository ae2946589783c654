package keys

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
)

// Vouch is by what the program recognizes a text as its own when it comes back from where anybody could have changed it,
// so that nothing need be stored until then: 32 bytes, an HMAC by the first identity. It is no secret.
func (r *Ring) Vouch(purpose string, text []byte) ([]byte, error) {
	if r.Master == nil {
		return nil, errors.New("keys: there is no master identity to vouch by")
	}
	return r.Master.identities[0].vouch(purpose, text), nil
}

// Vouched tells whether tag is what Vouch gave for that purpose and text, by one of the identities.
func (r *Ring) Vouched(purpose string, text, tag []byte) bool {
	ok := false
	if r.Master == nil {
		return ok
	}
	for _, id := range r.Master.identities {
		ok = hmac.Equal(id.vouch(purpose, text), tag) || ok
	}
	return ok
}

func (id identity) vouch(purpose string, text []byte) []byte {
	mac := hmac.New(sha256.New, id.vouchKey)
	mac.Write(secretLabel(purpose, ""))
	mac.Write(text)
	return mac.Sum(nil)
}
