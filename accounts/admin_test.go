package accounts

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"keyturn/audit"
)

var operator = audit.Actor{Kind: audit.Operator, ID: "root", Rights: audit.ManageAll}

func cheapService(store Store) *Service {
	return &Service{Store: store, Argon2: Argon2{Memory: 64, Time: 1, Threads: 1}}
}

func TestCreateThenSignIn(t *testing.T) {
	store := newTestStore()
	s := cheapService(store)
	user, err := s.Create(t.Context(), NewUser{
		Username: "spiderman", Password: "underoos", Email: "peter@example.com", EmailVerified: true,
		GivenName: "Peter", FamilyName: "Parker", Admin: true, ExternalID: "7",
	}, operator)
	if err != nil {
		t.Fatal(err)
	}
	if !user.Active || !user.Admin || !user.EmailVerified || user.ExternalID != "7" || checkID(user.ID) != nil {
		t.Errorf("user %+v", user)
	}
	if user.PasswordHash != "" {
		t.Error("the hash leaves the package")
	}
	event := store.events[0]
	want := map[string]string{"username": "spiderman", "admin": "true"}
	if event.Action != audit.UserCreated || event.Actor != operator || event.SubjectKind != "user" ||
		event.SubjectID != user.ID || !maps.Equal(event.Details, want) {
		t.Errorf("event %+v", event)
	}
	proof, err := s.Authenticate(t.Context(), signIn("spiderman", "underoos", ""))
	if err != nil || proof.UserID() != user.ID {
		t.Errorf("sign-in: %+v, %v", proof, err)
	}
	if _, err := s.Create(t.Context(), NewUser{Username: "spiderman"}, operator); !errors.Is(err, ErrUsernameTaken) {
		t.Errorf("the same name again: %v", err)
	}
	if _, err := s.Create(t.Context(), NewUser{Username: "nopassword"}, operator); err != nil {
		t.Errorf("a user without password: %v", err)
	}
	if _, err := s.Authenticate(t.Context(), signIn("nopassword", "", "")); !errors.Is(err, ErrCredentials) {
		t.Errorf("a user without password signs in: %v", err)
	}
}

// Security requirement 30: accepted and verified exactly, no rules of composition.
func TestPasswordRules(t *testing.T) {
	for _, good := range []string{
		"underoos", "zkwzqkwz", " leading and trailing ", "пароль98к", "line\nend", strings.Repeat("été x", 146), "  z  k  w",
	} {
		store := newTestStore(spiderman())
		s := cheapService(store)
		if _, err := s.SetPassword(t.Context(), userID, good, operator); err != nil {
			t.Errorf("%.20q: %v", good, err)
			continue
		}
		h, err := parseHash(store.users[userID].PasswordHash)
		if err != nil || !h.matches(good) || h.matches(strings.TrimSpace(good)+"x") || h.matches(good[:len(good)-1]) {
			t.Errorf("%.20q is not verified exactly (%v)", good, err)
		}
	}
	for _, bad := range []string{"", "seven77", "éééé", "nul\x00inside", "broken\xff utf-8", strings.Repeat("x", 1025)} {
		_, err := cheapService(newTestStore(spiderman())).SetPassword(t.Context(), userID, bad, operator)
		wrong, ok := errors.AsType[*InvalidRequest](err)
		if !ok || wrong.Param != "password" {
			t.Errorf("%.20q: %v, want *InvalidRequest about password", bad, err)
		}
		if bad != "" && err != nil && strings.Contains(err.Error(), bad) {
			t.Errorf("the error repeats the password: %v", err)
		}
	}
}

func TestFieldRules(t *testing.T) {
	text := func(s string) *string { return &s }
	yes := true
	for _, c := range []struct {
		param  string
		change Change
	}{
		{"username", Change{Username: text("")}},
		{"username", Change{Username: text(" spiderman")}},
		{"username", Change{Username: text("spiderman\u00a0")}},
		{"username", Change{Username: text("spider\x00man")}},
		{"username", Change{Username: text("spider\u0085man")}},
		{"username", Change{Username: text("spider\xffman")}},
		{"username", Change{Username: text(strings.Repeat("x", 255))}},
		{"email", Change{Email: text("peter")}},
		{"email", Change{Email: text("Peter <peter@example.com>")}},
		{"email", Change{Email: text("peter@example.com, eve@example.com")}},
		{"email", Change{Email: text("peter@example.com\r\nBcc: eve@example.com")}},
		{"email", Change{Email: text(strings.Repeat("x", 250) + "@example.com")}},
		{"email_verified", Change{Email: text(""), EmailVerified: &yes}},
		{"given_name", Change{GivenName: text("Pe\nter")}},
		{"given_name", Change{GivenName: text(strings.Repeat("é", 151))}},
		{"family_name", Change{FamilyName: text("\xff")}},
		{"external_id", Change{ExternalID: text("7\x00")}},
		{"external_id", Change{ExternalID: text(strings.Repeat("7", 256))}},
	} {
		store := newTestStore(spiderman())
		_, err := cheapService(store).Update(t.Context(), userID, c.change, operator)
		if wrong, ok := errors.AsType[*InvalidRequest](err); !ok || wrong.Param != c.param {
			t.Errorf("%+v: %v, want *InvalidRequest about %s", c.change, err, c.param)
		}
		if len(store.calls) > 0 {
			t.Errorf("%s: the store was asked: %v", c.param, store.calls)
		}
	}
	good := Change{
		Username: text("Ünal O'Brien+x@example.com"), Email: text("peter.o'brien+x@sub.example.com"),
		GivenName: text(strings.Repeat("é", 150)), FamilyName: text(""), ExternalID: text(""),
	}
	if _, err := cheapService(newTestStore(spiderman())).Update(t.Context(), userID, good, operator); err != nil {
		t.Error(err)
	}
}

func TestUpdate(t *testing.T) {
	u := spiderman()
	u.Email, u.EmailVerified = "old@example.com", true
	store := newTestStore(u)
	s := cheapService(store)
	email, admin := "new@example.com", true
	got, err := s.Update(t.Context(), userID, Change{Email: &email, Admin: &admin}, operator)
	if err != nil {
		t.Fatal(err)
	}
	if got.Email != email || got.EmailVerified || !got.Admin || got.Username != "spiderman" || got.PasswordHash != "" {
		t.Errorf("user %+v", got)
	}
	want := map[string]string{"fields": "email email_verified admin", "admin": "true"}
	if event := store.events[0]; event.Action != audit.UserUpdated || !maps.Equal(event.Details, want) {
		t.Errorf("event %+v", event)
	}
	if _, err := s.Update(t.Context(), userID, Change{}, operator); err != nil || len(store.events) != 1 {
		t.Errorf("a change of nothing: %v, %d events", err, len(store.events))
	}
}

func TestAdministration(t *testing.T) {
	store := newTestStore(spiderman())
	s := cheapService(store)
	ctx := t.Context()
	ended, err := s.SetPassword(ctx, userID, "another password", operator)
	if err != nil || ended != 1 {
		t.Errorf("set password: %d, %v", ended, err)
	}
	if ended, err = s.Deactivate(ctx, userID, operator); err != nil || ended != 2 {
		t.Errorf("deactivate: %d, %v", ended, err)
	}
	if _, err := s.Authenticate(ctx, signIn("spiderman", "another password", "")); !errors.Is(err, ErrCredentials) {
		t.Errorf("a deactivated user signs in: %v", err)
	}
	if err := s.Activate(ctx, userID, operator); err != nil {
		t.Errorf("activate: %v", err)
	}
	proof, err := s.Authenticate(ctx, signIn("spiderman", "another password", ""))
	if err != nil || proof.CredentialVersion() != 6 {
		t.Errorf("sign-in at version %d, %v; want 6", proof.CredentialVersion(), err)
	}
	if u, err := s.Get(ctx, userID); err != nil || u.Username != "spiderman" || u.PasswordHash != "" {
		t.Errorf("get: %+v, %v", u, err)
	}
	if u, err := s.Find(ctx, "spiderman"); err != nil || u.ID != userID || u.PasswordHash != "" {
		t.Errorf("find: %+v, %v", u, err)
	}
	page, err := s.List(ctx, Query{Limit: 10, Prefix: "spi"}, operator)
	if err != nil || len(page) != 1 || page[0].PasswordHash != "" {
		t.Errorf("list: %+v, %v", page, err)
	}
	if ended, err = s.Delete(ctx, userID, operator); err != nil || ended != 3 {
		t.Errorf("delete: %d, %v", ended, err)
	}
	var actions []audit.Action
	for _, e := range store.events {
		if e.SubjectID != userID || e.SubjectKind != "user" || e.Actor != operator {
			t.Errorf("event %+v", e)
		}
		actions = append(actions, e.Action)
	}
	want := []audit.Action{audit.UserPasswordSet, audit.UserDeactivated, audit.UserActivated, audit.UserDeleted}
	if !slices.Equal(actions, want) {
		t.Errorf("actions %v, want %v", actions, want)
	}
}

// An id that can't be one is not found, and does not reach the database (where NUL is an error).
func TestImpossibleIDs(t *testing.T) {
	store := newTestStore(spiderman())
	s := cheapService(store)
	for _, id := range []string{"", "1", "\x00", strings.ToUpper(userID), "{" + userID + "}", "urn:uuid:" + userID} {
		_, get := s.Get(t.Context(), id)
		_, update := s.Update(t.Context(), id, Change{}, operator)
		_, set := s.SetPassword(t.Context(), id, "long enough", operator)
		_, off := s.Deactivate(t.Context(), id, operator)
		_, del := s.Delete(t.Context(), id, operator)
		for _, err := range []error{get, update, set, off, del, s.Activate(t.Context(), id, operator)} {
			if !errors.Is(err, ErrUserNotFound) {
				t.Errorf("%q: %v, want ErrUserNotFound", id, err)
			}
		}
	}
	if _, err := s.Find(t.Context(), "\x00"); !errors.Is(err, ErrUserNotFound) {
		t.Errorf("find: %v", err)
	}
	for _, q := range []Query{{Limit: 0}, {Limit: 1001}, {Limit: 1, Prefix: "\x00"}, {Limit: 1, After: "\xff"}} {
		if _, err := s.List(t.Context(), q, operator); err == nil {
			t.Errorf("%+v is accepted", q)
		}
	}
	if len(store.calls) != 0 {
		t.Errorf("the store was asked: %v", store.calls)
	}
}
