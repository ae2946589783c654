package main

import (
	"context"
	"errors"
	"time"

	"keyturn/audit"
	"keyturn/audit/sentence"
	"keyturn/storage"
)

const (
	// sealInterval is how long an event waits for its seal at most, while a server runs.
	sealInterval = 3 * time.Second
	sealBatch    = 500
	// sealRounds bounds one turn, so that a backlog leaves over several beside the traffic.
	sealRounds = 100
	// pruneInterval is how often old rows leave, and how often the log tells of the head.
	pruneInterval = time.Hour
	// sealingStalled is the age of an unsealed event from which readiness warns.
	sealingStalled = time.Minute
	// refusalAge is how long counts of refusals are kept at most.
	refusalAge = 90 * 24 * time.Hour
)

// auditKeeper seals the audit log, and remembers the newest seal that it saw: one that changes afterwards was
// rewritten, whoever did it.
type auditKeeper struct {
	*app
	seen audit.Head
	// broken and rewritten tell that an alarm was raised, so that it is not raised every few seconds.
	broken, rewritten bool
	pruneAt           time.Time
}

// keepAudit seals what was recorded, and removes what is old. Any number of instances may do so at once.
func (s *server) keepAudit(ctx context.Context) {
	k := &auditKeeper{app: s.app}
	ticker := time.NewTicker(sealInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := k.turn(ctx); err != nil && ctx.Err() == nil {
			k.log.Warn("seal the audit log", "error", err)
		}
	}
}

// turn is one round of all of it.
func (k *auditKeeper) turn(ctx context.Context) error {
	if err := k.compare(ctx); err != nil {
		return err
	}
	if err := k.seal(ctx); err != nil {
		return err
	}
	tail, err := k.db.AuditTail(ctx)
	if err != nil {
		return err
	}
	k.auditTail.Store(&tail)
	if now := time.Now(); now.After(k.pruneAt) {
		k.pruneAt = now.Add(pruneInterval)
		if k.seen.Number > 0 {
			k.log.Info("audit log sealed", "seal", k.seen.Number, "hash", k.seen.Hash.String())
		}
		return k.prune(ctx)
	}
	return nil
}

// compare looks for the seal that was the newest the last time, and remembers the newest of now.
func (k *auditKeeper) compare(ctx context.Context) error {
	if k.seen.Number > 0 {
		same, err := k.db.HoldsSeal(ctx, k.seen)
		if err != nil {
			return err
		}
		if !same && !k.rewritten {
			k.alarm("the audit log was rewritten or the database went back in time; run keyturn audit verify", "noted", k.seen.String())
		}
		k.rewritten = !same
		if !same {
			return nil // what was seen is the note to verify by
		}
	}
	newest, err := k.db.NewestSeal(ctx)
	if err != nil || newest.Number == 0 {
		return err
	}
	k.seen = newest.Head()
	return nil
}

func (k *auditKeeper) seal(ctx context.Context) error {
	for range sealRounds {
		sealed, err := k.db.SealAudit(ctx, sealBatch, k.keys.Master)
		if errors.Is(err, audit.ErrChainBroken) {
			if !k.broken {
				k.alarm("the audit log can't be sealed; run keyturn audit verify", "error", err)
			}
			k.broken = true
			return nil
		}
		if err != nil {
			return err
		}
		k.broken = false
		if !sealed.More {
			return nil
		}
	}
	return nil
}

func (k *auditKeeper) prune(ctx context.Context) error {
	if k.config.AuditRetention == 0 {
		return nil
	}
	var all storage.Pruned
	for range sealRounds {
		pruned, err := k.db.PruneAudit(ctx, k.config.AuditRetention)
		if err != nil {
			return err
		}
		all.Events, all.Through = all.Events+pruned.Events, max(all.Through, pruned.Through)
		if !pruned.More {
			break
		}
	}
	if all.Through > 0 {
		k.log.Info("old rows of the audit log removed", "events", all.Events, "through_seal", all.Through)
	}
	return nil
}

func (k *auditKeeper) alarm(text string, more ...any) {
	k.alarms.Add(1)
	k.log.Error("alarm: "+text, more...)
}

// refusalAge is how long counts of refusals are kept.
func (c *Config) refusalAge() time.Duration {
	if c.AuditRetention > 0 {
		return min(refusalAge, c.AuditRetention)
	}
	return refusalAge
}

// tailAge is how long the oldest unsealed event has waited, by what was read last.
func (a *app) tailAge(now time.Time) time.Duration {
	tail := a.auditTail.Load()
	if tail == nil || tail.Oldest.IsZero() {
		return 0
	}
	return max(0, now.Sub(tail.Oldest))
}

// checkAudit warns where nothing seals: events are recorded all the same.
func (a *app) checkAudit(ctx context.Context) check {
	tail, err := a.db.AuditTail(ctx)
	if err != nil {
		return check{"audit", "warning", sentence.Say("the log can't be read")}
	}
	if age := time.Since(tail.Oldest).Round(time.Second); tail.Events > 0 && age > sealingStalled {
		return check{"audit", "warning", sentence.Say("the oldest unsealed event is from %s ago; see the log", age)}
	}
	return check{Name: "audit", Status: "ok"}
}
