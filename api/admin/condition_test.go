package admin_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// tagged are the things that have an entity tag, made anew, and the changes of them.
func (f *fixture) tagged(all string) []struct{ path, method, body string } {
	f.Helper()
	user := f.user("spiderman", false)
	group := f.send(http.MethodPost, "/groups", all, `{"name": "editors"}`).want(http.StatusCreated)["id"].(string)
	if a := f.send(http.MethodPost, "/clients", all, `{"client_id": "shop", "redirect_uris": ["https://shop.example.com/callback"]}`); a.Code != http.StatusCreated {
		f.Fatalf("%d %s", a.Code, a.Body)
	}
	f.send(http.MethodPost, "/resources", all, `{"identifier": "https://shop.example.com"}`).want(http.StatusCreated)
	resource := "/resources?identifier=" + url.QueryEscape("https://shop.example.com")
	return []struct{ path, method, body string }{
		{"/users/" + user, "PATCH", `{"given_name": "Peter"}`}, {"/users/" + user, "DELETE", ""},
		{"/groups/" + group, "PATCH", `{"description": "who writes"}`}, {"/groups/" + group, "DELETE", ""},
		{"/clients/shop", "PUT", `{"client_name": "The shop", "redirect_uris": ["https://shop.example.com/callback"]}`}, {"/clients/shop", "DELETE", ""},
		{resource, "PUT", `{"algorithm": "ES256"}`}, {resource, "DELETE", ""},
	}
}

// RFC 9110 section 13.1.1: where no tag of If-Match matches by strong comparison the method is not performed, and the
// answer is 412.
func TestChangesOfWhatWasChangedMeanwhileAreRefused(t *testing.T) {
	f := newFixture(t)
	all := f.token("admin")
	for _, c := range f.tagged(all) {
		tag := func() string { return f.send(http.MethodGet, c.path, all, "").Header().Get("ETag") }
		before := tag()
		if len(before) < 10 || strings.HasPrefix(before, "W/") {
			t.Fatalf("%s: the entity tag is %s, want a strong one", c.path, before)
		}
		for _, stale := range []string{`"x"`, "W/" + before, `""`, `"x", W/` + before, strings.ToUpper(before), `"a` + before[1:]} {
			a := f.send(c.method, c.path, all, c.body, "If-Match", stale)
			if got := a.want(http.StatusPreconditionFailed)["param"]; got != "If-Match" {
				t.Errorf("%s %s: param %v", c.method, c.path, got)
			}
		}
		for _, malformed := range []string{"", "x", `"x`, `*, "x"`, `"a" "b"`, `w/"x"`, `"a b"`, before + `"`} {
			f.send(c.method, c.path, all, c.body, "If-Match", malformed).wantParam("If-Match")
		}
		if after := tag(); after != before {
			t.Fatalf("%s: changed by what was refused", c.path)
		}
		if a := f.send(c.method, c.path, all, c.body, "If-Match", `"x", ,`+before); a.Code >= http.StatusBadRequest {
			t.Fatalf("%s %s: %d %s", c.method, c.path, a.Code, a.Body)
		}
		if after := tag(); after == before {
			t.Errorf("%s: changed, and has the tag that it had", c.path)
		}
	}
}

// RFC 9110 section 13.1.1: "*" is fulfilled by what is there; what is not there is 404 without any condition (section
// 13.2.1).
func TestAnyStateWillDo(t *testing.T) {
	f := newFixture(t)
	all := f.token("admin")
	for _, c := range f.tagged(all) {
		if a := f.send(c.method, c.path, all, c.body, "If-Match", "*"); a.Code >= http.StatusBadRequest {
			t.Fatalf("%s %s: %d %s", c.method, c.path, a.Code, a.Body)
		}
		if c.method != http.MethodDelete {
			continue
		}
		for _, match := range []string{"*", `"x"`} {
			f.send(c.method, c.path, all, c.body, "If-Match", match).want(http.StatusNotFound)
		}
	}
}

// What has no entity tag can't have the one that is named.
func TestConditionsElsewhereAreRefused(t *testing.T) {
	f := newFixture(t)
	all := f.token("admin")
	id := f.user("spiderman", false)
	f.send(http.MethodPost, "/users/"+id+"/deactivate", all, "", "If-Match", `"x"`).want(http.StatusPreconditionFailed)
	f.send(http.MethodPut, "/users/"+id+"/password", all, `{"password": "`+password+`"}`, "If-Match", `"x"`).want(http.StatusPreconditionFailed)
	if f.send(http.MethodGet, "/users/"+id, all, "").want(http.StatusOK)["active"] != true {
		t.Error("the user was deactivated all the same")
	}
}

// RFC 9110 sections 13.1.2 and 15.4.5: a GET whose If-None-Match names the state, by weak comparison, is answered 304
// with the entity tag and without content.
func TestUnchangedThingsAreNotSentAgain(t *testing.T) {
	f := newFixture(t)
	all := f.token("admin")
	for _, c := range f.tagged(all) {
		tag := f.send(http.MethodGet, c.path, all, "").Header().Get("ETag")
		for _, known := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
			if a := f.send(http.MethodGet, c.path, all, "", "If-None-Match", known); a.Code != http.StatusNotModified || a.Body.Len() > 0 || a.Header().Get("ETag") != tag {
				t.Errorf("%s, %s: %d with the tag %s and %d bytes", c.path, known, a.Code, a.Header().Get("ETag"), a.Body.Len())
			}
		}
		for _, other := range []string{`"x"`, "x", ""} {
			f.send(http.MethodGet, c.path, all, "", "If-None-Match", other).want(http.StatusOK)
		}
		if c.method != http.MethodDelete {
			continue
		}
		if _, ofList := strings.CutPrefix(c.path, "/resources"); !ofList {
			f.send(c.method, c.path, all, "")
			f.send(http.MethodGet, c.path, all, "", "If-None-Match", "*").want(http.StatusNotFound)
		}
	}
}

// The entity tag of a user tells of their credentials, which the answer does not show, and of who made something, the
// answer that told of it (RFC 9110 section 15.3.2). PUT answers none (section 9.3.4).
func TestEntityTagsFollowEachChange(t *testing.T) {
	f := newFixture(t)
	all := f.token("admin")
	made := f.send(http.MethodPost, "/users", all, `{"username": "gwen"}`)
	id := made.want(http.StatusCreated)["id"].(string)
	tag := made.Header().Get("ETag")
	for _, change := range []struct{ method, path, body string }{
		{"PUT", "/password", `{"password": "` + password + `"}`}, {"POST", "/deactivate", ""}, {"POST", "/activate", ""},
	} {
		if now := f.send(http.MethodGet, "/users/"+id, all, "").Header().Get("ETag"); now != tag {
			t.Errorf("before %s: the tag is %s, want %s", change.path, now, tag)
		}
		f.send(change.method, "/users/"+id+change.path, all, change.body)
		now := f.send(http.MethodGet, "/users/"+id, all, "").Header().Get("ETag")
		if now == tag {
			t.Errorf("%s left the tag", change.path)
		}
		tag = now
	}
	patched := f.send(http.MethodPatch, "/users/"+id, all, `{"family_name": "Stacy"}`, "If-Match", tag)
	patched.want(http.StatusOK)
	f.send(http.MethodGet, "/users/"+id, all, "", "If-None-Match", patched.Header().Get("ETag"))
	f.send(http.MethodPatch, "/users/"+id, all, `{}`, "If-Match", tag).want(http.StatusPreconditionFailed)
	group := f.send(http.MethodPost, "/groups", all, `{"name": "editors"}`)
	path, tag := "/groups/"+group.want(http.StatusCreated)["id"].(string), group.Header().Get("ETag")
	f.send(http.MethodPut, path+"/roles?resource=api&role=editor", all, "")
	f.send(http.MethodPatch, path, all, `{}`, "If-Match", tag).want(http.StatusPreconditionFailed)
}
