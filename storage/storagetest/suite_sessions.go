package storagetest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
	"keyturn/storage"
)

func testStartSession(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	u := User(t, db)
	clock.Advance(time.Hour)
	n := NewSession(u)
	started, err := db.StartSession(ctx, n, audit.Event{Action: audit.UserSignedIn, SubjectKind: "session", SubjectID: n.ID})
	must(t, err)
	want, now := n.Session, micro(clock.Now())
	want.CreatedAt, want.SeenAt, want.ExpiresAt = now, now, now.Add(n.Lifetime)
	want.UserActive, want.UserVersion = true, u.CredentialVersion
	equal(t, "as started", started, want)
	clock.Advance(time.Minute)
	read, at, err := db.SessionByHash(ctx, n.Hash)
	must(t, err)
	equal(t, "as read", read, want)
	equal(t, "the database's time", at, micro(clock.Now()))
	must(t, db.SeeSession(ctx, n.ID))
	must(t, db.SeeSession(ctx, "nobody's"))
	want.SeenAt = micro(clock.Now())
	read, _, err = db.SessionByHash(ctx, n.Hash)
	must(t, err)
	equal(t, "as seen", read, want)
	_, _, err = db.SessionByHash(ctx, keys.NewSecret().Hash())
	is(t, "another secret", err, accounts.ErrNotSignedIn)

	older, unknown := NewSession(u), NewSession(accounts.User{ID: uuid.NewString(), CredentialVersion: 1})
	older.CredentialVersion--
	for name, refused := range map[string]accounts.NewSession{"an older credential version": older, "an unknown user": unknown} {
		refused.Replaces = n.ID
		_, err = db.StartSession(ctx, refused, Event(audit.UserSignedIn))
		is(t, name, err, accounts.ErrCredentials)
		_, _, err = db.SessionByHash(ctx, refused.Hash)
		is(t, name+": the session", err, accounts.ErrNotSignedIn)
	}
	_, err = db.Deactivate(ctx, u.ID, Event(audit.UserDeactivated))
	must(t, err)
	inactive := NewSession(u)
	inactive.CredentialVersion++
	_, err = db.StartSession(ctx, inactive, Event(audit.UserSignedIn))
	is(t, "an inactive user", err, accounts.ErrCredentials)
	equal(t, "sign-in events", actions(t, db, audit.UserSignedIn), 1)
}

// testReplaceSession: the session of the same user goes on, so that what was made in it belongs to it still; that of
// another user ends, as on a computer that two share.
func testReplaceSession(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	u, client := User(t, db), Client(t, db)
	first := NewSession(u)
	old, err := db.StartSession(ctx, first, Event(audit.UserSignedIn))
	must(t, err)
	redeemed := redeemIn(t, db, client, old, "openid")
	waiting := StoredCode(t, db, NewCode(client, old))
	clock.Advance(time.Second)

	again := NewSession(u)
	again.AMR, again.Address, again.UserAgent, again.AuthTime, again.Replaces = "otp", "192.0.2.2", "Lynx", again.AuthTime.Add(time.Hour), old.ID
	renewed, err := db.StartSession(ctx, again, audit.Event{Action: audit.UserSignedIn, SubjectKind: "session", SubjectID: again.ID})
	must(t, err)
	want, now := again.Session, micro(clock.Now())
	want.ID, want.CreatedAt, want.SeenAt, want.ExpiresAt, want.UserActive, want.UserVersion = old.ID, old.CreatedAt, now, now.Add(again.Lifetime), true, u.CredentialVersion
	equal(t, "the session that goes on", renewed, want)
	_, _, err = db.SessionByHash(ctx, first.Hash)
	is(t, "the cookie from before (session fixation)", err, accounts.ErrNotSignedIn)
	read, _, err := db.SessionByHash(ctx, again.Hash)
	must(t, err)
	equal(t, "by the new cookie", read, want)
	events, err := db.AuditEvents(ctx, audit.Query{Action: audit.UserSignedIn, Limit: 1})
	must(t, err)
	equal(t, "the event's session", events[0].SubjectID, old.ID)
	_, _, err = db.RedeemCode(ctx, Redeem(waiting))
	is(t, "a code from before", err, nil)
	checkAlive(t, db, redeemed.ID)
	equal(t, "sessions ended", actions(t, db, audit.SessionEnded), 0)

	waiting = StoredCode(t, db, NewCode(client, old))
	other := User(t, db)
	others := NewSession(other)
	others.Replaces = old.ID
	started, err := db.StartSession(ctx, others, Event(audit.UserSignedIn))
	must(t, err)
	equal(t, "another user's session", started.ID, others.ID)
	_, _, err = db.SessionByHash(ctx, again.Hash)
	is(t, "the session of who was there before", err, accounts.ErrNotSignedIn)
	_, _, err = db.RedeemCode(ctx, Redeem(waiting))
	is(t, "their code", err, oauth.ErrCodeInvalid)
	checkRevoked(t, db, u.ID, issuer.SessionEnded)
	equal(t, "sessions ended", actions(t, db, audit.SessionEnded), 1)
	equal(t, "logout tokens", deliveries(t, db), []string{client.ID})

	gone := NewSession(u)
	gone.Replaces = old.ID
	started, err = db.StartSession(ctx, gone, Event(audit.UserSignedIn))
	must(t, err)
	equal(t, "in place of a session that is gone", started.ID, gone.ID)
}

func testSessionLists(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	u := User(t, db)
	Session(t, db, User(t, db))
	list := func() (ids []string) {
		t.Helper()
		sessions, now, err := db.Sessions(ctx, u.ID)
		must(t, err)
		equal(t, "the database's time", now, micro(clock.Now()))
		for _, s := range sessions {
			ids = append(ids, s.ID)
			equal(t, "the user's state", s.UserActive && s.UserVersion == u.CredentialVersion && s.UserID == u.ID, true)
		}
		return ids
	}
	equal(t, "none", list(), []string(nil))
	a := Session(t, db, u)
	clock.Advance(time.Second)
	b := Session(t, db, u)
	equal(t, "newest first", list(), []string{b.ID, a.ID})
	clock.Advance(time.Second)
	must(t, db.SeeSession(ctx, a.ID))
	equal(t, "seen last", list(), []string{a.ID, b.ID})
	clock.Advance(24*time.Hour - 2*time.Second)
	equal(t, "at the end of the older", list(), []string{b.ID})
	_, _, err := db.SessionByHash(ctx, keys.NewSecret().Hash())
	is(t, "another secret", err, accounts.ErrNotSignedIn)
	must(t, second(db.DeleteUser(ctx, u.ID, Event(audit.UserDeleted))))
	equal(t, "of a deleted user", list(), []string(nil))
}

// checkAlive demands that the grant is not revoked.
func checkAlive(t *testing.T, db *storage.DB, id string) {
	t.Helper()
	g, _, err := db.GrantByID(t.Context(), id)
	must(t, err)
	equal(t, "revocation of a grant that must live", g.RevokedFor, issuer.Reason(""))
}
