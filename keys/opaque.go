package keys

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
)

// Secret is an opaque secret: a code, a cookie, a client secret. It does not show itself in logs,
// messages or JSON; only its Hash is stored. The zero value is the empty secret, which nothing matches.
type Secret struct {
	// text is behind a pointer so that printing a struct around a Secret shows an address at most.
	text *string
}

// NewSecret makes a secret of 256 random bits, as base64url text.
func NewSecret() Secret {
	var b [32]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return SecretOf(base64.RawURLEncoding.EncodeToString(b[:]))
}

// SecretOf is what somebody presented as a secret.
func SecretOf(text string) Secret { return Secret{&text} }

// Reveal returns the text, for the one answer that tells it to its owner.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Hash returns what is stored of the secret.
func (s Secret) Hash() Hash { return sha256.Sum256([]byte(s.Reveal())) }

const redacted = "[secret]"

// String does not tell the secret.
func (s Secret) String() string { return redacted }

// GoString does not tell the secret.
func (s Secret) GoString() string { return redacted }

// MarshalText does not tell the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue does not tell the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// Hash is the SHA-256 of a Secret. A slow hash would add nothing: secrets are 256 random bits.
type Hash [sha256.Size]byte

// ParseHash reads a stored hash, which has 32 bytes.
func ParseHash(b []byte) (Hash, error) {
	if len(b) != sha256.Size {
		return Hash{}, fmt.Errorf("hash of a secret: %d bytes, want %d", len(b), sha256.Size)
	}
	return Hash(b), nil
}

// Matches tells in constant time whether the secret has this hash. The empty secret never matches.
func (h Hash) Matches(s Secret) bool {
	presented := s.Hash()
	return subtle.ConstantTimeCompare(h[:], presented[:]) == 1 && s.Reveal() != ""
}

// NewTokenID makes an identifier of 128 random bits, as 32 hexadecimal digits.
func NewTokenID() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// IsID tells whether text has the form that all ids of this program share: UUIDs, base64url, names of clients, and jti
// with their dot. What has another form is nobody's id, and no store needs to be asked for it.
func IsID(text string) bool {
	return text != "" && len(text) <= 100 && !strings.ContainsFunc(text, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' && c != '_' && c != '.'
	})
}
