package verify

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// jwkText is the key's JWK with some members changed; nil removes one.
func jwkText(key any, change map[string]any) string {
	text, err := jose.JSONWebKey{Key: key}.MarshalJSON()
	must(err)
	members := map[string]any{}
	must(json.Unmarshal(text, &members))
	maps.Copy(members, change)
	maps.DeleteFunc(members, func(_ string, v any) bool { return v == nil })
	text, err = json.Marshal(members)
	must(err)
	return string(text)
}

// TestJWKRules: RFC 7517 sections 4 and 5, RFC 7518 sections 3.3 to 3.5. What can't be used is passed over.
func TestJWKRules(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	must(err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(err)
	about := func(kid, alg, use any) map[string]any { return map[string]any{"kid": kid, "alg": alg, "use": use} }
	r, e, d := rsaSigner(), ecSigner(), edSigner()
	tests := []struct {
		name, jwk string
		ok        bool
	}{
		{"RS256", jwkText(r.public, about("k", "RS256", "sig")), true},
		{"PS256", jwkText(r.public, about("k", "PS256", "sig")), true},
		{"ES256", jwkText(e.public, about("k", "ES256", "sig")), true},
		{"EdDSA", jwkText(d.public, about("k", "EdDSA", "sig")), true},
		{"key_ops verify", jwkText(d.public, map[string]any{"kid": "k", "alg": "EdDSA", "use": "sig", "key_ops": []string{"verify"}}), true},
		{"unknown member", jwkText(d.public, map[string]any{"kid": "k", "alg": "EdDSA", "use": "sig", "iat": 1}), true},
		{"no kid", jwkText(d.public, about(nil, "EdDSA", "sig")), false},
		{"kid a number", jwkText(d.public, about(1, "EdDSA", "sig")), false},
		{"no alg", jwkText(d.public, about("k", nil, "sig")), false},
		{"no use", jwkText(d.public, about("k", "EdDSA", nil)), false},
		{"for encryption", jwkText(r.public, about("k", "RS256", "enc")), false},
		{"key_ops sign", jwkText(d.public, map[string]any{"kid": "k", "alg": "EdDSA", "use": "sig", "key_ops": []string{"sign"}}), false},
		{"alg of another type", jwkText(r.public, about("k", "ES256", "sig")), false},
		{"alg HS256 on an RSA key", jwkText(r.public, about("k", "HS256", "sig")), false},
		{"alg none", jwkText(r.public, about("k", "none", "sig")), false},
		{"alg RS512", jwkText(r.public, about("k", "RS512", "sig")), false},
		{"RSA of 1024 bits", jwkText(small.Public(), about("k", "RS256", "sig")), false},
		{"P-384 for ES256", jwkText(p384.Public(), about("k", "ES256", "sig")), false},
		{"private RSA", jwkText(r.private, about("k", "RS256", "sig")), false},
		{"private Ed25519", jwkText(d.private, about("k", "EdDSA", "sig")), false},
		{"shared secret", jwkText([]byte("secret"), about("k", "HS256", "sig")), false},
		{"point off the curve", jwkText(e.public, map[string]any{"kid": "k", "alg": "ES256", "use": "sig", "y": b64(string(make([]byte, 32)))}), false},
		{"Ed25519 too short", jwkText(d.public, map[string]any{"kid": "k", "alg": "EdDSA", "use": "sig", "x": "AAAA"}), false},
		{"member twice", `{"kid":"k","kid":"k",` + jwkText(d.public, map[string]any{"alg": "EdDSA", "use": "sig"})[1:], false},
		{"null", `null`, false},
		{"a text", `"key"`, false},
	}
	all := defaults("").algorithms
	other := jwkText(d.public, about("other", "EdDSA", "sig"))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			keys, err := parseJWKS([]byte(`{"keys":[`+test.jwk+`,`+other+`]}`), all)
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"other"}
			if test.ok {
				want = []string{"k", "other"}
			}
			if got := slices.Sorted(maps.Keys(keys)); !slices.Equal(got, want) {
				t.Errorf("usable keys = %q; want %q", got, want)
			}
		})
	}
}

func TestKidTwiceNamesNoKey(t *testing.T) {
	one := jwkText(edSigner().public, map[string]any{"kid": "k", "alg": "EdDSA", "use": "sig"})
	two := jwkText(ecSigner().public, map[string]any{"kid": "k", "alg": "ES256", "use": "sig"})
	for _, keys := range []string{one + "," + two, one + "," + two + "," + one} {
		if got, err := parseJWKS([]byte(`{"keys":[`+keys+`]}`), defaults("").algorithms); err == nil {
			t.Errorf("parseJWKS = %v; want an error", got)
		}
	}
}
