package accounts_test

import (
	"testing"

	"keyturn/accounts"
)

// TestLeavesNobody: the loss of the only administrator is told, and no other; where there was none, nothing is held up.
func TestLeavesNobody(t *testing.T) {
	w := newTown(t)
	user, boss := w.add("miles", ""), w.add("boss", "")
	leaves := func(what string, lost accounts.User, want bool) {
		t.Helper()
		got, err := w.People.LeavesNobody(t.Context(), accounts.Loss{UserID: lost.ID})
		w.must(err)
		if got != want {
			t.Errorf("%s: %t, want %t", what, got, want)
		}
	}
	leaves("nobody was there", user, false)
	_, err := w.People.Update(t.Context(), boss.ID, accounts.Change{Admin: new(true)}, operator)
	w.must(err)
	leaves("the only one", boss, true)
	leaves("somebody else", user, false)
}
