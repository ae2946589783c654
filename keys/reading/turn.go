package reading

import (
	"context"
	"sync"
)

// Turn is a mutex whose waiters go when their context ends. The zero value is free.
type Turn struct {
	once  sync.Once
	taken chan struct{}
}

// Take waits for the turn; its error is that of the context.
func (t *Turn) Take(ctx context.Context) error {
	t.once.Do(func() { t.taken = make(chan struct{}, 1) })
	select {
	case t.taken <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Leave gives the turn to the next, and is called by who took it.
func (t *Turn) Leave() { <-t.taken }
