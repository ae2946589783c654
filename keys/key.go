package keys

import (
	"context"
	"errors"
	"time"

	"keyturn/audit"
)

// Algorithm is a JWS algorithm that this program signs with (RFC 7518 section 3.1, RFC 8037).
type Algorithm string

// The algorithms. HMAC and "none" do not exist in this program.
const (
	RS256 Algorithm = "RS256"
	PS256 Algorithm = "PS256"
	ES256 Algorithm = "ES256"
	EdDSA Algorithm = "EdDSA"
)

// Purpose separates keys by what they may sign.
type Purpose string

const (
	// Token keys sign access, ID and logout tokens; they are published in the JWKS.
	Token Purpose = "token"
	// Refresh keys (EdDSA always) sign refresh tokens; they are never published, so that a refresh
	// token fails at every resource server on an unknown kid.
	Refresh Purpose = "refresh"
)

// Key is what the life of a key is computed from. It holds no key material.
type Key struct {
	// KID is the RFC 7638 SHA-256 thumbprint of the public key, base64url.
	KID       string
	Algorithm Algorithm
	Purpose   Purpose
	// Epoch counts the keys of one algorithm and purpose from 1; (Algorithm, Purpose, Epoch) is unique,
	// so of any number of instances that make the same next key one succeeds.
	Epoch int64

	PublishedAt time.Time
	SignsFrom   time.Time
	// SignsUntil is when the next key of the lane takes over.
	SignsUntil time.Time
	// VerifiesUntil is never shortened but by revocation; no token signed by the key expires later.
	VerifiesUntil time.Time
	// RevokedAt is zero unless the key was revoked.
	RevokedAt time.Time
}

// Record is a stored key: the plan's Key, the public key, and the private key sealed to the master identity.
type Record struct {
	Key
	// PublicJWK is the public key as a JWK (RFC 7517), with kid, alg and use.
	PublicJWK []byte
	// Sealed is the PKCS #8 private key encrypted with age to the master identity.
	Sealed []byte
	// Tag is an HMAC-SHA-256 over all of the above under a key derived from the master identity.
	Tag []byte
}

// Change is one row's change within ApplyKeys. Exactly one of the three shapes: insert (Was nil),
// update (both), delete (Now nil).
type Change struct {
	Was *Record
	Now *Record
}

// ErrConflict is returned by ApplyKeys when another instance changed the keys first. Nothing was changed.
var ErrConflict = errors.New("keys: changed meanwhile by another instance")

// ErrUnavailable is what every store's error wraps when the database can't be reached or can't write
// now. Nothing is known of the outcome of a change that returned it: the caller answers 503, never
// "invalid", and does not repeat the change.
var ErrUnavailable = errors.New("keys: the database is unavailable")

// ErrBadText is what every store's error wraps when a text holds NUL or is not valid UTF-8, which no
// database stores. Nothing was changed; the request was malformed.
var ErrBadText = errors.New("keys: a text holds NUL or is not valid UTF-8")

// Store keeps key rows.
type Store interface {
	// Keys returns all key rows, ordered by purpose, algorithm and epoch, read from the database itself
	// (never from a cache), in one statement.
	Keys(ctx context.Context) ([]Record, error)

	// ApplyKeys makes all changes and writes all events in one transaction and raises the changes
	// counter. An insert whose kid or (algorithm, purpose, epoch) is taken, and an update or delete of a
	// row whose Tag is no longer Was.Tag, make it return ErrConflict with nothing changed. When it
	// returns nil the changes are durable.
	ApplyKeys(ctx context.Context, changes []Change, events []audit.Event) error
}
