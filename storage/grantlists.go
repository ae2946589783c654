package storage

import (
	"cmp"
	"context"
	"time"

	"keyturn/issuer"
)

const (
	selectGrants = `SELECT ` + grantColumns + `, ` + grantUser + ` FROM grants WHERE id <> ''`
	whereUser    = ` AND user_id = ?`
	whereClient  = ` AND client_id = ?`
	// The clock is read where it is compared: a table of it would keep the databases from reading in the index's order.
	whereLive = ` AND revoked_at IS NULL AND expires_at > {now} AND rotated_at + refresh_lifetime > {now}`
	// Scalars, not a row from a subquery: with these both databases begin in the index where the page does.
	grantsAfter  = ` AND (created_at, id) < ((SELECT a.created_at FROM grants a WHERE a.id = ?), ?)`
	grantsBefore = ` AND (created_at, id) > ((SELECT a.created_at FROM grants a WHERE a.id = ?), ?)`
	newestFirst  = ` ORDER BY created_at DESC, id DESC LIMIT ?`
	oldestFirst  = ` ORDER BY created_at, id LIMIT ?`
)

// grantsStatement is the statement of a query, with its arguments.
func grantsStatement(q issuer.GrantQuery) (statement, []any) {
	var st statement = selectGrants
	var args []any
	if q.LiveOnly {
		st += whereLive
	}
	if q.UserID != "" {
		st, args = st+whereUser, append(args, q.UserID)
	}
	if q.ClientID != "" {
		st, args = st+whereClient, append(args, q.ClientID)
	}
	switch {
	case q.Before != "":
		return st + grantsBefore + oldestFirst, append(args, q.Before, q.Before, page(q.Limit))
	case q.After != "":
		st, args = st+grantsAfter, append(args, q.After, q.After)
	}
	return st + newestFirst, append(args, page(q.Limit))
}

// Grants implements issuer.Store. UserID empty selects all users' grants.
func (d *DB) Grants(ctx context.Context, q issuer.GrantQuery) ([]issuer.Grant, error) {
	st, args := grantsStatement(q)
	var rows []grantRow
	if err := d.reading().all(ctx, &rows, st, args...); err != nil {
		return nil, translate(err, nil)
	}
	if err := d.checkCursor(ctx, grantCursor, cmp.Or(q.Before, q.After), len(rows)); err != nil {
		return nil, err
	}
	grants := make([]issuer.Grant, len(rows))
	for i, row := range inOrder(rows, q.Before != "") {
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
	revokedAfter       = ` AND (revoked_at, jti) < ((SELECT a.revoked_at FROM revoked_refresh_tokens a WHERE a.jti = ?), ?)`
	revokedBefore      = ` AND (revoked_at, jti) > ((SELECT a.revoked_at FROM revoked_refresh_tokens a WHERE a.jti = ?), ?)`
	newestRevokedFirst = ` ORDER BY revoked_at DESC, jti DESC LIMIT ?`
	oldestRevokedFirst = ` ORDER BY revoked_at, jti LIMIT ?`
)

// revokedStatement is the statement of a query, with its arguments.
func revokedStatement(q issuer.RevokedQuery) (statement, []any) {
	var st statement = selectRevoked
	var args []any
	if q.UserID != "" {
		st, args = st+whereUser, append(args, q.UserID)
	}
	switch {
	case q.Before != "":
		return st + revokedBefore + oldestRevokedFirst, append(args, q.Before, q.Before, page(q.Limit))
	case q.After != "":
		st, args = st+revokedAfter, append(args, q.After, q.After)
	}
	return st + newestRevokedFirst, append(args, page(q.Limit))
}

// RevokedTokens implements issuer.Store.
func (d *DB) RevokedTokens(ctx context.Context, q issuer.RevokedQuery) ([]issuer.RevokedToken, error) {
	st, args := revokedStatement(q)
	var rows []revokedRow
	if err := d.reading().all(ctx, &rows, st, args...); err != nil {
		return nil, translate(err, nil)
	}
	if err := d.checkCursor(ctx, revokedCursor, cmp.Or(q.Before, q.After), len(rows)); err != nil {
		return nil, err
	}
	tokens := make([]issuer.RevokedToken, len(rows))
	for i, r := range inOrder(rows, q.Before != "") {
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
