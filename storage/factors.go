package storage

import (
	"context"
	"database/sql"
	"errors"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
)

const (
	countPasskeys = `(SELECT COUNT(*) FROM passkeys p WHERE p.user_id = u.id)`
	countApps     = `(SELECT COUNT(*) FROM authenticator_apps a WHERE a.user_id = u.id AND a.confirmed_at IS NOT NULL)`
	countCodes    = `(SELECT COUNT(*) FROM recovery_codes r WHERE r.user_id = u.id)`

	factorCounts statement = `SELECT ` + countPasskeys + ` AS passkeys, ` + countApps + ` AS apps, ` + countCodes + ` AS codes,
		u.password_hash <> '' AS password FROM users u WHERE u.id = ?`
)

type factorCountsRow struct {
	Passkeys int64 `db:"passkeys"`
	Apps     int64 `db:"apps"`
	Codes    int64 `db:"codes"`
	Password bool  `db:"password"`
}

func (r factorCountsRow) counts() accounts.FactorCounts {
	return accounts.FactorCounts{Passkeys: r.Passkeys, Apps: r.Apps, RecoveryCodes: r.Codes}
}

// FactorCounts implements accounts.Store.
func (d *DB) FactorCounts(ctx context.Context, userID string) (accounts.FactorCounts, error) {
	var row factorCountsRow
	err := d.reading().get(ctx, &row, factorCounts, userID)
	if errors.Is(err, sql.ErrNoRows) {
		return accounts.FactorCounts{}, nil
	}
	return row.counts(), translate(err, nil)
}

// holdUser locks the user's row for a change of their factors, if they are as they were when they proved
// themself; else accounts.ErrCredentials.
const holdUser statement = `SELECT id FROM users WHERE id = ? AND active AND credential_version = ? {for update}`

// changeFactors is one transaction on the factors of a user, whose row is locked.
func (d *DB) changeFactors(ctx context.Context, who accounts.Owned, told accounts.Told, change func(session) error) error {
	return d.transact(ctx, func(s session) error {
		var id string
		if err := s.get(ctx, &id, holdUser, who.UserID, who.CredentialVersion); err != nil {
			return translate(err, accounts.ErrCredentials)
		}
		if err := change(s); err != nil {
			return err
		}
		return s.tell(ctx, told)
	})
}

// tell leaves behind what a change is told by.
func (s session) tell(ctx context.Context, told accounts.Told) error {
	if err := s.queueLetters(ctx, told.Letters); err != nil {
		return err
	}
	if told.Event.Action == "" {
		return nil
	}
	return s.record(ctx, told.Event)
}

const (
	factorByID statement = `SELECT 'passkey' AS kind, name FROM passkeys WHERE user_id = ? AND id = ?
		UNION ALL SELECT 'app', name FROM authenticator_apps WHERE user_id = ? AND id = ? AND confirmed_at IS NOT NULL`

	renamePasskey statement = `UPDATE passkeys SET name = ? WHERE user_id = ? AND id = ?`
	renameApp     statement = `UPDATE authenticator_apps SET name = ? WHERE user_id = ? AND id = ? AND confirmed_at IS NOT NULL`
	removePasskey statement = `DELETE FROM passkeys WHERE user_id = ? AND id = ?`
	removeApp     statement = `DELETE FROM authenticator_apps WHERE user_id = ? AND id = ?`

	raiseVersion    statement = `UPDATE users SET credential_version = credential_version + 1, updated_at = {now} WHERE id = ?`
	raiseVersionOf  statement = `UPDATE users SET credential_version = credential_version + 1, updated_at = {now} WHERE id = ? AND active AND credential_version = ? RETURNING credential_version`
	carrySession    statement = `UPDATE browser_sessions SET credential_version = ? WHERE id = ? AND user_id = ?`
	removePasskeys  statement = `DELETE FROM passkeys WHERE user_id = ?`
	removeApps      statement = `DELETE FROM authenticator_apps WHERE user_id = ?`
	removeCodesOf   statement = `DELETE FROM recovery_codes WHERE user_id = ?`
	removeIdleCodes statement = `DELETE FROM recovery_codes WHERE user_id = ?
		AND NOT EXISTS (SELECT 1 FROM passkeys p WHERE p.user_id = recovery_codes.user_id)
		AND NOT EXISTS (SELECT 1 FROM authenticator_apps a WHERE a.user_id = recovery_codes.user_id AND a.confirmed_at IS NOT NULL)`
	removeHeldOf statement = `DELETE FROM held_sign_ins WHERE user_id = ?`
)

// RenameFactor implements accounts.FactorStore.
func (d *DB) RenameFactor(ctx context.Context, who accounts.Owned, id, name string, event audit.Event) error {
	err := d.changeFactors(ctx, who, accounts.Told{Event: event}, func(s session) error {
		for _, rename := range []statement{renamePasskey, renameApp} {
			if changed, err := s.exec(ctx, rename, name, who.UserID, id); err != nil || changed > 0 {
				return err
			}
		}
		return accounts.ErrFactorNotFound
	})
	return translate(err, nil)
}

// RemoveFactor implements accounts.FactorStore.
func (d *DB) RemoveFactor(ctx context.Context, who accounts.Owned, id string, judge func(accounts.RemovedFactor) error, told accounts.Told) error {
	err := d.transact(ctx, func(s session) error {
		var version int64
		if err := s.get(ctx, &version, raiseVersionOf, who.UserID, who.CredentialVersion); err != nil {
			return translate(err, accounts.ErrCredentials)
		}
		if err := s.judgeRemoval(ctx, who.UserID, id, judge); err != nil {
			return err
		}
		if who.SessionID != "" {
			if _, err := s.exec(ctx, carrySession, version, who.SessionID, who.UserID); err != nil {
				return err
			}
		}
		if _, err := s.endOthers(ctx, who.UserID, who.SessionID, issuer.FactorsChanged); err != nil {
			return err
		}
		for _, remove := range []statement{removePasskey, removeApp} {
			if _, err := s.exec(ctx, remove, who.UserID, id); err != nil {
				return err
			}
		}
		if _, err := s.exec(ctx, removeIdleCodes, who.UserID); err != nil {
			return err
		}
		return s.tell(ctx, told)
	})
	return translate(err, nil)
}

func (s session) judgeRemoval(ctx context.Context, userID, id string, judge func(accounts.RemovedFactor) error) error {
	var factor struct {
		Kind string `db:"kind"`
		Name string `db:"name"`
	}
	if err := s.get(ctx, &factor, factorByID, userID, id, userID, id); err != nil {
		return translate(err, accounts.ErrFactorNotFound)
	}
	var has factorCountsRow
	if err := s.get(ctx, &has, factorCounts, userID); err != nil {
		return err
	}
	return judge(accounts.RemovedFactor{
		Kind: accounts.FactorKind(factor.Kind), Name: factor.Name, Has: has.counts(), Password: has.Password,
	})
}

// endOthers ends the grants and codes of a user, the sign-ins that wait, and all browser sessions but one; the
// caller has changed the user row.
func (s session) endOthers(ctx context.Context, userID, keep string, reason issuer.Reason) (ended int64, err error) {
	others := selection{`user_id = ? AND id <> ?`, []any{userID, keep}}
	if ended, _, err = s.endBelow(ctx, ofUser(userID), revocation{reason: reason}, others); err != nil {
		return 0, err
	}
	_, err = s.exec(ctx, removeHeldOf, userID)
	return ended, err
}

// ResetFactors implements accounts.FactorStore.
func (d *DB) ResetFactors(ctx context.Context, userID string, told accounts.Told) (ended int64, err error) {
	err = d.transact(ctx, func(s session) error {
		ended = 0
		if err := s.guardUser(ctx, userID, told.Event.Actor); err != nil {
			return err
		}
		if err := s.changeUser(ctx, userID, raiseVersion, userID); err != nil {
			return err
		}
		if ended, err = s.endOthers(ctx, userID, "", issuer.FactorsChanged); err != nil {
			return err
		}
		removed := int64(0)
		for _, remove := range []statement{removePasskeys, removeApps, removeCodesOf} {
			n, err := s.exec(ctx, remove, userID)
			if err != nil {
				return err
			}
			removed += n
		}
		if removed == 0 {
			return errUnchanged // and take back the rest
		}
		return s.tell(ctx, told)
	})
	switch {
	case errors.Is(err, errUnchanged):
		return 0, nil
	case err != nil:
		return 0, userError(err)
	}
	return ended, nil
}
