package verify

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestFreshness: RFC 9111 sections 4.2 and 5.2.2, within our bounds.
func TestFreshness(t *testing.T) {
	tests := []struct {
		cacheControl, age string
		want              time.Duration
	}{
		{"", "", defaultFresh},
		{"max-age=300", "", 5 * time.Minute},
		{"public, max-age=600, immutable", "", 10 * time.Minute},
		{"Public,Max-Age=600", "", 10 * time.Minute},
		{`max-age="600"`, "", 10 * time.Minute},
		{"max-age=600", "60", 9 * time.Minute},
		{"max-age=600", "9999", minFresh},
		{"max-age=0", "", minFresh},
		{"max-age=1", "", minFresh},
		{"no-cache", "", minFresh},
		{"max-age=600, no-store", "", minFresh},
		{"max-age=31536000", "", maxFresh},
		{"max-age=99999999999999999999", "", defaultFresh},
		{"max-age=-1", "", defaultFresh},
		{"max-age=soon", "later", defaultFresh},
		{"s-maxage=7", "", defaultFresh},
	}
	for _, test := range tests {
		h := http.Header{"Cache-Control": {test.cacheControl}, "Age": {test.age}}
		if got := freshness(h); got != test.want {
			t.Errorf("freshness(%q, age %q) = %s; want %s", test.cacheControl, test.age, got, test.want)
		}
	}
}

// TestDiscoveryURLs: OIDC Discovery section 4, RFC 8414 section 3.
func TestDiscoveryURLs(t *testing.T) {
	for issuer, want := range map[string][2]string{
		"https://id.example.com":        {"https://id.example.com/.well-known/openid-configuration", "https://id.example.com/.well-known/oauth-authorization-server"},
		"https://id.example.com/":       {"https://id.example.com/.well-known/openid-configuration", "https://id.example.com/.well-known/oauth-authorization-server"},
		"https://example.com:8443/a/b":  {"https://example.com:8443/a/b/.well-known/openid-configuration", "https://example.com:8443/.well-known/oauth-authorization-server/a/b"},
		"https://example.com:8443/a/b/": {"https://example.com:8443/a/b/.well-known/openid-configuration", "https://example.com:8443/.well-known/oauth-authorization-server/a/b"},
	} {
		if openid, oauth := discoveryURLs(issuer); [2]string{openid, oauth} != want {
			t.Errorf("discoveryURLs(%s) = %s, %s; want %s", issuer, openid, oauth, want)
		}
	}
}

func answerWith(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func TestDiscoveryFallsBackToOAuthMetadata(t *testing.T) {
	issuer := newIssuer(edSigner())
	issuer.answers[discoveryPath] = http.NotFound
	issuer.answers["/.well-known/oauth-authorization-server"] =
		answerWith(200, `{"issuer":"`+issuerURL+`","jwks_uri":"`+issuerURL+jwksPath+`"}`)
	wantGood(t, issuer.verifier(t, atNoon()), edSigner().token(noon))
}

// TestBadDiscoveryGivesNoKeys: RFC 8414 section 3.3 (issuer must be identical) and our rule for URLs.
func TestBadDiscoveryGivesNoKeys(t *testing.T) {
	doc := func(issuer, uri string) string { return `{"issuer":"` + issuer + `","jwks_uri":"` + uri + `"}` }
	for name, body := range map[string]string{
		"other issuer":       doc("https://evil.example", issuerURL+jwksPath),
		"issuer and a slash": doc(issuerURL+"/", issuerURL+jwksPath),
		"no issuer":          `{"jwks_uri":"` + issuerURL + jwksPath + `"}`,
		"no jwks_uri":        `{"issuer":"` + issuerURL + `"}`,
		"issuer twice":       `{"issuer":"https://evil.example","issuer":"` + issuerURL + `","jwks_uri":"` + issuerURL + jwksPath + `"}`,
		"plain http":         doc(issuerURL, "http://id.example.com"+jwksPath),
		"file":               doc(issuerURL, "file:///etc/keys.json"),
		"user in the URL":    doc(issuerURL, "https://a:b@id.example.com"+jwksPath),
		"not JSON":           "<html>",
		"too long":           doc(issuerURL, issuerURL+jwksPath) + strings.Repeat(" ", maxBody),
	} {
		t.Run(name, func(t *testing.T) {
			issuer := newIssuer(edSigner())
			issuer.answers[discoveryPath] = answerWith(200, body)
			wantErr(t, issuer.verifier(t, atNoon()), edSigner().token(noon), ErrNoKeys)
			if got := issuer.count(jwksPath); got != 0 {
				t.Errorf("%d fetches of keys; want 0", got)
			}
		})
	}
}

func TestJWKSURLLeavesOutDiscovery(t *testing.T) {
	issuer := newIssuer(edSigner())
	v := issuer.verifier(t, atNoon(), JWKSURL("http://127.0.0.1:8080"+jwksPath))
	wantGood(t, v, edSigner().token(noon))
	if got := issuer.paths(); !slices.Equal(got, []string{jwksPath}) {
		t.Errorf("requested %q; want the JWKS alone", got)
	}
	wantErr(t, v, edSigner().sign("at+jwt", claimsAt(noon, map[string]any{"iss": "http://127.0.0.1:8080"}), nil), ErrIssuer)
}

func TestMovedJWKSIsDiscoveredAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := newIssuer(edSigner())
		issuer.etag = `"v1"`
		v := issuer.verifier(t)
		wantGood(t, v, edSigner().token(time.Now()))
		moved := newSigner("EdDSA", "ed-2")
		other := newIssuer(moved)
		other.etag = `"v1"` // an entity tag means something at its own address only
		issuer.set(func() {
			issuer.answers[jwksPath] = http.NotFound
			issuer.answers["/moved"] = other.serve
			issuer.answers[discoveryPath] = answerWith(200, `{"issuer":"`+issuerURL+`","jwks_uri":"`+issuerURL+`/moved"}`)
			other.answers["/moved"] = func(w http.ResponseWriter, r *http.Request) {
				r.URL.Path = jwksPath
				other.serve(w, r)
			}
		})
		wantErr(t, v, moved.token(time.Now()), ErrNoKeys) // the old address failed
		time.Sleep(time.Second)
		wantGood(t, v, moved.token(time.Now()))
	})
}

func TestRedirects(t *testing.T) {
	tests := []struct {
		to string
		ok bool
	}{
		{"/keys", true},
		{issuerURL + "/keys", true},
		{"https://evil.example/keys", false},
		{"https://id.example.com:8443/keys", false},
		{"http://id.example.com/keys", false},
		{jwksPath, false}, // for ever
	}
	for _, test := range tests {
		t.Run(test.to, func(t *testing.T) {
			issuer := newIssuer(edSigner())
			issuer.answers[jwksPath] = http.RedirectHandler(test.to, http.StatusFound).ServeHTTP
			issuer.answers["/keys"] = func(w http.ResponseWriter, r *http.Request) {
				r.URL.Path = jwksPath
				delete(issuer.answers, jwksPath)
				issuer.serve(w, r)
			}
			v := issuer.verifier(t, atNoon())
			if test.ok {
				wantGood(t, v, edSigner().token(noon))
				return
			}
			wantErr(t, v, edSigner().token(noon), ErrNoKeys)
			if got := issuer.count("/keys"); got != 0 {
				t.Errorf("followed to %s", test.to)
			}
		})
	}
}

func TestFailingJWKSGivesNoKeys(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"500":               answerWith(500, ""),
		"404":               answerWith(404, ""),
		"304 unasked":       answerWith(304, ""),
		"204":               answerWith(204, ""),
		"no usable key":     answerWith(200, `{"keys":[]}`),
		"longer than 1 MB":  answerWith(200, `{"keys":[]`+strings.Repeat(" ", maxBody)+`}`),
		"not even an array": answerWith(200, `{"keys":{}}`),
	} {
		t.Run(name, func(t *testing.T) {
			issuer := newIssuer(edSigner())
			issuer.answers[jwksPath] = answer
			wantErr(t, issuer.verifier(t, atNoon()), edSigner().token(noon), ErrNoKeys)
		})
	}
}

// TestOverTheNetwork plays the whole way once over real connections, by plain http on loopback.
func TestOverTheNetwork(t *testing.T) {
	issuer := newIssuer(rsaSigner())
	var base string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == discoveryPath {
			answerWith(200, `{"issuer":"`+base+`","jwks_uri":"`+base+jwksPath+`"}`)(w, r)
			return
		}
		issuer.serve(w, r)
	}))
	defer srv.Close()
	base = srv.URL
	v, err := New(base, Audience("api"), atNoon())
	if err != nil {
		t.Fatal(err)
	}
	wantGood(t, v, rsaSigner().sign("at+jwt", claimsAt(noon, map[string]any{"iss": base}), nil))
}

func TestCheckURL(t *testing.T) {
	for raw, want := range map[string]bool{
		"https://id.example.com":    true,
		"https://id.example.com/a":  true,
		"http://127.0.0.1:8080":     true,
		"http://[::1]:8080":         true,
		"http://localhost":          true,
		"http://id.example.com":     false,
		"http://localhost.evil.com": false,
		"http://127.0.0.1.evil.com": false,
		"http://10.0.0.1":           false,
		"ftp://id.example.com":      false,
		"id.example.com":            false,
		"https://":                  false,
		"https://a:b@example.com":   false,
		"https://example.com/#a":    false,
		"https://example.com/#":     false,
		"https:example.com":         false,
		"":                          false,
		"https://exa mple.com":      false,
	} {
		if err := checkURL(raw, false); (err == nil) != want {
			t.Errorf("checkURL(%q) = %v; want good: %v", raw, err, want)
		}
	}
	if err := checkURL("http://id.internal", true); err != nil {
		t.Errorf("insecure: %v", err)
	}
	if err := checkURL("ftp://id.internal", true); err == nil {
		t.Error("insecure: ftp accepted")
	}
}

func TestNewNamesEveryProblem(t *testing.T) {
	_, err := New("http://id.example.com?x", JWKSURL("ftp://x"), Algorithms("HS256", "none"), Types(), Leeway(61*time.Second),
		Realm("a\"b"), Now(nil))
	if err == nil {
		t.Fatal("New accepted it")
	}
	for _, want := range []string{"plain http", "query", "JWKS URL", "audience", "types", `"HS256"`, `"none"`, "leeway", "realm", "Now"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
	if v, err := New(issuerURL); err == nil || v != nil {
		t.Errorf("New without audience = %v, %v; want an error", v, err)
	}
	if _, err := New(issuerURL, Audience("")); err == nil {
		t.Error("New accepted an empty audience")
	}
	if _, err := New("http://id.internal", Audience("api"), InsecureAllowHTTP()); err != nil {
		t.Errorf("New with InsecureAllowHTTP: %v", err)
	}
	if errors.Is(err, ErrNoKeys) {
		t.Error("a wrong setting looks like an outage")
	}
}
