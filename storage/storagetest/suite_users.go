package storagetest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/storage"
)

// second is the error of two results.
func second[T any](_ T, err error) error { return err }

func testUsers(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	want := accounts.User{
		ID: uuid.NewString(), ExternalID: "17", Username: "spiderman", Email: "peter@example.com", EmailVerified: true,
		GivenName: "Peter", FamilyName: "Parker", Active: true, Admin: true, PasswordHash: "$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA",
		Claims: accounts.StandardClaims{Nickname: "Spidey", PhoneNumberVerified: true, Address: &accounts.Address{Locality: "Queens"}},
	}
	created, err := db.CreateUser(ctx, want, Event(audit.UserCreated))
	must(t, err)
	want.CredentialVersion, want.CreatedAt, want.UpdatedAt = 1, micro(clock.Now()), micro(clock.Now())
	equal(t, "created", created, want)
	byName, err := db.UserByUsername(ctx, "spiderman")
	must(t, err)
	equal(t, "by username", byName, want)
	byID, err := db.UserByID(ctx, want.ID)
	must(t, err)
	equal(t, "by id", byID, want)

	_, err = db.UserByUsername(ctx, "Spiderman")
	is(t, "another case of the name", err, accounts.ErrUserNotFound)
	_, err = db.UserByID(ctx, uuid.NewString())
	is(t, "an unknown id", err, accounts.ErrUserNotFound)
	_, err = db.CreateUser(ctx, accounts.User{ID: uuid.NewString(), Username: "spiderman"}, Event(audit.UserCreated))
	is(t, "the username again", err, accounts.ErrUsernameTaken)
	_, err = db.CreateUser(ctx, accounts.User{ID: uuid.NewString(), Username: "other", ExternalID: "17"}, Event(audit.UserCreated))
	is(t, "the external id again", err, accounts.ErrUsernameTaken)
	for range 2 { // none is no external id, and not the same one
		User(t, db)
	}

	_, err = db.CreateUser(ctx, accounts.User{ID: uuid.NewString(), Username: "another administrator", Active: true, Admin: true}, Event(audit.UserCreated))
	must(t, err)
	clock.Advance(time.Minute)
	updated, err := db.UpdateUser(ctx, want.ID, accounts.Change{Email: new("p@example.org"), ExternalID: new(""), Admin: new(false)}, Event(audit.UserUpdated))
	must(t, err)
	want.Email, want.ExternalID, want.Admin, want.UpdatedAt = "p@example.org", "", false, micro(clock.Now())
	equal(t, "updated", updated, want)
	for _, claims := range []accounts.StandardClaims{{Website: "https://example.org/?a=1&b=<2>"}, {}} {
		updated, err = db.UpdateUser(ctx, want.ID, accounts.Change{Claims: &claims}, Event(audit.UserUpdated))
		must(t, err)
		want.Claims = claims
		equal(t, "with other claims", updated, want)
		list, err := db.Users(ctx, accounts.Query{Prefix: "spiderman", Limit: 1})
		must(t, err)
		equal(t, "in the list", list[:1], []accounts.User{want})
	}
	_, err = db.UpdateUser(ctx, uuid.NewString(), accounts.Change{}, Event(audit.UserUpdated))
	is(t, "update of nobody", err, accounts.ErrUserNotFound)
	other := User(t, db)
	_, err = db.UpdateUser(ctx, other.ID, accounts.Change{Username: new("spiderman")}, Event(audit.UserUpdated))
	is(t, "a taken username", err, accounts.ErrUsernameTaken)

	_, err = db.DeleteUser(ctx, want.ID, Event(audit.UserDeleted))
	must(t, err)
	_, err = db.UserByID(ctx, want.ID)
	is(t, "a deleted user", err, accounts.ErrUserNotFound)
	_, err = db.DeleteUser(ctx, want.ID, Event(audit.UserDeleted))
	is(t, "deleting twice", err, accounts.ErrUserNotFound)
	equal(t, "events", actions(t, db, audit.UserUpdated, audit.UserDeleted), 4)
}

func testUserList(t *testing.T, open OpenFunc) {
	db := open(t, storage.Options{})
	names := []string{"Zoe", "ab", "abc", "abé", "abz", "ac", "b", "_x", "a"}
	for _, name := range names {
		_, err := db.CreateUser(t.Context(), accounts.User{ID: uuid.NewString(), Username: name}, Event(audit.UserCreated))
		must(t, err)
	}
	slices.Sort(names) // Go's order of strings is that of their bytes
	equal(t, "all", usernames(t, db, accounts.Query{Limit: 100}), names)
	equal(t, "prefix", usernames(t, db, accounts.Query{Prefix: "ab", Limit: 100}), []string{"ab", "abc", "abz", "abé"})
	equal(t, "first page", usernames(t, db, accounts.Query{Prefix: "ab", Limit: 2}), []string{"ab", "abc"})
	equal(t, "second page", usernames(t, db, accounts.Query{Prefix: "ab", After: "abc", Limit: 2}), []string{"abz", "abé"})
	equal(t, "the page before", usernames(t, db, accounts.Query{Prefix: "ab", Before: "abé", Limit: 2}), []string{"abc", "abz"})
	equal(t, "before a name behind the prefix", usernames(t, db, accounts.Query{Prefix: "ab", Before: "b", Limit: 9}), []string{"ab", "abc", "abz", "abé"})
	equal(t, "after a name before the prefix", usernames(t, db, accounts.Query{Prefix: "ab", After: "Zoe", Limit: 2}), []string{"ab", "abc"})
	equal(t, "before the first", len(usernames(t, db, accounts.Query{Prefix: "ab", Before: "ab", Limit: 2})), 0)
}

func usernames(t *testing.T, db *storage.DB, q accounts.Query) []string {
	t.Helper()
	users, err := db.Users(t.Context(), q)
	must(t, err)
	var names []string
	for _, u := range users {
		names = append(names, u.Username)
	}
	return names
}

func testCredentials(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	u := User(t, db)
	SignIn(t, db, u)
	SignIn(t, db, u)
	ended, err := db.SetPassword(ctx, u.ID, "$argon2id$v=19$m=2,t=1,p=1$c2FsdA$aGFzaA", Event(audit.UserPasswordSet))
	must(t, err)
	equal(t, "grants ended by a new password", ended, 2)
	checkRevoked(t, db, u.ID, issuer.PasswordChanged)
	changed, err := db.UserByID(ctx, u.ID)
	must(t, err)
	equal(t, "version", changed.CredentialVersion, u.CredentialVersion+1)

	must(t, db.Rehash(ctx, u.ID, "not the hash", "stolen"))
	must(t, db.Rehash(ctx, u.ID, changed.PasswordHash, "$argon2id$v=19$m=3,t=1,p=1$c2FsdA$aGFzaA"))
	rehashed, err := db.UserByID(ctx, u.ID)
	must(t, err)
	changed.PasswordHash = "$argon2id$v=19$m=3,t=1,p=1$c2FsdA$aGFzaA"
	equal(t, "after a rehash", rehashed, changed)

	SignIn(t, db, rehashed)
	ended, err = db.Deactivate(ctx, u.ID, Event(audit.UserDeactivated))
	must(t, err)
	equal(t, "grants ended by deactivation", ended, 1)
	ended, err = db.Deactivate(ctx, u.ID, Event(audit.UserDeactivated))
	must(t, err)
	equal(t, "grants ended again", ended, 0)
	must(t, db.Activate(ctx, u.ID, Event(audit.UserActivated)))
	must(t, db.Activate(ctx, u.ID, Event(audit.UserActivated)))
	active, err := db.UserByID(ctx, u.ID)
	must(t, err)
	equal(t, "version after off and on", active.CredentialVersion, rehashed.CredentialVersion+2)
	equal(t, "active", active.Active, true)
	equal(t, "events of off and on", actions(t, db, audit.UserActivated, audit.UserDeactivated), 2)

	_, err = db.SetPassword(ctx, uuid.NewString(), "h", Event(audit.UserPasswordSet))
	is(t, "a password for nobody", err, accounts.ErrUserNotFound)
	_, err = db.Deactivate(ctx, uuid.NewString(), Event(audit.UserDeactivated))
	is(t, "deactivating nobody", err, accounts.ErrUserNotFound)
	is(t, "activating nobody", db.Activate(ctx, uuid.NewString(), Event(audit.UserActivated)), accounts.ErrUserNotFound)
}

func testPasswordSchemes(t *testing.T, open OpenFunc) {
	db := open(t, storage.Options{})
	for i, hash := range []string{
		"", "", "!unusable",
		"$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA", "$argon2id$v=19$m=1,t=1,p=1$b3RoZXI$aGFzaA", "$argon2id$v=19$m=2,t=1,p=1$c2FsdA$aGFzaA",
		"pbkdf2_sha256$600000$salt$aGFzaA=", "pbkdf2_sha256$600000$pepper$aGFzaB=", "pbkdf2_sha256$870000$salt$aGFzaA=",
		"bcrypt_sha256$$2b$12$aaaaaaaaaaaaaaaaaaaaaabbbb", "bcrypt_sha256$$2b$12$ccccccccccccccccccccccdddd", "$2y$10$aaaaaaaaaaaaaaaaaaaaaabbbb",
		"scrypt$16384$salt$8$5$aGFzaA==", "scrypt$16384$other$8$5$aGFzaA==", "$scrypt$ln=14,r=8,p=1$c2FsdA$aGFzaA",
		"argon2$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA",
	} {
		_, err := db.CreateUser(t.Context(), accounts.User{ID: uuid.NewString(), Username: string(rune('a' + i)), PasswordHash: hash}, Event(audit.UserCreated))
		must(t, err)
	}
	schemes, err := db.PasswordSchemes(t.Context())
	must(t, err)
	equal(t, "schemes", len(schemes), 9)
	for i := range 30 {
		_, err := db.CreateUser(t.Context(), accounts.User{ID: uuid.NewString(), Username: "u" + string(rune('a'+i)), PasswordHash: "pbkdf2_sha256$" + string(rune('A'+i)) + "$s$h"}, Event(audit.UserCreated))
		must(t, err)
	}
	schemes, err = db.PasswordSchemes(t.Context())
	must(t, err)
	equal(t, "schemes at most", len(schemes), 20)
}
