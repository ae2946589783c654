package accounts

import (
	"errors"
	"testing"

	"github.com/google/uuid"

	"keyturn/audit"
)

// TestMayTouch: whoever could change an administrator, or keep one out, would be one; of a deactivated one too.
func TestMayTouch(t *testing.T) {
	admin := User{ID: uuid.NewString(), Username: "root", Admin: true}
	store := newTestStore(spiderman(), admin)
	gone := uuid.NewString()
	for _, c := range []struct {
		rights audit.Rights
		user   string
		may    bool
	}{
		{audit.ManageUsers, userID, true}, {audit.ManageUsers, gone, true}, {audit.ManageUsers, admin.ID, false},
		{audit.ManageUsers | audit.ManageKeys, admin.ID, false}, {audit.ManageAll, admin.ID, true},
		{audit.Read, userID, false}, {audit.ManageKeys, userID, false}, {0, gone, false},
	} {
		if err := MayTouch(t.Context(), store, c.user, audit.Actor{Kind: audit.User, Rights: c.rights}); (err == nil) != c.may || err != nil && !errors.Is(err, audit.ErrForbidden) {
			t.Errorf("%s of %s: %v", c.rights, c.user, err)
		}
	}
}
