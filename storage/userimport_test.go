package storage_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/storage"
	"keyturn/storage/storagetest"
)

func many(n int) []accounts.User {
	users := make([]accounts.User, n)
	for i := range users {
		number := strconv.Itoa(i)
		users[i] = accounts.User{
			ID: uuid.NewString(), Username: "user" + number, ExternalID: number, Active: true,
			PasswordHash: "pbkdf2_sha256$600000$salt" + number + "$aGFzaA=",
		}
	}
	return users
}

// TestImportTakesFewStatements: an import holds SQLite's write lock, and everybody's sign-in waits for it.
func TestImportTakesFewStatements(t *testing.T) {
	p := newProxy(t, storagetest.Postgres(t))
	db := storagetest.Open(t, p.url, storage.Options{})
	trips := p.count(func() {
		if err := db.ImportUsers(t.Context(), many(1000), []audit.Event{storagetest.Event(audit.UserImported)}); err != nil {
			t.Fatal(err)
		}
	})
	if trips > 100 {
		t.Errorf("an import of 1000 users took %d round trips, want at most 100", trips)
	}
}

// BenchmarkImport is of the largest import that package accounts allows.
func BenchmarkImport(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"SQLite": storagetest.SQLite, "Postgres": storagetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				db := storagetest.Open(b, url(b), storage.Options{})
				users, start := many(100_000), time.Now()
				if err := db.ImportUsers(b.Context(), users, nil); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(time.Since(start).Seconds(), "s/import")
			}
		})
	}
}
