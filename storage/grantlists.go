package storage

import (
	"context"
	"time"

	"keyturn/issuer"
)

const (
	selectGrants = `SELECT ` + grantColumns + `, ` + grantUser + ` FROM grants WHERE id <> ''`
	whereUser    = ` AND user_id = ?`
	whereLive    = ` AND revoked_at IS NULL AND expires_at > t.now AND rotated_at + refresh_lifetime > t.now`
	grantsAfter  = ` AND (created_at, id) < (SELECT a.created_at, a.id FROM grants a WHERE a.id = ?)`
	newestFirst  = ` ORDER BY created_at DESC, id DESC LIMIT ?`

	selectLiveGrants = `SELECT ` + grantColumns + `, ` + grantUser + ` FROM grants, (SELECT {now} AS now) t WHERE id <> ''` + whereLive
)

// Grants implements issuer.Store. UserID empty selects all users' grants.
func (d *DB) Grants(ctx context.Context, q issuer.GrantQuery) ([]issuer.Grant, error) {
	var st statement = selectGrants
	var args []any
	if q.LiveOnly {
		st = selectLiveGrants
	}
	if q.UserID != "" {
		st, args = st+whereUser, append(args, q.UserID)
	}
	if q.After != "" {
		st, args = st+grantsAfter, append(args, q.After)
	}
	var rows []grantRow
	if err := d.reading().all(ctx, &rows, st+newestFirst, append(args, page(q.Limit))...); err != nil {
		return nil, translate(err, nil)
	}
	if err := d.checkCursor(ctx, grantCursor, q.After, len(rows)); err != nil {
		return nil, err
	}
	grants := make([]issuer.Grant, len(rows))
	for i, row := range rows {
		grants[i] = row.grant()
	}
	return grants, nil
}

type revokedRow struct {
	JTI          string `db:"jti"`
	GrantID      string `db:"grant_id"`
	UserID       string `db:"user_id"`
	ClientID     string `db:"client_id"`
	Reason       string `db:"reason"`
	PresentedJTI string `db:"presented_jti"`
	RevokedAt    micros `db:"revoked_at"`
	Until        micros `db:"until"`
}

const (
	selectRevoked = `SELECT jti, grant_id, user_id, client_id, reason, presented_jti, revoked_at, until
		FROM revoked_refresh_tokens WHERE jti <> ''`
	revokedAfter       = ` AND (revoked_at, jti) < (SELECT a.revoked_at, a.jti FROM revoked_refresh_tokens a WHERE a.jti = ?)`
	newestRevokedFirst = ` ORDER BY revoked_at DESC, jti DESC LIMIT ?`
)

// RevokedTokens implements issuer.Store.
func (d *DB) RevokedTokens(ctx context.Context, q issuer.RevokedQuery) ([]issuer.RevokedToken, error) {
	var st statement = selectRevoked
	var args []any
	if q.UserID != "" {
		st, args = st+whereUser, append(args, q.UserID)
	}
	if q.After != "" {
		st, args = st+revokedAfter, append(args, q.After)
	}
	var rows []revokedRow
	if err := d.reading().all(ctx, &rows, st+newestRevokedFirst, append(args, page(q.Limit))...); err != nil {
		return nil, translate(err, nil)
	}
	if err := d.checkCursor(ctx, revokedCursor, q.After, len(rows)); err != nil {
		return nil, err
	}
	tokens := make([]issuer.RevokedToken, len(rows))
	for i, r := range rows {
		tokens[i] = issuer.RevokedToken{
			JTI: r.JTI, GrantID: r.GrantID, UserID: r.UserID, ClientID: r.ClientID, Reason: issuer.Reason(r.Reason),
			PresentedJTI: r.PresentedJTI, RevokedAt: r.RevokedAt.Time, Until: r.Until.Time,
		}
	}
	return tokens, nil
}

const (
	grantCursor   statement = `SELECT EXISTS (SELECT 1 FROM grants WHERE id = ?)`
	revokedCursor statement = `SELECT EXISTS (SELECT 1 FROM revoked_refresh_tokens WHERE jti = ?)`
)

// checkCursor tells an empty page at the end of a list from one behind a cursor that leads nowhere.
func (d *DB) checkCursor(ctx context.Context, exists statement, after string, found int) error {
	if after == "" || found > 0 {
		return nil
	}
	var there bool
	if err := d.reading().get(ctx, &there, exists, after); err != nil {
		return translate(err, nil)
	}
	if !there {
		return issuer.ErrCursorGone
	}
	return nil
}

const longestRefreshLifetime statement = `SELECT COALESCE(MAX(refresh_lifetime), 0) FROM grants WHERE revoked_at IS NULL AND expires_at > {now}`

// LongestRefreshLifetime implements issuer.Store.
func (d *DB) LongestRefreshLifetime(ctx context.Context) (time.Duration, error) {
	var longest int64
	err := d.reading().get(ctx, &longest, longestRefreshLifetime)
	return time.Duration(longest) * time.Microsecond, translate(err, nil)
}
