package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestUserShow(t *testing.T) {
	i := newMigrated(t)
	i.must(t, "underoos\n", "user", "create", "spiderman", "--first-name", "Peter", "--last-name", "Parker",
		"--email", "spiderman@example.com", "--admin", "--password-stdin")
	i.must(t, "", "user", "create", "bare")
	i.must(t, "", "group", "create", "editors")
	i.must(t, "", "group", "add-member", "editors", "spiderman")
	said := strings.Join(strings.Fields(i.must(t, "", "user", "show", "spiderman")), " ")
	for _, want := range []string{
		"USERNAME spiderman", "NAME Peter Parker", "E-MAIL spiderman@example.com (not confirmed)", "STATE active, administrator",
		"GROUPS editors", "SIGNS IN WITH a password", "LAST SIGN-IN not kept (KEYTURN_UPDATE_LAST_LOGIN)",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is missing in %s", want, said)
		}
	}
	if said := strings.Join(strings.Fields(i.must(t, "", "user", "show", "bare")), " "); !strings.Contains(said, "E-MAIL -") || !strings.Contains(said, "SIGNS IN WITH -") {
		t.Errorf("nothing known: %s", said)
	}
	v := i.object(t, "", "user", "show", "spiderman")
	if v["username"] != "spiderman" || !strings.Contains(fmt.Sprint(v["groups"]), "name:editors") || v["factors"].(map[string]any)["password"] != true {
		t.Errorf("as JSON %v", v)
	}
	if said := i.refused(t, "user", "show", "nobody"); !strings.Contains(said, "keyturn user list") {
		t.Errorf("nobody: %s", said)
	}
}
