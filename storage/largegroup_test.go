package storage_test

import (
	"fmt"
	"slices"
	"testing"

	"keyturn/accounts"
	"keyturn/storage"
	"keyturn/storage/storagetest"
)

// TestLargeGroup: a group that is listed by walking the users has the same pages as one that is sorted.
func TestLargeGroup(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		db := storagetest.Open(t, url, storage.Options{})
		storagetest.Exec(t, url, fmt.Sprintf(`INSERT INTO users (id, username, username_folded, email, email_verified, given_name, family_name, active, admin,
			credential_version, password_hash, password_scheme, created_at, updated_at) `+numbers+` SELECT 'u' || `+padded("i")+`, 'user' || `+padded("4000 - i")+`,
			'user' || `+padded("4000 - i")+`, '', FALSE, '', '', TRUE, FALSE, 1, '', '', 1, 1 FROM n`, 4000))
		storagetest.Exec(t, url, `INSERT INTO user_groups (id, name, name_folded, description, require_level, created_at, updated_at) VALUES ('g', 'g', 'g', '', '', 1, 1)`)
		storagetest.Exec(t, url, fmt.Sprintf(`INSERT INTO group_members (user_id, group_id, added_at) `+numbers+` SELECT 'u' || `+padded("2 * i")+`, 'g', 7 FROM n`, 2000))
		var got, want []string
		for i := range 2000 {
			want = append(want, fmt.Sprintf("user%08d", 2*i))
		}
		for after := ""; ; after = got[len(got)-1] {
			page, err := db.Members(t.Context(), "g", accounts.Query{After: after, Limit: 300})
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, m := range page {
				got = append(got, m.Username)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %d members, want %d", len(got), len(want))
		}
		page, err := db.Members(t.Context(), "g", accounts.Query{Before: want[1000], Limit: 300})
		if err != nil || len(page) != 300 || page[0].Username != want[700] || page[299].Username != want[999] {
			t.Errorf("the page before %s: %d members, %v", want[1000], len(page), err)
		}
		found, err := db.Members(t.Context(), "g", accounts.Query{Prefix: "user0000100", After: "user00001004", Limit: 50})
		if err != nil || len(found) != 2 || found[0].Username != "user00001006" || found[0].UserID != "u00002994" || found[0].AddedAt.UnixMicro() != 7 {
			t.Errorf("by prefix: %+v, %v", found, err)
		}
	})
}
