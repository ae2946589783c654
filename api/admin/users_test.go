package admin_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/keys"
)

func TestUserFromCreationToDeletion(t *testing.T) {
	f := newFixture(t)
	token := f.token("admin")
	a := f.send(http.MethodPost, "/users", token, `{"username": "spiderman", "password": "`+password+`", "email": "peter@example.com",
		"email_verified": true, "given_name": "Peter", "family_name": "Parker", "external_id": "7"}`)
	made := a.want(http.StatusCreated)
	id := made["id"].(string)
	if got, want := a.Header().Get("Location"), "https://id.example.com/admin/v1/users/"+id; got != want {
		t.Errorf("Location %q, want %q", got, want)
	}
	for member, want := range map[string]any{
		"username": "spiderman", "email": "peter@example.com", "email_verified": true, "given_name": "Peter",
		"family_name": "Parker", "external_id": "7", "active": true, "admin": false,
	} {
		if made[member] != want {
			t.Errorf("%s is %v, want %v", member, made[member], want)
		}
	}
	f.instant(made["created_at"])
	if _, set := made["last_login_at"]; set {
		t.Error("a user who never signed in has a last_login_at")
	}
	f.send(http.MethodPost, "/users", token, `{"username": "spiderman"}`).want(http.StatusConflict)
	f.send(http.MethodPost, "/users", token, `{"username": "other", "external_id": "7"}`).want(http.StatusConflict)

	changed := f.send(http.MethodPatch, "/users/"+id, token, `{"email": "parker@example.com", "external_id": ""}`).want(http.StatusOK)
	if changed["email"] != "parker@example.com" || changed["email_verified"] != false || changed["external_id"] != nil || changed["given_name"] != "Peter" {
		t.Errorf("changed to %v", changed)
	}
	read := f.send(http.MethodGet, "/users/"+id, token, "").want(http.StatusOK)
	if fmt.Sprint(read) != fmt.Sprint(changed) {
		t.Errorf("read %v, want %v", read, changed)
	}
	same := f.send(http.MethodPatch, "/users/"+id, token, `{}`).want(http.StatusOK)
	if fmt.Sprint(same) != fmt.Sprint(changed) {
		t.Errorf("a change of nothing gave %v", same)
	}

	tokens := f.signIn("spiderman", password)
	if ended := f.send(http.MethodDelete, "/users/"+id, token, "").want(http.StatusOK)["ended"]; ended != 1.0 {
		t.Errorf("ended %v, want 1", ended)
	}
	if f.refreshes(tokens) {
		t.Error("a deleted user refreshes")
	}
	f.send(http.MethodGet, "/users/"+id, token, "").want(http.StatusNotFound)
	grants := f.send(http.MethodGet, "/users/"+id+"/grants", token, "").want(http.StatusOK)
	if reasons := items(grants, "reason"); !slices.Equal(reasons, []string{"user_deleted"}) {
		t.Errorf("the deleted user's grants ended for %v", reasons)
	}
}

// A user without a password can't sign in with one until an administrator sets it.
func TestSettingAPasswordEndsGrants(t *testing.T) {
	f := newFixture(t)
	token := f.token("admin:users")
	id := f.user("spiderman", false)
	tokens := f.signIn("spiderman", password)
	const next = "another " + secretMark
	if ended := f.send(http.MethodPut, "/users/"+id+"/password", token, `{"password": "`+next+`"}`).want(http.StatusOK)["ended"]; ended != 1.0 {
		t.Errorf("ended %v, want 1", ended)
	}
	if f.refreshes(tokens) {
		t.Error("a grant from before the new password refreshes")
	}
	if _, status := f.tokenPair("", `{"username": "spiderman", "password": "`+password+`"}`); status != http.StatusUnauthorized {
		t.Errorf("the old password: %d", status)
	}
	f.signIn("spiderman", next)
}

func TestDeactivationShutsTheUserOut(t *testing.T) {
	f := newFixture(t)
	token := f.token("admin:users")
	id := f.user("spiderman", false)
	first, second := f.signIn("spiderman", password), f.signIn("spiderman", password)
	path := "/users/" + id
	if ended := f.send(http.MethodPost, path+"/deactivate", token, "").want(http.StatusOK)["ended"]; ended != 2.0 {
		t.Errorf("ended %v, want 2", ended)
	}
	if f.refreshes(first) || f.refreshes(second) {
		t.Error("a deactivated user refreshes")
	}
	if _, status := f.tokenPair("", `{"username": "spiderman", "password": "`+password+`"}`); status != http.StatusUnauthorized {
		t.Errorf("a deactivated user signs in: %d", status)
	}
	if ended := f.send(http.MethodPost, path+"/deactivate", token, `{}`).want(http.StatusOK)["ended"]; ended != 0.0 {
		t.Errorf("again: ended %v, want 0", ended)
	}
	if active := f.send(http.MethodGet, path, token, "").want(http.StatusOK)["active"]; active != false {
		t.Errorf("active is %v", active)
	}
	f.send(http.MethodPost, path+"/activate", token, "").want(http.StatusNoContent)
	if f.refreshes(first) {
		t.Error("activation brought a grant back")
	}
	f.signIn("spiderman", password)
}

func TestUserListsPage(t *testing.T) {
	f := newFixture(t)
	token := f.token("admin:read")
	var names []string
	for i := range 25 {
		names = append(names, fmt.Sprintf("u%02d é/%%&=?#+", i))
		if _, err := f.accounts.Create(t.Context(), accounts.NewUser{Username: names[i]}, audit.Actor{Rights: audit.ManageAll}); err != nil {
			t.Fatal(err)
		}
	}
	f.user("other", false)
	for _, size := range []int{1, 7, 25, 26, 1000} {
		for prefix, want := range map[string][]string{"u": names, "u1": names[10:20], "": append([]string{"other"}, names...), "v": {}} {
			var got []string
			pages, next := 0, ""
			for more := true; more; pages++ {
				list := f.send(http.MethodGet, fmt.Sprintf("/users?limit=%d&prefix=%s&after=%s", size, url.QueryEscape(prefix), url.QueryEscape(next)), token, "").want(http.StatusOK)
				page := items(list, "username")
				if len(page) > size || pages > 0 && len(page) == 0 {
					t.Fatalf("a page of %d users, want 1 to %d", len(page), size)
				}
				got = append(got, page...)
				next, more = list["next"].(string)
			}
			if !slices.Equal(got, want) {
				t.Errorf("pages of %d with prefix %q: %v, want %v", size, prefix, got, want)
			}
			if least := max(1, (len(want)+size-1)/size); pages != least {
				t.Errorf("%d pages of %d for %d users, want %d", pages, size, len(want), least)
			}
		}
	}
	if got := items(f.send(http.MethodGet, "/users", token, "").want(http.StatusOK), "username"); len(got) != 26 {
		t.Errorf("%d users on the default page, want 26", len(got))
	}
}

// admin:users must not grow into admin: OWASP API Security Top 10 2023, API3 and API5.
func TestOnlyAdminTouchesAdministrators(t *testing.T) {
	f := newFixture(t)
	people, all := f.token("admin:users"), f.token("admin")
	boss, user := f.user("boss", true), f.user("spiderman", false)
	grant := f.signIn("boss", password)
	for _, test := range []struct{ route, body string }{
		{"POST /users", `{"username": "eve", "admin": true}`},
		{"PATCH /users/" + user, `{"admin": true}`},
		{"PATCH /users/" + user, `{"admin": false}`},
		{"PATCH /users/" + boss, `{"email": "eve@example.com"}`},
		{"PATCH /users/" + boss, `{"admin": false}`},
		{"PATCH /users/" + boss, `{}`},
		{"PUT /users/" + boss + "/password", `{"password": "` + password + `"}`},
		{"POST /users/" + boss + "/deactivate", ``},
		{"POST /users/" + boss + "/activate", ``},
		{"DELETE /users/" + boss, ``},
		{"DELETE /users/" + boss + "/grants", ``},
		{"DELETE /grants/" + f.grantOf(boss), `{"reason": "x"}`},
		{"POST /users/import", `{"username": "eve", "admin": true}`},
		{"POST /users/import", `[{"username": "a"}, {"model": "auth.user", "pk": 1, "fields": {"username": "eve", "password": "!", "is_superuser": true}}]`},
	} {
		method, path, _ := strings.Cut(test.route, " ")
		a := f.send(method, path, people, test.body)
		if detail := a.want(http.StatusForbidden)["detail"].(string); !strings.Contains(detail, "scope admin") {
			t.Errorf("%s: detail %q", test.route, detail)
		}
		if got := a.Header().Get("WWW-Authenticate"); !strings.Contains(got, `scope="admin"`) {
			t.Errorf("%s: challenge %q", test.route, got)
		}
	}
	list := f.send(http.MethodGet, "/users", all, "").want(http.StatusOK)
	if got := items(list, "username"); !slices.Equal(got, []string{"boss", "spiderman"}) {
		t.Errorf("users are %v", got)
	}
	if !f.refreshes(grant) {
		t.Error("the administrator's grant ended")
	}
	for _, test := range []struct {
		route, body string
		status      int
	}{
		{"POST /users", `{"username": "second", "admin": true}`, http.StatusCreated},
		{"POST /users/import", `{"username": "third", "admin": true}`, http.StatusOK},
		{"PATCH /users/" + user, `{"admin": true}`, http.StatusOK},
		{"PUT /users/" + boss + "/password", `{"password": "` + password + `"}`, http.StatusOK},
		{"DELETE /grants/" + f.grantOf(boss), ``, http.StatusOK},
		{"DELETE /users/" + boss + "/grants", ``, http.StatusOK},
		{"POST /users/" + boss + "/deactivate", ``, http.StatusOK},
		{"DELETE /users/" + boss, ``, http.StatusOK},
	} {
		method, path, _ := strings.Cut(test.route, " ")
		f.send(method, path, all, test.body).want(test.status)
	}
}

// What the caller may do is decided when the body is there: one that trickles in must not carry a
// decision from before the user became an administrator past that moment.
func TestPromotionWhileTheBodyArrives(t *testing.T) {
	f := newFixture(t)
	people, all := f.token("admin:users"), f.token("admin")
	for _, test := range []struct{ method, path, body string }{
		{http.MethodPatch, "/users/:id", `{"email": "eve@example.com"}`},
		{http.MethodPatch, "/users/:id", `{}`},
		{http.MethodPut, "/users/:id/password", `{"password": "another ` + secretMark + `"}`},
		{http.MethodPost, "/users/:id/deactivate", `{}`},
		{http.MethodPost, "/users/:id/activate", `{}`},
		{http.MethodDelete, "/users/:id", `{}`},
		{http.MethodDelete, "/users/:id/grants", `{}`},
		{http.MethodDelete, "/grants/:grant", `{}`},
	} {
		t.Run(test.method+" "+test.path+" "+test.body, func(t *testing.T) {
			f.T = t
			username := fmt.Sprint("user-", keys.NewTokenID())
			id := f.user(username, false)
			tokens := f.signIn(username, password)
			promoted := ""
			in, out := io.Pipe()
			go func() {
				out.Write([]byte(test.body[:1])) // returns once the handler waits for the body
				promoted = f.send(http.MethodPatch, "/users/"+id, all, `{"admin": true}`).Body.String()
				out.Write([]byte(test.body[1:]))
				out.Close()
			}()
			path := strings.NewReplacer(":id", id, ":grant", f.grantOf(id)).Replace(test.path)
			r := httptest.NewRequest(test.method, "https://id.example.com/admin/v1"+path, in)
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer "+people)
			f.serve(r).want(http.StatusForbidden)
			if after := f.send(http.MethodGet, "/users/"+id, all, "").Body.String(); after != promoted {
				t.Errorf("changed to %s, want %s", after, promoted)
			}
			if !f.refreshes(tokens) {
				t.Error("the grant ended")
			}
			f.signIn(username, password)
		})
	}
}

// The grants of a deleted user can be ended by whom they always could: nobody is left to be protected.
func TestGrantsOfTheDeletedStayRevocable(t *testing.T) {
	f := newFixture(t)
	people, all := f.token("admin:users"), f.token("admin")
	f.user("another administrator", true)
	for _, admin := range []bool{false, true} {
		id := f.user(fmt.Sprint("admin-", admin), admin)
		f.signIn(fmt.Sprint("admin-", admin), password)
		grant := f.grantOf(id)
		f.send(http.MethodDelete, "/users/"+id, all, "").want(http.StatusOK)
		f.send(http.MethodDelete, "/grants/"+grant, people, "").want(http.StatusOK)
		f.send(http.MethodDelete, "/users/"+id+"/grants", people, "").want(http.StatusOK)
	}
}

// TestExternalIDsCantImpersonate: what tokens release as user_id is set by full administrators only, and
// is never the id of another user.
func TestExternalIDsCantImpersonate(t *testing.T) {
	f := newFixture(t)
	victim, other := f.user("victim", false), f.user("other", false)
	full, people := f.token("admin"), f.token("admin:users")
	for _, body := range []string{`{"username": "new", "external_id": "7"}`, `{"username": "new", "external_id": "` + victim + `"}`} {
		f.send(http.MethodPost, "/users", people, body).want(http.StatusForbidden)
	}
	f.send(http.MethodPatch, "/users/"+other, people, `{"external_id": "7"}`).want(http.StatusForbidden)
	f.send(http.MethodPost, "/users/import", people, `[{"username": "new", "external_id": "7"}]`).want(http.StatusForbidden)

	f.send(http.MethodPost, "/users", full, `{"username": "new", "external_id": "`+victim+`"}`).want(http.StatusConflict)
	f.send(http.MethodPatch, "/users/"+other, full, `{"external_id": "`+victim+`"}`).want(http.StatusConflict)
	f.send(http.MethodPost, "/users/import", full, `[{"username": "new", "external_id": "`+victim+`"}]`).want(http.StatusConflict)
	f.send(http.MethodPatch, "/users/"+other, full, `{"external_id": "7"}`).want(http.StatusOK)
}
