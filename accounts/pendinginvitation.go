package accounts

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"keyturn/audit"
)

// PendingInvitation is an invitation that nobody has taken yet, and that still may be.
type PendingInvitation struct {
	// ID is that of its letter; one without a letter has its own.
	ID string
	// What was offered: see Invitation.
	Email, Username       string
	GivenName, FamilyName string
	Admin                 bool
	// InviterID is the user who invited, empty for a client or the command line.
	InviterID string
	State     InvitationState
	// CreatedAt is when it was asked for; once its letter has left, when that was.
	CreatedAt time.Time
	// ExpiresAt is when its newest link ends, zero where none has left yet.
	ExpiresAt time.Time
}

// InvitationState says where the link of an invitation is.
type InvitationState string

// The states of pending invitations.
const (
	InvitationWaiting InvitationState = "waiting"  // its letter is still to leave
	InvitationGivenUp InvitationState = "given_up" // its letter could not be sent
	InvitationSent    InvitationState = "sent"     // its letter has left
	InvitationHanded  InvitationState = "handed"   // its link was shown to whoever invited
)

// InvitationRecord is what is stored of an invitation, in its letter while that is in the queue and in its links.
type InvitationRecord struct {
	ID, Email string
	// Data is that of LinkTerms.
	Data map[string]string
	// InQueue tells that the letter is still there, GivenUpAt when it was given up; zero for one that is still tried.
	InQueue              bool
	GivenUpAt            time.Time
	CreatedAt, ExpiresAt time.Time
}

// InvitationQuery selects pending invitations by a prefix of their address, in the order of addresses (byte order).
type InvitationQuery struct {
	Prefix string
	// After is the last invitation of the page before, Before the first of the page behind (keyset paging). At most one of
	// the two is set.
	After, Before InvitationCursor
	// Limit is 1 to 1000.
	Limit int
}

// InvitationCursor is the place of an invitation in the list, zero for none.
type InvitationCursor struct{ Email, ID string }

// Cursor is the place of the invitation in the list.
func (p PendingInvitation) Cursor() InvitationCursor { return InvitationCursor{p.Email, p.ID} }

// String is the cursor as ParseInvitationCursor reads it.
func (c InvitationCursor) String() string { return c.ID + "." + c.Email }

// ParseInvitationCursor reads a cursor; empty is none. *InvalidRequest, of the parameter that it stands in, for a text that
// is none.
func ParseInvitationCursor(param, text string) (InvitationCursor, error) {
	id, email, found := strings.Cut(text, ".")
	if text != "" && (!found || id == "" || email == "") {
		return InvitationCursor{}, invalid(param, "is not from a list of invitations")
	}
	return InvitationCursor{Email: email, ID: id}, nil
}

var (
	// ErrInvitationNotFound tells that there is no such invitation, or that it has ended.
	ErrInvitationNotFound = errors.New("accounts: there is no such invitation, or it has ended")
	// ErrInvitationTaken tells that somebody has the account already that was offered.
	ErrInvitationTaken = errors.New("accounts: the invitation was taken already")
)

// Invitations lists invitations that nobody has taken yet, to whoever has audit.Read.
func (s *SelfService) Invitations(ctx context.Context, q InvitationQuery, actor audit.Actor) ([]PendingInvitation, error) {
	if err := actor.Need(audit.Read); err != nil {
		return nil, err
	}
	cursor := cmp.Or(q.After, q.Before)
	if err := checkQuery(Query{Prefix: q.Prefix, After: cursor.Email + cursor.ID, Limit: q.Limit}); err != nil {
		return nil, err
	}
	records, err := s.Store.Invitations(ctx, q)
	if err != nil {
		return nil, err
	}
	pending := make([]PendingInvitation, len(records))
	for n, r := range records {
		pending[n] = r.pending()
	}
	return pending, nil
}

// Invitation returns one that nobody has taken yet, to whoever has audit.Read. ErrInvitationNotFound,
// ErrInvitationTaken.
func (s *SelfService) Invitation(ctx context.Context, id string, actor audit.Actor) (PendingInvitation, error) {
	if err := actor.Need(audit.Read); err != nil {
		return PendingInvitation{}, err
	}
	if id == "" || checkText("id", id) != nil {
		return PendingInvitation{}, ErrInvitationNotFound
	}
	record, err := s.Store.Invitation(ctx, id)
	return record.pending(), err
}

// WithdrawInvitation ends the invitation, which needs what Invite needs: its links are good for nothing any more, and a
// letter that has not left never leaves. ErrInvitationTaken where the account exists already, and ErrInvitationNotFound
// where it has ended otherwise; neither changes anything.
func (s *SelfService) WithdrawInvitation(ctx context.Context, id string, actor audit.Actor) error {
	if err := actor.Need(audit.ManageUsers); err != nil {
		return err
	}
	p, err := s.Invitation(ctx, id, actor)
	if err != nil {
		return err
	}
	if err := actor.Need(needsFor(p.Admin)); err != nil {
		return err
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	return s.Store.WithdrawInvitation(ctx, id, audit.Event{
		Action: audit.InvitationWithdrawn, Actor: actor, SubjectKind: "letter", SubjectID: id,
		Details: map[string]string{"username": p.Username},
	})
}

func (r InvitationRecord) pending() PendingInvitation {
	p := PendingInvitation{
		ID: r.ID, Email: r.Email, Username: r.Data[dataUsername], GivenName: r.Data[dataGivenName], FamilyName: r.Data[dataFamilyName],
		Admin: r.Data[dataAdmin] != "", InviterID: r.Data[dataInviter], CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt,
	}
	switch {
	case !r.GivenUpAt.IsZero():
		p.State = InvitationGivenUp
	case r.InQueue:
		p.State = InvitationWaiting
	case r.Data[dataMailed] != "":
		p.State = InvitationSent
	default:
		p.State = InvitationHanded
	}
	return p
}
