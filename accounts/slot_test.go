package accounts

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/keys"
)

// How long a failed sign-in keeps its hashing slot tells nothing of whose it is: a flood that sees how
// fast the queue moves would else tell the users with a slow hash from those with a fast one or none.
func TestFailedChecksHoldTheirSlotAlike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := User{ID: "slow", Username: "slow", Active: true, PasswordHash: "fake$9000$x"}
		s, _ := newTestService(newTestStore(spiderman(), slow))
		s.Concurrent = 1
		if err := s.Measure(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"nobody", "spiderman", "slow"} {
			for _, patience := range []time.Duration{time.Hour, 5 * time.Millisecond} { // who hangs up frees no slot either
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				var failing sync.WaitGroup
				start := time.Now()
				failing.Go(func() {
					defer cancel()
					s.Authenticate(ctx, signIn(name, "wrong", elsewhere))
				})
				synctest.Wait()
				err := s.gate.enter(t.Context())
				if took := time.Since(start); err != nil || took != 9*time.Second {
					t.Errorf("%s, who waits %v: the slot was free after %v (%v), want 9s", name, patience, took, err)
				}
				s.gate.leave()
				failing.Wait()
			}
		}
	})
}

// A throttled sign-in looked at no password, so it has no time to hide.
func TestThrottledSignInHoldsNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := User{ID: "slow", Username: "slow", Active: true, PasswordHash: "fake$8000$x"}
		store := newTestStore(slow)
		s, _ := newTestService(store)
		s.Concurrent = 1
		if err := s.Measure(t.Context()); err != nil {
			t.Fatal(err)
		}
		store.failures[[2]string{accountKey("slow"), ""}] = Throttle{Failures: 50, LastFailedAt: time.Now()}
		start := time.Now()
		_, err := s.Authenticate(t.Context(), signIn("slow", "x", ""))
		if _, ok := errors.AsType[*Throttled](err); !ok || time.Since(start) != 0 || len(s.gate.slots) != 0 {
			t.Errorf("%v after %v, %d slots held", err, time.Since(start), len(s.gate.slots))
		}
	})
}

func TestWaitForASlotIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := spiderman()
		slow.PasswordHash = "fake$60000$underoos"
		s, _ := newTestService(newTestStore(slow))
		s.Concurrent = 1
		var first sync.WaitGroup
		first.Go(func() { s.Authenticate(t.Context(), signIn("spiderman", "underoos", ownersHome)) })
		synctest.Wait()
		start := time.Now()
		_, err := s.Authenticate(t.Context(), signIn("spiderman", "underoos", ownersHome))
		if took := time.Since(start); !errors.Is(err, ErrHashingBusy) || took != maxWait {
			t.Errorf("%v after %v, want ErrHashingBusy after %v", err, took, maxWait)
		}
		first.Wait()
		if s.gate.waiting.Load() != 0 {
			t.Error("the place in the queue is not given back")
		}
	})
}

// Whoever hangs up, at whatever moment: the guess is counted, and what comes back is an error that
// api/failures.go knows, never the context's own.
func TestHangingUpIsARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := User{ID: "slow", Username: "slow", Active: true, PasswordHash: "fake$300$x"}
		store := newTestStore(spiderman(), slow)
		s, _ := newTestService(store)
		for _, when := range []struct {
			what  string
			after time.Duration
		}{{"before the schemes are measured", 10 * time.Millisecond}, {"while hashing", 10 * time.Millisecond}, {"while waiting", 100 * time.Millisecond}} {
			failures, refusals := store.count("AddFailure"), len(store.refusals)
			ctx, cancel := context.WithTimeout(t.Context(), when.after)
			_, err := s.Authenticate(ctx, signIn("spiderman", "wrong", elsewhere))
			cancel()
			if !errors.Is(err, ErrCredentials) {
				t.Errorf("%s: error %v, want ErrCredentials", when.what, err)
			}
			if store.count("AddFailure") != failures+1 || len(store.refusals) != refusals+1 {
				t.Errorf("%s: the failure is not counted", when.what)
			}
		}
	})
}

// The wait is made also where the store fails: it must not tell what the check cost.
func TestStretchedWithoutTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := User{ID: "slow", Username: "slow", Active: true, PasswordHash: "fake$300$x"}
		store := newTestStore(spiderman(), slow)
		s, _ := newTestService(store)
		if err := s.Measure(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, call := range []string{"AddFailure", "AddRefusal"} {
			clear(store.down)
			store.down[call] = keys.ErrUnavailable
			start := time.Now()
			_, err := s.Authenticate(t.Context(), signIn("spiderman", "wrong", elsewhere))
			if took := time.Since(start); !errors.Is(err, keys.ErrUnavailable) || took != 300*time.Millisecond {
				t.Errorf("%s fails: %v after %v, want ErrUnavailable after 300ms", call, err, took)
			}
		}
	})
}
