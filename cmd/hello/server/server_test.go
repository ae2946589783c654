package server

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const issuer = "https://id.example.com"

// provider publishes one key and signs with it.
type provider struct {
	private ed25519.PrivateKey
	jwks    *httptest.Server
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public, KeyID: "k", Algorithm: "EdDSA", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	jwks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := w.Write(body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(jwks.Close)
	return &provider{private: private, jwks: jwks}
}

// token signs the tutorial user's claims with some changed; nil removes one.
func (p *provider) token(t *testing.T, typ string, change map[string]any) string {
	t.Helper()
	now := time.Now().Unix()
	claims := map[string]any{
		"iss": issuer, "sub": "u-1", "aud": "api", "client_id": "token-pair", "jti": "j", "iat": now, "exp": now + 300,
		"token_type": "access", "user_id": "u-1", "given_name": "Peter", "family_name": "Parker", "preferred_username": "spiderman",
	}
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: p.private},
		(&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("kid", "k"))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func newServer(t *testing.T, cfg Config) http.Handler {
	t.Helper()
	cfg.Issuer, cfg.Audience = issuer, "api"
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func do(h http.Handler, method, path string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	maps.Copy(r.Header, header)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func authorization(values ...string) http.Header { return http.Header{"Authorization": values} }

// same compares JSON without regard to the order of keys.
func same(t *testing.T, got, want string) bool {
	t.Helper()
	var a, b any
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	return json.Unmarshal([]byte(got), &a) == nil && reflect.DeepEqual(a, b)
}

func tokenError(message string) string {
	return `{"detail":"Given token not valid for any token type","code":"token_not_valid",
		"messages":[{"token_class":"AccessToken","token_type":"access","message":"` + message + `"}]}`
}

const (
	peter         = `{"msg":"Hello Peter Parker"}`
	noCredentials = `{"detail":"Authentication credentials were not provided."}`
	badHeader     = `{"detail":"Authorization header must contain two space-delimited values","code":"bad_authorization_header"}`
	noUser        = `{"detail":"Token contained no recognizable user identification","code":"token_not_valid"}`
)

// TestContract is the resource server's table of the SimpleJWT contract.
func TestContract(t *testing.T) {
	p := newProvider(t)
	h := newServer(t, Config{JWKSURL: p.jwks.URL})
	good := p.token(t, "at+jwt", nil)
	parts := strings.Split(good, ".")
	altered := func(text string) string { // one character in the middle
		i := len(text) / 2
		return text[:i] + string('A'+(text[i]-'A'+1)%26) + text[i+1:]
	}
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt","kid":"k"}`))
	invalid := tokenError("Token is invalid")
	tests := []struct {
		name   string
		method string
		path   string
		header http.Header
		status int
		body   string
	}{
		{"good", "GET", "/api/hello/", authorization("Bearer " + good), 200, peter},
		{"good, no slash", "GET", "/api/hello", authorization("Bearer " + good), 200, peter},
		{"bearer", "GET", "/api/hello/", authorization("bearer " + good), 200, peter},
		{"BEARER", "GET", "/api/hello/", authorization("BEARER " + good), 200, peter},
		{"several blanks", "GET", "/api/hello/", authorization("Bearer   " + good), 200, peter},
		{"no header", "GET", "/api/hello/", nil, 401, noCredentials},
		{"empty header", "GET", "/api/hello/", authorization(""), 401, noCredentials},
		{"Basic", "GET", "/api/hello/", authorization("Basic " + good), 401, noCredentials},
		{"Token", "GET", "/api/hello/", authorization("Token " + good), 401, noCredentials},
		{"JWT", "GET", "/api/hello/", authorization("JWT " + good), 401, noCredentials},
		{"bare token", "GET", "/api/hello/", authorization(good), 401, noCredentials},
		{"Bearer alone", "GET", "/api/hello/", authorization("Bearer"), 401, badHeader},
		{"two values", "GET", "/api/hello/", authorization("Bearer " + good + " x"), 401, badHeader},
		{"two headers", "GET", "/api/hello/", authorization("Bearer "+good, "Bearer "+good), 401, badHeader},
		{"in the query", "GET", "/api/hello/?access_token=" + good + "&token=" + good, nil, 401, noCredentials},
		{"in a cookie", "GET", "/api/hello/", http.Header{"Cookie": {"access=" + good}}, 401, noCredentials},
		{"refresh token", "GET", "/api/hello/", authorization("Bearer " + p.token(t, "rt+jwt", map[string]any{"token_type": "refresh", "aud": issuer})), 401, tokenError("Token has wrong type")},
		{"token_type refresh", "GET", "/api/hello/", authorization("Bearer " + p.token(t, "at+jwt", map[string]any{"token_type": "refresh"})), 401, tokenError("Token has wrong type")},
		{"expired", "GET", "/api/hello/", authorization("Bearer " + p.token(t, "at+jwt", map[string]any{"exp": time.Now().Unix() - 1})), 401, tokenError("Token is expired")},
		{"rubbish", "GET", "/api/hello/", authorization("Bearer rubbish"), 401, invalid},
		{"header altered", "GET", "/api/hello/", authorization("Bearer " + altered(parts[0]) + "." + parts[1] + "." + parts[2]), 401, invalid},
		{"payload altered", "GET", "/api/hello/", authorization("Bearer " + parts[0] + "." + altered(parts[1]) + "." + parts[2]), 401, invalid},
		{"signature altered", "GET", "/api/hello/", authorization("Bearer " + parts[0] + "." + parts[1] + "." + altered(parts[2])), 401, invalid},
		{"alg none", "GET", "/api/hello/", authorization("Bearer " + none + "." + parts[1] + "."), 401, invalid},
		{"non-ASCII", "GET", "/api/hello/", authorization("Bearer tokén"), 401, invalid},
		{"another audience", "GET", "/api/hello/", authorization("Bearer " + p.token(t, "at+jwt", map[string]any{"aud": "other"})), 401, invalid},
		{"another provider's key", "GET", "/api/hello/", authorization("Bearer " + newProvider(t).token(t, "at+jwt", nil)), 401, invalid},
		{"no user_id", "GET", "/api/hello/", authorization("Bearer " + p.token(t, "at+jwt", map[string]any{"user_id": nil})), 401, noUser},
		{"POST", "POST", "/api/hello/", authorization("Bearer " + good), 405, `{"detail":"Method \"POST\" not allowed."}`},
		{"POST, no token", "POST", "/api/hello/", nil, 401, noCredentials},
		{"OPTIONS, no token", "OPTIONS", "/api/hello/", nil, 401, noCredentials},
		{"health", "GET", "/healthz", nil, 200, `{"status":"ok"}`},
		{"elsewhere", "GET", "/api/", nil, 404, `{"detail":"Not found."}`},
		{"below", "GET", "/api/hello/x", authorization("Bearer " + good), 404, `{"detail":"Not found."}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := do(h, test.method, test.path, test.header)
			if w.Code != test.status || !same(t, w.Body.String(), test.body) {
				t.Errorf("answer = %d %s; want %d %s", w.Code, w.Body, test.status, test.body)
			}
			challenge := ""
			if test.status == 401 {
				challenge = `Bearer realm="api"`
			}
			if got := w.Header().Get("WWW-Authenticate"); got != challenge {
				t.Errorf("challenge = %q; want %q", got, challenge)
			}
			if got := w.Header().Get("Content-Type"); got != "application/json" {
				t.Errorf("content type = %q", got)
			}
		})
	}
}

func TestNameFallsBack(t *testing.T) {
	p := newProvider(t)
	h := newServer(t, Config{JWKSURL: p.jwks.URL})
	for want, change := range map[string]map[string]any{
		"Hello Peter":     {"family_name": nil},
		"Hello Parker":    {"given_name": nil},
		"Hello spiderman": {"given_name": nil, "family_name": nil},
		"Hello u-1":       {"given_name": nil, "family_name": nil, "preferred_username": nil},
	} {
		w := do(h, "GET", "/api/hello/", authorization("Bearer "+p.token(t, "at+jwt", change)))
		if !same(t, w.Body.String(), `{"msg":"`+want+`"}`) {
			t.Errorf("body = %s; want %s", w.Body, want)
		}
	}
}

// TestWithoutKeys: nobody may be signed out because the provider is away.
func TestWithoutKeys(t *testing.T) {
	p := newProvider(t)
	h := newServer(t, Config{JWKSURL: p.jwks.URL})
	p.jwks.Close()
	w := do(h, "GET", "/api/hello/", authorization("Bearer "+p.token(t, "at+jwt", nil)))
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || !strings.HasPrefix(w.Body.String(), `{"detail":`) {
		t.Errorf("answer = %d %v %s; want 503 with Retry-After and detail", w.Code, w.Header(), w.Body)
	}
	if w := do(h, "GET", "/api/hello/", nil); w.Code != 401 {
		t.Errorf("without a token: %d; want 401", w.Code)
	}
	if w := do(h, "GET", "/healthz", nil); w.Code != 200 {
		t.Errorf("health: %d; want 200", w.Code)
	}
}

// TestCORS: preflights need no credentials, errors can be read, foreign origins get nothing.
func TestCORS(t *testing.T) {
	const app = "https://app.example.com"
	p := newProvider(t)
	h := newServer(t, Config{JWKSURL: p.jwks.URL, CORSOrigins: []string{app}})
	preflight := func(origin string) http.Header {
		return http.Header{"Origin": {origin}, "Access-Control-Request-Method": {"GET"}, "Access-Control-Request-Headers": {"authorization"}}
	}
	w := do(h, "OPTIONS", "/api/hello/", preflight(app))
	if w.Code != 204 || w.Header().Get("Access-Control-Allow-Origin") != app ||
		!strings.Contains(w.Header().Get("Access-Control-Allow-Headers"), "authorization") ||
		!strings.Contains(w.Header().Get("Access-Control-Allow-Methods"), "GET") {
		t.Errorf("preflight = %d %v", w.Code, w.Header())
	}
	for _, foreign := range []string{"https://evil.example", app + ".evil.example", "http://app.example.com", "null", ""} {
		w := do(h, "OPTIONS", "/api/hello/", preflight(foreign))
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != "" || w.Code != 401 {
			t.Errorf("preflight from %q = %d, allowed %q", foreign, w.Code, got)
		}
	}
	w = do(h, "GET", "/api/hello/", http.Header{"Origin": {app}})
	if w.Code != 401 || w.Header().Get("Access-Control-Allow-Origin") != app || w.Header().Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("error answer = %d %v; want 401 that the front-end may read", w.Code, w.Header())
	}
}

func TestNewRefusesBadSettings(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no audience":     {Issuer: issuer},
		"no issuer":       {Audience: "api"},
		"plain http":      {Issuer: "http://id.example.com", Audience: "api"},
		"any origin":      {Issuer: issuer, Audience: "api", CORSOrigins: []string{"*"}},
		"origin and path": {Issuer: issuer, Audience: "api", CORSOrigins: []string{"https://app.example.com/"}},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: New accepted it", name)
		}
	}
}
