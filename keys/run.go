package keys

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	// pollEvery is half of what others are promised: a client that was turned off, or a key that was
	// revoked, is out of use on every instance within a second.
	pollEvery     = 500 * time.Millisecond
	maintainEvery = time.Minute
)

// Run keeps the ring up to date until ctx ends: it polls changes, the counter that every change of keys
// raises, twice a second and reads the keys when it has moved; and it maintains them each minute or so,
// each instance at moments of its own. Failures are logged, once until they end.
func (r *Ring) Run(ctx context.Context, changes func(context.Context) (int64, error)) {
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	maintain := time.NewTimer(jittered(maintainEvery))
	defer maintain.Stop()
	watch := watcher{ring: r, changes: changes, seen: -1}
	var polling, maintaining trouble
	for {
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
			polling.report(r, "read changed keys", watch.look(ctx))
		case <-maintain.C:
			maintaining.report(r, "maintain keys", r.Maintain(ctx))
			maintain.Reset(jittered(maintainEvery))
		}
	}
}

// jittered is d, a tenth more or less.
func jittered(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5)
}

// watcher remembers which value of the counter the keys were read at.
type watcher struct {
	ring    *Ring
	changes func(context.Context) (int64, error)
	seen    int64
	// failed is set while the counter can't be read.
	failed bool
}

// look reads the keys where the counter has moved, and at the first success after a failure: what was
// read before an outage may be stale by now though nothing has changed.
func (w *watcher) look(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	// The counter is read before the keys: a change in between is then read twice, never missed.
	n, err := w.changes(limited)
	if err != nil {
		w.failed = true
		return err
	}
	if n == w.seen && !w.failed {
		return nil
	}
	if err := w.ring.Reload(ctx); err != nil {
		return err
	}
	w.seen, w.failed = n, false
	return nil
}

// trouble logs the first of a row of failures, and their end.
type trouble struct{ failing bool }

func (t *trouble) report(r *Ring, what string, err error) {
	switch {
	case err != nil && !t.failing:
		r.Log.Error("can't "+what+"; will go on trying", "error", err)
	case err == nil && t.failing:
		r.Log.Info("can " + what + " again")
	}
	t.failing = err != nil
}
