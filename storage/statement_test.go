package storage_test

import (
	"fmt"
	"testing"

	"keyturn/storage"
)

func dump(v any) string { return fmt.Sprintf("%+v", v) }

func TestStatementsInBothDialects(t *testing.T) {
	const text = `SELECT ? FROM t WHERE a = ? AND b < {now} AND c > {now}{postgres  AND p}{sqlite  AND s} {for update of t skip locked}`
	for _, c := range []struct {
		name                string
		onPostgres, bindNow bool
		want                string
	}{
		{"PostgreSQL", true, false, `SELECT $1 FROM t WHERE a = $2 AND b < (extract(epoch from clock_timestamp())*1000000)::bigint AND c > (extract(epoch from clock_timestamp())*1000000)::bigint AND p FOR UPDATE OF T SKIP LOCKED`},
		{"PostgreSQL with a bound time", true, true, `SELECT $1 FROM t WHERE a = $2 AND b < CAST($3 AS BIGINT) AND c > CAST($3 AS BIGINT) AND p FOR UPDATE OF T SKIP LOCKED`},
		{"SQLite", false, true, `SELECT ?1 FROM t WHERE a = ?2 AND b < CAST(?3 AS BIGINT) AND c > CAST(?3 AS BIGINT) AND s `},
	} {
		if got := storage.Compile(text, c.onPostgres, c.bindNow); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}
