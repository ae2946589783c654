package storage

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/keys"
)

// browserSessionRow is a session with its user's state, NULL where the user is deleted.
type browserSessionRow struct {
	ID                string `db:"id"`
	UserID            string `db:"user_id"`
	CredentialVersion int64  `db:"credential_version"`
	AuthTime          micros `db:"auth_time"`
	AMR               string `db:"amr"`
	CreatedAt         micros `db:"created_at"`
	SeenAt            micros `db:"seen_at"`
	ExpiresAt         micros `db:"expires_at"`
	Address           string `db:"address"`
	UserAgent         string `db:"user_agent"`

	UserActive  sql.NullBool  `db:"user_active"`
	UserVersion sql.NullInt64 `db:"user_version"`

	// Now is the database's time; only some statements return it.
	Now micros `db:"now"`
}

func (r browserSessionRow) session() accounts.Session {
	return accounts.Session{
		ID: r.ID, UserID: r.UserID, CredentialVersion: r.CredentialVersion, AuthTime: r.AuthTime.Time, AMR: r.AMR,
		CreatedAt: r.CreatedAt.Time, SeenAt: r.SeenAt.Time, ExpiresAt: r.ExpiresAt.Time, Address: r.Address, UserAgent: r.UserAgent,
		UserActive: r.UserActive.Bool, UserVersion: r.UserVersion.Int64,
	}
}

const (
	browserSessionColumns = `id, user_id, credential_version, auth_time, amr, created_at, seen_at, expires_at, address, user_agent`

	lockUser    statement = `SELECT id FROM users WHERE id = ? AND active AND credential_version = ? {for share}`
	lockSession statement = `SELECT user_id FROM browser_sessions WHERE id = ? {for update}`

	insertSession statement = `INSERT INTO browser_sessions (id, hash, user_id, credential_version, auth_time, amr, address, user_agent,
			created_at, seen_at, expires_at)
		SELECT ?, CAST(? AS {postgres BYTEA}{sqlite BLOB}), ?, CAST(? AS BIGINT), CAST(? AS BIGINT), ?, ?, ?, t.now, t.now, t.now + CAST(? AS BIGINT)
		FROM (SELECT {now} AS now) t
		RETURNING ` + browserSessionColumns
	renewSession statement = `UPDATE browser_sessions SET hash = ?, credential_version = ?, auth_time = ?, amr = ?, address = ?, user_agent = ?,
			seen_at = t.now, expires_at = t.now + CAST(? AS BIGINT)
		FROM (SELECT {now} AS now) t WHERE id = ?
		RETURNING ` + browserSessionColumns
)

// StartSession implements accounts.SessionStore.
func (d *DB) StartSession(ctx context.Context, n accounts.NewSession, event audit.Event) (accounts.Session, error) {
	var row browserSessionRow
	err := d.transact(ctx, func(s session) (err error) {
		var user string
		if err := s.get(ctx, &user, lockUser, n.UserID, n.CredentialVersion); err != nil {
			return err
		}
		goesOn, err := s.replace(ctx, n, event.Actor)
		if err != nil {
			return err
		}
		if row, err = s.storeSession(ctx, n, goesOn); err != nil {
			return err
		}
		if event.SubjectID == n.ID { // which the session that goes on does not take
			event.SubjectID = row.ID
		}
		return s.record(ctx, event)
	})
	if err != nil {
		return accounts.Session{}, translate(err, accounts.ErrCredentials)
	}
	started := row.session()
	started.UserActive, started.UserVersion = true, n.CredentialVersion // under the lock
	return started, nil
}

// replace locks the session that the browser had. It tells whether that goes on, because it is the same
// user's; that of another is ended.
func (s session) replace(ctx context.Context, n accounts.NewSession, actor audit.Actor) (goesOn bool, err error) {
	if n.Replaces == "" {
		return false, nil
	}
	var owner string
	err = s.get(ctx, &owner, lockSession, n.Replaces)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil, owner == n.UserID:
		return err == nil, err
	}
	if _, err := s.endSessions(ctx, oneSession(n.Replaces)); err != nil {
		return false, err
	}
	return false, s.record(ctx, audit.Event{
		Action: audit.SessionEnded, Actor: actor, SubjectKind: "session", SubjectID: n.Replaces, Reason: "replaced",
	})
}

func (s session) storeSession(ctx context.Context, n accounts.NewSession, goesOn bool) (browserSessionRow, error) {
	var row browserSessionRow
	lifetime := n.Lifetime.Microseconds()
	if goesOn {
		err := s.get(ctx, &row, renewSession, n.Hash[:], n.CredentialVersion, micros{n.AuthTime}, n.AMR, n.Address, n.UserAgent, lifetime, n.Replaces)
		return row, err
	}
	err := s.get(ctx, &row, insertSession, n.ID, n.Hash[:], n.UserID, n.CredentialVersion, micros{n.AuthTime}, n.AMR, n.Address, n.UserAgent, lifetime)
	return row, err
}

const (
	selectSessions = `b.id, b.user_id, b.credential_version, b.auth_time, b.amr, b.created_at, b.seen_at, b.expires_at, b.address, b.user_agent,
			u.active AS user_active, u.credential_version AS user_version
		FROM browser_sessions b LEFT JOIN users u ON u.id = b.user_id `
	sessionByHash statement = `SELECT {now} AS now, ` + selectSessions + `WHERE b.hash = ?`
	sessionsOf    statement = `SELECT ` + selectSessions + `WHERE b.user_id = ? AND b.expires_at > ?
		ORDER BY b.seen_at DESC, b.id LIMIT 1000`
	seeSession statement = `UPDATE browser_sessions SET seen_at = {now} WHERE id = ?`
)

// SessionByHash implements accounts.SessionStore.
func (d *DB) SessionByHash(ctx context.Context, h keys.Hash) (accounts.Session, time.Time, error) {
	var row browserSessionRow
	if err := d.reading().get(ctx, &row, sessionByHash, h[:]); err != nil {
		return accounts.Session{}, time.Time{}, translate(err, accounts.ErrNotSignedIn)
	}
	return row.session(), row.Now.Time, nil
}

// SeeSession implements accounts.SessionStore. One that is gone is none to see.
func (d *DB) SeeSession(ctx context.Context, id string) error { return d.execOnce(ctx, seeSession, id) }

// Sessions implements accounts.SessionStore.
func (d *DB) Sessions(ctx context.Context, userID string) ([]accounts.Session, time.Time, error) {
	now, err := d.Now(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	var rows []browserSessionRow
	if err := d.reading().all(ctx, &rows, sessionsOf, userID, micros{now}); err != nil {
		return nil, time.Time{}, translate(err, nil)
	}
	sessions := make([]accounts.Session, len(rows))
	for i, row := range rows {
		sessions[i] = row.session()
	}
	return sessions, now, nil
}
