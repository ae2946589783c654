package verify

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
)

func unb64(s string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(s)
	must(err)
	return b
}

func base64Len(s string) int { return base64.RawURLEncoding.DecodedLen(len(s)) }

func reversed(b []byte) []byte {
	r := slices.Clone(b)
	slices.Reverse(r)
	return r
}

// TestEveryChangedCharacterIsRefused replaces each character of a token by each other one of base64url,
// and by some that are none: RFC 7515 section 5.2, RFC 4648 section 3.5. A decoder that ignores the spare
// bits of the last character would let three changes of a signature pass.
func TestEveryChangedCharacterIsRefused(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/. \n\r\x00\xff"
	payload := claimsAt(noon, map[string]any{"given_name": nil, "family_name": nil, "preferred_username": nil, "token_type": nil})
	for _, s := range []signer{rsaSigner(), ecSigner(), edSigner()} {
		t.Run(s.alg, func(t *testing.T) {
			t.Parallel()
			v := newIssuer(rsaSigner(), ecSigner(), edSigner()).verifier(t, atNoon())
			good := s.sign("at+jwt", payload, nil)
			wantGood(t, v, good)
			signature := strings.LastIndexByte(good, '.')
			for i := range good {
				for n := range alphabet {
					if alphabet[n] == good[i] || i < signature && (n+i)%stride != 0 {
						continue
					}
					bad := good[:i] + alphabet[n:n+1] + good[i+1:]
					if token, err := v.Verify(t.Context(), bad); err == nil || token != nil {
						t.Fatalf("character %d of %d, %q for %q: accepted", i, len(good), alphabet[n], good[i])
					}
				}
			}
			for i := range good { // one character less, one more
				for _, bad := range []string{good[:i] + good[i+1:], good[:i] + "A" + good[i:]} {
					if _, err := v.Verify(t.Context(), bad); err == nil && bad != good {
						t.Fatalf("character %d dropped or doubled: accepted", i)
					}
				}
			}
		})
	}
}
