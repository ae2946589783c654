package storage

import (
	"context"

	"keyturn/accounts"
)

const throttleOf statement = `SELECT CASE WHEN k.known_since IS NULL THEN '' ELSE k.address END AS place,
		COALESCE(t.failures, 0) AS failures, t.last_failed_at, k.known_since, {now} AS now
	FROM (SELECT 1 AS one) o
	LEFT JOIN known_addresses k ON k.account = ? AND k.address = ?
	LEFT JOIN throttle t ON t.account = ? AND t.place = CASE WHEN k.known_since IS NULL THEN '' ELSE k.address END`

// ThrottleOf implements accounts.Store.
func (d *DB) ThrottleOf(ctx context.Context, account, address string) (accounts.Throttle, error) {
	var row struct {
		Place        string `db:"place"`
		Failures     int64  `db:"failures"`
		LastFailedAt micros `db:"last_failed_at"`
		KnownSince   micros `db:"known_since"`
		Now          micros `db:"now"`
	}
	if err := d.reading().get(ctx, &row, throttleOf, account, address, account); err != nil {
		return accounts.Throttle{}, translate(err, nil)
	}
	return accounts.Throttle{
		Place: row.Place, Failures: row.Failures, LastFailedAt: row.LastFailedAt.Time,
		Now: row.Now.Time, KnownSince: row.KnownSince.Time,
	}, nil
}

const (
	addFailure statement = `INSERT INTO throttle (account, place, failures, last_failed_at) VALUES (?, ?, 1, {now})
		ON CONFLICT (account, place) DO UPDATE SET failures = throttle.failures + 1, last_failed_at = {now}`
	// Whether the bucket still is as seen is decided by its row: absent, or at that count and time.
	firstAttempt statement = `INSERT INTO throttle (account, place, failures, last_failed_at) VALUES (?, ?, 1, {now})
		ON CONFLICT (account, place) DO NOTHING`
	nextAttempt statement = `UPDATE throttle SET failures = failures + 1, last_failed_at = {now}
		WHERE account = ? AND place = ? AND failures = ? AND last_failed_at = ?`
	emptyBucket statement = `DELETE FROM throttle WHERE account = ? AND place = ?`
	noteAddress statement = `INSERT INTO known_addresses (account, address, known_since) VALUES (?, ?, {now})
		ON CONFLICT (account, address) DO UPDATE SET known_since = {now}`
)

// AddFailure implements accounts.Store.
func (d *DB) AddFailure(ctx context.Context, account, place string) error {
	return d.execOnce(ctx, addFailure, account, place)
}

// TakeAttempt implements accounts.Store.
func (d *DB) TakeAttempt(ctx context.Context, account string, t accounts.Throttle) (bool, error) {
	st, args := nextAttempt, []any{account, t.Place, t.Failures, micros{t.LastFailedAt}}
	if t.Failures == 0 && t.LastFailedAt.IsZero() {
		st, args = firstAttempt, args[:2]
	}
	var taken int64
	err := d.once(ctx, func(s session) (err error) {
		taken, err = s.exec(ctx, st, args...)
		return err
	})
	return taken == 1, translate(err, nil)
}

// AddSuccess implements accounts.Store.
func (d *DB) AddSuccess(ctx context.Context, account, place, address string) error {
	err := d.transact(ctx, func(s session) error {
		if _, err := s.exec(ctx, emptyBucket, account, place); err != nil {
			return err
		}
		_, err := s.exec(ctx, noteAddress, account, address)
		return err
	})
	return translate(err, nil)
}
