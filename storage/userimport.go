package storage

import (
	"context"
	"fmt"
	"strings"

	"keyturn/accounts"
	"keyturn/audit"
)

// importSizes are how many users one statement takes: as many as are left, in few sizes, because each
// size is a statement of its own. 30 users are 450 arguments. More would be allowed (PostgreSQL takes
// 65,535, SQLite 32,766) but slow: SQLite's driver binds in time that grows with their square.
var importSizes = []int{30, 5, 1}

// ImportUsers implements accounts.Store. A user who was created between the look and the insert is met by
// the second run.
func (d *DB) ImportUsers(ctx context.Context, users []accounts.User, events []audit.Event) error {
	run := func(s session) error { return s.importUsers(ctx, users, events) }
	err := d.transact(ctx, run)
	if unique(err) {
		err = d.transact(ctx, run)
	}
	return userError(err)
}

func (s session) importUsers(ctx context.Context, users []accounts.User, events []audit.Event) error {
	var now micros
	if err := s.get(ctx, &now, `SELECT {now}`); err != nil {
		return err
	}
	for len(users) > 0 {
		size := importSizes[0]
		for i := 1; size > len(users); i++ {
			size = importSizes[i]
		}
		if err := s.checkImport(ctx, users[:size]); err != nil {
			return err
		}
		if err := s.insertUsers(ctx, users[:size], now); err != nil {
			return fmt.Errorf("import users: %w", err)
		}
		users = users[size:]
	}
	for _, event := range events {
		if err := s.record(ctx, event); err != nil {
			return err
		}
	}
	return nil
}

const (
	insertUsers statement = `INSERT INTO users (id, external_id, username, username_folded, email, email_verified, given_name,
		family_name, active, admin, credential_version, password_hash, password_scheme, claims, created_at, updated_at) VALUES `
	insertUsersRow statement = `(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?)`
)

func (s session) insertUsers(ctx context.Context, users []accounts.User, now micros) error {
	var args []any
	for _, u := range users {
		args = append(args, u.ID, null(u.ExternalID), u.Username, accounts.Fold(u.Username), u.Email, u.EmailVerified, u.GivenName,
			u.FamilyName, u.Active, u.Admin, u.PasswordHash, schemeOf(u.PasswordHash), claimsText(u.Claims), now, now)
	}
	_, err := s.exec(ctx, insertUsers+repeated(insertUsersRow, len(users)), args...)
	return err
}

// repeated is st n times, with commas between.
func repeated(st statement, n int) statement {
	return statement(strings.Repeat(string(st)+", ", n-1)) + st
}

// usersMet are those that have something in common with new ones. An empty external id is NULL, which is
// in no list.
const (
	usersMetByFold statement = `SELECT id, external_id, username FROM users WHERE username_folded IN (`
	usersMetByExt  statement = `) OR external_id IN (`
	usersMetByID   statement = `) OR id IN (`
)

// checkImport returns *accounts.ImportConflict for the first of the users who meets one that is stored.
func (s session) checkImport(ctx context.Context, users []accounts.User) error {
	n := len(users)
	args := make([]any, 3*n)
	for i, u := range users {
		args[i], args[n+i], args[2*n+i] = accounts.Fold(u.Username), null(u.ExternalID), null(asID(u.ExternalID))
	}
	list := repeated("?", n)
	var met []userRow
	if err := s.all(ctx, &met, usersMetByFold+list+usersMetByExt+list+usersMetByID+list+")", args...); err != nil {
		return err
	}
	if len(met) == 0 {
		return nil
	}
	names, ids := make(map[string]string), make(map[string]string)
	for _, row := range met {
		names[accounts.Fold(row.Username)] = row.Username
		ids[row.ID], ids[row.ExternalID.String] = row.Username, row.Username
	}
	for _, u := range users {
		if name, taken := names[accounts.Fold(u.Username)]; taken {
			return &accounts.ImportConflict{Username: u.Username, Existing: name}
		}
		for _, id := range []string{u.ExternalID, asID(u.ExternalID)} {
			if name, taken := ids[id]; taken && id != "" {
				return &accounts.ImportConflict{Username: u.Username, Existing: name}
			}
		}
	}
	return nil
}
