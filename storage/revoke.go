package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keyturn/issuer"
)

// selection is which rows to end: a condition on a table that has the columns it names.
type selection struct {
	where statement
	args  []any
}

// none tells whether it is the zero selection, which selects nothing.
func (s selection) none() bool { return s.where == "" }

func oneGrant(id string) selection { return selection{`id = ?`, []any{id}} }

func ofUser(id string) selection { return selection{`user_id = ?`, []any{id}} }

func ofClient(id string) selection { return selection{`client_id = ?`, []any{id}} }

// ofUserAndClient goes by the user, who has the fewer rows; SQLite, without statistics, might go by the client.
func ofUserAndClient(userID, clientID string) selection {
	return selection{`user_id = ? AND {sqlite +}client_id = ?`, []any{userID, clientID}}
}

var everything = selection{where: `1 = 1`}

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
func (s session) revoke(ctx context.Context, which selection, r revocation) (int64, error) {
	copied, err := s.exec(ctx, copyNewest+which.where+copyLocked, append([]any{string(r.reason), r.presented, micros{r.at}}, which.args...)...)
	if err != nil || copied == 0 {
		return 0, err
	}
	marked, err := s.exec(ctx, markCopied+which.where, append([]any{string(r.reason)}, which.args...)...)
	if err == nil && marked != copied {
		err = fmt.Errorf("storage: %d revoked refresh tokens were noted for %d grants", copied, marked)
	}
	return marked, err
}

// RevokeGrants implements issuer.Store. Where nothing is left to end, nothing is written.
func (d *DB) RevokeGrants(ctx context.Context, sel issuer.Selection, r issuer.Revocation) (ended int64, err error) {
	which, err := selected(sel)
	if err != nil {
		return 0, err
	}
	why := revocation{reason: r.Reason, presented: r.PresentedJTI}
	err = d.transact(ctx, func(s session) (err error) {
		var others int64
		switch {
		case sel.All:
			ended, others, err = s.endEverything(ctx, why)
		case sel.GrantID != "":
			ended, err = s.revoke(ctx, which, why)
		default:
			sessions := selection{}
			if sel.UserID != "" {
				sessions = which
			}
			ended, others, err = s.endBelow(ctx, which, why, sessions)
		}
		if err != nil || ended+others == 0 {
			return err
		}
		return s.record(ctx, r.Event)
	})
	if err != nil {
		return 0, translate(err, nil)
	}
	return ended, nil
}

func selected(sel issuer.Selection) (selection, error) {
	switch {
	case sel == (issuer.Selection{All: true}):
		return everything, nil
	case sel.GrantID != "" && sel == (issuer.Selection{GrantID: sel.GrantID}):
		return oneGrant(sel.GrantID), nil
	case sel.UserID != "" && sel == (issuer.Selection{UserID: sel.UserID}):
		return ofUser(sel.UserID), nil
	case sel.ClientID != "" && sel == (issuer.Selection{ClientID: sel.ClientID}):
		return ofClient(sel.ClientID), nil
	}
	return selection{}, errors.New("storage: a selection of grants needs exactly one field")
}
