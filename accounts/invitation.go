package accounts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"keyturn/audit"
	"keyturn/keys"
)

// How long an invitation lives, unless its administrator says otherwise, and at most.
const (
	invitationLifetime    = 7 * 24 * time.Hour
	maxInvitationLifetime = 30 * 24 * time.Hour
)

// Invitation offers somebody an account.
type Invitation struct {
	// Email is where the letter goes. It counts as verified when the invitation is taken, if a letter carried it.
	Email string
	// Username is the account's name; empty for the address, which nobody's account may have confirmed then.
	Username              string
	GivenName, FamilyName string
	// Admin makes an administrator.
	Admin    bool
	Language string
	// Lifetime is 0 for seven days, at most 30.
	Lifetime time.Duration
}

// Invite sends an invitation, which needs what Service.Create needs. An older one to the same address ends.
// *InvalidRequest where a field is wrong, ErrUsernameTaken where the name exists.
func (s *SelfService) Invite(ctx context.Context, in Invitation, actor audit.Actor) error {
	if err := s.offer(FeatureInvitation); err != nil {
		return err
	}
	terms, err := s.invitation(ctx, in, actor)
	if err != nil {
		return err
	}
	terms.Data[dataMailed] = "yes"
	letter := Letter{
		ID: keys.NewTokenID(), Kind: LetterInvitation, To: in.Email, Language: language(in.Language),
		Facts: map[string]string{"username": terms.Data[dataUsername]}, Link: &terms,
	}
	return s.Store.QueueAsked(ctx, invitedEvent(terms, letter.ID, actor), letter)
}

// InvitationLink is Invite without mail: it returns the secret of the link, which is stored nowhere. Whoever takes it
// has shown nothing of the address, which stays unverified.
func (s *SelfService) InvitationLink(ctx context.Context, in Invitation, actor audit.Actor) (keys.Secret, error) {
	terms, err := s.invitation(ctx, in, actor)
	if err != nil {
		return keys.Secret{}, err
	}
	return s.mint(ctx, terms, invitedEvent(terms, "", actor))
}

// mint makes a link that no letter carries.
func (s *SelfService) mint(ctx context.Context, terms LinkTerms, event audit.Event) (keys.Secret, error) {
	secret := keys.NewSecret()
	if err := s.Store.MintLink(ctx, secret.Hash(), terms, event); err != nil {
		return keys.Secret{}, err
	}
	return secret, nil
}

func (s *SelfService) invitation(ctx context.Context, in Invitation, actor audit.Actor) (LinkTerms, error) {
	if err := actor.Need(needsFor(in.Admin)); err != nil {
		return LinkTerms{}, err
	}
	username, lifetime := cmp.Or(in.Username, in.Email), cmp.Or(in.Lifetime, invitationLifetime)
	if err := checkGivenEmail(in.Email); err != nil {
		return LinkTerms{}, err
	}
	if err := checkChange(Change{Username: &username, GivenName: &in.GivenName, FamilyName: &in.FamilyName}); err != nil {
		return LinkTerms{}, err
	}
	if lifetime < time.Minute || lifetime > maxInvitationLifetime {
		return LinkTerms{}, invalid("lifetime", "is not from 1 minute to %d days", int(maxInvitationLifetime/(24*time.Hour)))
	}
	if _, err := s.People.Find(ctx, username); !errors.Is(err, ErrUserNotFound) {
		return LinkTerms{}, cmp.Or(err, ErrUsernameTaken)
	}
	if in.Username == "" {
		if err := s.unknownAddress(ctx, in.Email); err != nil {
			return LinkTerms{}, err
		}
	}
	data := map[string]string{dataUsername: username, dataGivenName: in.GivenName, dataFamilyName: in.FamilyName}
	if in.Admin {
		data[dataAdmin] = "yes"
	}
	if actor.Kind == audit.User {
		data[dataInviter] = actor.ID
	}
	return LinkTerms{Purpose: LinkInvitation, Email: in.Email, Lifetime: lifetime, Data: data}, nil
}

// unknownAddress refuses the confirmed address of somebody who has an account: whoever invites it by itself hardly wants
// them to have two.
func (s *SelfService) unknownAddress(ctx context.Context, email string) error {
	users, err := s.Store.UsersByEmail(ctx, email)
	if err != nil {
		return fmt.Errorf("find users by email: %w", err)
	}
	if slices.ContainsFunc(users, func(u User) bool { return u.Active && u.EmailVerified }) {
		return invalid("email", "is that of somebody who has an account; name a username to offer them another one")
	}
	return nil
}

// invitedEvent tells of an invitation; the address stays out of the audit log, which keeps it for longer than
// the queue.
func invitedEvent(terms LinkTerms, letterID string, actor audit.Actor) audit.Event {
	return audit.Event{
		Action: audit.UserInvited, Actor: actor, SubjectKind: "letter", SubjectID: letterID,
		Details: map[string]string{"username": terms.Data[dataUsername], "admin": cmp.Or(terms.Data[dataAdmin], "no")},
	}
}

// AcceptInvitation makes the account that the invitation offers, as FinishSignUp does. ErrLinkGone, too, where
// whoever invited might not do so any more.
func (s *SelfService) AcceptInvitation(ctx context.Context, secret keys.Secret, n NewPerson, actor audit.Actor) (Authentication, error) {
	link, err := s.link(ctx, LinkInvitation, secret)
	if err != nil {
		return Authentication{}, err
	}
	invited := User{
		Username: link.Data[dataUsername], Email: link.Email, EmailVerified: link.Data[dataMailed] != "",
		Admin: link.Data[dataAdmin] != "",
	}
	if inviter := link.Data[dataInviter]; inviter != "" {
		rights, err := s.People.RightsOf(ctx, inviter)
		switch {
		case err != nil:
			return Authentication{}, fmt.Errorf("read the inviter's rights: %w", err)
		case !rights.Cover(needsFor(invited.Admin)):
			return Authentication{}, ErrLinkGone
		}
	}
	return s.createBy(ctx, link, secret, invited, n, actor)
}
