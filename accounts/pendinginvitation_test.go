package accounts_test

import (
	"errors"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/keys"
)

// TestPendingInvitations: an administrator sees whom nobody has seen yet, by whom they were invited and until when they may
// come, and takes an invitation back.
func TestPendingInvitations(t *testing.T) {
	w, ctx := newTown(t), t.Context()
	pending := func() []accounts.PendingInvitation {
		t.Helper()
		list, err := w.Invitations(ctx, accounts.InvitationQuery{Limit: 10}, audit.Actor{Rights: audit.Read})
		w.must(err)
		return list
	}
	_, err := w.Invitations(ctx, accounts.InvitationQuery{Limit: 10}, stranger)
	w.is("the list for nobody", err, audit.ErrForbidden)
	_, err = w.Invitations(ctx, accounts.InvitationQuery{}, operator)
	w.wrong("a page of nothing", err, "limit")
	_, err = w.Invitations(ctx, accounts.InvitationQuery{Prefix: "\x00", Limit: 1}, operator)
	w.wrong("a prefix that is no text", err, "prefix")
	for _, q := range []accounts.InvitationQuery{
		{After: accounts.InvitationCursor{Email: "a\x00", ID: "a"}, Limit: 1}, {Before: accounts.InvitationCursor{Email: "a", ID: "a\xff"}, Limit: 1},
	} {
		_, err = w.Invitations(ctx, q, operator)
		w.wrong("a cursor that is no text", err, "after")
	}

	admin := w.add("boss", "boss@example.com")
	inviter := audit.Actor{Kind: audit.User, ID: admin.ID, Rights: audit.ManageAll}
	w.must(w.Invite(ctx, accounts.Invitation{Email: "gwen@example.com", Username: "gwen", GivenName: "Gwen", FamilyName: "Stacy", Admin: true}, inviter))
	got := pending()
	if len(got) != 1 || got[0].State != accounts.InvitationWaiting || !got[0].ExpiresAt.IsZero() || got[0].Username != "gwen" || got[0].InviterID != admin.ID ||
		!got[0].Admin || got[0].GivenName != "Gwen" || got[0].FamilyName != "Stacy" {
		t.Fatalf("one that waits to leave: %+v", got)
	}
	gwen := w.arrived("invitation", "invitation:gwen@example.com")
	if got = pending(); len(got) != 1 || got[0].State != accounts.InvitationSent || !got[0].ExpiresAt.Equal(w.clock.Now().Truncate(time.Microsecond).Add(7*24*time.Hour)) {
		t.Fatalf("one that has left: %+v", got)
	}
	w.is("withdrawn by who may not", w.WithdrawInvitation(ctx, got[0].ID, audit.Actor{Rights: audit.Read}), audit.ErrForbidden)
	w.is("withdrawn by who may not make administrators", w.WithdrawInvitation(ctx, got[0].ID, audit.Actor{Rights: audit.ManageUsers}), audit.ErrForbidden)
	w.must(w.WithdrawInvitation(ctx, got[0].ID, inviter))
	_, err = w.AcceptInvitation(ctx, gwen, accounts.NewPerson{Password: long}, stranger)
	w.is("one that was withdrawn", err, accounts.ErrLinkGone)
	w.is("withdrawn again", w.WithdrawInvitation(ctx, got[0].ID, inviter), accounts.ErrInvitationNotFound)
	events, err := w.db.AuditEvents(ctx, audit.Query{Action: audit.InvitationWithdrawn, Limit: 10})
	w.must(err)
	if len(events) != 1 || events[0].SubjectID != got[0].ID || events[0].Details["username"] != "gwen" || events[0].Actor.ID != admin.ID {
		t.Errorf("events %+v", events)
	}

	w.must(w.Invite(ctx, accounts.Invitation{Email: "anna@example.com"}, inviter))
	refused, err := w.db.ClaimLetter(ctx, time.Minute, keys.NewSecret().Hash())
	w.must(err)
	w.must(w.db.LetterFailed(ctx, refused.ID, accounts.LetterFailure{Attempt: 1, Failure: "refused", GiveUp: true}))
	if got = pending(); len(got) != 1 || got[0].State != accounts.InvitationGivenUp {
		t.Fatalf("one whose letter was given up: %+v", got)
	}
	w.must(w.WithdrawInvitation(ctx, got[0].ID, inviter))

	mary, err := w.InvitationLink(ctx, accounts.Invitation{Email: "mary@example.com", Username: "mary"}, operator)
	w.must(err)
	got = pending()
	if len(got) != 1 || got[0].State != accounts.InvitationHanded || got[0].InviterID != "" || got[0].Email != "mary@example.com" {
		t.Fatalf("one that was handed over: %+v", got)
	}
	if events, err = w.db.AuditEvents(ctx, audit.Query{Action: audit.UserInvited, Limit: 1}); err != nil || events[0].SubjectID != got[0].ID {
		t.Errorf("its event is %+v, %v", events, err)
	}
	_, err = w.AcceptInvitation(ctx, mary, accounts.NewPerson{Password: long}, stranger)
	w.must(err)
	w.is("one that was taken", w.WithdrawInvitation(ctx, got[0].ID, operator), accounts.ErrInvitationTaken)
	if got = pending(); len(got) != 0 {
		t.Errorf("when all are taken or withdrawn: %+v", got)
	}
	for _, id := range []string{"", "none", "\x00", "\xff"} {
		w.is("one that never was", w.WithdrawInvitation(ctx, id, operator), accounts.ErrInvitationNotFound)
		w.is("one that never was, for who may not", w.WithdrawInvitation(ctx, id, audit.Actor{Rights: audit.Read}), audit.ErrForbidden)
	}
	for _, cursor := range []string{"a", ".b", "a."} {
		_, err := accounts.ParseInvitationCursor("before", cursor)
		w.wrong("the cursor "+cursor, err, "before")
	}
}

// FuzzInvitationCursor: whatever is taken is written as it was read.
func FuzzInvitationCursor(f *testing.F) {
	for _, seed := range []string{"", ".", "a.", ".b", "0123456789abcdef.peter@example.com", "a.b.c", "\x00", "\xff.\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := accounts.ParseInvitationCursor("after", text)
		if err != nil {
			if _, known := errors.AsType[*accounts.InvalidRequest](err); !known {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if text != "" && c.String() != text || text == "" && c != (accounts.InvitationCursor{}) {
			t.Errorf("%q became %+v", text, c)
		}
	})
}
