package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/keys"
)

type linkRow struct {
	LetterID          string `db:"letter_id"`
	Purpose           string `db:"purpose"`
	UserID            string `db:"user_id"`
	CredentialVersion int64  `db:"credential_version"`
	Email             string `db:"email"`
	Data              string `db:"data"`
	CreatedAt         micros `db:"created_at"`
	ExpiresAt         micros `db:"expires_at"`

	// Used tells that it or one of its letter was used, Live all else that a link needs to be good.
	Used bool `db:"used"`
	Live bool `db:"live"`
}

func (r linkRow) link() (accounts.Link, error) {
	l := accounts.Link{
		LetterID: r.LetterID, Purpose: accounts.LinkPurpose(r.Purpose), UserID: r.UserID, CredentialVersion: r.CredentialVersion,
		Email: r.Email, CreatedAt: r.CreatedAt.Time, ExpiresAt: r.ExpiresAt.Time,
	}
	if err := json.Unmarshal([]byte(r.Data), &l.Data); err != nil {
		return accounts.Link{}, fmt.Errorf("storage: a one-time link: %w", err)
	}
	return l, nil
}

const (
	linkColumns = `letter_id, purpose, user_id, credential_version, email, data, created_at, expires_at`

	insertLink statement = `INSERT INTO one_time_links (hash, letter_id, purpose, user_id, credential_version, email, data, created_at, expires_at)
		SELECT CAST(? AS {postgres BYTEA}{sqlite BLOB}), ?, ?, ?, CAST(? AS BIGINT), ?, ?, t.now, t.now + CAST(? AS BIGINT) FROM (SELECT {now} AS now) t`

	liveLink = `l.expires_at > {now} AND (l.user_id = '' OR EXISTS (SELECT 1 FROM users u
		WHERE u.id = l.user_id AND u.active AND u.credential_version = l.credential_version))
		AND (l.purpose <> 'first_run' OR NOT (` + administratorExists + `))`
	usedLink = `EXISTS (SELECT 1 FROM one_time_links s WHERE s.letter_id = l.letter_id AND s.used_at IS NOT NULL)`

	linkByHash statement = `SELECT ` + linkColumns + `, ` + usedLink + ` AS used, ` + liveLink + ` AS live
		FROM one_time_links l WHERE l.hash = ? AND l.purpose = ?`

	holdAnyUser statement = `SELECT id FROM users WHERE id = ? {for update}`
	lockLinks   statement = `SELECT letter_id FROM one_time_links WHERE letter_id = ? ORDER BY hash {for update}`
	useLinks    statement = `UPDATE one_time_links SET used_at = {now}
		WHERE letter_id = (SELECT l.letter_id FROM one_time_links l
			WHERE l.hash = ? AND l.purpose = ? AND NOT ` + usedLink + ` AND ` + liveLink + `)`

	forgetLinks   statement = `DELETE FROM one_time_links WHERE user_id = ?`
	forgetLetters statement = `DELETE FROM letters WHERE user_id = ? AND link <> ''`

	// The rows of the users come first, as in useLink.
	lockMembers        statement = `SELECT id FROM users WHERE id IN (SELECT user_id FROM group_members WHERE group_id = ?) ORDER BY id {for update}`
	forgetMembersLinks statement = `DELETE FROM one_time_links WHERE user_id IN (SELECT user_id FROM group_members WHERE group_id = ?)`
	forgetMembersMail  statement = `DELETE FROM letters WHERE link <> '' AND user_id IN (SELECT user_id FROM group_members WHERE group_id = ?)`
)

// storeLink stores a link in the caller's transaction; it lives from now.
func (s session) storeLink(ctx context.Context, letterID string, hash keys.Hash, t accounts.LinkTerms) error {
	_, err := s.exec(ctx, insertLink, hash[:], letterID, string(t.Purpose), t.UserID, t.CredentialVersion, t.Email, jsonText(t.Data), t.Lifetime.Microseconds())
	if err != nil {
		return fmt.Errorf("store a link: %w", err)
	}
	return nil
}

// LinkByHash looks at a link and uses nothing up. accounts.ErrLinkUsed or ErrLinkGone for one that useLink
// would refuse as well.
func (d *DB) LinkByHash(ctx context.Context, hash keys.Hash, purpose accounts.LinkPurpose) (accounts.Link, error) {
	link, err := d.reading().lookAtLink(ctx, hash, purpose)
	return link, translate(err, nil)
}

func (s session) lookAtLink(ctx context.Context, hash keys.Hash, purpose accounts.LinkPurpose) (accounts.Link, error) {
	var row linkRow
	err := s.get(ctx, &row, linkByHash, hash[:], string(purpose))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return accounts.Link{}, accounts.ErrLinkGone
	case err != nil:
		return accounts.Link{}, err
	case row.Used:
		return accounts.Link{}, accounts.ErrLinkUsed
	case !row.Live:
		return accounts.Link{}, accounts.ErrLinkGone
	}
	return row.link()
}

// useLink uses the link up in the caller's transaction, with all links of its letter, and locks the row of
// its user. Errors as LinkByHash has them; of any number of concurrent uses of a letter's links one succeeds.
//
// The user comes first, in the order in which those who change an account take locks. Then the letter, where
// it is still tried: it has arrived, and must not leave again with another link. Then its links: two may be
// used at once, and the statement that decides must begin after the other's commit to see it. They always
// meet at the older one, which the other's taker sees, too.
func (s session) useLink(ctx context.Context, hash keys.Hash, purpose accounts.LinkPurpose) (accounts.Link, error) {
	return s.useLinkOf(ctx, lockLinks, hash, purpose)
}

func (s session) useLinkOf(ctx context.Context, lock statement, hash keys.Hash, purpose accounts.LinkPurpose) (accounts.Link, error) {
	link, err := s.lookAtLink(ctx, hash, purpose)
	if err != nil {
		return accounts.Link{}, err
	}
	var locked []string
	if err := s.all(ctx, &locked, holdAnyUser, link.UserID); err != nil {
		return accounts.Link{}, err
	}
	if _, err := s.exec(ctx, removeLetter, link.LetterID); err != nil {
		return accounts.Link{}, err
	}
	if err := s.all(ctx, &locked, lock, link.LetterID); err != nil {
		return accounts.Link{}, err
	}
	used, err := s.exec(ctx, useLinks, hash[:], string(purpose))
	if err != nil || used > 0 {
		return link, err
	}
	if _, err = s.lookAtLink(ctx, hash, purpose); err == nil {
		err = accounts.ErrLinkGone
	}
	return accounts.Link{}, err
}

// guardLink is guardUser for a link that an administrator has made, and not the person themself.
func (s session) guardLink(ctx context.Context, t accounts.LinkTerms, actor audit.Actor) error {
	if t.UserID == "" || actor.Rights == 0 {
		return nil
	}
	return s.guardUser(ctx, t.UserID, actor)
}

// forgetMembersLinks is forgetLinks for everybody in a group.
func (s session) forgetMembersLinks(ctx context.Context, groupID string) error {
	var locked []string
	if err := s.all(ctx, &locked, lockMembers, groupID); err != nil {
		return err
	}
	if _, err := s.exec(ctx, forgetMembersMail, groupID); err != nil {
		return err
	}
	_, err := s.exec(ctx, forgetMembersLinks, groupID)
	return err
}

// forgetLinks removes the user's links, and letters to them whose links could not be used any more. It is also for
// somebody who gets rights: whoever could have a link made for them when they had none, a user manager, must not get
// the rights by it.
func (s session) forgetLinks(ctx context.Context, userID string) error {
	_, err := s.exec(ctx, forgetLetters, userID)
	if err == nil {
		_, err = s.exec(ctx, forgetLinks, userID)
	}
	return err
}
