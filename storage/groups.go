package storage

import (
	"context"

	"keyturn/accounts"
	"keyturn/audit"
)

type groupRow struct {
	ID            string `db:"id"`
	Name          string `db:"name"`
	Description   string `db:"description"`
	RequiredLevel string `db:"require_level"`
	CreatedAt     micros `db:"created_at"`
	UpdatedAt     micros `db:"updated_at"`
}

func (r groupRow) group() accounts.Group {
	return accounts.Group{
		ID: r.ID, Name: r.Name, Description: r.Description, RequiredLevel: accounts.Level(r.RequiredLevel),
		CreatedAt: r.CreatedAt.Time, UpdatedAt: r.UpdatedAt.Time,
	}
}

const groupColumns = `g.id, g.name, g.description, g.require_level, g.created_at, g.updated_at`

const (
	groupByID    statement = `SELECT ` + groupColumns + ` FROM user_groups g WHERE g.id = ?`
	groupByName  statement = `SELECT ` + groupColumns + ` FROM user_groups g WHERE g.name = ?`
	groupsFrom   statement = `SELECT ` + groupColumns + ` FROM user_groups g WHERE g.name >= ? AND g.name < ? ORDER BY g.name LIMIT ?`
	groupsBeyond statement = `SELECT ` + groupColumns + ` FROM user_groups g WHERE g.name > ? AND g.name < ? ORDER BY g.name LIMIT ?`
	groupsBefore statement = `SELECT ` + groupColumns + ` FROM user_groups g WHERE g.name >= ? AND g.name < ? ORDER BY g.name DESC LIMIT ?`
	groupsOf     statement = `SELECT ` + groupColumns + ` FROM group_members m JOIN user_groups g ON g.id = m.group_id WHERE m.user_id = ? ORDER BY g.name`
	levelsOf     statement = `SELECT DISTINCT g.require_level FROM group_members m JOIN user_groups g ON g.id = m.group_id
		WHERE m.user_id = ? AND g.require_level <> ''`

	groupsDemand statement = `SELECT EXISTS (SELECT 1 FROM user_groups WHERE require_level <> '')`

	insertGroup statement = `INSERT INTO user_groups (id, name, name_folded, description, require_level, created_at, updated_at)
		SELECT ?, ?, ?, ?, ?, t.now, t.now FROM (SELECT {now} AS now) t`
	updateGroup statement = `UPDATE user_groups SET name = COALESCE(?, name), name_folded = COALESCE(?, name_folded),
		description = COALESCE(?, description), require_level = COALESCE(?, require_level), updated_at = {now} WHERE id = ?`
	deleteGroup statement = `DELETE FROM user_groups WHERE id = ?`
	groupExists statement = `SELECT EXISTS (SELECT 1 FROM user_groups WHERE id = ?)`
)

// GroupByID implements accounts.GroupStore.
func (d *DB) GroupByID(ctx context.Context, id string) (accounts.Group, error) {
	group, err := d.reading().group(ctx, groupByID, id)
	return group, groupError(err)
}

// GroupByName implements accounts.GroupStore.
func (d *DB) GroupByName(ctx context.Context, name string) (accounts.Group, error) {
	group, err := d.reading().group(ctx, groupByName, name)
	return group, groupError(err)
}

func (s session) group(ctx context.Context, st statement, key string) (accounts.Group, error) {
	var row groupRow
	if err := s.get(ctx, &row, st, key); err != nil {
		return accounts.Group{}, err
	}
	groups, err := s.withRoles(ctx, []groupRow{row})
	if err != nil {
		return accounts.Group{}, err
	}
	return groups[0], nil
}

// Groups implements accounts.GroupStore.
func (d *DB) Groups(ctx context.Context, q accounts.Query) ([]accounts.Group, error) {
	st, args := groupsStatement(q)
	groups, err := d.groups(ctx, st, args...)
	return inOrder(groups, q.Before != ""), err
}

// groupsStatement is the statement of a query, with its arguments.
func groupsStatement(q accounts.Query) (statement, []any) {
	n := namesOf(q)
	return n.of(groupsFrom, groupsBeyond, groupsBefore), []any{n.from, n.below, page(q.Limit)}
}

// GroupsOf implements accounts.GroupStore.
func (d *DB) GroupsOf(ctx context.Context, userID string) ([]accounts.Group, error) {
	return d.groups(ctx, groupsOf, userID)
}

func (d *DB) groups(ctx context.Context, st statement, args ...any) ([]accounts.Group, error) {
	var rows []groupRow
	if err := d.reading().all(ctx, &rows, st, args...); err != nil {
		return nil, translate(err, nil)
	}
	groups, err := d.reading().withRoles(ctx, rows)
	return groups, translate(err, nil)
}

// RequiredLevels implements accounts.GroupStore.
func (d *DB) RequiredLevels(ctx context.Context, userID string) ([]accounts.Level, error) {
	var levels []accounts.Level
	err := d.reading().all(ctx, &levels, levelsOf, userID)
	return levels, translate(err, nil)
}

// GroupsDemand implements issuer.Store.
func (d *DB) GroupsDemand(ctx context.Context) (bool, error) {
	var any bool
	err := d.reading().get(ctx, &any, groupsDemand)
	return any, translate(err, nil)
}

// raiseDemand makes every instance look at what groups demand, where the change may demand something.
func (s session) raiseDemand(ctx context.Context, level *accounts.Level) error {
	if level == nil || *level == "" {
		return nil
	}
	var counter int64
	return s.get(ctx, &counter, raiseChanges)
}

// CreateGroup implements accounts.GroupStore.
func (d *DB) CreateGroup(ctx context.Context, g accounts.Group, event audit.Event) (accounts.Group, error) {
	var created accounts.Group
	err := d.transact(ctx, func(s session) (err error) {
		if err = s.raiseDemand(ctx, &g.RequiredLevel); err != nil {
			return err
		}
		if _, err = s.exec(ctx, insertGroup, g.ID, g.Name, accounts.Fold(g.Name), g.Description, string(g.RequiredLevel)); err != nil {
			return err
		}
		if created, err = s.group(ctx, groupByID, g.ID); err != nil {
			return err
		}
		return s.record(ctx, event)
	})
	return created, groupError(err)
}

// UpdateGroup implements accounts.GroupStore.
func (d *DB) UpdateGroup(ctx context.Context, id string, c accounts.GroupChange, event audit.Event) (accounts.Group, error) {
	var folded *string
	if c.Name != nil {
		folded = new(accounts.Fold(*c.Name))
	}
	var updated accounts.Group
	err := d.transact(ctx, func(s session) (err error) {
		if err = s.guardPeople(ctx, id, event.Actor); err != nil {
			return err
		}
		if err = s.raiseDemand(ctx, c.RequiredLevel); err != nil {
			return err
		}
		if _, err = s.exec(ctx, updateGroup, c.Name, folded, c.Description, (*string)(c.RequiredLevel), id); err != nil {
			return err
		}
		if updated, err = s.group(ctx, groupByID, id); err != nil {
			return err
		}
		return s.record(ctx, event)
	})
	return updated, groupError(err)
}

// DeleteGroup implements accounts.GroupStore.
func (d *DB) DeleteGroup(ctx context.Context, id string, event audit.Event) error {
	return d.changeGroup(ctx, id, event, deleteGroup, id)
}

// changeGroup runs one statement that may take rights, if the actor may, and writes the event where it has
// changed something.
func (d *DB) changeGroup(ctx context.Context, id string, event audit.Event, change statement, args ...any) error {
	return groupError(d.transact(ctx, func(s session) error {
		return s.keepAdministrator(ctx, func() error {
			if err := s.guardPeople(ctx, id, event.Actor); err != nil {
				return err
			}
			changed, err := s.exec(ctx, change, args...)
			if err != nil || changed == 0 {
				return err
			}
			if _, err := s.exec(ctx, touchGroup, id); err != nil { // nothing of a deleted one
				return err
			}
			return s.record(ctx, event)
		})
	}))
}

// inGroup are all who are in a group, as many rows as they have roles at the admin API by any group.
const inGroup statement = `SELECT DISTINCT u.admin, u.active, r.role FROM group_members here JOIN users u ON u.id = here.user_id
	LEFT JOIN group_members m ON m.user_id = u.id
	LEFT JOIN group_roles r ON r.group_id = m.group_id AND r.resource = '` + accounts.AdminResource + `'
	WHERE here.group_id = ?`

const rolesCarried statement = `SELECT role FROM group_roles WHERE group_id = ? AND resource = '` + accounts.AdminResource + `'`

// guardGroup is the beginning of a change that concerns a group: the actor must have all rights that it carries.
func (s session) guardGroup(ctx context.Context, id string, actor audit.Actor) error {
	if err := s.lockRights(ctx); err != nil {
		return err
	}
	if err := s.groupAsSeen(ctx, id, actor); err != nil || actor.Rights.Cover(audit.ManageAll) {
		return err
	}
	rights, err := s.rightsCarried(ctx, id)
	if err != nil {
		return err
	}
	return within(actor, rights)
}

// rightsCarried are what a group gives to everybody in it.
func (s session) rightsCarried(ctx context.Context, id string) (rights audit.Rights, err error) {
	var roles []string
	err = s.all(ctx, &roles, rolesCarried, id)
	for _, role := range roles {
		rights |= accounts.RightsOfRole(role)
	}
	return rights, err
}

// guardPeople is guardGroup for what changes the roles of all in the group, or what is demanded of them: the actor
// must have all the rights that any of them has.
func (s session) guardPeople(ctx context.Context, id string, actor audit.Actor) error {
	if err := s.guardGroup(ctx, id, actor); err != nil || actor.Rights.Cover(audit.ManageAll) {
		return err
	}
	var people []rightsRow
	if err := s.all(ctx, &people, inGroup, id); err != nil {
		return err
	}
	var rights audit.Rights
	for _, row := range people {
		rights |= row.rights()
	}
	return within(actor, rights)
}

// groupAsSeen refuses the actor who decided by another state of the group. The lock on rights holds it still.
func (s session) groupAsSeen(ctx context.Context, id string, actor audit.Actor) error {
	if actor.Seen == "" {
		return s.checkGroup(ctx, id)
	}
	group, err := s.group(ctx, groupByID, id)
	if err != nil {
		return translate(err, accounts.ErrGroupNotFound)
	}
	return actor.Saw(group.Version())
}

func (s session) checkGroup(ctx context.Context, id string) error {
	var exists bool
	if err := s.get(ctx, &exists, groupExists, id); err != nil {
		return err
	}
	if !exists {
		return accounts.ErrGroupNotFound
	}
	return nil
}

// groupError is translate for a statement on one group.
func groupError(err error) error {
	if unique(err) {
		return accounts.ErrGroupExists
	}
	return translate(err, accounts.ErrGroupNotFound)
}
