package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"keyturn/issuer"
	"keyturn/storage"
)

// Advance is AdvanceGrant, or something that should not pass for it.
type Advance func(ctx context.Context, id string, from int64) (issuer.Grant, error)

// Contend lets contenders redeem the same refresh token at once, in each of so many rounds, as the
// issuer does it: advance, and on ErrConflict JudgeGrant within the grace. It returns the first
// violation of the promise: per round one contender advances, and all hold the same successor.
func Contend(ctx context.Context, db *storage.DB, id string, rounds, contenders int, advance Advance) error {
	if err := atOnce(contenders, func(int) error { return db.Ping(ctx) }); err != nil { // a warm pool
		return err
	}
	for n := int64(1); n <= int64(rounds); n++ {
		var mu sync.Mutex
		advanced, held := 0, map[string]int{}
		err := atOnce(contenders, func(int) error {
			g, err := advance(ctx, id, n)
			first := err == nil
			if errors.Is(err, issuer.ErrConflict) {
				g, err = db.JudgeGrant(ctx, id, issuer.Revocation{}, func(g *issuer.Grant, now time.Time) error {
					return g.Redeem(n, now, time.Hour)
				})
			}
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if first {
				advanced++
			}
			held[fmt.Sprintf("number %d of %s", g.Generation, g.RotatedAt.Format(time.RFC3339Nano))]++
			return nil
		})
		if err != nil {
			return fmt.Errorf("round %d: %w", n, err)
		}
		if advanced != 1 || len(held) != 1 {
			return fmt.Errorf("round %d: %d contenders advanced the grant, want 1; they hold %v, want one successor", n, advanced, held)
		}
	}
	return nil
}

// atOnce runs do in n goroutines that start together, and returns one of their errors.
func atOnce(n int, do func(i int) error) error {
	start := make(chan struct{})
	failed := make(chan error, n)
	for i := range n {
		go func() {
			<-start
			failed <- do(i)
		}()
	}
	close(start)
	var first error
	for range n {
		if err := <-failed; err != nil && first == nil {
			first = err
		}
	}
	return first
}
