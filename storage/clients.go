package storage

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// clientRow is a client with one of its secrets, whose columns are NULL where it has none.
type clientRow struct {
	ID        string `db:"id"`
	Metadata  string `db:"metadata"`
	Enabled   bool   `db:"enabled"`
	CreatedAt micros `db:"created_at"`
	UpdatedAt micros `db:"updated_at"`

	SecretID        sql.NullString `db:"secret_id"`
	SecretHash      []byte         `db:"secret_hash"`
	SecretCreatedAt micros         `db:"secret_created_at"`
}

const (
	selectClients = `SELECT c.id, c.metadata, c.enabled, c.created_at, c.updated_at,
			s.id AS secret_id, s.hash AS secret_hash, s.created_at AS secret_created_at
		FROM clients c LEFT JOIN client_secrets s ON s.client_id = c.id `
	clientsAfter statement = selectClients + `WHERE c.changed_in > ? ORDER BY c.id, s.ordinal`
	clientByID   statement = selectClients + `WHERE c.id = ? ORDER BY s.ordinal`
)

// Clients implements oauth.Store; the order is that of the ids. Whoever raised the counter to what is read
// first has committed the client with it, and so has everybody before.
func (d *DB) Clients(ctx context.Context, after int64) ([]oauth.Client, int64, error) {
	counter, err := d.Changes(ctx)
	if err != nil {
		return nil, 0, err
	}
	var rows []clientRow
	if err := d.reading().all(ctx, &rows, clientsAfter, after); err != nil {
		return nil, 0, translate(err, nil)
	}
	clients, err := clientsOf(rows)
	slices.SortFunc(clients, func(a, b oauth.Client) int { return strings.Compare(a.ID, b.ID) })
	return clients, counter, err
}

// clientsOf puts the rows of each client together; they stand beside one another.
func clientsOf(rows []clientRow) ([]oauth.Client, error) {
	var clients []oauth.Client
	for _, row := range rows {
		if len(clients) == 0 || clients[len(clients)-1].ID != row.ID {
			c, err := row.client()
			if err != nil {
				return nil, err
			}
			clients = append(clients, c)
		}
		if !row.SecretID.Valid {
			continue
		}
		hash, err := keys.ParseHash(row.SecretHash)
		if err != nil {
			return nil, fmt.Errorf("storage: secret %s of client %s: %w", row.SecretID.String, row.ID, err)
		}
		c := &clients[len(clients)-1]
		c.Secrets = append(c.Secrets, oauth.ClientSecret{ID: row.SecretID.String, Hash: hash, CreatedAt: row.SecretCreatedAt.Time})
	}
	return clients, nil
}

func (r clientRow) client() (oauth.Client, error) {
	c := oauth.Client{ID: r.ID, Enabled: r.Enabled, CreatedAt: r.CreatedAt.Time, UpdatedAt: r.UpdatedAt.Time}
	if r.Metadata == "" { // deleted
		return c, nil
	}
	if err := json.Unmarshal([]byte(r.Metadata), &c.Metadata); err != nil {
		return oauth.Client{}, fmt.Errorf("storage: metadata of client %s: %w", r.ID, err)
	}
	return c, nil
}

// client reads a client within the transaction that changed it.
func (s session) client(ctx context.Context, id string) (oauth.Client, error) {
	var rows []clientRow
	if err := s.all(ctx, &rows, clientByID, id); err != nil {
		return oauth.Client{}, err
	}
	clients, err := clientsOf(rows)
	if err != nil || len(clients) == 0 {
		return oauth.Client{}, cmp.Or(err, oauth.ErrClientNotFound)
	}
	return clients[0], nil
}

// changed is what every change of a client sets beside what it changes. updated_at grows each time, whatever
// the clock does: it is what a conditional change is compared with.
const changed = `changed_in = ?, updated_at = CASE WHEN {now} > updated_at THEN {now} ELSE updated_at + 1 END`

const (
	insertClient statement = `INSERT INTO clients (id, metadata, enabled, changed_in, created_at, updated_at)
		SELECT ?, ?, CAST(? AS BOOLEAN), CAST(? AS BIGINT), t.now, t.now FROM (SELECT {now} AS now) t`
	updateClient statement = `UPDATE clients SET metadata = ?, ` + changed + ` WHERE id = ? AND deleted_at IS NULL`
	touchClient  statement = `UPDATE clients SET ` + changed + ` WHERE id = ? AND deleted_at IS NULL`
	enableClient statement = `UPDATE clients SET enabled = CAST(? AS BOOLEAN), ` + changed + `
		WHERE id = ? AND deleted_at IS NULL AND enabled <> CAST(? AS BOOLEAN)`
	deleteClient statement = `UPDATE clients SET metadata = '', enabled = FALSE, deleted_at = {now}, ` + changed + `
		WHERE id = ? AND deleted_at IS NULL`
	clientExists statement = `SELECT EXISTS (SELECT 1 FROM clients WHERE id = ? AND deleted_at IS NULL)`
)

// CreateClient implements oauth.Store.
func (d *DB) CreateClient(ctx context.Context, c oauth.Client, event audit.Event) (oauth.Client, error) {
	return d.changeClient(ctx, c.ID, event, func(s session, counter int64) error {
		_, err := s.exec(ctx, insertClient, c.ID, jsonText(c.Metadata), c.Enabled, counter)
		if unique(err) {
			return oauth.ErrClientExists
		}
		for _, secret := range c.Secrets {
			if err == nil {
				err = s.addSecret(ctx, c.ID, secret)
			}
		}
		return err
	})
}

// UpdateClient implements oauth.Store.
func (d *DB) UpdateClient(ctx context.Context, id string, m oauth.Metadata, event audit.Event) (oauth.Client, error) {
	return d.changeClient(ctx, id, event, func(s session, counter int64) error {
		err := s.execClient(ctx, id, oauth.ErrClientNotFound, updateClient, jsonText(m), counter, id)
		if err != nil || m.AuthMethod.UsesSecret() {
			return err
		}
		// What opens nothing today must not open something when the method is changed back one day.
		return s.dropSecrets(ctx, id, event)
	})
}

// SetClientEnabled implements oauth.Store.
func (d *DB) SetClientEnabled(ctx context.Context, id string, enabled bool, event audit.Event) (ended int64, err error) {
	_, err = d.changeClient(ctx, id, event, func(s session, counter int64) error {
		err := s.execClient(ctx, id, errUnchanged, enableClient, enabled, counter, id, enabled)
		if err != nil || enabled {
			return err
		}
		ended, err = s.endClient(ctx, id, issuer.ClientDisabled)
		return err
	})
	switch {
	case errors.Is(err, errUnchanged):
		return 0, nil
	case err != nil:
		return 0, err
	}
	return ended, nil
}

// DeleteClient implements oauth.Store. Which sessions it took part in goes with these.
func (d *DB) DeleteClient(ctx context.Context, id string, event audit.Event) (ended int64, err error) {
	_, err = d.changeClient(ctx, id, event, func(s session, counter int64) error {
		if err := s.execClient(ctx, id, oauth.ErrClientNotFound, deleteClient, counter, id); err != nil {
			return err
		}
		if ended, err = s.endClient(ctx, id, issuer.ClientDeleted); err != nil {
			return err
		}
		if _, err := s.removeConsents(ctx, ofClient(id)); err != nil {
			return err
		}
		_, err := s.exec(ctx, removeSecrets, id)
		return err
	})
	if err != nil {
		return 0, err
	}
	return ended, nil
}

// changeClient runs a change of a client, and returns what it left. The changes counter goes first, then
// the client's row: a redemption holds a share lock on that until its grant is committed, so it either is
// before this, and its grant is ended, or finds the client changed.
func (d *DB) changeClient(ctx context.Context, id string, event audit.Event, change func(s session, counter int64) error) (oauth.Client, error) {
	var left oauth.Client
	err := d.raising(ctx, []audit.Event{event}, func(s session, counter int64) (err error) {
		if err := s.clientAsSeen(ctx, id, event.Actor); err != nil {
			return err
		}
		if err := change(s, counter); err != nil {
			return err
		}
		left, err = s.client(ctx, id)
		return err
	})
	if err != nil {
		return oauth.Client{}, translate(err, nil)
	}
	return left, nil
}

// clientAsSeen refuses the actor who decided by another state of the client. The counter, which every change raises
// first, holds the state still.
func (s session) clientAsSeen(ctx context.Context, id string, actor audit.Actor) error {
	if actor.Seen == "" {
		return nil
	}
	c, err := s.client(ctx, id)
	if err != nil {
		return err
	}
	if c.AuthMethod == "" { // deleted: of a client that is there it is never empty
		return oauth.ErrClientNotFound
	}
	return actor.Saw(c.Version())
}

// execClient runs a statement that changes the client, and tells why it did not: ErrClientNotFound, or
// otherwise where the client is there.
func (s session) execClient(ctx context.Context, id string, otherwise error, st statement, args ...any) error {
	changed, err := s.exec(ctx, st, args...)
	if err != nil || changed > 0 {
		return err
	}
	var exists bool
	if err := s.get(ctx, &exists, clientExists, id); err != nil {
		return err
	}
	if !exists {
		return oauth.ErrClientNotFound
	}
	return otherwise
}

// endClient revokes the client's grants and removes its codes.
func (s session) endClient(ctx context.Context, id string, reason issuer.Reason) (int64, error) {
	ended, err := s.revoke(ctx, ofClient(id), revocation{reason: reason})
	if err != nil {
		return 0, err
	}
	_, err = s.removeCodes(ctx, ofClient(id))
	return ended, err
}
