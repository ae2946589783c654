package storage_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/keys"
	"keyturn/storage"
	"keyturn/storage/storagetest"
)

// TestFailedWriteOfFactors is TestFailedWriteChangesNothing for factors. What is used up must not count as used
// where that was not stored, nor the other way round.
func TestFailedWriteOfFactors(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		db, ctx := storagetest.Open(t, url, storage.Options{}), t.Context()
		u := storagetest.User(t, db)
		who := storagetest.Owner(u)
		storagetest.Session(t, db, u)
		storagetest.SignIn(t, db, u)
		told := func() accounts.Told {
			return accounts.Told{
				Event:   storagetest.Event(audit.FactorAdded),
				Letters: []accounts.Letter{{ID: keys.NewTokenID(), Kind: accounts.LetterWaysChanged, To: "peter@example.com"}},
			}
		}
		kept, err := db.AddPasskey(ctx, who, storagetest.NewPasskey(), 20, told())
		if err != nil {
			t.Fatal(err)
		}
		code, ceremony, waiting := keys.Hash{1}, accounts.Ceremony{Challenge: keys.Hash{1}, Purpose: "sign_in"}, keys.Hash{1}
		guessed := storagetest.User(t, db)
		shown, err := db.HoldApp(ctx, storagetest.Owner(guessed), accounts.StoredApp{App: accounts.App{ID: "shown"}, Sealed: []byte("s")}, 3, time.Hour)
		if err == nil {
			_, err = db.ConfirmApp(ctx, storagetest.Owner(guessed), shown, 3, accounts.Told{})
		}
		if err != nil {
			t.Fatal(err)
		}
		app, err := db.HoldApp(ctx, who, accounts.StoredApp{App: accounts.App{ID: "app"}, Sealed: []byte("s")}, 3, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		for _, prepare := range []error{
			db.SetRecoveryCodes(ctx, who, []keys.Hash{code, {2}}, accounts.Told{}),
			db.AddCeremony(ctx, ceremony, time.Hour),
			db.HoldSignIn(ctx, accounts.PendingSignIn{Hash: waiting, UserID: u.ID, CredentialVersion: u.CredentialVersion}, time.Hour),
		} {
			if prepare != nil {
				t.Fatal(prepare)
			}
		}
		add := func() error { _, err := db.AddPasskey(ctx, who, storagetest.NewPasskey(), 20, told()); return err }
		use := func() error { _, err := db.UsePasskey(ctx, kept.ID, 3, 4, true); return err }
		confirm := func() error { _, err := db.ConfirmApp(ctx, who, app, 3, told()); return err }
		codes := func() error { return db.SetRecoveryCodes(ctx, who, []keys.Hash{code, {3}}, told()) }
		useCode := func() error {
			_, err := db.UseRecoveryCode(ctx, u.ID, code, told())
			return err
		}
		guess := func() error { _, err := db.TryApps(ctx, guessed.ID, 1, time.Hour, told().Letters...); return err }
		useApp := func() error { _, err := db.UseApp(ctx, "shown", 1, true); return err }
		ask := func() error {
			return db.AddCeremony(ctx, accounts.Ceremony{Challenge: keys.NewSecret().Hash()}, time.Hour)
		}
		answer := func() error {
			_, err := db.NoteAnswer(ctx, keys.NewSecret().Hash(), keys.Hash{}, time.Hour)
			return err
		}
		take := func() error {
			_, err := db.TakeCeremony(ctx, ceremony.Challenge, ceremony.Browser, ceremony.Purpose)
			return err
		}
		hold := func() error {
			return db.HoldSignIn(ctx, accounts.PendingSignIn{Hash: keys.NewSecret().Hash(), UserID: u.ID, CredentialVersion: u.CredentialVersion}, time.Hour)
		}
		try := func() error { _, err := db.TryHeld(ctx, waiting, 0); return err }
		end := func() error { return db.EndHeld(ctx, waiting) }
		rename := func() error {
			return db.RenameFactor(ctx, who, kept.ID, "Other", storagetest.Event(audit.FactorRenamed))
		}
		remove := func() error {
			return db.RemoveFactor(ctx, who, kept.ID, func(accounts.RemovedFactor) error { return nil }, told())
		}
		reset := func() error { _, err := db.ResetFactors(ctx, u.ID, told()); return err }

		for _, fault := range []struct {
			table, event string
			hits         []func() error
		}{
			{"users", "UPDATE", []func() error{remove, reset}},
			{"passkeys", "INSERT", []func() error{add}},
			{"passkeys", "UPDATE", []func() error{use, rename}},
			{"passkeys", "DELETE", []func() error{remove, reset}},
			{"authenticator_apps", "UPDATE", []func() error{confirm, guess, useApp}},
			{"recovery_codes", "INSERT", []func() error{codes}},
			{"recovery_codes", "DELETE", []func() error{codes, useCode, remove, reset}},
			{"passkey_ceremonies", "INSERT", []func() error{ask, answer}},
			{"passkey_ceremonies", "DELETE", []func() error{take}},
			{"held_sign_ins", "INSERT", []func() error{hold}},
			{"held_sign_ins", "UPDATE", []func() error{try}},
			{"held_sign_ins", "DELETE", []func() error{end, remove, reset}},
			{"browser_sessions", "DELETE", []func() error{remove, reset}},
			{"grants", "UPDATE", []func() error{remove, reset}},
			{"letters", "INSERT", []func() error{add, confirm, codes, useCode, guess, remove, reset}},
			{"audit_log", "INSERT", []func() error{add, confirm, codes, useCode, rename, remove, reset}},
		} {
			for _, atCommit := range []bool{false, true} {
				storagetest.Exec(t, url, failing(url, fault.table, fault.event, atCommit))
				before := everything(t, url)
				for i, hit := range fault.hits {
					if err := hit(); err == nil {
						t.Errorf("%s on %s fails (at commit: %v): method %d reported success", fault.event, fault.table, atCommit, i)
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
		for i, hit := range []func() error{add, use, confirm, codes, useCode, ask, take, hold, try, end, rename, reset} {
			if err := hit(); err != nil {
				t.Errorf("method %d without a fault: %v", i, err)
			}
		}
	})
}
