package storage_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/keys"
	"keyturn/storage"
	"keyturn/storage/storagetest"
)

// storedLink stores one more link for the letter.
func storedLink(t *testing.T, db *storage.DB, l accounts.Letter) keys.Hash {
	t.Helper()
	hash := keys.NewSecret().Hash()
	if err := db.StoreLink(t.Context(), l.ID, hash, *l.Link); err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestOneTimeLinks(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		clock := storagetest.NewClock()
		db, ctx := storagetest.Open(t, url, storage.Options{DatabaseNow: clock.Now}), t.Context()
		// refused holds what is looked at and what is used to the same error.
		refused := func(what string, hash keys.Hash, purpose accounts.LinkPurpose, want error) {
			t.Helper()
			if _, err := db.LinkByHash(ctx, hash, purpose); !errors.Is(err, want) {
				t.Errorf("%s, looked at: got error %v, want %v", what, err, want)
			}
			if _, err := db.UseLink(ctx, hash, purpose); !errors.Is(err, want) {
				t.Errorf("%s, used: got error %v, want %v", what, err, want)
			}
		}
		works := func(what string, hash keys.Hash, purpose accounts.LinkPurpose) {
			t.Helper()
			looked, err := db.LinkByHash(ctx, hash, purpose)
			if err != nil {
				t.Errorf("%s, looked at: %v", what, err)
			}
			if used, err := db.UseLink(ctx, hash, purpose); err != nil || used.LetterID != looked.LetterID {
				t.Errorf("%s, used: got %+v, %v, want %+v", what, used, err, looked)
			}
		}
		const purpose = accounts.LinkPasswordReset
		refused("unknown", keys.NewSecret().Hash(), purpose, accounts.ErrLinkGone)

		l := storagetest.NewLetter(storagetest.User(t, db))
		first, second := storedLink(t, db, l), storedLink(t, db, l)
		refused("for another purpose", first, accounts.LinkEmailConfirm, accounts.ErrLinkGone)
		works("the second of a letter", second, purpose)
		refused("the second again", second, purpose, accounts.ErrLinkUsed)
		refused("the first then", first, purpose, accounts.ErrLinkUsed)
		refused("one that leaves after that", storedLink(t, db, l), purpose, accounts.ErrLinkUsed)

		late := storedLink(t, db, storagetest.NewLetter(storagetest.User(t, db)))
		clock.Advance(time.Hour - time.Microsecond)
		works("at its last moment", late, purpose)
		late = storedLink(t, db, storagetest.NewLetter(storagetest.User(t, db)))
		clock.Advance(time.Hour)
		refused("at its end", late, purpose, accounts.ErrLinkGone)

		for what, end := range map[string]func(accounts.User) error{
			"deactivated": func(u accounts.User) error {
				_, err := db.Deactivate(ctx, u.ID, storagetest.Event(audit.UserDeactivated))
				return err
			},
			"deleted": func(u accounts.User) error {
				_, err := db.DeleteUser(ctx, u.ID, storagetest.Event(audit.UserDeleted))
				return err
			},
			"other password": func(u accounts.User) error {
				_, err := db.SetPassword(ctx, u.ID, "$x$s$h", storagetest.Event(audit.UserPasswordSet))
				return err
			},
		} {
			u := storagetest.User(t, db)
			hash := storedLink(t, db, storagetest.NewLetter(u))
			if err := end(u); err != nil {
				t.Fatal(err)
			}
			refused(what, hash, purpose, accounts.ErrLinkGone)
		}
		nobody := accounts.Letter{ID: keys.NewTokenID(), Link: &accounts.LinkTerms{Purpose: accounts.LinkSignUp, Email: "peter@example.com", Lifetime: time.Hour}}
		works("without a user", storedLink(t, db, nobody), accounts.LinkSignUp)
	})
}

// TestUsedLinkEndsItsLetter: a letter that has arrived does not leave again.
func TestUsedLinkEndsItsLetter(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		db, ctx := storagetest.Open(t, url, storage.Options{}), t.Context()
		if err := db.QueueLetters(ctx, storagetest.NewLetter(storagetest.User(t, db))); err != nil {
			t.Fatal(err)
		}
		hash := keys.NewSecret().Hash()
		if _, err := db.ClaimLetter(ctx, 0, hash); err != nil { // and the answer of the mail server is lost
			t.Fatal(err)
		}
		if _, err := db.UseLink(ctx, hash, accounts.LinkPasswordReset); err != nil {
			t.Fatal(err)
		}
		if _, err := db.ClaimLetter(ctx, 0, keys.NewSecret().Hash()); !errors.Is(err, accounts.ErrNoLetter) {
			t.Errorf("got error %v, want that no letter is due", err)
		}
	})
}

// contendForLinks lets links of one letter be used at once, in a letter that has left or while it leaves once
// more, and returns how many uses came through.
func contendForLinks(t *testing.T, db *storage.DB, left bool, use func(context.Context, keys.Hash, accounts.LinkPurpose) (accounts.Link, error)) int64 {
	t.Helper()
	// Of nobody yet: there is no row of a user whose lock would decide.
	l := accounts.Letter{
		ID: keys.NewTokenID(), Kind: accounts.LetterSignUp, To: "peter@example.com",
		Link: &accounts.LinkTerms{Purpose: accounts.LinkSignUp, Email: "peter@example.com", Lifetime: time.Hour},
	}
	if err := db.QueueLetters(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	const taken, contenders = 4, 16
	var hashes []keys.Hash
	for range taken {
		hash := keys.NewSecret().Hash()
		if _, err := db.ClaimLetter(t.Context(), 0, hash); err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, hash)
	}
	if left {
		if err := db.LetterSent(t.Context(), l.ID); err != nil {
			t.Fatal(err)
		}
	}
	var used atomic.Int64
	var wg sync.WaitGroup
	start := make(chan struct{})
	for n := range contenders {
		wg.Go(func() {
			<-start
			hash := hashes[n%taken]
			if n == 0 && !left { // the link with which the letter leaves once more is used
				hash = keys.NewSecret().Hash()
				if _, err := db.ClaimLetter(t.Context(), 0, hash); errors.Is(err, accounts.ErrNoLetter) {
					return
				} else if err != nil {
					t.Error(err)
				}
			}
			_, err := use(t.Context(), hash, accounts.LinkSignUp)
			switch {
			case err == nil:
				used.Add(1)
			case !errors.Is(err, accounts.ErrLinkUsed):
				t.Errorf("got error %v, want that the link was used", err)
			}
		})
	}
	close(start)
	wg.Wait()
	return used.Load()
}

func TestOneLinkOfALetterIsUsedOnce(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		db := storagetest.Open(t, url, storage.Options{MaxOpen: 20})
		for round := range 60 {
			if n := contendForLinks(t, db, round%2 == 0, db.UseLink); n != 1 {
				t.Fatalf("links of one letter were used %d times, want 1", n)
			}
		}
	})
}

// TestContendersForLinksSeeAMissingLock: SQLite needs none.
func TestContendersForLinksSeeAMissingLock(t *testing.T) {
	db := storagetest.Open(t, storagetest.Postgres(t), storage.Options{MaxOpen: 20})
	for range 60 {
		if contendForLinks(t, db, true, db.UseLinkUnguarded) > 1 {
			return
		}
	}
	t.Error("without the lock no violation was seen")
}
