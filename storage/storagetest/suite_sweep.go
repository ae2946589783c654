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
	"keyturn/issuer/oauth"
	"keyturn/keys"
	"keyturn/storage"
)

func testSweep(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	u := User(t, db)
	const leeway = time.Minute
	limits := storage.SweepLimits{Batch: 2, Leeway: leeway, ThrottleAge: 100 * 24 * time.Hour, KnownAge: 100 * 24 * time.Hour, RefusalAge: 100 * 24 * time.Hour}
	sweep := func() storage.Swept {
		t.Helper()
		swept, err := db.Sweep(ctx, limits)
		must(t, err)
		return swept
	}
	for range 3 {
		SignIn(t, db, u) // refresh tokens of 24 hours, grants of 30 days
	}
	must(t, db.AddFailure(ctx, u.ID, "", ""))
	must(t, db.AddSuccess(ctx, accounts.Success{Account: "another", UserID: u.ID, Address: "192.0.2.1"}))
	must(t, db.AddRefusal(ctx, audit.Refusal{Account: u.ID, Reason: "credentials"}))
	_, err := db.RevokeGrants(ctx, issuer.Selection{All: true}, issuer.Revocation{Reason: issuer.AllEnded})
	must(t, err)

	clock.Advance(24*time.Hour + leeway)
	equal(t, "at the refresh tokens' end and leeway", sweep(), storage.Swept{})
	clock.Advance(time.Microsecond)
	equal(t, "after it", sweep(), storage.Swept{Revoked: 2, More: true})
	equal(t, "the second batch", sweep(), storage.Swept{Revoked: 1})
	clock.Advance(29*24*time.Hour - time.Microsecond)
	equal(t, "at the grants' end and leeway", sweep(), storage.Swept{})
	clock.Advance(time.Microsecond)
	equal(t, "after it", sweep(), storage.Swept{Grants: 2, More: true})
	equal(t, "the second batch", sweep(), storage.Swept{Grants: 1})
	clock.Advance(70 * 24 * time.Hour)
	equal(t, "after 100 days", sweep(), storage.Swept{Throttle: 1, Known: 1, Refusals: 1})
	limits.ThrottleAge, limits.KnownAge, limits.RefusalAge = 0, 0, 0
	must(t, db.AddFailure(ctx, u.ID, "", ""))
	clock.Advance(1000 * 24 * time.Hour)
	equal(t, "ages of zero", sweep(), storage.Swept{})
}

func testSweepBrowsers(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	const leeway = time.Minute
	limits := storage.SweepLimits{Batch: 2, Leeway: leeway}
	sweep := func(what string, want storage.Swept) {
		t.Helper()
		swept, err := db.Sweep(ctx, limits)
		must(t, err)
		swept.Revoked = 0 // see testSweep
		equal(t, what, swept, want)
	}
	// past is at the end of what was just made, and then after it.
	past := func(what string, end time.Duration, one storage.Swept) {
		t.Helper()
		clock.Advance(end)
		sweep("at the end of "+what, storage.Swept{})
		clock.Advance(time.Microsecond)
		sweep("after the end of "+what, one)
	}
	u, client := User(t, db), Client(t, db)
	must(t, db.StoreInteraction(ctx, NewInteraction(client), time.Hour))
	past("an interaction", time.Hour, storage.Swept{Interactions: 1})
	must(t, db.UseAssertion(ctx, client.ID, "jti", clock.Now().Add(time.Hour)))
	past("an assertion", time.Hour+leeway, storage.Swept{Assertions: 1})
	is(t, "the assertion's jti again", db.UseAssertion(ctx, client.ID, "jti", clock.Now()), nil)
	clock.Advance(2 * leeway)
	sweep("that too", storage.Swept{Assertions: 1})

	s := Session(t, db, u) // for a day
	redeemed, waiting := NewCode(client, s), StoredCode(t, db, NewCode(client, s))
	_, _, err := db.RedeemCode(ctx, Redeem(StoredCode(t, db, redeemed)))
	must(t, err)
	clock.Advance(time.Minute + time.Hour)
	sweep("an hour after the codes' end", storage.Swept{})
	_, _, err = db.RedeemCode(ctx, Redeem(redeemed))
	is(t, "a code that comes again then", err, oauth.ErrCodeReused)
	clock.Advance(time.Microsecond)
	sweep("after that", storage.Swept{Codes: 2, More: true})
	for _, code := range []oauth.Code{redeemed, waiting} {
		_, _, err = db.RedeemCode(ctx, Redeem(code))
		is(t, "a code that was forgotten", err, oauth.ErrCodeInvalid)
	}

	redeemIn(t, db, client, s, "openid")
	must(t, second(db.EndSessions(ctx, accounts.SessionSelection{ID: s.ID}, Event(audit.SessionEnded))))
	s = Session(t, db, u)
	redeemIn(t, db, client, s, "openid")
	clock.Advance(23 * time.Hour)
	sweep("a day later", storage.Swept{Codes: 2, More: true})
	past("a logout token and a session", time.Hour, storage.Swept{Logouts: 1, Sessions: 1})
	took, err := db.SessionClients(ctx, s.ID)
	must(t, err)
	equal(t, "who took part in it", len(took), 0)

	limits.SessionIdle = time.Hour
	s = Session(t, db, u)
	clock.Advance(time.Hour)
	must(t, db.SeeSession(ctx, s.ID))
	past("an hour in which nobody came", time.Hour, storage.Swept{Sessions: 1})
}

func testBadText(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	for _, bad := range []string{"a\x00b", "a\xffb"} {
		_, err := db.CreateUser(ctx, accounts.User{ID: uuid.NewString(), Username: bad}, Event(audit.UserCreated))
		is(t, "a bad username", err, keys.ErrBadText)
		_, err = db.UserByUsername(ctx, bad)
		is(t, "a look-up by it", err, keys.ErrBadText)
		_, err = db.UpdateUser(ctx, uuid.NewString(), accounts.Change{Email: &bad}, Event(audit.UserUpdated))
		is(t, "a bad change", err, keys.ErrBadText)
		_, err = db.AdvanceGrant(ctx, bad, 1)
		is(t, "a bad grant id", err, keys.ErrBadText)
	}
	equal(t, "events of what was refused", actions(t, db, audit.UserCreated, audit.UserUpdated), 0)
}

// testContextEnds: nothing is known of the outcome of what was given up.
func testContextEnds(t *testing.T, open OpenFunc) {
	db := open(t, storage.Options{})
	g := SignIn(t, db, User(t, db))
	ended, end := context.WithCancel(t.Context())
	end()
	_, err := db.AdvanceGrant(ended, g.ID, 1)
	is(t, "AdvanceGrant", err, keys.ErrUnavailable)
	_, err = db.RevokeGrants(ended, issuer.Selection{All: true}, issuer.Revocation{Reason: issuer.AllEnded})
	is(t, "RevokeGrants", err, keys.ErrUnavailable)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want it to tell of the context as well", err)
	}
	_, err = db.AdvanceGrant(t.Context(), g.ID, 1)
	is(t, "the next call", err, nil)
}
