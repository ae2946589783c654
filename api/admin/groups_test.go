package admin_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"keyturn/accounts"
	"keyturn/audit"
)

func TestGroupFromCreationToDeletion(t *testing.T) {
	f := newFixture(t)
	people := f.token("admin:users")
	user := f.user("spiderman", false)
	a := f.send(http.MethodPost, "/groups", people, `{"name": "Redaktion", "description": "who writes", "required_acr": "2"}`)
	made := a.want(http.StatusCreated)
	path, found := strings.CutPrefix(a.Header().Get("Location"), "https://id.example.com/admin/v1")
	if !found || made["name"] != "Redaktion" || made["required_acr"] != "2" || fmt.Sprint(made["roles"]) != "[]" {
		t.Fatalf("made %v at %q", made, path)
	}
	if read := f.send(http.MethodGet, path, people, "").want(http.StatusOK); fmt.Sprint(read) != fmt.Sprint(made) {
		t.Errorf("read %v, want %v", read, made)
	}
	f.send(http.MethodPost, "/groups", people, `{"name": "REDAKTION"}`).want(http.StatusConflict)
	for member, body := range map[string]string{
		"name": `{"name": ""}`, "required_acr": `{"name": "x", "required_acr": "1"}`,
		"description": `{"name": "x", "description": "` + strings.Repeat("x", 501) + `"}`,
	} {
		f.send(http.MethodPost, "/groups", people, body).wantParam(member)
	}
	changed := f.send(http.MethodPatch, path, people, `{"name": "Verlag", "required_acr": ""}`).want(http.StatusOK)
	if changed["name"] != "Verlag" || changed["required_acr"] != nil || changed["description"] != "who writes" {
		t.Errorf("changed to %v", changed)
	}

	role := path + "/roles?resource=" + url.QueryEscape("https://orders.example.com/api") + "&role=editor"
	for range 2 {
		f.send(http.MethodPut, role, people, "").want(http.StatusNoContent)
		f.send(http.MethodPut, path+"/members/"+user, people, "").want(http.StatusNoContent)
	}
	if groups := f.send(http.MethodGet, "/users/"+user+"/groups", people, "").want(http.StatusOK); !strings.Contains(fmt.Sprint(groups), "roles:[map[resource:https://orders.example.com/api role:editor]]") {
		t.Errorf("the user's groups are %v", groups)
	}
	if got := items(f.send(http.MethodGet, path+"/members", people, "").want(http.StatusOK), "username"); !slices.Equal(got, []string{"spiderman"}) {
		t.Errorf("members %v", got)
	}
	f.send(http.MethodPut, path+"/roles?resource=api&role=a%20b", people, "").wantParam("role")
	f.send(http.MethodPut, path+"/roles?role=x", people, "").wantParam("resource")
	f.send(http.MethodPut, path+"/members/9d6eb919-664d-4748-b52d-265009d776b0", people, "").want(http.StatusNotFound)
	for range 2 {
		f.send(http.MethodDelete, role, people, "").want(http.StatusNoContent)
		f.send(http.MethodDelete, path+"/members/"+user, people, "").want(http.StatusNoContent)
	}
	f.send(http.MethodDelete, path, people, "").want(http.StatusNoContent)
	f.send(http.MethodDelete, path, people, "").want(http.StatusNotFound)

	events, err := f.db.AuditEvents(t.Context(), audit.Query{SubjectKind: "group", SubjectID: made["id"].(string), Limit: 20})
	var actions []audit.Action
	for _, e := range events {
		actions = append(actions, e.Action)
	}
	slices.Reverse(actions)
	if want := []audit.Action{
		audit.GroupCreated, audit.GroupUpdated, audit.GroupRoleAdded, audit.GroupMemberAdded, audit.GroupRoleRemoved, audit.GroupMemberRemoved, audit.GroupDeleted,
	}; err != nil || !slices.Equal(actions, want) {
		t.Errorf("audited as %v (%v), want %v", actions, err, want)
	}
}

// admin:users must not grow into admin by way of groups: OWASP API Security Top 10 2023, API5.
func TestUserManagersGiveNoMoreThanTheyHave(t *testing.T) {
	f := newFixture(t)
	people, all := f.token("admin:users"), f.token("admin")
	eve := f.user("eve", false)
	group := func(name, role string) string {
		t.Helper()
		path := "/groups/" + f.send(http.MethodPost, "/groups", all, `{"name": "`+name+`"}`).want(http.StatusCreated)["id"].(string)
		if role != "" {
			f.send(http.MethodPut, path+adminRoleQuery(role), all, "").want(http.StatusNoContent)
		}
		return path
	}
	plain, admins, keepers := group("plain", ""), group("admins", "administrator"), group("keepers", "key-manager")
	for _, route := range []string{
		"PUT " + plain + adminRoleQuery("administrator"), "PUT " + plain + adminRoleQuery("key-manager"),
		"PUT " + admins + "/members/" + eve, "PUT " + keepers + "/members/" + eve, "DELETE " + admins, "DELETE " + keepers + adminRoleQuery("key-manager"),
	} {
		method, path, _ := strings.Cut(route, " ")
		f.send(method, path, people, "").want(http.StatusForbidden)
	}
	f.send(http.MethodPatch, admins, people, `{"name": "x"}`).want(http.StatusForbidden)
	f.send(http.MethodPut, plain+adminRoleQuery("user-manager"), people, "").want(http.StatusNoContent)
	f.send(http.MethodPut, plain+adminRoleQuery("auditor"), people, "").want(http.StatusNoContent)
	f.send(http.MethodPut, plain+adminRoleQuery("emperor"), all, "").wantParam("role")
	rights, err := f.accounts.RightsOf(t.Context(), eve)
	if err != nil || rights != 0 {
		t.Errorf("eve has %s (%v)", rights, err)
	}
	f.send(http.MethodPut, admins+"/members/"+eve, all, "").want(http.StatusNoContent)
	if rights, err = f.accounts.RightsOf(t.Context(), eve); err != nil || rights != audit.ManageAll {
		t.Errorf("eve has %s (%v)", rights, err)
	}
	roles := f.send(http.MethodGet, admins, all, "").want(http.StatusOK)["roles"]
	if got := fmt.Sprint(roles); got != "[map[resource:https://id.example.com/admin/v1 role:administrator]]" {
		t.Errorf("roles %s", got)
	}
}

func adminRoleQuery(role string) string {
	return "/roles?resource=" + url.QueryEscape("https://id.example.com/admin/v1") + "&role=" + role
}

func TestRequiredLevelIsTheStrongest(t *testing.T) {
	f := newFixture(t)
	g := &accounts.Groups{Store: f.db, AdminAudience: "x"}
	user := f.user("spiderman", false)
	by := audit.Actor{Rights: audit.ManageAll}
	want := accounts.Level("")
	for n, level := range []accounts.Level{"", accounts.TwoFactors, accounts.PhishingResistant, accounts.TwoFactors} {
		made, err := g.Create(t.Context(), accounts.NewGroup{Name: fmt.Sprint("g", n), RequiredLevel: level}, by)
		if err != nil || g.AddMember(t.Context(), made.ID, user, by) != nil {
			t.Fatal(err)
		}
		if level.Satisfies(want) || want == "" {
			want = level
		}
		if got, err := g.RequiredLevel(t.Context(), user); err != nil || got != want {
			t.Errorf("with %v: %q, %v, want %q", level, got, err, want)
		}
	}
}
