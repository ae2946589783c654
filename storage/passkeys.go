package storage

import (
	"context"

	"keyturn/accounts"
)

type passkeyRow struct {
	ID           string `db:"id"`
	UserID       string `db:"user_id"`
	CredentialID []byte `db:"credential_id"`
	PublicKey    []byte `db:"public_key"`
	AAGUID       []byte `db:"aaguid"`
	Transports   string `db:"transports"`
	SignCount    int64  `db:"sign_count"`
	Synced       bool   `db:"synced"`
	BackedUp     bool   `db:"backed_up"`
	Name         string `db:"name"`
	CreatedAt    micros `db:"created_at"`
	LastUsedAt   micros `db:"last_used_at"`
}

func (r passkeyRow) passkey() accounts.StoredPasskey {
	return accounts.StoredPasskey{
		Passkey: accounts.Passkey{ID: r.ID, Name: r.Name, Synced: r.Synced, CreatedAt: r.CreatedAt.Time, LastUsedAt: r.LastUsedAt.Time},
		UserID:  r.UserID, CredentialID: r.CredentialID, PublicKey: r.PublicKey, AAGUID: r.AAGUID, Transports: r.Transports,
		SignCount: uint32(r.SignCount), BackedUp: r.BackedUp,
	}
}

const (
	passkeyColumns = `id, user_id, credential_id, public_key, aaguid, transports, sign_count, synced, backed_up, name, created_at, last_used_at`

	passkeysOf    statement = `SELECT ` + passkeyColumns + ` FROM passkeys WHERE user_id = ? ORDER BY created_at, id`
	insertPasskey statement = `INSERT INTO passkeys (id, user_id, credential_id, public_key, aaguid, transports, sign_count, synced, backed_up, name, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, {now}) RETURNING ` + passkeyColumns
	usePasskey statement = `UPDATE passkeys SET sign_count = ?, backed_up = ?, last_used_at = {now} WHERE id = ? AND sign_count = ?`
)

// PasskeysOf implements accounts.FactorStore.
func (d *DB) PasskeysOf(ctx context.Context, userID string) ([]accounts.StoredPasskey, error) {
	var rows []passkeyRow
	if err := d.reading().all(ctx, &rows, passkeysOf, userID); err != nil {
		return nil, translate(err, nil)
	}
	passkeys := make([]accounts.StoredPasskey, len(rows))
	for i, row := range rows {
		passkeys[i] = row.passkey()
	}
	return passkeys, nil
}

// AddPasskey implements accounts.FactorStore.
func (d *DB) AddPasskey(ctx context.Context, who accounts.Owned, p accounts.StoredPasskey, most int64, told accounts.Told) (accounts.Passkey, error) {
	var row passkeyRow
	err := d.changeFactors(ctx, who, told, func(s session) error {
		var has factorCountsRow
		if err := s.get(ctx, &has, factorCounts, who.UserID); err != nil {
			return err
		}
		if has.Passkeys >= most {
			return accounts.ErrTooManyFactors
		}
		return s.get(ctx, &row, insertPasskey, p.ID, who.UserID, p.CredentialID, p.PublicKey, bytesOf(p.AAGUID), p.Transports,
			int64(p.SignCount), p.Synced, p.BackedUp, p.Name)
	})
	if unique(err) {
		return accounts.Passkey{}, accounts.ErrPasskeyRefused
	}
	return row.passkey().Passkey, translate(err, nil)
}

// UsePasskey implements accounts.FactorStore.
func (d *DB) UsePasskey(ctx context.Context, id string, from, to uint32, backedUp bool) (bool, error) {
	return d.changedOne(ctx, usePasskey, int64(to), backedUp, id, int64(from))
}

// changedOne is one statement that decides something by whether it changes a row.
func (d *DB) changedOne(ctx context.Context, st statement, args ...any) (bool, error) {
	var changed int64
	err := d.once(ctx, func(s session) (err error) {
		changed, err = s.exec(ctx, st, args...)
		return err
	})
	return changed == 1, translate(err, nil)
}

// bytesOf is b, never NULL.
func bytesOf(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
