package storage_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"keyturn/issuer"
	"keyturn/keys"
	"keyturn/storage"
	"keyturn/storage/storagetest"
)

func TestRefreshIsOneRoundTrip(t *testing.T) {
	p := newProxy(t, storagetest.Postgres(t))
	db := storagetest.Open(t, p.url, storage.Options{})
	g := storagetest.SignIn(t, db, storagetest.User(t, db))
	for from := int64(1); from <= 5; from++ {
		trips := p.count(func() {
			if _, err := db.AdvanceGrant(t.Context(), g.ID, from); err != nil {
				t.Fatal(err)
			}
		})
		if trips != 1 {
			t.Errorf("AdvanceGrant took %d round trips, want 1", trips)
		}
	}
}

// TestUnknownOutcomeIsNotRepeated: the answer of a committed refresh is lost with its connection. A
// repeat inside (database/sql makes one where it may) would find the number taken and say ErrConflict,
// and with a grace of zero sign the user out for reuse.
func TestUnknownOutcomeIsNotRepeated(t *testing.T) {
	p := newProxy(t, storagetest.Postgres(t))
	db := storagetest.Open(t, p.url, storage.Options{})
	g := storagetest.SignIn(t, db, storagetest.User(t, db))
	p.loseNextAnswer()
	if _, err := db.AdvanceGrant(t.Context(), g.ID, 1); !errors.Is(err, keys.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	stored, _, err := db.GrantByID(t.Context(), g.ID)
	if err != nil || stored.Generation != 2 {
		t.Errorf("stored: got generation %d, %v, want 2: it was committed, once", stored.Generation, err)
	}
}

const terminateAll = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`

// TestPoolRecovers: F2. All connections are shut down at once; one call may say so, then all is well.
func TestPoolRecovers(t *testing.T) {
	address := storagetest.Postgres(t)
	db, ctx := storagetest.Open(t, address, storage.Options{MaxOpen: 8}), t.Context()
	u := storagetest.User(t, db)
	g := storagetest.SignIn(t, db, u)
	from := int64(1)
	for range 3 {
		if err := storagetest.Contend(ctx, db, storagetest.SignIn(t, db, u).ID, 1, 8, db.AdvanceGrant); err != nil { // all pooled
			t.Fatal(err)
		}
		storagetest.Exec(t, address, terminateAll)
		if _, err := db.AdvanceGrant(ctx, g.ID, from); !errors.Is(err, keys.ErrUnavailable) {
			t.Errorf("the first refresh after the shutdown: got %v, want ErrUnavailable", err)
		}
		for range 8 {
			if _, err := db.AdvanceGrant(ctx, g.ID, from); err != nil {
				t.Errorf("a later refresh: %v", err)
			}
			from++
		}
		storagetest.Exec(t, address, terminateAll)
		storagetest.SignIn(t, db, u) // a transaction that has not begun is begun again
	}
}

// TestReadOnlyServerIsLeft: after a failover a pooled connection can lead to a server that only reads
// (25006). It is dropped, so that the next call finds the new primary.
func TestReadOnlyServerIsLeft(t *testing.T) {
	address := storagetest.Postgres(t)
	db, ctx := storagetest.Open(t, address, storage.Options{}), t.Context()
	g := storagetest.SignIn(t, db, storagetest.User(t, db))
	name := databaseName(t, address)
	storagetest.Exec(t, address, "ALTER DATABASE "+name+" SET default_transaction_read_only = on")
	storagetest.Exec(t, address, terminateAll)
	if _, err := db.Now(ctx); err != nil { // a pooled connection with the setting
		t.Fatal(err)
	}
	if _, err := db.AdvanceGrant(ctx, g.ID, 1); !errors.Is(err, keys.ErrUnavailable) {
		t.Errorf("on a read-only server: got %v, want ErrUnavailable", err)
	}
	storagetest.Exec(t, strings.Replace(address, name, "postgres", 1), "ALTER DATABASE "+name+" RESET default_transaction_read_only")
	if _, err := db.AdvanceGrant(ctx, g.ID, 1); err != nil {
		t.Errorf("on the new primary: %v", err)
	}
}

func databaseName(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

func TestOpenRefusesAnUnfitServer(t *testing.T) {
	address := storagetest.Postgres(t)
	name := databaseName(t, address)
	storagetest.Exec(t, address, "ALTER DATABASE "+name+" SET default_transaction_isolation = 'repeatable read'")
	if _, err := storage.Open(t.Context(), address, storage.Options{}); err == nil || !strings.Contains(err.Error(), "read committed") {
		t.Errorf("another isolation level: got %v", err)
	}
	storagetest.Exec(t, address, "CREATE DATABASE "+name+"_ascii ENCODING 'SQL_ASCII' TEMPLATE template0")
	defer storagetest.Exec(t, address, "DROP DATABASE "+name+"_ascii WITH (FORCE)")
	ascii := strings.Replace(address, name, name+"_ascii", 1)
	if _, err := storage.Open(t.Context(), ascii, storage.Options{}); err == nil || !strings.Contains(err.Error(), "UTF8") {
		t.Errorf("another encoding: got %v", err)
	}
}

func TestNoPasswordInErrors(t *testing.T) {
	const password = "9underoos9"
	for address, unavailable := range map[string]bool{
		"postgres://u:" + password + "@127.0.0.1:1/db?sslmode=disable":     true,
		"postgres://u:" + password + "/x@127.0.0.1:1/db":                   false,
		"postgres://u:" + password + "#x@127.0.0.1/db":                     false,
		"postgres://u:" + password + "@127.0.0.1:1/db?sslmode=" + password: false,
		"postgres://127.0.0.1:1/db?sslmode=disable&password=" + password:   true,
	} {
		_, err := storage.Open(t.Context(), address, storage.Options{})
		if err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("%s: got %v, want an error without the password", address, err)
		}
		if unavailable && !errors.Is(err, keys.ErrUnavailable) {
			t.Errorf("%s: got %v, want ErrUnavailable", address, err)
		}
	}
}

// TestRefreshCost: in steady state a refresh writes a HOT update and no more than 250 bytes of WAL.
func TestRefreshCost(t *testing.T) {
	address := storagetest.Postgres(t)
	db, ctx := storagetest.Open(t, address, storage.Options{}), t.Context()
	u := storagetest.User(t, db)
	const grants, rounds = 200, 12
	ids := make([]string, grants)
	for i := range ids {
		ids[i] = storagetest.SignIn(t, db, u).ID
	}
	raw := storagetest.Raw(t, address)
	for _, command := range []string{"VACUUM grants", "VACUUM users", "CHECKPOINT"} {
		if _, err := raw.ExecContext(ctx, command); err != nil {
			t.Fatal(err)
		}
	}
	position := func() (bytes float64) {
		t.Helper()
		if err := raw.QueryRowContext(ctx, "SELECT pg_current_wal_insert_lsn() - '0/0'").Scan(&bytes); err != nil {
			t.Fatal(err)
		}
		return bytes
	}
	var from float64
	for round := int64(1); round <= rounds; round++ {
		if round == 5 { // by then each page has had its full image of after the checkpoint
			from = position()
		}
		for _, id := range ids {
			if _, err := db.AdvanceGrant(ctx, id, round); err != nil {
				t.Fatal(err)
			}
		}
	}
	perRefresh := (position() - from) / (grants * (rounds - 4))
	if err := db.Close(); err != nil { // the server counts when a connection ends
		t.Fatal(err)
	}
	for others := 1; others > 0; {
		if err := raw.QueryRowContext(ctx, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'keyturn'").Scan(&others); err != nil {
			t.Fatal(err)
		}
	}
	var updates, hot float64
	if err := raw.QueryRowContext(ctx, "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'grants'").Scan(&updates, &hot); err != nil {
		t.Fatal(err)
	}
	t.Logf("%.0f bytes of WAL for a refresh; %.1f%% of %.0f updates were HOT", perRefresh, 100*hot/updates, updates)
	if perRefresh > 250 || perRefresh < 50 {
		t.Errorf("a refresh writes %.0f bytes of WAL, want at most 250 (and some)", perRefresh)
	}
	if updates != grants*rounds || hot/updates < 0.95 {
		t.Errorf("%.0f of %.0f updates were HOT, want %d updates and 95%%", hot, updates, grants*rounds)
	}
}

// TestLockOrder: transact repeats what a deadlock undid, so only the server knows of them.
func TestLockOrder(t *testing.T) {
	address := storagetest.Postgres(t)
	db := storagetest.Open(t, address, storage.Options{})
	if err := storagetest.MixedLoad(t, db); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	var deadlocks int
	raw := storagetest.Raw(t, address)
	if err := raw.QueryRowContext(t.Context(), "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").Scan(&deadlocks); err != nil {
		t.Fatal(err)
	}
	if deadlocks != 0 {
		t.Errorf("the server broke %d deadlocks, want none", deadlocks)
	}
}

func TestOneInstanceSweeps(t *testing.T) {
	address, clock := storagetest.Postgres(t), storagetest.NewClock()
	db, ctx := storagetest.Open(t, address, storage.Options{DatabaseNow: clock.Now}), t.Context()
	storagetest.SignIn(t, db, storagetest.User(t, db))
	clock.Advance(31 * 24 * time.Hour)
	tx, err := storagetest.Raw(t, address).BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", storage.SweepLock); err != nil {
		t.Fatal(err)
	}
	limits := storage.SweepLimits{Batch: 10}
	if swept, err := db.Sweep(ctx, limits); swept != (storage.Swept{}) || err != nil {
		t.Errorf("while another instance sweeps: got %+v, %v", swept, err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if swept, err := db.Sweep(ctx, limits); swept.Grants != 1 || err != nil {
		t.Errorf("afterwards: got %+v, %v, want one grant", swept, err)
	}
}

// TestServerClock: {now} really is the server's time in microseconds, and moves within a transaction.
func TestServerClock(t *testing.T) {
	db := storagetest.Open(t, storagetest.Postgres(t), storage.Options{})
	before := time.Now()
	g := storagetest.SignIn(t, db, storagetest.User(t, db))
	var judged time.Time
	if _, err := db.JudgeGrant(t.Context(), g.ID, issuer.Revocation{}, func(_ *issuer.Grant, now time.Time) error { judged = now; return nil }); err != nil {
		t.Fatal(err)
	}
	if g.CreatedAt.Before(before.Add(-time.Second)) || !judged.After(g.CreatedAt) || judged.After(time.Now().Add(time.Second)) {
		t.Errorf("created %v, judged %v, by this clock from %v to now", g.CreatedAt, judged, before)
	}
	if g.RotatedAt != g.CreatedAt || g.ExpiresAt != g.CreatedAt.Add(30*24*time.Hour) {
		t.Errorf("created %v, rotated %v, expires %v: want one moment", g.CreatedAt, g.RotatedAt, g.ExpiresAt)
	}
}
