package storage_test

import (
	"testing"

	"keyturn/storage"
	"keyturn/storage/storagetest"
)

func TestPostgres(t *testing.T) {
	storagetest.Suite(t, func(t *testing.T, o storage.Options) *storage.DB {
		return storagetest.Open(t, storagetest.Postgres(t), o)
	})
}

func TestSQLite(t *testing.T) {
	storagetest.Suite(t, func(t *testing.T, o storage.Options) *storage.DB {
		return storagetest.Open(t, storagetest.SQLite(t), o)
	})
}

// TestPostgresThroughPgBouncer is the same over a pooler in transaction mode: nothing here may depend on
// a session, migrations included.
func TestPostgresThroughPgBouncer(t *testing.T) {
	through := storagetest.PgBouncer(t)
	storagetest.Suite(t, func(t *testing.T, o storage.Options) *storage.DB {
		return storagetest.Open(t, through(storagetest.Postgres(t)), o)
	})
}
