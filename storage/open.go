package storage

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"keyturn/accounts"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// Options of Open. The zero value is right for production.
type Options struct {
	// Now is the process's clock, which is SQLite's time; nil for time.Now.
	Now func() time.Time
	// DatabaseNow stands for the time of either database in tests; nil for PostgreSQL's own clock and,
	// on SQLite, Now.
	DatabaseNow func() time.Time

	// MaxOpen and MaxIdle bound PostgreSQL's pooled connections of this process; 0 for 16, and at least
	// 2, since a migration holds its lock on one and works on another. Where MaxIdle is less than
	// MaxOpen, connections are opened and closed under load.
	MaxOpen, MaxIdle int
	// MaxLifetime is after how long a connection is replaced, so that a pooler or a new primary is
	// found; 0 for 30 minutes.
	MaxLifetime time.Duration
	// ConnectTimeout bounds the opening of one PostgreSQL connection; 0 for 5 s. A connect_timeout in
	// the URL goes first.
	ConnectTimeout time.Duration
	// AnswerTimeout bounds a read, and a statement that commits itself, on PostgreSQL where the caller's
	// context has no deadline, the wait for a pooled connection included; 0 for 10 s. Transactions are
	// the caller's to bound: a migration or the end of every grant takes what it takes.
	AnswerTimeout time.Duration
	// BusyTimeout is how long SQLite waits for the lock of another process; 0 for 5 s.
	BusyTimeout time.Duration
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	backend backend
	// write runs what changes state. On SQLite it has a single connection.
	write *sqlx.DB
	// read runs the rest; on PostgreSQL it is write.
	read *sqlx.DB
	// now is bound for {now}; nil where the statement reads the server's clock.
	now     func() time.Time
	maxIdle int
	// answerTimeout is zero on SQLite.
	answerTimeout time.Duration
	// compiled caches by statement. Statements are constants of this package, so it stays small.
	compiled sync.Map
}

var (
	_ keys.Store            = (*DB)(nil)
	_ accounts.Store        = (*DB)(nil)
	_ accounts.FactorStore  = (*DB)(nil)
	_ accounts.SessionStore = (*DB)(nil)
	_ issuer.Store          = (*DB)(nil)
	_ oauth.Store           = (*DB)(nil)
)

// Open opens the database at url, "sqlite:path" or "postgres://…", and checks that it can be used as
// this package demands: reachable (else the error wraps keys.ErrUnavailable), PostgreSQL of at least
// version 13 with UTF8 and READ COMMITTED. It does not look at the schema: see Migrate and CheckSchema.
// No error holds the URL's password.
func Open(ctx context.Context, url string, o Options) (*DB, error) {
	o = o.withDefaults()
	switch path, isSQLite := strings.CutPrefix(url, "sqlite:"); {
	case isSQLite:
		return openSQLite(ctx, path, o)
	case strings.HasPrefix(url, "postgres://"), strings.HasPrefix(url, "postgresql://"):
		return openPostgres(ctx, url, o)
	}
	return nil, errors.New(`storage: the database URL must begin with "sqlite:" or "postgres://"`)
}

// Close closes all connections; what is running is interrupted.
func (d *DB) Close() error {
	if d.read == d.write {
		return d.write.Close()
	}
	return errors.Join(d.read.Close(), d.write.Close())
}

// Ping tells whether the database answers; an error wraps keys.ErrUnavailable.
func (d *DB) Ping(ctx context.Context) error {
	_, err := d.Now(ctx)
	return err
}

const databaseNow = `SELECT {now} AS now`

// Now is the database's time, by which redemption, grace, revocation and throttling are judged. How
// far it is from the process's clock is the skew that readiness watches.
func (d *DB) Now(ctx context.Context) (time.Time, error) {
	var now micros
	err := d.reading().get(ctx, &now, databaseNow)
	return now.Time, translate(err, nil)
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxOpen <= 0 {
		o.MaxOpen = 16
	}
	o.MaxOpen = max(o.MaxOpen, 2)
	if o.MaxIdle <= 0 {
		o.MaxIdle = o.MaxOpen
	}
	if o.MaxLifetime <= 0 {
		o.MaxLifetime = 30 * time.Minute
	}
	if o.ConnectTimeout <= 0 {
		o.ConnectTimeout = 5 * time.Second
	}
	if o.AnswerTimeout <= 0 {
		o.AnswerTimeout = 10 * time.Second
	}
	if o.BusyTimeout <= 0 {
		o.BusyTimeout = 5 * time.Second
	}
	return o
}
