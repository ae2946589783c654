package keys

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/audit"
)

// frozen is a store that can stop to answer: its calls then last until their context ends.
type frozen struct {
	*memory
	hangs atomic.Bool
	calls atomic.Int64
}

func (f *frozen) Keys(ctx context.Context) ([]Record, error) {
	f.calls.Add(1)
	if f.hangs.Load() {
		<-ctx.Done()
		return nil, errors.Join(ErrUnavailable, ctx.Err())
	}
	return f.memory.Keys(ctx)
}

// freezable is a ring over such a store, by the clock of the bubble, with a token of an unknown key.
func freezable(t *testing.T) (*Ring, *frozen, string) {
	t.Helper()
	store := &memory{}
	r := newRing(store, newMaster(t), time.Now, testPolicy())
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	foreign := newRing(&memory{}, newMaster(t), time.Now, testPolicy())
	if err := foreign.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	unknown, err := foreign.Sign(refreshRequest(time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	f := &frozen{memory: store}
	r.Store = f
	return r, f, unknown
}

// TestUnknownKidsDoNotPileUpBehindAFrozenDatabase: whoever has a context that ends leaves with it, and
// all of them together ask the database once. The bubble fails where a goroutine is left.
func TestUnknownKidsDoNotPileUpBehindAFrozenDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, store, unknown := freezable(t)
		store.hangs.Store(true)
		var all sync.WaitGroup
		for i := range 150 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 30 * time.Millisecond)
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				defer cancel()
				began := time.Now()
				_, err := r.Verify(ctx, unknown)
				if !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrUnknownKey) {
					t.Errorf("caller %d: got %v, want ErrUnavailable", i, err)
				}
				if took := time.Since(began); took > 200*time.Millisecond {
					t.Errorf("caller %d waited for %v, its context lasted 200ms", i, took)
				}
			})
		}
		all.Wait()
		if n := store.calls.Load(); n != 1 {
			t.Errorf("%d readings in one hang, want 1", n)
		}
		time.Sleep(storeTimeout)
		synctest.Wait()
	})
}

// TestUnknownKidsAreReadAgainASecondAfterTheLastReadingEnded: a reading that took its five seconds
// is not followed by another at once, however many callers it has kept waiting.
func TestUnknownKidsAreReadAgainASecondAfterTheLastReadingEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, store, unknown := freezable(t)
		store.hangs.Store(true)
		ask := func(want error) {
			t.Helper()
			began := time.Now()
			if _, err := r.Verify(t.Context(), unknown); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
			if took := time.Since(began); took > storeTimeout {
				t.Errorf("without a deadline of its own a caller waited for %v, want %v at most", took, storeTimeout)
			}
		}
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() { ask(ErrUnavailable) })
		}
		all.Wait()
		store.hangs.Store(false)
		time.Sleep(time.Second - 1)
		ask(ErrUnavailable)
		if n := store.calls.Load(); n != 1 {
			t.Errorf("%d readings within a second of the end of the first, want 1", n)
		}
		time.Sleep(1)
		ask(ErrUnknownKey)
		if n := store.calls.Load(); n != 2 {
			t.Errorf("%d readings, want a second one", n)
		}
	})
}

// TestKnownKeysWaitForNoReading: while a change of keys holds on to a frozen database, signing,
// verifying and the key set go on, and an unknown kid waits no longer than its context.
func TestKnownKeysWaitForNoReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, store, unknown := freezable(t)
		known, err := r.Sign(refreshRequest(time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		store.hangs.Store(true)
		var all sync.WaitGroup
		all.Go(func() { _ = r.Maintain(t.Context()) })
		all.Go(func() { _, _ = r.Rotate(t.Context(), Rotation{}, "", audit.Actor{Rights: audit.ManageAll}) })
		synctest.Wait()
		began := time.Now()
		if _, err := r.Sign(refreshRequest(began)); err != nil {
			t.Errorf("sign: %v", err)
		}
		if _, err := r.Verify(t.Context(), known); err != nil {
			t.Errorf("verify: %v", err)
		}
		if len(r.JWKS().Body) < 100 {
			t.Errorf("the key set is %s", r.JWKS().Body)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("known keys waited for %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.Verify(ctx, unknown); !errors.Is(err, ErrUnavailable) || time.Since(began) > time.Second {
			t.Errorf("unknown kid: got %v after %v, want ErrUnavailable after 1s", err, time.Since(began))
		}
		all.Wait()
		time.Sleep(storeTimeout)
	})
}
