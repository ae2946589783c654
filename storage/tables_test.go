package storage_test

import (
	"database/sql"
	"slices"
	"strings"
	"testing"

	"keyturn/storage"
	"keyturn/storage/storagetest"
)

const (
	postgresColumns = `SELECT table_name || '.' || column_name || ' ' || upper(data_type) || CASE is_nullable WHEN 'NO' THEN ' NOT NULL' ELSE '' END
		FROM information_schema.columns WHERE table_schema = current_schema() AND table_name <> 'schema_version'`
	sqliteColumns = `SELECT m.name || '.' || c.name || ' ' || upper(c.type) || CASE WHEN c."notnull" THEN ' NOT NULL' ELSE '' END
		FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT IN ('schema_version', 'sqlite_sequence')`
	postgresIndexes = `SELECT indexname || ' on ' || tablename FROM pg_indexes WHERE schemaname = current_schema() AND indexname NOT LIKE '%\_key' AND indexname NOT LIKE '%\_pkey'`
	sqliteIndexes   = `SELECT name || ' on ' || tbl_name FROM sqlite_master WHERE type = 'index' AND name NOT LIKE 'sqlite_autoindex%'`
)

// TestTablesAreTheSame compares what the migrations made of both databases, where they could not be one text.
func TestTablesAreTheSame(t *testing.T) {
	postgresURL, sqliteURL := storagetest.Postgres(t), storagetest.SQLite(t)
	storagetest.Open(t, postgresURL, storage.Options{})
	storagetest.Open(t, sqliteURL, storage.Options{})
	onPostgres, onSQLite := storagetest.Raw(t, postgresURL), storagetest.Raw(t, sqliteURL)
	for _, of := range []struct{ what, postgres, sqlite string }{
		{"columns", postgresColumns, sqliteColumns},
		{"indexes", postgresIndexes, sqliteIndexes},
	} {
		want, got := lines(t, onPostgres, of.postgres), lines(t, onSQLite, of.sqlite)
		if i := slices.Index(got, "audit_log.id INTEGER NOT NULL"); i >= 0 {
			got[i] = "audit_log.id BIGINT NOT NULL" // the one type that SQLite numbers rows by
		}
		slices.Sort(got)
		if len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s of PostgreSQL:\n%s\nof SQLite:\n%s", of.what, strings.Join(want, "\n"), strings.Join(got, "\n"))
		}
	}
}

// TestNoIndexOnWhatARefreshChanges keeps refreshes HOT. By revoked_at, which ends a grant and never changes at a refresh,
// an index may choose its rows.
func TestNoIndexOnWhatARefreshChanges(t *testing.T) {
	address := storagetest.Postgres(t)
	storagetest.Open(t, address, storage.Options{})
	for _, definition := range lines(t, storagetest.Raw(t, address), `SELECT indexdef FROM pg_indexes WHERE tablename = 'grants'`) {
		for _, column := range []string{"generation", "rotated_at", "revoked_at"} {
			if strings.Contains(strings.TrimSuffix(definition, "WHERE (revoked_at IS NULL)"), column) {
				t.Errorf("%s: %s must not be indexed", definition, column)
			}
		}
	}
}

func lines(t *testing.T, db *sql.DB, query string) (found []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		found = append(found, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return found
}
