package storage

import (
	"context"
	"database/sql"
	"errors"

	"keyturn/audit"
)

const rightsOf statement = `SELECT admin, active FROM users WHERE id = ?`

// RightsOf implements accounts.RightsStore.
func (d *DB) RightsOf(ctx context.Context, userID string) (audit.Rights, bool, error) {
	var row struct {
		Admin  bool `db:"admin"`
		Active bool `db:"active"`
	}
	err := d.reading().get(ctx, &row, rightsOf, userID)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0, false, nil
	case err != nil:
		return 0, false, translate(err, nil)
	case row.Admin:
		return audit.ManageAll, row.Active, nil
	}
	return 0, row.Active, nil
}
