package storage

import (
	"context"

	"keyturn/accounts"
	"keyturn/audit"
)

const (
	// SQLite would read all that wait by another index, and sort them.
	waitingLetters = `SELECT ` + letterColumns + ` FROM letters {sqlite INDEXED BY letters_waiting} WHERE failed_at IS NULL`
	givenUpLetters = `SELECT ` + letterColumns + ` FROM letters WHERE failed_at IS NOT NULL`
	lettersAfter   = ` AND id > ? ORDER BY id LIMIT ?`
	lettersBefore  = ` AND id < ? ORDER BY id DESC LIMIT ?`

	oneLetter    statement = `SELECT ` + letterColumns + ` FROM letters WHERE id = ?`
	countLetters statement = `SELECT COUNT(CASE WHEN failed_at IS NULL THEN 1 END) AS waiting,
			COUNT(CASE WHEN failed_at IS NULL AND failure <> '' THEN 1 END) AS failing, COUNT(failed_at) AS failed,
			MIN(CASE WHEN failed_at IS NULL THEN queued_at END) AS oldest, {now} AS now
		FROM letters`

	retryLetter statement = `UPDATE letters SET queued_at = t.now, due_at = t.now, failed_at = NULL FROM (SELECT {now} AS now) t
		WHERE (failed_at IS NOT NULL OR failure <> '')` + letterOrAll
	dropLetter statement = `DELETE FROM letters WHERE failed_at IS NOT NULL` + letterOrAll
	// One letter, or all of them for the empty id.
	letterOrAll = ` AND (CAST(? AS TEXT) = '' OR id = ?) RETURNING ` + letterColumns

	letterExists statement = `SELECT EXISTS (SELECT 1 FROM letters WHERE id = ?)`
	dropWaiting  statement = `DELETE FROM letters WHERE id = ? RETURNING ` + letterColumns
)

// Letters lists the queue.
func (d *DB) Letters(ctx context.Context, q accounts.LetterQuery) ([]accounts.QueuedLetter, error) {
	var rows []letterRow
	st, args := lettersStatement(q)
	if err := d.reading().all(ctx, &rows, st, args...); err != nil {
		return nil, translate(err, nil)
	}
	letters := make([]accounts.QueuedLetter, len(rows))
	for n, row := range inOrder(rows, q.Before != "") {
		var err error
		if letters[n], err = row.letter(); err != nil {
			return nil, err
		}
	}
	return letters, nil
}

// Letter is one of the queue; accounts.ErrLetterNotFound where it is not there.
func (d *DB) Letter(ctx context.Context, id string) (accounts.QueuedLetter, error) {
	var row letterRow
	if err := d.reading().get(ctx, &row, oneLetter, id); err != nil {
		return accounts.QueuedLetter{}, translate(err, accounts.ErrLetterNotFound)
	}
	return row.letter()
}

// lettersStatement is the statement of a query, with its arguments.
func lettersStatement(q accounts.LetterQuery) (statement, []any) {
	var st statement = waitingLetters
	if q.Failed {
		st = givenUpLetters
	}
	if q.Before != "" {
		return st + lettersBefore, []any{q.Before, page(q.Limit)}
	}
	return st + lettersAfter, []any{q.After, page(q.Limit)}
}

// CountLetters tells how the queue stands.
func (d *DB) CountLetters(ctx context.Context) (accounts.LetterCounts, error) {
	var row struct {
		Waiting int64  `db:"waiting"`
		Failing int64  `db:"failing"`
		Failed  int64  `db:"failed"`
		Oldest  micros `db:"oldest"`
		Now     micros `db:"now"`
	}
	if err := d.reading().get(ctx, &row, countLetters); err != nil {
		return accounts.LetterCounts{}, translate(err, nil)
	}
	counts := accounts.LetterCounts{Waiting: row.Waiting, Failing: row.Failing, Failed: row.Failed}
	if !row.Oldest.IsZero() {
		counts.Oldest = max(0, row.Now.Sub(row.Oldest.Time))
	}
	return counts, nil
}

// RetryLetters makes the letter due at once and patience with it begin anew; the empty id means every letter
// that has failed, given up or not. It returns how many those were.
func (d *DB) RetryLetters(ctx context.Context, id string, actor audit.Actor) (int, error) {
	return d.changeLetters(ctx, audit.LetterRetried, actor, id, retryLetter, id, id)
}

// DropLetters removes the letter, which will then never leave; the empty id means every letter that was
// given up. It returns how many those were.
func (d *DB) DropLetters(ctx context.Context, id string, actor audit.Actor) (int, error) {
	if id == "" {
		return d.changeLetters(ctx, audit.LetterDropped, actor, id, dropLetter, id, id)
	}
	return d.changeLetters(ctx, audit.LetterDropped, actor, id, dropWaiting, id)
}

func (d *DB) changeLetters(ctx context.Context, action audit.Action, actor audit.Actor, id string, change statement, args ...any) (int, error) {
	changed := 0
	err := d.transact(ctx, func(s session) error {
		var rows []letterRow
		if err := s.all(ctx, &rows, change, args...); err != nil {
			return err
		}
		changed = len(rows)
		if changed == 0 && id != "" {
			return s.letterUnchanged(ctx, id)
		}
		for _, row := range rows {
			if err := s.record(ctx, letterEvent(row, action, actor, "")); err != nil {
				return err
			}
		}
		return nil
	})
	return changed, translate(err, nil)
}

// letterUnchanged is nil for a letter that is waiting as it is.
func (s session) letterUnchanged(ctx context.Context, id string) error {
	var exists bool
	if err := s.get(ctx, &exists, letterExists, id); err != nil || exists {
		return err
	}
	return accounts.ErrLetterNotFound
}
