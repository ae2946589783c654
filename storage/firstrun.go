package storage

import (
	"context"
	"fmt"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/keys"
)

// MintFirstRun implements accounts.SelfServiceStore. Who is first to hold the rights still decides, which
// CreateUserByLink does, too: of links that are made at once the last one is good.
func (d *DB) MintFirstRun(ctx context.Context, h keys.Hash, terms accounts.LinkTerms, event audit.Event) error {
	err := d.transact(ctx, func(s session) error {
		if err := s.lockRights(ctx); err != nil {
			return err
		}
		var exists bool
		if err := s.get(ctx, &exists, hasAdministrator); err != nil {
			return fmt.Errorf("look for an administrator: %w", err)
		}
		if exists {
			return accounts.ErrAdministratorExists
		}
		return s.mintLink(ctx, h, terms, event)
	})
	return translate(err, nil)
}
