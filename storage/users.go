package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
)

type userRow struct {
	ID                string         `db:"id"`
	ExternalID        sql.NullString `db:"external_id"`
	Username          string         `db:"username"`
	Email             string         `db:"email"`
	EmailVerified     bool           `db:"email_verified"`
	GivenName         string         `db:"given_name"`
	FamilyName        string         `db:"family_name"`
	Active            bool           `db:"active"`
	Admin             bool           `db:"admin"`
	CredentialVersion int64          `db:"credential_version"`
	PasswordHash      string         `db:"password_hash"`
	CreatedAt         micros         `db:"created_at"`
	UpdatedAt         micros         `db:"updated_at"`
	LastLoginAt       micros         `db:"last_login_at"`
	Claims            standardClaims `db:"claims"`
}

func (r userRow) user() accounts.User {
	return accounts.User{
		ID: r.ID, ExternalID: r.ExternalID.String, Username: r.Username, Email: r.Email, EmailVerified: r.EmailVerified,
		GivenName: r.GivenName, FamilyName: r.FamilyName, Active: r.Active, Admin: r.Admin,
		CredentialVersion: r.CredentialVersion, PasswordHash: r.PasswordHash,
		CreatedAt: r.CreatedAt.Time, UpdatedAt: r.UpdatedAt.Time, LastLoginAt: r.LastLoginAt.Time,
		Claims: r.Claims.StandardClaims,
	}
}

// standardClaims reads what claimsText wrote.
type standardClaims struct{ accounts.StandardClaims }

// claimsText is the JSON form of the claims, "" for none.
func claimsText(c accounts.StandardClaims) string {
	if c == (accounts.StandardClaims{}) {
		return ""
	}
	return jsonText(c)
}

// Scan implements sql.Scanner.
func (c *standardClaims) Scan(from any) error {
	c.StandardClaims = accounts.StandardClaims{}
	switch v := from.(type) {
	case string:
		return c.parse([]byte(v))
	case []byte:
		return c.parse(v)
	}
	return fmt.Errorf("claims of a user are stored as %T", from)
}

func (c *standardClaims) parse(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	if err := json.Unmarshal(text, &c.StandardClaims); err != nil {
		return fmt.Errorf("claims of a user: %w", err)
	}
	return nil
}

const userColumns = `id, external_id, username, email, email_verified, given_name, family_name, active, admin,
	credential_version, password_hash, created_at, updated_at, last_login_at, claims`

const (
	userByUsername statement = `SELECT ` + userColumns + ` FROM users WHERE username = ?`
	userByID       statement = `SELECT ` + userColumns + ` FROM users WHERE id = ?`
	userHeld       statement = `SELECT ` + userColumns + ` FROM users WHERE id = ? {for update}`
	usersFrom      statement = `SELECT ` + userColumns + ` FROM users WHERE username >= ? AND username < ? ORDER BY username LIMIT ?`
	usersBeyond    statement = `SELECT ` + userColumns + ` FROM users WHERE username > ? AND username < ? ORDER BY username LIMIT ?`
	usersBefore    statement = `SELECT ` + userColumns + ` FROM users WHERE username >= ? AND username < ? ORDER BY username DESC LIMIT ?`
)

// UserByUsername implements accounts.Store.
func (d *DB) UserByUsername(ctx context.Context, username string) (accounts.User, error) {
	var row userRow
	err := d.reading().get(ctx, &row, userByUsername, username)
	return row.user(), translate(err, accounts.ErrUserNotFound)
}

// UserByID implements accounts.Store.
func (d *DB) UserByID(ctx context.Context, id string) (accounts.User, error) {
	var row userRow
	err := d.reading().get(ctx, &row, userByID, id)
	return row.user(), translate(err, accounts.ErrUserNotFound)
}

// usersStatement is the statement of a query, with its arguments.
func usersStatement(q accounts.Query) (statement, []any) {
	n := namesOf(q)
	return n.of(usersFrom, usersBeyond, usersBefore), []any{n.from, n.below, page(q.Limit)}
}

// Users implements accounts.Store.
func (d *DB) Users(ctx context.Context, q accounts.Query) ([]accounts.User, error) {
	var rows []userRow
	st, args := usersStatement(q)
	if err := d.reading().all(ctx, &rows, st, args...); err != nil {
		return nil, translate(err, nil)
	}
	users := make([]accounts.User, len(rows))
	for i, row := range inOrder(rows, q.Before != "") {
		users[i] = row.user()
	}
	return users, nil
}

const insertUser statement = `INSERT INTO users (id, external_id, username, username_folded, email, email_verified, given_name,
		family_name, active, admin, credential_version, password_hash, password_scheme, claims, created_at, updated_at)
	SELECT ?, ?, ?, ?, ?, CAST(? AS BOOLEAN), ?, ?, CAST(? AS BOOLEAN), CAST(? AS BOOLEAN), 1, ?, ?, ?, t.now, t.now FROM (SELECT {now} AS now) t
	RETURNING ` + userColumns

// CreateUser implements accounts.Store.
func (d *DB) CreateUser(ctx context.Context, u accounts.User, event audit.Event) (accounts.User, error) {
	var created accounts.User
	err := d.transact(ctx, func(s session) (err error) {
		if created, err = s.createUser(ctx, u); err != nil {
			return err
		}
		return s.record(ctx, event)
	})
	if err != nil {
		return accounts.User{}, userError(err)
	}
	return created, nil
}

// isUserID finds a user of that id. An external id must not be one: tokens release it as user_id, and
// resource servers would take its bearer for the other user.
const isUserID statement = `SELECT EXISTS (SELECT 1 FROM users WHERE id = ?)`

func (s session) checkExternalID(ctx context.Context, externalID string) error {
	if externalID == "" {
		return nil
	}
	var taken bool
	if err := s.get(ctx, &taken, isUserID, asID(externalID)); err != nil {
		return err
	}
	if taken {
		return accounts.ErrUsernameTaken
	}
	return nil
}

// asID is the user id that an external id could be taken for: whoever reads UUIDs takes them in any
// letter case, and some with braces or as a URN (RFC 9562 section 4).
func asID(externalID string) string {
	if id, err := uuid.Parse(externalID); err == nil {
		return id.String()
	}
	return externalID
}

func (s session) createUser(ctx context.Context, u accounts.User) (accounts.User, error) {
	if err := s.checkExternalID(ctx, u.ExternalID); err != nil {
		return accounts.User{}, err
	}
	var row userRow
	err := s.get(ctx, &row, insertUser, u.ID, null(u.ExternalID), u.Username, accounts.Fold(u.Username), u.Email, u.EmailVerified, u.GivenName, u.FamilyName,
		u.Active, u.Admin, u.PasswordHash, schemeOf(u.PasswordHash), claimsText(u.Claims))
	return row.user(), err
}

const updateUser statement = `UPDATE users SET username = COALESCE(?, username), username_folded = COALESCE(?, username_folded), email = COALESCE(?, email),
		given_name = COALESCE(?, given_name), family_name = COALESCE(?, family_name),
		external_id = NULLIF(COALESCE(?, external_id), ''),
		email_verified = COALESCE(?, email_verified), admin = COALESCE(?, admin), claims = COALESCE(?, claims), updated_at = {now}
	WHERE id = ? RETURNING ` + userColumns

// UpdateUser implements accounts.Store.
func (d *DB) UpdateUser(ctx context.Context, id string, c accounts.Change, event audit.Event, letters ...accounts.Letter) (accounts.User, error) {
	var row userRow
	err := d.transact(ctx, func(s session) error {
		if err := s.guardUser(ctx, id, event.Actor); err != nil {
			return err
		}
		if c.ExternalID != nil {
			if err := s.checkExternalID(ctx, *c.ExternalID); err != nil {
				return err
			}
		}
		update := func() error { return s.updateUser(ctx, &row, id, c) }
		var err error
		if c.Admin != nil {
			err = s.keepAdministrator(ctx, update)
		} else {
			err = update()
		}
		if err == nil && c.Admin != nil && *c.Admin {
			err = s.forgetLinks(ctx, id)
		}
		if err != nil {
			return err
		}
		return s.tell(ctx, accounts.Told{Event: event, Letters: letters})
	})
	if err != nil {
		return accounts.User{}, userError(err)
	}
	return row.user(), nil
}

// updateUser changes the fields that are set, and reads the row as it is then.
func (s session) updateUser(ctx context.Context, row *userRow, id string, c accounts.Change) error {
	var folded, claims *string
	if c.Username != nil {
		folded = new(accounts.Fold(*c.Username))
	}
	if c.Claims != nil {
		claims = new(claimsText(*c.Claims))
	}
	return s.get(ctx, row, updateUser, c.Username, folded, c.Email, c.GivenName, c.FamilyName, c.ExternalID, c.EmailVerified, c.Admin, claims, id)
}

const deleteUser statement = `DELETE FROM users WHERE id = ?`

// DeleteUser implements accounts.Store.
func (d *DB) DeleteUser(ctx context.Context, id string, event audit.Event) (int64, error) {
	return d.changeAndEnd(ctx, id, issuer.Deleted, accounts.Told{Event: event}, deleteUser, id)
}

// userError is translate for a statement on one user.
func userError(err error) error {
	if unique(err) {
		return accounts.ErrUsernameTaken
	}
	return translate(err, accounts.ErrUserNotFound)
}
