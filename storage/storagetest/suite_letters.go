package storagetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/keys"
	"keyturn/storage"
)

// claim takes a letter for a minute, and tells under which hash its link was stored.
func claim(t *testing.T, db *storage.DB) (accounts.QueuedLetter, keys.Hash) {
	t.Helper()
	hash := keys.NewSecret().Hash()
	l, err := db.ClaimLetter(t.Context(), time.Minute, hash)
	must(t, err)
	return l, hash
}

func noLetter(t *testing.T, db *storage.DB, what string) {
	t.Helper()
	_, err := db.ClaimLetter(t.Context(), time.Minute, keys.NewSecret().Hash())
	is(t, what, err, accounts.ErrNoLetter)
}

func testLetters(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	u := User(t, db)
	first := NewLetter(u)
	second := accounts.Letter{ID: keys.NewTokenID(), Kind: accounts.LetterPasswordChanged, To: "peter@example.com"}
	noLetter(t, db, "an empty queue")
	must(t, db.QueueLetters(ctx, first))
	clock.Advance(time.Second)
	must(t, db.QueueLetters(ctx, second))

	got, hash := claim(t, db)
	equal(t, "the first letter", got.Letter, first)
	equal(t, "when it was queued", got.CreatedAt, micro(clock.Now().Add(-time.Second)))
	equal(t, "attempts", got.Attempts, 1)
	link, err := db.LinkByHash(ctx, hash, accounts.LinkPasswordReset)
	must(t, err)
	equal(t, "its link", link, accounts.Link{
		LetterID: first.ID, Purpose: accounts.LinkPasswordReset, UserID: u.ID, CredentialVersion: 1, Email: u.Email,
		Data: map[string]string{"back": "/account"}, CreatedAt: micro(clock.Now()), ExpiresAt: micro(clock.Now().Add(time.Hour)),
	})
	_, err = db.LinkByHash(ctx, hash, accounts.LinkEmailConfirm)
	is(t, "the link for another purpose", err, accounts.ErrLinkGone)

	got, hash = claim(t, db)
	equal(t, "the second letter", got.Letter, second)
	_, err = db.LinkByHash(ctx, hash, accounts.LinkPasswordReset)
	is(t, "the link of a letter without one", err, accounts.ErrLinkGone)
	noLetter(t, db, "when both are taken")
	must(t, db.LetterSent(ctx, first.ID))
	must(t, db.LetterSent(ctx, second.ID))
	clock.Advance(time.Hour)
	noLetter(t, db, "when both are sent")
	equal(t, "counts", counts(t, db), accounts.LetterCounts{})

	for _, bad := range []accounts.Letter{
		{Kind: accounts.LetterSignUp, To: "peter@example.com"}, {ID: "1", To: "peter@example.com"}, {ID: "1", Kind: accounts.LetterSignUp},
	} {
		if err := db.QueueLetters(ctx, bad); err == nil {
			t.Errorf("letter %+v was queued", bad)
		}
	}
	bad := NewLetter(u)
	bad.Facts["username"] = "a\x00b" // JSON escapes it
	must(t, db.QueueLetters(ctx, bad))
	bad = NewLetter(u)
	bad.To = "a\x00b@example.com"
	is(t, "an address that is no text", db.QueueLetters(ctx, bad), keys.ErrBadText)
}

func counts(t *testing.T, db *storage.DB) accounts.LetterCounts {
	t.Helper()
	c, err := db.CountLetters(t.Context())
	must(t, err)
	return c
}

// testLetterLease: a letter whose taker never comes back is taken again, and a taker that comes back late
// spoils nothing.
func testLetterLease(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	must(t, db.QueueLetters(ctx, NewLetter(User(t, db))))
	l, earlier := claim(t, db)
	clock.Advance(time.Minute - time.Microsecond)
	noLetter(t, db, "within the lease")
	clock.Advance(time.Microsecond)
	again, later := claim(t, db)
	equal(t, "attempts", again.Attempts, 2)
	for _, hash := range []keys.Hash{earlier, later} {
		_, err := db.LinkByHash(ctx, hash, accounts.LinkPasswordReset)
		is(t, "the link of either attempt", err, nil)
	}

	must(t, db.LetterFailed(ctx, l.ID, accounts.LetterFailure{Attempt: 1, Failure: "late", GiveUp: true}))
	must(t, db.LetterFailed(ctx, l.ID, accounts.LetterFailure{Attempt: 1, Failure: "late"}))
	equal(t, "after the late taker", counts(t, db), accounts.LetterCounts{Waiting: 1, Oldest: time.Minute})
	must(t, db.LetterFailed(ctx, l.ID, accounts.LetterFailure{Attempt: 2, Failure: "refused", Wait: time.Hour}))
	equal(t, "after the attempt", counts(t, db), accounts.LetterCounts{Waiting: 1, Failing: 1, Oldest: time.Minute})
	clock.Advance(time.Hour - time.Microsecond)
	noLetter(t, db, "during the wait")
	clock.Advance(time.Microsecond)
	third, _ := claim(t, db)
	equal(t, "what the last attempt failed for", third.Failure, "refused")
	must(t, db.LetterSent(ctx, l.ID))
	must(t, db.LetterFailed(ctx, l.ID, accounts.LetterFailure{Attempt: 3, GiveUp: true}))
	equal(t, "events", actions(t, db, audit.LetterGivenUp), 0)
}

func testLettersGivenUp(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	must(t, db.QueueLetters(ctx, NewLetter(User(t, db))))
	l, _ := claim(t, db)
	must(t, db.LetterFailed(ctx, l.ID, accounts.LetterFailure{Attempt: 1, Failure: "refused", GiveUp: true}))
	clock.Advance(time.Hour)
	noLetter(t, db, "when it was given up")
	equal(t, "counts", counts(t, db), accounts.LetterCounts{Failed: 1})
	equal(t, "events", actions(t, db, audit.LetterGivenUp), 1)

	list := func(failed bool) []accounts.QueuedLetter {
		t.Helper()
		letters, err := db.Letters(ctx, accounts.LetterQuery{Failed: failed, Limit: 10})
		must(t, err)
		return letters
	}
	failed := list(true)
	if len(failed) != 1 || failed[0].ID != l.ID || failed[0].Failure != "refused" || !failed[0].FailedAt.Equal(clock.Now().Add(-time.Hour)) {
		t.Errorf("got %+v, want the letter", failed)
	}
	one, err := db.Letter(ctx, l.ID)
	must(t, err)
	equal(t, "the letter by its id", one, failed[0])
	_, err = db.Letter(ctx, "no-such-letter")
	is(t, "a letter that is not there", err, accounts.ErrLetterNotFound)
	equal(t, "waiting", len(list(false)), 0)

	operator := audit.Actor{Kind: audit.Operator, ID: "root"}
	change := func(what string, do func(context.Context, string, audit.Actor) (int, error), id string, want int) {
		t.Helper()
		n, err := do(ctx, id, operator)
		must(t, err)
		equal(t, what, n, want)
	}
	change("retried", db.RetryLetters, l.ID, 1)
	change("retried again", db.RetryLetters, "", 1) // it still bears the failure
	again := list(false)
	if len(again) != 1 || !again[0].QueuedAt.Equal(clock.Now()) || !again[0].CreatedAt.Equal(clock.Now().Add(-time.Hour)) {
		t.Errorf("got %+v, want it waiting from now", again)
	}
	again[0], _ = claim(t, db)
	equal(t, "attempts", again[0].Attempts, 2)
	change("all that were given up", db.DropLetters, "", 0)
	must(t, db.LetterFailed(ctx, l.ID, accounts.LetterFailure{Attempt: 2, Failure: "refused", GiveUp: true}))
	change("all that were given up", db.DropLetters, "", 1)

	waiting := NewLetter(User(t, db))
	must(t, db.QueueLetters(ctx, waiting))
	change("retried", db.RetryLetters, waiting.ID, 0)
	change("dropped", db.DropLetters, waiting.ID, 1)
	noLetter(t, db, "after that")
	_, err = db.RetryLetters(ctx, waiting.ID, operator)
	is(t, "retry of one that is not there", err, accounts.ErrLetterNotFound)
	_, err = db.DropLetters(ctx, waiting.ID, operator)
	is(t, "drop of one that is not there", err, accounts.ErrLetterNotFound)
	equal(t, "events", actions(t, db, audit.LetterRetried), 2)
	equal(t, "events", actions(t, db, audit.LetterDropped), 2)
}

func testLetterLists(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	u := User(t, db)
	var ids []string
	for n := range 5 {
		l := NewLetter(u)
		must(t, db.QueueLetters(ctx, l))
		if n == 0 { // the only one that is given up
			claimed, _ := claim(t, db)
			must(t, db.LetterFailed(ctx, l.ID, accounts.LetterFailure{Attempt: claimed.Attempts, Failure: "refused", GiveUp: true}))
			continue
		}
		ids = append(ids, l.ID)
	}
	slices.Sort(ids)
	list := func(q accounts.LetterQuery) []string {
		t.Helper()
		letters, err := db.Letters(ctx, q)
		must(t, err)
		return each(letters, func(l accounts.QueuedLetter) string { return l.ID })
	}
	equal(t, "the second page", list(accounts.LetterQuery{After: ids[1], Limit: 2}), ids[2:])
	equal(t, "the page before", list(accounts.LetterQuery{Before: ids[3], Limit: 2}), ids[1:3])
	equal(t, "before the first", len(list(accounts.LetterQuery{Before: ids[0], Limit: 2})), 0)
	equal(t, "given up, before the last of all ids", len(list(accounts.LetterQuery{Failed: true, Before: "g", Limit: 2})), 1)
}

// testClaimLettersOnce: each letter is taken by one of several instances.
func testClaimLettersOnce(t *testing.T, open OpenFunc) {
	const queued, instances = 60, 6
	db, ctx := open(t, storage.Options{}), t.Context()
	u := User(t, db)
	for range queued {
		must(t, db.QueueLetters(ctx, NewLetter(u)))
	}
	var mu sync.Mutex
	times := map[string]int{}
	must(t, atOnce(instances, func(int) error {
		for {
			l, err := db.ClaimLetter(ctx, time.Hour, keys.NewSecret().Hash())
			if errors.Is(err, accounts.ErrNoLetter) {
				return nil
			}
			if err != nil {
				return err
			}
			mu.Lock()
			times[l.ID]++
			mu.Unlock()
		}
	}))
	equal(t, "letters taken", len(times), queued)
	for id, n := range times {
		equal(t, "times that "+id+" was taken", n, 1)
	}
}

// testLettersOfTheDeleted: nothing with a link leaves for an account that is gone; the news that it is gone does.
func testLettersOfTheDeleted(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	u, peer := User(t, db), User(t, db)
	must(t, db.QueueLetters(ctx, NewLetter(u), NewLetter(peer)))
	_, _ = claim(t, db)
	_, _ = claim(t, db)
	news := accounts.Letter{ID: keys.NewTokenID(), Kind: accounts.LetterAccountDeleted, To: u.Email, UserID: u.ID}
	must(t, db.QueueLetters(ctx, news))
	_, err := db.DeleteUser(ctx, u.ID, Event(audit.UserDeleted))
	must(t, err)
	letters, err := db.Letters(ctx, accounts.LetterQuery{Limit: 10})
	must(t, err)
	of := map[string]int{}
	for _, l := range letters {
		of[l.UserID+string(l.Kind)]++
	}
	equal(t, "letters", of, map[string]int{u.ID + string(accounts.LetterAccountDeleted): 1, peer.ID + string(accounts.LetterPasswordReset): 1})
}

func testSweepLetters(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	sweep := func(what string, want storage.Swept) {
		t.Helper()
		swept, err := db.Sweep(ctx, storage.SweepLimits{Batch: 10})
		must(t, err)
		equal(t, what, swept, want)
	}
	must(t, db.QueueLetters(ctx, NewLetter(User(t, db))))
	l, _ := claim(t, db)
	must(t, db.LetterFailed(ctx, l.ID, accounts.LetterFailure{Attempt: 1, Failure: "refused", GiveUp: true}))
	clock.Advance(time.Hour + 24*time.Hour)
	sweep("a day after the link's end", storage.Swept{})
	clock.Advance(time.Microsecond)
	sweep("after it", storage.Swept{Links: 1})
	clock.Advance(29*24*time.Hour - time.Hour - time.Microsecond)
	sweep("30 days after the letter was given up", storage.Swept{})
	clock.Advance(time.Microsecond)
	sweep("after them", storage.Swept{Letters: 1})
	must(t, db.QueueLetters(ctx, NewLetter(User(t, db))))
	clock.Advance(1000 * 24 * time.Hour)
	sweep("a letter that waits", storage.Swept{})
}
