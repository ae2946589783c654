package storage

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"keyturn/audit"
	"keyturn/issuer"
)

// grantRow is a grant with what tokens say of its user, whose fields are NULL where the user is deleted.
type grantRow struct {
	ID              string `db:"id"`
	UserID          string `db:"user_id"`
	ClientID        string `db:"client_id"`
	Audience        string `db:"audience"`
	Scope           string `db:"scope"`
	SessionID       string `db:"session_id"`
	Claims          string `db:"claims"`
	AuthTime        micros `db:"auth_time"`
	AMR             string `db:"amr"`
	ACR             string `db:"acr"`
	Generation      int64  `db:"generation"`
	CreatedAt       micros `db:"created_at"`
	RotatedAt       micros `db:"rotated_at"`
	RefreshLifetime int64  `db:"refresh_lifetime"`
	ExpiresAt       micros `db:"expires_at"`
	RevokedAt       micros `db:"revoked_at"`
	RevokedFor      string `db:"revoked_for"`

	Unmet         bool           `db:"unmet"`
	UserActive    sql.NullBool   `db:"user_active"`
	ExternalID    sql.NullString `db:"user_external_id"`
	Username      sql.NullString `db:"user_username"`
	Email         sql.NullString `db:"user_email"`
	EmailVerified sql.NullBool   `db:"user_email_verified"`
	GivenName     sql.NullString `db:"user_given_name"`
	FamilyName    sql.NullString `db:"user_family_name"`

	// Now is the database's time; only some statements return it.
	Now micros `db:"now"`
}

func (r grantRow) grant() issuer.Grant {
	return issuer.Grant{
		ID: r.ID, UserID: r.UserID, ClientID: r.ClientID, Audience: r.Audience, Scope: r.Scope, SessionID: r.SessionID,
		Claims: r.Claims, AuthTime: r.AuthTime.Time, AMR: r.AMR, ACR: r.ACR, Generation: r.Generation, CreatedAt: r.CreatedAt.Time, RotatedAt: r.RotatedAt.Time,
		RefreshLifetime: time.Duration(r.RefreshLifetime) * time.Microsecond, ExpiresAt: r.ExpiresAt.Time,
		RevokedAt: r.RevokedAt.Time, RevokedFor: issuer.Reason(r.RevokedFor), UserActive: r.UserActive.Bool, DemandUnmet: r.Unmet,
		User: issuer.Profile{
			ExternalID: r.ExternalID.String, Username: r.Username.String, Email: r.Email.String,
			EmailVerified: r.EmailVerified.Bool && r.Email.String != "", GivenName: r.GivenName.String, FamilyName: r.FamilyName.String,
		},
	}
}

// The user's columns come by a join or, where a statement can't join, by scalar subqueries: SQLite's
// RETURNING sees the changed table alone. The subqueries are planned one by one at each execution, which
// on PostgreSQL costs more than the update.
const (
	grantColumns = `grants.id, grants.user_id, grants.client_id, grants.audience, grants.scope, grants.session_id, grants.claims, grants.auth_time, grants.amr, grants.acr,
		grants.generation, grants.created_at, grants.rotated_at, grants.refresh_lifetime, grants.expires_at, grants.revoked_at, grants.revoked_for`
	grantUser = `(SELECT u.active FROM users u WHERE u.id = grants.user_id) AS user_active,
		(SELECT u.external_id FROM users u WHERE u.id = grants.user_id) AS user_external_id,
		(SELECT u.username FROM users u WHERE u.id = grants.user_id) AS user_username,
		(SELECT u.email FROM users u WHERE u.id = grants.user_id) AS user_email,
		(SELECT u.email_verified FROM users u WHERE u.id = grants.user_id) AS user_email_verified,
		(SELECT u.given_name FROM users u WHERE u.id = grants.user_id) AS user_given_name,
		(SELECT u.family_name FROM users u WHERE u.id = grants.user_id) AS user_family_name`
	joinedUser = `u.active AS user_active, u.external_id AS user_external_id, u.username AS user_username, u.email AS user_email,
		u.email_verified AS user_email_verified, u.given_name AS user_given_name, u.family_name AS user_family_name`
)

const (
	// The share lock makes a change of the user wait until this grant is committed, or this wait for it.
	createGrant statement = `INSERT INTO grants (id, user_id, client_id, audience, scope, session_id, claims, auth_time, amr, acr,
			generation, created_at, rotated_at, refresh_lifetime, expires_at, revoked_for)
		SELECT CAST(? AS TEXT), u.id, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT),
			CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT), 1, t.now, t.now, CAST(? AS BIGINT), t.now + CAST(? AS BIGINT), ''
		FROM users u, (SELECT {now} AS now) t WHERE u.id = ? AND u.active AND u.credential_version = ? {for share of u}
		RETURNING ` + grantColumns + `, ` + grantUser
	noteLogin statement = `UPDATE users SET last_login_at = {now} WHERE id = ? AND active AND credential_version = ?`
)

// CreateGrant implements issuer.Store.
func (d *DB) CreateGrant(ctx context.Context, g issuer.NewGrant, event audit.Event) (issuer.Grant, error) {
	var row grantRow
	err := d.transact(ctx, func(s session) error {
		if g.NoteLogin { // first: two sign-ins that both went from a share lock to an update would deadlock
			if n, err := s.exec(ctx, noteLogin, g.UserID, g.CredentialVersion); err != nil {
				return err
			} else if n == 0 {
				return issuer.ErrUserChanged
			}
		}
		var err error
		if row, err = s.createGrant(ctx, g); err != nil {
			return err
		}
		return s.record(ctx, event)
	})
	if err != nil {
		return issuer.Grant{}, translate(err, issuer.ErrUserChanged)
	}
	return row.grant(), nil
}

// createGrant inserts the grant; sql.ErrNoRows where the user is not active at the credential version.
func (s session) createGrant(ctx context.Context, g issuer.NewGrant) (grantRow, error) {
	var row grantRow
	err := s.get(ctx, &row, createGrant, g.ID, g.ClientID, g.Audience, g.Scope, g.SessionID, g.Claims, micros{g.AuthTime}, g.AMR, g.ACR,
		g.RefreshLifetime.Microseconds(), g.AbsoluteLifetime.Microseconds(), g.UserID, g.CredentialVersion)
	return row, err
}

// advanceGrant is all that a refresh costs. It touches no indexed column, so that PostgreSQL writes the
// new version of the row beside the old one and nothing else. advanceDemanded holds the sign-in against what groups
// demand, too, which costs PostgreSQL half as much again: the subquery is planned at each execution.
const (
	advanceGrant    statement = advance + advanced
	advanceDemanded statement = advance + ` AND NOT ` + demandUnmet + advanced

	advance = `UPDATE grants SET generation = generation + 1, rotated_at = {now} {postgres FROM users u}
	WHERE grants.id = ?` + atGeneration + ` AND grants.revoked_at IS NULL AND grants.expires_at > {now} AND grants.rotated_at + grants.refresh_lifetime > {now}
		AND {postgres u.id = grants.user_id AND u.active}{sqlite EXISTS (SELECT 1 FROM users u WHERE u.id = grants.user_id AND u.active)}`
	advanced = `
	RETURNING ` + grantColumns + `, {postgres ` + joinedUser + `}{sqlite ` + grantUser + `}`
)

// demandUnmet tells of a group of the grant's user that demands more than its sign-in proved: accounts.LevelOf and
// accounts.Level.Satisfies in SQL, so that a refresh stays one statement. testDemandUnmet of storagetest compares them.
const demandUnmet = `EXISTS (SELECT 1 FROM group_members m JOIN user_groups g ON g.id = m.group_id
		WHERE m.user_id = grants.user_id AND g.require_level NOT IN ('', '1')
		AND NOT (g.require_level IN ('2', 'phr') AND (grants.amr LIKE '%hwk%' OR grants.amr LIKE '%swk%') AND (grants.amr LIKE '%user%' OR grants.amr LIKE '%pwd%'))
		AND NOT (g.require_level = '2' AND grants.amr LIKE '%pwd%' AND grants.amr LIKE '%otp%'))`

// atGeneration is the condition by which one of any number of contenders wins.
const atGeneration = ` AND grants.generation = ?`

// AdvanceGrant implements issuer.Store.
func (d *DB) AdvanceGrant(ctx context.Context, id string, from int64) (issuer.Grant, error) {
	return d.advance(ctx, advanceGrant, id, from)
}

// AdvanceDemanded implements issuer.Store.
func (d *DB) AdvanceDemanded(ctx context.Context, id string, from int64) (issuer.Grant, error) {
	return d.advance(ctx, advanceDemanded, id, from)
}

func (d *DB) advance(ctx context.Context, by statement, id string, from int64) (issuer.Grant, error) {
	var row grantRow
	err := d.once(ctx, func(s session) error { return s.get(ctx, &row, by, id, from) })
	if err != nil {
		return issuer.Grant{}, translate(err, issuer.ErrConflict)
	}
	return row.grant(), nil
}

const (
	grantByID statement = `SELECT {now} AS now, ` + grantColumns + `, ` + joinedUser + `
		FROM grants LEFT JOIN users u ON u.id = grants.user_id WHERE grants.id = ?`

	lockUserOfGrant statement = `SELECT u.id FROM users u WHERE u.id = (SELECT grants.user_id FROM grants WHERE grants.id = ?) {for share of u}`
	// The time is read outside the subquery, and so after the wait for the lock.
	lockGrant statement = `SELECT {now} AS now, ` + grantColumns + `, ` + grantUser + `, ` + demandUnmet + ` AS unmet FROM (SELECT * FROM grants WHERE id = ? {for update}) grants`
)

// GrantByID implements issuer.Store.
func (d *DB) GrantByID(ctx context.Context, id string) (issuer.Grant, time.Time, error) {
	var row grantRow
	if err := d.reading().get(ctx, &row, grantByID, id); err != nil {
		return issuer.Grant{}, time.Time{}, translate(err, issuer.ErrGrantNotFound)
	}
	return row.grant(), row.Now.Time, nil
}

// JudgeGrant implements issuer.Store.
func (d *DB) JudgeGrant(ctx context.Context, id string, r issuer.Revocation, decide func(g *issuer.Grant, now time.Time) error) (issuer.Grant, error) {
	var g issuer.Grant
	var verdict error
	err := d.transact(ctx, func(s session) error {
		var row grantRow
		var user string
		err := s.get(ctx, &user, lockUserOfGrant, id)
		if err != nil && !errors.Is(err, sql.ErrNoRows) { // the user may be deleted
			return err
		}
		if err := s.get(ctx, &row, lockGrant, id); err != nil {
			return err
		}
		g = row.grant()
		verdict = decide(&g, row.Now.Time)
		if g.RevokedAt.IsZero() || !row.RevokedAt.IsZero() {
			return nil
		}
		if _, err := s.revoke(ctx, oneGrant(id), revocation{reason: g.RevokedFor, presented: r.PresentedJTI, at: g.RevokedAt}); err != nil {
			return err
		}
		event := r.Event
		event.Reason = string(g.RevokedFor)
		return s.record(ctx, event)
	})
	if err != nil {
		return issuer.Grant{}, translate(err, issuer.ErrGrantNotFound)
	}
	return g, verdict
}
