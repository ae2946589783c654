package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jmoiron/sqlx"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"keyturn/keys"
)

// sqliteReaders is how many connections read beside the one that writes.
const sqliteReaders = 4

func openSQLite(ctx context.Context, path string, o Options) (*DB, error) {
	path = strings.TrimPrefix(path, "//") // sqlite:///abs and sqlite:/abs are the same
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return nil, errors.New("storage: sqlite: needs the path of a file; a database in memory has nothing to come back to")
	}
	if err := ensureFile(path); err != nil {
		return nil, err
	}
	now := o.DatabaseNow
	if now == nil {
		now = o.Now
	}
	d := &DB{backend: sqliteFile, now: now}
	busy := strconv.FormatInt(o.BusyTimeout.Milliseconds(), 10)
	common := url.Values{"_busy_timeout": {busy}, "_foreign_keys": {"on"}, "_synchronous": {"FULL"}, "_dqs": {"false"}}

	writing := url.Values{"_journal_mode": {"WAL"}, "_txlock": {"immediate"}}
	d.write = openSQLiteHandle(path, common, writing, 1)
	if err := d.checkFile(ctx, path); err != nil {
		_ = d.write.Close()
		return nil, err
	}
	d.read = openSQLiteHandle(path, common, url.Values{"_query_only": {"on"}}, sqliteReaders)
	return d, nil
}

// ensureFile makes the file where there is none, readable by its owner only: SQLite itself would
// follow the umask, and its -wal and -shm files take the mode of the file.
func ensureFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	switch {
	case err == nil:
		return f.Close()
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("storage: the folder %s of the SQLite database does not exist", filepath.Dir(path))
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("storage: the SQLite database %s, or its folder, can't be written: %w", path, err)
	}
	return fmt.Errorf("storage: open the SQLite database: %w", err)
}

func openSQLiteHandle(path string, common, own url.Values, connections int) *sqlx.DB {
	q := url.Values{}
	for _, values := range []url.Values{common, own} {
		for name, value := range values {
			q[name] = value
		}
	}
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
	handle, err := sql.Open("sqlite", dsn)
	if err != nil {
		panic(err) // the driver is registered by the import above, and Open does nothing else
	}
	handle.SetMaxOpenConns(connections)
	handle.SetMaxIdleConns(connections)
	return sqlx.NewDb(handle, "sqlite")
}

// checkFile opens the file and reads back that it is in WAL mode (SQLite stays in another mode
// silently where WAL is impossible, for example on a network file system).
func (d *DB) checkFile(ctx context.Context, path string) error {
	var mode string
	err := (session{d: d, on: d.write}).get(ctx, &mode, `PRAGMA journal_mode`)
	var e *sqlite.Error
	switch {
	case errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("storage: %s is not a SQLite database", path)
	case errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_CANTOPEN || e.Code()&0xff == sqlite3.SQLITE_READONLY):
		return fmt.Errorf("storage: the SQLite database %s, or its folder, can't be written: %w: %w", path, keys.ErrUnavailable, err)
	case err != nil:
		return fmt.Errorf("storage: open the SQLite database %s: %w", path, translate(err, nil))
	case mode != "wal":
		return fmt.Errorf("storage: the SQLite database %s can't use write-ahead logging (its mode is %s); is it on a network file system?", path, mode)
	}
	return nil
}
