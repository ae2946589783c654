package storage_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keyturn/issuer"
	"keyturn/keys"
	"keyturn/storage"
	"keyturn/storage/storagetest"
)

func TestOpenRefusesWhatIsNoDatabase(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "letter.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("Dear Ben, ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]string{
		"mysql://localhost/x": "must begin with",
		"sqlite:":             "path of a file",
		"sqlite::memory:":     "in memory",
		"sqlite:" + filepath.Join(dir, "no", "x.db"): "does not exist",
		"sqlite:" + dir:  "directory",
		"sqlite:" + text: "is not a SQLite database",
	} {
		if _, err := storage.Open(t.Context(), url, storage.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open(%q): got %v, want an error with %q", url, err, want)
		}
	}
}

func TestSQLiteFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a?b #%41.db") // a name that is not its own URL
	storagetest.Open(t, "sqlite:"+path, storage.Options{})
	for _, suffix := range []string{"", "-wal"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("mode of %s: got %o, want 600", info.Name(), info.Mode().Perm())
		}
	}
}

// TestSQLiteSyncsEachCommit reads back the settings that durability rests on (C1: WAL with
// synchronous=FULL is durable at commit), as each handle of the program has them.
func TestSQLiteSyncsEachCommit(t *testing.T) {
	url := storagetest.SQLite(t)
	db := storagetest.Open(t, url, storage.Options{})
	for pragma, want := range map[string]int64{"synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000} {
		if got := db.WriterPragma(t.Context(), pragma); got != want {
			t.Errorf("PRAGMA %s: got %d, want %d", pragma, got, want)
		}
	}
	if got := db.ReaderPragma(t.Context(), "query_only"); got != 1 {
		t.Errorf("the readers' query_only: got %d, want 1", got)
	}
}

// TestSQLiteBesideAnotherProcess: the command line writes to the file of a running server.
func TestSQLiteBesideAnotherProcess(t *testing.T) {
	url := storagetest.SQLite(t)
	server := storagetest.Open(t, url, storage.Options{BusyTimeout: 50 * time.Millisecond})
	tool := storagetest.Open(t, url, storage.Options{})
	u := storagetest.User(t, tool)
	g := storagetest.SignIn(t, server, u)
	if _, err := tool.RevokeGrants(t.Context(), issuer.Selection{All: true}, issuer.Revocation{Reason: issuer.AllEnded}); err != nil {
		t.Fatal(err)
	}
	if got, _, err := server.GrantByID(t.Context(), g.ID); err != nil || got.RevokedFor != issuer.AllEnded {
		t.Errorf("the server reads %+v, %v, want the tool's revocation", got, err)
	}
	raw := storagetest.Raw(t, url)
	conn, err := raw.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if _, err := server.CreateGrant(t.Context(), storagetest.NewGrant(u), storagetest.Event("user.signed_in")); !errors.Is(err, keys.ErrUnavailable) {
		t.Errorf("a write while another process holds the lock: got %v, want ErrUnavailable", err)
	}
	if _, _, err := server.GrantByID(t.Context(), g.ID); err != nil {
		t.Errorf("a read meanwhile: %v", err)
	}
	if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	storagetest.SignIn(t, server, u)
}
