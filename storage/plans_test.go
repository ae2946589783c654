package storage_test

import (
	"fmt"
	"regexp"
	"testing"

	"keyturn/accounts"
	"keyturn/issuer"
	"keyturn/storage"
	"keyturn/storage/storagetest"
)

// TestPagesOfListsBeginInAnIndex: whichever page of a list is read, the database begins where the page does and reads
// no more than it, however many users and grants there are: no table is read whole, and none is sorted.
func TestPagesOfListsBeginInAnIndex(t *testing.T) {
	// Where two things of one moment stand in an index by that moment alone, they are put in order as they are met.
	asMet := regexp.MustCompile(`USE TEMP B-TREE FOR LAST TERM OF ORDER BY|Incremental Sort`)
	bad := regexp.MustCompile(`(?i)seq scan|\bsort\s+\(|B-TREE|SCAN (users|grants|revoked_refresh_tokens)(\n|$)`)
	for name, url := range map[string]string{"PostgreSQL": storagetest.Postgres(t), "SQLite": storagetest.SQLite(t)} {
		db := storagetest.Open(t, url, storage.Options{})
		const id = "00000000-0000-4000-8000-000000000000"
		for _, query := range []any{
			accounts.Query{Limit: 50}, accounts.Query{Prefix: "s", After: "spiderman", Limit: 50}, accounts.Query{Prefix: "s", Before: "spiderman", Limit: 50},
			issuer.GrantQuery{Limit: 50}, issuer.GrantQuery{After: id, Limit: 50}, issuer.GrantQuery{Before: id, Limit: 50},
			issuer.GrantQuery{UserID: id, Limit: 50}, issuer.GrantQuery{UserID: id, LiveOnly: true, After: id, Limit: 50},
			issuer.GrantQuery{ClientID: "orders", Limit: 50}, issuer.GrantQuery{ClientID: "orders", Before: id, Limit: 50},
			issuer.RevokedQuery{Limit: 50}, issuer.RevokedQuery{After: id, Limit: 50}, issuer.RevokedQuery{UserID: id, Before: id, Limit: 50},
		} {
			t.Run(fmt.Sprintf("%s, %T%+v", name, query, query), func(t *testing.T) {
				plan, err := db.PlanOf(t.Context(), query)
				if err != nil {
					t.Fatal(err)
				}
				if bad.MatchString(asMet.ReplaceAllString(plan, "")) {
					t.Errorf("the plan:\n%s", plan)
				}
			})
		}
	}
}
