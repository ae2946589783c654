package verify

import (
	"net/http"
	"strings"
	"testing"

	"keyturn/verify/jws"
)

// FuzzClaims signs what the fuzzer makes up as claims with the issuer's own key. Whatever is accepted
// must hold what Token promises, and a second, looser reading must not find other values.
func FuzzClaims(f *testing.F) {
	for _, seed := range []string{
		claimsAt(noon, nil), claimsAt(noon, map[string]any{"aud": []string{"a", "api"}}), `{}`, `null`, `[]`, ``,
		`{"exp":1e9}`, `{"exp":-1}`, `{"aud":[null]}`, `{"sub":"\ud800"}`, `{"sub":"a","Sub":"b"}`, `{"cnf":null}`,
	} {
		f.Add([]byte(seed))
	}
	s := edSigner()
	v := newIssuer(s).verifier(f, atNoon())
	f.Fuzz(func(t *testing.T, payload []byte) {
		token, err := v.Verify(t.Context(), s.sign("at+jwt", string(payload), nil))
		if (token == nil) == (err == nil) {
			t.Fatalf("Verify = %v, %v; want a token or an error", token, err)
		}
		if err != nil {
			return
		}
		if token.Issuer != issuerURL || token.Subject == "" || token.JTI == "" || token.ClientID == "" ||
			!token.ExpiresAt.After(noon) || token.IssuedAt.After(noon.Add(ahead)) {
			t.Errorf("accepted %s", payload)
		}
		var again struct {
			Subject string `json:"sub"`
		}
		if err := token.Claims(&again); err != nil || again.Subject != token.Subject {
			t.Errorf("Claims reads sub %q, Token has %q (%v)", again.Subject, token.Subject, err)
		}
	})
}

func FuzzJWKS(f *testing.F) {
	for _, s := range []signer{rsaSigner(), ecSigner(), edSigner()} {
		f.Add([]byte(`{"keys":[` + jwkText(s.public, map[string]any{"kid": s.kid, "alg": s.alg, "use": "sig"}) + `]}`))
	}
	for _, seed := range []string{`{}`, `{"keys":[null]}`, `{"keys":[{"kty":"RSA","n":"","e":"","kid":"a","alg":"RS256","use":"sig"}]}`} {
		f.Add([]byte(seed))
	}
	all := defaults("").algorithms
	good := rsaSigner().token(noon)
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, err := parseJWKS(body, all)
		if (len(keys) == 0) == (err == nil) {
			t.Fatalf("parseJWKS = %v, %v; want keys or an error", keys, err)
		}
		for kid, key := range keys {
			if kid == "" || !fits(key.key, key.algorithm) {
				t.Errorf("key %q of %T for %s", kid, key.key, key.algorithm)
			}
			parsed, err := jws.Parse(good, all...)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = parsed.Verify(key.key) // must not panic, whatever the key
		}
	})
}

func FuzzAuthorization(f *testing.F) {
	for _, seed := range []string{"", "Bearer", "Bearer a", "bearer  a ", "Bearer a b", "Basic a", "Bearer\ta", "Bearer\x00a", "Bearer a,Bearer b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		raw, err := bearer([]string{header})
		if (raw == "") == (err == nil) {
			t.Fatalf("bearer(%q) = %q, %v; want a token or an error", header, raw, err)
		}
		if err == nil && (strings.ContainsAny(raw, " \t") || !strings.HasSuffix(strings.TrimRight(header, " \t"), raw) ||
			!strings.EqualFold(header[:len("Bearer")], "Bearer") && !strings.ContainsAny(header[:1], " \t")) {
			t.Errorf("bearer(%q) = %q", header, raw)
		}
	})
}

func FuzzCacheControl(f *testing.F) {
	f.Add("max-age=300", "0")
	f.Add("no-store, max-age=\"1\"", "x")
	f.Fuzz(func(t *testing.T, control, age string) {
		got := freshness(http.Header{"Cache-Control": {control}, "Age": {age}})
		if got < minFresh || got > maxFresh {
			t.Errorf("freshness(%q, %q) = %s", control, age, got)
		}
	})
}

func FuzzDiscovery(f *testing.F) {
	f.Add([]byte(`{"issuer":"` + issuerURL + `","jwks_uri":"https://id.example.com/jwks"}`))
	f.Add([]byte(`{"issuer":"` + issuerURL + `","jwks_uri":"http://[::1]:80"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		uri, err := readDiscovery(body, issuerURL)
		if err == nil && checkURL(uri, false) == nil {
			if _, err := http.NewRequest(http.MethodGet, uri, nil); err != nil {
				t.Errorf("accepted %q, which can't be requested: %v", uri, err)
			}
		}
	})
}
