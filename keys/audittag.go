package keys

import (
	"crypto/hmac"
	"crypto/sha256"
)

// TagSeal implements audit.Tagger: an HMAC over the hash of a seal, by the first identity.
func (m *Master) TagSeal(hash []byte) []byte { return m.identities[0].auditTag(hash) }

// SealTagged tells whether one of the identities tagged a seal of this hash.
func (m *Master) SealTagged(hash, tag []byte) bool {
	ok := false
	for _, id := range m.identities {
		ok = hmac.Equal(id.auditTag(hash), tag) || ok
	}
	return ok
}

func (id identity) auditTag(hash []byte) []byte {
	mac := hmac.New(sha256.New, id.auditKey)
	mac.Write(hash)
	return mac.Sum(nil)
}
