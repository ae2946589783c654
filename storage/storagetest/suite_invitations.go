package storagetest

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/keys"
	"keyturn/storage"
)

func invitationTo(email string) accounts.Letter {
	l := letterFor(accounts.LinkInvitation, accounts.User{}, email)
	l.Link.Data = map[string]string{"username": email}
	return l
}

// invite queues an invitation, which has not left then.
func invite(t *testing.T, db *storage.DB, email string) accounts.Letter {
	t.Helper()
	l := invitationTo(email)
	must(t, db.QueueAsked(t.Context(), Event(audit.UserInvited), l))
	return l
}

func withdrawal() audit.Event { return Event(audit.InvitationWithdrawn) }

// testInvitations: one that waits, is tried, was given up, has left, or was handed over is one record, until it is
// taken or its last link ends.
func testInvitations(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	begin := micro(clock.Now())
	all := func(what string, want ...accounts.InvitationRecord) {
		t.Helper()
		got, err := db.Invitations(ctx, accounts.InvitationQuery{Limit: 10})
		must(t, err)
		equal(t, what, got, append([]accounts.InvitationRecord{}, want...))
		for _, r := range want {
			one, err := db.Invitation(ctx, r.ID)
			must(t, err)
			equal(t, what+", by id", one, r)
		}
	}
	all("none")
	asked(t, db, letterFor(accounts.LinkSignUp, accounts.User{}, "a@example.com"))
	l := invite(t, db, "gwen@example.com")
	want := accounts.InvitationRecord{ID: l.ID, Email: "gwen@example.com", Data: map[string]string{"username": "gwen@example.com"}, InQueue: true, CreatedAt: begin}
	all("one that waits", want)

	clock.Advance(time.Second)
	claim(t, db)
	must(t, db.LetterFailed(ctx, l.ID, accounts.LetterFailure{Attempt: 1, Failure: "unreachable", Wait: time.Minute}))
	want.ExpiresAt = begin.Add(time.Second + time.Hour)
	all("one that was tried", want)
	clock.Advance(2 * time.Minute)
	tried, link := claim(t, db)
	equal(t, "the letter of the second attempt", tried.ID, l.ID)
	want.ExpiresAt = micro(clock.Now()).Add(time.Hour)
	all("one that was tried twice", want)
	left := want
	left.InQueue, left.CreatedAt = false, micro(clock.Now())
	must(t, db.LetterFailed(ctx, l.ID, accounts.LetterFailure{Attempt: 2, Failure: "refused", GiveUp: true}))
	want.GivenUpAt = micro(clock.Now())
	all("one that was given up", want)
	must(t, db.LetterSent(ctx, l.ID))
	all("one whose letter has left", left)

	clock.Advance(time.Minute)
	must(t, db.MintLink(ctx, keys.NewSecret().Hash(), *invitationTo("anna@example.com").Link, Event(audit.UserInvited)))
	got, err := db.Invitations(ctx, accounts.InvitationQuery{Limit: 1})
	must(t, err)
	handed := accounts.InvitationRecord{
		ID: got[0].ID, Email: "anna@example.com", Data: map[string]string{"username": "anna@example.com"},
		CreatedAt: micro(clock.Now()), ExpiresAt: micro(clock.Now().Add(time.Hour)),
	}
	all("and one that was handed over", handed, left)
	must(t, second(db.CreateUserByLink(ctx, accounts.UsedLink{Hash: link, Purpose: accounts.LinkInvitation}, newUser("gwen@example.com"), Event(audit.UserCreated))))
	all("when one is taken", handed)
	is(t, "the one that was taken", second(db.Invitation(ctx, l.ID)), accounts.ErrInvitationTaken)
	clock.Advance(time.Hour)
	all("when the other has ended")
	is(t, "the one that has ended", second(db.Invitation(ctx, handed.ID)), accounts.ErrInvitationNotFound)
	is(t, "one that never was", second(db.Invitation(ctx, keys.NewTokenID())), accounts.ErrInvitationNotFound)
}

// testInvitationLists: letters and links are one list in the order of addresses, in both directions.
func testInvitationLists(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	var emails []string
	for n, email := range []string{"Zoe@example.com", "anna@example.com", "ärzte@example.com", "b@example.com", "bob@example.com", "bobby@example.com", "c@example.com"} {
		l := invite(t, db, email)
		emails = append(emails, email)
		if n%2 == 0 {
			sent, _ := claim(t, db)
			equal(t, "the letter that leaves", sent.ID, l.ID)
			if n != 2 { // which stays in the queue beside its link
				must(t, db.LetterSent(ctx, l.ID))
			}
			continue
		}
		must(t, db.LetterFailed(ctx, claimed(t, db).ID, accounts.LetterFailure{Attempt: 1, Failure: "refused", GiveUp: true}))
	}
	slices.Sort(emails)
	cursors := map[string]accounts.InvitationCursor{}
	list := func(q accounts.InvitationQuery) ([]string, error) {
		records, err := db.Invitations(ctx, q)
		return each(records, func(r accounts.InvitationRecord) string {
			cursors[r.Email] = accounts.InvitationCursor{Email: r.Email, ID: r.ID}
			return r.Email
		}), err
	}
	got, err := list(accounts.InvitationQuery{Limit: 100})
	must(t, err)
	equal(t, "all", got, emails)
	for _, c := range []struct {
		q    accounts.InvitationQuery
		want []string
	}{
		{accounts.InvitationQuery{Limit: 3}, emails[:3]},
		{accounts.InvitationQuery{After: cursors[emails[2]], Limit: 3}, emails[3:6]},
		{accounts.InvitationQuery{After: cursors[emails[6]], Limit: 3}, []string{}},
		{accounts.InvitationQuery{Prefix: "bob", Limit: 3}, []string{"bob@example.com", "bobby@example.com"}},
		{accounts.InvitationQuery{Prefix: "bob", After: cursors["b@example.com"], Limit: 1}, []string{"bob@example.com"}},
		{accounts.InvitationQuery{Prefix: "b", Before: cursors["c@example.com"], Limit: 2}, []string{"bob@example.com", "bobby@example.com"}},
		{accounts.InvitationQuery{Prefix: "b", Before: cursors["b@example.com"], Limit: 2}, []string{}},
		{accounts.InvitationQuery{Prefix: "b", Before: cursors["ärzte@example.com"], Limit: 2}, []string{"bob@example.com", "bobby@example.com"}},
		{accounts.InvitationQuery{After: accounts.InvitationCursor{Email: "bo", ID: "gone"}, Limit: 1}, []string{"bob@example.com"}},
	} {
		got, err := list(c.q)
		must(t, err)
		equal(t, fmt.Sprintf("%+v", c.q), got, c.want)
	}
	equal(t, "backwards", back(t, emails[6], func(before string) ([]string, error) {
		return list(accounts.InvitationQuery{Before: cursors[before], Limit: 2})
	}), emails[:6])
}

func claimed(t *testing.T, db *storage.DB) accounts.QueuedLetter {
	t.Helper()
	l, _ := claim(t, db)
	return l
}

func testWithdrawInvitation(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	withdraw := func(what, id string, want error) {
		t.Helper()
		is(t, what, db.WithdrawInvitation(ctx, id, withdrawal()), want)
	}
	waits := invite(t, db, "gwen@example.com")
	withdraw("one that waits", waits.ID, nil)
	noLetter(t, db, "then")
	withdraw("again", waits.ID, accounts.ErrInvitationNotFound)

	tried := invite(t, db, "gwen@example.com")
	_, first := claim(t, db)
	other := asked(t, db, invitationTo("mary@example.com"))
	withdraw("one that is being tried", tried.ID, nil)
	gone := accounts.UsedLink{Hash: first, Purpose: accounts.LinkInvitation}
	lookAt(t, "its link", db, gone, accounts.ErrLinkGone)
	is(t, "its use", second(db.CreateUserByLink(ctx, gone, newUser("gwen@example.com"), Event(audit.UserCreated))), accounts.ErrLinkGone)
	lookAt(t, "another's link", db, other, nil)

	reset := asked(t, db, letterFor(accounts.LinkPasswordReset, User(t, db), "peter@example.com"))
	waiting := NewLetter(User(t, db))
	must(t, db.QueueLetters(ctx, waiting))
	withdraw("a letter of another kind", waiting.ID, accounts.ErrInvitationNotFound)
	link, err := db.LinkByHash(ctx, reset.Hash, reset.Purpose)
	must(t, err)
	withdraw("a link for something else", link.LetterID, accounts.ErrInvitationNotFound)
	lookAt(t, "that", db, reset, nil)

	mary, err := db.LinkByHash(ctx, other.Hash, other.Purpose)
	must(t, err)
	must(t, second(db.CreateUserByLink(ctx, other, newUser("mary@example.com"), Event(audit.UserCreated))))
	withdraw("one that was taken", mary.LetterID, accounts.ErrInvitationTaken)
	equal(t, "events", actions(t, db, audit.InvitationWithdrawn), 2)
}

// testWithdrawalRaces: an invitation that is withdrawn while somebody takes it is either taken or withdrawn, whichever
// of its links is used; and none leaves with a letter that is withdrawn at that moment.
func testWithdrawalRaces(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{MaxOpen: contenders}), t.Context()
	for round := range 20 {
		email := fmt.Sprintf("gwen%d@example.com", round)
		l := invite(t, db, email)
		_, one := claim(t, db)
		must(t, db.LetterFailed(ctx, l.ID, accounts.LetterFailure{Attempt: 1, Failure: "unreachable"}))
		_, two := claim(t, db)
		if round%2 == 0 {
			must(t, db.LetterSent(ctx, l.ID))
		}
		var taken, withdrawn atomic.Int64
		must(t, atOnce(6, func(i int) error {
			if i%3 == 0 {
				err := db.WithdrawInvitation(ctx, l.ID, withdrawal())
				if err == nil {
					withdrawn.Add(1)
				}
				return unless(err, accounts.ErrInvitationTaken, accounts.ErrInvitationNotFound)
			}
			by := accounts.UsedLink{Hash: one, Purpose: accounts.LinkInvitation}
			if i%3 == 1 {
				by.Hash = two
			}
			_, err := db.CreateUserByLink(ctx, by, newUser(fmt.Sprintf("%d-%s", i, email)), Event(audit.UserCreated))
			if err == nil {
				taken.Add(1)
			}
			return unless(err, accounts.ErrLinkUsed, accounts.ErrLinkGone)
		}))
		if taken.Load()+withdrawn.Load() != 1 {
			t.Fatalf("taken %d times and withdrawn %d times, want one of them once", taken.Load(), withdrawn.Load())
		}

		l = invite(t, db, email)
		hash := keys.NewSecret().Hash()
		must(t, atOnce(2, func(i int) error {
			if i == 0 {
				return db.WithdrawInvitation(ctx, l.ID, withdrawal())
			}
			_, err := db.ClaimLetter(ctx, time.Hour, hash)
			return unless(err, accounts.ErrNoLetter)
		}))
		lookAt(t, "a link that left meanwhile", db, accounts.UsedLink{Hash: hash, Purpose: accounts.LinkInvitation}, accounts.ErrLinkGone)
		noLetter(t, db, "when it was withdrawn")
	}
	left, err := db.Invitations(ctx, accounts.InvitationQuery{Limit: 100})
	must(t, err)
	equal(t, "pending in the end", len(left), 0)
}
