package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/go-jose/go-jose/v4"
)

// rsaBits is the size of new RSA keys, and the least that is accepted (RFC 7518 section 3.3).
const rsaBits = 2048

// material is an opened key pair. It is shared by the snapshots that hold the key.
type material struct {
	kid       string
	algorithm Algorithm
	private   crypto.Signer
	// public is what jws verifies with: *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey.
	public crypto.PublicKey
	// headers caches what header returns, by typ.
	headers sync.Map
}

func generate(a Algorithm) (crypto.Signer, error) {
	switch a {
	case RS256, PS256:
		return rsa.GenerateKey(rand.Reader, rsaBits)
	case ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case EdDSA:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	}
	return nil, fmt.Errorf("unknown algorithm %q", a)
}

// newMaterial checks that the key fits the algorithm and computes its kid.
func newMaterial(private crypto.Signer, a Algorithm) (*material, error) {
	if err := fits(private, a); err != nil {
		return nil, err
	}
	m := &material{algorithm: a, private: private, public: private.Public()}
	var err error
	if m.kid, err = thumbprint(m.public); err != nil {
		return nil, err
	}
	return m, nil
}

// thumbprint is the kid of a public key (RFC 7638 section 3).
func thumbprint(public crypto.PublicKey) (string, error) {
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("thumbprint: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

func fits(private crypto.Signer, a Algorithm) error {
	switch key := private.(type) {
	case *rsa.PrivateKey:
		if a != RS256 && a != PS256 {
			break
		}
		if key.N.BitLen() < rsaBits {
			return fmt.Errorf("an RSA key of %d bits is too short", key.N.BitLen())
		}
		return nil
	case *ecdsa.PrivateKey:
		if a == ES256 && key.Curve == elliptic.P256() {
			return nil
		}
	case ed25519.PrivateKey:
		if a == EdDSA {
			return nil
		}
	}
	return fmt.Errorf("the private key is not one for %s", a)
}

// jwk is the public key as it is published: kty, kid, use, alg and the public members.
func (m *material) jwk() jose.JSONWebKey {
	return jose.JSONWebKey{Key: m.public, KeyID: m.kid, Algorithm: string(m.algorithm), Use: "sig"}
}

// matches tells whether text is the JWK of this very key.
func (m *material) matches(text []byte) error {
	var stored jose.JSONWebKey
	if err := json.Unmarshal(text, &stored); err != nil {
		return fmt.Errorf("public JWK: %w", err)
	}
	public, ok := m.public.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(stored.Key) {
		return errors.New("the public JWK is not that of the private key")
	}
	if stored.KeyID != m.kid || stored.Algorithm != string(m.algorithm) || stored.Use != "sig" {
		return errors.New("the public JWK has another kid, alg or use")
	}
	return nil
}

func parsePKCS8(der []byte) (crypto.Signer, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	private, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("the private key can't sign")
	}
	return private, nil
}

// sign returns the compact serialization (RFC 7515 section 3.1) with the header members alg, kid, typ in this
// order. With EdDSA and RS256 the same payload gives the same bytes. It is what tokens cost beside the signature
// itself, hence not go-jose, which writes the header anew for each.
func (m *material) sign(typ string, payload []byte) (string, error) {
	header, err := m.header(typ)
	if err != nil {
		return "", err
	}
	token := make([]byte, 0, len(header)+base64.RawURLEncoding.EncodedLen(len(payload)+rsaBits/8)+2)
	token = append(append(token, header...), '.')
	token = base64.RawURLEncoding.AppendEncode(token, payload)
	signature, err := m.signature(token)
	if err != nil {
		return "", fmt.Errorf("sign with key %s: %w", m.kid, err)
	}
	return string(base64.RawURLEncoding.AppendEncode(append(token, '.'), signature)), nil
}

// header is the encoded header of tokens of a type.
func (m *material) header(typ string) (string, error) {
	if cached, ok := m.headers.Load(typ); ok {
		return cached.(string), nil
	}
	text, err := json.Marshal(struct {
		Algorithm Algorithm `json:"alg"`
		KID       string    `json:"kid"`
		Type      string    `json:"typ"`
	}{m.algorithm, m.kid, typ})
	if err != nil {
		return "", fmt.Errorf("header of key %s: %w", m.kid, err)
	}
	header := base64.RawURLEncoding.EncodeToString(text)
	m.headers.Store(typ, header)
	return header, nil
}

// signature signs by the rules of the key's algorithm: RFC 7518 sections 3.3 to 3.5, RFC 8037 section 3.1.
func (m *material) signature(input []byte) ([]byte, error) {
	if m.algorithm == EdDSA {
		return m.private.Sign(rand.Reader, input, crypto.Hash(0)) // the whole input, not a hash of it
	}
	sum := sha256.Sum256(input)
	switch m.algorithm {
	case RS256:
		return m.private.Sign(rand.Reader, sum[:], crypto.SHA256)
	case PS256:
		return m.private.Sign(rand.Reader, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
	case ES256:
		r, s, err := ecdsa.Sign(rand.Reader, m.private.(*ecdsa.PrivateKey), sum[:])
		if err != nil {
			return nil, err
		}
		both := make([]byte, 64) // each in 32 bytes, however small
		r.FillBytes(both[:32])
		s.FillBytes(both[32:])
		return both, nil
	}
	return nil, fmt.Errorf("unknown algorithm %q", m.algorithm)
}

// etag is a strong entity tag of body (RFC 9110 section 8.8.3).
func etag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:18]) + `"`
}
