package verify

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"keyturn/verify/jws"
)

// publicKey is a usable key of the issuer. It verifies with the one algorithm that its JWK declares,
// whatever else its type could do (RFC 8725 section 3.1).
type publicKey struct {
	algorithm string
	key       any
}

// errNoUsableKey says that a JWKS was read and holds nothing to verify with.
var errNoUsableKey = errors.New("no usable key in the JWKS")

// parseJWKS reads a JWK Set (RFC 7517 section 5) and returns its usable keys by kid. Keys of other
// kinds, algorithms or uses stand in the sets of honest issuers and are passed over; a kid that occurs
// twice names no key. Without any usable key it returns an error.
func parseJWKS(body []byte, algorithms []string) (map[string]publicKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := jws.Decode(body, &set); err != nil {
		return nil, err
	}
	keys := make(map[string]publicKey)
	var seen []string
	for _, raw := range set.Keys {
		kid, key, ok := parseJWK(raw, algorithms)
		if slices.Contains(seen, kid) {
			delete(keys, kid)
			continue
		}
		seen = append(seen, kid)
		if ok {
			keys[kid] = key
		}
	}
	if len(keys) == 0 {
		return nil, errNoUsableKey
	}
	return keys, nil
}

// parseJWK reads one key and says whether it can be used: named, for signatures, with one of the
// algorithms, public, and strong enough.
func parseJWK(raw []byte, algorithms []string) (kid string, key publicKey, ok bool) {
	var members map[string]json.RawMessage
	if jws.Decode(raw, &members) != nil {
		return "", publicKey{}, false
	}
	var about struct {
		KeyID     string   `json:"kid"`
		Algorithm string   `json:"alg"`
		Use       string   `json:"use"`
		KeyOps    []string `json:"key_ops"`
	}
	if jws.Decode(raw, &about) != nil || about.KeyID == "" {
		return "", publicKey{}, false
	}
	_, private := members["d"]
	_, hasOps := members["key_ops"]
	if private || about.Use != "sig" || hasOps && !slices.Contains(about.KeyOps, "verify") ||
		!slices.Contains(algorithms, about.Algorithm) {
		return about.KeyID, publicKey{}, false
	}
	public, err := decodePublic(raw)
	if err != nil || !fits(public, about.Algorithm) {
		return about.KeyID, publicKey{}, false
	}
	return about.KeyID, publicKey{about.Algorithm, public}, true
}

// decodePublic hands go-jose the members of a public key alone: certificates and links are not its to read.
func decodePublic(raw []byte) (any, error) {
	var public struct {
		Type  string `json:"kty"`
		Curve string `json:"crv,omitempty"`
		N     string `json:"n,omitempty"`
		E     string `json:"e,omitempty"`
		X     string `json:"x,omitempty"`
		Y     string `json:"y,omitempty"`
	}
	if err := jws.Decode(raw, &public); err != nil {
		return nil, err
	}
	text, err := json.Marshal(public)
	if err != nil {
		return nil, err
	}
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(text); err != nil {
		return nil, err
	}
	return jwk.Key, nil
}

// fits says whether the key is of the algorithm's type and long enough (RFC 7518 sections 3.3 to 3.5, RFC 8037).
func fits(key any, algorithm string) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return (algorithm == "RS256" || algorithm == "PS256") && k.N.BitLen() >= 2048
	case *ecdsa.PublicKey:
		return algorithm == "ES256" && k.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return algorithm == "EdDSA" && len(k) == ed25519.PublicKeySize
	}
	return false
}
