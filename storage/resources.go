package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/keys"
)

const (
	selectResources statement = `SELECT identifier, algorithm, access_lifetime, claims, simplejwt, scopes FROM resources ORDER BY identifier`
	insertResource  statement = `INSERT INTO resources (algorithm, access_lifetime, claims, simplejwt, scopes, identifier) VALUES (?, ?, ?, ?, ?, ?)`
	updateResource  statement = `UPDATE resources SET algorithm = ?, access_lifetime = ?, claims = ?, simplejwt = ?, scopes = ? WHERE identifier = ?`
	deleteResource  statement = `DELETE FROM resources WHERE identifier = ?`
)

// Resources implements issuer.Store; the order is that of the identifiers.
func (d *DB) Resources(ctx context.Context) ([]issuer.Resource, error) {
	list, err := d.reading().resources(ctx)
	return list, translate(err, nil)
}

func (s session) resources(ctx context.Context) ([]issuer.Resource, error) {
	var rows []struct {
		Identifier     string `db:"identifier"`
		Algorithm      string `db:"algorithm"`
		AccessLifetime int64  `db:"access_lifetime"`
		Claims         string `db:"claims"`
		SimpleJWT      bool   `db:"simplejwt"`
		Scopes         string `db:"scopes"`
	}
	if err := s.all(ctx, &rows, selectResources); err != nil {
		return nil, err
	}
	resources := make([]issuer.Resource, len(rows))
	for i, r := range rows {
		resources[i] = issuer.Resource{
			Identifier: r.Identifier, Algorithm: keys.Algorithm(r.Algorithm),
			AccessLifetime: time.Duration(r.AccessLifetime) * time.Microsecond, SimpleJWT: r.SimpleJWT,
		}
		if err := json.Unmarshal([]byte(r.Claims), &resources[i].Claims); err != nil {
			return nil, fmt.Errorf("storage: claims of resource %s: %w", r.Identifier, err)
		}
		if err := json.Unmarshal([]byte(r.Scopes), &resources[i].Scopes); err != nil {
			return nil, fmt.Errorf("storage: scopes of resource %s: %w", r.Identifier, err)
		}
	}
	return resources, nil
}

// CreateResource implements issuer.Store.
func (d *DB) CreateResource(ctx context.Context, r issuer.Resource, event audit.Event) error {
	err := d.changeResource(ctx, event, insertResource, resourceArguments(r)...)
	if unique(err) {
		return issuer.ErrResourceExists
	}
	return err
}

// UpdateResource implements issuer.Store; ErrResourceNotFound where there is none.
func (d *DB) UpdateResource(ctx context.Context, r issuer.Resource, event audit.Event) error {
	return d.changeResource(ctx, event, updateResource, resourceArguments(r)...)
}

// DeleteResource implements issuer.Store; ErrResourceNotFound where there is none.
func (d *DB) DeleteResource(ctx context.Context, identifier string, event audit.Event) error {
	return d.changeResource(ctx, event, deleteResource, identifier)
}

func (d *DB) changeResource(ctx context.Context, event audit.Event, st statement, args ...any) error {
	err := d.raising(ctx, []audit.Event{event}, func(s session, _ int64) error {
		if err := s.resourceAsSeen(ctx, event.SubjectID, event.Actor); err != nil {
			return err
		}
		changed, err := s.exec(ctx, st, args...)
		if err == nil && changed == 0 {
			return issuer.ErrResourceNotFound
		}
		return err
	})
	return translate(err, nil)
}

// resourceAsSeen refuses the actor who decided by another state of the resource. The counter, which every change
// raises first, holds the state still.
func (s session) resourceAsSeen(ctx context.Context, identifier string, actor audit.Actor) error {
	if actor.Seen == "" {
		return nil
	}
	list, err := s.resources(ctx)
	if err != nil {
		return err
	}
	for _, r := range list {
		if r.Identifier == identifier {
			return actor.Saw(r.Version())
		}
	}
	return issuer.ErrResourceNotFound
}

func resourceArguments(r issuer.Resource) []any {
	return []any{string(r.Algorithm), r.AccessLifetime.Microseconds(), jsonText(r.Claims), r.SimpleJWT, jsonText(r.Scopes), r.Identifier}
}

// jsonText is the JSON form of a value that always has one.
func jsonText(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}
