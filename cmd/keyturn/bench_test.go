package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"

	"keyturn/accounts"
	"keyturn/keys"
	"keyturn/storage/storagetest"
	"keyturn/verify"
)

// BenchmarkRefresh: POST /api/token/refresh/, each client along a chain of its own.
func BenchmarkRefresh(b *testing.B) {
	b.Run("PostgreSQL/EdDSA", func(b *testing.B) {
		url, postgres := durablePostgres(b)
		s := startServer(b, url, "EdDSA", nil)
		refresh := refreshSide(b, s)
		wal := logWrites(b, postgres, refresh)
		compare(b, postgres, refresh, advanceSide(b, s, url), signatures(b, keys.EdDSA, keys.EdDSA), ginSide(b, "POST", 900))
		b.ReportMetric(wal, "wal-B/op")
	})
	b.Run("PostgreSQL/RS256", func(b *testing.B) {
		url, postgres := durablePostgres(b)
		s := startServer(b, url, "RS256", nil)
		compare(b, postgres, refreshSide(b, s), advanceSide(b, s, url), signatures(b, keys.RS256, keys.EdDSA))
	})
	b.Run("SQLite/EdDSA", func(b *testing.B) {
		url := storagetest.SQLite(b)
		s := startServer(b, url, "EdDSA", nil)
		compare(b, nil, refreshSide(b, s), advanceSide(b, s, url))
	})
}

// logWrites tells what each refresh makes PostgreSQL do, in the steady state: nothing else runs but the
// poll of each second. It returns the bytes of WAL. Those and the transaction ids are exact; the other
// counters lag by up to a second, alike, and are only set in relation to each other.
func logWrites(b *testing.B, postgres *postgresServer, refresh side) (wal float64) {
	counters := []string{
		`SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint`,
		`SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint`,
		`SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()`,
		`SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'grants'`,
		`SELECT n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'grants'`,
	}
	refresh.run(b, postgres)
	before := make([]int64, len(counters))
	for n, query := range counters {
		before[n] = postgres.read(b, query)
	}
	done := 0
	for range 4 {
		done += refresh.run(b, postgres).done
	}
	each := make([]float64, len(counters))
	for n, query := range counters {
		each[n] = float64(postgres.read(b, query)-before[n]) / float64(done)
	}
	b.Logf("each of %d refreshes: %.1f bytes of WAL, %.3f transaction ids; for each updated row %.3f transactions, reading ones too; %.1f %% HOT",
		done, each[0], each[1], each[2]/each[3], 100*each[4]/each[3])
	return each[0]
}

// BenchmarkObtain: POST /api/token/. Without the hash means with one of 8 KiB and one pass, which takes
// microseconds, everything else being as it is.
func BenchmarkObtain(b *testing.B) {
	b.Run("PostgreSQL/EdDSA/without-hash", func(b *testing.B) {
		url, postgres := durablePostgres(b)
		s := startServer(b, url, "EdDSA", func(a *app) {
			a.accounts.Argon2 = accounts.Argon2{Memory: 8, Time: 1, Threads: 1}
		})
		compare(b, postgres, obtainSide(b, s), createSide(b, s, url), signatures(b, keys.EdDSA, keys.EdDSA))
	})
	b.Run("PostgreSQL/EdDSA/with-hash", func(b *testing.B) {
		url, postgres := durablePostgres(b)
		s := startServer(b, url, "EdDSA", nil)
		hash := everywhere("bare hash", 2, func() error {
			argon2.IDKey([]byte(benchPassword), make([]byte, 16), uint32(s.config.PasswordTime), uint32(s.config.PasswordMemory), 1, 32)
			return nil
		})
		compare(b, postgres, obtainSide(b, s), hash)
	})
}

// BenchmarkVerify: the endpoint on an access token, and the library that resource servers use.
func BenchmarkVerify(b *testing.B) {
	for _, algorithm := range []keys.Algorithm{keys.EdDSA, keys.RS256} {
		b.Run("endpoint/"+string(algorithm), func(b *testing.B) {
			s := startServer(b, storagetest.SQLite(b), string(algorithm), nil)
			access, _ := signIn(b, s.config.Listen, 0)
			endpoint := callers(b, "verify endpoint", s.config.Listen, func(_ int, c *caller) func() error {
				return func() error {
					_, err := c.ask("POST", "/api/token/verify/", `{"token":"`+access+`"}`)
					return err
				}
			})
			bare := newSigning(b)
			compare(b, nil, endpoint, ginSide(b, "POST", 2), everywhere("bare signature", clients, func() error { return bare.verify(algorithm) }))
		})
		b.Run("library/"+string(algorithm), func(b *testing.B) {
			s := startServer(b, storagetest.SQLite(b), string(algorithm), nil)
			access, _ := signIn(b, s.config.Listen, 0)
			v, err := verify.New(s.config.Issuer, verify.Audience("api"))
			if err != nil {
				b.Fatal(err)
			}
			bare := newSigning(b)
			compare(b, nil, everywhere("verify library", 2, func() error {
				_, err := v.Verify(context.Background(), access)
				return err
			}), everywhere("bare signature", 2, func() error { return bare.verify(algorithm) }))
		})
	}
}

// BenchmarkJWKS: GET /.well-known/jwks.json.
func BenchmarkJWKS(b *testing.B) {
	s := startServer(b, storagetest.SQLite(b), "EdDSA", nil)
	size := len(s.keys.JWKS().Body)
	jwks := callers(b, fmt.Sprintf("JWKS of %d bytes", size), s.config.Listen, func(_ int, c *caller) func() error {
		return func() error {
			_, err := c.ask("GET", "/.well-known/jwks.json", "")
			return err
		}
	})
	compare(b, nil, jwks, ginSide(b, "GET", size))
}

func refreshSide(b *testing.B, s *server) side {
	var tokens [clients]string
	for n := range tokens {
		_, tokens[n] = signIn(b, s.config.Listen, n)
		spreadGrants(b, s)
	}
	return callers(b, "refresh", s.config.Listen, func(n int, c *caller) func() error {
		newest := tokens[n]
		return func() error {
			answer, err := c.ask("POST", "/api/token/refresh/", `{"refresh":"`+newest+`"}`)
			if err != nil {
				return err
			}
			newest = member(answer, "refresh")
			return nil
		}
	})
}

func obtainSide(b *testing.B, s *server) side {
	return callers(b, "obtain", s.config.Listen, func(n int, c *caller) func() error {
		body := signInBody(n)
		return func() error {
			_, err := c.ask("POST", "/api/token/", body)
			return err
		}
	})
}

func ginSide(b *testing.B, method string, size int) side {
	body := ""
	if method == "POST" {
		body = fmt.Sprintf(`{"token":"%0500d"}`, 0)
	}
	return callers(b, "bare Gin handler", bareGin(b, method, make([]byte, size)), func(_ int, c *caller) func() error {
		return func() error {
			_, err := c.ask(method, "/bare", body)
			return err
		}
	})
}

// signatures is what a pair needs of package crypto: the presented refresh token verified and two signed.
// A sign-in verifies none, which makes this floor a little too high for it.
func signatures(b *testing.B, access, refresh keys.Algorithm) side {
	bare := newSigning(b)
	return everywhere("bare signatures", clients, func() error {
		if err := bare.verify(refresh); err != nil {
			return err
		}
		if err := bare.sign(access); err != nil {
			return err
		}
		return bare.sign(refresh)
	})
}

// returnedColumns is how many columns the statements on grants return: the grant's and the user's.
func returnedColumns(b *testing.B) int {
	return strings.Count(storageConstant(b, "grantColumns"), ",") + 1 + strings.Count(storageConstant(b, "joinedUser"), ",") + 1
}

// advanceSide runs the one statement of a refresh, each worker on a grant of its own.
func advanceSide(b *testing.B, s *server, url string) side {
	db := bareDatabase(b, url)
	text := db.statement(b, "advanceGrant")
	result := side{name: "bare statement"}
	for n := range clients {
		signIn(b, s.config.Listen, n)
		spreadGrants(b, s)
		var id string
		if err := db.QueryRow(`SELECT id FROM grants WHERE client_id = 'token-pair' ORDER BY created_at DESC LIMIT 1`).Scan(&id); err != nil {
			b.Fatal(err)
		}
		generation, columns := int64(0), row(returnedColumns(b))
		result.workers = append(result.workers, func() error {
			generation++
			return db.alone(func(on querier) error {
				return on.QueryRow(text, db.bind(id, generation)...).Scan(columns...)
			})
		})
	}
	return result
}

type querier interface {
	QueryRow(query string, args ...any) *sql.Row
}

// alone runs one statement as package storage does: by itself on PostgreSQL, in a transaction on SQLite.
func (d database) alone(do func(querier) error) error {
	if d.postgres {
		return do(d)
	}
	tx, err := d.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// createSide runs the one transaction of a sign-in: the grant and its line in the audit log.
func createSide(b *testing.B, s *server, url string) side {
	db := bareDatabase(b, url)
	create, record := db.statement(b, "createGrant"), db.statement(b, "insertEvent")
	result := side{name: "bare transaction"}
	for n := range clients {
		var user string
		if err := db.QueryRow(`SELECT id FROM users WHERE username = $1`, userName(n)).Scan(&user); err != nil {
			b.Fatal(err)
		}
		columns := row(returnedColumns(b))
		result.workers = append(result.workers, func() error {
			tx, err := db.Begin()
			if err != nil {
				return err
			}
			defer tx.Rollback()
			id := keys.NewTokenID()
			err = tx.QueryRow(create, db.bind(id, "token-pair", "api", "", keys.NewTokenID(), "", int64(1), "pwd", "1",
				int64(86400e6), int64(30*86400e6), user, int64(1))...).Scan(columns...)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(record, db.bind("user.signed_in", "user", user, "127.0.0.1", id, "grant", id, "", `{"client":"token-pair"}`)...); err != nil {
				return err
			}
			return tx.Commit()
		})
	}
	return result
}

// spreadGrants puts grants of others behind the newest one. Those that are measured would else share a
// page and wait for each other as no two users do.
func spreadGrants(b *testing.B, s *server) {
	storagetest.Exec(b, s.config.databaseURL(), `WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 100)
		INSERT INTO grants (id, user_id, client_id, audience, scope, session_id, auth_time, amr,
			generation, created_at, rotated_at, refresh_lifetime, expires_at, revoked_for)
		SELECT g.id || '-' || n.n, user_id, 'other', audience, scope, session_id, auth_time, amr,
			1, created_at, rotated_at, refresh_lifetime, expires_at, ''
		FROM n, (SELECT * FROM grants WHERE client_id = 'token-pair' ORDER BY created_at DESC LIMIT 1) g`)
}
