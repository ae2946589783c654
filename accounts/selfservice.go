package accounts

import (
	"context"

	"keyturn/audit"
	"keyturn/keys"
)

// SelfService is what people do to accounts of their own, and what leads to one: sign-up, invitation, reset
// of a password. Its fields are set before the first call and not changed after; its methods may be called
// by any number of goroutines.
//
// Nothing that somebody who is not signed in can ask tells whether an account exists, in its answer, its time
// (to the order of magnitude) or its limits.
type SelfService struct {
	People *Service
	Store  SelfServiceStore
	Allow  Features
	// Mail tells that letters leave. Without it features that need them are not offered.
	Mail bool
}

// SelfServiceStore keeps what self-service changes. Every method that changes state is one transaction that
// also writes the event and queues the letters; when it returns nil, the change is durable.
type SelfServiceStore interface {
	// LinkByHash looks at a link and uses nothing up. ErrLinkUsed or ErrLinkGone where it is not good. One for
	// LinkFirstRun is good only while nobody is active who may do everything.
	LinkByHash(ctx context.Context, h keys.Hash, purpose LinkPurpose) (Link, error)
	// MintLink stores a link whose secret somebody is told at once, without a letter, and ends older ones as
	// QueueAsked does. An event about a letter without an id gets that of the link. A *audit.Forbidden where the
	// event's actor has rights, but less than the link's user.
	MintLink(ctx context.Context, h keys.Hash, terms LinkTerms, event audit.Event) error
	// MintFirstRun is MintLink for LinkFirstRun while nobody is active who may do everything; else
	// ErrAdministratorExists, and nothing has changed.
	MintFirstRun(ctx context.Context, h keys.Hash, terms LinkTerms, event audit.Event) error

	// UsersByEmail returns users with that address as SameAddress compares, at most ten, active ones first.
	UsersByEmail(ctx context.Context, email string) ([]User, error)
	// TakeLetters counts one letter in each of the buckets, if each has counted fewer than its Most in the hour
	// that its first began; else it changes nothing and returns false.
	TakeLetters(ctx context.Context, limits []LetterLimit) (bool, error)
	// QueueAsked queues letters that somebody asked for. A link of one of them ends those that the same user has
	// for the same purpose, and an invitation those to the same address, those that are still to leave among them; that of
	// MintLink only where the event's actor has rights.
	// A *audit.Forbidden as MintLink has it.
	QueueAsked(ctx context.Context, event audit.Event, letters ...Letter) error

	// Invitations lists those that q selects of the invitations that nobody has taken and that still may be taken: whose
	// letter is in the queue, or of which a link lives.
	Invitations(ctx context.Context, q InvitationQuery) ([]InvitationRecord, error)
	// Invitation returns one of them; ErrInvitationTaken for one that was taken, else ErrInvitationNotFound.
	Invitation(ctx context.Context, id string) (InvitationRecord, error)
	// WithdrawInvitation removes its letter and ends its links. Errors as Invitation has them; of a withdrawal and
	// CreateUserByLink at the same time one succeeds, and no link that leaves at the same time outlives it.
	WithdrawInvitation(ctx context.Context, id string, event audit.Event) error

	// CreateUserByLink uses the link up and stores the user as Store.CreateUser does. ErrUsernameTaken leaves
	// the link as it is. Of any number of concurrent calls with links of one letter one succeeds, and of those with any
	// links for LinkFirstRun.
	CreateUserByLink(ctx context.Context, by UsedLink, u User, event audit.Event) (User, error)
	// ResetPassword uses the link up and then does what Store.SetPassword does to its user; where the link has
	// an address that must still be the user's, and counts as verified from then on.
	ResetPassword(ctx context.Context, by UsedLink, hash string, event audit.Event, letters ...Letter) error
	// ConfirmEmail uses the link up and gives its user its address, verified, if the user still has the address
	// from; else ErrLinkGone.
	ConfirmEmail(ctx context.Context, by UsedLink, from string, event audit.Event, letters ...Letter) (User, error)

	// UpdateOwn changes what change returns, given the user under a lock. ErrNotSignedIn where the user is not
	// active or not at that version.
	UpdateOwn(ctx context.Context, id string, version int64, change func(User) Change, event audit.Event) error
	// ChangePassword does what Store.SetPassword does, if the user is active and at that version, and returns
	// the version that they are at then; else ErrNotSignedIn.
	ChangePassword(ctx context.Context, id string, version int64, hash string, event audit.Event, letters ...Letter) (int64, error)
	// DeleteOwn does what Store.DeleteUser does, if the user is active and at that version; else
	// ErrNotSignedIn. ErrLastAdministrator where nobody would be left to administer, however many leave at once.
	DeleteOwn(ctx context.Context, id string, version int64, event audit.Event, letters ...Letter) error

	// Kept returns what is kept about a user beside the user's row (KeptEventOf makes the events), and writes that
	// they took it away.
	Kept(ctx context.Context, userID string, event audit.Event) (Kept, error)
}

// UsedLink is the link that a change uses up.
type UsedLink struct {
	Hash    keys.Hash
	Purpose LinkPurpose
}

// Offers tells whether people may do f here.
func (s *SelfService) Offers(f Feature) bool {
	return s.Allow.Has(f) && (s.Mail || !f.needsMail())
}

func (s *SelfService) offer(f Feature) error {
	if !s.Offers(f) {
		return ErrNotOffered
	}
	return nil
}

// own begins what somebody does to their own account.
func (s *SelfService) own(f Feature, who Authentication) error {
	if !who.Valid() {
		return ErrNotSignedIn
	}
	return s.offer(f)
}

// ownRecent is own for what needs a recent proof.
func (s *SelfService) ownRecent(ctx context.Context, f Feature, who Authentication) error {
	if err := s.own(f, who); err != nil {
		return err
	}
	return s.People.Recent(ctx, who)
}

// person is the actor of what somebody does to their own account.
func person(id string, actor audit.Actor) audit.Actor {
	actor.Kind, actor.ID = audit.User, id
	return actor
}
