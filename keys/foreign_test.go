package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"math/big"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// foreigners are the key pairs of the tests, made once.
var foreigners = sync.OnceValue(func() map[string]crypto.Signer {
	rsaKey := func(bits int) crypto.Signer {
		k, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			panic(err)
		}
		return k
	}
	ecKey := func(c elliptic.Curve) crypto.Signer {
		k, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			panic(err)
		}
		return k
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return map[string]crypto.Signer{
		"rsa": rsaKey(2048), "rsa2": rsaKey(2048), "rsa1024": rsaKey(1024), "ec": ecKey(elliptic.P256()), "p384": ecKey(elliptic.P384()), "ed": ed,
	}
})

// jwkOf is the JWK of a key with some members changed; nil removes one.
func jwkOf(t *testing.T, key any, change map[string]any) string {
	t.Helper()
	text, err := jose.JSONWebKey{Key: key}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	members := map[string]any{}
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	maps.Copy(members, change)
	maps.DeleteFunc(members, func(_ string, v any) bool { return v == nil })
	text, err = json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func publicOf(name string) crypto.PublicKey { return foreigners()[name].Public() }

func setOf(jwks ...string) []byte { return []byte(`{"keys":[` + strings.Join(jwks, ",") + `]}`) }

func foreign(t *testing.T, jwks ...string) *ForeignKeys {
	t.Helper()
	f, err := ParseForeignKeys(setOf(jwks...))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// signed is a compact JWS by the key, with further header members.
func signed(t *testing.T, name string, a Algorithm, header map[jose.HeaderKey]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(a), Key: foreigners()[name]}, &jose.SignerOptions{ExtraHeaders: header})
	if err != nil {
		t.Fatal(err)
	}
	object, err := signer.Sign([]byte(`{"iss":"c"}`))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// fullySpecified is a compact JWS by an Ed25519 key under the algorithm name of RFC 9864 section 2.2, which go-jose
// does not sign under.
func fullySpecified(name, header string) string {
	key := foreigners()[name].(ed25519.PrivateKey)
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"c"}`))
	return text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(text)))
}

// TestForeignKeyRules: RFC 7517 sections 4 and 5, RFC 7518 sections 3.3 and 6, RFC 8037 section 2.
func TestForeignKeyRules(t *testing.T) {
	const usable, skipped, refused = "usable", "passed over", "refused"
	r, e, d := publicOf("rsa"), publicOf("ec"), publicOf("ed")
	about := func(pairs ...any) map[string]any {
		m := map[string]any{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i].(string)] = pairs[i+1]
		}
		return m
	}
	modulus := func(change func(n *big.Int)) string {
		n := new(big.Int).Set(r.(*rsa.PublicKey).N)
		change(n)
		return base64.RawURLEncoding.EncodeToString(n.Bytes())
	}
	for _, test := range []struct{ name, jwk, want string }{
		{"bare RSA", jwkOf(t, r, nil), usable},
		{"bare EC", jwkOf(t, e, nil), usable},
		{"bare OKP", jwkOf(t, d, nil), usable},
		{"everything said", jwkOf(t, r, about("kid", "a", "alg", "PS256", "use", "sig", "key_ops", []string{"verify"})), usable},
		{"certificates are not read", jwkOf(t, r, about("x5c", []string{"garbage"}, "x5u", "https://evil.example", "x5t", "?")), usable},
		{"unknown member", jwkOf(t, d, about("iat", 1)), usable},
		{"alg by the name of RFC 9864", jwkOf(t, d, about("alg", "Ed25519")), usable},

		{"for encryption", jwkOf(t, r, about("use", "enc")), skipped},
		{"for encryption, 1024 bits", jwkOf(t, publicOf("rsa1024"), about("use", "enc")), skipped},
		{"key_ops sign", jwkOf(t, r, about("key_ops", []string{"sign"})), skipped},
		{"key_ops empty", jwkOf(t, r, about("key_ops", []string{})), skipped},
		{"alg RS512", jwkOf(t, r, about("alg", "RS512")), skipped},
		{"alg RSA-OAEP", jwkOf(t, r, about("alg", "RSA-OAEP")), skipped},
		{"alg of another type", jwkOf(t, r, about("alg", "ES256")), skipped},
		{"alg HS256", jwkOf(t, r, about("alg", "HS256")), skipped},
		{"alg none", jwkOf(t, r, about("alg", "none")), skipped},
		{"alg in another case", jwkOf(t, r, about("alg", "rs256")), skipped},
		{"P-384", jwkOf(t, publicOf("p384"), nil), skipped},
		{"X25519", `{"kty":"OKP","crv":"X25519","x":"` + strings.Repeat("A", 43) + `"}`, skipped},
		{"unknown kty", `{"kty":"AKP","alg":"ML-DSA-44","pub":"AAAA"}`, skipped},
		{"no kty", jwkOf(t, r, about("kty", nil)), skipped},
		{"RSA of 4104 bits", jwkOf(t, r, about("n", "AQ"+strings.Repeat("A", 681)+"E")), skipped},

		{"RSA of 1024 bits", jwkOf(t, publicOf("rsa1024"), nil), refused},
		{"RSA, even modulus", jwkOf(t, r, about("n", modulus(func(n *big.Int) { n.SetBit(n, 0, 0) }))), refused},
		{"RSA, exponent 1", jwkOf(t, r, about("e", "AQ")), refused},
		{"RSA, even exponent", jwkOf(t, r, about("e", "AQAA")), refused},
		{"RSA, long exponent", jwkOf(t, r, about("e", "AQAAAAAAAAE")), refused},
		{"RSA without n", jwkOf(t, r, about("n", nil)), refused},
		{"private RSA", jwkOf(t, foreigners()["rsa"], nil), refused},
		{"private EC", jwkOf(t, foreigners()["ec"], nil), refused},
		{"private OKP", jwkOf(t, foreigners()["ed"], nil), refused},
		{"private, for encryption", jwkOf(t, foreigners()["rsa"], about("use", "enc")), refused},
		{"d alone", jwkOf(t, r, about("d", "")), refused},
		{"shared secret", `{"kty":"oct","k":"c2VjcmV0"}`, refused},
		{"shared secret without k", `{"kty":"oct"}`, refused},
		{"k beside RSA", jwkOf(t, r, about("k", "c2VjcmV0")), refused},
		{"post-quantum private", `{"kty":"AKP","alg":"ML-DSA-44","pub":"AAAA","priv":"AAAA"}`, refused},
		{"off the curve", jwkOf(t, e, about("y", base64.RawURLEncoding.EncodeToString(make([]byte, 32)))), refused},
		{"Ed25519 too short", jwkOf(t, d, about("x", "AAAA")), refused},
		{"Ed25519 of low order", jwkOf(t, d, about("x", strings.Repeat("A", 43))), refused},
		{"Ed25519 neutral element", jwkOf(t, d, about("x", "AQ"+strings.Repeat("A", 41))), refused},
		{"kid a number", jwkOf(t, d, about("kid", 1)), refused},
		{"kid twice", `{"kid":"a",` + jwkOf(t, d, about("kid", "b"))[1:], refused},
		{"d twice, hidden", `{"d":"x",` + jwkOf(t, d, nil)[1:], refused},
		{"null", "null", refused},
		{"a text", `"key"`, refused},
		{"a list", "[]", refused},
	} {
		other := jwkOf(t, publicOf("rsa2"), map[string]any{"kid": "other"})
		f, err := ParseForeignKeys(setOf(test.jwk, other))
		got := refused
		if err == nil {
			got = map[int]string{1: skipped, 2: usable}[len(f.keys)]
		}
		if got != test.want || (f == nil) != (err != nil) {
			t.Errorf("%s: %s (%v); want %s", test.name, got, err, test.want)
		}
		if _, err := ParseForeignKeys(setOf(test.jwk)); (err == nil) != (test.want == usable) {
			t.Errorf("%s, alone: %v", test.name, err)
		}
	}
}

func TestForeignSetLimits(t *testing.T) {
	jwk := jwkOf(t, publicOf("ed"), nil)
	many := func(n int) []string {
		list := make([]string, n)
		for i := range list {
			list[i] = jwk
		}
		return list
	}
	if _, err := ParseForeignKeys(setOf(many(maxForeignKeys)...)); err != nil {
		t.Errorf("%d keys: %v", maxForeignKeys, err)
	}
	pad := func(n int) []byte { return append(setOf(jwk), strings.Repeat(" ", n-len(setOf(jwk)))...) }
	if _, err := ParseForeignKeys(pad(maxForeignSet)); err != nil {
		t.Errorf("%d bytes: %v", maxForeignSet, err)
	}
	for name, set := range map[string][]byte{
		"too many keys": setOf(many(maxForeignKeys + 1)...), "too long": pad(maxForeignSet + 1),
		"no keys": setOf(), "null": []byte("null"), "nothing": nil, "no member": []byte("{}"), "keys null": []byte(`{"keys":null}`),
		"a key, no set": []byte(jwk), "a list": []byte("[" + jwk + "]"), "keys twice": []byte(`{"keys":[],"keys":[` + jwk + `]}`),
		"KEYS": []byte(`{"KEYS":[` + jwk + `]}`), "a remainder": append(setOf(jwk), "{}"...), "HTML": []byte("<html>"),
	} {
		if f, err := ParseForeignKeys(set); err == nil || f != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestForeignVerify: RFC 7515 section 4.1.4 (kid), RFC 8725 section 3.1 (the key decides on the algorithm).
func TestForeignVerify(t *testing.T) {
	badSignature := errors.New("a *BadSignature")
	kid := func(name string, members ...any) string {
		m := map[string]any{"kid": name}
		for i := 0; i < len(members); i += 2 {
			m[members[i].(string)] = members[i+1]
		}
		return jwkOf(t, publicOf(map[string]string{"r": "rsa", "r2": "rsa2", "e": "ec", "d": "ed"}[name]), m)
	}
	all := foreign(t, kid("r"), kid("r2"), kid("e"), kid("d"))
	named := func(k string) map[jose.HeaderKey]any { return map[jose.HeaderKey]any{"kid": k} }
	bare := foreign(t, jwkOf(t, publicOf("rsa2"), nil), jwkOf(t, publicOf("ec"), nil), jwkOf(t, publicOf("rsa"), nil), jwkOf(t, publicOf("ed"), nil))
	twice := foreign(t, jwkOf(t, publicOf("rsa2"), map[string]any{"kid": "r"}), kid("r"))
	onlyPS := foreign(t, kid("r", "alg", "PS256"))
	for _, test := range []struct {
		name string
		keys *ForeignKeys
		raw  string
		want error
	}{
		{"RS256", all, signed(t, "rsa", RS256, named("r")), nil},
		{"PS256", all, signed(t, "rsa", PS256, named("r")), nil},
		{"ES256", all, signed(t, "ec", ES256, named("e")), nil},
		{"EdDSA", all, signed(t, "ed", EdDSA, named("d")), nil},
		{"thumbprints", all, signed(t, "ed", EdDSA, map[jose.HeaderKey]any{"kid": "d", "typ": "JWT", "x5t": "a", "x5t#S256": "b"}), nil},
		{"no kid, keys have some", all, signed(t, "rsa2", RS256, nil), nil},
		{"no kid anywhere, RSA", bare, signed(t, "rsa", RS256, nil), nil},
		{"no kid anywhere, EC", bare, signed(t, "ec", ES256, nil), nil},
		{"no kid anywhere, OKP", bare, signed(t, "ed", EdDSA, nil), nil},
		{"Ed25519, RFC 9864 section 2.2", all, fullySpecified("ed", `{"alg":"Ed25519","kid":"d"}`), nil},
		{"two keys of one kid", twice, signed(t, "rsa", RS256, named("r")), nil},
		{"the declared algorithm", onlyPS, signed(t, "rsa", PS256, nil), nil},

		{"another key's kid", all, signed(t, "rsa", RS256, named("r2")), badSignature},
		{"a kid of another type", all, signed(t, "rsa", RS256, named("e")), badSignature},
		{"unknown kid", all, signed(t, "rsa", RS256, named("new")), ErrUnknownKey},
		{"kid, keys have none", bare, signed(t, "rsa", RS256, named("r")), ErrUnknownKey},
		{"no kid, unknown key", onlyPS, signed(t, "rsa2", PS256, nil), ErrUnknownKey},
		{"no kid, not the declared algorithm", onlyPS, signed(t, "rsa", RS256, nil), ErrUnknownKey},
		{"not the declared algorithm", onlyPS, signed(t, "rsa", RS256, named("r")), badSignature},
		{"RS512", all, signed(t, "rsa", "RS512", named("r")), ErrInvalidToken},
		{"ES384", all, signed(t, "p384", "ES384", named("e")), ErrInvalidToken},
		{"jwk", all, signed(t, "rsa", RS256, map[jose.HeaderKey]any{"jwk": json.RawMessage(jwkOf(t, publicOf("rsa"), nil))}), ErrInvalidToken},
		{"jku", all, signed(t, "rsa", RS256, map[jose.HeaderKey]any{"kid": "r", "jku": "https://evil.example"}), ErrInvalidToken},
		{"no keys", nil, signed(t, "rsa", RS256, named("r")), ErrUnknownKey},
		{"no keys, no token", nil, "garbage", ErrInvalidToken},
		{"changed", all, tampered(signed(t, "ed", EdDSA, named("d"))), badSignature},
		{"signature cut", all, cutSignature(signed(t, "ed", EdDSA, named("d"))), ErrInvalidToken},
		{"Ed25519, changed", all, tampered(fullySpecified("ed", `{"alg":"Ed25519","kid":"d"}`)), badSignature},
		{"Ed25519 with an RSA key's kid", all, fullySpecified("ed", `{"alg":"Ed25519","kid":"r"}`), badSignature},
		{"Ed448", all, fullySpecified("ed", `{"alg":"Ed448","kid":"d"}`), ErrInvalidToken},
		{"HS256 keyed with the public key", all, hmacOf(t, "rsa"), ErrInvalidToken},
	} {
		got, err := test.keys.Verify(test.raw)
		if bad, ok := errors.AsType[*BadSignature](err); ok != (test.want == badSignature) || ok && !errors.Is(bad, ErrInvalidToken) {
			t.Errorf("%s: %v; want %v", test.name, err, test.want)
			continue
		} else if ok {
			err = badSignature
		}
		if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
			t.Errorf("%s: %v; want %v", test.name, err, test.want)
			continue
		}
		if err != nil && (got.Claims != nil || got.Algorithm != "" || errors.Is(err, ErrInvalidToken) && errors.Is(err, ErrUnknownKey)) {
			t.Errorf("%s: %+v beside %v", test.name, got, err)
		}
		if err == nil && string(got.Claims) != `{"iss":"c"}` {
			t.Errorf("%s: claims %s", test.name, got.Claims)
		}
	}
	got, err := all.Verify(signed(t, "rsa", PS256, map[jose.HeaderKey]any{"kid": "r", "typ": "JWT"}))
	if err != nil || got.KeyID != "r" || got.Type != "JWT" || got.Algorithm != PS256 {
		t.Errorf("Verify = %+v, %v", got, err)
	}
}

// tampered changes the claims under the signature.
func tampered(raw string) string {
	parts := strings.Split(raw, ".")
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"d"}`))
	return strings.Join(parts, ".")
}

func cutSignature(raw string) string { return raw[:strings.LastIndexByte(raw, '.')+1] }

// hmacOf signs with HMAC under the public key's text, as a confused verifier would (RFC 8725 section 2.1).
func hmacOf(t *testing.T, name string) string {
	t.Helper()
	input := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"r"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"c"}`))
	mac := hmac.New(sha256.New, []byte(jwkOf(t, publicOf(name), nil)))
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// FuzzParseForeignKeys demands that whatever is accepted can be used without a panic and holds nothing secret.
func FuzzParseForeignKeys(f *testing.F) {
	ed := base64.RawURLEncoding.EncodeToString(publicOf("ed").(ed25519.PublicKey))
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"` + ed + `"}]}`))
	n := base64.RawURLEncoding.EncodeToString(publicOf("rsa").(*rsa.PublicKey).N.Bytes())
	f.Add([]byte(`{"keys":[{"kty":"RSA","e":"AQAB","n":"` + n + `","alg":"RS256"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AA"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`))
	signature := func(header string, size int) string {
		encode := base64.RawURLEncoding.EncodeToString
		return encode([]byte(header)) + "." + encode([]byte("{}")) + "." + encode(make([]byte, size))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		set, err := ParseForeignKeys(text)
		if (set == nil) == (err == nil) {
			t.Fatalf("ParseForeignKeys = %v, %v", set, err)
		}
		if err != nil {
			return
		}
		for _, k := range set.all() {
			switch k.public.(type) {
			case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
			default:
				t.Errorf("accepted a %T", k.public)
			}
			for _, a := range k.algorithms {
				size := map[Algorithm]int{RS256: 256, PS256: 256, ES256: 64, EdDSA: 64}[a]
				if _, err := set.Verify(signature(`{"alg":"`+string(a)+`"}`, size)); !errors.Is(err, ErrUnknownKey) {
					t.Errorf("a signature of zeros: %v", err)
				}
			}
		}
	})
}
