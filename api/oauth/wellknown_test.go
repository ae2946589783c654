package oauth_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"keyturn/api/apitest"
	"keyturn/audit"
	"keyturn/keys"
)

func get(t *testing.T, method, url string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(header); n += 2 {
		r.Header.Set(header[n], header[n+1])
	}
	response, err := apitest.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

// TestKeySet is RFC 7517 sections 4 and 5 and requirement A1 10: public members only, distinct kids that
// are thumbprints (RFC 7638), no refresh key.
func TestKeySet(t *testing.T) {
	s := apitest.New(t)
	response, text := get(t, "GET", s.URL+"/.well-known/jwks.json")
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "application/json" ||
		response.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Fatalf("got %d %v", response.StatusCode, response.Header)
	}
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		t.Fatal(err)
	}
	members := map[string][]string{
		"RSA": {"alg", "e", "kid", "kty", "n", "use"},
		"OKP": {"alg", "crv", "kid", "kty", "use", "x"},
	}
	seen := map[any]bool{}
	for _, k := range set.Keys {
		if got, want := slices.Sorted(maps.Keys(k)), members[k["kty"].(string)]; !slices.Equal(got, want) {
			t.Errorf("members %v, want %v", got, want)
		}
		if seen[k["kid"]] || k["use"] != "sig" {
			t.Errorf("key %v", k)
		}
		seen[k["kid"]] = true
	}
	published, refresh := 0, 0
	for _, k := range s.Keys.Keys() {
		switch {
		case k.Purpose == keys.Token && seen[k.KID]:
			published++
		case k.Purpose == keys.Refresh && !seen[k.KID]:
			refresh++
		default:
			t.Errorf("%s key %s: published is %v", k.Purpose, k.KID, seen[k.KID])
		}
	}
	if published != 4 || refresh != 2 { // a signing and a waiting key of RS256, EdDSA and refresh
		t.Errorf("%d token keys are published and %d refresh keys kept back", published, refresh)
	}
}

// TestKeySetIsCached is RFC 9110 sections 8.8.3, 9.3.2 and 13.1.2.
func TestKeySetIsCached(t *testing.T) {
	s := apitest.New(t)
	url := s.URL + "/.well-known/jwks.json"
	response, text := get(t, "GET", url)
	etag := response.Header.Get("ETag")
	if !strings.HasPrefix(etag, `"`) || response.Header.Get("Cache-Control") != "public, max-age=300" {
		t.Fatalf("got %v", response.Header)
	}
	for header, want := range map[string]int{
		etag: 304, "W/" + etag: 304, `"x", ` + etag: 304, "*": 304, `"x"`: 200, "": 200,
	} {
		response, body := get(t, "GET", url, "If-None-Match", header)
		if response.StatusCode != want || (want == 304) != (body == "") || response.Header.Get("ETag") != etag {
			t.Errorf("If-None-Match %q: got %d with %d bytes", header, response.StatusCode, len(body))
		}
	}
	response, body := get(t, "HEAD", url)
	if response.StatusCode != 200 || body != "" || response.Header.Get("Content-Length") != strconv.Itoa(len(text)) || response.Header.Get("ETag") != etag {
		t.Errorf("HEAD: %d %q %v", response.StatusCode, body, response.Header)
	}
	if _, again := get(t, "GET", url); again != text {
		t.Error("the bytes differ from one request to the next")
	}
	if _, err := s.Keys.Rotate(t.Context(), keys.Rotation{}, "", audit.Actor{Rights: audit.ManageAll}); err != nil {
		t.Fatal(err)
	}
	if response, _ := get(t, "GET", url, "If-None-Match", etag); response.StatusCode != 200 {
		t.Errorf("after a rotation: %d, want the new set", response.StatusCode)
	}
}

// TestMaxAgeEndsAtTheNextTransition: nobody is told to keep a set for longer than it is right.
func TestMaxAgeEndsAtTheNextTransition(t *testing.T) {
	s := apitest.New(t)
	var leaves time.Time
	for _, k := range s.Keys.Keys() {
		if k.Purpose == keys.Token && (leaves.IsZero() || k.VerifiesUntil.Before(leaves)) {
			leaves = k.VerifiesUntil
		}
	}
	s.Advance(leaves.Sub(s.Now()) - 30*time.Second)
	response, before := get(t, "GET", s.URL+"/.well-known/jwks.json")
	age, err := strconv.Atoi(strings.TrimPrefix(response.Header.Get("Cache-Control"), "public, max-age="))
	if err != nil || age > 30 || age < 20 {
		t.Errorf("Cache-Control %q", response.Header.Get("Cache-Control"))
	}
	s.Advance(time.Minute)
	if _, after := get(t, "GET", s.URL+"/.well-known/jwks.json"); after == before {
		t.Error("a key that is gone is still published")
	}
}

func TestMethodsOfTheWellKnown(t *testing.T) {
	s := apitest.New(t)
	for _, path := range []string{"/.well-known/jwks.json", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		for method, want := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405, "DELETE": 405} {
			if response, _ := get(t, method, s.URL+path); response.StatusCode != want {
				t.Errorf("%s %s: got %d, want %d", method, path, response.StatusCode, want)
			}
		}
	}
}

var update = flag.Bool("update", false, "write the golden files anew")

// TestMetadata is RFC 8414 section 2 and OpenID Connect Discovery section 3: the same document at both places,
// exactly what exists, and every endpoint that it names answers.
func TestMetadata(t *testing.T) {
	s := apitest.New(t)
	const golden = "testdata/metadata.json"
	for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"} {
		response, text := get(t, "GET", s.URL+path)
		var got bytes.Buffer
		if err := json.Indent(&got, []byte(strings.ReplaceAll(text, s.URL, "ISSUER")+"\n"), "", "  "); err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil || got.String() != string(want) {
			t.Errorf("%s (%v; -update writes it):\n%s", path, err, got.String())
		}
		if response.Header.Get("Access-Control-Allow-Origin") != "*" || response.Header.Get("Cache-Control") == "" || response.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %v", path, response.Header)
		}
	}
	_, text := get(t, "GET", s.URL+"/.well-known/openid-configuration")
	var members map[string]any
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		t.Fatal(err)
	}
	endpoints := 0
	for name, value := range members {
		if strings.HasSuffix(name, "_endpoint") || name == "jwks_uri" {
			endpoints++
			if response, _ := get(t, "GET", value.(string)); response.StatusCode == http.StatusNotFound {
				t.Errorf("%s leads nowhere", name)
			}
		}
	}
	if endpoints != 7 {
		t.Errorf("%d endpoints", endpoints)
	}
}

// TestKeySetWithoutADatabase: it is served from memory, however long the database is away.
func TestKeySetWithoutADatabase(t *testing.T) {
	s := apitest.New(t)
	_, before := get(t, "GET", s.URL+"/.well-known/jwks.json")
	if err := s.DB.Close(); err != nil {
		t.Fatal(err)
	}
	s.Advance(20 * time.Hour)
	response, after := get(t, "GET", s.URL+"/.well-known/jwks.json")
	if response.StatusCode != http.StatusOK || after != before {
		t.Errorf("got %d", response.StatusCode)
	}
}
