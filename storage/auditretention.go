package storage

import (
	"context"
	"strconv"
	"time"

	"keyturn/audit"
)

// pruneRows is about how many events leave in one transaction.
const pruneRows = 5000

const (
	sealsToPrune statement = `SELECT ` + sealColumns + ` FROM audit_seals WHERE pruned_at IS NULL AND at < ? ORDER BY number LIMIT 1000`
	allowRemoval statement = `UPDATE audit_sealing SET remove_before = ? WHERE id = 1 AND remove_before < ?`
	removeEvents statement = `DELETE FROM audit_log WHERE id IN ` + idList
	pruneCounts  statement = `DELETE FROM audit_refusals WHERE minute <= ?`
	pruneSeal    statement = `UPDATE audit_seals SET events = ?, refusals = ?, pruned_at = {now} WHERE number = ?`
	dropSeals    statement = `DELETE FROM audit_seals WHERE number < ?`
)

// Pruned counts what one PruneAudit removed.
type Pruned struct {
	// Through is the newest seal whose rows left, 0 for none.
	Through int64
	Seals   int
	Events  int64
	// More tells that there may be more to remove.
	More bool
}

// PruneAudit removes whole sealed batches from the oldest on whose seal was made more than age ago, with their
// seals but for the newest of these, which stays without its marks: the chain goes on from its hash. That it
// happened is recorded in the same transaction. Of any number of callers one works. Call again while Pruned.More.
func (d *DB) PruneAudit(ctx context.Context, age time.Duration) (Pruned, error) {
	now, err := d.Now(ctx)
	if err != nil {
		return Pruned{}, err
	}
	before := micros{now.Add(-age)}
	var done Pruned
	err = d.transact(ctx, func(s session) error {
		done = Pruned{}
		if mine, err := s.lockSealing(ctx); err != nil || !mine {
			return err
		}
		return s.prune(ctx, before, &done)
	})
	if err != nil {
		return Pruned{}, translate(err, nil)
	}
	return done, nil
}

func (s session) prune(ctx context.Context, before micros, done *Pruned) error {
	var rows []sealRow
	if err := s.all(ctx, &rows, sealsToPrune, before); err != nil || len(rows) == 0 {
		return err
	}
	if _, err := s.exec(ctx, allowRemoval, before, before); err != nil {
		return err
	}
	var ids []int64
	var last audit.Seal
	for _, row := range rows {
		if len(ids) >= pruneRows {
			break
		}
		last = row.seal()
		ids = append(ids, last.Events.Keys()...)
		done.Seals++
	}
	done.Through, done.More = last.Number, done.Seals < len(rows) || len(rows) == 1000
	removed, err := s.exec(ctx, removeEvents, numbers(ids))
	if err != nil {
		return err
	}
	done.Events = removed
	if _, err := s.exec(ctx, pruneCounts, micros{last.RefusalsThrough}.orZero()); err != nil {
		return err
	}
	if _, err := s.exec(ctx, pruneSeal, []byte{}, []byte{}, last.Number); err != nil {
		return err
	}
	if _, err := s.exec(ctx, dropSeals, last.Number); err != nil {
		return err
	}
	return s.record(ctx, audit.Event{
		Action: audit.LogPruned, Actor: audit.Actor{Kind: audit.System}, SubjectKind: "audit", SubjectID: strconv.FormatInt(last.Number, 10), Reason: "retention",
		Details: map[string]string{"events": strconv.FormatInt(removed, 10)},
	})
}
