package verify

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// maxOutage is how long keys serve after the last successful fetch. Past it a revoked key could be
	// in use for longer than anybody remembers.
	maxOutage = 24 * time.Hour
	// fetchTimeout bounds one refresh, discovery included.
	fetchTimeout = 5 * time.Second
	// maxPause is the longest wait between two attempts while they fail; the first wait is a second.
	maxPause = 10 * time.Second
	// Refetches for unknown kids: three at once, so that a key turned by force is followed immediately,
	// then one in ten seconds, so that invented kids cost the issuer nothing.
	refetchEvery = 10 * time.Second
	refetchBurst = 3
)

// keySet holds the issuer's keys and keeps them fresh as they are asked for; it runs nothing on its own.
type keySet struct {
	source *source // used by one flight at a time
	now    func() time.Time

	mu   sync.Mutex // guards everything below
	keys map[string]publicKey
	// fetchedAt is the start of the last successful fetch, freshUntil what its answer allows.
	fetchedAt, freshUntil time.Time
	// err is the last attempt's, failures the attempts in a row that failed; none starts before retryAt.
	err      error
	failures int
	retryAt  time.Time
	// refetches are paid for up to this time; an allowance of refetchBurst may be spent ahead.
	paidUntil time.Time
	// started and finished count flights; flight is closed when the one that runs is over, or nil.
	started, finished int
	flight            chan struct{}
}

func newKeySet(s *settings) *keySet {
	return &keySet{source: newSource(s), now: s.now}
}

// find returns the key of that kid and algorithm, ErrUnknownKey if there is none, or ErrNoKeys if that
// can't be known. It waits for a fetch no longer than ctx.
func (s *keySet) find(ctx context.Context, kid, algorithm string) (any, error) {
	if kid == "" {
		return nil, fmt.Errorf("%w: the token names none", ErrUnknownKey)
	}
	s.mu.Lock()
	arrived := s.started
	s.mu.Unlock()
	for {
		key, wait, err := s.look(kid, algorithm, arrived)
		if wait == nil {
			return key, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrNoKeys, context.Cause(ctx))
		}
	}
}

// look decides with the keys of this moment: a key, an error, or a flight to wait for before looking
// again. Flights up to number arrived began before the caller came and don't answer its question for good.
func (s *keySet) look(kid, algorithm string, arrived int) (any, <-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	answered := s.finished > arrived
	if s.keys == nil || now.Sub(s.fetchedAt) >= maxOutage {
		if !answered {
			if wait := s.refresh(now); wait != nil {
				return nil, wait, nil
			}
		}
		return nil, nil, s.unavailable()
	}
	if wait := s.keepFresh(now); wait != nil && !answered {
		return nil, wait, nil
	}
	key, known := s.keys[kid]
	switch {
	case known && key.algorithm == algorithm:
		return key.key, nil, nil
	case known:
		return nil, nil, fmt.Errorf("%w: it is declared for another algorithm", ErrUnknownKey)
	case answered && s.failures == 0:
		return nil, nil, ErrUnknownKey
	case !answered:
		if wait := s.refetch(now); wait != nil {
			return nil, wait, nil
		}
	}
	if s.failures > 0 {
		return nil, nil, s.unavailable() // it may be a new key, and the token good
	}
	return nil, nil, ErrUnknownKey
}

func (s *keySet) unavailable() error {
	if s.err == nil {
		return ErrNoKeys
	}
	return fmt.Errorf("%w: %w", ErrNoKeys, s.err)
}

// keepFresh starts a refresh of stale keys, which go on serving meanwhile. Only after a pause in which
// nobody asked does it return the flight to wait for: else the first to come after a quiet night would
// be let in by a key that the issuer revoked hours ago. In an outage nobody waits.
func (s *keySet) keepFresh(now time.Time) <-chan struct{} {
	if now.Before(s.freshUntil) {
		return nil
	}
	wait := s.refresh(now)
	if s.failures > 0 || now.Before(s.freshUntil.Add(fetchTimeout)) {
		return nil
	}
	return wait
}

// refetch is a refresh for an unknown kid, if the allowance has one left or a flight is on its way.
func (s *keySet) refetch(now time.Time) <-chan struct{} {
	if s.flight != nil {
		return s.flight
	}
	paid := s.paidUntil
	if paid.Before(now) {
		paid = now
	}
	if paid.Sub(now) > (refetchBurst-1)*refetchEvery {
		return nil
	}
	wait := s.refresh(now)
	if wait != nil {
		s.paidUntil = paid.Add(refetchEvery)
	}
	return wait
}

// refresh returns the flight that runs, or starts one, or returns nil while attempts pause after a failure.
func (s *keySet) refresh(now time.Time) <-chan struct{} {
	if s.flight == nil {
		if now.Before(s.retryAt) {
			return nil
		}
		s.started++
		s.flight = make(chan struct{})
		go s.fly(now)
	}
	return s.flight
}

// fly fetches once, for everybody: no single request's end stops it.
func (s *keySet) fly(began time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	got, err := s.source.fetch(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(got, err, began)
	s.finished++
	close(s.flight)
	s.flight = nil
}

// settle takes over what a fetch brought. Times count from its start, so that the set is never held
// longer than the issuer meant. A failed fetch changes no key.
func (s *keySet) settle(got fetched, err error, began time.Time) {
	s.err = err
	if err != nil {
		s.failures++
		s.retryAt = s.now().Add(min(time.Second<<min(s.failures-1, 10), maxPause))
		return
	}
	s.failures, s.retryAt = 0, time.Time{}
	if got.keys != nil {
		s.keys = got.keys
	}
	s.fetchedAt, s.freshUntil = began, began.Add(got.freshFor)
}
