package storage

import (
	"context"
	"strings"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// AdvanceUnguarded is AdvanceGrant without the condition that decides between contenders, to show that
// the contender test sees it.
func (d *DB) AdvanceUnguarded(ctx context.Context, id string, _ int64) (issuer.Grant, error) {
	var row grantRow
	weakened := statement(strings.Replace(string(advanceGrant), atGeneration, "", 1))
	err := d.once(ctx, func(s session) error { return s.get(ctx, &row, weakened, id) })
	return row.grant(), translate(err, issuer.ErrConflict)
}

// RedeemUnguarded is the same for RedeemCode.
func (d *DB) RedeemUnguarded(ctx context.Context, r oauth.Redemption) (grant issuer.Grant, code oauth.Code, err error) {
	weakened := statement(strings.Replace(string(redeemCode), unredeemed, "", 1))
	err = d.transact(ctx, func(s session) (err error) {
		grant, code, err = s.redeem(ctx, weakened, r)
		return err
	})
	return grant, code, translate(err, oauth.ErrCodeReused)
}

// UseLink is useLink in a transaction of its own.
func (d *DB) UseLink(ctx context.Context, hash keys.Hash, purpose accounts.LinkPurpose) (link accounts.Link, err error) {
	err = d.transact(ctx, func(s session) error {
		link, err = s.useLink(ctx, hash, purpose)
		return err
	})
	return link, translate(err, nil)
}

// UseLinkUnguarded is UseLink without the lock that decides between contenders once the letter has left.
func (d *DB) UseLinkUnguarded(ctx context.Context, hash keys.Hash, purpose accounts.LinkPurpose) (link accounts.Link, err error) {
	unlocked := statement(strings.Replace(string(lockLinks), "{for update}", "", 1))
	err = d.transact(ctx, func(s session) error {
		link, err = s.useLinkOf(ctx, unlocked, hash, purpose)
		return err
	})
	return link, translate(err, nil)
}

// StoreLink stores a link of a letter.
func (d *DB) StoreLink(ctx context.Context, letterID string, hash keys.Hash, t accounts.LinkTerms) error {
	return d.transact(ctx, func(s session) error { return s.storeLink(ctx, letterID, hash, t) })
}

// SweepLock and SchemaTable are named by tests that go past this package.
const (
	SweepLock   = int64(sweepLock)
	SchemaTable = schemaTable
)

// Compile shows a statement as a database gets it.
func Compile(text string, onPostgres, bindNow bool) string {
	b := sqliteFile
	if onPostgres {
		b = postgres
	}
	return compile(statement(text), b, bindNow).text
}

// WriterPragma and ReaderPragma read a setting of SQLite on the handle that writes or on those that read.
func (d *DB) WriterPragma(ctx context.Context, name string) (value int64) {
	_ = (session{d: d, on: d.write}).get(ctx, &value, statement("PRAGMA "+name))
	return value
}

func (d *DB) ReaderPragma(ctx context.Context, name string) (value int64) {
	_ = d.reading().get(ctx, &value, statement("PRAGMA "+name))
	return value
}

// Translate is translate.
var Translate = translate

// GroupsQuery is a page of the groups, MembersQuery one of the members of a large group, KeptEvents what a user takes away
// of the audit log.
type (
	GroupsQuery  struct{ accounts.Query }
	MembersQuery struct{ accounts.Query }
	KeptEvents   string
)

// PlanOf tells how the database reads a page of a list: what EXPLAIN says, on PostgreSQL with plans forbidden that would
// read a whole table or sort it, so that they stand in it only where there is no other.
func (d *DB) PlanOf(ctx context.Context, query any) (plan string, err error) {
	var st statement
	var args []any
	switch q := query.(type) {
	case accounts.Query:
		st, args = usersStatement(q)
	case issuer.GrantQuery:
		st, args = grantsStatement(q)
	case issuer.RevokedQuery:
		st, args = revokedStatement(q)
	case GroupsQuery:
		st, args = groupsStatement(q.Query)
	case MembersQuery:
		st, args = membersStatement("large", q.Query, true)
	case accounts.LetterQuery:
		st, args = lettersStatement(q)
	case accounts.InvitationQuery:
		st, args = invitationsStatement(q)
	case audit.Query:
		if st, args, err = d.eventsStatement(ctx, q, micros{time.Unix(max(q.Before, q.After), 0)}); err != nil {
			return "", err
		}
	case KeptEvents:
		st, args = keptEvents, []any{string(q), string(q)}
	}
	err = d.transact(ctx, func(s session) error {
		if d.backend == sqliteFile {
			var rows []struct {
				ID, Parent, NotUsed int64
				Detail              string
			}
			err := s.all(ctx, &rows, "EXPLAIN QUERY PLAN "+st, args...)
			for _, row := range rows {
				plan += row.Detail + "\n"
			}
			return err
		}
		for _, forbid := range []statement{"SET LOCAL enable_seqscan = off", "SET LOCAL enable_sort = off"} {
			if _, err := s.exec(ctx, forbid); err != nil {
				return err
			}
		}
		var rows []string
		err := s.all(ctx, &rows, "EXPLAIN "+st, args...)
		plan = strings.Join(rows, "\n")
		return err
	})
	return plan, err
}
