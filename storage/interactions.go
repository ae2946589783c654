package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"keyturn/issuer/oauth"
	"keyturn/keys"
)

type interactionRow struct {
	IDHash      []byte `db:"id_hash"`
	BrowserHash []byte `db:"browser_hash"`
	Request     string `db:"request"`
	CreatedAt   micros `db:"created_at"`
	ExpiresAt   micros `db:"expires_at"`
	SignedInAt  micros `db:"signed_in_at"`
	SignedInAs  string `db:"signed_in_as"`
	ConsentedAt micros `db:"consented_at"`
	ConsentedAs string `db:"consented_as"`
	FinishedAt  micros `db:"finished_at"`

	// Now is the database's time.
	Now micros `db:"now"`
}

func (r interactionRow) interaction() (oauth.Interaction, error) {
	in := oauth.Interaction{
		CreatedAt: r.CreatedAt.Time, ExpiresAt: r.ExpiresAt.Time,
		SignedInAt: r.SignedInAt.Time, SignedInAs: r.SignedInAs, ConsentedAt: r.ConsentedAt.Time, ConsentedAs: r.ConsentedAs,
		FinishedAt: r.FinishedAt.Time,
	}
	var err1, err2 error
	in.ID, err1 = keys.ParseHash(r.IDHash)
	in.Browser, err2 = keys.ParseHash(r.BrowserHash)
	if err := errors.Join(err1, err2, json.Unmarshal([]byte(r.Request), &in.Request)); err != nil {
		return oauth.Interaction{}, fmt.Errorf("storage: a stored interaction: %w", err)
	}
	return in, nil
}

const (
	interactionColumns = `id_hash, browser_hash, request, created_at, expires_at, signed_in_at, signed_in_as, consented_at, consented_as, finished_at, {now} AS now`

	insertInteraction statement = `INSERT INTO interactions (id_hash, browser_hash, request, created_at, expires_at)
		SELECT CAST(? AS {postgres BYTEA}{sqlite BLOB}), CAST(? AS {postgres BYTEA}{sqlite BLOB}), ?, t.now, t.now + CAST(? AS BIGINT) FROM (SELECT {now} AS now) t`
	interactionByID statement = `SELECT ` + interactionColumns + ` FROM interactions WHERE id_hash = ? AND browser_hash = ? AND expires_at > {now}`

	noteSignedIn  statement = `UPDATE interactions SET signed_in_at = {now}, signed_in_as = ?` + unexpiredInteraction
	noteConsented statement = `UPDATE interactions SET consented_at = {now}, consented_as = ?` + unexpiredInteraction
	noteFinished  statement = `UPDATE interactions SET finished_at = COALESCE(finished_at, {now})` + unexpiredInteraction

	unexpiredInteraction = ` WHERE id_hash = ? AND expires_at > {now} RETURNING ` + interactionColumns
)

// StoreInteraction implements oauth.Store.
func (d *DB) StoreInteraction(ctx context.Context, in oauth.Interaction, lifetime time.Duration) error {
	return d.execOnce(ctx, insertInteraction, in.ID[:], in.Browser[:], jsonText(in.Request), lifetime.Microseconds())
}

// Interaction implements oauth.Store.
func (d *DB) Interaction(ctx context.Context, id, browser keys.Hash) (oauth.Interaction, time.Time, error) {
	var row interactionRow
	if err := d.reading().get(ctx, &row, interactionByID, id[:], browser[:]); err != nil {
		return oauth.Interaction{}, time.Time{}, translate(err, oauth.ErrInteractionGone)
	}
	in, err := row.interaction()
	return in, row.Now.Time, err
}

// NoteStep implements oauth.Store; ErrInteractionGone where there is none that has not expired.
func (d *DB) NoteStep(ctx context.Context, id keys.Hash, step oauth.Step, sessionID string) (oauth.Interaction, error) {
	st := map[oauth.Step]statement{
		oauth.StepSignedIn: noteSignedIn, oauth.StepConsented: noteConsented, oauth.StepFinished: noteFinished,
	}[step]
	if st == "" {
		return oauth.Interaction{}, fmt.Errorf("storage: an interaction has no step %q", step)
	}
	args := []any{sessionID, id[:]}
	if step == oauth.StepFinished {
		args = args[1:]
	}
	var row interactionRow
	if err := d.once(ctx, func(s session) error { return s.get(ctx, &row, st, args...) }); err != nil {
		return oauth.Interaction{}, translate(err, oauth.ErrInteractionGone)
	}
	return row.interaction()
}
