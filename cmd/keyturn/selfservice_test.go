package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/api/admin"
)

// shownLink is what a command with --print-link and --json answers.
func shownLink(t *testing.T, out string) linkView {
	t.Helper()
	var v linkView
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return v
}

// TestLinksToHandOver: an installation without mail invites people, and lets them choose new passwords.
func TestLinksToHandOver(t *testing.T) {
	i := newMigrated(t)
	v := shownLink(t, i.must(t, "", "user", "invite", "gwen@example.com", "--username", "gwen", "--print-link", "--json"))
	if !strings.HasPrefix(v.Link, "http://127.0.0.1:") || !strings.Contains(v.Link, "/link/invitation?token=") {
		t.Errorf("link %q", v.Link)
	}
	if left := time.Until(v.ExpiresAt); left < 167*time.Hour || left > 169*time.Hour {
		t.Errorf("lives for %s, want 168h", left)
	}
	i.must(t, "underoos\n", "user", "create", "spiderman", "--password-stdin")
	if out, status := i.run(t, "", "user", "invite", "peter@example.com", "--username", "spiderman", "--print-link"); status == 0 || !strings.Contains(out, "is taken") {
		t.Errorf("a name that is taken: %s", out)
	}
	v = shownLink(t, i.must(t, "", "user", "reset-link", "spiderman", "--print-link", "--expires", "2h", "--json"))
	if left := time.Until(v.ExpiresAt); !strings.Contains(v.Link, "/link/password_reset?token=") || left < 119*time.Minute || left > 121*time.Minute {
		t.Errorf("link %q lives for %s", v.Link, left)
	}
	text := i.must(t, "", "user", "reset-link", "spiderman", "--print-link")
	if !strings.Contains(text, "works once, until ") {
		t.Errorf("text %q", text)
	}
	out, status := i.run(t, "iloveyou\n", "user", "set-password", "spiderman", "--password-stdin")
	wantOneLine(t, out, status, "--password-stdin is one of the most common passwords")
	if secret := v.Link[strings.LastIndex(v.Link, "=")+1:]; strings.Contains(i.must(t, "", "audit", "list", "--json"), secret) {
		t.Error("the audit log holds the link's secret")
	}
}

// TestInvitationsAreListedAndWithdrawn, by their address or their id, without mail too.
func TestInvitationsAreListedAndWithdrawn(t *testing.T) {
	i := newMigrated(t)
	list := func(flags ...string) (invitations []admin.Invitation) {
		t.Helper()
		must(t, json.Unmarshal([]byte(i.must(t, "", append([]string{"user", "invitations", "--json"}, flags...)...)), &invitations))
		return invitations
	}
	if got := list(); len(got) != 0 {
		t.Errorf("in the beginning: %v", got)
	}
	for _, email := range []string{"gwen@example.com", "gwen@example.com.au", "mary@example.com"} {
		i.must(t, "", "user", "invite", email, "--print-link")
	}
	all := list()
	if len(all) != 3 || all[0].Email != "gwen@example.com" || all[0].State != accounts.InvitationHanded {
		t.Fatalf("got %+v", all)
	}
	if got := list("--after", "gwen@example.com.au"); len(got) != 1 || got[0].Email != "mary@example.com" {
		t.Errorf("after gwen: %+v", got)
	}
	if text := i.must(t, "", "user", "invitations", "--prefix", "mary"); !strings.Contains(text, "link handed over") || strings.Contains(text, "gwen") {
		t.Errorf("as text: %s", text)
	}
	if said := i.must(t, "", "user", "withdraw-invitation", "gwen@example.com"); said != "withdrew the invitation of gwen@example.com\n" {
		t.Errorf("said %q", said)
	}
	i.must(t, "", "user", "withdraw-invitation", all[2].ID, "--json")
	if got := list(); len(got) != 1 || got[0].Email != "gwen@example.com.au" {
		t.Errorf("in the end: %+v", got)
	}
	for _, again := range []string{"gwen@example.com", all[2].ID, "nobody@example.com", "gwen@example.com.a"} {
		if said := i.refused(t, "user", "withdraw-invitation", again); !strings.Contains(said, "there is no such invitation") {
			t.Errorf("%s again: %s", again, said)
		}
	}
}

// TestNotOfferedNamesTheSetting: of the two settings that letters need, the one that is missing is named, or both.
func TestNotOfferedNamesTheSetting(t *testing.T) {
	const names, mail = "KEYTURN_SELF_SERVICE does not name ", "KEYTURN_MAIL_URL is not set"
	for _, tt := range []struct {
		env        []string
		names, url bool
	}{
		{nil, false, true},
		{[]string{"KEYTURN_SELF_SERVICE=none"}, true, true},
		{[]string{"KEYTURN_SELF_SERVICE=name", "KEYTURN_MAIL_URL=console:", "KEYTURN_MAIL_FROM=id@example.com"}, true, false},
	} {
		i := newMigrated(t, tt.env...)
		i.must(t, "", "user", "create", "spiderman", "--email", "spiderman@example.com")
		for command, feature := range map[string]string{"invite gwen@example.com": "invitation", "reset-link spiderman": "password-reset"} {
			said := i.refused(t, append([]string{"user"}, strings.Fields(command)...)...)
			if strings.Contains(said, names+feature) != tt.names || strings.Contains(said, mail) != tt.url || !strings.Contains(said, "--print-link") {
				t.Errorf("%v, %s: %s", tt.env, command, said)
			}
		}
	}
}
