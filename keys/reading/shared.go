package reading

import (
	"context"
	"sync"
	"time"
)

// Shared is one reading for all who miss something at the same time, and no more than one a second: ids that nobody has
// must not keep the database busy. The zero value is ready.
type Shared struct {
	mu   sync.Mutex
	last *flight
}

// flight is one reading.
type flight struct {
	// done is closed when it is over; what follows is set by then.
	done chan struct{}
	at   time.Time
	err  error
}

// Do reads unless that was last over less than a second ago, and returns how it went. Callers that come meanwhile wait
// for the one reading, none of them for longer than its context. read gets a context that outlives the caller's, and
// bounds it.
func (s *Shared) Do(ctx context.Context, now func() time.Time, read func(context.Context) error) error {
	f := s.join(ctx, now, read)
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join returns the flight to wait for: the last one, or a new one where that is over.
func (s *Shared) join(ctx context.Context, now func() time.Time, read func(context.Context) error) *flight {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last != nil && !s.last.over(now()) {
		return s.last
	}
	f := &flight{done: make(chan struct{})}
	s.last = f
	// The caller may hang up; those who wait with it did not.
	ctx = context.WithoutCancel(ctx)
	go func() {
		defer close(f.done)
		f.err = read(ctx)
		// The second counts from the end: a database that hangs for five is not asked five times.
		f.at = now()
	}()
	return f
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
