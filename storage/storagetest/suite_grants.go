package storagetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/keys"
	"keyturn/storage"
)

func testCreateGrant(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	u := User(t, db)
	clock.Advance(time.Hour)
	now := micro(clock.Now())
	wanted := NewGrant(u)
	wanted.NoteLogin = true
	got, err := db.CreateGrant(ctx, wanted, Event(audit.UserSignedIn))
	must(t, err)
	want := wanted.Grant
	want.Generation, want.CreatedAt, want.RotatedAt, want.ExpiresAt, want.UserActive = 1, now, now, now.Add(wanted.AbsoluteLifetime), true
	want.User = issuer.Profile{Username: u.Username, Email: u.Email, EmailVerified: true, GivenName: "Peter", FamilyName: "Parker"}
	equal(t, "as created", got, want)
	got, at, err := db.GrantByID(ctx, want.ID)
	must(t, err)
	equal(t, "as read", got, want)
	equal(t, "the database's time", at, now)
	noted, err := db.UserByID(ctx, u.ID)
	must(t, err)
	equal(t, "last login", noted.LastLoginAt, now)

	for _, note := range []bool{false, true} {
		old := NewGrant(u)
		old.NoteLogin, old.CredentialVersion = note, u.CredentialVersion-1
		_, err = db.CreateGrant(ctx, old, Event(audit.UserSignedIn))
		is(t, "an older credential version", err, issuer.ErrUserChanged)
		_, err = db.CreateGrant(ctx, NewGrant(accounts.User{ID: uuid.NewString(), CredentialVersion: 1}), Event(audit.UserSignedIn))
		is(t, "an unknown user", err, issuer.ErrUserChanged)
	}
	_, err = db.Deactivate(ctx, u.ID, Event(audit.UserDeactivated))
	must(t, err)
	inactive := NewGrant(u)
	inactive.CredentialVersion++
	_, err = db.CreateGrant(ctx, inactive, Event(audit.UserSignedIn))
	is(t, "an inactive user", err, issuer.ErrUserChanged)
	equal(t, "sign-in events", actions(t, db, audit.UserSignedIn), 1)
	_, _, err = db.GrantByID(ctx, uuid.NewString())
	is(t, "an unknown grant", err, issuer.ErrGrantNotFound)
}

func testAdvanceGrant(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	u := User(t, db)
	g := SignIn(t, db, u)
	clock.Advance(time.Minute)
	_, err := db.UpdateUser(ctx, u.ID, accounts.Change{GivenName: new("Ben"), Email: new("")}, Event(audit.UserUpdated))
	must(t, err)
	next, err := db.AdvanceGrant(ctx, g.ID, 1)
	must(t, err)
	g.Generation, g.RotatedAt, g.User.GivenName, g.User.Email, g.User.EmailVerified = 2, micro(clock.Now()), "Ben", "", false
	equal(t, "advanced, with claims read afresh", next, g)
	for name, from := range map[string]int64{"an older number": 1, "a number ahead": 3} {
		_, err = db.AdvanceGrant(ctx, g.ID, from)
		is(t, name, err, issuer.ErrConflict)
	}
	_, err = db.AdvanceGrant(ctx, uuid.NewString(), 1)
	is(t, "an unknown grant", err, issuer.ErrConflict)
	stored, _, err := db.GrantByID(ctx, g.ID)
	must(t, err)
	equal(t, "stored after refusals", stored, g)

	other := SignIn(t, db, u)
	_, err = db.RevokeGrants(ctx, issuer.Selection{GrantID: other.ID}, issuer.Revocation{Reason: issuer.Logout})
	must(t, err)
	_, err = db.AdvanceGrant(ctx, other.ID, 1)
	is(t, "a revoked grant", err, issuer.ErrConflict)
	_, err = db.DeleteUser(ctx, u.ID, Event(audit.UserDeleted))
	must(t, err)
	_, err = db.AdvanceGrant(ctx, g.ID, 2)
	is(t, "a deleted user's grant", err, issuer.ErrConflict)
	stored, _, err = db.GrantByID(ctx, g.ID)
	must(t, err)
	equal(t, "a deleted user's grant is inactive", stored.UserActive, false)
	equal(t, "a deleted user's grant is revoked", stored.RevokedFor, issuer.Deleted)
}

func testAdvanceExpiry(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	u := User(t, db)
	for name, lives := range map[string]struct{ refresh, absolute time.Duration }{
		"the refresh token's end": {time.Hour, 30 * time.Hour},
		"the grant's end":         {30 * time.Hour, time.Hour},
	} {
		wanted := NewGrant(u)
		wanted.RefreshLifetime, wanted.AbsoluteLifetime = lives.refresh, lives.absolute
		g, err := db.CreateGrant(ctx, wanted, Event(audit.UserSignedIn))
		must(t, err)
		equal(t, name, g.RefreshExpiresAt(), micro(clock.Now().Add(time.Hour)))
		late, err := db.CreateGrant(ctx, func() issuer.NewGrant { wanted.ID = uuid.NewString(); return wanted }(), Event(audit.UserSignedIn))
		must(t, err)
		clock.Advance(time.Hour - time.Microsecond)
		_, err = db.AdvanceGrant(ctx, g.ID, 1)
		is(t, "just before "+name, err, nil)
		clock.Advance(time.Microsecond)
		_, err = db.AdvanceGrant(ctx, late.ID, 1)
		is(t, "at "+name, err, issuer.ErrConflict)
	}
}

func testJudgeGrant(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	u := User(t, db)
	g := SignIn(t, db, u)
	clock.Advance(time.Second)
	wrong := errors.New("a decision")
	judged, err := db.JudgeGrant(ctx, g.ID, issuer.Revocation{}, func(read *issuer.Grant, now time.Time) error {
		equal(t, "as read", *read, g)
		equal(t, "the database's time", now, micro(clock.Now()))
		read.Generation, read.RotatedAt, read.Scope = 99, now, "admin"
		return wrong
	})
	is(t, "decide's error", err, wrong)
	equal(t, "as decided", judged.Generation, 99)
	stored, _, err := db.GrantByID(ctx, g.ID)
	must(t, err)
	equal(t, "nothing but a revocation is stored", stored, g)

	reuse := issuer.Revocation{PresentedJTI: issuer.TokenID(g.ID, 1), Event: Event(audit.Action("test.reused"))}
	_, err = db.AdvanceGrant(ctx, g.ID, 1)
	must(t, err)
	clock.Advance(time.Minute)
	for range 3 { // RFC 9700 section 4.14.2: remembered though it is an error; the repeats write nothing
		_, err = db.JudgeGrant(ctx, g.ID, reuse, func(g *issuer.Grant, now time.Time) error {
			if err := g.Redeem(1, now, time.Second); !errors.Is(err, issuer.ErrGrantRevoked) {
				return err
			}
			g.RevokedAt, g.RevokedFor = now, issuer.Logout // a rule that revokes again changes nothing either
			return issuer.ErrRefreshReused
		})
		is(t, "reuse", err, issuer.ErrRefreshReused)
		clock.Advance(time.Second)
	}
	equal(t, "reuse events", actions(t, db, audit.Action("test.reused")), 1)
	checkRevoked(t, db, u.ID, issuer.Reused)
	tokens, err := db.RevokedTokens(ctx, issuer.RevokedQuery{UserID: u.ID, Limit: 10})
	must(t, err)
	if len(tokens) != 1 || tokens[0].PresentedJTI != reuse.PresentedJTI {
		t.Errorf("got %+v, want one row that names the presented token", tokens)
	}
	_, err = db.JudgeGrant(ctx, uuid.NewString(), reuse, func(*issuer.Grant, time.Time) error { return nil })
	is(t, "an unknown grant", err, issuer.ErrGrantNotFound)

	_, err = db.DeleteUser(ctx, u.ID, Event(audit.UserDeleted))
	must(t, err)
	_, err = db.JudgeGrant(ctx, g.ID, reuse, func(g *issuer.Grant, now time.Time) error { return g.Redeem(2, now, 0) })
	is(t, "a deleted user's grant", err, issuer.ErrUserInactive)
}

// testJudgeHoldsStill: while decide decides, neither the grant nor its user changes. Otherwise a number
// that is just being issued would look like one that never was.
func testJudgeHoldsStill(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	u := User(t, db)
	g := SignIn(t, db, u)
	_, err := db.JudgeGrant(ctx, g.ID, issuer.Revocation{}, func(*issuer.Grant, time.Time) error {
		short, end := context.WithTimeout(ctx, 100*time.Millisecond)
		defer end()
		_, err := db.AdvanceGrant(short, g.ID, 1)
		is(t, "a refresh meanwhile waits", err, keys.ErrUnavailable)
		short, end = context.WithTimeout(ctx, 100*time.Millisecond)
		defer end()
		_, err = db.Deactivate(short, u.ID, Event(audit.UserDeactivated))
		is(t, "a deactivation meanwhile waits", err, keys.ErrUnavailable)
		short, end = context.WithTimeout(ctx, 100*time.Millisecond)
		defer end()
		_, err = db.UpdateUser(short, u.ID, accounts.Change{Email: new("p@example.org")}, Event(audit.UserUpdated))
		is(t, "a change of the user meanwhile waits", err, keys.ErrUnavailable)
		return nil
	})
	must(t, err)
	stored, _, err := db.GrantByID(ctx, g.ID)
	must(t, err)
	equal(t, "after what was given up", stored, g)
	_, err = db.AdvanceGrant(ctx, g.ID, 1)
	must(t, err)
}

func testRevokeGrants(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	u, other := User(t, db), User(t, db)
	one := SignIn(t, db, u)
	for range 3 {
		SignIn(t, db, u)
		SignIn(t, db, other)
	}
	revoke := func(s issuer.Selection, why issuer.Reason) int64 {
		t.Helper()
		n, err := db.RevokeGrants(ctx, s, issuer.Revocation{Reason: why, PresentedJTI: "p", Event: Event(audit.GrantRevoked)})
		must(t, err)
		return n
	}
	equal(t, "one grant", revoke(issuer.Selection{GrantID: one.ID}, issuer.Logout), 1)
	equal(t, "the same grant", revoke(issuer.Selection{GrantID: one.ID}, issuer.AdminRevoked), 0)
	elsewhere := NewGrant(other)
	elsewhere.ClientID = "shop"
	_, err := db.CreateGrant(ctx, elsewhere, Event(audit.UserSignedIn))
	must(t, err)
	equal(t, "those of a client", revoke(issuer.Selection{ClientID: "shop"}, issuer.AdminRevoked), 1)
	equal(t, "those of the client again", revoke(issuer.Selection{ClientID: "shop"}, issuer.AdminRevoked), 0)
	equal(t, "the rest of the user", revoke(issuer.Selection{UserID: u.ID}, issuer.AdminRevoked), 3)
	checkRevoked(t, db, u.ID, issuer.Logout, issuer.AdminRevoked)
	equal(t, "all", revoke(issuer.Selection{All: true}, issuer.AllEnded), 3)
	equal(t, "all again", revoke(issuer.Selection{All: true}, issuer.AllEnded), 0)
	checkRevoked(t, db, other.ID, issuer.AllEnded, issuer.AdminRevoked)
	equal(t, "events", actions(t, db, audit.GrantRevoked), 4)
	for _, s := range []issuer.Selection{{}, {All: true, UserID: u.ID}, {UserID: u.ID, GrantID: one.ID}, {ClientID: "shop", UserID: u.ID}} {
		if _, err := db.RevokeGrants(ctx, s, issuer.Revocation{}); err == nil {
			t.Errorf("selection %+v was taken", s)
		}
	}
}

func testGrantLists(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	u := User(t, db)
	SignIn(t, db, User(t, db))
	var ids []string // newest first
	for range 5 {
		clock.Advance(time.Second)
		ids = append([]string{SignIn(t, db, u).ID}, ids...)
	}
	list := func(q issuer.GrantQuery) (found []string) {
		t.Helper()
		grants, err := db.Grants(ctx, q)
		must(t, err)
		for _, g := range grants {
			found = append(found, g.ID)
		}
		return found
	}
	equal(t, "newest first", list(issuer.GrantQuery{UserID: u.ID, Limit: 10}), ids)
	equal(t, "the first page", list(issuer.GrantQuery{UserID: u.ID, Limit: 2}), ids[:2])
	equal(t, "the second page", list(issuer.GrantQuery{UserID: u.ID, After: ids[1], Limit: 2}), ids[2:4])
	equal(t, "the page before", list(issuer.GrantQuery{UserID: u.ID, Before: ids[3], Limit: 2}), ids[1:3])
	equal(t, "before the newest", len(list(issuer.GrantQuery{UserID: u.ID, Before: ids[0], Limit: 2})), 0)
	equal(t, "of a client", list(issuer.GrantQuery{ClientID: NewGrant(u).ClientID, Limit: 2}), ids[:2])
	equal(t, "of another client", len(list(issuer.GrantQuery{ClientID: "other", Limit: 2})), 0)
	equal(t, "everyone's", len(list(issuer.GrantQuery{Limit: 10})), 6)
	for _, id := range ids[:2] {
		clock.Advance(time.Second)
		_, err := db.RevokeGrants(ctx, issuer.Selection{GrantID: id}, issuer.Revocation{Reason: issuer.Logout})
		must(t, err)
	}
	equal(t, "live ones", list(issuer.GrantQuery{UserID: u.ID, LiveOnly: true, Limit: 10}), ids[2:])
	tokens, err := db.RevokedTokens(ctx, issuer.RevokedQuery{Limit: 1})
	must(t, err)
	equal(t, "the newest revoked token", tokens[0].GrantID, ids[1])
	tokens, err = db.RevokedTokens(ctx, issuer.RevokedQuery{UserID: u.ID, After: tokens[0].JTI, Limit: 10})
	must(t, err)
	if len(tokens) != 1 || tokens[0].GrantID != ids[0] {
		t.Errorf("the second page of revoked tokens: got %+v, want that of %s", tokens, ids[0])
	}
	tokens, err = db.RevokedTokens(ctx, issuer.RevokedQuery{UserID: u.ID, Before: tokens[0].JTI, Limit: 10})
	must(t, err)
	if len(tokens) != 1 || tokens[0].GrantID != ids[1] {
		t.Errorf("the page of revoked tokens before: got %+v, want that of %s", tokens, ids[1])
	}
	clock.Advance(25 * time.Hour)
	equal(t, "live ones a day later", len(list(issuer.GrantQuery{UserID: u.ID, LiveOnly: true, Limit: 10})), 0)
	_, err = db.Grants(ctx, issuer.GrantQuery{After: "nothing", Limit: 1})
	is(t, "grants after a cursor that is gone", err, issuer.ErrCursorGone)
	_, err = db.Grants(ctx, issuer.GrantQuery{Before: "nothing", Limit: 1})
	is(t, "grants before a cursor that is gone", err, issuer.ErrCursorGone)
	_, err = db.RevokedTokens(ctx, issuer.RevokedQuery{After: "nothing", Limit: 1})
	is(t, "revoked tokens after a cursor that is gone", err, issuer.ErrCursorGone)
	longest, err := db.LongestRefreshLifetime(ctx)
	must(t, err)
	equal(t, "longest refresh lifetime", longest, NewGrant(u).RefreshLifetime)
	clock.Advance(10 * 365 * 24 * time.Hour)
	longest, err = db.LongestRefreshLifetime(ctx)
	must(t, err)
	equal(t, "longest refresh lifetime of none", longest, time.Duration(0))
}
