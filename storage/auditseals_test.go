package storage_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/audit"
	"keyturn/storage"
	"keyturn/storage/storagetest"
)

// record adds n events.
func record(t *testing.T, db *storage.DB, n int) {
	t.Helper()
	for range n {
		if err := db.RecordEvent(t.Context(), storagetest.Event(audit.UserUpdated)); err != nil {
			t.Fatal(err)
		}
	}
}

const heldInsert = `INSERT INTO audit_log (at, action, actor_kind, actor_id, address, request_id, subject_kind, subject_id, reason, details)
	VALUES ((extract(epoch from clock_timestamp())*1000000)::bigint, 'user.updated', 'operator', 'root', '', '', 'user', 'late', '', '')`

// TestLateCommitsAreSealed: ids become visible out of order. An event whose transaction was open while later ones
// were sealed comes with the next seal.
func TestLateCommitsAreSealed(t *testing.T) {
	address := storagetest.Postgres(t)
	db, master := storagetest.Open(t, address, storage.Options{}), storagetest.Master(t)
	held, err := storagetest.Raw(t, address).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Rollback()
	if _, err := held.ExecContext(t.Context(), heldInsert); err != nil {
		t.Fatal(err)
	}
	record(t, db, 3)
	if n := storagetest.Seal(t, db, 10, master); n != 3 {
		t.Fatalf("%d events were sealed beside an open transaction, want 3", n)
	}
	if err := held.Commit(); err != nil {
		t.Fatal(err)
	}
	if n := storagetest.Seal(t, db, 10, master); n != 1 {
		t.Errorf("%d events were sealed after it was committed, want it", n)
	}
	seals, err := db.SealsAfter(t.Context(), 0, 10)
	if err != nil || len(seals) != 2 || !slices.Equal(seals[0].Events.Keys(), []int64{2, 3, 4}) || !slices.Equal(seals[1].Events.Keys(), []int64{1}) {
		t.Errorf("the seals: got %+v %v", seals, err)
	}
	if found := storagetest.Findings(t, db, audit.Verifier{Tags: master}); len(found) > 0 {
		t.Errorf("got %q", found)
	}
}

// holdingTagger stops a sealer in the middle of its transaction.
type holdingTagger struct {
	audit.Tagger
	reached, goOn chan struct{}
}

func (h holdingTagger) TagSeal(hash []byte) []byte {
	close(h.reached)
	<-h.goOn
	return h.Tagger.TagSeal(hash)
}

// TestNoWriterWaitsForTheSealer: and no second sealer either, nor a sweep of refusals.
func TestNoWriterWaitsForTheSealer(t *testing.T) {
	address := storagetest.Postgres(t)
	db, master := storagetest.Open(t, address, storage.Options{}), storagetest.Master(t)
	u := storagetest.User(t, db)
	h := holdingTagger{master, make(chan struct{}), make(chan struct{})}
	done := make(chan error)
	go func() {
		sealed, err := db.SealAudit(context.WithoutCancel(t.Context()), 10, h)
		if err == nil && sealed.Events != 1 {
			err = fmt.Errorf("%d events were sealed, want 1", sealed.Events)
		}
		done <- err
	}()
	<-h.reached
	// With the sealer's transaction open all of this is done to its end, or the test never ends.
	storagetest.SignIn(t, db, u)
	if _, err := db.Deactivate(t.Context(), u.ID, storagetest.Event(audit.UserDeactivated)); err != nil {
		t.Error(err)
	}
	if err := db.AddRefusal(t.Context(), audit.Refusal{Account: u.ID, Reason: "credentials"}); err != nil {
		t.Error(err)
	}
	if sealed, err := db.SealAudit(t.Context(), 10, master); err != nil || sealed.Seal != 0 {
		t.Errorf("a second sealer: got %+v, %v, want it to leave", sealed, err)
	}
	if pruned, err := db.PruneAudit(t.Context(), 0); err != nil || pruned.Through != 0 {
		t.Errorf("retention: got %+v, %v, want it to leave", pruned, err)
	}
	close(h.goOn)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := storagetest.Seal(t, db, 10, master); n != 2 {
		t.Errorf("%d events were sealed afterwards, want the two that came meanwhile", n)
	}
}

// TestLogIsAppendOnly: the database refuses changes of events, and removals but for those that retention has allowed.
func TestLogIsAppendOnly(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		db := storagetest.Open(t, url, storage.Options{})
		record(t, db, 2)
		raw := storagetest.Raw(t, url)
		refused := []string{`UPDATE audit_log SET reason = 'x'`, `DELETE FROM audit_log`}
		if !strings.HasPrefix(url, "sqlite:") {
			refused = append(refused, `TRUNCATE audit_log`)
		}
		for _, statement := range refused {
			if _, err := raw.ExecContext(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "append-only") {
				t.Errorf("%s: got %v, want a refusal", statement, err)
			}
		}
		storagetest.Exec(t, url, `DELETE FROM audit_sealing`)
		if _, err := raw.ExecContext(t.Context(), `DELETE FROM audit_log`); err == nil {
			t.Error("without the row that allows it events are removed")
		}
		if events, err := db.AuditEvents(t.Context(), audit.Query{Limit: 10}); err != nil || len(events) != 2 {
			t.Errorf("%d events are left, %v", len(events), err)
		}
	})
}

// past runs statements past the triggers, as whoever owns the tables can.
func past(t *testing.T, url string, statements ...string) {
	t.Helper()
	off := []string{"DROP TRIGGER audit_log_stays", "DROP TRIGGER audit_log_stays_unchanged"}
	if !strings.HasPrefix(url, "sqlite:") {
		off = []string{"ALTER TABLE audit_log DISABLE TRIGGER USER"}
	}
	for _, s := range append(off, statements...) {
		storagetest.Exec(t, url, s)
	}
}

func TestTamperingWithTheDatabaseIsFound(t *testing.T) {
	const inserted = ` (id, at, action, actor_kind, actor_id, address, request_id, subject_kind, subject_id, reason, details) `
	for _, c := range []struct {
		what       string
		statements []string
		want       []string
	}{
		{"nothing", nil, nil},
		{"an altered event", []string{`UPDATE audit_log SET actor_id = 'somebody else' WHERE id = 5`}, []string{"event 5 was altered"}},
		{"altered details", []string{`UPDATE audit_log SET details = '{"why":"other"}' WHERE id = 5`}, []string{"event 5 was altered"}},
		{"details that can't be read", []string{`UPDATE audit_log SET details = '{' WHERE id = 5`}, []string{"event 5 was altered"}},
		{"a removed event", []string{`DELETE FROM audit_log WHERE id = 5`}, []string{"event 5 is missing"}},
		{"a removed event that waited", []string{`DELETE FROM audit_log WHERE id = 10`}, []string{"event 10 was removed before it was sealed"}},
		{"a removed event that no longer waits", []string{`DELETE FROM audit_unsealed WHERE id = 10`}, []string{"event 10 is in no seal"}},
		{"an event under an old id", []string{
			`DELETE FROM audit_log WHERE id = 5`,
			`INSERT INTO audit_log` + inserted + `{overriding}SELECT 5, at, 'user.created', actor_kind, actor_id, address, request_id, subject_kind, subject_id, reason, details FROM audit_log WHERE id = 4`,
		}, []string{"event 5 was altered"}},
		{"an event past the queue", []string{
			`INSERT INTO audit_log` + inserted + `{overriding}SELECT -1, at, action, actor_kind, actor_id, address, request_id, subject_kind, subject_id, reason, details FROM audit_log WHERE id = 4`,
			`DELETE FROM audit_unsealed WHERE id = -1`,
		}, []string{"event -1 is in no seal"}},
		{"two swapped events", []string{`UPDATE audit_log SET subject_id = CASE id WHEN 5 THEN '5' ELSE '4' END WHERE id IN (5, 6)`},
			[]string{"event 5 was altered", "event 6 was altered"}},
		{"an altered seal", []string{`UPDATE audit_seals SET at = at + 1 WHERE number = 2`}, []string{"seal 2 was altered"}},
		{"a seal whose hash was altered", []string{`UPDATE audit_seals SET hash = body WHERE number = 2`}, []string{"seal 2 was altered", "seal 3 does not continue seal 2"}},
		{"a removed seal", []string{`DELETE FROM audit_seals WHERE number = 2`}, []string{"seals 2 to 2 are missing", "event 4 is in no seal", "event 5 is in no seal", "event 6 is in no seal"}},
		{"the newest seal's tag", []string{`UPDATE audit_seals SET tag = hash WHERE number = 3`}, []string{"no tag of this master identity"}},
		{"the newest seal removed, its events with it", []string{`DELETE FROM audit_seals WHERE number = 3`, `DELETE FROM audit_log WHERE id > 6`, `DELETE FROM audit_unsealed`},
			[]string{"seal 3 was noted and is not there"}},
		{"seals pretended to be pruned", []string{`UPDATE audit_seals SET pruned_at = 1 WHERE number = 2`, `DELETE FROM audit_seals WHERE number = 1`, `DELETE FROM audit_log WHERE id <= 6`},
			[]string{"which the retention does not explain"}},
		{"a refusal's count", []string{`UPDATE audit_refusals SET count = 1`}, []string{"refusals of account \"u\"", "refusals of the minute"}},
		{"removed refusals", []string{`DELETE FROM audit_refusals`}, []string{"refusals of the minute"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			both(t, func(t *testing.T, url string) {
				clock := storagetest.NewClock()
				db, master := storagetest.Open(t, url, storage.Options{DatabaseNow: clock.Now}), storagetest.Master(t)
				for range 2 {
					if err := db.AddRefusal(t.Context(), audit.Refusal{Account: "u", Address: "192.0.2.1", Reason: "credentials"}); err != nil {
						t.Fatal(err)
					}
				}
				clock.Advance(10 * time.Minute)
				for n := range 9 {
					e := storagetest.Event(audit.UserUpdated)
					e.SubjectID = fmt.Sprint(n)
					if err := db.RecordEvent(t.Context(), e); err != nil {
						t.Fatal(err)
					}
				}
				storagetest.Seal(t, db, 3, master)
				head, err := db.NewestSeal(t.Context())
				if err != nil || head.Number != 3 {
					t.Fatalf("the head is %+v, %v", head, err)
				}
				record(t, db, 1)
				overriding := "OVERRIDING SYSTEM VALUE "
				if strings.HasPrefix(url, "sqlite:") {
					overriding = ""
				}
				statements := slices.Clone(c.statements)
				for i := range statements {
					statements[i] = strings.ReplaceAll(statements[i], "{overriding}", overriding)
				}
				past(t, url, statements...)
				noted := head.Head()
				found := storagetest.Findings(t, db, audit.Verifier{Tags: master, Expect: &noted, PrunedBefore: clock.Now().Add(-24 * time.Hour)})
				if len(found) != len(c.want) {
					t.Fatalf("got %q, want %q", found, c.want)
				}
				for i, want := range c.want {
					if !strings.Contains(found[i], want) {
						t.Errorf("got %q, want %q", found[i], want)
					}
				}
			})
		})
	}
}

// TestBackdatedEventIsFound: one that is dated back into a time that is sealed is sealed late, and stands out.
func TestBackdatedEventIsFound(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		clock := storagetest.NewClock()
		db, master := storagetest.Open(t, url, storage.Options{DatabaseNow: clock.Now}), storagetest.Master(t)
		record(t, db, 1)
		clock.Advance(2 * time.Hour)
		record(t, db, 1)
		storagetest.Seal(t, db, 10, master)
		storagetest.Exec(t, url, `INSERT INTO audit_log (at, action, actor_kind, actor_id, address, request_id, subject_kind, subject_id, reason, details)
			SELECT at + 1, 'user.deleted', actor_kind, actor_id, address, request_id, subject_kind, subject_id, reason, details FROM audit_log WHERE id = 1`)
		storagetest.Seal(t, db, 10, master)
		if found := storagetest.Findings(t, db, audit.Verifier{Tags: master}); len(found) != 1 || !strings.Contains(found[0], "it was added afterwards") {
			t.Errorf("got %q, want one finding", found)
		}
	})
}

// TestSealingStopsAtAForgedSeal: a new seal would vouch for it.
func TestSealingStopsAtAForgedSeal(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		db, master := storagetest.Open(t, url, storage.Options{}), storagetest.Master(t)
		record(t, db, 2)
		storagetest.Seal(t, db, 1, master)
		storagetest.Exec(t, url, `UPDATE audit_seals SET complete_at = complete_at + 1 WHERE number = 2`)
		record(t, db, 1)
		if _, err := db.SealAudit(t.Context(), 1, master); !errors.Is(err, audit.ErrChainBroken) {
			t.Errorf("got %v, want ErrChainBroken", err)
		}
	})
}

// TestGoneEventStaysKnown: an event that was removed before it was sealed is sealed as gone, and holds nothing up.
func TestGoneEventStaysKnown(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		db, master := storagetest.Open(t, url, storage.Options{}), storagetest.Master(t)
		record(t, db, 2)
		past(t, url, `DELETE FROM audit_log WHERE id = 1`)
		storagetest.Seal(t, db, 1, master)
		if found := storagetest.Findings(t, db, audit.Verifier{Tags: master}); len(found) != 1 || !strings.Contains(found[0], "event 1 was removed before it was sealed") {
			t.Errorf("got %q, want one finding", found)
		}
	})
}

// TestFailedSealChangesNothing: each write of a batch or of retention fails, before it happens and at the commit.
// Whatever was interrupted is done by the next call.
func TestFailedSealChangesNothing(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		clock := storagetest.NewClock()
		db, master := storagetest.Open(t, url, storage.Options{DatabaseNow: clock.Now}), storagetest.Master(t)
		record(t, db, 4)
		storagetest.Seal(t, db, 2, master)
		if err := db.AddRefusal(t.Context(), audit.Refusal{Account: "u", Reason: "credentials"}); err != nil {
			t.Fatal(err)
		}
		clock.Advance(time.Hour)
		record(t, db, 3)
		seal := func() error { _, err := db.SealAudit(t.Context(), 2, master); return err }
		prune := func() error { _, err := db.PruneAudit(t.Context(), time.Minute); return err }
		for _, fault := range []struct {
			table, event string
			hit          func() error
		}{
			{"audit_seals", "INSERT", seal}, {"audit_unsealed", "DELETE", seal},
			{"audit_log", "DELETE", prune}, {"audit_seals", "UPDATE", prune}, {"audit_seals", "DELETE", prune}, {"audit_log", "INSERT", prune}, {"audit_sealing", "UPDATE", prune},
		} {
			for _, atCommit := range []bool{false, true} {
				storagetest.Exec(t, url, failing(url, fault.table, fault.event, atCommit))
				before := chain(t, url)
				if err := fault.hit(); err == nil {
					t.Errorf("%s on %s fails (at commit: %v): success was reported", fault.event, fault.table, atCommit)
				}
				if after := chain(t, url); after != before {
					t.Errorf("%s on %s fails (at commit: %v): got\n%s\nwant\n%s", fault.event, fault.table, atCommit, after, before)
				}
				drop := "DROP TRIGGER fault"
				if !strings.HasPrefix(url, "sqlite:") {
					drop += " ON " + fault.table
				}
				storagetest.Exec(t, url, drop)
			}
		}
		if err := errors.Join(seal(), prune(), seal()); err != nil {
			t.Error(err)
		}
		if found := storagetest.Findings(t, db, audit.Verifier{Tags: master}); len(found) > 0 {
			t.Errorf("got %q", found)
		}
	})
}

// chain is what sealing and retention write.
func chain(t *testing.T, url string) (all string) {
	t.Helper()
	raw := storagetest.Raw(t, url)
	defer raw.Close()
	for _, query := range []string{
		`SELECT number, COALESCE(pruned_at, 0), LENGTH(events) FROM audit_seals ORDER BY number`, `SELECT id, 0, 0 FROM audit_unsealed ORDER BY id`,
		`SELECT id, 0, 0 FROM audit_log ORDER BY id`, `SELECT remove_before, 0, 0 FROM audit_sealing`, `SELECT minute, count, 0 FROM audit_refusals`,
	} {
		all += rowsOf(t, raw, query)
	}
	return all
}

func rowsOf(t *testing.T, raw *sql.DB, query string) (all string) {
	t.Helper()
	rows, err := raw.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var a, b, c int64
		if err := rows.Scan(&a, &b, &c); err != nil {
			t.Fatal(err)
		}
		all += fmt.Sprintln(a, b, c)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all + "\n"
}

// TestReleaseBeforeIsSealed: it writes events and knows no seals.
func TestReleaseBeforeIsSealed(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		db, master := storagetest.Open(t, url, storage.Options{}), storagetest.Master(t)
		storagetest.Exec(t, url, `INSERT INTO audit_log (at, action, actor_kind, actor_id, address, request_id, subject_kind, subject_id, reason, details)
			VALUES (1, 'user.updated', 'operator', 'root', '', '', 'user', 'u', '', '')`)
		if n := storagetest.Seal(t, db, 10, master); n != 1 {
			t.Errorf("%d events were sealed, want 1", n)
		}
	})
}
