package storage

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"keyturn/audit"
)

const (
	oldestSeal  statement = `SELECT ` + sealColumns + ` FROM audit_seals ORDER BY number LIMIT 1`
	sealsAfter  statement = `SELECT ` + sealColumns + ` FROM audit_seals WHERE number > ? ORDER BY number LIMIT ?`
	allRefusals statement = `SELECT minute, account, address, reason, count FROM audit_refusals WHERE minute > ? AND minute <= ? ORDER BY minute`
	straysAfter statement = `SELECT id FROM audit_log l WHERE id > ? AND NOT EXISTS (SELECT 1 FROM audit_unsealed u WHERE u.id = l.id) ORDER BY id LIMIT ?`
	goneEvents  statement = `SELECT id FROM audit_unsealed u WHERE NOT EXISTS (SELECT 1 FROM audit_log l WHERE l.id = u.id) ORDER BY id LIMIT 1000`
	tailLength  statement = `SELECT COUNT(*) FROM audit_unsealed`
	tailOldest  statement = `SELECT l.at FROM audit_log l WHERE l.id = (SELECT MIN(id) FROM audit_unsealed)`
	tailEvents  statement = `SELECT id FROM audit_unsealed WHERE id > ? ORDER BY id LIMIT ?`
)

// OldestSeal implements audit.Log.
func (d *DB) OldestSeal(ctx context.Context) (audit.Seal, error) {
	var row sealRow
	err := d.reading().get(ctx, &row, oldestSeal)
	if errors.Is(err, sql.ErrNoRows) {
		return audit.Seal{}, nil
	}
	return row.seal(), translate(err, nil)
}

// NewestSeal is the last, the zero Seal for none.
func (d *DB) NewestSeal(ctx context.Context) (audit.Seal, error) {
	seal, err := d.reading().newestSeal(ctx)
	return seal, translate(err, nil)
}

// HoldsSeal tells whether the seal is there, or has left as retention says.
func (d *DB) HoldsSeal(ctx context.Context, h audit.Head) (bool, error) {
	var row sealRow
	err := d.reading().get(ctx, &row, sealsAfter, h.Number-1, 1)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, translate(err, nil)
	}
	seal := row.seal()
	return seal.Head() == h || seal.Number > h.Number && !seal.PrunedAt.IsZero(), nil
}

// SealsAfter implements audit.Log.
func (d *DB) SealsAfter(ctx context.Context, number int64, limit int) ([]audit.Seal, error) {
	var rows []sealRow
	if err := d.reading().all(ctx, &rows, sealsAfter, number, page(limit)); err != nil {
		return nil, translate(err, nil)
	}
	seals := make([]audit.Seal, len(rows))
	for i, row := range rows {
		seals[i] = row.seal()
	}
	return seals, nil
}

// BatchesOf implements audit.Log, with one statement for the events of all the seals and one for the refusals.
func (d *DB) BatchesOf(ctx context.Context, seals []audit.Seal, after time.Time) ([]audit.Batch, error) {
	if len(seals) == 0 {
		return nil, nil
	}
	var ids []int64
	for _, s := range seals {
		ids = append(ids, s.Events.Keys()...)
	}
	events, err := d.reading().eventsByID(ctx, ids)
	if err != nil {
		return nil, translate(err, nil)
	}
	byID := make(map[int64]audit.Event, len(events))
	for _, e := range events {
		byID[e.ID] = e
	}
	var rows []refusalRow
	if err := d.reading().all(ctx, &rows, allRefusals, micros{after}.orZero(), micros{seals[len(seals)-1].RefusalsThrough}.orZero()); err != nil {
		return nil, translate(err, nil)
	}
	refusals := refusalCounts(rows)
	batches := make([]audit.Batch, len(seals))
	for i, s := range seals {
		batches[i].Seal = s
		for _, id := range s.Events.Keys() {
			if e, there := byID[id]; there {
				batches[i].Events = append(batches[i].Events, e)
			}
		}
		n := slices.IndexFunc(refusals, func(r audit.RefusalCount) bool { return r.Minute.After(s.RefusalsThrough) })
		if n < 0 {
			n = len(refusals)
		}
		batches[i].Refusals, refusals = refusals[:n], refusals[n:]
	}
	return batches, nil
}

// StraysAfter implements audit.Log.
func (d *DB) StraysAfter(ctx context.Context, after int64, limit int) (ids []int64, err error) {
	err = d.reading().all(ctx, &ids, straysAfter, after, limit)
	return ids, translate(err, nil)
}

// GoneUnsealed implements audit.Log; it names a thousand at most.
func (d *DB) GoneUnsealed(ctx context.Context) (ids []int64, err error) {
	err = d.reading().all(ctx, &ids, goneEvents)
	return ids, translate(err, nil)
}

// AuditTail tells what no seal covers yet.
func (d *DB) AuditTail(ctx context.Context) (audit.Tail, error) {
	var tail audit.Tail
	if err := d.reading().get(ctx, &tail.Events, tailLength); err != nil {
		return audit.Tail{}, translate(err, nil)
	}
	var oldest micros
	err := d.reading().get(ctx, &oldest, tailOldest)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return audit.Tail{}, translate(err, nil)
	}
	tail.Oldest = oldest.Time
	return tail, nil
}

// UnsealedAfter are the next events by id that no seal covers yet.
func (d *DB) UnsealedAfter(ctx context.Context, after int64, limit int) ([]audit.Event, error) {
	var ids []int64
	if err := d.reading().all(ctx, &ids, tailEvents, after, page(limit)); err != nil {
		return nil, translate(err, nil)
	}
	events, err := d.reading().eventsByID(ctx, ids)
	return events, translate(err, nil)
}
