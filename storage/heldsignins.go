package storage

import (
	"context"
	"time"

	"keyturn/accounts"
	"keyturn/keys"
)

const (
	addCeremony statement = `INSERT INTO passkey_ceremonies (challenge_hash, browser_hash, purpose, user_id, expires_at)
		VALUES (?, ?, ?, ?, {now} + CAST(? AS BIGINT))`
	// Nothing takes a ceremony of this purpose.
	noteAnswer statement = `INSERT INTO passkey_ceremonies (challenge_hash, browser_hash, purpose, user_id, expires_at)
		VALUES (?, ?, 'answered', '', {now} + CAST(? AS BIGINT)) ON CONFLICT (challenge_hash) DO NOTHING`
	takeCeremony statement = `DELETE FROM passkey_ceremonies WHERE challenge_hash = ? AND browser_hash = ? AND purpose = ? AND expires_at > {now}
		RETURNING user_id`
)

// AddCeremony implements accounts.FactorStore.
func (d *DB) AddCeremony(ctx context.Context, c accounts.Ceremony, lifetime time.Duration) error {
	return d.execOnce(ctx, addCeremony, c.Challenge[:], c.Browser[:], string(c.Purpose), c.UserID, lifetime.Microseconds())
}

// NoteAnswer implements accounts.FactorStore.
func (d *DB) NoteAnswer(ctx context.Context, challenge, browser keys.Hash, lifetime time.Duration) (bool, error) {
	return d.changedOne(ctx, noteAnswer, challenge[:], browser[:], lifetime.Microseconds())
}

// TakeCeremony implements accounts.FactorStore.
func (d *DB) TakeCeremony(ctx context.Context, challenge, browser keys.Hash, purpose accounts.CeremonyPurpose) (accounts.Ceremony, error) {
	c := accounts.Ceremony{Challenge: challenge, Browser: browser, Purpose: purpose}
	err := d.once(ctx, func(s session) error {
		return s.get(ctx, &c.UserID, takeCeremony, challenge[:], browser[:], string(purpose))
	})
	return c, translate(err, accounts.ErrCeremonyGone)
}

const (
	holdSignIn statement = `INSERT INTO held_sign_ins (hash, browser_hash, user_id, credential_version, proved_at, amr, counted, place, attempts, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, {now} + CAST(? AS BIGINT))`
	heldSignIn statement = `SELECT h.hash, h.browser_hash, h.user_id, h.credential_version, h.proved_at, h.amr, h.counted, h.place, h.attempts
		FROM held_sign_ins h JOIN users u ON u.id = h.user_id AND u.active AND u.credential_version = h.credential_version
		WHERE h.hash = ? AND h.browser_hash = ? AND h.expires_at > {now}`
	tryHeld statement = `UPDATE held_sign_ins SET attempts = attempts + 1 WHERE hash = ? AND attempts = ? AND expires_at > {now}`
	endHeld statement = `DELETE FROM held_sign_ins WHERE hash = ? AND expires_at > {now}`
)

// HoldSignIn implements accounts.FactorStore.
func (d *DB) HoldSignIn(ctx context.Context, p accounts.PendingSignIn, lifetime time.Duration) error {
	return translate(d.transact(ctx, func(s session) error {
		var id string
		if err := s.get(ctx, &id, lockUser, p.UserID, p.CredentialVersion); err != nil {
			return translate(err, accounts.ErrCredentials)
		}
		_, err := s.exec(ctx, holdSignIn, p.Hash[:], p.Browser[:], p.UserID, p.CredentialVersion, micros{p.ProvedAt}, p.AMR,
			p.Counted, p.Place, lifetime.Microseconds())
		return err
	}), nil)
}

// HeldSignIn implements accounts.FactorStore.
func (d *DB) HeldSignIn(ctx context.Context, hash, browser keys.Hash) (accounts.PendingSignIn, error) {
	var row struct {
		Hash              []byte `db:"hash"`
		Browser           []byte `db:"browser_hash"`
		UserID            string `db:"user_id"`
		CredentialVersion int64  `db:"credential_version"`
		ProvedAt          micros `db:"proved_at"`
		AMR               string `db:"amr"`
		Counted           bool   `db:"counted"`
		Place             string `db:"place"`
		Attempts          int64  `db:"attempts"`
	}
	if err := d.reading().get(ctx, &row, heldSignIn, hash[:], browser[:]); err != nil {
		return accounts.PendingSignIn{}, translate(err, accounts.ErrPendingGone)
	}
	return accounts.PendingSignIn{
		Hash: hash, Browser: browser, UserID: row.UserID, CredentialVersion: row.CredentialVersion, ProvedAt: row.ProvedAt.Time,
		AMR: row.AMR, Counted: row.Counted, Place: row.Place, Attempts: row.Attempts,
	}, nil
}

// TryHeld implements accounts.FactorStore.
func (d *DB) TryHeld(ctx context.Context, hash keys.Hash, seen int64) (bool, error) {
	return d.changedOne(ctx, tryHeld, hash[:], seen)
}

// EndHeld implements accounts.FactorStore.
func (d *DB) EndHeld(ctx context.Context, hash keys.Hash) error {
	ended, err := d.changedOne(ctx, endHeld, hash[:])
	if err == nil && !ended {
		return accounts.ErrPendingGone
	}
	return err
}
