package storagetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	_ "github.com/lib/pq" // the driver "postgres"
	_ "modernc.org/sqlite"

	"keyturn/storage"
)

// serverURL names an existing PostgreSQL server for the tests, whose role may create databases.
const serverURL = "KEYTURN_TEST_DATABASE_URL"

// supervise runs PostgreSQL until its standard input ends, which it does when the test process ends,
// in whatever way; then it stops the server and removes its files.
const supervise = `bin=$1 dir=$2
cd "$dir" || exit 1
"$bin/initdb" -D "$dir/data" -U postgres --auth=trust -E UTF8 --no-locale -N >"$dir/log" 2>&1 &&
"$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -o "-c fsync=${KEYTURN_TEST_FSYNC:-off} -c listen_addresses='' -c unix_socket_directories='$dir' -c max_connections=300" start >>"$dir/log" 2>&1 ||
{ echo failed; cat "$dir/log"; rm -rf "$dir"; exit 1; }
echo ready
cat >/dev/null
"$bin/pg_ctl" -D "$dir/data" -w -m immediate stop >/dev/null 2>&1
rm -rf "$dir"
`

// Postgres returns the URL of a fresh, empty database, which is dropped at the test's end. The server is
// started once per test process, on a Unix socket, without fsync unless KEYTURN_TEST_FSYNC=on asks for it.
func Postgres(t testing.TB) string {
	t.Helper()
	base, err := server()
	if err != nil {
		t.Fatal(err)
	}
	name := "t" + strings.ReplaceAll(uuid.NewString(), "-", "")
	Exec(t, base, "CREATE DATABASE "+name+" ENCODING 'UTF8' TEMPLATE template0")
	t.Cleanup(func() { Exec(t, base, "DROP DATABASE "+name+" WITH (FORCE)") })
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// SQLite returns the URL of a database in a fresh folder.
func SQLite(t testing.TB) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "keyturn.db")
}

// Open opens and migrates the database at url and closes it at the test's end.
func Open(t testing.TB, url string, o storage.Options) *storage.DB {
	t.Helper()
	db, err := storage.Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

// Raw opens the database past package storage, for faults to be put in and facts to be read.
func Raw(t testing.TB, url string) *sql.DB {
	t.Helper()
	driver, name := "postgres", url
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, name = "sqlite", "file:"+path+"?_busy_timeout=5000"
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Exec runs statements past package storage.
func Exec(t testing.TB, url, statements string) {
	t.Helper()
	db := Raw(t, url)
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(context.Background(), statements); err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
}

var server = sync.OnceValues(func() (string, error) {
	if u := os.Getenv(serverURL); u != "" {
		return u, nil
	}
	bin, err := programs()
	if err != nil {
		return "", err
	}
	dir, err := startSupervised(supervise, bin)
	if err != nil {
		return "", fmt.Errorf("start PostgreSQL: %w", err)
	}
	return "postgres://postgres@/postgres?sslmode=disable&host=" + url.QueryEscape(dir), nil
})

// programs finds the folder of initdb and pg_ctl: the PATH's, else the newest in Debian's place.
func programs() (string, error) {
	if found, err := exec.LookPath("initdb"); err == nil {
		if found, err = filepath.EvalSymlinks(found); err == nil {
			return filepath.Dir(found), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errors.New("the storage tests need the PostgreSQL server programs (apt-get install postgresql), or " + serverURL)
	}
	slices.Sort(found)
	return filepath.Dir(found[len(found)-1]), nil
}
