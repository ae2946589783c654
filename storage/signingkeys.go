package storage

import (
	"context"
	"errors"

	"keyturn/audit"
	"keyturn/keys"
)

type keyRow struct {
	KID           string `db:"kid"`
	Algorithm     string `db:"algorithm"`
	Purpose       string `db:"purpose"`
	Epoch         int64  `db:"epoch"`
	PublishedAt   micros `db:"published_at"`
	SignsFrom     micros `db:"signs_from"`
	SignsUntil    micros `db:"signs_until"`
	VerifiesUntil micros `db:"verifies_until"`
	RevokedAt     micros `db:"revoked_at"`
	PublicJWK     []byte `db:"public_jwk"`
	Sealed        []byte `db:"sealed"`
	Tag           []byte `db:"tag"`
}

func (r keyRow) record() keys.Record {
	return keys.Record{
		Key: keys.Key{
			KID: r.KID, Algorithm: keys.Algorithm(r.Algorithm), Purpose: keys.Purpose(r.Purpose), Epoch: r.Epoch,
			PublishedAt: r.PublishedAt.Time, SignsFrom: r.SignsFrom.Time, SignsUntil: r.SignsUntil.Time,
			VerifiesUntil: r.VerifiesUntil.Time, RevokedAt: r.RevokedAt.Time,
		},
		PublicJWK: r.PublicJWK, Sealed: r.Sealed, Tag: r.Tag,
	}
}

const (
	selectKeys statement = `SELECT kid, algorithm, purpose, epoch, published_at, signs_from, signs_until, verifies_until, revoked_at,
			public_jwk, sealed, tag
		FROM signing_keys ORDER BY purpose, algorithm, epoch`
	insertKey statement = `INSERT INTO signing_keys (algorithm, purpose, epoch, published_at, signs_from, signs_until, verifies_until,
			revoked_at, public_jwk, sealed, tag, kid)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	updateKey statement = `UPDATE signing_keys SET algorithm = ?, purpose = ?, epoch = ?, published_at = ?, signs_from = ?,
			signs_until = ?, verifies_until = ?, revoked_at = ?, public_jwk = ?, sealed = ?, tag = ?
		WHERE kid = ? AND tag = ?`
	deleteKey statement = `DELETE FROM signing_keys WHERE kid = ? AND tag = ?`

	raiseChanges  statement = `UPDATE changes SET counter = counter + 1 WHERE id = 1 RETURNING counter`
	selectChanges statement = `SELECT counter FROM changes WHERE id = 1`
)

// Keys implements keys.Store.
func (d *DB) Keys(ctx context.Context) ([]keys.Record, error) {
	var rows []keyRow
	if err := d.reading().all(ctx, &rows, selectKeys); err != nil {
		return nil, translate(err, nil)
	}
	records := make([]keys.Record, len(rows))
	for i, row := range rows {
		records[i] = row.record()
	}
	return records, nil
}

// ApplyKeys implements keys.Store. Times are kept to the microsecond.
func (d *DB) ApplyKeys(ctx context.Context, changes []keys.Change, events []audit.Event) error {
	err := d.raising(ctx, events, func(s session, _ int64) error {
		for _, c := range changes {
			if err := s.applyKey(ctx, c); err != nil {
				return err
			}
		}
		return nil
	})
	if unique(err) {
		return keys.ErrConflict
	}
	return translate(err, nil)
}

func (s session) applyKey(ctx context.Context, c keys.Change) error {
	var changed int64
	var err error
	switch {
	case c.Was == nil && c.Now != nil:
		changed, err = s.exec(ctx, insertKey, keyArguments(c.Now)...)
	case c.Was != nil && c.Now != nil && c.Was.KID == c.Now.KID:
		changed, err = s.exec(ctx, updateKey, append(keyArguments(c.Now), c.Was.Tag)...)
	case c.Was != nil && c.Now == nil:
		changed, err = s.exec(ctx, deleteKey, c.Was.KID, c.Was.Tag)
	default:
		return errors.New("storage: a change of keys is an insert, an update of one kid, or a delete")
	}
	if err == nil && changed != 1 {
		return keys.ErrConflict
	}
	return err
}

func keyArguments(k *keys.Record) []any {
	return []any{
		string(k.Algorithm), string(k.Purpose), k.Epoch, micros{k.PublishedAt}, micros{k.SignsFrom}, micros{k.SignsUntil},
		micros{k.VerifiesUntil}, micros{k.RevokedAt}, k.PublicJWK, k.Sealed, k.Tag, k.KID,
	}
}

// Changes is the counter of changes that every instance must see; equal means that nothing changed.
func (d *DB) Changes(ctx context.Context) (int64, error) {
	var counter int64
	err := d.reading().get(ctx, &counter, selectChanges)
	return counter, translate(err, nil)
}

// raising runs change and writes the events in a transaction that raises the changes counter, to the
// value that change gets. The counter goes first: its row is a lock under which such changes queue instead
// of meeting crosswise, and are committed in the order of its values.
func (d *DB) raising(ctx context.Context, events []audit.Event, change func(s session, counter int64) error) error {
	return d.transact(ctx, func(s session) error {
		var counter int64
		if err := s.get(ctx, &counter, raiseChanges); err != nil {
			return err
		}
		if err := change(s, counter); err != nil {
			return err
		}
		for _, e := range events {
			if err := s.record(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
}
