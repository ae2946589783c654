package ginverify

import (
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-jose/go-jose/v4"

	"keyturn/verify"
)

// setUp returns a Gin engine behind the middleware, and a good token.
func setUp(t *testing.T) (http.Handler, string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	jwks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
			{Key: public, KeyID: "k", Algorithm: "EdDSA", Use: "sig"},
		}}); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(jwks.Close)
	v, err := verify.New("https://id.example.com", verify.Audience("api"), verify.JWKSURL(jwks.URL))
	if err != nil {
		t.Fatal(err)
	}
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.GET("/", Handler(v), func(c *gin.Context) {
		token, ok := Token(c)
		if !ok {
			t.Error("the handler finds no token")
			return
		}
		if same, ok := verify.FromContext(c.Request.Context()); !ok || same != token {
			t.Error("verify.FromContext finds another token")
		}
		c.String(http.StatusOK, token.Subject)
	})
	return engine, mint(t, private)
}

func mint(t *testing.T, key ed25519.PrivateKey) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: key},
		(&jose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", "k"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	payload, err := json.Marshal(map[string]any{
		"iss": "https://id.example.com", "sub": "u-1", "aud": "api", "client_id": "c", "jti": "j", "iat": now, "exp": now + 300,
	})
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

func TestHandler(t *testing.T) {
	engine, good := setUp(t)
	for _, test := range []struct {
		authorization, challenge string
		status                   int
		body                     string
	}{
		{"Bearer " + good, "", 200, "u-1"},
		{"", `Bearer realm="api"`, 401, ""},
		{"Bearer " + good[:len(good)-1], `Bearer realm="api", error="invalid_token", error_description="the token is invalid"`, 401,
			`{"error":"invalid_token","error_description":"the token is invalid"}` + "\n"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", test.authorization)
		w := httptest.NewRecorder()
		engine.ServeHTTP(w, r)
		if w.Code != test.status || w.Header().Get("WWW-Authenticate") != test.challenge || w.Body.String() != test.body {
			t.Errorf("%.20q: %d, %q, %q; want %d, %q, %q", test.authorization,
				w.Code, w.Header().Get("WWW-Authenticate"), w.Body, test.status, test.challenge, test.body)
		}
	}
}
