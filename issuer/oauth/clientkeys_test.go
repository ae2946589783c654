package oauth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/issuer/fetch"
	"keyturn/keys"
)

// clientKey is a key pair of a client of the tests. It signs any header, as only a test would.
type clientKey struct {
	kid     string
	private crypto.Signer
}

func edKey(kid string) clientKey {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return clientKey{kid, private}
}

var rsaClientKey = sync.OnceValue(func() clientKey {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return clientKey{"rsa", private}
})

func ecKey(kid string) clientKey {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return clientKey{kid, private}
}

func b64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// jwk is the public key as the client publishes it, without kid where that is empty.
func (k clientKey) jwk() string {
	members := map[string]string{}
	switch public := k.private.Public().(type) {
	case *rsa.PublicKey:
		members = map[string]string{"kty": "RSA", "n": b64url(public.N.Bytes()), "e": b64url(big.NewInt(int64(public.E)).Bytes())}
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil {
			panic(err)
		}
		members = map[string]string{"kty": "EC", "crv": "P-256", "x": b64url(point[1:33]), "y": b64url(point[33:])}
	case ed25519.PublicKey:
		members = map[string]string{"kty": "OKP", "crv": "Ed25519", "x": b64url(public)}
	}
	if k.kid != "" {
		members["kid"] = k.kid
	}
	text, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func jwksOf(all ...clientKey) string {
	list := make([]string, len(all))
	for i, k := range all {
		list[i] = k.jwk()
	}
	return `{"keys":[` + strings.Join(list, ",") + `]}`
}

// algorithm is the usual one of the key.
func (k clientKey) algorithm() string {
	switch k.private.(type) {
	case *rsa.PrivateKey:
		return "RS256"
	case *ecdsa.PrivateKey:
		return "ES256"
	}
	return "EdDSA"
}

// sign signs any header and payload with the key's usual algorithm, PS256 where the header says so.
func (k clientKey) sign(header, payload string) string {
	input := b64url([]byte(header)) + "." + b64url([]byte(payload))
	digest := sha256.Sum256([]byte(input))
	var signature []byte
	var err error
	switch private := k.private.(type) {
	case *rsa.PrivateKey:
		if strings.Contains(header, "PS256") {
			signature, err = rsa.SignPSS(rand.Reader, private, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		} else {
			signature, err = rsa.SignPKCS1v15(nil, private, crypto.SHA256, digest[:])
		}
	case *ecdsa.PrivateKey:
		var r, s *big.Int
		if r, s, err = ecdsa.Sign(rand.Reader, private, digest[:]); err == nil {
			signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		}
	case ed25519.PrivateKey:
		signature = ed25519.Sign(private, []byte(input))
	}
	if err != nil {
		panic(err)
	}
	return input + "." + b64url(signature)
}

// token is a signed {} under the usual header.
func (k clientKey) token() string { return k.sign(k.header(), `{}`) }

func (k clientKey) header() string {
	if k.kid == "" {
		return `{"alg":"` + k.algorithm() + `"}`
	}
	return `{"alg":"` + k.algorithm() + `","kid":"` + k.kid + `","typ":"JWT"}`
}

// keyServer stands for the fetcher and the clients' servers behind it.
type keyServer struct {
	mu      sync.Mutex // guards what follows
	body    string
	maxAge  time.Duration
	err     error
	fetched []string
	// hang, where it is set, keeps an answer back until it is closed.
	hang chan struct{}
}

func (s *keyServer) Get(ctx context.Context, url string, _ ...string) (fetch.Response, error) {
	s.mu.Lock()
	s.fetched = append(s.fetched, url)
	hang := s.hang
	s.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-ctx.Done():
			return fetch.Response{}, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return fetch.Response{}, s.err
	}
	return fetch.Response{Status: 200, Body: []byte(s.body), MaxAge: s.maxAge}, nil
}

func (s *keyServer) set(change func(*keyServer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *keyServer) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.fetched)
}

// publishing is a client whose keys are at a server.
func publishing(all ...clientKey) (*ClientKeys, *keyServer, *Client) {
	server := &keyServer{body: jwksOf(all...)}
	k := &ClientKeys{Fetch: server, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	return k, server, &Client{ID: "app", Metadata: Metadata{AuthMethod: AuthPrivateKeyJWT, JWKSURI: "https://app.example/jwks"}}
}

func wantFetches(t *testing.T, s *keyServer, want int, when string) {
	t.Helper()
	if got := s.count(); got != want {
		t.Errorf("%s: %d fetches; want %d", when, got, want)
	}
}

func wantKey(t *testing.T, k *ClientKeys, c *Client, key clientKey, want error, when string) {
	t.Helper()
	token, err := k.Verify(t.Context(), c, key.token())
	if !errors.Is(err, want) || err == nil && string(token.Claims) != `{}` {
		t.Errorf("%s: %+v, %v; want %v", when, token, err, want)
	}
}

func TestKeysByValueAreNotFetched(t *testing.T) {
	key, other := edKey("a"), edKey("b")
	k := &ClientKeys{Now: time.Now}
	c := &Client{ID: "app", Metadata: Metadata{JWKS: json.RawMessage(jwksOf(key)), JWKSURI: "https://app.example/jwks"}}
	wantKey(t, k, c, key, nil, "the registered key")
	wantKey(t, k, c, other, keys.ErrUnknownKey, "another key")
	for name, bad := range map[string]*Client{
		"no keys":  {ID: "app"},
		"bad keys": {ID: "app", Metadata: Metadata{JWKS: json.RawMessage(`{"keys":[]}`)}},
	} {
		wantKey(t, k, bad, key, errNoClientKeys, name)
	}
}

func TestKeysAreFetchedOnceForManyCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := edKey("a")
		k, server, c := publishing(key)
		server.hang = make(chan struct{})
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { wantKey(t, k, c, key, nil, "the first") })
		}
		synctest.Wait()
		wantFetches(t, server, 1, "while it runs")
		close(server.hang)
		all.Wait()
		wantKey(t, k, c, key, nil, "later")
		wantFetches(t, server, 1, "afterwards")
	})
}

// TestFreshnessOfClientKeys: RFC 9111 section 4.2, between a minute and a day.
func TestFreshnessOfClientKeys(t *testing.T) {
	for _, test := range []struct{ maxAge, want time.Duration }{
		{0, time.Minute}, {time.Second, time.Minute}, {10 * time.Minute, 10 * time.Minute}, {24 * time.Hour, 24 * time.Hour}, {240 * time.Hour, 24 * time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			key := edKey("a")
			k, server, c := publishing(key)
			server.maxAge = test.maxAge
			wantKey(t, k, c, key, nil, "first")
			time.Sleep(test.want - time.Nanosecond)
			wantKey(t, k, c, key, nil, "fresh")
			wantFetches(t, server, 1, "max-age "+test.maxAge.String()+", fresh")
			time.Sleep(time.Nanosecond)
			server.set(func(s *keyServer) { s.body = jwksOf(edKey("new")) })
			wantKey(t, k, c, key, keys.ErrUnknownKey, "taken away, stale")
			wantFetches(t, server, 2, "max-age "+test.maxAge.String()+", stale")
		})
	}
}

// TestUnknownKidRefetchesOnceAMinute: OIDC Core section 10.1.1; oidcc module RefreshTokenRPKeyRotation.
func TestUnknownKidRefetchesOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, turned := edKey("old"), edKey("new")
		k, server, c := publishing(old)
		server.maxAge = 24 * time.Hour
		wantKey(t, k, c, old, nil, "first")
		for range 100 {
			wantKey(t, k, c, edKey("invented"), keys.ErrUnknownKey, "invented kid")
		}
		wantFetches(t, server, 1, "within the minute")
		server.set(func(s *keyServer) { s.body = jwksOf(turned) })
		time.Sleep(time.Minute - time.Nanosecond)
		wantKey(t, k, c, turned, keys.ErrUnknownKey, "still within the minute")
		wantKey(t, k, c, old, nil, "still within the minute")
		time.Sleep(time.Nanosecond)
		wantKey(t, k, c, turned, nil, "after the minute")
		wantKey(t, k, c, old, keys.ErrUnknownKey, "after the minute")
		wantFetches(t, server, 2, "after the minute")
	})
}

// TestKeyTurnsUnderItsKid: a client may replace a key and keep the name, as those do that call theirs "default".
// It is known once the old one is stale; while that is fresh, bad signatures cause no fetch.
func TestKeyTurnsUnderItsKid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, turned := edKey("a"), edKey("a")
		k, server, c := publishing(old)
		server.maxAge = time.Hour
		wantKey(t, k, c, old, nil, "first")
		server.set(func(s *keyServer) { s.body = jwksOf(turned) })
		time.Sleep(time.Hour - time.Nanosecond)
		wantKey(t, k, c, turned, keys.ErrInvalidToken, "fresh")
		wantFetches(t, server, 1, "fresh")
		time.Sleep(time.Nanosecond)
		wantKey(t, k, c, turned, nil, "stale")
		wantKey(t, k, c, old, keys.ErrInvalidToken, "replaced")
		wantFetches(t, server, 2, "stale")
		server.set(func(s *keyServer) { s.err = fetch.ErrUnreachable })
		time.Sleep(time.Hour)
		for range 100 {
			wantKey(t, k, c, old, keys.ErrInvalidToken, "in an outage")
		}
		wantFetches(t, server, 3, "in an outage")
	})
}

func TestKeyWithoutKidTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, turned := ecKey(""), ecKey("")
		k, server, c := publishing(old)
		server.maxAge = time.Hour
		wantKey(t, k, c, old, nil, "first")
		server.set(func(s *keyServer) { s.body = jwksOf(turned) })
		time.Sleep(time.Minute)
		wantKey(t, k, c, turned, nil, "turned")
	})
}

// TestNoTokenNoFetch: what is not even the shape of a token makes us call nobody (RFC 8725 section 3.10).
func TestNoTokenNoFetch(t *testing.T) {
	key := edKey("a")
	k, server, c := publishing(key)
	for name, raw := range map[string]string{
		"empty": "", "garbage": "a.b.c", "none": key.sign(`{"alg":"none"}`, `{}`), "HS256": key.sign(`{"alg":"HS256"}`, `{}`),
		"jku": key.sign(`{"alg":"EdDSA","jku":"https://evil.example/"}`, `{}`), "x5u": key.sign(`{"alg":"EdDSA","x5u":"https://evil.example/"}`, `{}`),
		"jwk": key.sign(`{"alg":"EdDSA","jwk":`+key.jwk()+`}`, `{}`), "too long": key.sign(key.header(), `{"a":"`+strings.Repeat("a", 16<<10)+`"}`),
	} {
		if _, err := k.Verify(t.Context(), c, raw); !errors.Is(err, keys.ErrInvalidToken) {
			t.Errorf("%s: %v; want %v", name, err, keys.ErrInvalidToken)
		}
	}
	wantFetches(t, server, 0, "after all of them")
}

func TestStaleKeysServeThroughAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := edKey("a")
		k, server, c := publishing(key)
		server.maxAge = time.Hour
		wantKey(t, k, c, key, nil, "first")
		server.set(func(s *keyServer) { s.err = fetch.ErrUnreachable })
		time.Sleep(time.Hour)
		wantKey(t, k, c, key, nil, "the first of the outage")
		for range 100 {
			wantKey(t, k, c, key, nil, "in the outage")
			wantKey(t, k, c, edKey("invented"), keys.ErrUnknownKey, "in the outage")
		}
		wantFetches(t, server, 2, "in the outage's first minute")

		server.set(func(s *keyServer) { s.hang = make(chan struct{}) })
		time.Sleep(time.Minute)
		began := time.Now()
		wantKey(t, k, c, key, nil, "while the server hangs")
		if waited := time.Since(began); waited != 0 {
			t.Errorf("a good token waited %s for a server that was away before", waited)
		}
		close(server.hang)
		time.Sleep(24*time.Hour - time.Minute - time.Nanosecond)
		wantKey(t, k, c, key, nil, "a day later")
		time.Sleep(time.Nanosecond)
		wantKey(t, k, c, key, keys.ErrUnknownKey, "after a day")

		server.set(func(s *keyServer) { s.err, s.hang = nil, nil })
		time.Sleep(time.Minute)
		wantKey(t, k, c, key, nil, "the server is back")
	})
}

// TestUnusableAnswerTakesKeysAway: a server that answers is believed, also when it takes a stolen key away.
func TestUnusableAnswerTakesKeysAway(t *testing.T) {
	for name, body := range map[string]string{"empty set": `{"keys":[]}`, "HTML": "<html>", "a private key": `{"keys":[{"kty":"oct","k":"AA"}]}`} {
		synctest.Test(t, func(t *testing.T) {
			key := edKey("a")
			k, server, c := publishing(key)
			wantKey(t, k, c, key, nil, "first")
			server.set(func(s *keyServer) { s.body = body })
			time.Sleep(time.Minute)
			wantKey(t, k, c, key, errNoClientKeys, name)
			wantKey(t, k, c, key, keys.ErrUnknownKey, name)
		})
	}
}

func TestUnreachableKeysAreTriedAgainSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := edKey("a")
		k, server, c := publishing(key)
		server.err = fetch.ErrUnreachable
		for range 100 {
			wantKey(t, k, c, key, errNoClientKeys, "away")
		}
		wantFetches(t, server, 1, "at once")
		server.set(func(s *keyServer) { s.err = nil })
		time.Sleep(keysRetry - time.Nanosecond)
		wantKey(t, k, c, key, errNoClientKeys, "a moment before")
		time.Sleep(time.Nanosecond)
		wantKey(t, k, c, key, nil, "back")
	})
}

func TestMovedKeysAreFetchedAnew(t *testing.T) {
	key := edKey("a")
	k, server, c := publishing(key)
	wantKey(t, k, c, key, nil, "first")
	moved := *c
	moved.JWKSURI = "https://app.example/moved"
	wantKey(t, k, &moved, key, nil, "moved")
	wantFetches(t, server, 2, "moved")
	other := *c
	other.ID = "other"
	wantKey(t, k, &other, key, nil, "another client")
	if len(k.sets) != 2 || server.fetched[1] != moved.JWKSURI {
		t.Errorf("%d sets, fetched %q", len(k.sets), server.fetched)
	}
}

func TestCallerWhoHangsUpStopsNoFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := edKey("a")
		k, server, c := publishing(key)
		server.hang = make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { _, err := k.Verify(ctx, c, key.token()); done <- err }()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, keys.ErrUnknownKey) {
			t.Errorf("who hung up: %v", err)
		}
		close(server.hang)
		wantKey(t, k, c, key, nil, "the next")
		wantFetches(t, server, 1, "both")
		synctest.Wait()
	})
}

// TestFetchThatEndsBetweenTwoLooks: a caller who saw no keys, while another's fetch was about to end, finds
// no flight to wait for, and the keys all the same.
func TestFetchThatEndsBetweenTwoLooks(t *testing.T) {
	key := edKey("a")
	k, server, c := publishing(key)
	looks := 0
	k.Now = func() time.Time {
		if looks++; looks == 2 { // the first caller has looked, and not asked for a fetch yet
			wantKey(t, k, c, key, nil, "the other")
		}
		return assertionNoon
	}
	wantKey(t, k, c, key, nil, "the first")
	wantFetches(t, server, 1, "both")
}

func TestHangingServerEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := edKey("a")
		k, server, c := publishing(key)
		server.hang = make(chan struct{})
		began := time.Now()
		wantKey(t, k, c, key, errNoClientKeys, "hanging")
		if waited := time.Since(began); waited != keysTimeout {
			t.Errorf("waited %s; want %s", waited, keysTimeout)
		}
	})
}

// TestClientKeysOverHTTP goes through the real fetcher.
func TestClientKeysOverHTTP(t *testing.T) {
	key := rsaClientKey()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, jwksOf(key)) }))
	defer server.Close()
	for _, allow := range [][]string{nil, {"127.0.0.1"}} {
		fetcher, err := fetch.New(fetch.Options{Allow: allow})
		if err != nil {
			t.Fatal(err)
		}
		k := &ClientKeys{Fetch: fetcher, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
		c := &Client{ID: "app", Metadata: Metadata{JWKSURI: server.URL}}
		want := error(nil)
		if allow == nil {
			want = fetch.ErrRefused
		}
		wantKey(t, k, c, key, want, fmt.Sprintf("allow %q", allow))
	}
}
