package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/keys"
)

type letterRow struct {
	ID        string `db:"id"`
	Kind      string `db:"kind"`
	Recipient string `db:"recipient"`
	Language  string `db:"language"`
	UserID    string `db:"user_id"`
	Facts     string `db:"facts"`
	Link      string `db:"link"`
	CreatedAt micros `db:"created_at"`
	QueuedAt  micros `db:"queued_at"`
	DueAt     micros `db:"due_at"`
	Attempts  int64  `db:"attempts"`
	Failure   string `db:"failure"`
	FailedAt  micros `db:"failed_at"`
}

func (r letterRow) letter() (accounts.QueuedLetter, error) {
	l := accounts.QueuedLetter{
		Letter: accounts.Letter{
			ID: r.ID, Kind: accounts.LetterKind(r.Kind), To: r.Recipient, Language: r.Language, UserID: r.UserID,
		},
		CreatedAt: r.CreatedAt.Time, QueuedAt: r.QueuedAt.Time, DueAt: r.DueAt.Time, Attempts: r.Attempts, Failure: r.Failure, FailedAt: r.FailedAt.Time,
	}
	err := json.Unmarshal([]byte(r.Facts), &l.Facts)
	if err == nil && r.Link != "" {
		err = json.Unmarshal([]byte(r.Link), &l.Link)
	}
	if err != nil {
		return accounts.QueuedLetter{}, fmt.Errorf("storage: letter %s: %w", r.ID, err)
	}
	return l, nil
}

const (
	letterColumns = `id, kind, recipient, language, user_id, facts, link, created_at, queued_at, due_at, attempts, failure, failed_at`

	insertLetter statement = `INSERT INTO letters (id, kind, recipient, language, user_id, facts, link, created_at, queued_at, due_at, attempts, failure)
		SELECT ?, ?, ?, ?, ?, ?, ?, t.now, t.now, t.now, 0, '' FROM (SELECT {now} AS now) t`

	// What another instance is taking is left to it. Without MATERIALIZED a plan could run the inner statement
	// again and again, and take more than one.
	claimLetter statement = `WITH due AS MATERIALIZED (SELECT id FROM letters
			WHERE due_at <= (SELECT {now}) AND failed_at IS NULL ORDER BY due_at, id LIMIT 1 {for update skip locked})
		UPDATE letters SET due_at = {now} + CAST(? AS BIGINT), attempts = attempts + 1 WHERE id IN (SELECT id FROM due)
		RETURNING ` + letterColumns
	removeLetter statement = `DELETE FROM letters WHERE id = ?`
	failLetter   statement = `UPDATE letters SET failure = ?, due_at = {now} + CAST(? AS BIGINT) WHERE id = ? AND attempts = ? AND failed_at IS NULL`
	giveUpLetter statement = `UPDATE letters SET failure = ?, failed_at = {now} WHERE id = ? AND attempts = ? AND failed_at IS NULL RETURNING ` + letterColumns
)

// queueLetters queues letters in the caller's transaction: they leave if that commits, and only then.
func (s session) queueLetters(ctx context.Context, letters []accounts.Letter) error {
	for _, l := range letters {
		if l.ID == "" || l.Kind == "" || l.To == "" {
			return fmt.Errorf("queue a letter: it lacks id, kind or address: %q, %q", l.ID, l.Kind)
		}
		facts, link := jsonText(l.Facts), ""
		if l.Link != nil {
			link = jsonText(l.Link)
		}
		if _, err := s.exec(ctx, insertLetter, l.ID, string(l.Kind), l.To, l.Language, l.UserID, facts, link); err != nil {
			return fmt.Errorf("queue a letter %s: %w", l.Kind, err)
		}
	}
	return nil
}

// QueueLetters queues letters that go with no other change; see Letter.
func (d *DB) QueueLetters(ctx context.Context, letters ...accounts.Letter) error {
	return translate(d.transact(ctx, func(s session) error { return s.queueLetters(ctx, letters) }), nil)
}

// ClaimLetter takes the letter that has been due for longest, and no other instance gets it during the
// lease; accounts.ErrNoLetter where none is due. Where it carries a one-time link, the link is stored under
// the hash in the same transaction, and lives from now.
func (d *DB) ClaimLetter(ctx context.Context, lease time.Duration, link keys.Hash) (accounts.QueuedLetter, error) {
	var claimed accounts.QueuedLetter
	err := d.transact(ctx, func(s session) error {
		var row letterRow
		err := s.get(ctx, &row, claimLetter, lease.Microseconds())
		if err != nil {
			return err
		}
		if claimed, err = row.letter(); err != nil || claimed.Link == nil {
			return err
		}
		return s.storeLink(ctx, claimed.ID, link, *claimed.Link)
	})
	return claimed, translate(err, accounts.ErrNoLetter)
}

// LetterSent removes a letter that has left.
func (d *DB) LetterSent(ctx context.Context, id string) error {
	return d.execOnce(ctx, removeLetter, id)
}

// LetterFailed notes that an attempt failed. It changes nothing where the letter has been taken again since,
// or is gone: then somebody else knows better.
func (d *DB) LetterFailed(ctx context.Context, id string, f accounts.LetterFailure) error {
	if !f.GiveUp {
		return d.execOnce(ctx, failLetter, f.Failure, f.Wait.Microseconds(), id, f.Attempt)
	}
	err := d.transact(ctx, func(s session) error {
		var row letterRow
		if err := s.get(ctx, &row, giveUpLetter, f.Failure, id, f.Attempt); err != nil {
			return err
		}
		return s.record(ctx, letterEvent(row, audit.LetterGivenUp, audit.Actor{Kind: audit.System}, f.Failure))
	})
	if err = translate(err, accounts.ErrNoLetter); errors.Is(err, accounts.ErrNoLetter) {
		return nil
	}
	return err
}

// letterEvent tells of a letter; not of its address, which the audit log would keep for longer than the queue.
func letterEvent(row letterRow, action audit.Action, actor audit.Actor, reason string) audit.Event {
	e := audit.Event{
		Action: action, Actor: actor, SubjectKind: "letter", SubjectID: row.ID, Reason: reason,
		Details: map[string]string{"kind": row.Kind},
	}
	if row.UserID != "" {
		e.Details["user"] = row.UserID
	}
	return e
}
