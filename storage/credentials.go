package storage

import (
	"context"
	"errors"
	"strings"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
)

const (
	setPassword statement = `UPDATE users SET password_hash = ?, password_scheme = ?, credential_version = credential_version + 1, updated_at = {now} WHERE id = ?`
	setActive   statement = `UPDATE users SET active = CAST(? AS BOOLEAN), credential_version = credential_version + 1, updated_at = {now} WHERE id = ? AND active <> CAST(? AS BOOLEAN)`
	rehash      statement = `UPDATE users SET password_hash = ?, password_scheme = ? WHERE id = ? AND password_hash = ?`
	userExists  statement = `SELECT EXISTS (SELECT 1 FROM users WHERE id = ?)`
)

// errUnchanged says within this package that the user or client already was as wanted.
var errUnchanged = errors.New("storage: nothing to change")

// SetPassword implements accounts.Store.
func (d *DB) SetPassword(ctx context.Context, id, hash string, event audit.Event, letters ...accounts.Letter) (int64, error) {
	return d.changeAndEnd(ctx, id, issuer.PasswordChanged, accounts.Told{Event: event, Letters: letters}, setPassword, hash, schemeOf(hash), id)
}

// Deactivate implements accounts.Store.
func (d *DB) Deactivate(ctx context.Context, id string, event audit.Event) (int64, error) {
	return d.changeAndEnd(ctx, id, issuer.Deactivated, accounts.Told{Event: event}, setActive, false, id, false)
}

// Activate implements accounts.Store.
func (d *DB) Activate(ctx context.Context, id string, event audit.Event) error {
	err := d.transact(ctx, func(s session) error {
		if err := s.guardUser(ctx, id, event.Actor); err != nil {
			return err
		}
		if err := s.changeUser(ctx, id, setActive, true, id, true); err != nil {
			return err
		}
		return s.record(ctx, event)
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return userError(err)
}

// Rehash implements accounts.Store.
func (d *DB) Rehash(ctx context.Context, id, old, hash string) error {
	return d.execOnce(ctx, rehash, hash, schemeOf(hash), id, old)
}

// changeAndEnd changes the user row, then ends the user's browser sessions, grants and codes, in this order:
// a sign-in or a redemption holds a share lock on the row until what it makes is committed. So it either is
// before this, and that is ended, or waits for this, and finds the user changed.
func (d *DB) changeAndEnd(ctx context.Context, id string, reason issuer.Reason, told accounts.Told, change statement, args ...any) (ended int64, err error) {
	err = d.transact(ctx, func(s session) error {
		if err := s.guardUser(ctx, id, told.Event.Actor); err != nil {
			return err
		}
		changeUser := func() error { return s.changeUser(ctx, id, change, args...) }
		if reason == issuer.PasswordChanged {
			err = changeUser()
		} else {
			err = s.keepAdministrator(ctx, changeUser)
		}
		if err != nil {
			return err
		}
		if ended, err = s.endUser(ctx, id, reason); err != nil {
			return err
		}
		return s.tell(ctx, told)
	})
	switch {
	case errors.Is(err, errUnchanged):
		return 0, nil
	case err != nil:
		return 0, userError(err)
	}
	return ended, nil
}

// endUser ends all that a user has; the caller has changed the user row.
func (s session) endUser(ctx context.Context, id string, reason issuer.Reason) (ended int64, err error) {
	if ended, _, err = s.endBelow(ctx, ofUser(id), revocation{reason: reason}, ofUser(id)); err != nil {
		return 0, err
	}
	if reason != issuer.Deleted {
		return ended, nil
	}
	if _, err = s.removeConsents(ctx, ofUser(id)); err != nil {
		return 0, err
	}
	return ended, s.forgetLinks(ctx, id)
}

func (s session) changeUser(ctx context.Context, id string, change statement, args ...any) error {
	changed, err := s.exec(ctx, change, args...)
	if err != nil || changed > 0 {
		return err
	}
	var exists bool
	if err := s.get(ctx, &exists, userExists, id); err != nil {
		return err
	}
	if !exists {
		return accounts.ErrUserNotFound
	}
	return errUnchanged
}

// maxSchemes bounds PasswordSchemes: whoever can import hashes must not make every sign-in run them all.
const maxSchemes = 20

// passwordSchemes walks the index from one scheme to the next, so that it costs a few look-ups per
// scheme and not a pass over all users.
const passwordSchemes statement = `WITH RECURSIVE scheme (name) AS (
		SELECT MIN(password_scheme) FROM users WHERE password_scheme > ''
		UNION ALL
		SELECT (SELECT MIN(u.password_scheme) FROM users u WHERE u.password_scheme > scheme.name) FROM scheme WHERE scheme.name IS NOT NULL
	)
	SELECT (SELECT u.password_hash FROM users u WHERE u.password_scheme = scheme.name LIMIT 1) FROM scheme
	WHERE scheme.name IS NOT NULL LIMIT ?`

// PasswordSchemes implements accounts.Store.
func (d *DB) PasswordSchemes(ctx context.Context) ([]string, error) {
	var hashes []string
	err := d.reading().all(ctx, &hashes, passwordSchemes, maxSchemes)
	return hashes, translate(err, nil)
}

// schemeOf is what stands before the salt of a password hash: equal for two hashes of the same scheme and
// cost. It knows the layouts, not the schemes: crypt's $2b$cost$salt+hash (also behind Django's
// bcrypt_sha256$), Django's scrypt$n$salt$r$p$hash, and all others, which end in $salt$hash.
func schemeOf(hash string) string {
	if i := strings.Index(hash, "$2"); i >= 0 && len(hash) >= i+7 && hash[i+3] == '$' && hash[i+6] == '$' {
		return hash[:i+6]
	}
	parts := strings.Split(hash, "$")
	switch {
	case len(parts) == 6 && parts[0] == "scrypt":
		return strings.Join([]string{parts[0], parts[1], "", parts[3], parts[4]}, "$")
	case len(parts) < 3:
		return "" // no hash of any scheme: nobody signs in with it
	}
	return strings.Join(parts[:len(parts)-2], "$")
}
