package keys

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/audit"
)

func TestRunReadsChangedKeysWithinTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, master := &memory{}, newMaster(t)
		a := newRing(store, master, time.Now, testPolicy())
		b := newRing(store, master, time.Now, testPolicy())
		for _, r := range []*Ring{a, b} {
			if err := r.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { b.Run(ctx, store.Changes); close(done) }()

		time.Sleep(10*time.Second + time.Millisecond)
		quiet := store.readings()
		time.Sleep(20 * time.Second)
		if store.readings() != quiet {
			t.Errorf("%d readings though nothing changed", store.readings()-quiet)
		}
		kid := signing(t, b, Token, RS256).KID
		if _, err := a.Revoke(t.Context(), kid, "", audit.Actor{Rights: audit.ManageAll}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(pollEvery)
		synctest.Wait()
		if got := signing(t, b, Token, RS256).KID; got == kid {
			t.Error("a second later the other instance signs with the revoked key")
		}
		stop()
		<-done
	})
}

func TestRunMaintainsEachMinuteAndComesBackAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, p := &memory{}, testPolicy()
		p.Rotation, p.Lead = 2*time.Hour, time.Hour
		r := newRing(store, newMaster(t), time.Now, p)
		if err := r.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { r.Run(ctx, store.Changes); close(done) }()

		store.set(func() { store.err = ErrUnavailable })
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if since := time.Since(r.LastRead()); since < 9*time.Minute {
			t.Errorf("the outage does not show: last read %v ago", since)
		}
		store.set(func() { store.err = nil })
		time.Sleep(2 * maintainEvery)
		synctest.Wait()
		if since := time.Since(r.LastRead()); since > 2*maintainEvery {
			t.Errorf("last read %v ago", since)
		}
		turn := signing(t, r, Token, RS256).SignsUntil
		time.Sleep(time.Until(turn) - time.Second)
		if n := len(r.Keys()); n != 4 {
			t.Fatalf("%d keys before the turn, want 4", n)
		}
		time.Sleep(2 * maintainEvery)
		synctest.Wait()
		if n := len(r.Keys()); n != 6 {
			t.Errorf("%d keys two minutes after the turn, want 6", n)
		}
		stop()
		<-done
	})
}

// TestRunIsFreshWithTheFirstPollAfterAnOutage: longer than MaxStaleness nothing could be read, and nothing
// has changed; a second after the database is back tokens are signed again.
func TestRunIsFreshWithTheFirstPollAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		r := newRing(store, newMaster(t), time.Now, testPolicy())
		if err := r.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { r.Run(ctx, store.Changes); close(done) }()
		store.set(func() { store.err = ErrUnavailable })
		time.Sleep(r.MaxStaleness + time.Minute)
		synctest.Wait()
		if _, err := accessToken(r, RS256); !errors.Is(err, ErrStale) {
			t.Errorf("during the outage: %v, want ErrStale", err)
		}
		store.set(func() { store.err = nil })
		time.Sleep(pollEvery + time.Millisecond)
		synctest.Wait()
		if _, err := accessToken(r, RS256); err != nil {
			t.Errorf("a second after it: %v", err)
		}
		stop()
		<-done
	})
}
