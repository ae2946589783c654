package storage

import (
	"context"
	"time"

	"keyturn/accounts"
	"keyturn/keys"
)

const (
	recoveryCodesOf statement = `SELECT COUNT(*) AS left_over, MIN(created_at) AS made_at FROM recovery_codes WHERE user_id = ?`
	insertRecovery  statement = `INSERT INTO recovery_codes (user_id, hash, created_at) VALUES (?, ?, {now})`
	useRecoveryCode statement = `DELETE FROM recovery_codes WHERE user_id = ? AND hash = ?`
)

// RecoveryCodesOf implements accounts.FactorStore.
func (d *DB) RecoveryCodesOf(ctx context.Context, userID string) (left int64, madeAt time.Time, err error) {
	var row struct {
		Left   int64  `db:"left_over"`
		MadeAt micros `db:"made_at"`
	}
	err = d.reading().get(ctx, &row, recoveryCodesOf, userID)
	return row.Left, row.MadeAt.Time, translate(err, nil)
}

// SetRecoveryCodes implements accounts.FactorStore.
func (d *DB) SetRecoveryCodes(ctx context.Context, who accounts.Owned, hashes []keys.Hash, told accounts.Told) error {
	err := d.changeFactors(ctx, who, told, func(s session) error {
		var has factorCountsRow
		if err := s.get(ctx, &has, factorCounts, who.UserID); err != nil {
			return err
		}
		if !has.counts().SecondFactor() {
			return accounts.ErrNoSecondFactor
		}
		if _, err := s.exec(ctx, removeCodesOf, who.UserID); err != nil {
			return err
		}
		for _, h := range hashes {
			if _, err := s.exec(ctx, insertRecovery, who.UserID, h[:]); err != nil {
				return err
			}
		}
		return nil
	})
	return translate(err, nil)
}

// UseRecoveryCode implements accounts.FactorStore.
func (d *DB) UseRecoveryCode(ctx context.Context, userID string, code keys.Hash, told accounts.Told) (bool, error) {
	used := false
	err := d.transact(ctx, func(s session) error {
		removed, err := s.exec(ctx, useRecoveryCode, userID, code[:])
		if used = removed == 1; err != nil || !used {
			return err
		}
		return s.tell(ctx, told)
	})
	return used && err == nil, translate(err, nil)
}
