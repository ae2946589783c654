package storage

import (
	"context"
	"time"

	"keyturn/accounts"
)

type appRow struct {
	ID         string `db:"id"`
	UserID     string `db:"user_id"`
	Sealed     []byte `db:"sealed"`
	LastStep   int64  `db:"last_step"`
	Name       string `db:"name"`
	CreatedAt  micros `db:"created_at"`
	ExpiresAt  micros `db:"expires_at"`
	LastUsedAt micros `db:"last_used_at"`

	StrangeSince micros `db:"strange_since"`
}

func (r appRow) app() accounts.StoredApp {
	return accounts.StoredApp{
		App:    accounts.App{ID: r.ID, Name: r.Name, CreatedAt: r.CreatedAt.Time, LastUsedAt: r.LastUsedAt.Time},
		UserID: r.UserID, Sealed: r.Sealed, LastStep: r.LastStep, ExpiresAt: r.ExpiresAt.Time, StrangeSince: r.StrangeSince.Time,
	}
}

func appsOf(rows []appRow) []accounts.StoredApp {
	apps := make([]accounts.StoredApp, len(rows))
	for i, row := range rows {
		apps[i] = row.app()
	}
	return apps
}

const (
	appColumns = `id, user_id, sealed, last_step, name, created_at, expires_at, last_used_at, strange_since`

	confirmedApps statement = `SELECT ` + appColumns + ` FROM authenticator_apps WHERE user_id = ? AND confirmed_at IS NOT NULL ORDER BY created_at, id`
	heldApp       statement = `SELECT ` + appColumns + ` FROM authenticator_apps WHERE user_id = ? AND confirmed_at IS NULL AND expires_at > {now}`
	removeHeldApp statement = `DELETE FROM authenticator_apps WHERE user_id = ? AND confirmed_at IS NULL`
	insertApp     statement = `INSERT INTO authenticator_apps (id, user_id, sealed, last_step, name, created_at, expires_at)
		SELECT ?, ?, CAST(? AS {postgres BYTEA}{sqlite BLOB}), 0, '', t.now, t.now + CAST(? AS BIGINT) FROM (SELECT {now} AS now) t RETURNING ` + appColumns
	confirmApp statement = `UPDATE authenticator_apps SET confirmed_at = {now}, last_used_at = {now}, expires_at = NULL, last_step = ?, name = ?, sealed = ?
		WHERE id = ? AND user_id = ? AND confirmed_at IS NULL AND expires_at > {now} RETURNING ` + appColumns
	useApp statement = `UPDATE authenticator_apps SET last_step = ?, last_used_at = {now} WHERE id = ? AND confirmed_at IS NOT NULL AND last_step < ?`

	// A row that two try at once counts both, one after the other.
	tryApps statement = `UPDATE authenticator_apps SET
			strange_codes = CASE WHEN strange_since > {now} - CAST(? AS BIGINT) THEN strange_codes + 1 ELSE 1 END,
			strange_since = CASE WHEN strange_since > {now} - CAST(? AS BIGINT) THEN strange_since ELSE {now} END
		WHERE user_id = ? AND confirmed_at IS NOT NULL
			AND (strange_since IS NULL OR strange_since <= {now} - CAST(? AS BIGINT) OR strange_codes < ?)
		RETURNING id, strange_codes`
	forgiveApps statement = `UPDATE authenticator_apps SET strange_codes = strange_codes - 1
		WHERE user_id = (SELECT a.user_id FROM authenticator_apps a WHERE a.id = ?) AND strange_codes > 0`

	sealedApps statement = `SELECT ` + appColumns + ` FROM authenticator_apps WHERE id > ? AND confirmed_at IS NOT NULL ORDER BY id LIMIT ?`
	resealApp  statement = `UPDATE authenticator_apps SET sealed = ? WHERE id = ? AND sealed = ?`
)

// AppsOf implements accounts.FactorStore.
func (d *DB) AppsOf(ctx context.Context, userID string) ([]accounts.StoredApp, error) {
	var rows []appRow
	err := d.reading().all(ctx, &rows, confirmedApps, userID)
	return appsOf(rows), translate(err, nil)
}

// HoldApp implements accounts.FactorStore.
func (d *DB) HoldApp(ctx context.Context, who accounts.Owned, a accounts.StoredApp, most int64, lifetime time.Duration) (accounts.StoredApp, error) {
	var row appRow
	err := d.changeFactors(ctx, who, accounts.Told{}, func(s session) error {
		if err := s.roomForApp(ctx, who.UserID, most); err != nil {
			return err
		}
		if _, err := s.exec(ctx, removeHeldApp, who.UserID); err != nil {
			return err
		}
		return s.get(ctx, &row, insertApp, a.ID, who.UserID, a.Sealed, lifetime.Microseconds())
	})
	return row.app(), translate(err, nil)
}

func (s session) roomForApp(ctx context.Context, userID string, most int64) error {
	var has factorCountsRow
	if err := s.get(ctx, &has, factorCounts, userID); err != nil {
		return err
	}
	if has.Apps >= most {
		return accounts.ErrTooManyFactors
	}
	return nil
}

// HeldApp implements accounts.FactorStore.
func (d *DB) HeldApp(ctx context.Context, userID string) (accounts.StoredApp, error) {
	var row appRow
	err := d.reading().get(ctx, &row, heldApp, userID)
	return row.app(), translate(err, accounts.ErrCeremonyGone)
}

// ConfirmApp implements accounts.FactorStore.
func (d *DB) ConfirmApp(ctx context.Context, who accounts.Owned, a accounts.StoredApp, most int64, told accounts.Told) (accounts.App, error) {
	var row appRow
	err := d.changeFactors(ctx, who, told, func(s session) error {
		if err := s.roomForApp(ctx, who.UserID, most); err != nil {
			return err
		}
		err := s.get(ctx, &row, confirmApp, a.LastStep, a.Name, a.Sealed, a.ID, who.UserID)
		return translate(err, accounts.ErrCeremonyGone)
	})
	return row.app().App, translate(err, nil)
}

// UseApp implements accounts.FactorStore.
func (d *DB) UseApp(ctx context.Context, id string, step int64, counted bool) (bool, error) {
	if !counted {
		return d.changedOne(ctx, useApp, step, id, step)
	}
	used := false
	err := d.transact(ctx, func(s session) error {
		changed, err := s.exec(ctx, useApp, step, id, step)
		if used = changed == 1; err != nil || !used {
			return err
		}
		_, err = s.exec(ctx, forgiveApps, id)
		return err
	})
	return used && err == nil, translate(err, nil)
}

// TryApps implements accounts.FactorStore.
func (d *DB) TryApps(ctx context.Context, userID string, most int64, window time.Duration, letters ...accounts.Letter) ([]string, error) {
	var ids []string
	err := d.transact(ctx, func(s session) error {
		var rows []struct {
			ID    string `db:"id"`
			Codes int64  `db:"strange_codes"`
		}
		w := window.Microseconds()
		if err := s.all(ctx, &rows, tryApps, w, w, userID, w, most); err != nil {
			return err
		}
		ids = ids[:0]
		full := false
		for _, row := range rows {
			ids = append(ids, row.ID)
			full = full || row.Codes == most
		}
		if !full {
			return nil
		}
		return s.queueLetters(ctx, letters)
	})
	if err != nil {
		return nil, translate(err, nil)
	}
	return ids, nil
}

// SealedApps implements accounts.FactorStore.
func (d *DB) SealedApps(ctx context.Context, after string, limit int) ([]accounts.StoredApp, error) {
	var rows []appRow
	err := d.reading().all(ctx, &rows, sealedApps, after, page(limit))
	return appsOf(rows), translate(err, nil)
}

// ResealApp implements accounts.FactorStore.
func (d *DB) ResealApp(ctx context.Context, id string, old, sealed []byte) (bool, error) {
	return d.changedOne(ctx, resealApp, sealed, id, old)
}
