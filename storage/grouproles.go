package storage

import (
	"context"

	"keyturn/accounts"
	"keyturn/audit"
)

const (
	rolesOfGroups statement = `SELECT group_id, resource, role FROM group_roles WHERE group_id IN (`
	rolesInOrder  statement = `) ORDER BY group_id, resource, role`

	// A role that other groups have counts once.
	countRoles statement = `SELECT COUNT(*) FROM (SELECT DISTINCT role FROM group_roles WHERE resource = ? AND role <> ?) roles`
	// A group's roles at all resources are one answer of the admin API.
	countRolesOfGroup statement = `SELECT COUNT(*) FROM group_roles WHERE group_id = ?`

	insertRole statement = `INSERT INTO group_roles (group_id, resource, role) VALUES (?, ?, ?) ON CONFLICT (group_id, resource, role) DO NOTHING`
	// A role belongs to what the group is.
	touchGroup statement = `UPDATE user_groups SET updated_at = CASE WHEN {now} > updated_at THEN {now} ELSE updated_at + 1 END WHERE id = ?`
	deleteRole statement = `DELETE FROM group_roles WHERE group_id = ? AND resource = ? AND role = ?`
)

// withRoles reads the roles of groups, in as many statements as there are thirties of them.
func (s session) withRoles(ctx context.Context, rows []groupRow) ([]accounts.Group, error) {
	groups := make([]accounts.Group, len(rows))
	place := make(map[string]int, len(rows))
	for i, row := range rows {
		groups[i], place[row.ID] = row.group(), i
	}
	for rest := rows; len(rest) > 0; {
		n := importSizes[0]
		for i := 1; n > len(rest); i++ {
			n = importSizes[i]
		}
		ids := make([]any, n)
		for i := range ids {
			ids[i] = rest[i].ID
		}
		rest = rest[n:]
		var roles []struct {
			GroupID  string `db:"group_id"`
			Resource string `db:"resource"`
			Role     string `db:"role"`
		}
		if err := s.all(ctx, &roles, rolesOfGroups+repeated("?", n)+rolesInOrder, ids...); err != nil {
			return nil, err
		}
		for _, r := range roles {
			g := &groups[place[r.GroupID]]
			g.Roles = append(g.Roles, accounts.Role{Resource: r.Resource, Name: r.Role})
		}
	}
	return groups, nil
}

// AddRole implements accounts.GroupStore. The lock on rights makes the count stand.
func (d *DB) AddRole(ctx context.Context, groupID string, r accounts.Role, event audit.Event) error {
	return groupError(d.transact(ctx, func(s session) error {
		if err := s.guardPeople(ctx, groupID, event.Actor); err != nil {
			return err
		}
		added, err := s.exec(ctx, insertRole, groupID, r.Resource, r.Name)
		if err != nil || added == 0 {
			return err
		}
		var others, ofGroup int
		if err := s.get(ctx, &others, countRoles, r.Resource, r.Name); err != nil {
			return err
		}
		if err := s.get(ctx, &ofGroup, countRolesOfGroup, groupID); err != nil {
			return err
		}
		if others >= accounts.MaxRoles || ofGroup > accounts.MaxRoles {
			return accounts.ErrTooManyRoles
		}
		if r.Resource == accounts.AdminResource {
			if err := s.forgetMembersLinks(ctx, groupID); err != nil {
				return err
			}
		}
		if _, err := s.exec(ctx, touchGroup, groupID); err != nil {
			return err
		}
		return s.record(ctx, event)
	}))
}

// RemoveRole implements accounts.GroupStore.
func (d *DB) RemoveRole(ctx context.Context, groupID string, r accounts.Role, event audit.Event) error {
	return d.changeGroup(ctx, groupID, event, deleteRole, groupID, r.Resource, r.Name)
}
