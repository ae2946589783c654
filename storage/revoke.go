package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keyturn/issuer"
)

// selection is which grants to end: a condition with one argument.
type selection string

const (
	oneGrant selection = `id = ?`
	ofUser   selection = `user_id = ?`
	everyone selection = `? = 'all'`
)

// revocation is why grants end.
type revocation struct {
	reason    issuer.Reason
	presented string
	// at is when; zero for the database's time at the statement.
	at time.Time
}

// newestExpiry is issuer.Grant.RefreshExpiresAt in SQL.
const newestExpiry = `CASE WHEN rotated_at + refresh_lifetime < expires_at THEN rotated_at + refresh_lifetime ELSE expires_at END`

// The rows are locked, in order of ids, where they are read to be copied; so their newest number stands
// still until they are marked. Only rows that were copied are marked: a grant that another transaction
// commits between the two statements is left to live.
const (
	copyNewest = `INSERT INTO revoked_refresh_tokens (jti, grant_id, user_id, client_id, reason, presented_jti, revoked_at, until)
		SELECT g.id || '.' || CAST(g.generation AS TEXT), g.id, g.user_id, g.client_id, CAST(? AS TEXT), CAST(? AS TEXT), COALESCE(CAST(? AS BIGINT), {now}), g.until
		FROM (SELECT id, generation, user_id, client_id, ` + newestExpiry + ` AS until
			FROM grants WHERE revoked_at IS NULL AND `
	copyLocked = ` ORDER BY id {for update}) g`

	markCopied = `UPDATE grants SET revoked_for = ?, revoked_at = (
			SELECT r.revoked_at FROM revoked_refresh_tokens r WHERE r.jti = grants.id || '.' || CAST(grants.generation AS TEXT))
		WHERE revoked_at IS NULL AND EXISTS (
			SELECT 1 FROM revoked_refresh_tokens r WHERE r.jti = grants.id || '.' || CAST(grants.generation AS TEXT)) AND `
)

// revoke ends the selected grants that are not ended yet, and returns how many these were. Nothing else
// sets revoked_at; each grant gets exactly one row of revoked_refresh_tokens, for its newest number.
func (s session) revoke(ctx context.Context, which selection, argument string, r revocation) (int64, error) {
	condition := statement(which)
	copied, err := s.exec(ctx, copyNewest+condition+copyLocked, string(r.reason), r.presented, micros{r.at}, argument)
	if err != nil || copied == 0 {
		return 0, err
	}
	marked, err := s.exec(ctx, markCopied+condition, string(r.reason), argument)
	if err == nil && marked != copied {
		err = fmt.Errorf("storage: %d revoked refresh tokens were noted for %d grants", copied, marked)
	}
	return marked, err
}

// RevokeGrants implements issuer.Store. Where nothing is left to end, nothing is written.
func (d *DB) RevokeGrants(ctx context.Context, sel issuer.Selection, r issuer.Revocation) (ended int64, err error) {
	which, argument, err := selected(sel)
	if err != nil {
		return 0, err
	}
	err = d.transact(ctx, func(s session) (err error) {
		ended, err = s.revoke(ctx, which, argument, revocation{reason: r.Reason, presented: r.PresentedJTI})
		if err != nil || ended == 0 {
			return err
		}
		return s.record(ctx, r.Event)
	})
	if err != nil {
		return 0, translate(err, nil)
	}
	return ended, nil
}

func selected(sel issuer.Selection) (selection, string, error) {
	switch {
	case sel.All && sel.GrantID == "" && sel.UserID == "":
		return everyone, "all", nil
	case !sel.All && sel.GrantID != "" && sel.UserID == "":
		return oneGrant, sel.GrantID, nil
	case !sel.All && sel.GrantID == "" && sel.UserID != "":
		return ofUser, sel.UserID, nil
	}
	return "", "", errors.New("storage: a selection of grants needs exactly one field")
}
