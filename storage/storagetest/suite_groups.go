package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/storage"
)

// Group creates an empty group under a name of its own.
func Group(t testing.TB, db *storage.DB) accounts.Group {
	t.Helper()
	id := uuid.NewString()
	g, err := db.CreateGroup(t.Context(), accounts.Group{ID: id, Name: "group-" + id}, Event(audit.GroupCreated))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

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

func testGroups(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	want := accounts.Group{ID: uuid.NewString(), Name: "Redaktion", Description: "who writes", RequiredLevel: accounts.TwoFactors}
	created, err := db.CreateGroup(ctx, want, Event(audit.GroupCreated))
	must(t, err)
	want.CreatedAt, want.UpdatedAt = micro(clock.Now()), micro(clock.Now())
	equal(t, "created", created, want)
	for _, name := range []string{"Redaktion", "redaktion"} {
		_, err = db.CreateGroup(ctx, accounts.Group{ID: uuid.NewString(), Name: name}, Event(audit.GroupCreated))
		is(t, "the name "+name+" again", err, accounts.ErrGroupExists)
	}
	other := Group(t, db)
	_, err = db.UpdateGroup(ctx, other.ID, accounts.GroupChange{Name: new("REDAKTION")}, Event(audit.GroupUpdated))
	is(t, "a taken name", err, accounts.ErrGroupExists)

	clock.Advance(time.Minute)
	want.Name, want.RequiredLevel, want.UpdatedAt = "Verlag", accounts.PhishingResistant, micro(clock.Now())
	updated, err := db.UpdateGroup(ctx, want.ID, accounts.GroupChange{Name: new("Verlag"), RequiredLevel: new(accounts.PhishingResistant)}, Event(audit.GroupUpdated))
	must(t, err)
	equal(t, "updated", updated, want)

	want.Roles = []accounts.Role{{Resource: "api", Name: "editor"}, {Resource: "api", Name: "reader"}, {Resource: "stock", Name: "reader"}}
	for _, r := range []accounts.Role{want.Roles[2], want.Roles[0], want.Roles[1], want.Roles[0]} {
		must(t, db.AddRole(ctx, want.ID, r, Event(audit.GroupRoleAdded)))
	}
	want.UpdatedAt = want.UpdatedAt.Add(3 * time.Microsecond) // a role changes the group, though the clock stands still
	byName, err := db.GroupByName(ctx, "Verlag")
	must(t, err)
	equal(t, "by name", byName, want)
	byID, err := db.GroupByID(ctx, want.ID)
	must(t, err)
	equal(t, "by id", byID, want)
	list, err := db.Groups(ctx, accounts.Query{Prefix: "V", Limit: 10})
	must(t, err)
	equal(t, "in the list", list, []accounts.Group{want})
	must(t, db.RemoveRole(ctx, want.ID, want.Roles[0], Event(audit.GroupRoleRemoved)))
	must(t, db.RemoveRole(ctx, want.ID, want.Roles[0], Event(audit.GroupRoleRemoved)))
	equal(t, "changes of roles in the audit log", actions(t, db, audit.GroupRoleAdded, audit.GroupRoleRemoved), 4)

	for name, err := range map[string]error{
		"by id":     second(db.GroupByID(ctx, uuid.NewString())),
		"by name":   second(db.GroupByName(ctx, "verlag")),
		"update":    second(db.UpdateGroup(ctx, uuid.NewString(), accounts.GroupChange{}, Event(audit.GroupUpdated))),
		"delete":    db.DeleteGroup(ctx, uuid.NewString(), Event(audit.GroupDeleted)),
		"role":      db.AddRole(ctx, uuid.NewString(), want.Roles[1], Event(audit.GroupRoleAdded)),
		"no role":   db.RemoveRole(ctx, uuid.NewString(), want.Roles[1], Event(audit.GroupRoleRemoved)),
		"member":    db.AddMember(ctx, accounts.Membership{GroupID: uuid.NewString(), UserID: User(t, db).ID}, Event(audit.GroupMemberAdded)),
		"no member": db.RemoveMember(ctx, accounts.Membership{GroupID: uuid.NewString(), UserID: User(t, db).ID}, Event(audit.GroupMemberRemoved)),
		"members":   second(db.Members(ctx, uuid.NewString(), accounts.Query{Limit: 1})),
	} {
		is(t, "a group that is not there, "+name, err, accounts.ErrGroupNotFound)
	}
	must(t, db.DeleteGroup(ctx, want.ID, Event(audit.GroupDeleted)))
	is(t, "a deleted group", second(db.GroupByID(ctx, want.ID)), accounts.ErrGroupNotFound)
}

func testGroupLists(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	names := []string{"Ärzte", "editors", "writers", "writers 2", "writers 3", "writers2"}
	for _, name := range names {
		_, err := db.CreateGroup(ctx, accounts.Group{ID: uuid.NewString(), Name: name}, Event(audit.GroupCreated))
		must(t, err)
	}
	slices.Sort(names)
	list := func(q accounts.Query) ([]string, error) {
		groups, err := db.Groups(ctx, q)
		return each(groups, func(g accounts.Group) string { return g.Name }), err
	}
	for _, c := range []struct {
		q    accounts.Query
		want []string
	}{
		{accounts.Query{Limit: 10}, names},
		{accounts.Query{After: "editors", Limit: 2}, []string{"writers", "writers 2"}},
		{accounts.Query{Prefix: "writers ", After: "writers 2", Limit: 2}, []string{"writers 3"}},
		{accounts.Query{Prefix: "writers", Before: "writers 3", Limit: 9}, []string{"writers", "writers 2"}},
		{accounts.Query{Before: "writers", Limit: 9}, []string{"editors"}},
	} {
		got, err := list(c.q)
		must(t, err)
		equal(t, fmt.Sprintf("%+v", c.q), got, c.want)
	}
	equal(t, "backwards", back(t, names[5], func(before string) ([]string, error) { return list(accounts.Query{Before: before, Limit: 2}) }), names[:5])
}

func testGroupMembers(t *testing.T, open OpenFunc) {
	clock := NewClock()
	db, ctx := open(t, storage.Options{DatabaseNow: clock.Now}), t.Context()
	g, other := Group(t, db), Group(t, db)
	_, err := db.UpdateGroup(ctx, other.ID, accounts.GroupChange{RequiredLevel: new(accounts.TwoFactors)}, Event(audit.GroupUpdated))
	must(t, err)
	var names []string
	var last accounts.User
	for range 5 {
		last = User(t, db)
		names = append(names, last.Username)
		must(t, db.AddMember(ctx, accounts.Membership{GroupID: g.ID, UserID: last.ID}, Event(audit.GroupMemberAdded)))
		must(t, db.AddMember(ctx, accounts.Membership{GroupID: g.ID, UserID: last.ID}, Event(audit.GroupMemberAdded)))
	}
	slices.Sort(names)
	var got []string
	for after := ""; ; {
		page, err := db.Members(ctx, g.ID, accounts.Query{After: after, Limit: 2})
		must(t, err)
		if len(page) == 0 {
			break
		}
		for _, m := range page {
			equal(t, "added at", m.AddedAt, micro(clock.Now()))
			got, after = append(got, m.Username), m.Username
		}
	}
	equal(t, "members", got, names)
	one, err := db.Members(ctx, g.ID, accounts.Query{Prefix: last.Username, Limit: 2})
	must(t, err)
	equal(t, "by prefix", one, []accounts.Member{{UserID: last.ID, Username: last.Username, AddedAt: micro(clock.Now())}})
	equal(t, "backwards", back(t, names[4], func(before string) ([]string, error) {
		page, err := db.Members(ctx, g.ID, accounts.Query{Before: before, Limit: 2})
		return each(page, func(m accounts.Member) string { return m.Username }), err
	}), names[:4])
	is(t, "nobody", db.AddMember(ctx, accounts.Membership{GroupID: g.ID, UserID: uuid.NewString()}, Event(audit.GroupMemberAdded)), accounts.ErrUserNotFound)

	must(t, db.AddMember(ctx, accounts.Membership{GroupID: other.ID, UserID: last.ID}, Event(audit.GroupMemberAdded)))
	levels, err := db.RequiredLevels(ctx, last.ID)
	must(t, err)
	equal(t, "demands", levels, []accounts.Level{accounts.TwoFactors})
	of, err := db.GroupsOf(ctx, last.ID)
	must(t, err)
	equal(t, "groups of a user", len(of), 2)
	must(t, db.RemoveMember(ctx, accounts.Membership{GroupID: other.ID, UserID: last.ID}, Event(audit.GroupMemberRemoved)))
	must(t, db.RemoveMember(ctx, accounts.Membership{GroupID: other.ID, UserID: last.ID}, Event(audit.GroupMemberRemoved)))
	must(t, second(db.DeleteUser(ctx, last.ID, Event(audit.UserDeleted))))
	members, err := db.Members(ctx, g.ID, accounts.Query{Limit: 10})
	must(t, err)
	equal(t, "members after a deletion", len(members), 4)
	equal(t, "changes of members in the audit log", actions(t, db, audit.GroupMemberAdded, audit.GroupMemberRemoved), 7)
}

// testDemandUnmet compares the database's word on what a group demands with the domain's, for every set of methods.
func testDemandUnmet(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	u := User(t, db)
	quiet, err := db.CreateGroup(ctx, accounts.Group{ID: uuid.NewString(), Name: "demands nothing"}, Event(audit.GroupCreated))
	must(t, err)
	demanding, err := db.CreateGroup(ctx, accounts.Group{ID: uuid.NewString(), Name: "demands something"}, Event(audit.GroupCreated))
	must(t, err)
	for _, g := range []string{quiet.ID, demanding.ID} {
		must(t, db.AddMember(ctx, accounts.Membership{GroupID: g, UserID: u.ID}, Event(audit.GroupMemberAdded)))
	}
	before, err := db.Changes(ctx)
	must(t, err)
	made, err := db.CreateGroup(ctx, accounts.Group{ID: uuid.NewString(), Name: "born demanding", RequiredLevel: accounts.TwoFactors}, Event(audit.GroupCreated))
	must(t, err)
	after, err := db.Changes(ctx)
	must(t, err)
	equal(t, "a new demand makes every instance look", after, before+1)
	must(t, db.DeleteGroup(ctx, made.ID, Event(audit.GroupDeleted)))
	methods := []string{accounts.MethodPassword, accounts.MethodOTP, accounts.MethodHardware, accounts.MethodSoftware, accounts.MethodUser, accounts.MethodMultiple}
	grants := map[string]int64{} // and their generations
	for set := range 1 << len(methods) {
		n := NewGrant(u)
		var amr []string
		for bit, m := range methods {
			if set>>bit&1 == 1 {
				amr = append(amr, m)
			}
		}
		n.AMR = strings.Join(amr, " ")
		g, err := db.CreateGrant(ctx, n, Event(audit.UserSignedIn))
		must(t, err)
		grants[g.ID] = 1
	}
	for _, level := range []accounts.Level{"", accounts.OneFactor, accounts.TwoFactors, accounts.PhishingResistant, "another release's"} {
		before, err := db.Changes(ctx)
		must(t, err)
		must(t, second(db.UpdateGroup(ctx, demanding.ID, accounts.GroupChange{RequiredLevel: &level}, Event(audit.GroupUpdated))))
		after, err := db.Changes(ctx)
		must(t, err)
		equal(t, fmt.Sprintf("%q makes every instance look", level), after > before, level != "")
		demands, err := db.GroupsDemand(ctx)
		must(t, err)
		equal(t, fmt.Sprintf("%q is a demand", level), demands, level != "")
		for id, generation := range grants {
			g, err := db.JudgeGrant(ctx, id, issuer.Revocation{}, func(*issuer.Grant, time.Time) error { return nil })
			must(t, err)
			unmet := level != "" && !g.Level().Satisfies(level)
			equal(t, fmt.Sprintf("%q under %q, judged", g.AMR, level), g.DemandUnmet, unmet)
			_, err = db.AdvanceDemanded(ctx, id, generation)
			if unmet {
				is(t, fmt.Sprintf("%q under %q", g.AMR, level), err, issuer.ErrConflict)
				continue
			}
			must(t, err)
			grants[id]++
		}
	}
}

// testMemberships: each role once, by audience; a code's grant is read with them where its scope tells of them.
func testMemberships(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	u := User(t, db)
	want := issuer.Memberships{Roles: map[string][]string{"api": {"reader", "writer"}, "stock": {"reader"}}}
	for n, roles := range [][]accounts.Role{
		{{Resource: "api", Name: "writer"}, {Resource: "stock", Name: "reader"}}, {{Resource: "api", Name: "writer"}, {Resource: "api", Name: "reader"}}, nil,
	} {
		id := uuid.NewString()
		g, err := db.CreateGroup(ctx, accounts.Group{ID: id, Name: fmt.Sprint("group ", n)}, Event(audit.GroupCreated))
		must(t, err)
		for _, r := range roles {
			must(t, db.AddRole(ctx, g.ID, r, Event(audit.GroupRoleAdded)))
		}
		must(t, db.AddMember(ctx, accounts.Membership{GroupID: g.ID, UserID: u.ID}, Event(audit.GroupMemberAdded)))
		want.Groups = append(want.Groups, g.Name)
	}
	_, _ = withRole(t, db, accounts.RoleAuditor) // somebody else's
	got, err := db.Memberships(ctx, u.ID)
	must(t, err)
	equal(t, "memberships", got, want)
	got, err = db.Memberships(ctx, uuid.NewString())
	must(t, err)
	equal(t, "of nobody", len(got.Groups)+len(got.Roles), 0)

	c, s := Client(t, db), Session(t, db, u)
	for scope, told := range map[string]*issuer.Memberships{"openid": nil, "openid groups": &want, "roles": &want, "groupsroles": nil} {
		code := NewCode(c, s)
		code.Grant.Scope = scope
		grant, _, err := db.RedeemCode(ctx, Redeem(StoredCode(t, db, code)))
		must(t, err)
		equal(t, "at the redemption with "+scope, grant.User.Memberships, told)
	}
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

// testGroupLimits: nobody is in more groups than a token may name, and no resource has more roles, however many
// are added at once.
func testGroupLimits(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{MaxOpen: 8}), t.Context()
	u := User(t, db)
	for range accounts.MaxGroups - 2 {
		must(t, db.AddMember(ctx, accounts.Membership{GroupID: Group(t, db).ID, UserID: u.ID}, Event(audit.GroupMemberAdded)))
	}
	more := make([]accounts.Group, 6)
	for i := range more {
		more[i] = Group(t, db)
	}
	must(t, atOnce(len(more), func(i int) error {
		err := db.AddMember(ctx, accounts.Membership{GroupID: more[i].ID, UserID: u.ID}, Event(audit.GroupMemberAdded))
		return unless(err, accounts.ErrTooManyGroups)
	}))
	groups, err := db.GroupsOf(ctx, u.ID)
	must(t, err)
	equal(t, "groups", len(groups), accounts.MaxGroups)

	must(t, atOnce(8, func(int) error { return db.Ping(ctx) })) // a warm pool
	one, two := Group(t, db), Group(t, db)
	for n := range accounts.MaxRoles - 2 {
		must(t, db.AddRole(ctx, one.ID, accounts.Role{Resource: "api", Name: fmt.Sprint("role", n)}, Event(audit.GroupRoleAdded)))
	}
	must(t, atOnce(6, func(i int) error {
		err := db.AddRole(ctx, two.ID, accounts.Role{Resource: "api", Name: fmt.Sprint("more", i)}, Event(audit.GroupRoleAdded))
		return unless(err, accounts.ErrTooManyRoles)
	}))
	roles, err := db.GroupByID(ctx, two.ID)
	must(t, err)
	equal(t, "roles of the second group", len(roles.Roles), 2)
	must(t, db.AddRole(ctx, two.ID, accounts.Role{Resource: "api", Name: "role1"}, Event(audit.GroupRoleAdded)))
	must(t, db.AddRole(ctx, two.ID, accounts.Role{Resource: "stock", Name: "more"}, Event(audit.GroupRoleAdded)))
}
