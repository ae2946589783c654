package storagetest

import (
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/storage"
)

func testThrottle(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	u := User(t, db)
	of := func(address string) accounts.Throttle {
		t.Helper()
		got, err := db.ThrottleOf(ctx, "u1", accounts.Fold(u.Username), address)
		must(t, err)
		return got
	}
	start := micro(clock.Now())
	equal(t, "nothing known", of("192.0.2.1"), accounts.Throttle{Now: start})
	must(t, db.AddFailure(ctx, "u1", "", "192.0.2.3"))
	clock.Advance(time.Second)
	must(t, db.AddFailure(ctx, "u1", "", "192.0.2.3"))
	failed := micro(clock.Now())
	equal(t, "after two failures", of("192.0.2.1"), accounts.Throttle{Failures: 2, LastFailedAt: failed, Now: failed})

	must(t, db.AddSuccess(ctx, accounts.Success{Account: "u1", UserID: u.ID, Address: "192.0.2.1"}))
	equal(t, "the address of a success", of("192.0.2.1"), accounts.Throttle{Place: "192.0.2.1", Now: failed, KnownSince: failed})
	equal(t, "everyone else after a success", of("192.0.2.2"), accounts.Throttle{Now: failed})
	must(t, db.AddFailure(ctx, "u1", "", "192.0.2.3"))
	equal(t, "an attacker's failure, seen by the owner", of("192.0.2.1").Failures, 0)
	equal(t, "an attacker's failure, seen by everyone else", of("192.0.2.2").Failures, 1)
	clock.Advance(time.Second)
	must(t, db.AddFailure(ctx, "u1", "192.0.2.1", "192.0.2.1"))
	must(t, db.AddSuccess(ctx, accounts.Success{Account: "u1", Place: "192.0.2.1", UserID: u.ID, Address: "192.0.2.1"}))
	equal(t, "the owner's second success", of("192.0.2.1"), accounts.Throttle{Place: "192.0.2.1", Now: micro(clock.Now()), KnownSince: micro(clock.Now())})
	equal(t, "it leaves the other bucket", of("192.0.2.2").Failures, 1)
}

// testKnownAddresses: what is known belongs to the user who signed in, under whatever name.
func testKnownAddresses(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	owner := User(t, db)
	place := func(name string) string {
		t.Helper()
		got, err := db.ThrottleOf(ctx, "u1", accounts.Fold(name), "192.0.2.1")
		must(t, err)
		return got.Place
	}
	must(t, db.AddSuccess(ctx, accounts.Success{Account: "u1", UserID: owner.ID, Address: "192.0.2.1"}))
	equal(t, "another spelling", place(strings.ToUpper(owner.Username)), "192.0.2.1")
	equal(t, "another user", place(User(t, db).Username), "")
	equal(t, "nobody", place("nobody"), "")
	_, err := db.UpdateUser(ctx, owner.ID, accounts.Change{Username: new("Renamed")}, Event(audit.UserUpdated))
	must(t, err)
	_, err = db.CreateUser(ctx, accounts.User{ID: uuid.NewString(), Username: owner.Username}, Event(audit.UserCreated))
	must(t, err)
	equal(t, "the next one of that name", place(owner.Username), "")
	equal(t, "the owner's new name", place("RENAMED"), "192.0.2.1")
	must(t, db.AddSuccess(ctx, accounts.Success{Account: "u1", UserID: owner.ID}))
	got, err := db.ThrottleOf(ctx, "u1", "renamed", "")
	must(t, err)
	equal(t, "no address is never a known one", got.KnownSince.IsZero(), true)
}

func testNewcomers(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	take := func(what, address string, want bool) {
		t.Helper()
		got, err := db.TakeNewcomer(ctx, "u1", address, 3)
		must(t, err)
		equal(t, what, got, want)
	}
	var taken atomic.Int64
	must(t, atOnce(16, func(int) error {
		ok, err := db.TakeNewcomer(ctx, "u1", "192.0.2.1", 3)
		if ok {
			taken.Add(1)
		}
		return err
	}))
	equal(t, "attempts of one address of 16 at once", taken.Load(), 1)
	must(t, db.AddFailure(ctx, "u1", "", "192.0.2.2"))
	take("an address that failed before", "192.0.2.2", false)
	clock.Advance(time.Minute)
	must(t, atOnce(16, func(i int) error {
		ok, err := db.TakeNewcomer(ctx, "u1", "192.0.2.1"+strconv.Itoa(i), 3)
		if ok {
			taken.Add(1)
		}
		return err
	}))
	equal(t, "attempts of 17 addresses", taken.Load(), 3)
	for i := range 16 { // one that got none for the sake of the others may come again, one that had it may not
		clock.Advance(time.Microsecond)
		take("an address too many", "192.0.2.1"+strconv.Itoa(i), false)
	}
	other, err := db.TakeNewcomer(ctx, "u2", "192.0.2.1", 3)
	must(t, err)
	equal(t, "another account", other, true)
	clock.Advance(59*time.Minute - 17*time.Microsecond)
	take("just within the hour", "192.0.2.1", false)
	clock.Advance(time.Microsecond)
	take("after an hour", "192.0.2.1", true)
	take("twice", "192.0.2.1", false)
	take("one who failed an hour ago", "192.0.2.2", true)
	seen, err := db.ThrottleOf(ctx, "u1", "", "192.0.2.1")
	must(t, err)
	equal(t, "everyone else's failures", seen.Failures, 1)
}

func testTakeAttempt(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	for round := range int64(8) {
		seen, err := db.ThrottleOf(ctx, "u1", "", "192.0.2.1")
		must(t, err)
		equal(t, "failures", seen.Failures, round)
		var taken atomic.Int64
		must(t, atOnce(16, func(int) error {
			ok, err := db.TakeAttempt(ctx, "u1", seen)
			if ok {
				taken.Add(1)
			}
			return err
		}))
		equal(t, "attempts taken of 16 at once", taken.Load(), 1)
	}
	seen, err := db.ThrottleOf(ctx, "u1", "", "192.0.2.1")
	must(t, err)
	must(t, db.AddSuccess(ctx, accounts.Success{Account: "u1", UserID: "u1", Address: "192.0.2.9"}))
	ok, err := db.TakeAttempt(ctx, "u1", seen)
	must(t, err)
	equal(t, "an attempt on what a success emptied", ok, false)
}

func testAudit(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	first := Event(audit.Action("test.first"))
	first.Actor.Rights = 0 // which no row keeps
	second := audit.Event{Action: audit.AdminTokenIssued, Actor: audit.Actor{Kind: audit.System}}
	must(t, db.RecordEvent(ctx, first))
	clock.Advance(time.Second)
	must(t, db.RecordEvent(ctx, second))
	events, err := db.AuditEvents(ctx, audit.Query{Limit: 10})
	must(t, err)
	if len(events) != 2 || events[0].ID <= events[1].ID {
		t.Fatalf("got %+v, want two events, newest first", events)
	}
	second.ID, second.At = events[0].ID, micro(clock.Now())
	first.ID, first.At = events[1].ID, micro(clock.Now().Add(-time.Second))
	equal(t, "events", events, []audit.Event{second, first})
	for _, q := range []audit.Query{
		{After: second.ID, Limit: 10}, {Action: first.Action, Limit: 10}, {ActorID: "root", Limit: 10},
		{SubjectKind: "user", Limit: 10}, {SubjectID: "s-1", Limit: 10},
	} {
		events, err := db.AuditEvents(ctx, q)
		must(t, err)
		equal(t, "the first event alone", events, []audit.Event{first})
	}
	events, err = db.AuditEvents(ctx, audit.Query{Limit: 1})
	must(t, err)
	equal(t, "a page of one", events, []audit.Event{second})

	why := Event(audit.Action("test.why"))
	why.Actor.Why, why.Reason = "asked by telephone", ""
	must(t, db.RecordEvent(ctx, why))
	events, err = db.AuditEvents(ctx, audit.Query{Action: why.Action, Limit: 1})
	must(t, err)
	equal(t, "the reason of an event without one of its own", events[0].Reason, why.Actor.Why)
}

func testRefusals(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	wrong := audit.Refusal{Account: "u1", Address: "192.0.2.1", Reason: "credentials"}
	throttled := audit.Refusal{Account: "u1", Address: "192.0.2.1", Reason: "throttled"}
	minute := micro(clock.Now()).Truncate(time.Minute)
	must(t, atOnce(20, func(int) error { return db.AddRefusal(ctx, wrong) }))
	must(t, db.AddRefusal(ctx, throttled))
	clock.Advance(time.Minute)
	must(t, db.AddRefusal(ctx, wrong))
	got, err := db.Refusals(ctx, audit.RefusalQuery{Account: "u1", Until: clock.Now().Add(time.Hour), Limit: 10})
	must(t, err)
	equal(t, "one row per minute and reason", got, []audit.RefusalCount{
		{Refusal: wrong, Minute: minute.Add(time.Minute), Count: 1}, {Refusal: wrong, Minute: minute, Count: 20}, {Refusal: throttled, Minute: minute, Count: 1},
	})
}
