package storagetest

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/storage"
)

// named is a user with nothing but a name.
func named(name string) accounts.User {
	return accounts.User{ID: uuid.NewString(), Username: name, Active: true}
}

func imported() []audit.Event { return []audit.Event{Event(audit.UserImported)} }

// three tries create, update and import alike: each of them must refuse what the others do.
func three(t *testing.T, db *storage.DB, what string, u accounts.User) {
	t.Helper()
	_, err := db.CreateUser(t.Context(), u, Event(audit.UserCreated))
	is(t, what+" at creation", err, accounts.ErrUsernameTaken)
	c := accounts.Change{Username: &u.Username, ExternalID: &u.ExternalID}
	_, err = db.UpdateUser(t.Context(), User(t, db).ID, c, Event(audit.UserUpdated))
	is(t, what+" at update", err, accounts.ErrUsernameTaken)
	is(t, what+" at import", db.ImportUsers(t.Context(), []accounts.User{u}, imported()), accounts.ErrUsernameTaken)
}

func testLookAlikes(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	victim, err := db.CreateUser(ctx, named("victim"), Event(audit.UserCreated))
	must(t, err)
	for _, name := range []string{"victim", "Victim", "VICTIM", "\uff56ictim"} {
		three(t, db, name, named(name))
	}
	err = db.ImportUsers(ctx, []accounts.User{named("first"), named("Victim")}, imported())
	if conflict, ok := errors.AsType[*accounts.ImportConflict](err); !ok || *conflict != (accounts.ImportConflict{Username: "Victim", Existing: "victim"}) {
		t.Errorf("the conflict names %v, want Victim and victim", err)
	}
	_, err = db.UpdateUser(ctx, victim.ID, accounts.Change{Username: new("Victim")}, Event(audit.UserUpdated))
	must(t, err) // to another spelling of one's own
	_, err = db.UpdateUser(ctx, victim.ID, accounts.Change{Username: new("other")}, Event(audit.UserUpdated))
	must(t, err)
	_, err = db.CreateUser(ctx, named("victim"), Event(audit.UserCreated))
	must(t, err) // the name is free again
}

// testExternalIDs: tokens release an external id as user_id, so none may be taken for another user's id.
func testExternalIDs(t *testing.T, open OpenFunc) {
	db := open(t, storage.Options{})
	u := User(t, db)
	for _, id := range []string{u.ID, strings.ToUpper(u.ID), "{" + u.ID + "}", "urn:uuid:" + u.ID, strings.ReplaceAll(u.ID, "-", "")} {
		other := named("other")
		other.ExternalID = id
		three(t, db, id, other)
	}
	free := named("other")
	free.ExternalID = strings.ToUpper(uuid.NewString())
	created, err := db.CreateUser(t.Context(), free, Event(audit.UserCreated))
	must(t, err)
	equal(t, "a free one stays as it is written", created.ExternalID, free.ExternalID)
	again := named("another")
	again.ExternalID = free.ExternalID
	three(t, db, "an external id twice", again)
}

func testImport(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	first := User(t, db)
	// The conflicts stand at the ends of chunks of all sizes.
	for _, n := range []int{0, 1, 4, 5, 29, 30, 66} {
		var users []accounts.User
		for i := range n {
			users = append(users, named("new"+strconv.Itoa(i)))
		}
		err := db.ImportUsers(ctx, append(users, named(first.Username), named("behind")), imported())
		is(t, "import of a taken name", err, accounts.ErrUsernameTaken)
		conflict, ok := errors.AsType[*accounts.ImportConflict](err)
		if !ok || *conflict != (accounts.ImportConflict{Username: first.Username, Existing: first.Username}) {
			t.Errorf("the conflict names %v, want %s", err, first.Username)
		}
		_, err = db.UserByUsername(ctx, "new0")
		is(t, "after a failed import", err, accounts.ErrUserNotFound)
	}
	is(t, "a name twice", db.ImportUsers(ctx, []accounts.User{named("new"), named("New")}, imported()), accounts.ErrUsernameTaken)
	equal(t, "events of failed imports", actions(t, db, audit.UserImported), 0)

	want := accounts.User{
		ID: uuid.NewString(), ExternalID: "17", Username: "spiderman", Email: "peter@example.com", EmailVerified: true,
		GivenName: "Peter", FamilyName: "Parker", Active: true, Admin: true, PasswordHash: "$argon2id$v=19$m=9,t=1,p=1$c2FsdA$aGFzaA",
	}
	must(t, db.ImportUsers(ctx, []accounts.User{named("new"), want}, append(imported(), Event(audit.UserCreated))))
	want.CredentialVersion, want.CreatedAt, want.UpdatedAt = 1, micro(clock.Now()), micro(clock.Now())
	got, err := db.UserByUsername(ctx, "spiderman")
	must(t, err)
	equal(t, "imported", got, want)
	_, err = db.UserByUsername(ctx, "new")
	must(t, err)
	equal(t, "import events", actions(t, db, audit.UserImported), 1)
	equal(t, "events of the administrator and of the first user", actions(t, db, audit.UserCreated), 2)
	schemes, err := db.PasswordSchemes(ctx)
	must(t, err)
	equal(t, "schemes", len(schemes), 2)
}

// testImportRaces: whoever comes second is told whom they met, and nobody is there twice.
func testImportRaces(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	for round := range 8 {
		name := "user" + strconv.Itoa(round)
		must(t, atOnce(8, func(i int) error {
			spelling := []string{name, strings.ToUpper(name)}[i%2]
			err := db.ImportUsers(ctx, []accounts.User{named(spelling), named(spelling + "-" + strconv.Itoa(i))}, imported())
			if conflict, ok := errors.AsType[*accounts.ImportConflict](err); ok && accounts.Fold(conflict.Existing) == name {
				return nil
			}
			return err
		}))
		equal(t, "imports that succeeded", actions(t, db, audit.UserImported), round+1)
	}
}
