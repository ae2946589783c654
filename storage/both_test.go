package storage_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
	"keyturn/storage"
	"keyturn/storage/storagetest"
)

// both runs a test on a fresh, unmigrated database of each kind.
func both(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("Postgres", func(t *testing.T) { test(t, storagetest.Postgres(t)) })
	t.Run("SQLite", func(t *testing.T) { test(t, storagetest.SQLite(t)) })
}

// TestContendersSeeAMissingCondition: a contender test that can't fail proves nothing.
func TestContendersSeeAMissingCondition(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		db := storagetest.Open(t, url, storage.Options{MaxOpen: 32})
		g := storagetest.SignIn(t, db, storagetest.User(t, db))
		if err := storagetest.Contend(t.Context(), db, g.ID, 30, 32, db.AdvanceUnguarded); err == nil {
			t.Error("without the condition on the generation no violation was reported")
		} else {
			t.Log("as it should be:", err)
		}
		u, client := storagetest.User(t, db), storagetest.Client(t, db)
		browser := storagetest.Session(t, db, u)
		code := func() oauth.Code { return storagetest.StoredCode(t, db, storagetest.NewCode(client, browser)) }
		if err := storagetest.ContendCode(t.Context(), db, code, 30, 16, db.RedeemUnguarded); err == nil {
			t.Error("without the condition that the code is not redeemed no violation was reported")
		} else {
			t.Log("as it should be:", err)
		}
	})
}

func TestStateSurvivesReopening(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		db := storagetest.Open(t, url, storage.Options{})
		u := storagetest.User(t, db)
		g := storagetest.SignIn(t, db, u)
		revoked := storagetest.SignIn(t, db, u)
		if _, err := db.RevokeGrants(t.Context(), issuer.Selection{GrantID: revoked.ID}, issuer.Revocation{Reason: issuer.Logout}); err != nil {
			t.Fatal(err)
		}
		advanced, err := db.AdvanceGrant(t.Context(), g.ID, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		again := storagetest.Open(t, url, storage.Options{})
		if got, _, err := again.GrantByID(t.Context(), g.ID); err != nil || got != advanced {
			t.Errorf("after reopening got %+v, %v, want %+v", got, err, advanced)
		}
		if _, err := again.AdvanceGrant(t.Context(), g.ID, 1); !errors.Is(err, issuer.ErrConflict) {
			t.Errorf("a redeemed token after reopening: got %v, want ErrConflict", err)
		}
		if _, err := again.AdvanceGrant(t.Context(), revoked.ID, 1); !errors.Is(err, issuer.ErrConflict) {
			t.Errorf("a revoked grant after reopening: got %v, want ErrConflict", err)
		}
	})
}

// TestRefreshReadsTheUser: the user's state is read where it is used, even if nothing ended the grant
// (a restored or hand-edited database).
func TestRefreshReadsTheUser(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		db := storagetest.Open(t, url, storage.Options{})
		g := storagetest.SignIn(t, db, storagetest.User(t, db))
		for _, change := range []string{"UPDATE users SET active = FALSE", "DELETE FROM users"} {
			storagetest.Exec(t, url, change)
			if _, err := db.AdvanceGrant(t.Context(), g.ID, 1); !errors.Is(err, issuer.ErrConflict) {
				t.Errorf("after %s: got %v, want ErrConflict", change, err)
			}
			_, err := db.JudgeGrant(t.Context(), g.ID, issuer.Revocation{}, func(g *issuer.Grant, now time.Time) error { return g.Redeem(1, now, 0) })
			if !errors.Is(err, issuer.ErrUserInactive) {
				t.Errorf("after %s: judged %v, want ErrUserInactive", change, err)
			}
		}
	})
}

// TestMigrateAtOnce: F12, any number of instances starting together.
func TestMigrateAtOnce(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		const instances = 6
		done := make(chan error, instances)
		for range instances {
			go func() {
				db, err := storage.Open(t.Context(), url, storage.Options{})
				if err == nil {
					_, _, err = db.Migrate(t.Context())
					err = errors.Join(err, db.CheckSchema(t.Context()), db.Close())
				}
				done <- err
			}()
		}
		for range instances {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		db := storagetest.Open(t, url, storage.Options{})
		if from, to, err := db.Migrate(t.Context()); from != to || from == 0 || err != nil {
			t.Errorf("migrating what is migrated: got %d, %d, %v", from, to, err)
		}
		storagetest.SignIn(t, db, storagetest.User(t, db))
	})
}

func TestSchemaOfAnotherRelease(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		db, err := storage.Open(t.Context(), url, storage.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.CheckSchema(t.Context()); !errors.Is(err, storage.ErrSchemaOlder) {
			t.Errorf("an empty database: got %v, want ErrSchemaOlder", err)
		}
		if _, _, err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		storagetest.Exec(t, url, "INSERT INTO "+storage.SchemaTable+" (version_id, is_applied) VALUES (9999, TRUE)")
		if err := db.CheckSchema(t.Context()); !errors.Is(err, storage.ErrSchemaNewer) || strings.Contains(err.Error(), "\n") {
			t.Errorf("a newer schema: got %v, want ErrSchemaNewer in one line", err)
		}
		if from, to, err := db.Migrate(t.Context()); !errors.Is(err, storage.ErrSchemaNewer) || from != 9999 || to != 9999 {
			t.Errorf("migrating a newer schema: got %d, %d, %v", from, to, err)
		}
	})
}

// failing is a trigger that fails every write of the given kind to the table.
func failing(url, table, event string, atCommit bool) string {
	if strings.HasPrefix(url, "sqlite:") && atCommit { // a foreign key that is looked at there
		return "CREATE TABLE IF NOT EXISTS fault_parent (id BIGINT PRIMARY KEY);" +
			"CREATE TABLE IF NOT EXISTS fault_child (id BIGINT REFERENCES fault_parent DEFERRABLE INITIALLY DEFERRED);" +
			"CREATE TRIGGER fault AFTER " + event + " ON " + table + " BEGIN INSERT INTO fault_child VALUES (1); END"
	}
	if strings.HasPrefix(url, "sqlite:") {
		return "CREATE TRIGGER fault BEFORE " + event + " ON " + table + " BEGIN SELECT RAISE(ABORT, 'injected'); END"
	}
	function := "CREATE OR REPLACE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'injected'; END $$; "
	if atCommit {
		return function + "CREATE CONSTRAINT TRIGGER fault AFTER " + event + " ON " + table + " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fault()"
	}
	return function + "CREATE TRIGGER fault BEFORE " + event + " ON " + table + " FOR EACH ROW EXECUTE FUNCTION fault()"
}

// TestFailedWriteChangesNothing: F3. Each write fails, before it happens and at the commit; every method that writes there then gives an error and has changed nothing.
func TestFailedWriteChangesNothing(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		db, ctx := storagetest.Open(t, url, storage.Options{}), t.Context()
		u := storagetest.User(t, db)
		g := storagetest.SignIn(t, db, u)
		event := storagetest.Event(audit.GrantRevoked)
		signIn := func() error { _, err := db.CreateGrant(ctx, storagetest.NewGrant(u), event); return err }
		revoke := func() error {
			_, err := db.RevokeGrants(ctx, issuer.Selection{GrantID: g.ID}, issuer.Revocation{Reason: issuer.Logout, Event: event})
			return err
		}
		reuse := func() error {
			_, err := db.JudgeGrant(ctx, g.ID, issuer.Revocation{Event: event}, func(g *issuer.Grant, now time.Time) error { return g.Redeem(7, now, 0) })
			if errors.Is(err, issuer.ErrGenerationAhead) {
				return nil // a verdict, which must not be given where it was not stored
			}
			return err
		}
		advance := func() error { _, err := db.AdvanceGrant(ctx, g.ID, 1); return err }
		password := func() error { _, err := db.SetPassword(ctx, u.ID, "new", event); return err }
		deactivate := func() error { _, err := db.Deactivate(ctx, u.ID, event); return err }
		remove := func() error { _, err := db.DeleteUser(ctx, u.ID, event); return err }
		create := func() error { _, err := db.CreateUser(ctx, accounts.User{ID: "x", Username: "x"}, event); return err }
		keyInsert := func() error {
			return db.ApplyKeys(ctx, []keys.Change{{Now: &keys.Record{Key: keys.Key{KID: "k", Epoch: 1}, PublicJWK: []byte("j"), Sealed: []byte("s"), Tag: []byte("t")}}}, []audit.Event{event})
		}
		for _, fault := range []struct {
			table, event string
			hits         []func() error
		}{
			{"audit_log", "INSERT", []func() error{signIn, revoke, reuse, password, deactivate, remove, create, keyInsert}},
			{"revoked_refresh_tokens", "INSERT", []func() error{revoke, reuse, password, deactivate, remove}},
			{"grants", "UPDATE", []func() error{advance, revoke, reuse, password, deactivate, remove}},
			{"grants", "INSERT", []func() error{signIn}},
			{"signing_keys", "INSERT", []func() error{keyInsert}},
			{"changes", "UPDATE", []func() error{keyInsert}},
		} {
			for _, atCommit := range []bool{false, true} {
				storagetest.Exec(t, url, failing(url, fault.table, fault.event, atCommit))
				before := contents(t, db)
				for i, hit := range fault.hits {
					if err := hit(); err == nil {
						t.Errorf("%s on %s fails (at commit: %v): method %d reported success", fault.event, fault.table, atCommit, i)
					}
				}
				if after := contents(t, db); !slices.Equal(after, before) {
					t.Errorf("%s on %s fails (at commit: %v): got\n%s\nwant\n%s", fault.event, fault.table, atCommit, after, before)
				}
				drop := "DROP TRIGGER fault"
				if !strings.HasPrefix(url, "sqlite:") {
					drop += " ON " + fault.table
				}
				storagetest.Exec(t, url, drop)
			}
		}
		for _, hit := range []func() error{signIn, advance, revoke, password, keyInsert, deactivate, remove, create} {
			if err := hit(); err != nil {
				t.Errorf("without a fault: %v", err)
			}
		}
	})
}

// contents is all that the failing methods could have changed.
func contents(t *testing.T, db *storage.DB) []string {
	t.Helper()
	ctx := context.Background()
	users, err1 := db.Users(ctx, accounts.Query{Limit: 100})
	grants, err2 := db.Grants(ctx, issuer.GrantQuery{Limit: 100})
	tokens, err3 := db.RevokedTokens(ctx, issuer.RevokedQuery{Limit: 100})
	events, err4 := db.AuditEvents(ctx, audit.Query{Limit: 100})
	stored, err5 := db.Keys(ctx)
	counter, err6 := db.Changes(ctx)
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		t.Fatal(err)
	}
	return []string{dump(users), dump(grants), dump(tokens), dump(events), dump(stored), dump(counter)}
}
