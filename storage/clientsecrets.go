package storage

import (
	"context"

	"keyturn/audit"
	"keyturn/issuer"
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
	removeSecrets statement = `DELETE FROM client_secrets WHERE client_id = ? RETURNING id`
)

// AddSecret implements oauth.Store.
func (d *DB) AddSecret(ctx context.Context, clientID string, secret oauth.ClientSecret, event audit.Event) (oauth.Client, error) {
	return d.changeClient(ctx, clientID, event, func(s session, counter int64) error {
		if err := s.execClient(ctx, clientID, oauth.ErrClientNotFound, touchClient, counter, clientID); err != nil {
			return err
		}
		stored, err := s.client(ctx, clientID)
		if err != nil {
			return err
		}
		if !stored.AuthMethod.UsesSecret() {
			return issuer.ErrConflict
		}
		if err := s.addSecret(ctx, clientID, secret); err != nil {
			return err
		}
		_, err = s.exec(ctx, removeOlder, clientID, clientID)
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

// dropSecrets removes the secrets of a client whose method uses none any more. Each removal is an event of its
// own, by whoever causes event.
func (s session) dropSecrets(ctx context.Context, clientID string, event audit.Event) error {
	var ids []string
	if err := s.all(ctx, &ids, removeSecrets, clientID); err != nil {
		return err
	}
	for _, id := range ids {
		event.Action, event.Details = audit.ClientSecretRemoved, map[string]string{"secret": id}
		if err := s.record(ctx, event); err != nil {
			return err
		}
	}
	return nil
}
