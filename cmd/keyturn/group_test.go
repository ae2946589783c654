package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"keyturn/accounts"
)

func TestGroupCommands(t *testing.T) {
	i := newMigrated(t)
	i.must(t, "", "user", "create", "boss", "--admin")
	i.must(t, "", "user", "create", "spiderman")
	made := i.object(t, "", "group", "create", "editors", "--description", "who writes")
	if made["name"] != "editors" || made["description"] != "who writes" {
		t.Errorf("created %v", made)
	}
	if said := i.refused(t, "group", "create", "EDITORS"); !strings.Contains(said, "keyturn group list") {
		t.Errorf("the same again: %s", said)
	}
	i.must(t, "", "group", "update", "editors", "--name", "writers")
	i.must(t, "", "group", "require-acr", "writers", "phr")
	i.must(t, "", "group", "add-member", "writers", "spiderman")
	i.must(t, "", "group", "add-role", "writers", "editor", "--resource", "api")
	if said := i.refused(t, "group", "add-role", "writers", "editor"); !strings.Contains(said, "--resource") {
		t.Errorf("a role of nothing: %s", said)
	}
	i.must(t, "", "group", "add-role", "writers", "auditor")
	shown := i.object(t, "", "group", "show", "writers")
	if roles := fmt.Sprint(shown["roles"]); shown["required_acr"] != "phr" || !strings.Contains(roles, "role:auditor") || !strings.Contains(roles, "/admin/v1") || !strings.Contains(roles, "resource:api role:editor") {
		t.Errorf("shown %v", shown)
	}
	if list := i.must(t, "", "group", "list"); !strings.Contains(list, "writers") || !strings.Contains(list, "editor@api") {
		t.Errorf("listed %s", list)
	}
	if shown := i.must(t, "", "group", "show", "writers"); !strings.Contains(shown, "MEMBERS       spiderman\n") {
		t.Errorf("shown %s", shown)
	}
	if members := i.must(t, "", "group", "members", "writers"); !strings.Contains(members, "spiderman") {
		t.Errorf("members %s", members)
	}
	i.must(t, "", "group", "require-acr", "writers", "none")
	i.must(t, "", "group", "remove-role", "writers", "editor", "--resource", "api")
	i.must(t, "", "group", "remove-member", "writers", "spiderman")
	if said := i.refused(t, "user", "update", "boss", "--admin=false"); !strings.Contains(said, "last active administrator") || !strings.Contains(said, "make another one first") {
		t.Errorf("the last administrator: %s", said)
	}
	if said := i.refused(t, "group", "add-member", "nobody", "spiderman"); !strings.Contains(said, "keyturn group list") {
		t.Errorf("an unknown group: %s", said)
	}
	if gone := i.object(t, "", "group", "delete", "writers"); gone["name"] != "writers" {
		t.Errorf("deleted %v", gone)
	}
}

// TestMembersOfALargeGroup: a line of `group show` ends where the names would fill the screen.
func TestMembersOfALargeGroup(t *testing.T) {
	members := []accounts.Member(nil)
	if said := membersText(members); said != "-" {
		t.Errorf("nobody: %q", said)
	}
	for range shownMembers {
		members = append(members, accounts.Member{Username: "a"})
	}
	if said := membersText(members); said != strings.Repeat("a, ", shownMembers-1)+"a" {
		t.Errorf("as many as fit: %q", said)
	}
	if said := membersText(append(members, accounts.Member{Username: "b"})); strings.Contains(said, "b") && !strings.HasSuffix(said, "a, … (`keyturn group members` lists all)") {
		t.Errorf("one more: %q", said)
	}
}

// TestServersLearnWhatAGroupDemands: a server that runs hears of a demand that was made elsewhere, and of its end.
func TestServersLearnWhatAGroupDemands(t *testing.T) {
	i := newInstance(t, "KEYTURN_REFRESH_GRACE=0s")
	i.serve(t)
	i.addSpiderman(t)
	_, token := i.signIn(t)
	i.must(t, "", "group", "create", "careful")
	i.must(t, "", "group", "add-member", "careful", "spiderman")
	r := i.refresh(t, token)
	if r.status != http.StatusOK {
		t.Fatalf("without a demand: %d %s", r.status, r.text)
	}
	i.must(t, "", "group", "require-acr", "careful", "2")
	eventually(t, 5*time.Second, "a refusal", func() bool {
		token, _ = r.json["refresh"].(string)
		next := i.refresh(t, token)
		if next.status == http.StatusOK {
			r = next
		}
		return next.status == http.StatusUnauthorized && next.json["code"] == "token_not_valid"
	})
	i.must(t, "", "group", "require-acr", "careful", "none")
	if r := i.refresh(t, token); r.status != http.StatusOK {
		t.Errorf("without it again: %d %s", r.status, r.text)
	}
}
