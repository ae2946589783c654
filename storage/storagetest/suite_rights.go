package storagetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/storage"
)

// by is an event whose actor has these rights.
func by(action audit.Action, rights audit.Rights) audit.Event {
	event := Event(action)
	event.Actor.Rights = rights
	return event
}

func adminRole(name string) accounts.Role {
	return accounts.Role{Resource: accounts.AdminResource, Name: name}
}

// withRole creates a user in a group of their own with that role at the admin API.
func withRole(t *testing.T, db *storage.DB, role string) (accounts.User, accounts.Group) {
	t.Helper()
	u, g := User(t, db), Group(t, db)
	must(t, db.AddRole(t.Context(), g.ID, adminRole(role), Event(audit.GroupRoleAdded)))
	must(t, db.AddMember(t.Context(), accounts.Membership{GroupID: g.ID, UserID: u.ID}, Event(audit.GroupMemberAdded)))
	return u, g
}

// testRightsOf: what a person may do is what their groups give, and users.admin gives all.
func testRightsOf(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	u, managers := withRole(t, db, accounts.RoleUserManager)
	rights := func(want audit.Rights, wantActive bool) {
		t.Helper()
		got, active, err := db.RightsOf(ctx, u.ID)
		must(t, err)
		equal(t, "rights", got, want)
		equal(t, "active", active, wantActive)
	}
	rights(audit.ManageUsers, true)
	must(t, db.AddRole(ctx, managers.ID, adminRole(accounts.RoleKeyManager), Event(audit.GroupRoleAdded)))
	must(t, db.AddRole(ctx, managers.ID, accounts.Role{Resource: "api", Name: accounts.RoleAdministrator}, Event(audit.GroupRoleAdded)))
	rights(audit.ManageUsers|audit.ManageKeys, true)
	_, err := db.UpdateUser(ctx, u.ID, accounts.Change{Admin: new(true)}, Event(audit.UserUpdated))
	must(t, err)
	rights(audit.ManageAll, true)
	another := User(t, db)
	_, err = db.UpdateUser(ctx, another.ID, accounts.Change{Admin: new(true)}, Event(audit.UserUpdated))
	must(t, err)
	must(t, second(db.Deactivate(ctx, u.ID, Event(audit.UserDeactivated))))
	rights(audit.ManageAll, false)
	got, active, err := db.RightsOf(ctx, uuid.NewString())
	must(t, err)
	equal(t, "rights of nobody", got, audit.Rights(0))
	equal(t, "nobody active", active, false)
}

// testNobodyOutranked: with a right to change people nobody gets at those who may do more, nor gives what they
// have not, whatever way they take.
func testNobodyOutranked(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	admin := User(t, db)
	_, err := db.UpdateUser(ctx, admin.ID, accounts.Change{Admin: new(true)}, Event(audit.UserUpdated))
	must(t, err)
	keeper, keepers := withRole(t, db, accounts.RoleKeyManager)
	peer, peers := withRole(t, db, accounts.RoleUserManager)
	plain, harmless := User(t, db), Group(t, db)
	must(t, db.AddMember(ctx, accounts.Membership{GroupID: harmless.ID, UserID: admin.ID}, Event(audit.GroupMemberAdded)))
	free := Group(t, db)

	type deed struct {
		name string
		do   func(context.Context, audit.Event) error
	}
	to := func(u accounts.User) []deed {
		return []deed{
			{"update", func(ctx context.Context, e audit.Event) error {
				return second(db.UpdateUser(ctx, u.ID, accounts.Change{Email: new("eve@example.com")}, e))
			}},
			{"password", func(ctx context.Context, e audit.Event) error { return second(db.SetPassword(ctx, u.ID, "h", e)) }},
			{"deactivate", func(ctx context.Context, e audit.Event) error { return second(db.Deactivate(ctx, u.ID, e)) }},
			{"activate", func(ctx context.Context, e audit.Event) error { return db.Activate(ctx, u.ID, e) }},
			{"add to a group", func(ctx context.Context, e audit.Event) error {
				return db.AddMember(ctx, accounts.Membership{GroupID: free.ID, UserID: u.ID}, e)
			}},
			{"remove from a group", func(ctx context.Context, e audit.Event) error {
				return db.RemoveMember(ctx, accounts.Membership{GroupID: free.ID, UserID: u.ID}, e)
			}},
			{"delete", func(ctx context.Context, e audit.Event) error { return second(db.DeleteUser(ctx, u.ID, e)) }},
		}
	}
	of := func(g accounts.Group) []deed {
		return []deed{
			{"add to it", func(ctx context.Context, e audit.Event) error {
				return db.AddMember(ctx, accounts.Membership{GroupID: g.ID, UserID: plain.ID}, e)
			}},
			{"remove from it", func(ctx context.Context, e audit.Event) error {
				return db.RemoveMember(ctx, accounts.Membership{GroupID: g.ID, UserID: plain.ID}, e)
			}},
			{"update it", func(ctx context.Context, e audit.Event) error {
				return second(db.UpdateGroup(ctx, g.ID, accounts.GroupChange{RequiredLevel: new(accounts.Level(""))}, e))
			}},
			{"add a role", func(ctx context.Context, e audit.Event) error {
				return db.AddRole(ctx, g.ID, accounts.Role{Resource: "api", Name: "x"}, e)
			}},
			{"remove a role", func(ctx context.Context, e audit.Event) error {
				return db.RemoveRole(ctx, g.ID, accounts.Role{Resource: "api", Name: "x"}, e)
			}},
			{"delete it", func(ctx context.Context, e audit.Event) error { return db.DeleteGroup(ctx, g.ID, e) }},
		}
	}
	refused := func(what string, deeds []deed) {
		t.Helper()
		for _, d := range deeds {
			is(t, what+": "+d.name, d.do(ctx, by("test.outranked", audit.ManageUsers)), audit.ErrForbidden)
		}
		equal(t, what+": events", actions(t, db, "test.outranked"), 0)
	}
	allowed := func(what string, deeds []deed) {
		t.Helper()
		for _, d := range deeds {
			if err := d.do(ctx, by("test.outranked", audit.ManageUsers)); err != nil {
				t.Errorf("%s: %s: %v", what, d.name, err)
			}
		}
	}
	refused("an administrator", to(admin))
	refused("a key manager", to(keeper))
	refused("a group that carries more", of(keepers))
	refused("a group with an administrator in it", of(harmless)[2:])
	allowed("a group with an administrator in it", of(harmless)[:2])
	allowed("an equal's group", of(peers)[:5])
	allowed("an equal", to(peer))
	allowed("a group that carries nothing", of(free))
	allowed("somebody without rights", to(plain)[:4])
}

// waysToLose are the ways in which somebody who may do everything ceases to, for one who is an administrator
// by the users table and one by a group.
func waysToLose(db *storage.DB, u accounts.User, g accounts.Group) map[string]func(context.Context) error {
	ways := map[string]func(context.Context) error{
		"deactivated": func(ctx context.Context) error { return second(db.Deactivate(ctx, u.ID, Event(audit.UserDeactivated))) },
		"deleted":     func(ctx context.Context) error { return second(db.DeleteUser(ctx, u.ID, Event(audit.UserDeleted))) },
	}
	if g.ID == "" {
		ways["demoted"] = func(ctx context.Context) error {
			return second(db.UpdateUser(ctx, u.ID, accounts.Change{Admin: new(false)}, Event(audit.UserUpdated)))
		}
		return ways
	}
	ways["removed from the group"] = func(ctx context.Context) error {
		return db.RemoveMember(ctx, accounts.Membership{GroupID: g.ID, UserID: u.ID}, Event(audit.GroupMemberRemoved))
	}
	ways["the group's role removed"] = func(ctx context.Context) error {
		return db.RemoveRole(ctx, g.ID, adminRole(accounts.RoleAdministrator), Event(audit.GroupRoleRemoved))
	}
	ways["the group deleted"] = func(ctx context.Context) error { return db.DeleteGroup(ctx, g.ID, Event(audit.GroupDeleted)) }
	return ways
}

func someAdministrator(t *testing.T, db *storage.DB, byGroup bool) (accounts.User, accounts.Group) {
	t.Helper()
	if byGroup {
		return withRole(t, db, accounts.RoleAdministrator)
	}
	u := User(t, db)
	_, err := db.UpdateUser(t.Context(), u.ID, accounts.Change{Admin: new(true)}, Event(audit.UserUpdated))
	if err != nil {
		t.Fatal(err)
	}
	return u, accounts.Group{}
}

// testLastAdministrator: somebody is always left who may do everything. Where nobody was, nothing is held up.
func testLastAdministrator(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	must(t, second(db.Deactivate(ctx, User(t, db).ID, Event(audit.UserDeactivated))))
	var before accounts.User
	for _, byGroup := range []bool{false, true} {
		u, g := someAdministrator(t, db, byGroup)
		if before.ID != "" {
			must(t, second(db.DeleteUser(ctx, before.ID, Event(audit.UserDeleted))))
		}
		gone, _ := someAdministrator(t, db, !byGroup)
		must(t, second(db.Deactivate(ctx, gone.ID, Event(audit.UserDeactivated)))) // who is not active does not count
		foretold(t, db, u, g, false)
		for name, lose := range waysToLose(db, u, g) {
			is(t, fmt.Sprintf("the last one (by a group: %t), %s", byGroup, name), lose(ctx), accounts.ErrLastAdministrator)
		}
		rights, active, err := db.RightsOf(ctx, u.ID)
		must(t, err)
		equal(t, "still may", rights, audit.ManageAll)
		equal(t, "still active", active, true)
		_, err = db.UpdateUser(ctx, User(t, db).ID, accounts.Change{Admin: new(false)}, Event(audit.UserUpdated))
		must(t, err) // one who was none
		before = u
		another, _ := someAdministrator(t, db, byGroup)
		foretold(t, db, u, g, true)
		must(t, second(db.DeleteUser(ctx, another.ID, Event(audit.UserDeleted))))
	}
}

// foretold demands that whether somebody would be left is told beforehand, of each way to lose what one may.
func foretold(t *testing.T, db *storage.DB, u accounts.User, g accounts.Group, want bool) {
	t.Helper()
	losses := []accounts.Loss{{UserID: u.ID}}
	if g.ID != "" {
		losses = []accounts.Loss{{GroupID: g.ID}, {GroupID: g.ID, UserID: u.ID}}
	}
	for _, l := range losses {
		has, left, err := db.AdministratorLeft(t.Context(), l)
		must(t, err)
		equal(t, fmt.Sprintf("there is one, before %+v", l), has, true)
		equal(t, fmt.Sprintf("one is left by %+v", l), left, want)
	}
	for _, other := range []accounts.Loss{{UserID: uuid.NewString()}, {GroupID: uuid.NewString()}, {GroupID: g.ID, UserID: uuid.NewString()}, {GroupID: uuid.NewString(), UserID: u.ID}} {
		_, left, err := db.AdministratorLeft(t.Context(), other)
		must(t, err)
		equal(t, fmt.Sprintf("one is left by %+v, which takes nothing", other), left, true)
	}
}

// testLastAdministratorRaces lets two administrators lose what they may in the same moment, each in every way:
// one is left, each time.
func testLastAdministratorRaces(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{MaxOpen: 8}), t.Context()
	var before []accounts.User
	for _, first := range []string{"deactivated", "deleted", "demoted"} {
		for _, other := range []string{"deactivated", "deleted", "removed from the group", "the group's role removed", "the group deleted"} {
			for range 10 {
				one, none := someAdministrator(t, db, false)
				two, g := someAdministrator(t, db, true)
				for _, u := range before {
					must(t, unless(second(db.DeleteUser(ctx, u.ID, Event(audit.UserDeleted))), accounts.ErrUserNotFound))
				}
				before = []accounts.User{one, two}
				ways := []func(context.Context) error{waysToLose(db, one, none)[first], waysToLose(db, two, g)[other]}
				refused := make([]bool, 2)
				must(t, atOnce(2, func(i int) error {
					err := ways[i](ctx)
					refused[i] = errors.Is(err, accounts.ErrLastAdministrator)
					return unless(err, accounts.ErrLastAdministrator)
				}))
				if refused[0] == refused[1] {
					t.Fatalf("one %s while the other %s: refused %v, want one of them", first, other, refused)
				}
			}
		}
	}
}
