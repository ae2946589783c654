package issuer_test

import (
	"context"
	"errors"
	"testing"

	"keyturn/api/apitest"
	"keyturn/issuer"
	"keyturn/keys"
)

// membersAway is a store that can't tell of groups, and counts who asks.
type membersAway struct {
	issuer.Store
	asked int
}

func (s *membersAway) Memberships(context.Context, string) (issuer.Memberships, error) {
	s.asked++
	return issuer.Memberships{}, keys.ErrUnavailable
}

// TestUnreadableGroupsConsumeNothing: a refresh token whose answer can't be made is still good afterwards, without
// any grace. Where no token names groups or roles, nobody reads them.
func TestUnreadableGroupsConsumeNothing(t *testing.T) {
	s := apitest.New(t, func(c *apitest.Config) { c.Settings.Grace = 0 })
	s.AddUser(t, "spiderman")
	pair := signIn(t, s, "spiderman")
	real, away := s.Issuer.Store, &membersAway{Store: s.Issuer.Store}
	s.Issuer.Store = away
	var err error
	if pair, err = s.Issuer.Refresh(t.Context(), presented(pair.Refresh)); err != nil || away.asked != 0 {
		t.Fatalf("a token that names no groups: %v, asked %d times", err, away.asked)
	}
	if err := s.Issuer.CreateResource(t.Context(), issuer.Resource{Identifier: "api", Claims: []string{"groups"}}, apitest.System); err != nil {
		t.Fatal(err)
	}
	if err := s.Issuer.LoadResources(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := s.Issuer.Refresh(t.Context(), presented(pair.Refresh)); !errors.Is(err, keys.ErrUnavailable) {
			t.Fatalf("groups can't be read: %v", err)
		}
	}
	if _, err := s.Issuer.SignIn(t.Context(), authenticate(t, s, "spiderman"), apitest.System); !errors.Is(err, keys.ErrUnavailable) {
		t.Errorf("a sign-in while groups can't be read: %v", err)
	}
	s.Issuer.Store = real
	if _, err := s.Issuer.Refresh(t.Context(), presented(pair.Refresh)); err != nil {
		t.Errorf("the same token afterwards: %v", err)
	}
}
