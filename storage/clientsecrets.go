package storage

import (
	"context"

	"keyturn/audit"
	"keyturn/issuer/oauth"
)

// Secrets are changed under the lock of the changes row, so their numbers can be counted.
const (
	insertSecret statement = `INSERT INTO client_secrets (client_id, id, ordinal, hash, created_at)
		SELECT CAST(? AS TEXT), CAST(? AS TEXT), COALESCE(MAX(ordinal), 0) + 1, CAST(? AS {postgres BYTEA}{sqlite BLOB}), {now}
		FROM client_secrets WHERE client_id = ?`
	removeOlder statement = `DELETE FROM client_secrets WHERE client_id = ? AND ordinal NOT IN (
		SELECT ordinal FROM client_secrets WHERE client_id = ? ORDER BY ordinal DESC LIMIT 2)`
	removeSecret  statement = `DELETE FROM client_secrets WHERE client_id = ? AND id = ?`
	removeSecrets statement = `DELETE FROM client_secrets WHERE client_id = ?`
)

// AddSecret implements oauth.Store.
func (d *DB) AddSecret(ctx context.Context, clientID string, secret oauth.ClientSecret, event audit.Event) (oauth.Client, error) {
	return d.changeClient(ctx, clientID, event, func(s session, counter int64) error {
		if err := s.execClient(ctx, clientID, oauth.ErrClientNotFound, touchClient, counter, clientID); err != nil {
			return err
		}
		if err := s.addSecret(ctx, clientID, secret); err != nil {
			return err
		}
		_, err := s.exec(ctx, removeOlder, clientID, clientID)
		return err
	})
}

// RemoveSecret implements oauth.Store.
func (d *DB) RemoveSecret(ctx context.Context, clientID, secretID string, event audit.Event) (oauth.Client, error) {
	return d.changeClient(ctx, clientID, event, func(s session, counter int64) error {
		if err := s.execClient(ctx, clientID, oauth.ErrClientNotFound, touchClient, counter, clientID); err != nil {
			return err
		}
		removed, err := s.exec(ctx, removeSecret, clientID, secretID)
		if err == nil && removed == 0 {
			return oauth.ErrSecretNotFound
		}
		return err
	})
}

func (s session) addSecret(ctx context.Context, clientID string, secret oauth.ClientSecret) error {
	_, err := s.exec(ctx, insertSecret, clientID, secret.ID, secret.Hash[:], clientID)
	return err
}
