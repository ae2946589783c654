package verify

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	issuerURL     = "https://id.example.com"
	jwksPath      = "/.well-known/jwks.json"
	discoveryPath = "/.well-known/openid-configuration"
)

// signer is a key of the test issuer.
type signer struct {
	kid, alg string
	private  any
	public   any
}

func newSigner(alg, kid string) signer {
	switch alg {
	case "ES256":
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(err)
		return signer{kid, alg, k, k.Public()}
	case "EdDSA":
		pub, k, err := ed25519.GenerateKey(rand.Reader)
		must(err)
		return signer{kid, alg, k, pub}
	}
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	return signer{kid, alg, k, k.Public()}
}

// The keys that most tests share; making an RSA key is slow.
var (
	rsaSigner = sync.OnceValue(func() signer { return newSigner("RS256", "rsa-1") })
	ecSigner  = sync.OnceValue(func() signer { return newSigner("ES256", "ec-1") })
	edSigner  = sync.OnceValue(func() signer { return newSigner("EdDSA", "ed-1") })
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func (s signer) jwk() jose.JSONWebKey {
	return jose.JSONWebKey{Key: s.public, KeyID: s.kid, Algorithm: s.alg, Use: "sig"}
}

// sign signs any payload with go-jose; header adds to kid, alg and typ.
func (s signer) sign(typ, payload string, header map[string]any) string {
	opts := (&jose.SignerOptions{}).WithHeader("kid", s.kid)
	if typ != "" {
		opts = opts.WithType(jose.ContentType(typ))
	}
	for name, value := range header {
		opts = opts.WithHeader(jose.HeaderKey(name), value)
	}
	joseSigner, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(s.alg), Key: s.private}, opts)
	must(err)
	signed, err := joseSigner.Sign([]byte(payload))
	must(err)
	raw, err := signed.CompactSerialize()
	must(err)
	return raw
}

// token is a good access token for the audience "api", issued at now.
func (s signer) token(now time.Time) string {
	return s.sign("at+jwt", claimsAt(now, nil), nil)
}

// forge signs any header text with an Ed25519 key, for headers that go-jose would not write.
func (s signer) forge(header, payload string) string {
	input := b64(header) + "." + b64(payload)
	return input + "." + b64(string(ed25519.Sign(s.private.(ed25519.PrivateKey), []byte(input))))
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// claimsAt are good claims with some changed; nil removes one.
func claimsAt(now time.Time, change map[string]any) string {
	c := map[string]any{
		"iss": issuerURL, "sub": "u-1", "aud": "api", "client_id": "token-pair", "jti": "j-1",
		"iat": now.Unix(), "exp": now.Unix() + 300, "scope": "read write", "token_type": "access",
		"user_id": "u-1", "given_name": "Peter", "family_name": "Parker", "preferred_username": "spiderman",
	}
	maps.Copy(c, change)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	text, err := json.Marshal(c)
	must(err)
	return string(text)
}

// testIssuer is an issuer on the other side of an http.RoundTripper: no network, so it works in a
// synctest bubble, and nothing in a test can reach anything else.
type testIssuer struct {
	mu      sync.Mutex // guards everything below
	keys    []jose.JSONWebKey
	down    bool
	gate    chan struct{} // if not nil, requests wait until it is closed
	hits    map[string]int
	answers map[string]http.HandlerFunc // path to answer, before the usual ones
	maxAge  string
	etag    string
}

func newIssuer(signers ...signer) *testIssuer {
	i := &testIssuer{hits: map[string]int{}, answers: map[string]http.HandlerFunc{}, maxAge: "max-age=300"}
	i.publish(signers...)
	return i
}

func (i *testIssuer) publish(signers ...signer) {
	i.set(func() {
		i.keys = nil
		for _, s := range signers {
			i.keys = append(i.keys, s.jwk())
		}
	})
}

func (i *testIssuer) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

func (i *testIssuer) count(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.hits[path]
}

// paths are those that were asked for, sorted.
func (i *testIssuer) paths() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Sorted(maps.Keys(i.hits))
}

// RoundTrip answers a request without a network.
func (i *testIssuer) RoundTrip(r *http.Request) (*http.Response, error) {
	i.mu.Lock()
	i.hits[r.URL.Path]++
	gate := i.gate
	i.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-r.Context().Done():
			return nil, context.Cause(r.Context())
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.down {
		return nil, errors.New("connection refused")
	}
	rec := httptest.NewRecorder()
	i.serve(rec, r)
	res := rec.Result()
	res.Request = r
	return res, nil
}

func (i *testIssuer) serve(w http.ResponseWriter, r *http.Request) {
	if answer := i.answers[r.URL.Path]; answer != nil {
		answer(w, r)
		return
	}
	switch r.URL.Path {
	case discoveryPath:
		must(json.NewEncoder(w).Encode(map[string]string{"issuer": issuerURL, "jwks_uri": issuerURL + jwksPath}))
	case jwksPath:
		w.Header().Set("Cache-Control", i.maxAge)
		if i.etag != "" {
			w.Header().Set("ETag", i.etag)
			if r.Header.Get("If-None-Match") == i.etag {
				w.WriteHeader(http.StatusNotModified)
				return
			}
		}
		must(json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: i.keys}))
	default:
		http.NotFound(w, r)
	}
}

// verifier is one for the audience "api" that talks to i.
func (i *testIssuer) verifier(t testing.TB, opts ...Option) *Verifier {
	t.Helper()
	v, err := New(issuerURL, append([]Option{Audience("api"), HTTPClient(&http.Client{Transport: i})}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// noon is the time of the tests that need none in particular.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func atNoon() Option { return Now(func() time.Time { return noon }) }

// wantErr fails unless Verify refuses raw with the error, and returns no token beside it.
func wantErr(t *testing.T, v *Verifier, raw string, want error) {
	t.Helper()
	token, err := v.Verify(t.Context(), raw)
	if !errors.Is(err, want) || token != nil {
		t.Errorf("Verify = %v, %v; want no token and %v", token, err, want)
	}
}

func wantGood(t *testing.T, v *Verifier, raw string) *Token {
	t.Helper()
	token, err := v.Verify(t.Context(), raw)
	if err != nil {
		t.Fatalf("Verify = %v; want a token", err)
	}
	return token
}
