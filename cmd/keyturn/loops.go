package main

import (
	"context"
	"runtime/debug"
	"time"

	"keyturn/storage"
)

const (
	sweepBatch = 500
	// sweepRounds bounds one sweep, so that a backlog leaves over several intervals beside the traffic.
	sweepRounds = 100
)

// keepKeys follows changes of keys, clients and resources that other instances or the command line make, and
// keeps the next keys published.
func (s *server) keepKeys(ctx context.Context) { s.keys.Run(ctx, s.changes) }

// changes reads the counter and, where it moved, clients, resources and whether groups demand a level, before the
// keys: the former may need keys of another algorithm, or that verify for longer, and must not wait for the next
// maintenance.
func (s *server) changes(ctx context.Context) (int64, error) {
	counter, err := s.db.Changes(ctx)
	if err != nil {
		return counter, err
	}
	if err := s.clients.Follow(ctx, counter); err != nil || counter == s.seenChanges {
		return counter, err
	}
	if err := s.issuer.LoadResources(ctx); err != nil {
		return counter, err
	}
	if len(s.keys.Plan()) > 0 {
		if err := s.keys.Maintain(ctx); err != nil {
			return counter, err
		}
	}
	s.seenChanges = counter
	return counter, nil
}

// measureHashing learns what a password check costs, so that failed sign-ins take equally long. The
// memory of these hashes, half of what an idle process has, is given back at once: the collector
// would leave it for minutes.
func (s *server) measureHashing(ctx context.Context) {
	if err := s.accounts.Measure(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn("password schemes not measured yet", "error", err)
	}
	debug.FreeOSMemory()
}

// sweep removes what has expired, in small batches.
func (s *server) sweep(ctx context.Context) {
	ticker := time.NewTicker(s.config.SweepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s.sweepOnce(ctx)
	}
}

func (s *server) sweepOnce(ctx context.Context) {
	limits := storage.SweepLimits{
		Batch: sweepBatch, Leeway: s.config.Leeway + time.Minute,
		ThrottleAge: 24 * time.Hour, KnownAge: 180 * 24 * time.Hour, RefusalAge: s.config.refusalAge(),
		SessionIdle: s.config.SessionIdle,
	}
	for range sweepRounds {
		swept, err := s.db.Sweep(ctx, limits)
		if err != nil && ctx.Err() == nil {
			s.log.Warn("sweep", "error", err)
		}
		if err != nil || !swept.More {
			return
		}
	}
}

// sendLetters sends what is queued, where there is mail.
func (s *server) sendLetters(ctx context.Context) {
	if s.post != nil {
		s.post.Run(ctx)
	}
}
