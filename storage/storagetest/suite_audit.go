package storagetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/audit"
	"keyturn/keys"
	"keyturn/storage"
)

// Master is a master identity of its own.
func Master(t testing.TB) *keys.Master {
	t.Helper()
	_, m, err := keys.GenerateMaster()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Findings verifies the audit log of db and gives what is wrong with it.
func Findings(t testing.TB, db *storage.DB, v audit.Verifier) (found []string) {
	t.Helper()
	v.Report = func(f audit.Finding) { found = append(found, f.Problem) }
	if err := v.Run(t.Context(), db, nil); err != nil {
		t.Fatal(err)
	}
	return found
}

// Seal seals all that is there, in batches of n events, and gives how many events that were.
func Seal(t testing.TB, db *storage.DB, n int, by audit.Tagger) (events int) {
	t.Helper()
	for {
		sealed, err := db.SealAudit(t.Context(), n, by)
		if err != nil {
			t.Fatal(err)
		}
		events += sealed.Events
		if !sealed.More {
			return events
		}
	}
}

func record(t *testing.T, db *storage.DB, n int) {
	t.Helper()
	for range n {
		must(t, db.RecordEvent(t.Context(), Event(audit.UserUpdated)))
	}
}

func testSeals(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx, master := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context(), Master(t)
	sealed, err := db.SealAudit(ctx, 10, master)
	must(t, err)
	equal(t, "nothing to seal", sealed, storage.Sealed{})
	record(t, db, 5)
	clock.Advance(time.Second)
	tail, err := db.AuditTail(ctx)
	must(t, err)
	equal(t, "the tail", tail, audit.Tail{Events: 5, Oldest: clock.Now().Add(-time.Second)})

	for _, want := range []storage.Sealed{{Seal: 1, Events: 2, More: true}, {Seal: 2, Events: 2, More: true}, {Seal: 3, Events: 1}, {}} {
		sealed, err := db.SealAudit(ctx, 2, master)
		must(t, err)
		equal(t, "a batch of two", sealed, want)
	}
	tail, err = db.AuditTail(ctx)
	must(t, err)
	equal(t, "the tail", tail, audit.Tail{})
	equal(t, "findings", Findings(t, db, audit.Verifier{Tags: master}), []string(nil))
	head, err := db.NewestSeal(ctx)
	must(t, err)
	if head.Number != 3 || !head.Intact(master) || !head.CompleteAt.Equal(clock.Now()) {
		t.Errorf("the head is %+v", head)
	}
	first, err := db.OldestSeal(ctx)
	must(t, err)
	if first.Number != 1 || !first.CompleteAt.IsZero() {
		t.Errorf("the first seal, behind which events wait, is %+v", first)
	}
	if found := Findings(t, db, audit.Verifier{Tags: Master(t)}); len(found) != 1 {
		t.Errorf("under another master identity: got %q, want one finding", found)
	}
	record(t, db, 1)
	_, err = db.SealAudit(ctx, 2, Master(t))
	is(t, "sealing under another master identity", err, audit.ErrChainBroken)
	equal(t, "events left", Seal(t, db, 2, master), 1)
}

// testRetag: after it the first identity alone is enough.
func testRetag(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	texts := [2][]byte{}
	for i := range texts {
		text, _, err := keys.GenerateMaster()
		must(t, err)
		texts[i] = text
	}
	parse := func(text []byte) *keys.Master {
		m, err := keys.ParseMaster(text)
		must(t, err)
		return m
	}
	old, fresh, both := parse(texts[0]), parse(texts[1]), parse(slices.Concat(texts[1], texts[0]))
	must(t, db.RetagAudit(ctx, fresh)) // nothing there
	record(t, db, 2)
	Seal(t, db, 1, old)
	is(t, "by an identity that did not seal", db.RetagAudit(ctx, fresh), audit.ErrChainBroken)
	must(t, db.RetagAudit(ctx, both))
	record(t, db, 1)
	equal(t, "sealed by the new identity alone", Seal(t, db, 10, fresh), 1)
	equal(t, "findings", Findings(t, db, audit.Verifier{Tags: fresh}), []string(nil))
}

func testSealRefusals(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx, master := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context(), Master(t)
	for _, account := range []string{"u1", "u2", "u3"} {
		must(t, db.AddRefusal(ctx, audit.Refusal{Account: account, Address: "192.0.2.1", Reason: "credentials"}))
		clock.Advance(time.Minute)
	}
	minute := micro(clock.Now()).Truncate(time.Minute) // the third after the first refusal
	clock.Advance(minute.Add(3*time.Minute - time.Microsecond).Sub(clock.Now()))
	sealed, err := db.SealAudit(ctx, 10, master)
	must(t, err)
	equal(t, "just before five minutes after the end of the first minute", sealed, storage.Sealed{})
	clock.Advance(time.Microsecond)
	sealed, err = db.SealAudit(ctx, 10, master)
	must(t, err)
	equal(t, "then", sealed, storage.Sealed{Seal: 1, Refusals: 1})
	clock.Advance(time.Hour)
	sealed, err = db.SealAudit(ctx, 10, master)
	must(t, err)
	equal(t, "an hour later", sealed, storage.Sealed{Seal: 2, Refusals: 2})
	equal(t, "findings", Findings(t, db, audit.Verifier{Tags: master}), []string(nil))
}

// testSealRaces: however many seal at once, beside however many writers, each event is sealed once.
func testSealRaces(t *testing.T, open OpenFunc) {
	db, ctx, master := open(t, storage.Options{MaxOpen: 16}), t.Context(), Master(t)
	const writers, sealers, each = 6, 4, 25
	must(t, atOnce(writers+sealers, func(n int) error {
		for range each {
			var err error
			if n < writers {
				err = db.RecordEvent(ctx, Event(audit.UserUpdated))
			} else {
				_, err = db.SealAudit(ctx, 7, master)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}))
	Seal(t, db, 50, master)
	v := audit.Verifier{Tags: master, Report: func(f audit.Finding) { t.Error(f.Problem) }}
	must(t, v.Run(ctx, db, nil))
	equal(t, "sealed events", v.Verified().Events, writers*each)
}

func testAuditRetention(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx, master := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context(), Master(t)
	const day = 24 * time.Hour
	for range 3 { // a seal a day, of two events and a refusal
		record(t, db, 2)
		must(t, db.AddRefusal(ctx, audit.Refusal{Account: "u", Reason: "credentials"}))
		clock.Advance(time.Hour)
		Seal(t, db, 10, master)
		clock.Advance(day - time.Hour)
	}
	record(t, db, 1) // waits
	pruned, err := db.PruneAudit(ctx, 3*day-time.Hour)
	must(t, err)
	equal(t, "when the first seal has that age", pruned, storage.Pruned{})
	pruned, err = db.PruneAudit(ctx, 2*day)
	must(t, err)
	equal(t, "when it is older", pruned, storage.Pruned{Through: 1, Seals: 1, Events: 2})
	equal(t, "that it happened", actions(t, db, audit.LogPruned), 1)
	v := audit.Verifier{Tags: master, PrunedBefore: clock.Now().Add(-2 * day)}
	equal(t, "findings", Findings(t, db, v), []string(nil))
	refusals, err := db.Refusals(ctx, audit.RefusalQuery{Until: clock.Now(), Limit: 10})
	must(t, err)
	equal(t, "refusals left", len(refusals), 2)
	v.PrunedBefore = clock.Now().Add(-4 * day)
	if found := Findings(t, db, v); len(found) != 1 || !strings.Contains(found[0], "retention does not explain") {
		t.Errorf("where rows should be kept longer: got %q", found)
	}

	pruned, err = db.PruneAudit(ctx, time.Hour)
	must(t, err)
	equal(t, "all that is sealed", pruned, storage.Pruned{Through: 3, Seals: 2, Events: 4})
	equal(t, "findings", Findings(t, db, audit.Verifier{Tags: master}), []string(nil))
	equal(t, "events sealed on", Seal(t, db, 10, master), 3)
	equal(t, "findings", Findings(t, db, audit.Verifier{Tags: master}), []string(nil))
	first, err := db.OldestSeal(ctx)
	must(t, err)
	if first.Number != 3 || first.PrunedAt.IsZero() || len(first.Events) > 0 {
		t.Errorf("the oldest seal is %+v", first)
	}
}

func testAuditLists(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	begin := micro(clock.Now())
	for _, e := range []audit.Event{
		{Action: audit.UserCreated, Actor: audit.Actor{Kind: audit.Operator, ID: "root"}, SubjectKind: "user", SubjectID: "u1"},
		{Action: audit.UserSignedIn, Actor: audit.Actor{Kind: audit.User, ID: "u1", Address: "192.0.2.1"}, SubjectKind: "grant", SubjectID: "g1"},
		{Action: audit.GrantRevoked, Actor: audit.Actor{Kind: audit.User, ID: "u1", Address: "192.0.2.2"}, SubjectKind: "grant", SubjectID: "g1"},
		{Action: audit.UserDeleted, Actor: audit.Actor{Kind: audit.Operator, ID: "root"}, SubjectKind: "user", SubjectID: "u1"},
	} {
		must(t, db.RecordEvent(ctx, e))
		clock.Advance(time.Minute)
	}
	for _, c := range []struct {
		q    audit.Query
		want []audit.Action
	}{
		{audit.Query{}, []audit.Action{audit.UserDeleted, audit.GrantRevoked, audit.UserSignedIn, audit.UserCreated}},
		{audit.Query{Prefix: "user."}, []audit.Action{audit.UserDeleted, audit.UserSignedIn, audit.UserCreated}},
		{audit.Query{Prefix: "user.", SubjectKind: "user"}, []audit.Action{audit.UserDeleted, audit.UserCreated}},
		{audit.Query{Action: audit.UserSignedIn}, []audit.Action{audit.UserSignedIn}},
		{audit.Query{ActorID: "root"}, []audit.Action{audit.UserDeleted, audit.UserCreated}},
		{audit.Query{SubjectID: "g1"}, []audit.Action{audit.GrantRevoked, audit.UserSignedIn}},
		{audit.Query{Address: "192.0.2.2"}, []audit.Action{audit.GrantRevoked}},
		{audit.Query{Since: begin.Add(time.Minute), Until: begin.Add(3 * time.Minute)}, []audit.Action{audit.GrantRevoked, audit.UserSignedIn}},
		{audit.Query{After: 1 << 40}, nil},
	} {
		var got []audit.Action
		var ids []int64
		c.q.Limit = 2
		for {
			events, err := db.AuditEvents(ctx, c.q)
			must(t, err)
			for _, e := range events {
				got, ids = append(got, e.Action), append(ids, e.ID)
			}
			if len(events) < c.q.Limit {
				break
			}
			c.q.After = events[len(events)-1].ID
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: got %v, want %v", c.q, got, c.want)
		}
		if len(ids) > 0 {
			c.q.After = 0
			equal(t, fmt.Sprintf("%+v, backwards", c.q), back(t, ids[len(ids)-1], func(before int64) ([]int64, error) {
				c.q.Before = before
				events, err := db.AuditEvents(ctx, c.q)
				return each(events, func(e audit.Event) int64 { return e.ID }), err
			}), ids[:len(ids)-1])
		}
	}
}

func testAuditBeforeWhatHasLeft(t *testing.T, open OpenFunc) {
	db := open(t, storage.Options{})
	must(t, db.RecordEvent(t.Context(), Event(audit.UserCreated)))
	must(t, db.RecordEvent(t.Context(), Event(audit.UserDeleted)))
	events, err := db.AuditEvents(t.Context(), audit.Query{Before: 1 << 40, Limit: 1})
	must(t, err)
	if len(events) != 1 || events[0].Action != audit.UserCreated {
		t.Errorf("got %+v, want the oldest", events)
	}
}

func testActivity(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	begin := micro(clock.Now()).Truncate(time.Hour)
	clock.Advance(begin.Sub(clock.Now()))
	for _, step := range []struct {
		at                time.Duration
		signIns, refusals int
	}{{0, 1, 2}, {10*time.Minute - time.Microsecond, 1, 1}, {10 * time.Minute, 2, 0}, {25 * time.Minute, 0, 1}, {30 * time.Minute, 1, 1}} {
		clock.Advance(begin.Add(step.at).Sub(clock.Now()))
		for range step.signIns {
			must(t, db.RecordEvent(ctx, Event(audit.UserSignedIn)))
			record(t, db, 1)
		}
		for range step.refusals {
			must(t, db.AddRefusal(ctx, audit.Refusal{Account: "u", Reason: "credentials"}))
		}
	}
	got, err := db.Activity(ctx, begin, begin.Add(30*time.Minute), 10*time.Minute)
	must(t, err)
	equal(t, "activity", got, []audit.Activity{
		{From: begin, SignIns: 2, Refusals: 3}, {From: begin.Add(10 * time.Minute), SignIns: 2}, {From: begin.Add(20 * time.Minute), Refusals: 1},
	})
	for _, step := range []time.Duration{0, time.Second, 90 * time.Second} {
		if _, err := db.Activity(ctx, begin, begin.Add(time.Hour), step); err == nil {
			t.Errorf("steps of %s are taken", step)
		}
	}
}
