package storage

import (
	"context"
	"fmt"

	"keyturn/accounts"
	"keyturn/audit"
)

// rightsLock is one of this program's advisory locks (see migrationLock): changes of who may do what follow one
// another, so that each is judged by all that are committed, and two administrators can't both remove the other.
const rightsLock = 0x6b657974_75726e03

// rightsRow is a user's rights with one of their roles at the admin API, NULL for none.
type rightsRow struct {
	Admin  bool    `db:"admin"`
	Active bool    `db:"active"`
	Role   *string `db:"role"`
}

const (
	takeRightsLock statement = `SELECT pg_advisory_xact_lock(CAST(? AS BIGINT))`

	rightsOf statement = `SELECT DISTINCT u.admin, u.active, r.role FROM users u
		LEFT JOIN group_members m ON m.user_id = u.id
		LEFT JOIN group_roles r ON r.group_id = m.group_id AND r.resource = '` + accounts.AdminResource + `'
		WHERE u.id = ?`

	hasAdministrator statement = `SELECT ` + administratorExists

	administratorExists = `EXISTS (SELECT 1 FROM users WHERE admin AND active)
		OR EXISTS (SELECT 1 FROM group_roles r JOIN group_members m ON m.group_id = r.group_id JOIN users u ON u.id = m.user_id
			WHERE r.resource = '` + accounts.AdminResource + `' AND r.role = '` + accounts.RoleAdministrator + `' AND u.active)`
)

// administratorLeft asks who would be left without the mark of one user, and without the roles of one group, of all in it
// or of one. No id is empty.
const administratorLeft statement = `SELECT ` + administratorExists + ` AS is_one, EXISTS (SELECT 1 FROM users WHERE admin AND active AND id <> ?)
	OR EXISTS (SELECT 1 FROM group_roles r JOIN group_members m ON m.group_id = r.group_id JOIN users u ON u.id = m.user_id
		WHERE r.resource = '` + accounts.AdminResource + `' AND r.role = '` + accounts.RoleAdministrator + `' AND u.active
		AND NOT (m.group_id = ? AND (? OR m.user_id = ?))) AS is_left`

// AdministratorLeft implements accounts.Store.
func (d *DB) AdministratorLeft(ctx context.Context, l accounts.Loss) (is, left bool, err error) {
	marked := l.UserID
	if l.GroupID != "" {
		marked = ""
	}
	var row struct {
		Is   bool `db:"is_one"`
		Left bool `db:"is_left"`
	}
	err = d.reading().get(ctx, &row, administratorLeft, marked, l.GroupID, l.UserID == "", l.UserID)
	return row.Is, row.Left, translate(err, nil)
}

// RightsOf implements accounts.RightsStore.
func (d *DB) RightsOf(ctx context.Context, userID string) (audit.Rights, bool, error) {
	rights, active, err := d.reading().rightsOf(ctx, userID)
	return rights, active, translate(err, nil)
}

func (s session) rightsOf(ctx context.Context, userID string) (rights audit.Rights, active bool, err error) {
	var rows []rightsRow
	if err := s.all(ctx, &rows, rightsOf, userID); err != nil {
		return 0, false, err
	}
	for _, row := range rows {
		active = row.Active
		rights |= row.rights()
	}
	return rights, active, nil
}

func (r rightsRow) rights() audit.Rights {
	switch {
	case r.Admin:
		return audit.ManageAll
	case r.Role != nil:
		return accounts.RightsOfRole(*r.Role)
	}
	return 0
}

// lockRights holds still who may do what until the transaction ends. It is taken before every row lock.
func (s session) lockRights(ctx context.Context) error {
	if s.d.backend == sqliteFile {
		return nil // there is one writer
	}
	_, err := s.exec(ctx, takeRightsLock, int64(rightsLock))
	return err
}

// within refuses the actor who has less rights than whom or what the change is about.
func within(actor audit.Actor, rights audit.Rights) error {
	if rights == 0 {
		return nil
	}
	return actor.Need(rights)
}

// guardUser is the beginning of an administrator's change of a user.
func (s session) guardUser(ctx context.Context, userID string, actor audit.Actor) error {
	if actor.Seen != "" {
		if err := s.userAsSeen(ctx, userID, actor); err != nil {
			return err
		}
	}
	if actor.Rights.Cover(audit.ManageAll) {
		return nil
	}
	if err := s.lockRights(ctx); err != nil {
		return err
	}
	rights, _, err := s.rightsOf(ctx, userID)
	if err != nil {
		return err
	}
	return within(actor, rights)
}

// userAsSeen refuses the actor who decided by another state of the user, and holds the state still.
func (s session) userAsSeen(ctx context.Context, userID string, actor audit.Actor) error {
	if err := s.lockRights(ctx); err != nil {
		return err
	}
	var row userRow
	if err := s.get(ctx, &row, userHeld, userID); err != nil {
		return translate(err, accounts.ErrUserNotFound)
	}
	return actor.Saw(row.user().Version())
}

// keepAdministrator runs a change that may take somebody's rights. Where there was an active administrator, one
// must be left.
func (s session) keepAdministrator(ctx context.Context, change func() error) error {
	if err := s.lockRights(ctx); err != nil {
		return err
	}
	var before, after bool
	if err := s.get(ctx, &before, hasAdministrator); err != nil {
		return fmt.Errorf("look for an administrator: %w", err)
	}
	if err := change(); err != nil || !before {
		return err
	}
	if err := s.get(ctx, &after, hasAdministrator); err != nil {
		return fmt.Errorf("look for an administrator: %w", err)
	}
	if !after {
		return accounts.ErrLastAdministrator
	}
	return nil
}

// One statement reads all users; it is asked for by a page that few people open.
const countAdministrators statement = `SELECT COUNT(*) AS everybody, COUNT(CASE WHEN EXISTS (
		SELECT 1 FROM group_members m JOIN user_groups g ON g.id = m.group_id WHERE m.user_id = u.id AND g.require_level IN ('2', 'phr')) THEN 1 END) AS guarded
	FROM users u WHERE u.active AND (u.admin OR u.id IN (SELECT m.user_id FROM group_roles r JOIN group_members m ON m.group_id = r.group_id
		WHERE r.resource = '` + accounts.AdminResource + `' AND r.role = '` + accounts.RoleAdministrator + `'))`

// CountAdministrators implements accounts.Store.
func (d *DB) CountAdministrators(ctx context.Context) (accounts.Administrators, error) {
	var row struct {
		Everybody int64 `db:"everybody"`
		Guarded   int64 `db:"guarded"`
	}
	err := d.reading().get(ctx, &row, countAdministrators)
	return accounts.Administrators{All: row.Everybody, Guarded: row.Guarded}, translate(err, nil)
}
