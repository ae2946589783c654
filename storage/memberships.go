package storage

import (
	"context"

	"keyturn/issuer"
)

const (
	groupNames  statement = `SELECT g.name FROM group_members m JOIN user_groups g ON g.id = m.group_id WHERE m.user_id = ? ORDER BY g.name`
	rolesOfUser statement = `SELECT DISTINCT r.resource, r.role FROM group_members m JOIN group_roles r ON r.group_id = m.group_id
		WHERE m.user_id = ? ORDER BY r.resource, r.role`
)

// Memberships implements issuer.Store.
func (d *DB) Memberships(ctx context.Context, userID string) (issuer.Memberships, error) {
	m, err := d.reading().memberships(ctx, userID)
	return m, translate(err, nil)
}

func (s session) memberships(ctx context.Context, userID string) (issuer.Memberships, error) {
	m := issuer.Memberships{Roles: make(map[string][]string)}
	if err := s.all(ctx, &m.Groups, groupNames, userID); err != nil {
		return issuer.Memberships{}, err
	}
	var roles []struct {
		Resource string `db:"resource"`
		Role     string `db:"role"`
	}
	if err := s.all(ctx, &roles, rolesOfUser, userID); err != nil {
		return issuer.Memberships{}, err
	}
	for _, r := range roles {
		m.Roles[r.Resource] = append(m.Roles[r.Resource], r.Role)
	}
	return m, nil
}
