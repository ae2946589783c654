package main

import (
	"context"
	"database/sql"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/storage/storagetest"
)

// postgresServer is the PostgreSQL server that a benchmark's database is on.
type postgresServer struct {
	db *sql.DB
	// local says that its processes are of this machine, with postmaster the first of them.
	local      bool
	postmaster int
}

// durablePostgres is an empty database on a server that keeps what it has committed.
func durablePostgres(b *testing.B) (url string, server *postgresServer) {
	b.Setenv("KEYTURN_TEST_FSYNC", "on")
	url = storagetest.Postgres(b)
	server = &postgresServer{db: storagetest.Raw(b, url)}
	server.db.SetMaxOpenConns(1)
	var pid int
	var version, fsync, commit string
	row := server.db.QueryRow(`SELECT pg_backend_pid(), current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit')`)
	if err := row.Scan(&pid, &version, &fsync, &commit); err != nil {
		b.Fatal(err)
	}
	b.Logf("PostgreSQL %s, fsync %s, synchronous_commit %s, pool of %d", version, fsync, commit, benchPool)
	if name, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm"); err == nil && strings.TrimSpace(string(name)) == "postgres" {
		if fields := statFields(pid); len(fields) > 1 {
			server.postmaster, _ = strconv.Atoi(fields[1])
			server.local = server.postmaster > 1
		}
	}
	return url, server
}

// cpu is what the server's processes have used so far: those that live, and those that the first one
// has seen end.
func (s *postgresServer) cpu(b *testing.B) time.Duration {
	if s == nil || !s.local {
		return 0
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		b.Fatal(err)
	}
	sum := ticks(statFields(s.postmaster), 11, 12, 13, 14)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if fields := statFields(pid); len(fields) > 14 && fields[1] == strconv.Itoa(s.postmaster) {
			sum += ticks(fields, 11, 12)
		}
	}
	return sum
}

// read reads one number.
func (s *postgresServer) read(b *testing.B, query string) (n int64) {
	if err := s.db.QueryRow(query).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

// benchPool is the default of KEYTURN_DATABASE_POOL, for both sides.
const benchPool = 20

const benchPassword = "correct horse battery"

func userName(n int) string { return "user" + strconv.Itoa(n) }

// startServer runs the program's own server, wired as `keyturn serve` does, and makes one user for each
// client. change may alter it before it serves.
func startServer(b *testing.B, database, algorithm string, change func(*app)) *server {
	b.Helper()
	public, ops := anyPort(b), anyPort(b)
	config, err := loadConfig(source{environ: []string{
		"KEYTURN_LISTEN=" + public.Addr().String(), "KEYTURN_DATA_DIR=" + filepath.Join(b.TempDir(), "data"),
		"KEYTURN_DATABASE_URL=" + database, "KEYTURN_DATABASE_POOL=" + strconv.Itoa(benchPool),
		"KEYTURN_ALGORITHM=" + algorithm, "KEYTURN_DRAIN_DELAY=0s", "KEYTURN_LOG_FORMAT=json",
	}, readFile: func(string) ([]byte, error) { return nil, fs.ErrNotExist }})
	if err != nil {
		b.Fatal(err)
	}
	if err := os.MkdirAll(config.DataDir, 0o700); err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	a, err := openApp(ctx, config, newLog(io.Discard, config), mayUpgrade)
	if err != nil {
		b.Fatal(err)
	}
	if change != nil {
		change(a)
	}
	if err := a.start(ctx); err != nil {
		b.Fatal(err)
	}
	for n := range clients {
		if _, err := a.accounts.Create(ctx, accounts.NewUser{
			Username: userName(n), Password: benchPassword, GivenName: "Peter", FamilyName: "Parker",
		}, audit.Actor{Kind: audit.System, Rights: audit.ManageAll}); err != nil {
			b.Fatal(err)
		}
	}
	s, err := newServer(a)
	if err != nil {
		b.Fatal(err)
	}
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- s.run(ctx, public, ops, func(*server) { close(ready) }) }()
	<-ready
	b.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
		if err := a.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

func anyPort(b *testing.B) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	return l
}

// signIn makes a grant and returns its access and its first refresh token.
func signIn(b *testing.B, address string, n int) (access, refresh string) {
	answer, err := newCaller(b, address).ask("POST", "/api/token/", signInBody(n))
	if err != nil {
		b.Fatal(err)
	}
	return member(answer, "access"), member(answer, "refresh")
}

func signInBody(n int) string {
	return `{"username":"` + userName(n) + `","password":"` + benchPassword + `"}`
}

// member is a text of a JSON object that holds nothing but tokens.
func member(answer []byte, name string) string {
	_, rest, _ := strings.Cut(string(answer), `"`+name+`":"`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

var quiet = slog.New(slog.DiscardHandler)
