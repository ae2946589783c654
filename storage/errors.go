package storage

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/lib/pq"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"keyturn/keys"
)

// translate turns an error of a driver into one that the domain knows: notFound where no row was there,
// keys.ErrUnavailable where nothing is known of the outcome, keys.ErrBadText. Others pass.
func translate(err, notFound error) error {
	switch {
	case err == nil:
		return nil
	case notFound != nil && errors.Is(err, sql.ErrNoRows):
		return notFound
	case errors.Is(err, keys.ErrUnavailable):
		return err
	case sqlState(err) == "22021", sqlState(err) == "22P05":
		return fmt.Errorf("storage: %w: %w", keys.ErrBadText, err)
	case unavailable(err):
		return fmt.Errorf("storage: %w: %w", keys.ErrUnavailable, err)
	}
	return err
}

// sqlState is PostgreSQL's code of the error, "" for another error (PostgreSQL documentation, appendix A).
func sqlState(err error) string {
	var e *pq.Error
	if errors.As(err, &e) {
		return e.SQLState()
	}
	return ""
}

// sqliteCode is SQLite's extended result code of the error, 0 for another error.
func sqliteCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// unique tells that a unique or primary key was taken.
func unique(err error) bool {
	code := sqliteCode(err)
	return sqlState(err) == "23505" || code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
}

// rolledBack tells that the database has undone the whole transaction because of another one.
func rolledBack(err error) bool {
	state := sqlState(err)
	return state == "40001" || state == "40P01"
}

// errReadOnly stands for a server that refused to begin a transaction that writes.
var errReadOnly = errors.New("the server is read-only")

// readOnlyBegin recognises what a standby says to BEGIN READ WRITE, which is 0A000 (feature not
// supported) and not the 25006 that its refusal of a statement is.
func readOnlyBegin(err error) error {
	if sqlState(err) == "0A000" {
		return fmt.Errorf("%w: %w", errReadOnly, err)
	}
	return err
}

// leadsNowhere tells that the connection is of no further use: broken, shut down, or read-only.
func leadsNowhere(err error) bool {
	switch sqlState(err) {
	case "25006", "57P01", "57P02", "57P03":
		return true
	}
	return errors.Is(err, errReadOnly) || errors.Is(err, driver.ErrBadConn) || broken(err)
}

// unavailable tells that the database can't be reached or can't write now.
func unavailable(err error) bool {
	state := sqlState(err)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled),
		errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, errReadOnly), broken(err):
		return true
	case state == "25006", state == "3D000", state == "40003", state == "55P03", rolledBack(err):
		return true
	case len(state) == 5:
		switch state[:2] {
		case "08", "28", "53", "57", "58": // connection, authorization, resources, operator, system
			return true
		}
	}
	switch sqliteCode(err) & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT,
		sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL:
		return true
	}
	return false
}

// broken tells that the connection broke. A context's end is a net.Error too, and is no fault of the
// connections.
func broken(err error) bool {
	var network net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return false
	}
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}
