package console_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"keyturn/accounts"
	"keyturn/api/apitest"
	"keyturn/audit"
)

// TestInvitationsAreWithdrawn from their list, with what ends told before; and one that somebody takes meanwhile stands.
func TestInvitationsAreWithdrawn(t *testing.T) {
	s := apitest.New(t)
	b, boss := signedIn(t, s, "boss", true)
	const list = "/admin/users/invitations"
	if p := b.Get("/admin/users"); !strings.Contains(p.Body, `href="`+list+`"`) {
		t.Error("the list of users does not lead to it")
	}
	if p := b.Get(list); !strings.Contains(p.Body, "Nobody is invited") {
		t.Errorf("none:\n%s", p.Body)
	}
	b.Post("/admin/users/invite", url.Values{"email": {"miles@example.com"}, "username": {"miles"}, "given_name": {"Miles"}, "language": {"en"}})
	waits, err := s.Self.Invitations(t.Context(), accounts.InvitationQuery{Limit: 1}, apitest.System)
	if err != nil || len(waits) != 1 {
		t.Fatal(waits, err)
	}
	at := list + "/" + waits[0].ID + "/withdraw"
	p := b.Get(list)
	for _, want := range []string{"miles@example.com", "Miles", ">waiting<", "counts from when it leaves", "/admin/users/" + boss.ID + `"`, `href="` + at + `"`} {
		if !strings.Contains(p.Body, want) {
			t.Errorf("the list lacks %q:\n%s", want, p.Body)
		}
	}
	if p := b.Get(at); !strings.Contains(p.Body, "Its letter, which has not left yet") || strings.Contains(p.Body, "good until") {
		t.Errorf("the question about one that waits:\n%s", p.Body)
	}
	s.Letters(t)
	if p := b.Get(at); !strings.Contains(p.Body, "The link in its letter, good until") || strings.Contains(p.Body, "has not left yet") {
		t.Errorf("the question about one that has left:\n%s", p.Body)
	}
	if p := b.Post(at, url.Values{"reason": {"another Miles"}}); p.Location != list+"?done=invitation_withdrawn" {
		t.Fatalf("%d to %q: %s", p.Status, p.Location, p.Body)
	}
	if p := b.Get(list); strings.Contains(p.Body, "miles@example.com") {
		t.Error("it is still listed")
	}
	events, err := s.DB.AuditEvents(t.Context(), audit.Query{Action: audit.InvitationWithdrawn, Limit: 10})
	if err != nil || len(events) != 1 || events[0].Reason != "another Miles" || events[0].Actor.ID != boss.ID {
		t.Errorf("%+v %v", events, err)
	}

	secret, id := handedOver(t, s, accounts.Invitation{Email: "gwen@example.com"})
	at = list + "/" + id + "/withdraw"
	if _, err := s.Self.AcceptInvitation(context.Background(), secret, accounts.NewPerson{Password: apitest.Password}, audit.Actor{}); err != nil {
		t.Fatal(err)
	}
	if p := b.Get(at); p.Status != http.StatusOK || !strings.Contains(p.Body, "This invitation was taken") || strings.Contains(p.Body, "Withdraw the invitation</button>") {
		t.Errorf("the question about one that was taken: %d\n%s", p.Status, p.Body)
	}
	if p := b.Post(at, nil); p.Location != list+"?done=invitation_taken" {
		t.Errorf("%d to %q: %s", p.Status, p.Location, p.Body)
	}
	if p := b.Get(list + "?done=invitation_taken"); !strings.Contains(p.Body, "somebody has taken the invitation") {
		t.Errorf("after that:\n%s", p.Body)
	}
}

// TestInvitationsOfAdministratorsAreTheirs: a user manager sees them, and withdraws only those of people with less.
func TestInvitationsOfAdministratorsAreTheirs(t *testing.T) {
	s := apitest.New(t)
	b := withRole(t, s, "manager", accounts.RoleUserManager)
	_, admin := handedOver(t, s, accounts.Invitation{Email: "admin@example.com", Admin: true})
	_, user := handedOver(t, s, accounts.Invitation{Email: "user@example.com"})
	p := b.Get("/admin/users/invitations")
	for id, want := range map[string]bool{admin: false, user: true} {
		if got := strings.Contains(p.Body, id+"/withdraw"); got != want {
			t.Errorf("withdrawal offered: %v, want %v:\n%s", got, want, p.Body)
		}
	}
	if p := b.Post("/admin/users/invitations/"+admin+"/withdraw", nil); p.Status != http.StatusForbidden {
		t.Errorf("an administrator's: %d", p.Status)
	}
	if p := b.Post("/admin/users/invitations/"+user+"/withdraw", nil); p.Status != http.StatusSeeOther {
		t.Errorf("a user's: %d %s", p.Status, p.Body)
	}
}
