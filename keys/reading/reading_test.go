package reading

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestTurnIsOfOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turn Turn
		if err := turn.Take(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		gone, next := make(chan error, 1), make(chan error, 1)
		go func() { gone <- turn.Take(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("who went while waiting: %v", err)
		}
		go func() { next <- turn.Take(t.Context()) }()
		synctest.Wait()
		select {
		case err := <-next:
			t.Fatalf("two have the turn (%v)", err)
		default:
		}
		turn.Leave()
		if err := <-next; err != nil {
			t.Error(err)
		}
	})
}

// TestSharedReadsOnceForAll: who asks while a reading runs waits for that one; who hangs up ends it for nobody else; and
// for a second after its end, however long it took, nobody causes another.
func TestSharedReadsOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shared Shared
		var reads atomic.Int64
		failure := errors.New("away")
		ask := func(ctx context.Context) error {
			return shared.Do(ctx, time.Now, func(ctx context.Context) error {
				reads.Add(1)
				time.Sleep(5 * time.Second)
				if ctx.Err() != nil {
					t.Error("the reading ended with its caller")
				}
				return failure
			})
		}
		first, hangUp := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() { gone <- ask(first) }()
		synctest.Wait()
		waiting := make(chan error, 3)
		for range 3 {
			go func() { waiting <- ask(t.Context()) }()
		}
		synctest.Wait()
		hangUp()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("who hung up: %v", err)
		}
		for range 3 {
			if err := <-waiting; err != failure {
				t.Errorf("who waited: %v, want what the reading found", err)
			}
		}
		time.Sleep(time.Second - 1)
		if err := ask(t.Context()); err != failure || reads.Load() != 1 {
			t.Errorf("within a second of the end: %v, %d readings", err, reads.Load())
		}
		time.Sleep(1)
		if err := ask(t.Context()); err != failure || reads.Load() != 2 {
			t.Errorf("a second after the end: %v, %d readings", err, reads.Load())
		}
	})
}
