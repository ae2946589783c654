// Package jws is the one strict reader of signed tokens (JWS compact serialization, RFC 7515). It
// refuses by length and shape before it decodes anything, refuses every header member that could
// name or carry a key, takes the algorithm from the caller's list and the key's type and never from
// the token alone, and leaves the signature itself to go-jose. What claims mean is the caller's matter.
package jws

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// MaxSize is the length in bytes beyond which a token is refused unread.
const MaxSize = 16 << 10

// Ed25519 is the name that RFC 9864 section 2.2 gives to EdDSA with Ed25519. It is taken where a caller's list
// has it.
const Ed25519 = "Ed25519"

// Errors. Both say the same to the outside ("the token is invalid"); they differ for logs and tests.
var (
	// ErrMalformed says that the text is not a token that this program would ever issue.
	ErrMalformed = errors.New("jws: malformed token")
	// ErrSignature says that the signature is not the key's over this token.
	ErrSignature = errors.New("jws: bad signature")
)

// strict refuses padding, line breaks and non-zero trailing bits (RFC 4648 section 3.5), which go-jose
// would accept: without it the last character of a signature could be changed unnoticed.
var strict = base64.RawURLEncoding.Strict()

// Token is a token whose shape and header were accepted. Nothing in it is proved until Verify.
type Token struct {
	// KeyID, Type and Algorithm are the header's kid, typ and alg; KeyID and Type may be empty.
	KeyID     string
	Type      string
	Algorithm string

	parsed *jose.JSONWebSignature
}

// header is every member that a token may have in its header. Decoding refuses duplicates and
// differs by letter case (RFC 7515 section 4).
type header struct {
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid"`
	Type      string `json:"typ"`

	// Certificate and CertificateSHA256 are thumbprints, in ParseForeign alone, and looked at by nobody.
	Certificate       string `json:"x5t"`
	CertificateSHA256 string `json:"x5t#S256"`
}

var (
	ownMembers     = []string{"alg", "kid", "typ"}
	foreignMembers = []string{"alg", "kid", "typ", "x5t", "x5t#S256"}
)

// Parse reads raw, which must be signed with one of the algorithms. It returns ErrMalformed for
// anything else and proves nothing yet.
func Parse(raw string, algorithms ...string) (*Token, error) {
	return parse(raw, ownMembers, algorithms)
}

// ParseForeign reads raw as Parse does, but passes over certificate thumbprints in the header (x5t and
// x5t#S256, RFC 7515 sections 4.1.7 and 4.1.8): libraries that keep their key beside a certificate add
// them to what they sign. They carry no key and name nothing that could be fetched.
func ParseForeign(raw string, algorithms ...string) (*Token, error) {
	return parse(raw, foreignMembers, algorithms)
}

func parse(raw string, members, algorithms []string) (*Token, error) {
	if len(raw) > MaxSize {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrMalformed, MaxSize)
	}
	if strings.Count(raw, ".") != 2 {
		return nil, fmt.Errorf("%w: not three segments", ErrMalformed)
	}
	protected, rest, _ := strings.Cut(raw, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	text, err := decode(protected)
	if err != nil {
		return nil, err
	}
	for _, segment := range []string{payload, signature} {
		if _, err := decode(segment); err != nil {
			return nil, err
		}
	}
	h, err := readHeader(text, members)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(algorithms, h.Algorithm) {
		return nil, fmt.Errorf("%w: algorithm not allowed", ErrMalformed)
	}
	parsed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(h.Algorithm)})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return &Token{KeyID: h.KeyID, Type: h.Type, Algorithm: h.Algorithm, parsed: parsed}, nil
}

// Verify checks the signature with a public key (*rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey)
// and returns the payload, or ErrSignature. The key must be of the type that the algorithm needs; the
// caller makes sure that the key is meant for that algorithm.
func (t *Token) Verify(key any) ([]byte, error) {
	if k, ok := key.(ed25519.PublicKey); ok && t.Algorithm == Ed25519 {
		key = fullySpecified(k)
	}
	payload, err := t.parsed.Verify(key)
	if err != nil {
		return nil, ErrSignature
	}
	return payload, nil
}

// fullySpecified verifies under the name of RFC 9864, of which go-jose knows nothing; the signature is the same.
type fullySpecified ed25519.PublicKey

// VerifyPayload implements jose.OpaqueVerifier.
func (k fullySpecified) VerifyPayload(payload, signature []byte, algorithm jose.SignatureAlgorithm) error {
	if algorithm != Ed25519 || len(k) != ed25519.PublicKeySize || !ed25519.Verify(ed25519.PublicKey(k), payload, signature) {
		return ErrSignature
	}
	return nil
}

// Decode reads a claims object into v with names matched by exact case, duplicate members refused.
func Decode(claims []byte, v any) error {
	if err := json.Unmarshal(claims, v); err != nil {
		return fmt.Errorf("%w: claims: %w", ErrMalformed, err)
	}
	return nil
}

func decode(segment string) ([]byte, error) {
	// Go's decoder skips line breaks even in strict mode.
	if segment == "" || strings.ContainsAny(segment, "\r\n") {
		return nil, fmt.Errorf("%w: empty segment or line break", ErrMalformed)
	}
	b, err := strict.DecodeString(segment)
	if err != nil {
		return nil, fmt.Errorf("%w: not canonical base64url", ErrMalformed)
	}
	return b, nil
}

// readHeader refuses every member but the known ones: crit and b64 because none is understood
// (RFC 7515 section 4.1.11, RFC 7797), jku, x5u, x5c and jwk because a token does not choose its key
// (RFC 8725 section 3.10).
func readHeader(text []byte, known []string) (header, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return header{}, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	for name := range members {
		if !slices.Contains(known, name) {
			return header{}, fmt.Errorf("%w: header has a member that is not understood", ErrMalformed)
		}
	}
	var h header
	if err := json.Unmarshal(text, &h); err != nil {
		return header{}, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	return h, nil
}
