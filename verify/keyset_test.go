package verify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestNewFetchesNothing(t *testing.T) {
	issuer := newIssuer(edSigner())
	v := issuer.verifier(t)
	if _, err := v.Authenticate(&http.Request{}); !errors.Is(err, ErrNoToken) {
		t.Errorf("Authenticate = %v; want %v", err, ErrNoToken)
	}
	if got := issuer.paths(); len(got) != 0 {
		t.Errorf("requested %q; want nothing", got)
	}
}

// TestUnknownKidsCostFewFetches is row 9 of the requirements: invented kids neither flood the issuer nor
// disturb good tokens.
func TestUnknownKidsCostFewFetches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := newIssuer(edSigner())
		v := issuer.verifier(t)
		for n := range 30 {
			wantErr(t, v, newSigner("EdDSA", fmt.Sprint("invented-", n)).token(time.Now()), ErrUnknownKey)
			wantGood(t, v, edSigner().token(time.Now()))
		}
		// The first unknown kid came with the first fetch of all, which answered for it.
		if got := issuer.count(jwksPath); got > 1+refetchBurst {
			t.Errorf("%d fetches for 30 unknown kids; want at most %d", got, 1+refetchBurst)
		}
		if got := issuer.count(discoveryPath); got != 1 {
			t.Errorf("%d discoveries; want 1", got)
		}
		before := issuer.count(jwksPath)
		for range 100 { // ten seconds of it
			time.Sleep(100 * time.Millisecond)
			wantErr(t, v, newSigner("EdDSA", "invented").token(time.Now()), ErrUnknownKey)
		}
		if got := issuer.count(jwksPath) - before; got != 1 {
			t.Errorf("%d fetches in ten seconds of unknown kids; want 1", got)
		}
	})
}

// TestOneUnknownKidCostsOneFetch: a fetch that began after the token came answers for it.
func TestOneUnknownKidCostsOneFetch(t *testing.T) {
	issuer := newIssuer(edSigner())
	v := issuer.verifier(t, atNoon())
	for want := 1; want <= 2; want++ { // the first fetch of all, then one for the kid
		wantErr(t, v, newSigner("EdDSA", "invented").token(noon), ErrUnknownKey)
		if got := issuer.count(jwksPath); got != want {
			t.Errorf("%d fetches; want %d", got, want)
		}
	}
	wantErr(t, v, newSigner("EdDSA", "").token(noon), ErrUnknownKey)
	if got := issuer.count(jwksPath); got != 2 {
		t.Errorf("%d fetches after a token without kid; want 2", got)
	}
}

func TestUnknownKidsAtOnceShareFetches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := newIssuer(edSigner())
		v := issuer.verifier(t)
		wantGood(t, v, edSigner().token(time.Now()))
		var wg sync.WaitGroup
		for n := range 200 {
			wg.Go(func() { wantErr(t, v, newSigner("EdDSA", fmt.Sprint(n)).token(time.Now()), ErrUnknownKey) })
		}
		wg.Wait()
		if got := issuer.count(jwksPath); got > 1+refetchBurst {
			t.Errorf("%d fetches; want at most %d", got, 1+refetchBurst)
		}
	})
}

func TestFirstFetchIsSingleFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := newIssuer(edSigner())
		gate := make(chan struct{})
		issuer.gate = gate
		v := issuer.verifier(t)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, err := v.Verify(t.Context(), edSigner().token(time.Now())); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		close(gate)
		wg.Wait()
		if d, j := issuer.count(discoveryPath), issuer.count(jwksPath); d != 1 || j != 1 {
			t.Errorf("%d discoveries and %d fetches for 50 callers; want 1 and 1", d, j)
		}
	})
}

func TestWaiterLeavesWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := newIssuer(edSigner())
		issuer.gate = make(chan struct{})
		v := issuer.verifier(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := v.Verify(ctx, edSigner().token(time.Now()))
		if !errors.Is(err, ErrNoKeys) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Verify = %v; want %v and the context's error", err, ErrNoKeys)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("took %s; want 1s", took)
		}
		close(issuer.gate) // the fetch goes on without the caller, for the next one
		synctest.Wait()
		wantGood(t, v, edSigner().token(time.Now()))
		if got := issuer.count(jwksPath); got != 1 {
			t.Errorf("%d fetches; want 1", got)
		}
	})
}

func TestHangingIssuerTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := newIssuer(edSigner())
		issuer.gate = make(chan struct{})
		v := issuer.verifier(t)
		began := time.Now()
		wantErr(t, v, edSigner().token(time.Now()), ErrNoKeys)
		if took := time.Since(began); took != fetchTimeout {
			t.Errorf("took %s; want %s", took, fetchTimeout)
		}
	})
}

func TestStartsWhileTheIssuerIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := newIssuer(edSigner())
		issuer.down = true
		v := issuer.verifier(t)
		for range 100 {
			wantErr(t, v, edSigner().token(time.Now()), ErrNoKeys)
		}
		if got := issuer.count(discoveryPath); got != 1 {
			t.Errorf("%d attempts at once; want 1", got)
		}
		for range 600 { // a minute
			time.Sleep(100 * time.Millisecond)
			wantErr(t, v, edSigner().token(time.Now()), ErrNoKeys)
		}
		if got := issuer.count(discoveryPath); got < 6 || got > 12 {
			t.Errorf("%d attempts in a minute; want a handful", got)
		}
		issuer.set(func() { issuer.down = false })
		time.Sleep(maxPause)
		wantGood(t, v, edSigner().token(time.Now()))
	})
}

func TestOutageServesKnownKeysForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := newIssuer(edSigner())
		v := issuer.verifier(t)
		wantGood(t, v, edSigner().token(time.Now()))
		issuer.set(func() { issuer.down = true })
		for range 23 {
			time.Sleep(time.Hour)
			wantGood(t, v, edSigner().token(time.Now()))
			// A token of a key that was made meanwhile can't be judged: it must not be called bad.
			wantErr(t, v, newSigner("EdDSA", "new").token(time.Now()), ErrNoKeys)
		}
		time.Sleep(2 * time.Hour)
		wantErr(t, v, edSigner().token(time.Now()), ErrNoKeys)
		issuer.set(func() { issuer.down = false })
		time.Sleep(maxPause)
		wantGood(t, v, edSigner().token(time.Now()))
	})
}

// TestOutageBlocksNobody: a hanging issuer must not slow down requests with known keys, but for one wait
// after a pause in which nobody asked.
func TestOutageBlocksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := newIssuer(edSigner())
		v := issuer.verifier(t)
		wantGood(t, v, edSigner().token(time.Now()))
		issuer.set(func() { issuer.gate = make(chan struct{}) })
		var waited time.Duration
		for range 3600 {
			time.Sleep(time.Second)
			began := time.Now()
			wantGood(t, v, edSigner().token(time.Now()))
			waited += time.Since(began)
		}
		if waited > fetchTimeout {
			t.Errorf("waited %s in an hour of outage; want at most %s", waited, fetchTimeout)
		}
	})
}

func TestStaleKeysServeWhileOneRefreshRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := newIssuer(edSigner())
		v := issuer.verifier(t)
		wantGood(t, v, edSigner().token(time.Now()))
		time.Sleep(299 * time.Second)
		wantGood(t, v, edSigner().token(time.Now()))
		if got := issuer.count(jwksPath); got != 1 {
			t.Fatalf("%d fetches within max-age; want 1", got)
		}
		gate := make(chan struct{})
		issuer.set(func() { issuer.gate = gate })
		time.Sleep(2 * time.Second)
		began := time.Now()
		for range 50 {
			wantGood(t, v, edSigner().token(time.Now()))
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("callers waited %s for the refresh; want 0", took)
		}
		synctest.Wait()
		if got := issuer.count(jwksPath); got != 2 {
			t.Errorf("%d fetches; want 2", got)
		}
		close(gate)
	})
}

// TestRevokedKeyIsGoneAfterMaxAge holds the issuer's promise about a compromised key: it verifies no
// longer than max-age and one fetch, also where nobody asked for hours.
func TestRevokedKeyIsGoneAfterMaxAge(t *testing.T) {
	for _, idle := range []time.Duration{305 * time.Second, 10 * time.Hour, 23 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			old, next := edSigner(), newSigner("EdDSA", "ed-2")
			issuer := newIssuer(old, next)
			v := issuer.verifier(t)
			wantGood(t, v, old.token(time.Now()))
			issuer.publish(next)
			time.Sleep(idle)
			wantErr(t, v, old.token(time.Now()), ErrUnknownKey)
			wantGood(t, v, next.token(time.Now()))
		})
	}
}

// TestRotationWithoutOneRefusal turns the key by schedule (published ahead) and by force (signing at
// once) under a token a second; each token is shown when new and again before it expires.
func TestRotationWithoutOneRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := []signer{edSigner(), newSigner("EdDSA", "ed-2"), newSigner("EdDSA", "ed-3"), newSigner("EdDSA", "ed-4"), newSigner("EdDSA", "ed-5")}
		issuer := newIssuer(keys[0])
		v := issuer.verifier(t)
		current := keys[0]
		var old []string
		for second := range 3600 {
			switch second {
			case 300: // by schedule: published now, signing 20 minutes later
				issuer.publish(keys[0], keys[1])
			case 1500:
				current = keys[1]
			case 1900:
				issuer.publish(keys[1])
			case 2000: // three by force, within seconds of each other
				issuer.publish(keys[1], keys[2])
				current = keys[2]
			case 2003:
				issuer.publish(keys[1], keys[2], keys[3])
				current = keys[3]
			case 2006:
				issuer.publish(keys[1], keys[2], keys[3], keys[4])
				current = keys[4]
			}
			raw := current.token(time.Now())
			wantGood(t, v, raw)
			old = append(old, raw)
			if second >= 290 {
				wantGood(t, v, old[second-290])
			}
			time.Sleep(time.Second)
		}
	})
}

func TestUselessJWKSNeverReplacesKeys(t *testing.T) {
	weak := `{"keys":[{"kty":"oct","k":"AAAA","kid":"ed-1","alg":"HS256","use":"sig"}]}`
	useless := []http.HandlerFunc{answerWith(304, ""), answerWith(500, "")} // 304 although nothing was asked for
	for _, body := range []string{``, `{}`, `{"keys":[]}`, `{"keys":null}`, `<html>`, weak, `{"keys":[{}]}`, `{"keys":[],"keys":[]}`} {
		useless = append(useless, answerWith(200, body))
	}
	for _, answer := range useless {
		synctest.Test(t, func(t *testing.T) {
			issuer := newIssuer(edSigner())
			v := issuer.verifier(t)
			wantGood(t, v, edSigner().token(time.Now()))
			issuer.set(func() { issuer.answers[jwksPath] = answer })
			for range 12 {
				time.Sleep(time.Hour)
				wantGood(t, v, edSigner().token(time.Now()))
			}
			time.Sleep(12 * time.Hour) // and it does not count as a fetch
			wantErr(t, v, edSigner().token(time.Now()), ErrNoKeys)
		})
	}
}

func TestNotModifiedKeepsKeysFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := newIssuer(edSigner())
		issuer.etag = `"v1"`
		v := issuer.verifier(t)
		for range 48 {
			wantGood(t, v, edSigner().token(time.Now()))
			time.Sleep(time.Hour)
		}
		issuer.set(func() { issuer.etag = `"v2"` })
		issuer.publish(newSigner("EdDSA", "ed-2"))
		wantErr(t, v, edSigner().token(time.Now()), ErrUnknownKey)
	})
}
