package storage_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/keys"
	"keyturn/storage"
	"keyturn/storage/storagetest"
)

// selfServiceWrites are the methods that change something, each ready to succeed once, in an order in which they
// all do.
func selfServiceWrites(t *testing.T, db *storage.DB) map[string]func() error {
	ctx, event := t.Context(), storagetest.Event(audit.UserUpdated)
	u, leaver, forgetful := storagetest.User(t, db), storagetest.User(t, db), storagetest.User(t, db)
	told := storagetest.User(t, db)
	letter := func(purpose accounts.LinkPurpose, of accounts.User, email string) accounts.Letter {
		return accounts.Letter{
			ID: keys.NewTokenID(), Kind: accounts.LetterKind(purpose), To: email, UserID: of.ID,
			Link: &accounts.LinkTerms{Purpose: purpose, UserID: of.ID, CredentialVersion: of.CredentialVersion, Email: email, Lifetime: time.Hour},
		}
	}
	left := func(l accounts.Letter) accounts.UsedLink {
		hash := keys.NewSecret().Hash()
		err := errors.Join(db.QueueAsked(ctx, event, l), second(db.ClaimLetter(ctx, time.Hour, hash)), db.LetterSent(ctx, l.ID))
		if err != nil {
			t.Fatal(err)
		}
		return accounts.UsedLink{Hash: hash, Purpose: l.Link.Purpose}
	}
	signUp := left(letter(accounts.LinkSignUp, accounts.User{}, "gwen@example.com"))
	reset := left(letter(accounts.LinkPasswordReset, forgetful, forgetful.Email))
	confirm := left(letter(accounts.LinkEmailConfirm, u, "new@example.com"))
	invitation := letter(accounts.LinkInvitation, accounts.User{}, "mary@example.com")
	left(invitation)
	storagetest.SignIn(t, db, u)
	tells := func() accounts.Letter {
		return accounts.Letter{ID: keys.NewTokenID(), Kind: accounts.LetterPasswordChanged, To: u.Email}
	}
	name := "Miles"
	return map[string]func() error{
		"take": func() error {
			return second(db.TakeLetters(ctx, []accounts.LetterLimit{{Bucket: "a", Most: 1000}, {Bucket: "b", Most: 1000}}))
		},
		"ask": func() error {
			return db.QueueAsked(ctx, event, letter(accounts.LinkPasswordReset, leaver, leaver.Email))
		},
		"mint": func() error {
			return db.MintLink(ctx, keys.NewSecret().Hash(), *letter(accounts.LinkPasswordReset, leaver, "").Link, event)
		},
		"offer": func() error {
			return db.MintFirstRun(ctx, keys.NewSecret().Hash(), accounts.LinkTerms{Purpose: accounts.LinkFirstRun, Lifetime: time.Hour}, event)
		},
		"create": func() error {
			n := accounts.User{ID: uuid.NewString(), Username: "gwen@example.com", Active: true}
			return second(db.CreateUserByLink(ctx, signUp, n, event))
		},
		"reset":   func() error { return db.ResetPassword(ctx, reset, "$x$s$h", event, tells()) },
		"confirm": func() error { return second(db.ConfirmEmail(ctx, confirm, u.Email, event, tells())) },
		"update": func() error {
			return db.UpdateOwn(ctx, u.ID, 1, func(accounts.User) accounts.Change { return accounts.Change{GivenName: &name} }, event)
		},
		"password": func() error { return second(db.ChangePassword(ctx, u.ID, 1, "$x$s$h", event, tells())) },
		"delete":   func() error { return db.DeleteOwn(ctx, leaver.ID, 1, event, tells()) },
		"set":      func() error { return second(db.SetPassword(ctx, told.ID, "$x$s$h", event, tells())) },
		"move": func() error {
			return second(db.UpdateUser(ctx, told.ID, accounts.Change{Email: &told.Username}, event, tells()))
		},
		"withdraw": func() error { return db.WithdrawInvitation(ctx, invitation.ID, event) },
		"export":   func() error { return second(db.Kept(ctx, u.ID, event)) },
	}
}

func second[T any](_ T, err error) error { return err }

// TestFailedWriteOfSelfService: a link whose change was not stored is not used up, and no letter tells of it.
func TestFailedWriteOfSelfService(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		db := storagetest.Open(t, url, storage.Options{})
		writes := selfServiceWrites(t, db)
		for _, fault := range []struct{ table, event, hits string }{
			{"throttle", "INSERT", "take"},
			{"letters", "INSERT", "ask reset confirm password delete set move"},
			{"one_time_links", "INSERT", "mint offer"},
			{"one_time_links", "UPDATE", "create reset confirm withdraw"},
			{"users", "INSERT", "create"},
			{"users", "UPDATE", "reset confirm update password"},
			{"users", "DELETE", "delete"},
			{"grants", "UPDATE", "password"},
			{"audit_log", "INSERT", "ask mint offer create reset confirm update password delete export withdraw"},
		} {
			for _, atCommit := range []bool{false, true} {
				storagetest.Exec(t, url, failing(url, fault.table, fault.event, atCommit))
				before := everything(t, url)
				for _, hit := range strings.Fields(fault.hits) {
					if err := writes[hit](); err == nil {
						t.Errorf("%s on %s fails (at commit: %v): %s reported success", fault.event, fault.table, atCommit, hit)
					}
				}
				if after := everything(t, url); !slices.Equal(after, before) {
					t.Errorf("%s on %s fails (at commit: %v): got\n%s\nwant\n%s", fault.event, fault.table, atCommit, strings.Join(after, "\n"), strings.Join(before, "\n"))
				}
				drop := "DROP TRIGGER fault"
				if !strings.HasPrefix(url, "sqlite:") {
					drop += " ON " + fault.table
				}
				storagetest.Exec(t, url, drop)
			}
		}
		for _, name := range []string{"take", "ask", "mint", "offer", "create", "reset", "export", "update", "confirm", "password", "delete", "set", "move", "withdraw"} {
			if err := writes[name](); err != nil {
				t.Errorf("%s without a fault: %v", name, err)
			}
		}
	})
}
