package storage

import (
	"context"
	"crypto/sha256"
	"time"

	"keyturn/issuer/oauth"
)

const insertAssertion statement = `INSERT INTO client_assertions (client_id, jti_hash, expires_at) VALUES (?, ?, ?)
	ON CONFLICT (client_id, jti_hash) DO NOTHING`

// UseAssertion implements oauth.Store.
func (d *DB) UseAssertion(ctx context.Context, clientID, jti string, until time.Time) error {
	hash := sha256.Sum256([]byte(jti)) // as long as the client likes
	var noted int64
	err := d.once(ctx, func(s session) (err error) {
		noted, err = s.exec(ctx, insertAssertion, clientID, hash[:], micros{until}.orZero())
		return err
	})
	if err == nil && noted == 0 {
		return oauth.ErrReplayed
	}
	return translate(err, nil)
}
