package storage

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
)

// A file in migrations serves both databases, one in migrations/<database> that one alone. The number
// before the first underscore is the version. A migration is never edited after a release, and the
// previous release still works on what it leaves.
//
//go:embed migrations
var migrations embed.FS

// schemaTable is where goose notes what has been applied.
const schemaTable = "schema_version"

var (
	// ErrSchemaNewer says that the database was migrated by a newer release; this one must not touch it.
	ErrSchemaNewer = errors.New("storage: the database's schema is newer than this program")
	// ErrSchemaOlder says that the database needs Migrate first.
	ErrSchemaOlder = errors.New("storage: the database's schema is older than this program")
)

// Migrate brings the schema to this program's version and returns the versions before and after. Any
// number of instances may call it at once: one migrates, the others wait and find nothing to do.
// ErrSchemaNewer where the database is ahead; then nothing is changed. Each migration is one
// transaction, so one that is interrupted has not happened.
func (d *DB) Migrate(ctx context.Context) (from, to int64, err error) {
	all, err := d.migrations()
	if err != nil {
		return 0, 0, err
	}
	target := all[len(all)-1].Version
	from, err = d.SchemaVersion(ctx)
	if err != nil || from == target {
		return from, from, err
	}
	if from > target {
		return from, from, d.checkVersion(from, target)
	}
	if d.backend == postgres {
		err = d.underMigrationLock(ctx, func() error { return d.up(ctx, all) })
	} else {
		err = d.upUnlessOvertaken(ctx, all)
	}
	if err != nil {
		return from, from, fmt.Errorf("storage: migrate: %w", translate(err, nil))
	}
	to, err = d.SchemaVersion(ctx)
	return from, to, err
}

// CheckSchema tells whether the schema is the one that this program was built for: ErrSchemaNewer,
// ErrSchemaOlder, each with both versions in its text, or nil.
func (d *DB) CheckSchema(ctx context.Context) error {
	all, err := d.migrations()
	if err != nil {
		return err
	}
	version, err := d.SchemaVersion(ctx)
	if err != nil {
		return err
	}
	return d.checkVersion(version, all[len(all)-1].Version)
}

func (d *DB) checkVersion(database, program int64) error {
	switch {
	case database > program:
		return fmt.Errorf("%w: it is at version %d, this program knows up to %d; run the newer release", ErrSchemaNewer, database, program)
	case database < program:
		return fmt.Errorf("%w: it is at version %d, this program needs %d; run keyturn migrate", ErrSchemaOlder, database, program)
	}
	return nil
}

const (
	schemaTableOnPostgres statement = `SELECT to_regclass('` + schemaTable + `') IS NOT NULL`
	schemaTableOnSQLite   statement = `SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '` + schemaTable + `')`
	schemaVersion         statement = `SELECT COALESCE(MAX(version_id), 0) FROM ` + schemaTable + ` WHERE is_applied`
)

// SchemaVersion is the newest migration that was applied, 0 for an empty database. It changes nothing.
func (d *DB) SchemaVersion(ctx context.Context) (int64, error) {
	exists := map[backend]statement{postgres: schemaTableOnPostgres, sqliteFile: schemaTableOnSQLite}[d.backend]
	var there bool
	if err := d.reading().get(ctx, &there, exists); err != nil || !there {
		return 0, translate(err, nil)
	}
	var version int64
	err := d.reading().get(ctx, &version, schemaVersion)
	return version, translate(err, nil)
}

// migrationLock is one of this program's advisory locks (see sweepLock, rightsLock); an arbitrary number.
const migrationLock = 0x6b657974_75726e01

// underMigrationLock holds a lock of a transaction, not of a session (which a pooler in transaction
// mode would hand to somebody else), on a connection of its own while work uses others.
func (d *DB) underMigrationLock(ctx context.Context, work func() error) error {
	return d.transact(ctx, func(s session) error {
		if _, err := s.exec(ctx, `SET LOCAL idle_in_transaction_session_timeout = 0`); err != nil {
			return err
		}
		if _, err := s.exec(ctx, `SELECT pg_advisory_xact_lock(CAST(? AS BIGINT))`, int64(migrationLock)); err != nil {
			return err
		}
		return work()
	})
}

// upUnlessOvertaken migrates a SQLite file, where a lock held on one connection would shut out the
// migration itself. Another process may be migrating too: each migration is one transaction, so the
// loser fails on a table that exists, has changed nothing, and finds the version higher when it looks again.
func (d *DB) upUnlessOvertaken(ctx context.Context, all []*goose.Migration) error {
	for {
		before, err := d.SchemaVersion(ctx)
		if err != nil {
			return err
		}
		failed := d.up(ctx, all)
		if failed == nil {
			return nil
		}
		if after, err := d.SchemaVersion(ctx); err != nil || after <= before {
			return failed
		}
	}
}

func (d *DB) up(ctx context.Context, all []*goose.Migration) error {
	dialect := map[backend]goose.Dialect{postgres: goose.DialectPostgres, sqliteFile: goose.DialectSQLite3}[d.backend]
	provider, err := goose.NewProvider(dialect, d.write.DB, nil,
		goose.WithGoMigrations(all...), goose.WithDisableGlobalRegistry(true), goose.WithTableName(schemaTable))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx) // not Close: that would close our pool
	return err
}

// migrations reads the embedded files for this database, in order of their versions, which must be
// 1, 2, 3 … without a gap.
func (d *DB) migrations() ([]*goose.Migration, error) {
	own := map[backend]string{postgres: "postgres", sqliteFile: "sqlite"}[d.backend]
	files := map[int64]string{}
	for _, pattern := range []string{"migrations/*.sql", "migrations/" + own + "/*.sql"} {
		names, err := fs.Glob(migrations, pattern)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			number, _, _ := strings.Cut(path.Base(name), "_")
			version, err := strconv.ParseInt(number, 10, 64)
			if err != nil || files[version] != "" {
				return nil, fmt.Errorf("storage: migration %s needs a version of its own", name)
			}
			files[version] = name
		}
	}
	all := make([]*goose.Migration, 0, len(files))
	for version := int64(1); version <= int64(len(files)); version++ {
		text, err := migrations.ReadFile(files[version])
		if err != nil {
			return nil, fmt.Errorf("storage: migration %d: %w", version, err)
		}
		all = append(all, goose.NewGoMigration(version, &goose.GoFunc{RunTx: runFile(string(text))}, nil))
	}
	return all, nil
}

// runFile runs all statements of a migration; both drivers take several in one text without arguments.
func runFile(text string) func(context.Context, *sql.Tx) error {
	return func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, text)
		return err
	}
}
