package web_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"keyturn/api/apitest"
	"keyturn/issuer/oauth"
)

type signingKey struct {
	*ecdsa.PrivateKey
	t *testing.T
}

func newSigningKey(t *testing.T) signingKey {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signingKey{private, t}
}

func (k signingKey) jwks() json.RawMessage {
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: k.Public(), Use: "sig", Algorithm: "ES256"}}})
	if err != nil {
		k.t.Fatal(err)
	}
	return text
}

// sign makes a JWT, of the type typ unless that is empty.
func (k signingKey) sign(claims map[string]any, typ string) string {
	options := &jose.SignerOptions{}
	if typ != "" {
		options = options.WithType(jose.ContentType(typ))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: k.PrivateKey}, options)
	if err != nil {
		k.t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		k.t.Fatal(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		k.t.Fatal(err)
	}
	raw, err := signed.CompactSerialize()
	if err != nil {
		k.t.Fatal(err)
	}
	return raw
}

// TestRequestObject: OIDC Core section 6.1, RFC 9101 sections 4, 6.3 and 10.8. What is signed goes before what
// stands in the query.
func TestRequestObject(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	key, foreign := newSigningKey(t), newSigningKey(t)
	m := apitest.WebApp()
	m.AuthMethod, m.JWKS = oauth.AuthPrivateKeyJWT, key.jwks()
	apitest.Register(t, s, "orders", m)
	apitest.Register(t, s, "keyless", apitest.WebApp())
	b := apitest.NewBrowser(t, s)
	object := func(more map[string]any) map[string]any {
		claims := map[string]any{
			"iss": "orders", "aud": s.URL, "client_id": "orders", "response_type": "code", "redirect_uri": apitest.Callback,
			"scope": "openid", "state": "inside", "max_age": 10000, "exp": s.Now().Add(time.Minute).Unix(),
			"claims":         map[string]any{"userinfo": map[string]any{"name": nil}},
			"code_challenge": apitest.ChallengeOf(apitest.Verifier), "code_challenge_method": "S256",
		}
		maps.Copy(claims, more)
		return claims
	}
	p := b.SignIn(apitest.Request("orders", "request", key.sign(object(nil), "oauth-authz-req+jwt"), "state", "outside", "response_mode", ""), "spiderman", apitest.Password)
	if u, _ := url.Parse(p.Location); u.Query().Get("state") != "inside" || u.Query().Get("code") == "" {
		t.Errorf("the signed state must count: %s", p.Location)
	}
	// RFC 9101 section 5: client_id and request are enough.
	p = b.Authorize(url.Values{"client_id": {"orders"}, "request": {key.sign(object(nil), "")}})
	apitest.CodeFrom(t, p)
	for name, of := range map[string]struct {
		client, object, want string
	}{
		"another key":            {"orders", foreign.sign(object(nil), ""), "invalid_request_object"},
		"unsigned":               {"orders", unsigned(object(nil)), "invalid_request_object"},
		"a client without keys":  {"keyless", key.sign(object(map[string]any{"iss": "keyless", "client_id": "keyless"}), ""), "invalid_request_object"},
		"another issuer":         {"orders", key.sign(object(map[string]any{"iss": "keyless"}), ""), "invalid_request_object"},
		"another client_id":      {"orders", key.sign(object(map[string]any{"client_id": "keyless"}), ""), "invalid_request_object"},
		"another audience":       {"orders", key.sign(object(map[string]any{"aud": "https://other.example"}), ""), "invalid_request_object"},
		"expired":                {"orders", key.sign(object(map[string]any{"exp": s.Now().Add(-2 * time.Minute).Unix()}), ""), "invalid_request_object"},
		"not valid yet":          {"orders", key.sign(object(map[string]any{"nbf": s.Now().Add(time.Hour).Unix()}), ""), "invalid_request_object"},
		"a client assertion":     {"orders", key.sign(object(map[string]any{"sub": "orders"}), ""), "invalid_request_object"},
		"another type":           {"orders", key.sign(object(nil), "at+jwt"), "invalid_request_object"},
		"an object in an object": {"orders", key.sign(object(map[string]any{"request": "x"}), ""), "invalid_request_object"},
		"bad parameters inside":  {"orders", key.sign(object(map[string]any{"prompt": "none login"}), ""), "invalid_request"},
	} {
		p := b.Authorize(apitest.Request(of.client, "request", of.object))
		if u, _ := url.Parse(p.Location); u.Query().Get("error") != of.want || !strings.HasPrefix(p.Location, apitest.Callback) {
			t.Errorf("%s: %d to %q, want %s", name, p.Status, p.Location, of.want)
		}
	}
	// A redirect URI that only the object names, and that is not registered, is a page.
	p = b.Authorize(url.Values{"client_id": {"orders"}, "request": {key.sign(object(map[string]any{"redirect_uri": "https://evil.example/"}), "")}})
	if p.Status != http.StatusBadRequest || p.Location != "" {
		t.Errorf("an unregistered redirect URI inside: %d to %q", p.Status, p.Location)
	}
	p = b.Authorize(url.Values{"client_id": {"orders"}, "request": {foreign.sign(object(nil), "")}})
	if p.Status != http.StatusBadRequest || p.Location != "" {
		t.Errorf("a forged object without anything beside it: %d to %q", p.Status, p.Location)
	}
}

func unsigned(claims map[string]any) string {
	text, _ := json.Marshal(claims)
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(text) + "."
}

// TestRequestURI: OIDC Core section 6.2; fetched without its fragment, which is part of what is registered, and
// nothing else ever is (RFC 9101 section 10.4).
func TestRequestURI(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	key := newSigningKey(t)
	var fetched atomic.Int64
	object := key.sign(map[string]any{
		"iss": "orders", "aud": s.URL, "client_id": "orders", "response_type": "code", "redirect_uri": apitest.Callback, "scope": "openid", "state": "inside",
		"code_challenge": apitest.ChallengeOf(apitest.Verifier), "code_challenge_method": "S256",
	}, "")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fetched.Add(1)
		if r.Method != http.MethodGet || strings.Contains(r.RequestURI, "#") {
			t.Errorf("%s %s", r.Method, r.RequestURI)
		}
		_, _ = w.Write([]byte(object))
	}))
	defer server.Close()
	sum := sha256.Sum256([]byte(object))
	registered := server.URL + "/request#" + base64.RawURLEncoding.EncodeToString(sum[:])
	m := apitest.WebApp()
	m.AuthMethod, m.JWKS, m.RequestURIs = oauth.AuthPrivateKeyJWT, key.jwks(), []string{registered}
	apitest.Register(t, s, "orders", m)
	b := apitest.NewBrowser(t, s)
	p := b.SignIn(url.Values{"client_id": {"orders"}, "request_uri": {registered}}, "spiderman", apitest.Password)
	if u, _ := url.Parse(p.Location); u.Query().Get("state") != "inside" || u.Query().Get("code") == "" {
		t.Errorf("got %s", p.Location)
	}
	before := fetched.Load()
	for _, uri := range []string{server.URL + "/request", server.URL + "/other", registered + "x", "http://169.254.169.254/", "file:///etc/passwd"} {
		p := b.Authorize(apitest.Request("orders", "request_uri", uri))
		if u, _ := url.Parse(p.Location); u.Query().Get("error") != "invalid_request_uri" {
			t.Errorf("%s: %d to %q", uri, p.Status, p.Location)
		}
	}
	if n := fetched.Load() - before; n != 0 {
		t.Errorf("%d fetches of what is not registered", n)
	}
}
