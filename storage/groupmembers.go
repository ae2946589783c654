package storage

import (
	"context"

	"keyturn/accounts"
	"keyturn/audit"
)

const (
	insertMember statement = `INSERT INTO group_members (user_id, group_id, added_at) VALUES (?, ?, {now}) ON CONFLICT (user_id, group_id) DO NOTHING`
	deleteMember statement = `DELETE FROM group_members WHERE user_id = ? AND group_id = ?`
	countGroups  statement = `SELECT COUNT(*) FROM group_members WHERE user_id = ?`

	// Of a small group all are read and sorted. A large one is met often enough on the way through the users in their
	// order; the scalar keeps both databases from taking another way.
	fewFrom    statement = membersOfSmall + `u.username >= ?` + membersBelow
	fewBeyond  statement = membersOfSmall + `u.username > ?` + membersBelow
	fewBefore  statement = membersOfSmall + `u.username >= ?` + membersBack
	manyFrom   statement = membersOfLarge + `u.username >= ?` + membersBelow
	manyBeyond statement = membersOfLarge + `u.username > ?` + membersBelow
	manyBefore statement = membersOfLarge + `u.username >= ?` + membersBack

	membersOfSmall = `SELECT m.user_id, u.username, m.added_at FROM group_members m JOIN users u ON u.id = m.user_id WHERE m.group_id = ? AND `

	// PostgreSQL has users.id in the order of bytes, and the index of members not.
	membersOfLarge = `SELECT u.id AS user_id, u.username, ` + memberSince + ` AS added_at FROM users u WHERE ` + memberSince + ` IS NOT NULL AND `
	memberSince    = `(SELECT m.added_at FROM group_members m WHERE m.user_id = u.id{postgres  COLLATE "default"} AND m.group_id = ?)`
	membersBelow   = ` AND u.username < ? ORDER BY u.username LIMIT ?`
	membersBack    = ` AND u.username < ? ORDER BY u.username DESC LIMIT ?`

	// No more are counted than asked for.
	countMembers statement = `SELECT COUNT(*) FROM (SELECT 1 FROM group_members WHERE group_id = ? LIMIT ?) counted`
)

// largeGroup is from how many members on a group is listed by walking the users: among a million of them, a page of 50
// then meets no more than 25,000 on average.
const largeGroup = 2000

// AddMember implements accounts.GroupStore.
func (d *DB) AddMember(ctx context.Context, m accounts.Membership, event audit.Event) error {
	err := d.transact(ctx, func(s session) error {
		if err := s.guardMember(ctx, m, event.Actor); err != nil {
			return err
		}
		added, err := s.exec(ctx, insertMember, m.UserID, m.GroupID)
		if err != nil || added == 0 {
			return err
		}
		var groups int
		if err := s.get(ctx, &groups, countGroups, m.UserID); err != nil {
			return err
		}
		if groups > accounts.MaxGroups {
			return accounts.ErrTooManyGroups
		}
		gives, err := s.rightsCarried(ctx, m.GroupID)
		if err == nil && gives != 0 {
			err = s.forgetLinks(ctx, m.UserID)
		}
		if err != nil {
			return err
		}
		return s.record(ctx, event)
	})
	return groupError(err)
}

// RemoveMember implements accounts.GroupStore.
func (d *DB) RemoveMember(ctx context.Context, m accounts.Membership, event audit.Event) error {
	err := d.transact(ctx, func(s session) error {
		return s.keepAdministrator(ctx, func() error {
			if err := s.guardMember(ctx, m, event.Actor); err != nil {
				return err
			}
			removed, err := s.exec(ctx, deleteMember, m.UserID, m.GroupID)
			if err != nil || removed == 0 {
				return err
			}
			return s.record(ctx, event)
		})
	})
	return groupError(err)
}

// guardMember is the beginning of a change of who is in a group: the actor must have all rights that the group
// carries, and all that the person has.
func (s session) guardMember(ctx context.Context, m accounts.Membership, actor audit.Actor) error {
	if err := s.guardGroup(ctx, m.GroupID, actor); err != nil {
		return err
	}
	var id string // the lock makes two additions of one person follow one another, and a deletion wait
	if err := s.get(ctx, &id, holdAnyUser, m.UserID); err != nil {
		return translate(err, accounts.ErrUserNotFound)
	}
	return s.guardUser(ctx, m.UserID, actor)
}

type memberRow struct {
	UserID   string `db:"user_id"`
	Username string `db:"username"`
	AddedAt  micros `db:"added_at"`
}

// Members implements accounts.GroupStore.
func (d *DB) Members(ctx context.Context, groupID string, q accounts.Query) ([]accounts.Member, error) {
	var members int
	if err := d.reading().get(ctx, &members, countMembers, groupID, largeGroup); err != nil {
		return nil, translate(err, nil)
	}
	var rows []memberRow
	st, args := membersStatement(groupID, q, members >= largeGroup)
	if err := d.reading().all(ctx, &rows, st, args...); err != nil {
		return nil, translate(err, nil)
	}
	if len(rows) == 0 {
		if err := d.reading().checkGroup(ctx, groupID); err != nil {
			return nil, translate(err, nil)
		}
	}
	page := make([]accounts.Member, len(rows))
	for i, row := range inOrder(rows, q.Before != "") {
		page[i] = accounts.Member{UserID: row.UserID, Username: row.Username, AddedAt: row.AddedAt.Time}
	}
	return page, nil
}

// membersStatement is the statement of a query, with its arguments.
func membersStatement(groupID string, q accounts.Query, large bool) (statement, []any) {
	n := namesOf(q)
	if !large {
		return n.of(fewFrom, fewBeyond, fewBefore), []any{groupID, n.from, n.below, page(q.Limit)}
	}
	return n.of(manyFrom, manyBeyond, manyBefore), []any{groupID, groupID, n.from, n.below, page(q.Limit)}
}
