package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/keys"
)

// usersByEmail takes more for the same than accounts.SameAddress, by what the database takes for lower case.
const usersByEmail statement = `SELECT ` + userColumns + ` FROM users WHERE lower(email) = lower(CAST(? AS TEXT)) AND email <> ''
	ORDER BY active DESC, id LIMIT 10`

// UsersByEmail implements accounts.SelfServiceStore.
func (d *DB) UsersByEmail(ctx context.Context, email string) ([]accounts.User, error) {
	var rows []userRow
	if err := d.reading().all(ctx, &rows, usersByEmail, email); err != nil {
		return nil, translate(err, nil)
	}
	var users []accounts.User
	for _, row := range rows {
		if accounts.SameAddress(row.Email, email) {
			users = append(users, row.user())
		}
	}
	return users, nil
}

// TakeLetters implements accounts.SelfServiceStore. The buckets are of the same table and kind as those of newcomers.
func (d *DB) TakeLetters(ctx context.Context, limits []accounts.LetterLimit) (bool, error) {
	limits = slices.SortedFunc(slices.Values(limits), func(a, b accounts.LetterLimit) int { // the order of locks
		return strings.Compare(a.Bucket, b.Bucket)
	})
	err := d.transact(ctx, func(s session) error {
		for _, l := range limits {
			taken, err := s.exec(ctx, takeNewcomer, l.Bucket, "", l.Most)
			if err != nil {
				return err
			}
			if taken == 0 {
				return errTaken // and take back the others
			}
		}
		return nil
	})
	if errors.Is(err, errTaken) {
		return false, nil
	}
	return err == nil, translate(err, nil)
}

const (
	// A link that leaves with a letter that was taken before this is ended here; one that is taken at the same
	// moment lives as long as it would have.
	endLinks statement = `UPDATE one_time_links SET expires_at = {now} WHERE hash IN (SELECT hash FROM one_time_links
		WHERE purpose = ? AND user_id = ? AND (CAST(? AS TEXT) = '' OR lower(email) = lower(CAST(? AS TEXT)))
			AND (CAST(? AS BOOLEAN) OR email <> '') AND used_at IS NULL AND expires_at > {now} ORDER BY hash {for update})`
	endLetters statement = `DELETE FROM letters WHERE id IN (SELECT id FROM letters
		WHERE kind = ? AND user_id = ? AND (CAST(? AS TEXT) = '' OR lower(recipient) = lower(CAST(? AS TEXT))) AND link <> ''
		ORDER BY id {for update})`
)

// endOlder ends the links that a new one for the same takes the place of, and removes letters that would carry
// one: a kind of letter that carries links has the name of their purpose. Links to sign up stand beside one
// another: anybody can ask for one to any address. And whoever asks without rights ends none that went to no address: an
// administrator has handed it over.
func (s session) endOlder(ctx context.Context, purpose accounts.LinkPurpose, userID, email string, handed bool) error {
	if purpose == accounts.LinkSignUp {
		return nil
	}
	if userID != "" { // whose row is locked before their links, as useLink does
		email = ""
		var locked []string
		if err := s.all(ctx, &locked, holdAnyUser, userID); err != nil {
			return err
		}
	}
	if _, err := s.exec(ctx, endLetters, string(purpose), userID, email, email); err != nil {
		return fmt.Errorf("remove older letters: %w", err)
	}
	if _, err := s.exec(ctx, endLinks, string(purpose), userID, email, email, handed); err != nil {
		return fmt.Errorf("end older links: %w", err)
	}
	return nil
}

// QueueAsked implements accounts.SelfServiceStore.
func (d *DB) QueueAsked(ctx context.Context, event audit.Event, letters ...accounts.Letter) error {
	err := d.transact(ctx, func(s session) error {
		for _, l := range letters {
			if l.Link == nil {
				continue
			}
			if err := s.guardLink(ctx, *l.Link, event.Actor); err != nil {
				return err
			}
			if err := s.endOlder(ctx, l.Link.Purpose, l.Link.UserID, l.Link.Email, event.Actor.Rights != 0); err != nil {
				return err
			}
		}
		if err := s.queueLetters(ctx, letters); err != nil {
			return err
		}
		return s.record(ctx, event)
	})
	return translate(err, nil)
}

// MintLink implements accounts.SelfServiceStore.
func (d *DB) MintLink(ctx context.Context, h keys.Hash, terms accounts.LinkTerms, event audit.Event) error {
	err := d.transact(ctx, func(s session) error {
		if err := s.guardLink(ctx, terms, event.Actor); err != nil {
			return err
		}
		return s.mintLink(ctx, h, terms, event)
	})
	return translate(err, nil)
}

func (s session) mintLink(ctx context.Context, h keys.Hash, terms accounts.LinkTerms, event audit.Event) error {
	if err := s.endOlder(ctx, terms.Purpose, terms.UserID, terms.Email, true); err != nil {
		return err
	}
	id := keys.NewTokenID()
	if err := s.storeLink(ctx, id, h, terms); err != nil {
		return err
	}
	if event.SubjectKind == "letter" && event.SubjectID == "" { // there is none, and its withdrawal names the link by this
		event.SubjectID = id
	}
	return s.record(ctx, event)
}

// CreateUserByLink implements accounts.SelfServiceStore.
func (d *DB) CreateUserByLink(ctx context.Context, by accounts.UsedLink, u accounts.User, event audit.Event) (accounts.User, error) {
	var created accounts.User
	err := d.transact(ctx, func(s session) error {
		if by.Purpose == accounts.LinkFirstRun { // which is good only while there is no administrator
			if err := s.lockRights(ctx); err != nil {
				return err
			}
		}
		if _, err := s.useLink(ctx, by.Hash, by.Purpose); err != nil {
			return err
		}
		var err error
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

const (
	resetPassword statement = `UPDATE users SET password_hash = ?, password_scheme = ?, credential_version = credential_version + 1,
			email_verified = email_verified OR CAST(? AS TEXT) <> '', updated_at = {now}
		WHERE id = ? AND (CAST(? AS TEXT) = '' OR email = ?)`
	confirmEmail statement = `UPDATE users SET email = ?, email_verified = TRUE, updated_at = {now} WHERE id = ? AND email = ? RETURNING ` + userColumns
)

// ResetPassword implements accounts.SelfServiceStore. Using the link locks the user's row, at the version of the link.
func (d *DB) ResetPassword(ctx context.Context, by accounts.UsedLink, hash string, event audit.Event, letters ...accounts.Letter) error {
	err := d.transact(ctx, func(s session) error {
		link, err := s.useLink(ctx, by.Hash, by.Purpose)
		if err != nil {
			return err
		}
		changed, err := s.exec(ctx, resetPassword, hash, schemeOf(hash), link.Email, link.UserID, link.Email, link.Email)
		if err != nil {
			return err
		}
		if changed == 0 {
			return accounts.ErrLinkGone
		}
		return s.endAndTell(ctx, link.UserID, issuer.PasswordChanged, event, letters)
	})
	return translate(err, accounts.ErrLinkGone)
}

// endAndTell ends all that a user has after their row was changed, and leaves behind what tells of it.
func (s session) endAndTell(ctx context.Context, id string, reason issuer.Reason, event audit.Event, letters []accounts.Letter) error {
	if _, err := s.endUser(ctx, id, reason); err != nil {
		return err
	}
	return s.tell(ctx, accounts.Told{Event: event, Letters: letters})
}

// ConfirmEmail implements accounts.SelfServiceStore. What else was on its way to an address of the user ends.
func (d *DB) ConfirmEmail(ctx context.Context, by accounts.UsedLink, from string, event audit.Event, letters ...accounts.Letter) (accounts.User, error) {
	var row userRow
	err := d.transact(ctx, func(s session) error {
		link, err := s.useLink(ctx, by.Hash, by.Purpose)
		if err != nil {
			return err
		}
		if err := s.get(ctx, &row, confirmEmail, link.Email, link.UserID, from); err != nil {
			return err
		}
		for _, purpose := range []accounts.LinkPurpose{accounts.LinkEmailConfirm, accounts.LinkPasswordReset} {
			if err := s.endOlder(ctx, purpose, link.UserID, "", true); err != nil {
				return err
			}
		}
		return s.tell(ctx, accounts.Told{Event: event, Letters: letters})
	})
	if err != nil {
		return accounts.User{}, translate(err, accounts.ErrLinkGone)
	}
	return row.user(), nil
}

const (
	lockOwn statement = `SELECT ` + userColumns + ` FROM users WHERE id = ? AND active AND credential_version = ? {for update}`

	changePassword statement = `UPDATE users SET password_hash = ?, password_scheme = ?, credential_version = credential_version + 1, updated_at = {now}
		WHERE id = ? AND active AND credential_version = ? RETURNING credential_version`
	deleteOwn statement = `DELETE FROM users WHERE id = ? AND active AND credential_version = ?`
)

// UpdateOwn implements accounts.SelfServiceStore.
func (d *DB) UpdateOwn(ctx context.Context, id string, version int64, change func(accounts.User) accounts.Change, event audit.Event) error {
	err := d.transact(ctx, func(s session) error {
		var row userRow
		if err := s.get(ctx, &row, lockOwn, id, version); err != nil {
			return err
		}
		if err := s.updateUser(ctx, &row, id, change(row.user())); err != nil {
			return err
		}
		return s.record(ctx, event)
	})
	return translate(err, accounts.ErrNotSignedIn)
}

// ChangePassword implements accounts.SelfServiceStore.
func (d *DB) ChangePassword(ctx context.Context, id string, version int64, hash string, event audit.Event, letters ...accounts.Letter) (int64, error) {
	var next int64
	err := d.transact(ctx, func(s session) error {
		if err := s.get(ctx, &next, changePassword, hash, schemeOf(hash), id, version); err != nil {
			return err
		}
		return s.endAndTell(ctx, id, issuer.PasswordChanged, event, letters)
	})
	if err != nil {
		return 0, translate(err, accounts.ErrNotSignedIn)
	}
	return next, nil
}

// DeleteOwn implements accounts.SelfServiceStore.
func (d *DB) DeleteOwn(ctx context.Context, id string, version int64, event audit.Event, letters ...accounts.Letter) error {
	err := d.transact(ctx, func(s session) error {
		err := s.keepAdministrator(ctx, func() error {
			deleted, err := s.exec(ctx, deleteOwn, id, version)
			if err == nil && deleted == 0 {
				err = accounts.ErrNotSignedIn
			}
			return err
		})
		if err != nil {
			return err
		}
		return s.endAndTell(ctx, id, issuer.Deleted, event, letters)
	})
	return translate(err, nil)
}
