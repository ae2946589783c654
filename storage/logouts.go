package storage

import (
	"cmp"
	"context"
	"slices"
	"time"

	"keyturn/issuer/oauth"
)

const sessionClients statement = `SELECT client_id FROM session_clients WHERE session_id = ?`

// SessionClients implements oauth.Store; the order is that of the ids.
func (d *DB) SessionClients(ctx context.Context, sessionID string) ([]string, error) {
	var clients []string
	err := d.reading().all(ctx, &clients, sessionClients, sessionID)
	slices.Sort(clients)
	return clients, translate(err, nil)
}

type deliveryRow struct {
	ID        string `db:"id"`
	ClientID  string `db:"client_id"`
	UserID    string `db:"user_id"`
	SessionID string `db:"session_id"`
	Attempts  int64  `db:"attempts"`
	CreatedAt micros `db:"created_at"`
}

const (
	// Rows that another instance is taking are left to it. Without MATERIALIZED a plan could run the inner
	// statement again and again, and take more than the limit.
	takeLogouts statement = `WITH due AS MATERIALIZED (SELECT id FROM logout_deliveries
			WHERE due_at <= (SELECT {now}) ORDER BY created_at, id LIMIT ? {for update skip locked})
		UPDATE logout_deliveries SET due_at = {now} + CAST(? AS BIGINT) WHERE id IN (SELECT id FROM due)
		RETURNING id, client_id, user_id, session_id, attempts, created_at`
	removeLogout statement = `DELETE FROM logout_deliveries WHERE id = ?`
	retryLogout  statement = `UPDATE logout_deliveries SET attempts = attempts + 1, due_at = {now} + CAST(? AS BIGINT) WHERE id = ?`
)

// TakeLogouts implements oauth.Store.
func (d *DB) TakeLogouts(ctx context.Context, limit int, lease time.Duration) ([]oauth.LogoutDelivery, error) {
	var rows []deliveryRow
	err := d.transact(ctx, func(s session) error {
		return s.all(ctx, &rows, takeLogouts, page(limit), lease.Microseconds())
	})
	if err != nil {
		return nil, translate(err, nil)
	}
	slices.SortFunc(rows, func(a, b deliveryRow) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt.Time), cmp.Compare(a.ID, b.ID))
	})
	taken := make([]oauth.LogoutDelivery, len(rows))
	for i, r := range rows {
		taken[i] = oauth.LogoutDelivery{
			ID: r.ID, ClientID: r.ClientID, UserID: r.UserID, SessionID: r.SessionID, Attempts: r.Attempts, CreatedAt: r.CreatedAt.Time,
		}
	}
	return taken, nil
}

// DoneLogout implements oauth.Store.
func (d *DB) DoneLogout(ctx context.Context, id string) error {
	return d.execOnce(ctx, removeLogout, id)
}

// RetryLogout implements oauth.Store.
func (d *DB) RetryLogout(ctx context.Context, id string, wait time.Duration) error {
	return d.execOnce(ctx, retryLogout, wait.Microseconds(), id)
}
