package storage

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

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

// The columns of an event.
const eventColumns = `id, at, action, actor_kind, actor_id, address, request_id, subject_kind, subject_id, reason, details`

const (
	eventTime   statement = `SELECT at FROM audit_log WHERE id = ?`
	listEvents  statement = `SELECT ` + eventColumns + ` FROM audit_log WHERE TRUE`
	latestFirst statement = ` ORDER BY at DESC, id DESC LIMIT ?`
	// Read back from where a page ends.
	earliestFirst statement = ` ORDER BY at, id LIMIT ?`
)

// AuditEvents lists what happened, newest first. Only the oldest events leave: a page after one that has left is empty,
// and a page before one is the last of all.
func (d *DB) AuditEvents(ctx context.Context, q audit.Query) ([]audit.Event, error) {
	var at micros // of the event that the page begins or ends at
	if cursor := cmp.Or(q.Before, q.After); cursor != 0 {
		err := d.reading().get(ctx, &at, eventTime, cursor)
		if errors.Is(err, sql.ErrNoRows) && q.Before == 0 {
			return []audit.Event{}, nil
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, translate(err, nil)
		}
	}
	var rows []eventRow
	st, args, err := d.eventsStatement(ctx, q, at)
	if err == nil {
		err = d.reading().all(ctx, &rows, st, args...)
	}
	if err != nil {
		return nil, translate(err, nil)
	}
	events := make([]audit.Event, len(rows))
	for i, row := range inOrder(rows, q.Before != 0) {
		var err error
		if events[i], err = row.event(); err != nil {
			return nil, err
		}
	}
	return events, nil
}

// knownActions are all actions in the log, each found by one step in the index.
const knownActions statement = `WITH RECURSIVE known(action) AS (SELECT MIN(action) FROM audit_log
	UNION ALL SELECT (SELECT MIN(l.action) FROM audit_log l WHERE l.action > known.action) FROM known WHERE known.action IS NOT NULL)
	SELECT action FROM known WHERE action IS NOT NULL ORDER BY action`

// eventsStatement is the statement of a query, with its arguments. For actions with a prefix alone, which may be rare
// and old, it reads a page of each action and takes the newest of them: that no index is in the order of.
func (d *DB) eventsStatement(ctx context.Context, q audit.Query, at micros) (statement, []any, error) {
	if q.Prefix == "" || q.Action != "" || q.ActorID != "" || q.SubjectID != "" || q.Address != "" {
		st, args := eventsWhere(q, at)
		return st, args, nil
	}
	var actions []audit.Action
	if err := d.reading().all(ctx, &actions, knownActions); err != nil {
		return "", nil, err
	}
	actions = slices.DeleteFunc(actions, func(a audit.Action) bool { return !strings.HasPrefix(string(a), q.Prefix) })
	switch {
	case len(actions) == 0:
		actions = []audit.Action{audit.Action(q.Prefix)} // of which there is nothing
	case len(actions) > maxBranches:
		st, args := eventsWhere(q, at)
		return st, args, nil
	}
	st, args := eventsOfEach(q, actions, at)
	return st, args, nil
}

// maxBranches keeps a statement within SQLite's 500 terms, and the number of statements small.
const maxBranches = 100

func eventsOfEach(q audit.Query, actions []audit.Action, at micros) (st statement, args []any) {
	q.Prefix = ""
	for i, action := range actions {
		q.Action = action
		one, its := eventsWhere(q, at)
		if i > 0 {
			st += ` UNION ALL `
		}
		st, args = st+`SELECT * FROM (`+one+`) one`, append(args, its...)
	}
	return `SELECT ` + eventColumns + ` FROM (` + st + `) found` + orderOf(q), append(args, page(q.Limit))
}

// eventsWhere puts the statement together from what is asked for and no more, so that an index serves it on both
// databases.
func eventsWhere(q audit.Query, at micros) (statement, []any) {
	st, args := listEvents, []any{}
	for _, part := range []struct {
		asked     bool
		condition statement
		args      []any
	}{
		{q.Action != "", ` AND action = ?`, []any{string(q.Action)}},
		{q.Prefix != "", ` AND substr(action, 1, length(CAST(? AS TEXT))) = ?`, []any{q.Prefix, q.Prefix}},
		{q.ActorID != "", ` AND actor_id = ?`, []any{q.ActorID}},
		{q.SubjectKind != "", ` AND subject_kind = ?`, []any{q.SubjectKind}},
		{q.SubjectID != "", ` AND subject_id = ?`, []any{q.SubjectID}},
		{q.Address != "", ` AND address = ?`, []any{q.Address}},
		{!q.Since.IsZero(), ` AND at >= ?`, []any{micros{q.Since}}},
		{!q.Until.IsZero(), ` AND at < ?`, []any{micros{q.Until}}},
		{q.After != 0 && q.Before == 0, ` AND (at, id) < (?, ?)`, []any{at.orZero(), q.After}},
		{q.Before != 0, ` AND (at, id) > (?, ?)`, []any{at.orZero(), q.Before}},
	} {
		if part.asked {
			st, args = st+part.condition, append(args, part.args...)
		}
	}
	return st + orderOf(q), append(args, page(q.Limit))
}

// orderOf is the order in which a page is read.
func orderOf(q audit.Query) statement {
	if q.Before != 0 {
		return earliestFirst
	}
	return latestFirst
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

// asItIs is event for the chain, which must not stop at a row whose details can't be read: such a row was altered,
// and its digest is another than any that Keyturn wrote.
func (r eventRow) asItIs() audit.Event {
	e, err := r.event()
	if err != nil {
		r.Details, e = "", audit.Event{}
		e, _ = r.event()
		e.Reason += "\x00unreadable details"
	}
	return e
}

const addRefusal statement = `INSERT INTO audit_refusals (minute, account, address, reason, count)
	VALUES (({now} / 60000000) * 60000000, ?, ?, ?, 1)
	ON CONFLICT (minute, account, address, reason) DO UPDATE SET count = audit_refusals.count + 1`

// AddRefusal implements accounts.Store.
func (d *DB) AddRefusal(ctx context.Context, r audit.Refusal) error {
	return d.execOnce(ctx, addRefusal, r.Account, r.Address, r.Reason)
}

const (
	// The bound that all are below keeps SQLite from reading the whole table to sort it.
	listRefusals  statement = `SELECT minute, account, address, reason, count FROM audit_refusals WHERE minute < 9223372036854775807`
	latestMinutes statement = ` ORDER BY minute DESC, account, address, reason LIMIT ?`
)

// Refusals lists refusals that changed nothing.
func (d *DB) Refusals(ctx context.Context, q audit.RefusalQuery) ([]audit.RefusalCount, error) {
	st, args := listRefusals, []any{}
	after := micros{q.After.Minute}
	for _, part := range []struct {
		asked     bool
		condition statement
		args      []any
	}{
		{!q.Since.IsZero(), ` AND minute >= ?`, []any{micros{q.Since}}},
		{!q.Until.IsZero(), ` AND minute < ?`, []any{micros{q.Until}}},
		{q.Account != "", ` AND account = ?`, []any{q.Account}},
		{!after.IsZero(), ` AND minute <= ? AND (minute < ? OR (account, address, reason) > (?, ?, ?))`,
			[]any{after, after, q.After.Account, q.After.Address, q.After.Reason}},
	} {
		if part.asked {
			st, args = st+part.condition, append(args, part.args...)
		}
	}
	var rows []refusalRow
	if err := d.reading().all(ctx, &rows, st+latestMinutes, append(args, page(q.Limit))...); err != nil {
		return nil, translate(err, nil)
	}
	return refusalCounts(rows), nil
}

type refusalRow struct {
	Minute  micros `db:"minute"`
	Account string `db:"account"`
	Address string `db:"address"`
	Reason  string `db:"reason"`
	Count   int64  `db:"count"`
}

func refusalCounts(rows []refusalRow) []audit.RefusalCount {
	counts := make([]audit.RefusalCount, len(rows))
	for i, r := range rows {
		counts[i] = audit.RefusalCount{
			Refusal: audit.Refusal{Account: r.Account, Address: r.Address, Reason: r.Reason}, Minute: r.Minute.Time, Count: r.Count,
		}
	}
	return counts
}

const usernamesOf statement = `SELECT id, username FROM users WHERE id IN (SELECT value FROM {postgres json_array_elements_text(CAST(}{sqlite json_each(}?{postgres  AS json)}))`

// UsernamesOf implements audit.Store.
func (d *DB) UsernamesOf(ctx context.Context, ids []string) (map[string]string, error) {
	names := map[string]string{}
	if len(ids) == 0 {
		return names, nil
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	var rows []struct {
		ID       string `db:"id"`
		Username string `db:"username"`
	}
	if err := d.reading().all(ctx, &rows, usernamesOf, string(list)); err != nil {
		return nil, translate(err, nil)
	}
	for _, row := range rows {
		names[row.ID] = row.Username
	}
	return names, nil
}

// page keeps the size of a page within what one answer should hold.
func page(limit int) int64 { return int64(min(max(limit, 1), 1000)) }
