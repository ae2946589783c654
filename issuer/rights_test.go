package issuer_test

import (
	"errors"
	"testing"

	"keyturn/accounts"
	"keyturn/api/apitest"
	"keyturn/audit"
	"keyturn/issuer"
)

// TestUserManagerEndsNothingOfAdministrators: neither all that one has open nor a single grant.
func TestUserManagerEndsNothingOfAdministrators(t *testing.T) {
	s := apitest.New(t)
	u := s.AddUser(t, "spiderman")
	root, err := s.Accounts.Create(t.Context(), accounts.NewUser{Username: "root", Admin: true, Password: apitest.Password}, apitest.System)
	if err != nil {
		t.Fatal(err)
	}
	signIn(t, s, "spiderman")
	signIn(t, s, "root")
	manager := audit.Actor{Kind: audit.User, ID: "manager", Rights: audit.ManageUsers}
	grants, err := s.Issuer.Grants(t.Context(), issuer.GrantQuery{UserID: root.ID, Limit: 1}, apitest.System)
	if err != nil || len(grants) != 1 {
		t.Fatalf("%d grants, %v", len(grants), err)
	}
	if _, err := s.Issuer.RevokeGrant(t.Context(), grants[0].ID, "", manager); !errors.Is(err, audit.ErrForbidden) {
		t.Errorf("a grant of an administrator: %v", err)
	}
	if _, err := s.Issuer.RevokeUser(t.Context(), root.ID, "", manager); !errors.Is(err, audit.ErrForbidden) {
		t.Errorf("all of an administrator: %v", err)
	}
	if n, err := s.Issuer.RevokeUser(t.Context(), u.ID, "", manager); err != nil || n != 1 {
		t.Errorf("all of somebody else: %d, %v", n, err)
	}
	if n, err := s.Issuer.RevokeUser(t.Context(), root.ID, "", apitest.System); err != nil || n != 1 {
		t.Errorf("left of the administrator: %d, %v", n, err)
	}
}
