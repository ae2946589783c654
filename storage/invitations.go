package storage

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"keyturn/accounts"
	"keyturn/audit"
)

// invitationRow is a letter that is still to leave with an invitation, or the newest link that has left with one.
type invitationRow struct {
	ID        string `db:"id"`
	Email     string `db:"email"`
	Terms     string `db:"terms"`
	InQueue   bool   `db:"in_queue"`
	CreatedAt micros `db:"created_at"`
	ExpiresAt micros `db:"expires_at"`
	FailedAt  micros `db:"failed_at"`
}

func (r invitationRow) record() (accounts.InvitationRecord, error) {
	found := accounts.InvitationRecord{
		ID: r.ID, Email: r.Email, InQueue: r.InQueue, GivenUpAt: r.FailedAt.Time, CreatedAt: r.CreatedAt.Time, ExpiresAt: r.ExpiresAt.Time,
	}
	var err error
	if r.InQueue {
		var terms accounts.LinkTerms
		err = json.Unmarshal([]byte(r.Terms), &terms)
		found.Data = terms.Data
	} else {
		err = json.Unmarshal([]byte(r.Terms), &found.Data)
	}
	if err != nil {
		return accounts.InvitationRecord{}, fmt.Errorf("storage: invitation %s: %w", r.ID, err)
	}
	return found, nil
}

// The addresses are in the order of their bytes, whatever the order of the database is. The indexes are named because
// SQLite begins at the times of the links otherwise.
const (
	invitedBy = `l.email{postgres  COLLATE "C"}, l.letter_id{postgres  COLLATE "C"}`
	invitedIn = `r.recipient{postgres  COLLATE "C"}, r.id{postgres  COLLATE "C"}`

	invitationLinks = `SELECT l.letter_id AS id, l.email AS email, l.data AS terms, FALSE AS in_queue, l.created_at AS created_at,
			l.expires_at AS expires_at, CAST(NULL AS BIGINT) AS failed_at
		FROM one_time_links l{sqlite  INDEXED BY one_time_links_invitations}` + pendingLinks + ` AND `
	pendingLinks = ` WHERE l.purpose = 'invitation' AND l.used_at IS NULL AND l.expires_at > {now}
		AND NOT EXISTS (SELECT 1 FROM one_time_links o WHERE o.letter_id = l.letter_id AND (o.expires_at, o.hash) > (l.expires_at, l.hash))`
	linksFrom = invitationLinks + `(` + invitedBy + `) > (?, ?) AND l.email{postgres  COLLATE "C"} < ? ORDER BY ` + invitedBy + ` LIMIT ?`
	linksBack = invitationLinks + `(` + invitedBy + `) < (?, ?) AND l.email{postgres  COLLATE "C"} >= ?
		ORDER BY l.email{postgres  COLLATE "C"} DESC, l.letter_id{postgres  COLLATE "C"} DESC LIMIT ?`

	invitationLetters = `SELECT r.id AS id, r.recipient AS email, r.link AS terms, TRUE AS in_queue, r.created_at AS created_at,
			CAST(NULL AS BIGINT) AS expires_at, r.failed_at AS failed_at
		FROM letters r{sqlite  INDEXED BY letters_invitations} WHERE r.kind = 'invitation' AND `
	lettersFrom = invitationLetters + `(` + invitedIn + `) > (?, ?) AND r.recipient{postgres  COLLATE "C"} < ? ORDER BY ` + invitedIn + ` LIMIT ?`
	lettersBack = invitationLetters + `(` + invitedIn + `) < (?, ?) AND r.recipient{postgres  COLLATE "C"} >= ?
		ORDER BY r.recipient{postgres  COLLATE "C"} DESC, r.id{postgres  COLLATE "C"} DESC LIMIT ?`

	invitationsFrom statement = `SELECT * FROM (` + lettersFrom + `) waiting UNION ALL SELECT * FROM (` + linksFrom + `) sent`
	invitationsBack statement = `SELECT * FROM (` + lettersBack + `) waiting UNION ALL SELECT * FROM (` + linksBack + `) sent`

	invitationByID statement = `SELECT r.id AS id, r.recipient AS email, r.link AS terms, TRUE AS in_queue, r.created_at AS created_at,
			CAST(NULL AS BIGINT) AS expires_at, r.failed_at AS failed_at FROM letters r WHERE r.id = ? AND r.kind = 'invitation'
		UNION ALL SELECT l.letter_id, l.email, l.data, FALSE, l.created_at, l.expires_at, NULL
		FROM one_time_links l` + pendingLinks + ` AND l.letter_id = ?`

	dropInvitation  statement = `DELETE FROM letters WHERE id = ? AND kind = 'invitation'`
	endInvitation   statement = `UPDATE one_time_links SET expires_at = {now} WHERE letter_id = ? AND purpose = 'invitation' AND used_at IS NULL AND expires_at > {now}`
	invitationTaken statement = `SELECT EXISTS (SELECT 1 FROM one_time_links WHERE letter_id = ? AND purpose = 'invitation' AND used_at IS NOT NULL)`
)

// invitationsStatement is the statement of a query, with its arguments.
func invitationsStatement(q accounts.InvitationQuery) (statement, []any) {
	end := q.Prefix + lastRune
	if q.Before != (accounts.InvitationCursor{}) {
		before := q.Before
		if before.Email > end {
			before = accounts.InvitationCursor{Email: end}
		}
		one := []any{before.Email, before.ID, q.Prefix, page(q.Limit)}
		return invitationsBack, append(one, one...)
	}
	after := q.After
	if after.Email < q.Prefix {
		after = accounts.InvitationCursor{Email: q.Prefix}
	}
	one := []any{after.Email, after.ID, end, page(q.Limit)}
	return invitationsFrom, append(one, one...)
}

// Invitations implements accounts.SelfServiceStore. A page of the letters and one of the links hold a page of both.
func (d *DB) Invitations(ctx context.Context, q accounts.InvitationQuery) ([]accounts.InvitationRecord, error) {
	st, args := invitationsStatement(q)
	var rows []invitationRow
	if err := d.reading().all(ctx, &rows, st, args...); err != nil {
		return nil, translate(err, nil)
	}
	all, err := invitationsOf(rows)
	if err != nil {
		return nil, err
	}
	if limit := int(page(q.Limit)); q.Before != (accounts.InvitationCursor{}) {
		all = all[max(0, len(all)-limit):]
	} else {
		all = all[:min(limit, len(all))]
	}
	return all, nil
}

// invitationsOf makes one of the letter and the link of an invitation whose letter has been tried, and puts all in
// the order of the list.
func invitationsOf(rows []invitationRow) ([]accounts.InvitationRecord, error) {
	byID := make(map[string]accounts.InvitationRecord, len(rows))
	for _, row := range rows {
		record, err := row.record()
		if err != nil {
			return nil, err
		}
		if of, both := byID[row.ID]; both {
			letter, link := of, record
			if record.InQueue {
				letter, link = record, of
			}
			letter.ExpiresAt = link.ExpiresAt
			record = letter
		}
		byID[row.ID] = record
	}
	all := make([]accounts.InvitationRecord, 0, len(byID))
	for _, record := range byID {
		all = append(all, record)
	}
	slices.SortFunc(all, func(a, b accounts.InvitationRecord) int {
		return cmp.Or(cmp.Compare(a.Email, b.Email), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

// Invitation implements accounts.SelfServiceStore.
func (d *DB) Invitation(ctx context.Context, id string) (accounts.InvitationRecord, error) {
	var rows []invitationRow
	if err := d.reading().all(ctx, &rows, invitationByID, id, id); err != nil {
		return accounts.InvitationRecord{}, translate(err, nil)
	}
	if len(rows) == 0 {
		return accounts.InvitationRecord{}, translate(d.reading().noInvitation(ctx, id), nil)
	}
	found, err := invitationsOf(rows)
	if err != nil {
		return accounts.InvitationRecord{}, err
	}
	return found[0], nil
}

// noInvitation tells why nobody waits to take it.
func (s session) noInvitation(ctx context.Context, id string) error {
	var taken bool
	if err := s.get(ctx, &taken, invitationTaken, id); err != nil {
		return err
	}
	if taken {
		return accounts.ErrInvitationTaken
	}
	return accounts.ErrInvitationNotFound
}

// WithdrawInvitation implements accounts.SelfServiceStore. It takes its locks in the order of useLink: whoever is about
// to leave with the letter, or to take the invitation, has done so before, or finds nothing.
func (d *DB) WithdrawInvitation(ctx context.Context, id string, event audit.Event) error {
	err := d.transact(ctx, func(s session) error {
		dropped, err := s.exec(ctx, dropInvitation, id)
		if err != nil {
			return err
		}
		var locked []string
		if err := s.all(ctx, &locked, lockLinks, id); err != nil {
			return err
		}
		ended, err := s.exec(ctx, endInvitation, id)
		if err != nil {
			return err
		}
		if dropped+ended == 0 {
			return s.noInvitation(ctx, id)
		}
		return s.record(ctx, event)
	})
	return translate(err, nil)
}
