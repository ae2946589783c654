package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"keyturn/audit/sentence"
	"keyturn/verify/jws"
)

// Limits of somebody else's key set.
const (
	maxForeignSet  = 64 << 10 // bytes
	maxForeignKeys = 100
)

// BadSignature is the error of a token that names a key of its owner, where no key of that kid verifies it. It is
// an ErrInvalidToken; newer keys of the same owner under that kid might verify it all the same.
type BadSignature struct {
	// Algorithm is the token's.
	Algorithm Algorithm
}

func (e *BadSignature) Error() string {
	return fmt.Sprintf("%v: no key of its kid verifies its %s", ErrInvalidToken, e.Algorithm)
}

// Unwrap is ErrInvalidToken.
func (e *BadSignature) Unwrap() error { return ErrInvalidToken }

// algorithmOf reads the name of an algorithm. EdDSA with Ed25519 has a second one: RFC 9864 section 2.2 calls it
// Ed25519 and deprecates the older, and libraries have begun to write it.
func algorithmOf(name string) Algorithm {
	if name == jws.Ed25519 {
		return EdDSA
	}
	return Algorithm(name)
}

// ForeignKeys are the public keys of somebody else, such as a client that authenticates with a signed
// assertion (RFC 7517 section 5). A nil *ForeignKeys has none.
type ForeignKeys struct {
	keys []foreignKey
}

// foreignKey is a key that can be used for one of our algorithms.
type foreignKey struct {
	// kid may be empty, and occur twice.
	kid string
	// algorithms are those that the key is for, at least one.
	algorithms []Algorithm
	public     crypto.PublicKey
}

// ForeignToken is a token whose signature by one of the keys was checked. Its type and claims are for the
// caller to judge.
type ForeignToken struct {
	// KeyID and Type are the header's kid and typ, empty where it has none.
	KeyID, Type string
	Algorithm   Algorithm
	Claims      []byte
}

// BadKeys is why somebody else's keys are refused.
type BadKeys struct{ Problem sentence.Sentence }

func (e *BadKeys) Error() string { return e.Problem.String() }

func badKeys(format string, args ...any) error { return &BadKeys{sentence.Say(format, args...)} }

// said is what an error says: the sentence of ours, or the text of a library.
func said(err error) sentence.Sentence {
	if bad, ok := errors.AsType[*BadKeys](err); ok {
		return bad.Problem
	}
	return sentence.Verbatim(err.Error())
}

// ParseForeignKeys reads a JWK Set. Keys for encryption, and of types and algorithms that are not ours,
// are passed over. It refuses a set with a symmetric or private key in it, which its owner must learn of,
// with an RSA key for signatures of less than 2048 bits, with more than 100 keys or 64 KiB, and one
// without a key that can be used. Its error is a *BadKeys.
func ParseForeignKeys(jwks []byte) (*ForeignKeys, error) {
	if len(jwks) > maxForeignSet {
		return nil, badKeys("key set: longer than %d bytes", maxForeignSet)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := jws.Decode(jwks, &set); err != nil {
		return nil, badKeys("key set: %s", said(err))
	}
	if len(set.Keys) > maxForeignKeys {
		return nil, badKeys("key set: more than %d keys", maxForeignKeys)
	}
	f := new(ForeignKeys)
	for i, raw := range set.Keys {
		k, err := parseForeignKey(raw)
		if err != nil {
			return nil, badKeys("key set: key %d: %s", i, said(err))
		}
		if k != nil {
			f.keys = append(f.keys, *k)
		}
	}
	if len(f.keys) == 0 {
		return nil, badKeys("key set: no key that verifies RS256, PS256, ES256 or EdDSA")
	}
	return f, nil
}

// foreignJWK is what is read of a JWK (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2).
type foreignJWK struct {
	Type      string   `json:"kty"`
	Curve     string   `json:"crv"`
	KeyID     string   `json:"kid"`
	Algorithm string   `json:"alg"`
	Use       string   `json:"use"`
	KeyOps    []string `json:"key_ops"`
	N         string   `json:"n"`
	E         string   `json:"e"`
	X         string   `json:"x"`
	Y         string   `json:"y"`
}

// secretMembers hold what must not leave its owner (RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1, RFC 9964).
var secretMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}

// parseForeignKey returns nil for a key that is not for us.
func parseForeignKey(raw []byte) (*foreignKey, error) {
	var members map[string]json.RawMessage
	if err := jws.Decode(raw, &members); err != nil {
		return nil, err
	}
	if members == nil {
		return nil, badKeys("null")
	}
	for _, name := range secretMembers {
		if _, there := members[name]; there {
			return nil, badKeys("a symmetric or private key")
		}
	}
	var jwk foreignJWK
	if err := jws.Decode(raw, &jwk); err != nil {
		return nil, err
	}
	_, hasOps := members["key_ops"]
	algorithms := jwk.algorithms()
	switch {
	case jwk.Type == "oct":
		return nil, badKeys("a symmetric or private key")
	case jwk.Use != "" && jwk.Use != "sig", hasOps && !slices.Contains(jwk.KeyOps, "verify"):
		return nil, nil
	case len(algorithms) == 0:
		return nil, nil
	}
	public, err := jwk.public()
	if errors.Is(err, jose.ErrUnsupportedKeyType) {
		return nil, nil // an RSA key longer than anybody should have to compute with
	}
	if err != nil {
		return nil, err
	}
	return &foreignKey{kid: jwk.KeyID, algorithms: algorithms, public: public}, nil
}

// algorithms are those that the key is for: those of its type, or of them the one that it declares
// (RFC 8725 section 3.1).
func (j *foreignJWK) algorithms() []Algorithm {
	var all []Algorithm
	switch {
	case j.Type == "RSA":
		all = []Algorithm{RS256, PS256}
	case j.Type == "EC" && j.Curve == "P-256":
		all = []Algorithm{ES256}
	case j.Type == "OKP" && j.Curve == "Ed25519":
		all = []Algorithm{EdDSA}
	}
	if j.Algorithm == "" {
		return all
	}
	return slices.DeleteFunc(all, func(a Algorithm) bool { return a != algorithmOf(j.Algorithm) })
}

// public hands go-jose the members of a public key alone: certificates and links are not its to read.
func (j *foreignJWK) public() (crypto.PublicKey, error) {
	members := map[string]string{"kty": j.Type}
	for name, value := range map[string]string{"crv": j.Curve, "n": j.N, "e": j.E, "x": j.X, "y": j.Y} {
		if value != "" {
			members[name] = value
		}
	}
	text, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	var key jose.JSONWebKey
	if err := key.UnmarshalJSON(text); err != nil {
		return nil, err
	}
	switch k := key.Key.(type) {
	case *rsa.PublicKey:
		return k, checkRSA(k)
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() {
			return k, nil
		}
	case ed25519.PublicKey:
		if len(k) == ed25519.PublicKeySize {
			return k, nil
		}
	}
	return nil, badKeys("not a public key of its type")
}

// checkRSA holds RFC 7518 section 3.3, and refuses what crypto/rsa would refuse at every single use.
func checkRSA(k *rsa.PublicKey) error {
	if bits := k.N.BitLen(); bits < rsaBits {
		return badKeys("an RSA key of %d bits is too short", bits)
	}
	if k.N.Bit(0) == 0 || k.E%2 == 0 || k.E > math.MaxInt32 {
		return badKeys("not an RSA modulus and exponent")
	}
	return nil
}

// Verify checks a compact JWS. With a kid in the header only keys of that kid count, without one each key
// that is for the token's algorithm, which is one of RS256, PS256, ES256 and EdDSA. Errors: ErrInvalidToken
// for what can't be a good token whatever the keys are; *BadSignature, which is one too, where keys of that
// kid don't verify it; ErrUnknownKey where no key has that kid, or, without a kid, none verifies. Newer keys of
// the same owner might verify in the last two cases.
func (f *ForeignKeys) Verify(raw string) (ForeignToken, error) {
	token, err := jws.ParseForeign(raw, string(RS256), string(PS256), string(ES256), string(EdDSA), jws.Ed25519)
	if err != nil {
		return ForeignToken{}, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	algorithm := algorithmOf(token.Algorithm)
	failure := ErrUnknownKey
	for _, k := range f.all() {
		if token.KeyID != "" && k.kid != token.KeyID {
			continue
		}
		if token.KeyID != "" {
			failure = &BadSignature{Algorithm: algorithm}
		}
		if !slices.Contains(k.algorithms, algorithm) {
			continue
		}
		claims, err := token.Verify(k.public)
		if err == nil {
			return ForeignToken{KeyID: token.KeyID, Type: token.Type, Algorithm: algorithm, Claims: claims}, nil
		}
	}
	return ForeignToken{}, failure
}

func (f *ForeignKeys) all() []foreignKey {
	if f == nil {
		return nil
	}
	return f.keys
}
