package storage_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/storage"
	"keyturn/storage/storagetest"
)

// numbers counts from 1 to %d as i, in the words of both databases.
const numbers = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) `

// padded is a number with leading zeros, so that texts are in its order.
func padded(number string) string { return `substr(CAST(100000000 + ` + number + ` AS TEXT), 2)` }

// scattered is i in another order, each of the first 100,000 once: what is listed is not stored in order.
var scattered = padded(`i %% 100000 * 7919 %% 100000`)

// crowd are statements that fill a database with 100,000 users and grants, a group of every second and one of every
// thousandth, 300,000 events of 30 days, 20,000 letters that were given up before the 50 that wait, 100,000 links of invitations of which nine in ten were used, and 50,000 refusals. All but
// the oldest hundredth of the grants were ended, as after an incident. One address and one kind of action are rare and old.
func crowd(now int64) []string {
	at := fmt.Sprintf("%d + CAST(i AS BIGINT) * 8640000", now-30*86_400_000_000)
	return []string{
		fmt.Sprintf(`INSERT INTO users (id, username, username_folded, email, email_verified, given_name, family_name, active, admin,
			credential_version, password_hash, password_scheme, created_at, updated_at) `+numbers+`
			SELECT 'u' || `+padded("i")+`, 'user' || `+scattered+`, 'user' || `+scattered+`, 'user' || `+scattered+` || '@example.com', TRUE, 'A', 'B', TRUE, FALSE, 1, '', '', `+at+`, `+at+` FROM n`, 100_000),
		`INSERT INTO user_groups (id, name, name_folded, description, require_level, created_at, updated_at) VALUES
			('large', 'large', 'large', '', '', 1, 1), ('small', 'small', 'small', '', '', 1, 1)`,
		fmt.Sprintf(`INSERT INTO group_members (user_id, group_id, added_at) `+numbers+` SELECT 'u' || `+padded("2 * i")+`, 'large', 1 FROM n`, 50_000),
		fmt.Sprintf(`INSERT INTO group_members (user_id, group_id, added_at) `+numbers+` SELECT 'u' || `+padded("1000 * i")+`, 'small', 1 FROM n`, 100),
		fmt.Sprintf(`INSERT INTO grants (id, user_id, client_id, audience, scope, session_id, amr, generation, created_at, rotated_at,
			refresh_lifetime, expires_at, revoked_at, revoked_for) `+numbers+`
			SELECT 'g' || `+scattered+`, 'u' || `+padded("i")+`, 'orders', 'api', '', '', 'pwd', 1, `+at+`, `+at+`, 7776000000000, %d,
			CASE WHEN i > 1000 THEN `+at+` END, CASE WHEN i > 1000 THEN 'admin' ELSE '' END FROM n`, 100_000, now+86_400_000_000),
		fmt.Sprintf(`INSERT INTO audit_log (at, action, actor_kind, actor_id, address, request_id, subject_kind, subject_id, reason, details) `+numbers+`
			SELECT `+at+`, CASE WHEN i <= 100 THEN 'key.rotated' WHEN i %% 3 = 0 THEN 'grant.revoked' ELSE 'user.signed_in' END,
			'user', 'u' || `+padded("i %% 100000")+`, CASE WHEN i <= 100 THEN '192.0.2.1' ELSE '198.51.100.' || CAST(i %% 250 AS TEXT) END, '',
			CASE WHEN i %% 2 = 0 THEN 'user' ELSE 'grant' END, CASE WHEN i %% 2 = 0 THEN 'u' || `+padded("i %% 100000")+` ELSE 'g' || `+scattered+` END, '', '' FROM n`, 300_000),
		fmt.Sprintf(`INSERT INTO letters (id, kind, recipient, language, user_id, facts, link, created_at, queued_at, due_at, attempts, failure, failed_at) `+numbers+`
			SELECT 'l' || `+padded("i")+`, 'password_reset', 'a@example.com', '', '', '{}', '', `+at+`, `+at+`, `+at+`, 1, 'refused', CASE WHEN i <= 20000 THEN `+at+` END FROM n`, 20_050),
		fmt.Sprintf(`INSERT INTO one_time_links (hash, letter_id, purpose, user_id, credential_version, email, data, created_at, expires_at, used_at) `+numbers+`
			SELECT CAST(`+padded("i")+` AS BYTEA), 'i' || `+padded("i")+`, 'invitation', '', 0, 'user' || `+scattered+` || '@example.com', '{}', `+at+`, %d, CASE WHEN i <= 90000 THEN `+at+` END FROM n`, 100_000, now+86_400_000_000),
		fmt.Sprintf(`INSERT INTO audit_refusals (minute, account, address, reason, count) `+numbers+`
			SELECT (`+at+`) / 60000000 * 60000000, 'u' || `+padded("i")+`, '198.51.100.1', 'credentials', 1 FROM n`, 50_000),
	}
}

// list is one page of a list of the console.
type list struct {
	name string
	read func(b *testing.B, db *storage.DB) (int, error)
}

func rows[T any](found []T, err error) (int, error) { return len(found), err }

func pageOf[Q, T any](name string, read func(db *storage.DB, b *testing.B, q Q) ([]T, error), q Q) list {
	return list{name, func(b *testing.B, db *storage.DB) (int, error) { return rows(read(db, b, q)) }}
}

// consoleLists are the lists, at their first, middle and last page, and the searches.
func consoleLists(now time.Time) []list {
	users := func(db *storage.DB, b *testing.B, q accounts.Query) ([]accounts.User, error) {
		q.Limit = 50
		return db.Users(b.Context(), q)
	}
	members := func(group string) func(*storage.DB, *testing.B, accounts.Query) ([]accounts.Member, error) {
		return func(db *storage.DB, b *testing.B, q accounts.Query) ([]accounts.Member, error) {
			q.Limit = 50
			return db.Members(b.Context(), group, q)
		}
	}
	grants := func(db *storage.DB, b *testing.B, q issuer.GrantQuery) ([]issuer.Grant, error) {
		q.Limit = 50
		return db.Grants(b.Context(), q)
	}
	events := func(db *storage.DB, b *testing.B, q audit.Query) ([]audit.Event, error) {
		q.Limit = 50
		return db.AuditEvents(b.Context(), q)
	}
	invitations := func(db *storage.DB, b *testing.B, q accounts.InvitationQuery) ([]accounts.InvitationRecord, error) {
		q.Limit = 50
		return db.Invitations(b.Context(), q)
	}
	letters := func(db *storage.DB, b *testing.B, q accounts.LetterQuery) ([]accounts.QueuedLetter, error) {
		q.Limit = 50
		return db.Letters(b.Context(), q)
	}
	refusals := func(db *storage.DB, b *testing.B, q audit.RefusalQuery) ([]audit.RefusalCount, error) {
		q.Limit = 50
		return db.Refusals(b.Context(), q)
	}
	return []list{
		pageOf("users, first page", users, accounts.Query{}),
		pageOf("users, middle page", users, accounts.Query{After: "user00050000"}),
		pageOf("users, last page", users, accounts.Query{Before: "user00099999"}),
		pageOf("users by prefix", users, accounts.Query{Prefix: "user0004"}),
		pageOf("members of 50,000, first page", members("large"), accounts.Query{}),
		pageOf("members of 50,000, middle page", members("large"), accounts.Query{After: "user00050000"}),
		pageOf("members of 50,000, last page", members("large"), accounts.Query{After: "user00099900"}),
		pageOf("members of 50,000, backwards", members("large"), accounts.Query{Before: "user00050000"}),
		pageOf("members of 50,000 by prefix", members("large"), accounts.Query{Prefix: "user000999"}),
		pageOf("members of 100, first page", members("small"), accounts.Query{}),
		pageOf("grants, first page", grants, issuer.GrantQuery{}),
		pageOf("grants, middle page", grants, issuer.GrantQuery{After: "g00050000"}),
		pageOf("grants, live only", grants, issuer.GrantQuery{LiveOnly: true}),
		pageOf("grants of a client, live only", grants, issuer.GrantQuery{ClientID: "orders", LiveOnly: true}),
		pageOf("grants of a user", grants, issuer.GrantQuery{UserID: "u00050000"}),
		pageOf("audit log, first page", events, audit.Query{}),
		pageOf("audit log, middle page", events, audit.Query{After: 150_000}),
		pageOf("audit log, last page", events, audit.Query{After: 51}),
		pageOf("audit log, backwards", events, audit.Query{Before: 150_000}),
		pageOf("audit log, a common kind backwards", events, audit.Query{Prefix: "user.", Before: 150_000}),
		pageOf("audit log, a rare action", events, audit.Query{Action: "key.rotated"}),
		pageOf("audit log, a rare kind of actions", events, audit.Query{Prefix: "key."}),
		pageOf("audit log, a common kind of actions", events, audit.Query{Prefix: "user."}),
		pageOf("audit log, a rare address", events, audit.Query{Address: "192.0.2.1"}),
		pageOf("audit log, an address", events, audit.Query{Address: "198.51.100.7"}),
		pageOf("audit log, a subject", events, audit.Query{SubjectID: "u00050000"}),
		pageOf("refusals, first page", refusals, audit.RefusalQuery{}),
		pageOf("refusals of an account", refusals, audit.RefusalQuery{Account: "u00000007"}),
		pageOf("letters given up", letters, accounts.LetterQuery{Failed: true}),
		pageOf("letters that wait", letters, accounts.LetterQuery{}),
		pageOf("invitations, first page", invitations, accounts.InvitationQuery{}),
		pageOf("invitations, middle page", invitations, accounts.InvitationQuery{After: accounts.InvitationCursor{Email: "user00050000@example.com", ID: "i"}}),
		pageOf("invitations, backwards", invitations, accounts.InvitationQuery{Before: accounts.InvitationCursor{Email: "user00050000@example.com", ID: "i"}}),
		pageOf("invitations by prefix", invitations, accounts.InvitationQuery{Prefix: "user0004"}),
		{"sign-ins of the last day", func(b *testing.B, db *storage.DB) (int, error) {
			return rows(db.Activity(b.Context(), now.Add(-24*time.Hour), now.Add(time.Hour), time.Hour))
		}},
		{"what a person takes away", func(b *testing.B, db *storage.DB) (int, error) {
			kept, err := db.Kept(b.Context(), "u00050000", storagetest.Event(audit.UserExported))
			return len(kept.Events), err
		}},
	}
}

// BenchmarkConsoleLists measures the lists of the console among 100,000 users against a bare SELECT of 50 users by
// primary key, by turns, and prints ratios: docs/benchmarks.md.
func BenchmarkConsoleLists(b *testing.B) {
	for name, open := range map[string]func(testing.TB) string{"SQLite": storagetest.SQLite, "PostgreSQL": storagetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			url, now := open(b), time.Now()
			db := storagetest.Open(b, url, storage.Options{})
			for _, fill := range crowd(now.UnixMicro()) {
				start := time.Now()
				storagetest.Exec(b, url, fill)
				if strings.Contains(fill, "INTO audit_log") {
					b.Logf("%s: %.1f µs an event", name, float64(time.Since(start).Microseconds())/300_000)
				}
			}
			if name == "PostgreSQL" { // as autovacuum does in time
				storagetest.Exec(b, url, "ANALYZE")
			}
			bare := storagetest.Raw(b, url)
			for _, l := range consoleLists(now) {
				b.Run(l.name, func(b *testing.B) { benchmarkList(b, db, bare, l) })
			}
		})
	}
}

// benchmarkList prints the median of the rounds.
func benchmarkList(b *testing.B, db *storage.DB, bare *sql.DB, l list) {
	const turns = 5
	var ratios, took []float64
	found := 0
	for b.Loop() {
		start := time.Now()
		for range turns {
			bareUsers(b, bare)
		}
		floor := time.Since(start)
		start = time.Now()
		for range turns {
			n, err := l.read(b, db)
			if err != nil {
				b.Fatal(err)
			}
			found = n
		}
		own := time.Since(start)
		ratios, took = append(ratios, float64(own)/float64(floor)), append(took, float64(own.Microseconds())/turns)
	}
	slices.Sort(ratios)
	slices.Sort(took)
	if found == 0 {
		b.Error("nothing was found")
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ratios[len(ratios)/2], "floors")
	b.ReportMetric(took[len(took)/2], "µs/page")
}

// bareUsers is the floor.
func bareUsers(b *testing.B, bare *sql.DB) {
	found, err := bare.QueryContext(b.Context(), `SELECT id, username, email, given_name, family_name, created_at, updated_at FROM users WHERE id > 'u00050000' ORDER BY id LIMIT 50`)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = found.Close() }()
	for found.Next() {
		var id, username, email, given, family string
		var created, updated int64
		if err := found.Scan(&id, &username, &email, &given, &family, &created, &updated); err != nil {
			b.Fatal(err)
		}
	}
	if err := found.Err(); err != nil {
		b.Fatal(err)
	}
}
