package oauth

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/keys"
)

// TestKnownClientsCostNoReading: no SQL and no allocation for the client of a token request.
func TestKnownClientsCostNoReading(t *testing.T) {
	r, store := newRegistry(t, "app", "other")
	ctx, before := t.Context(), len(store.readings())
	if n := testing.AllocsPerRun(100, func() {
		if c, err := r.Find(ctx, "app"); err != nil || c.ID != "app" {
			t.Fatalf("got %v, %v", c, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
	if n := len(store.readings()); n != before {
		t.Errorf("%d readings, want none", n-before)
	}
}

func TestFollowReadsWhatChanged(t *testing.T) {
	r, store := newRegistry(t, "app", "gone", "off")
	untouched, err := r.Find(t.Context(), "app")
	if err != nil {
		t.Fatal(err)
	}
	off, gone := store.rows["off"].Client, Client{ID: "gone"}
	off.Enabled = false
	store.put(off)
	store.put(gone)
	store.put(Client{ID: "new", Enabled: true, Metadata: webClient()})
	if err := r.Follow(t.Context(), store.counter); err != nil {
		t.Fatal(err)
	}
	if got, want := store.readings(), []int64{0, 3}; !slices.Equal(got, want) {
		t.Errorf("read after %v, want %v", got, want)
	}
	for id, want := range map[string]error{"app": nil, "new": nil, "off": ErrClientDisabled, "gone": ErrUnknownClient} {
		if c, err := r.Find(t.Context(), id); !errors.Is(err, want) || (c == nil) != (want != nil) {
			t.Errorf("%s: got %v, %v, want %v", id, c, err, want)
		}
	}
	if again, _ := r.Find(t.Context(), "app"); again != untouched {
		t.Error("a client that nobody changed was made anew")
	}
	reads := len(store.readings())
	if err := r.Follow(t.Context(), store.counter); err != nil || len(store.readings()) != reads {
		t.Errorf("a poll that found nothing new made %d readings (%v)", len(store.readings())-reads, err)
	}
}

// TestClientsGoStale: clients are known for MaxStaleness after the last poll or reading that went well, and
// not a moment longer.
func TestClientsGoStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, store := newRegistry(t, "app")
		stale := func() bool {
			t.Helper()
			_, err := r.Find(t.Context(), "app")
			if err != nil && !errors.Is(err, keys.ErrUnavailable) {
				t.Fatalf("got %v, want ErrUnavailable", err)
			}
			return err != nil
		}
		time.Sleep(15 * time.Minute)
		if stale() {
			t.Error("stale at MaxStaleness")
		}
		time.Sleep(1)
		if !stale() {
			t.Error("fresh beyond MaxStaleness")
		}
		reads := len(store.readings())
		if _, err := r.Find(t.Context(), "unknown"); !errors.Is(err, ErrClientsStale) || len(store.readings()) != reads {
			t.Errorf("an unknown id while stale: %v, %d readings", err, len(store.readings())-reads)
		}
		for range 20 * 60 { // twenty minutes of polls that find nothing
			if err := r.Follow(t.Context(), store.counter); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if stale() {
			t.Error("stale though the counter was read a second ago")
		}
		if n := len(store.readings()); n != reads+1 {
			t.Errorf("%d readings, want the one after the gap", n-reads)
		}
		store.set(func() { store.err = keys.ErrUnavailable; store.counter++ })
		time.Sleep(10 * time.Minute)
		if err := r.Follow(t.Context(), store.counter); !errors.Is(err, keys.ErrUnavailable) {
			t.Errorf("follow: got %v", err)
		}
		time.Sleep(6 * time.Minute)
		if !stale() {
			t.Error("a reading that failed counts as fresh")
		}
	})
}

func TestNeverReadIsUnavailable(t *testing.T) {
	r := &Registry{Store: &clientStore{}, Now: time.Now}
	if _, err := r.Find(t.Context(), "app"); !errors.Is(err, keys.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	access, refresh := r.LongestLifetimes()
	if r.AllowsOrigin("https://app.example.com") || r.Algorithms() != nil || access != 0 || refresh != 0 {
		t.Error("something is known of clients that were never read")
	}
}

// TestEverythingIsReadWhenTheCounterTellsNothing: after a failover that lost commits the counter is lower, or
// by the next poll as high as before with other changes.
func TestEverythingIsReadWhenTheCounterTellsNothing(t *testing.T) {
	for name, missed := range map[string]time.Duration{"went back": 0, "polls missed": missedPolls + 1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, store := newRegistry(t, "app", "lost")
				store.set(func() {
					delete(store.rows, "lost")
					store.counter = 1
					if missed > 0 {
						store.put(Client{ID: "new", Enabled: true, Metadata: webClient()})
					}
				})
				time.Sleep(missed)
				if err := r.Follow(t.Context(), store.counter); err != nil {
					t.Fatal(err)
				}
				if _, err := r.Find(t.Context(), "lost"); !errors.Is(err, ErrUnknownClient) {
					t.Errorf("lost: got %v, want ErrUnknownClient", err)
				}
				if _, err := r.Find(t.Context(), "new"); missed > 0 && err != nil {
					t.Errorf("new: %v", err)
				}
			})
		})
	}
}

// TestUnknownIDsAreLookedUpOnceASecond: a client that another instance created a moment ago is found, and a
// flood of ids that nobody has asks the database once a second.
func TestUnknownIDsAreLookedUpOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, store := newRegistry(t)
		store.set(func() { store.put(Client{ID: "new", Enabled: true, Metadata: webClient()}) })
		reads := len(store.readings())
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if _, err := r.Find(t.Context(), "new"); err != nil {
					t.Errorf("new: %v", err)
				}
			})
		}
		all.Wait()
		for range 50 {
			if _, err := r.Find(t.Context(), "unknown"); !errors.Is(err, ErrUnknownClient) {
				t.Errorf("unknown: %v", err)
			}
		}
		if n := len(store.readings()) - reads; n != 1 {
			t.Errorf("%d readings within a second, want 1", n)
		}
		time.Sleep(time.Second)
		if _, err := r.Find(t.Context(), "unknown"); !errors.Is(err, ErrUnknownClient) {
			t.Errorf("unknown: %v", err)
		}
		if n := len(store.readings()) - reads; n != 2 {
			t.Errorf("%d readings, want a second one", n)
		}
		time.Sleep(time.Second)
		for _, id := range []string{"", "\x00", "\xff", "a b", "https://app.example.com", strings.Repeat("x", 65), "token-pair", "9d6eb919-664d-4748-b52d-265009d776b0"} {
			if _, err := r.Find(t.Context(), id); !errors.Is(err, ErrUnknownClient) {
				t.Errorf("%q: got %v, want ErrUnknownClient", id, err)
			}
		}
		if n := len(store.readings()) - reads; n != 2 {
			t.Errorf("ids that nobody can have cost %d readings", n-2)
		}
		store.set(func() { store.err = keys.ErrUnavailable })
		if _, err := r.Find(t.Context(), "unknown"); !errors.Is(err, keys.ErrUnavailable) || errors.Is(err, ErrUnknownClient) {
			t.Errorf("with the database away: got %v, want ErrUnavailable", err)
		}
	})
}

// TestUnknownIDsDoNotPileUp: whoever has a context that ends leaves with it, all of them together ask a
// hanging database once, and known clients wait for nothing. The bubble fails where a goroutine is left.
func TestUnknownIDsDoNotPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, store := newRegistry(t, "app")
		store.set(func() { store.hangs = true })
		reads := len(store.readings())
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 40 * time.Millisecond)
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				defer cancel()
				began := time.Now()
				if _, err := r.Find(ctx, "unknown"); !errors.Is(err, keys.ErrUnavailable) {
					t.Errorf("caller %d: got %v, want ErrUnavailable", i, err)
				}
				if took := time.Since(began); took > 200*time.Millisecond {
					t.Errorf("caller %d waited for %v, its context lasted 200ms", i, took)
				}
				if _, err := r.Find(ctx, "app"); err != nil {
					t.Errorf("caller %d: a known client: %v", i, err)
				}
			})
		}
		all.Wait()
		if n := len(store.readings()) - reads; n != 1 {
			t.Errorf("%d readings in one hang, want 1", n)
		}
		began := time.Now()
		if _, err := r.Find(t.Context(), "unknown"); !errors.Is(err, keys.ErrUnavailable) || time.Since(began) > storeTimeout {
			t.Errorf("without a deadline of its own: %v after %v", err, time.Since(began))
		}
		time.Sleep(storeTimeout)
		synctest.Wait()
	})
}

// TestOlderReadingDoesNotReplaceNewer: a poll that waits behind a reading starts from what that one found.
func TestOlderReadingDoesNotReplaceNewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, store := newRegistry(t, "app")
		store.set(func() { store.hangs = true })
		var all sync.WaitGroup
		all.Go(func() { _ = r.Follow(t.Context(), 7) })
		synctest.Wait()
		all.Go(func() {
			if err := r.Follow(t.Context(), 2); err == nil || !errors.Is(err, keys.ErrUnavailable) {
				t.Errorf("behind a hanging reading: %v", err)
			}
		})
		all.Wait()
		store.set(func() { store.hangs = false; store.put(Client{ID: "new", Enabled: true, Metadata: webClient()}) })
		if err := r.Follow(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Find(t.Context(), "new"); err != nil {
			t.Error(err)
		}
	})
}

func TestWhatEnabledClientsAskFor(t *testing.T) {
	r, store := newRegistry(t)
	web := webClient()
	web.CORSOrigins, web.IDTokenAlgorithm, web.UserInfoAlgorithm = []string{"https://app.example.com"}, keys.ES256, keys.EdDSA
	web.AccessLifetime, web.RefreshLifetime = Lifetime(time.Minute), Lifetime(time.Hour)
	off := webClient()
	off.CORSOrigins, off.IDTokenAlgorithm = []string{"https://off.example.com"}, keys.PS256
	off.AccessLifetime = Lifetime(time.Hour)
	other := webClient()
	other.IDTokenAlgorithm, other.RefreshLifetime = keys.ES256, Lifetime(2*time.Hour)
	store.put(Client{ID: "web", Enabled: true, Metadata: web})
	store.put(Client{ID: "off", Metadata: off})
	store.put(Client{ID: "other", Enabled: true, Metadata: other})
	if err := r.Follow(t.Context(), store.counter); err != nil {
		t.Fatal(err)
	}
	for origin, want := range map[string]bool{
		"https://app.example.com": true, "https://off.example.com": false, "": false, "null": false, "*": false,
		"https://app.example.com/": false, "https://APP.example.com": false, "http://app.example.com": false,
	} {
		if got := r.AllowsOrigin(origin); got != want {
			t.Errorf("origin %q: %v, want %v", origin, got, want)
		}
	}
	if got, want := r.Algorithms(), []keys.Algorithm{keys.ES256, keys.EdDSA}; !slices.Equal(got, want) {
		t.Errorf("algorithms %v, want %v", got, want)
	}
	// Access tokens of a client that is off may still live.
	if access, refresh := r.LongestLifetimes(); access != time.Hour || refresh != 2*time.Hour {
		t.Errorf("lifetimes %v and %v, want 1h and 2h", access, refresh)
	}
}
