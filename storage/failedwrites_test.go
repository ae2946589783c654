package storage_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/storage"
	"keyturn/storage/storagetest"
)

// TestFailedWriteOfTheProvider is TestFailedWriteChangesNothing for clients, sessions, codes and consents. A
// verdict that must be remembered (a code that comes again) must not be given where it was not stored.
func TestFailedWriteOfTheProvider(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		db, ctx := storagetest.Open(t, url, storage.Options{}), t.Context()
		u, client := storagetest.User(t, db), storagetest.Client(t, db)
		browser := storagetest.Session(t, db, u)
		used := storagetest.StoredCode(t, db, storagetest.NewCode(client, browser))
		if _, _, err := db.RedeemCode(ctx, storagetest.Redeem(used)); err != nil {
			t.Fatal(err)
		}
		fresh := storagetest.NewCode(client, browser)
		fresh.Grant.Scope = "openid"
		storagetest.StoredCode(t, db, fresh)
		allowed := oauth.Consent{UserID: u.ID, ClientID: client.ID, Resource: "api", Scopes: []string{"openid"}}
		event := storagetest.Event(audit.ClientUpdated)
		if err := db.AddConsent(ctx, allowed, event); err != nil {
			t.Fatal(err)
		}
		in := storagetest.NewInteraction(client)
		if err := db.StoreInteraction(ctx, in, time.Hour); err != nil {
			t.Fatal(err)
		}
		made := 0

		create := func() error {
			made++
			_, err := db.CreateClient(ctx, oauth.Client{ID: fmt.Sprintf("new-%d", made), Secrets: []oauth.ClientSecret{{ID: "s"}}}, event)
			return err
		}
		update := func() error {
			_, err := db.UpdateClient(ctx, client.ID, client.Metadata, event)
			return err
		}
		public := func() error {
			_, err := db.UpdateClient(ctx, client.ID, oauth.Metadata{AuthMethod: oauth.AuthNone}, event)
			return err
		}
		secret := func() error {
			_, err := db.AddSecret(ctx, client.ID, oauth.ClientSecret{ID: "s"}, event)
			return err
		}
		disable := func() error { _, err := db.SetClientEnabled(ctx, client.ID, false, event); return err }
		remove := func() error { _, err := db.DeleteClient(ctx, client.ID, event); return err }
		begin := func() error { return db.StoreInteraction(ctx, storagetest.NewInteraction(client), time.Hour) }
		note := func() error { _, err := db.NoteStep(ctx, in.ID, oauth.StepSignedIn, ""); return err }
		assertion := func() error { return db.UseAssertion(ctx, client.ID, "jti", time.Now().Add(time.Hour)) }
		start := func() error { _, err := db.StartSession(ctx, storagetest.NewSession(u), event); return err }
		replace := func() error {
			n := storagetest.NewSession(u)
			n.Replaces = browser.ID
			_, err := db.StartSession(ctx, n, event)
			return err
		}
		see := func() error { return db.SeeSession(ctx, browser.ID) }
		store := func() error { return db.StoreCode(ctx, storagetest.NewCode(client, browser), time.Minute) }
		redeem := func() error { _, _, err := db.RedeemCode(ctx, storagetest.Redeem(fresh)); return err }
		reuse := func() error {
			_, _, err := db.RedeemCode(ctx, storagetest.Redeem(used))
			if errors.Is(err, oauth.ErrCodeReused) {
				return nil
			}
			return err
		}
		allow := func() error {
			more := allowed
			more.Scopes = []string{"email"}
			return db.AddConsent(ctx, more, event)
		}
		forbid := func() error { _, err := db.RemoveConsent(ctx, u.ID, client.ID, event); return err }
		logout := func() error {
			_, err := db.EndSessions(ctx, accounts.SessionSelection{ID: browser.ID}, event)
			return err
		}
		endAll := func() error {
			_, err := db.RevokeGrants(ctx, issuer.Selection{All: true}, issuer.Revocation{Reason: issuer.AllEnded, Event: event})
			return err
		}
		password := func() error { _, err := db.SetPassword(ctx, u.ID, "new", event); return err }
		deactivate := func() error { _, err := db.Deactivate(ctx, u.ID, event); return err }
		deleteUser := func() error { _, err := db.DeleteUser(ctx, u.ID, event); return err }

		for _, fault := range []struct {
			table, event string
			hits         []func() error
		}{
			{"changes", "UPDATE", []func() error{create, update, secret, public, disable, remove}},
			{"clients", "INSERT", []func() error{create}},
			{"clients", "UPDATE", []func() error{update, secret, public, disable, remove}},
			{"client_secrets", "INSERT", []func() error{create, secret}},
			{"client_secrets", "DELETE", []func() error{public, remove}},
			{"client_assertions", "INSERT", []func() error{assertion}},
			{"interactions", "INSERT", []func() error{begin}},
			{"interactions", "UPDATE", []func() error{note}},
			{"interactions", "DELETE", []func() error{endAll}},
			{"browser_sessions", "INSERT", []func() error{start}},
			{"browser_sessions", "UPDATE", []func() error{replace, see, logout, endAll, password, deactivate, deleteUser}},
			{"browser_sessions", "DELETE", []func() error{logout, endAll, password, deactivate, deleteUser}},
			{"session_clients", "DELETE", []func() error{logout, endAll, password, deactivate, deleteUser}},
			{"logout_deliveries", "INSERT", []func() error{logout, endAll, password, deactivate, deleteUser}},
			{"authorization_codes", "INSERT", []func() error{store}},
			{"authorization_codes", "UPDATE", []func() error{redeem}},
			{"authorization_codes", "DELETE", []func() error{disable, remove, forbid, logout, endAll, password, deactivate, deleteUser}},
			{"consents", "INSERT", []func() error{allow}},
			{"consents", "DELETE", []func() error{forbid, remove, deleteUser}},
			{"grants", "INSERT", []func() error{redeem}},
			{"grants", "UPDATE", []func() error{reuse, disable, remove, forbid, logout, endAll, password, deactivate, deleteUser}},
			{"revoked_refresh_tokens", "INSERT", []func() error{reuse, disable, remove, forbid, logout, endAll}},
			{"audit_log", "INSERT", []func() error{create, update, secret, public, disable, remove, start, replace, redeem, reuse, allow, forbid, logout, endAll}},
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
		for i, hit := range []func() error{
			create, update, secret, begin, note, assertion, start, replace, see, store, redeem, reuse, allow, forbid, logout, public, disable, remove, endAll, password, deactivate, deleteUser,
		} {
			if err := hit(); err != nil {
				t.Errorf("method %d without a fault: %v", i, err)
			}
		}
	})
}

// everything is each row of each table that the failing methods could have changed.
func everything(t *testing.T, url string) []string {
	t.Helper()
	db := storagetest.Raw(t, url)
	defer db.Close()
	var found []string
	for _, table := range []string{
		"users", "grants", "revoked_refresh_tokens", "audit_log", "changes", "clients", "client_secrets", "client_assertions", "interactions", "consents",
		"browser_sessions", "session_clients", "authorization_codes", "logout_deliveries", "letters", "one_time_links", "throttle",
		"passkeys", "authenticator_apps", "recovery_codes", "passkey_ceremonies", "held_sign_ins",
	} {
		rows, err := db.QueryContext(t.Context(), "SELECT * FROM "+table)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			found = append(found, fmt.Sprint(table, values))
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(found)
	return found
}

// TestReleaseBeforeStillWrites: what the release before writes, which names none of the new columns, is read
// as something without them.
func TestReleaseBeforeStillWrites(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		db, ctx := storagetest.Open(t, url, storage.Options{}), t.Context()
		storagetest.Exec(t, url, `INSERT INTO users (id, username, username_folded, email, email_verified, given_name, family_name, active, admin,
			credential_version, password_hash, password_scheme, created_at, updated_at) VALUES ('u', 'u', 'u', '', FALSE, '', '', TRUE, FALSE, 1, '', '', 1, 1)`)
		storagetest.Exec(t, url, `INSERT INTO resources (identifier, algorithm, access_lifetime, claims, simplejwt) VALUES ('orders', '', 0, '[]', TRUE)`)
		storagetest.Exec(t, url, `INSERT INTO grants (id, user_id, client_id, audience, scope, session_id, amr, generation, created_at, rotated_at, refresh_lifetime, expires_at, revoked_for)
			VALUES ('g', 'u', 'token-pair', 'api', '', 's', 'pwd', 1, 1, 1, 9000000000000000, 9000000000000000, '')`)
		u, err := db.UserByID(ctx, "u")
		if err != nil || u.Claims != (accounts.StandardClaims{}) {
			t.Errorf("the user: got %+v, %v", u, err)
		}
		resources, err := db.Resources(ctx)
		if err != nil || len(resources) != 1 || len(resources[0].Scopes) != 0 {
			t.Errorf("the resource: got %+v, %v", resources, err)
		}
		g, err := db.AdvanceGrant(ctx, "g", 1)
		if err != nil || g.Claims != "" || g.ACR != "" {
			t.Errorf("the grant: got %+v, %v", g, err)
		}
	})
}
