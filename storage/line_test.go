package storage_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/keys"
	"keyturn/storage"
	"keyturn/storage/storagetest"
)

// TestFrozenServerIsLeft: a PostgreSQL that takes bytes and says nothing holds nobody for longer than
// its context and the second in which a living server would have cancelled. When it goes on, so do we.
func TestFrozenServerIsLeft(t *testing.T) {
	for name, proxied := range map[string]func(*testing.T, string) *proxy{"plain": newProxy, "TLS": newTLSProxy} {
		t.Run(name, func(t *testing.T) {
			p := proxied(t, storagetest.Postgres(t))
			db := storagetest.Open(t, p.url, storage.Options{MaxOpen: 2, AnswerTimeout: time.Second})
			u := storagetest.User(t, db)
			g := storagetest.SignIn(t, db, u)
			revoke := func(ctx context.Context, grantID string) error {
				_, err := db.RevokeGrants(ctx, issuer.Selection{GrantID: grantID}, issuer.Revocation{Reason: issuer.AdminRevoked, Event: storagetest.Event(audit.GrantRevoked)})
				return err
			}
			p.frozen.Lock()
			goOn := sync.OnceFunc(p.frozen.Unlock)
			defer time.AfterFunc(15*time.Second, goOn).Stop() // a failure must not hang
			alone, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			within(t, "BEGIN on a pooled connection", func() error { return revoke(alone, g.ID) })
			var all sync.WaitGroup
			for i := range 4 { // more than there are connections: some open new ones, some wait for one
				for what, call := range map[string]func(context.Context) error{
					"AdvanceGrant": func(ctx context.Context) error { _, err := db.AdvanceGrant(ctx, g.ID, 1); return err },
					"RevokeGrants": func(ctx context.Context) error { return revoke(ctx, "none") },
					"Ping":         db.Ping,
				} {
					all.Go(func() {
						ctx, cancel := context.WithTimeout(t.Context(), time.Second)
						defer cancel()
						within(t, fmt.Sprint(what, " ", i), func() error { return call(ctx) })
					})
				}
				all.Go(func() {
					within(t, "Now without a deadline", func() error { _, err := db.Now(t.Context()); return err })
				})
				all.Go(func() {
					within(t, "AddFailure without a deadline", func() error { return db.AddFailure(t.Context(), "a", "b", "b") })
				})
			}
			all.Wait()
			goOn()
			ctx, end := context.WithTimeout(t.Context(), 20*time.Second)
			defer end()
			if err := db.Ping(ctx); err != nil {
				t.Errorf("the server answers again: %v", err)
			}
			stored, _, err := db.GrantByID(ctx, g.ID)
			if err != nil {
				t.Fatal(err)
			}
			// What was sent before the freeze was noticed may be done now: the outcome was unknown.
			if _, err := db.AdvanceGrant(ctx, g.ID, stored.Generation); err != nil && !errors.Is(err, issuer.ErrConflict) {
				t.Errorf("a refresh: %v", err)
			}
			if err := revoke(ctx, g.ID); err != nil {
				t.Errorf("a transaction: %v", err)
			}
			if n := db.Stats().InUse; n != 0 {
				t.Errorf("%d connections were not given back", n)
			}
		})
	}
}

func within(t *testing.T, what string, call func() error) {
	began := time.Now()
	err := call()
	if took := time.Since(began); !errors.Is(err, keys.ErrUnavailable) || took > 5*time.Second {
		t.Errorf("%s: got %v after %v, want ErrUnavailable within 5s", what, err, took)
	}
}

// TestLongStatementsAreNotCut: whoever sets no deadline on a transaction may wait for a lock as long as
// it takes, and a context that lasts is no reason to break a connection.
func TestLongStatementsAreNotCut(t *testing.T) {
	address := storagetest.Postgres(t)
	db := storagetest.Open(t, address, storage.Options{AnswerTimeout: 100 * time.Millisecond})
	u := storagetest.User(t, db)
	storagetest.SignIn(t, db, u)
	tx, err := storagetest.Raw(t, address).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "SELECT id FROM grants FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	free := time.AfterFunc(2*time.Second, func() { _ = tx.Rollback() })
	defer free.Stop()
	began := time.Now()
	n, err := db.RevokeGrants(t.Context(), issuer.Selection{All: true}, issuer.Revocation{Reason: issuer.AllEnded, Event: storagetest.Event(audit.GrantRevoked)})
	if n != 1 || err != nil || time.Since(began) < time.Second {
		t.Errorf("ended %d grants, %v, after %v; want 1 after the lock was free", n, err, time.Since(began))
	}
}
