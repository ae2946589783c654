package accounts

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// maxWait is how long anybody waits for a hashing slot: a place in the queue is not held for ever.
const maxWait = 10 * time.Second

// gate bounds how many passwords are hashed at a time and how many wait for it, so that a flood of
// sign-ins takes a known amount of memory and the rest is refused at once.
type gate struct {
	slots   chan struct{}
	queue   int64
	waiting atomic.Int64
}

func newGate(concurrent, queue int) *gate {
	return &gate{slots: make(chan struct{}, concurrent), queue: int64(queue)}
}

// enter takes a slot, which leave gives back. ErrHashingBusy where the queue is full, or where maxWait
// or ctx ends while waiting in it.
func (g *gate) enter(ctx context.Context) error {
	select {
	case g.slots <- struct{}{}:
		return nil
	default:
	}
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > g.queue {
		return ErrHashingBusy
	}
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrHashingBusy, context.Cause(ctx))
	}
}

func (g *gate) leave() { <-g.slots }
