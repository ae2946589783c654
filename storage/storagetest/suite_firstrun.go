package storagetest

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/keys"
	"keyturn/storage"
)

// firstRun makes a link to become the first administrator.
func firstRun(t *testing.T, db *storage.DB) (accounts.UsedLink, error) {
	t.Helper()
	link := accounts.UsedLink{Hash: keys.NewSecret().Hash(), Purpose: accounts.LinkFirstRun}
	terms := accounts.LinkTerms{Purpose: link.Purpose, Lifetime: 24 * time.Hour}
	return link, db.MintFirstRun(t.Context(), link.Hash, terms, Event(audit.FirstRunOffered))
}

func newAdministrator(name string) accounts.User {
	u := newUser(name)
	u.Admin = true
	return u
}

// testFirstRun: the newest link is good, for a day, while there is no administrator, however there comes to be one.
func testFirstRun(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	first, err := firstRun(t, db)
	must(t, err)
	User(t, db) // who is no administrator
	lookAt(t, "the first", db, first, nil)
	second, err := firstRun(t, db)
	must(t, err)
	lookAt(t, "the first when there is a second", db, first, accounts.ErrLinkGone)
	_, err = db.CreateUserByLink(ctx, first, newAdministrator("late"), Event(audit.UserCreated))
	is(t, "the first when there is a second, used", err, accounts.ErrLinkGone)
	clock.Advance(24 * time.Hour)
	lookAt(t, "after a day", db, second, accounts.ErrLinkGone)
	third, err := firstRun(t, db)
	must(t, err)
	equal(t, "events", actions(t, db, audit.FirstRunOffered), 3)

	boss, err := db.CreateUserByLink(ctx, third, newAdministrator("boss"), Event(audit.UserCreated))
	must(t, err)
	equal(t, "administrator", boss.Admin, true)
	lookAt(t, "a used one", db, third, accounts.ErrLinkUsed)
	_, err = firstRun(t, db)
	is(t, "where there is an administrator", err, accounts.ErrAdministratorExists)
	equal(t, "events", actions(t, db, audit.FirstRunOffered), 3)

	db = open(t, storage.Options{})
	dead, err := firstRun(t, db)
	must(t, err)
	_, err = db.CreateUser(ctx, newAdministrator("made by command"), Event(audit.UserCreated))
	must(t, err)
	lookAt(t, "where an administrator was made otherwise", db, dead, accounts.ErrLinkGone)
	_, err = db.CreateUserByLink(ctx, dead, newAdministrator("late"), Event(audit.UserCreated))
	is(t, "the same, used", err, accounts.ErrLinkGone)
}

// testFirstRunRaces: of links that are made in the same moment one is good, and whoever uses links in the same moment,
// even different ones that are good, one becomes the first administrator.
func testFirstRunRaces(t *testing.T, open OpenFunc) {
	for round := range 4 {
		db, ctx := open(t, storage.Options{MaxOpen: 8}), t.Context()
		must(t, atOnce(8, func(int) error { return db.Ping(ctx) })) // a warm pool
		links, good := make([]accounts.UsedLink, 8), 0
		must(t, atOnce(len(links), func(i int) (err error) {
			links[i], err = firstRun(t, db)
			return err
		}))
		for _, l := range links {
			if _, err := db.LinkByHash(ctx, l.Hash, l.Purpose); err == nil {
				good++
			}
		}
		equal(t, fmt.Sprintf("good links in round %d", round), good, 1)
		for i := range links { // several that are good, which MintFirstRun never makes
			terms := accounts.LinkTerms{Purpose: accounts.LinkFirstRun, Email: fmt.Sprint(i/2, "@example.com"), Lifetime: time.Hour}
			links[i] = links[i/2*2]
			if i%2 == 0 {
				links[i].Hash = keys.NewSecret().Hash()
				must(t, db.MintLink(ctx, links[i].Hash, terms, Event(audit.FirstRunOffered)))
			}
		}
		var made atomic.Int64
		must(t, atOnce(len(links), func(i int) error {
			_, err := db.CreateUserByLink(ctx, links[i], newAdministrator(fmt.Sprintf("boss %d", i)), Event(audit.UserCreated))
			if err == nil {
				made.Add(1)
			}
			return unless(err, accounts.ErrLinkUsed, accounts.ErrLinkGone)
		}))
		equal(t, fmt.Sprintf("administrators of round %d", round), made.Load(), 1)
		must(t, db.Close()) // the next round needs a database without an administrator, and connections
	}
}

// testCountAdministrators: each once, by the flag or a role, and as guarded only by a demand for more than a password.
func testCountAdministrators(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	count := func(what string, all, guarded int64) {
		t.Helper()
		n, err := db.CountAdministrators(ctx)
		must(t, err)
		equal(t, what, n, accounts.Administrators{All: all, Guarded: guarded})
	}
	join := func(level accounts.Level, role string, users ...accounts.User) {
		t.Helper()
		g, err := db.CreateGroup(ctx, accounts.Group{ID: uuid.NewString(), Name: string(level) + role, RequiredLevel: level}, Event(audit.GroupCreated))
		must(t, err)
		if role != "" {
			must(t, db.AddRole(ctx, g.ID, accounts.Role{Resource: accounts.AdminResource, Name: role}, Event(audit.GroupRoleAdded)))
		}
		for _, u := range users {
			must(t, db.AddMember(ctx, accounts.Membership{GroupID: g.ID, UserID: u.ID}, Event(audit.GroupMemberAdded)))
		}
	}
	count("nobody", 0, 0)
	plain, by := User(t, db), User(t, db)
	boss, err := db.CreateUser(ctx, newAdministrator("boss"), Event(audit.UserCreated))
	must(t, err)
	gone := newAdministrator("gone")
	gone.Active = false
	_, err = db.CreateUser(ctx, gone, Event(audit.UserCreated))
	must(t, err)
	count("by the flag", 1, 0)
	join("", accounts.RoleAdministrator, boss, by)
	join("", accounts.RoleAuditor, plain)
	count("by a role, too", 2, 0)
	join(accounts.OneFactor, "", boss, by)
	count("with a demand for a password", 2, 0)
	join(accounts.TwoFactors, "", boss, plain)
	join(accounts.PhishingResistant, "", boss, by)
	count("with demands for more", 2, 2)
}
