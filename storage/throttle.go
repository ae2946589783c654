package storage

import (
	"context"
	"errors"

	"keyturn/accounts"
)

const throttleOf statement = `SELECT CASE WHEN k.known_since IS NULL THEN '' ELSE k.address END AS place,
		COALESCE(t.failures, 0) AS failures, t.last_failed_at, k.known_since, {now} AS now
	FROM (SELECT 1 AS one) o
	LEFT JOIN users u ON u.username_folded = ?
	LEFT JOIN known_addresses k ON k.user_id = u.id AND k.address = ?
	LEFT JOIN throttle t ON t.account = ? AND t.place = CASE WHEN k.known_since IS NULL THEN '' ELSE k.address END`

// ThrottleOf implements accounts.Store.
func (d *DB) ThrottleOf(ctx context.Context, account, folded, address string) (accounts.Throttle, error) {
	var row struct {
		Place        string `db:"place"`
		Failures     int64  `db:"failures"`
		LastFailedAt micros `db:"last_failed_at"`
		KnownSince   micros `db:"known_since"`
		Now          micros `db:"now"`
	}
	if err := d.reading().get(ctx, &row, throttleOf, folded, address, account); err != nil {
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
	noteAddress statement = `INSERT INTO known_addresses (user_id, address, known_since) VALUES (?, ?, {now})
		ON CONFLICT (user_id, address) DO UPDATE SET known_since = {now}`
	// In a newcomer's place last_failed_at is when its hour began. A failure begins it anew.
	addFailureFrom statement = `INSERT INTO throttle (account, place, failures, last_failed_at) VALUES (?, ?, 1, {now}), (?, ?, 1, {now})
		ON CONFLICT (account, place) DO UPDATE SET failures = throttle.failures + 1, last_failed_at = {now}`
	takeNewcomer statement = `INSERT INTO throttle (account, place, failures, last_failed_at) VALUES (?, ?, 1, {now})
		ON CONFLICT (account, place) DO UPDATE SET
			failures = CASE WHEN throttle.last_failed_at <= {now} - 3600000000 THEN 1 ELSE throttle.failures + 1 END,
			last_failed_at = CASE WHEN throttle.last_failed_at <= {now} - 3600000000 THEN {now} ELSE throttle.last_failed_at END
		WHERE throttle.last_failed_at <= {now} - 3600000000 OR throttle.failures < ?`
)

// newcomers is the place that counts the attempts of all addresses new to the account; newcomer is that of
// one. No address reads so.
const newcomers = "new"

func newcomer(address string) string { return newcomers + " " + address }

// AddFailure implements accounts.Store.
func (d *DB) AddFailure(ctx context.Context, account, place, address string) error {
	if address == place || address == "" {
		return d.execOnce(ctx, addFailure, account, place)
	}
	return d.execOnce(ctx, addFailureFrom, account, place, account, newcomer(address))
}

// errTaken says within this package that a newcomer has no attempt left.
var errTaken = errors.New("storage: no attempt left")

// TakeNewcomer implements accounts.Store. Everybody locks the address's own row before that of all.
func (d *DB) TakeNewcomer(ctx context.Context, account, address string, most int64) (bool, error) {
	err := d.transact(ctx, func(s session) error {
		for _, of := range []struct {
			place string
			most  int64
		}{{newcomer(address), 1}, {newcomers, most}} {
			taken, err := s.exec(ctx, takeNewcomer, account, of.place, of.most)
			if err != nil {
				return err
			}
			if taken == 0 {
				return errTaken // and take back the other one
			}
		}
		return nil
	})
	if errors.Is(err, errTaken) {
		return false, nil
	}
	return err == nil, translate(err, nil)
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
func (d *DB) AddSuccess(ctx context.Context, done accounts.Success) error {
	err := d.transact(ctx, func(s session) error {
		if _, err := s.exec(ctx, emptyBucket, done.Account, done.Place); err != nil || done.Address == "" {
			return err
		}
		_, err := s.exec(ctx, noteAddress, done.UserID, done.Address)
		return err
	})
	return translate(err, nil)
}
