package storage_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/storage"
	"keyturn/storage/storagetest"
)

// TestPagesOfListsBeginInAnIndex: whichever page of a list is read, the database begins where the page does and reads
// no more than it, however many users and grants there are: no table is read whole, and none is sorted.
func TestPagesOfListsBeginInAnIndex(t *testing.T) {
	// Where two things of one moment stand in an index by that moment alone, they are put in order as they are met.
	asMet := regexp.MustCompile(`USE TEMP B-TREE FOR LAST TERM OF ORDER BY|Incremental Sort`)
	bad := regexp.MustCompile(`(?i)seq scan|\bsort\s+\(|B-TREE|SCAN (users|g|grants|revoked_refresh_tokens|letters|l|r|audit_log)(\n|$)`)
	for name, url := range map[string]string{"PostgreSQL": storagetest.Postgres(t), "SQLite": storagetest.SQLite(t)} {
		db := storagetest.Open(t, url, storage.Options{})
		const id = "00000000-0000-4000-8000-000000000000"
		for _, query := range []any{
			accounts.Query{Limit: 50}, accounts.Query{Prefix: "s", After: "spiderman", Limit: 50}, accounts.Query{Prefix: "s", Before: "spiderman", Limit: 50},
			issuer.GrantQuery{Limit: 50}, issuer.GrantQuery{After: id, Limit: 50}, issuer.GrantQuery{Before: id, Limit: 50},
			issuer.GrantQuery{UserID: id, Limit: 50}, issuer.GrantQuery{UserID: id, LiveOnly: true, After: id, Limit: 50},
			issuer.GrantQuery{ClientID: "orders", Limit: 50}, issuer.GrantQuery{ClientID: "orders", Before: id, Limit: 50},
			storage.MembersQuery{Query: accounts.Query{Prefix: "s", Limit: 50}}, storage.MembersQuery{Query: accounts.Query{After: "spiderman", Limit: 50}},
			storage.MembersQuery{Query: accounts.Query{Before: "spiderman", Limit: 50}},
			storage.GroupsQuery{Query: accounts.Query{Limit: 50}}, storage.GroupsQuery{Query: accounts.Query{Prefix: "s", After: "staff", Limit: 50}},
			storage.GroupsQuery{Query: accounts.Query{Before: "staff", Limit: 50}}, accounts.LetterQuery{Before: id, Limit: 50}, accounts.LetterQuery{Failed: true, Before: id, Limit: 50},
			accounts.LetterQuery{After: id, Limit: 50}, accounts.LetterQuery{Failed: true, After: id, Limit: 50},
			audit.Query{Limit: 50}, audit.Query{After: 7, Limit: 50}, audit.Query{Before: 7, Limit: 50},
			audit.Query{Action: audit.UserCreated, After: 7, Limit: 50}, audit.Query{Action: audit.UserCreated, Before: 7, Limit: 50},
			audit.Query{Address: "192.0.2.1", After: 7, Limit: 50}, audit.Query{SubjectID: id, Before: 7, Limit: 50}, audit.Query{ActorID: id, Limit: 50}, audit.Query{SubjectID: id, Limit: 50},
			accounts.InvitationQuery{Limit: 50}, accounts.InvitationQuery{Prefix: "s", After: accounts.InvitationCursor{Email: "s", ID: id}, Limit: 50},
			accounts.InvitationQuery{Before: accounts.InvitationCursor{Email: "s", ID: id}, Limit: 50},
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

// TestWhatIsPutTogetherIsReadByIndex: what no index has in its order is put together from pages that one has. Only
// those are sorted, and live grants and letters are not looked for among the others.
func TestWhatIsPutTogetherIsReadByIndex(t *testing.T) {
	whole := regexp.MustCompile(`Seq Scan|SCAN audit_log(\n|$)|audit_log_at|audit_log_pkey on audit_log +\(`)
	for name, url := range map[string]string{"PostgreSQL": storagetest.Postgres(t), "SQLite": storagetest.SQLite(t)} {
		db := storagetest.Open(t, url, storage.Options{})
		for _, action := range []audit.Action{audit.UserCreated, audit.UserDeleted, audit.GrantRevoked} {
			if err := db.RecordEvent(t.Context(), storagetest.Event(action)); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			query any
			by    []string
		}{
			{audit.Query{Prefix: "user.", Limit: 50}, []string{"audit_log_action"}},
			{audit.Query{Prefix: "user.", Before: 7, Limit: 50}, []string{"audit_log_action"}},
			{audit.Query{Prefix: "nothing.", Limit: 50}, []string{"audit_log_action"}},
			{storage.KeptEvents("u"), []string{"audit_log_subject", "audit_log_actor"}},
			{issuer.GrantQuery{LiveOnly: true, Limit: 50}, []string{"grants_live"}},
			{issuer.GrantQuery{LiveOnly: true, After: "g", Limit: 50}, []string{"grants_live"}},
			{issuer.GrantQuery{ClientID: "orders", LiveOnly: true, Limit: 50}, []string{"grants_client_live"}},
			{issuer.GrantQuery{ClientID: "orders", LiveOnly: true, After: "g", Limit: 50}, []string{"grants_client_live"}},
			{issuer.GrantQuery{ClientID: "orders", LiveOnly: true, Before: "g", Limit: 50}, []string{"grants_client_live"}},
			{accounts.InvitationQuery{Limit: 50}, []string{"letters_invitations", "one_time_links_invitations", "one_time_links_letter"}},
			{accounts.LetterQuery{Limit: 50}, []string{"letters_waiting"}},
			{accounts.LetterQuery{Failed: true, Limit: 50}, []string{"letters_given_up"}},
		} {
			plan, err := db.PlanOf(t.Context(), c.query)
			if err != nil {
				t.Fatal(err)
			}
			for _, index := range c.by {
				if whole.MatchString(plan) || !strings.Contains(plan, index) {
					t.Errorf("%s, %T%+v: without %s:\n%s", name, c.query, c.query, index, plan)
				}
			}
		}
	}
}
