package oauth

import (
	"context"
	"fmt"
	"sync"
	"time"

	"keyturn/keys"
)

// gate is a mutex whose waiters go when their context ends. The zero value is free.
type gate struct {
	once  sync.Once
	taken chan struct{}
}

// take waits for the turn; its error wraps keys.ErrUnavailable, since what holds it waits for the database.
func (g *gate) take(ctx context.Context) error {
	g.once.Do(func() { g.taken = make(chan struct{}, 1) })
	select {
	case g.taken <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for another reading of the clients: %w: %w", keys.ErrUnavailable, ctx.Err())
	}
}

func (g *gate) leave() { <-g.taken }

// flight is one reading of the clients for unknown ids.
type flight struct {
	// done is closed when it is over; what follows is set by then.
	done chan struct{}
	at   time.Time
	err  error
}

// over tells whether the flight ended a second ago or more.
func (f *flight) over(now time.Time) bool {
	select {
	case <-f.done:
		return now.Sub(f.at).Abs() >= time.Second
	default:
		return false
	}
}

// readAgain reads what changed unless that was last over less than a second ago, and returns how it
// went. Callers that come meanwhile wait for the one reading, none of them for longer than its context
// or than a reading may take.
func (r *Registry) readAgain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	f := r.join(ctx)
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join returns the flight to wait for: the last one, or a new one where that is over.
func (r *Registry) join(ctx context.Context) *flight {
	r.again.Lock()
	defer r.again.Unlock()
	if last := r.again.last; last != nil && !last.over(r.Now()) {
		return last
	}
	f := &flight{done: make(chan struct{})}
	r.again.last = f
	// The caller may hang up; those who wait with it did not.
	ctx = context.WithoutCancel(ctx)
	go func() {
		defer close(f.done)
		f.err = r.read(ctx, notPolled)
		// The second counts from the end: a database that hangs for five is not asked five times.
		f.at = r.Now()
	}()
	return f
}
