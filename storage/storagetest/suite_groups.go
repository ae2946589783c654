package storagetest

import (
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
