package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"keyturn/audit"
)

const (
	// refusalSlack is how long after its end a minute is sealed. A refusal is one statement, which takes the minute
	// at which it began; this is longer than any may last.
	refusalSlack = 5 * time.Minute
	// refusalBatch is the most rows of refusals of one seal, except that a minute is sealed as a whole.
	refusalBatch = 5000
)

const (
	sealColumns = `number, at, complete_at, refusals_through, previous, body, hash, tag, events, refusals, pruned_at`
	// somethingToSeal spares the lock where there is nothing; a minute without refusals is sealed with the next that has some.
	somethingToSeal statement = `SELECT EXISTS (SELECT 1 FROM audit_unsealed) OR EXISTS (SELECT 1 FROM audit_refusals
		WHERE minute > COALESCE((SELECT refusals_through FROM audit_seals ORDER BY number DESC LIMIT 1), 0) AND minute <= (SELECT {now} - CAST(? AS BIGINT)))`
	lockSealing    statement = `SELECT id FROM audit_sealing WHERE id = 1 {for update skip locked}`
	waitForSealing statement = `SELECT id FROM audit_sealing WHERE id = 1 {for update}`
	retagSeal      statement = `UPDATE audit_seals SET tag = ? WHERE number = ?`
	newestSeal     statement = `SELECT ` + sealColumns + ` FROM audit_seals ORDER BY number DESC LIMIT 1`
	insertSeal     statement = `INSERT INTO audit_seals (` + sealColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)`

	unsealedIDs statement = `SELECT id FROM audit_unsealed ORDER BY id LIMIT ?`
	eventsByID  statement = `SELECT ` + eventColumns + ` FROM audit_log WHERE id IN ` + idList + ` ORDER BY id`
	markSealed  statement = `DELETE FROM audit_unsealed WHERE id IN ` + idList

	minuteRefusals  statement = `SELECT minute, account, address, reason, count FROM audit_refusals WHERE minute = ?`
	refusalsBetween statement = `SELECT minute, account, address, reason, count FROM audit_refusals WHERE minute > ? AND minute <= ? ORDER BY minute LIMIT ?`
)

// idList is the numbers of a JSON array, which is one argument on both databases.
const idList = `(SELECT CAST(value AS BIGINT) FROM {postgres json_array_elements_text(CAST(}{sqlite json_each(}?{postgres  AS json)}))`

func numbers(ids []int64) string {
	text, err := json.Marshal(append([]int64{}, ids...)) // none is [], not null
	if err != nil {
		panic(err) // numbers
	}
	return string(text)
}

type sealRow struct {
	Number          int64  `db:"number"`
	At              micros `db:"at"`
	CompleteAt      int64  `db:"complete_at"`
	RefusalsThrough int64  `db:"refusals_through"`
	Previous        []byte `db:"previous"`
	Body            []byte `db:"body"`
	Hash            []byte `db:"hash"`
	Tag             []byte `db:"tag"`
	Events          []byte `db:"events"`
	Refusals        []byte `db:"refusals"`
	PrunedAt        micros `db:"pruned_at"`
}

// seal reads the row as it is. What can't be read is left empty: its hashes then tell.
func (r sealRow) seal() audit.Seal {
	s := audit.Seal{
		Number: r.Number, At: r.At.Time, CompleteAt: timeOf(r.CompleteAt), RefusalsThrough: timeOf(r.RefusalsThrough), Tag: r.Tag, PrunedAt: r.PrunedAt.Time,
	}
	copy(s.Previous[:], r.Previous)
	copy(s.Body[:], r.Body)
	copy(s.Hash[:], r.Hash)
	s.Events, _ = audit.ParseMarks(r.Events)
	s.Refusals, _ = audit.ParseMarks(r.Refusals)
	return s
}

// timeOf is the reverse of orZero.
func timeOf(micro int64) time.Time {
	if micro == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micro).UTC()
}

// Sealed tells what one SealAudit did.
type Sealed struct {
	// Seal is the number of the new seal, 0 where nothing was sealed.
	Seal             int64
	Events, Refusals int
	// More tells that a batch was full: there may be more to seal.
	More bool
}

// SealAudit seals one batch of committed rows of the audit log that no seal covers yet, at most batch events
// among them: those that waited longest by id, and those that were committed late. Of any number of callers one
// seals, the others return at once with nothing, and no writer of the log waits for it. The batch and its seal
// are one transaction. audit.ErrChainBroken where the newest seal is not one of by's.
func (d *DB) SealAudit(ctx context.Context, batch int, by audit.Tagger) (Sealed, error) {
	var there bool
	if err := d.reading().get(ctx, &there, somethingToSeal, (time.Minute + refusalSlack).Microseconds()); err != nil || !there {
		return Sealed{}, translate(err, nil)
	}
	var done Sealed
	err := d.transact(ctx, func(s session) (err error) {
		done = Sealed{}
		if mine, err := s.lockSealing(ctx); err != nil || !mine {
			return err
		}
		done, err = s.sealBatch(ctx, batch, by)
		return err
	})
	if err != nil {
		return Sealed{}, translate(err, nil)
	}
	return done, nil
}

// RetagAudit tags the newest seal again, by the first identity of by, which must know its tag: it vouches for all the
// seals before it. It waits for a sealer.
func (d *DB) RetagAudit(ctx context.Context, by audit.Tagger) error {
	return translate(d.transact(ctx, func(s session) error {
		var id int64
		if err := s.get(ctx, &id, waitForSealing); err != nil {
			return err
		}
		last, err := s.newestSeal(ctx)
		if err != nil || last.Number == 0 {
			return err
		}
		if !last.Intact(by) {
			return fmt.Errorf("seal %d: %w", last.Number, audit.ErrChainBroken)
		}
		_, err = s.exec(ctx, retagSeal, by.TagSeal(last.Hash[:]), last.Number)
		return err
	}), nil)
}

// lockSealing tells whether nobody else seals or prunes until the end of the transaction.
func (s session) lockSealing(ctx context.Context) (bool, error) {
	var id int64
	err := s.get(ctx, &id, lockSealing)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func (s session) sealBatch(ctx context.Context, batch int, by audit.Tagger) (Sealed, error) {
	last, err := s.newestSeal(ctx)
	if err != nil {
		return Sealed{}, err
	}
	if last.Number > 0 && !last.Intact(by) {
		return Sealed{}, fmt.Errorf("seal %d: %w", last.Number, audit.ErrChainBroken)
	}
	var now micros // before the rows are read: what was committed until then is among them
	if err := s.get(ctx, &now, databaseNow); err != nil {
		return Sealed{}, err
	}
	next := audit.Seal{At: now.Time, CompleteAt: now.Time}
	events, err := s.unsealed(ctx, batch)
	if err != nil {
		return Sealed{}, err
	}
	done := Sealed{Events: len(events), More: len(events) == batch}
	if done.More {
		next.CompleteAt = last.CompleteAt // what waits behind them is older than now, too
	}
	refusals, through, more, err := s.unsealedRefusals(ctx, last.RefusalsThrough, now.Time)
	if err != nil {
		return Sealed{}, err
	}
	done.Refusals, done.More, next.RefusalsThrough = len(refusals), done.More || more, through
	if done.Events == 0 && done.Refusals == 0 {
		return Sealed{}, nil
	}
	next.Events, next.Refusals = events, audit.MarkRefusals(refusals)
	next = last.Next(next, by)
	done.Seal = next.Number
	return done, s.storeSeal(ctx, next)
}

func (s session) newestSeal(ctx context.Context) (audit.Seal, error) {
	var row sealRow
	err := s.get(ctx, &row, newestSeal)
	if errors.Is(err, sql.ErrNoRows) {
		return audit.Seal{}, nil
	}
	return row.seal(), err
}

// unsealed are the marks of the next events to be sealed.
func (s session) unsealed(ctx context.Context, batch int) (audit.Marks, error) {
	var ids []int64
	if err := s.all(ctx, &ids, unsealedIDs, batch); err != nil || len(ids) == 0 {
		return nil, err
	}
	events, err := s.eventsByID(ctx, ids)
	return audit.MarkEvents(ids, events), err
}

func (s session) eventsByID(ctx context.Context, ids []int64) ([]audit.Event, error) {
	var rows []eventRow
	if err := s.all(ctx, &rows, eventsByID, numbers(ids)); err != nil {
		return nil, err
	}
	events := make([]audit.Event, len(rows))
	for i, row := range rows {
		events[i] = row.asItIs()
	}
	return events, nil
}

// unsealedRefusals are those of whole minutes that are over, from the one after after to through.
func (s session) unsealedRefusals(ctx context.Context, after, now time.Time) (found []audit.RefusalCount, through time.Time, more bool, err error) {
	through = now.Add(-time.Minute - refusalSlack).Truncate(time.Minute).UTC()
	if !through.After(after) {
		return nil, after, false, nil
	}
	var rows []refusalRow
	if err := s.all(ctx, &rows, refusalsBetween, micros{after}.orZero(), micros{through}, refusalBatch); err != nil {
		return nil, time.Time{}, false, err
	}
	if len(rows) < refusalBatch {
		return refusalCounts(rows), through, false, nil
	}
	last := rows[len(rows)-1].Minute // of which there may be more
	for n := len(rows); n > 0 && rows[n-1].Minute.Equal(last.Time); n-- {
		rows = rows[:n-1]
	}
	if len(rows) > 0 {
		return refusalCounts(rows), rows[len(rows)-1].Minute.Time, true, nil
	}
	err = s.all(ctx, &rows, minuteRefusals, last)
	return refusalCounts(rows), last.Time, true, err
}

func (s session) storeSeal(ctx context.Context, seal audit.Seal) error {
	_, err := s.exec(ctx, insertSeal, seal.Number, micros{seal.At}, micros{seal.CompleteAt}.orZero(), micros{seal.RefusalsThrough}.orZero(),
		seal.Previous[:], seal.Body[:], seal.Hash[:], seal.Tag, seal.Events.Bytes(), seal.Refusals.Bytes())
	if err != nil || len(seal.Events) == 0 {
		return err
	}
	marked, err := s.exec(ctx, markSealed, numbers(seal.Events.Keys()))
	if err == nil && marked != int64(len(seal.Events)) {
		err = fmt.Errorf("storage: %d events sealed, %d were waiting", len(seal.Events), marked)
	}
	return err
}
