package verify

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// greet is the protected handler of the tests.
var greet = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	t, ok := FromContext(r.Context())
	if !ok {
		http.Error(w, "no token", http.StatusInternalServerError)
		return
	}
	fmt.Fprint(w, t.Subject)
})

func call(h http.Handler, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	change(r)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestHandlerAnswers: RFC 6750 sections 2.1, 3 and 3.1; RFC 9728 section 5.1.
func TestHandlerAnswers(t *testing.T) {
	s := edSigner()
	good := s.token(noon)
	narrow := s.sign("at+jwt", claimsAt(noon, map[string]any{"scope": "read"}), nil)
	expired := s.sign("at+jwt", claimsAt(noon, map[string]any{"exp": noon.Unix()}), nil)
	elsewhere := s.sign("at+jwt", claimsAt(noon, map[string]any{"aud": "other"}), nil)
	invalid := func(description string) string {
		return `Bearer realm="api", error="invalid_token", error_description="` + description + `"`
	}
	malformed := `Bearer realm="api", error="invalid_request", error_description="one Authorization header with one bearer token is needed"`
	header := func(values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header["Authorization"] = values }
	}
	tests := []struct {
		name      string
		change    func(*http.Request)
		status    int
		challenge string
	}{
		{"good", header("Bearer " + good), 200, ""},
		{"scheme in lower case", header("bearer " + good), 200, ""},
		{"several blanks", header("Bearer  \t " + good), 200, ""},
		{"no header", func(*http.Request) {}, 401, `Bearer realm="api"`},
		{"empty header", header(""), 401, `Bearer realm="api"`},
		{"other scheme", header("Basic " + good), 401, `Bearer realm="api"`},
		{"bare token", header(good), 401, `Bearer realm="api"`},
		{"scheme with a suffix", header("Bearers " + good), 401, `Bearer realm="api"`},
		{"token in the query", func(r *http.Request) { r.URL.RawQuery = "access_token=" + good }, 401, `Bearer realm="api"`},
		{"token in a cookie", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "access_token", Value: good}) }, 401, `Bearer realm="api"`},
		{"token in the body", func(r *http.Request) {
			*r = *httptest.NewRequest(http.MethodPost, "/", strings.NewReader("access_token="+good))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}, 401, `Bearer realm="api"`},
		{"two headers", header("Bearer "+good, "Bearer "+good), 400, malformed},
		{"two headers, one of them empty", header("Bearer "+good, ""), 400, malformed},
		{"two tokens", header("Bearer " + good + " " + good), 400, malformed},
		{"list", header("Bearer " + good + ", Bearer " + good), 400, malformed},
		{"no token", header("Bearer"), 400, malformed},
		{"rubbish", header("Bearer rubbish"), 401, invalid("the token is invalid")},
		{"expired", header("Bearer " + expired), 401, invalid("the token is expired")},
		{"for another resource", header("Bearer " + elsewhere), 401, invalid("the token was issued for another resource")},
		{"refresh token", header("Bearer " + s.sign("rt+jwt", claimsAt(noon, nil), nil)), 401, invalid("the token is not an access token")},
		{"scope missing", header("Bearer " + narrow), 403,
			`Bearer realm="api", error="insufficient_scope", error_description="the token lacks a scope", scope="read write"`},
	}
	h := newIssuer(s).verifier(t, atNoon()).RequireScope("read").RequireScope("write").Handler(greet)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := call(h, test.change)
			if w.Code != test.status || w.Header().Get("WWW-Authenticate") != test.challenge {
				t.Errorf("answer = %d, challenge %q; want %d, %q", w.Code, w.Header().Get("WWW-Authenticate"), test.status, test.challenge)
			}
			if test.status == 200 && w.Body.String() != "u-1" {
				t.Errorf("body = %q; want the handler's", w.Body)
			}
		})
	}
}

func TestRequireScopeLeavesTheOriginalAlone(t *testing.T) {
	s := edSigner()
	v := newIssuer(s).verifier(t, atNoon())
	read := v.RequireScope("read")
	wantErr(t, read.RequireScope("admin"), s.token(noon), ErrScope)
	wantErr(t, read.RequireScope("writ"), s.token(noon), ErrScope)
	wantGood(t, read, s.token(noon))
	wantGood(t, v, s.token(noon))
}

func TestHandlerWithoutKeys(t *testing.T) {
	issuer := newIssuer(edSigner())
	issuer.down = true
	w := call(issuer.verifier(t, atNoon()).Handler(greet), func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+edSigner().token(noon))
	})
	if w.Code != 503 || w.Header().Get("Retry-After") != "5" || w.Header().Get("WWW-Authenticate") != "" {
		t.Errorf("answer = %d %v; want 503 with Retry-After and no challenge", w.Code, w.Header())
	}
	if strings.Contains(w.Body.String(), "refused") {
		t.Errorf("body tells of the inside: %s", w.Body)
	}
}

func TestChallengeNamesMetadata(t *testing.T) {
	v := newIssuer(edSigner()).verifier(t, Realm("hall"), ResourceMetadata("https://api.example.com/.well-known/oauth-protected-resource"))
	w := call(v.Handler(greet), func(*http.Request) {})
	want := `Bearer realm="hall", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"`
	if got := w.Header().Get("WWW-Authenticate"); got != want {
		t.Errorf("challenge = %q; want %q", got, want)
	}
}

func TestOnErrorWritesTheAnswer(t *testing.T) {
	v := newIssuer(edSigner()).verifier(t, OnError(func(w http.ResponseWriter, _ *http.Request, err error) {
		if !errors.Is(err, ErrNoToken) {
			t.Errorf("err = %v; want %v", err, ErrNoToken)
		}
		w.WriteHeader(http.StatusTeapot)
	}))
	w := call(v.Handler(greet), func(*http.Request) {})
	if w.Code != http.StatusTeapot || len(w.Header()) != 0 {
		t.Errorf("answer = %d %v; want what OnError wrote", w.Code, w.Header())
	}
}

func TestRefuseOfAForeignError(t *testing.T) {
	w := httptest.NewRecorder()
	newIssuer(edSigner()).verifier(t).Refuse(w, httptest.NewRequest("GET", "/", nil), errors.New("disk full"))
	if w.Code != 500 || strings.Contains(w.Body.String(), "disk") {
		t.Errorf("answer = %d %s; want 500 without the text", w.Code, w.Body)
	}
}

// TestEveryErrorHasARefusal reads errors.go, so that a new error can't be answered 500 by oversight.
func TestEveryErrorHasARefusal(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := 0
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			declared += len(spec.Names)
		}
		return true
	})
	if declared != len(refusals) {
		t.Errorf("%d errors are declared, %d have a refusal", declared, len(refusals))
	}
}
