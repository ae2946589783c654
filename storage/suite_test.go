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
