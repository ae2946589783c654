package storage

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"keyturn/audit"
)

const insertEvent statement = `INSERT INTO audit_log
	(at, action, actor_kind, actor_id, address, request_id, subject_kind, subject_id, reason, details)
	VALUES ({now}, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// record writes an event in the caller's transaction.
func (s session) record(ctx context.Context, e audit.Event) error {
	details := ""
	if len(e.Details) > 0 {
		text, err := json.Marshal(e.Details)
		if err != nil {
			return err
		}
		details = string(text)
	}
	_, err := s.exec(ctx, insertEvent, string(e.Action), string(e.Actor.Kind), e.Actor.ID, e.Actor.Address,
		e.Actor.RequestID, e.SubjectKind, e.SubjectID, cmp.Or(e.Reason, e.Actor.Why), details)
	if err != nil {
		return fmt.Errorf("record %s: %w", e.Action, err)
	}
	return nil
}

// RecordEvent implements issuer.Store.
func (d *DB) RecordEvent(ctx context.Context, e audit.Event) error {
	return translate(d.once(ctx, func(s session) error { return s.record(ctx, e) }), nil)
}

// AuditQuery selects events, newest first; empty fields select all.
type AuditQuery struct {
	Action                          audit.Action
	ActorID, SubjectKind, SubjectID string
	// Before is the ID of the last event of the page before, 0 for the first (keyset paging).
	Before int64
	// Limit is 1 to 1000.
	Limit int
}

type eventRow struct {
	ID          int64  `db:"id"`
	At          micros `db:"at"`
	Action      string `db:"action"`
	ActorKind   string `db:"actor_kind"`
	ActorID     string `db:"actor_id"`
	Address     string `db:"address"`
	RequestID   string `db:"request_id"`
	SubjectKind string `db:"subject_kind"`
	SubjectID   string `db:"subject_id"`
	Reason      string `db:"reason"`
	Details     string `db:"details"`
}

const selectEvents statement = `SELECT id, at, action, actor_kind, actor_id, address, request_id, subject_kind, subject_id, reason, details
	FROM audit_log
	WHERE (CAST(? AS BIGINT) = 0 OR id < CAST(? AS BIGINT)) AND (CAST(? AS TEXT) = '' OR action = ?)
		AND (CAST(? AS TEXT) = '' OR actor_id = ?)
		AND (CAST(? AS TEXT) = '' OR subject_kind = ?) AND (CAST(? AS TEXT) = '' OR subject_id = ?)
	ORDER BY id DESC LIMIT ?`

// AuditEvents lists what happened.
func (d *DB) AuditEvents(ctx context.Context, q AuditQuery) ([]audit.Event, error) {
	var rows []eventRow
	action := string(q.Action)
	err := d.reading().all(ctx, &rows, selectEvents, q.Before, q.Before, action, action, q.ActorID, q.ActorID,
		q.SubjectKind, q.SubjectKind, q.SubjectID, q.SubjectID, page(q.Limit))
	if err != nil {
		return nil, translate(err, nil)
	}
	events := make([]audit.Event, len(rows))
	for i, row := range rows {
		if events[i], err = row.event(); err != nil {
			return nil, err
		}
	}
	return events, nil
}

func (r eventRow) event() (audit.Event, error) {
	e := audit.Event{
		ID: r.ID, At: r.At.Time, Action: audit.Action(r.Action),
		Actor:       audit.Actor{Kind: audit.ActorKind(r.ActorKind), ID: r.ActorID, Address: r.Address, RequestID: r.RequestID},
		SubjectKind: r.SubjectKind, SubjectID: r.SubjectID, Reason: r.Reason,
	}
	if r.Details != "" {
		if err := json.Unmarshal([]byte(r.Details), &e.Details); err != nil {
			return audit.Event{}, fmt.Errorf("storage: details of event %d: %w", r.ID, err)
		}
	}
	return e, nil
}

const addRefusal statement = `INSERT INTO audit_refusals (minute, account, address, reason, count)
	VALUES (({now} / 60000000) * 60000000, ?, ?, ?, 1)
	ON CONFLICT (minute, account, address, reason) DO UPDATE SET count = audit_refusals.count + 1`

// AddRefusal implements accounts.Store.
func (d *DB) AddRefusal(ctx context.Context, r audit.Refusal) error {
	return d.execOnce(ctx, addRefusal, r.Account, r.Address, r.Reason)
}

// RefusalCount is how often a refusal happened in one minute.
type RefusalCount struct {
	audit.Refusal
	// Minute is its beginning.
	Minute time.Time
	Count  int64
}

// RefusalQuery selects refusals of the minutes that began in [Since, Until), newest first.
type RefusalQuery struct {
	// Account is empty for all.
	Account      string
	Since, Until time.Time
	// Limit is 1 to 1000.
	Limit int
}

const selectRefusals statement = `SELECT minute, account, address, reason, count FROM audit_refusals
	WHERE minute >= CAST(? AS BIGINT) AND minute < CAST(? AS BIGINT) AND (CAST(? AS TEXT) = '' OR account = ?)
	ORDER BY minute DESC, account, address, reason LIMIT ?`

// Refusals lists refusals that changed nothing.
func (d *DB) Refusals(ctx context.Context, q RefusalQuery) ([]RefusalCount, error) {
	var rows []struct {
		Minute  micros `db:"minute"`
		Account string `db:"account"`
		Address string `db:"address"`
		Reason  string `db:"reason"`
		Count   int64  `db:"count"`
	}
	err := d.reading().all(ctx, &rows, selectRefusals, micros{q.Since}.orZero(), micros{q.Until}.orZero(), q.Account, q.Account, page(q.Limit))
	if err != nil {
		return nil, translate(err, nil)
	}
	counts := make([]RefusalCount, len(rows))
	for i, r := range rows {
		counts[i] = RefusalCount{audit.Refusal{Account: r.Account, Address: r.Address, Reason: r.Reason}, r.Minute.Time, r.Count}
	}
	return counts, nil
}

// page keeps the size of a page within what one answer should hold.
func page(limit int) int64 { return int64(min(max(limit, 1), 1000)) }
