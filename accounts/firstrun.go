package accounts

import (
	"context"
	"errors"
	"time"

	"keyturn/audit"
	"keyturn/keys"
)

// firstRunLifetime is how long the link to become the first administrator lives.
const firstRunLifetime = 24 * time.Hour

// ErrAdministratorExists says that somebody is active already who may do everything, so that nobody becomes the
// first administrator by a link.
var ErrAdministratorExists = errors.New("accounts: there is an administrator already")

// FirstAdministrator is what the first administrator says of themselves.
type FirstAdministrator struct {
	Username string
	// Email may be empty; nobody has proved it.
	Email string
	NewPerson
}

// FirstRunLink returns the secret of a link by which whoever opens it becomes the first administrator; it is stored
// nowhere. An older one ends. ErrAdministratorExists where there is one.
func (s *SelfService) FirstRunLink(ctx context.Context, actor audit.Actor) (keys.Secret, error) {
	if err := actor.Need(audit.ManageAll); err != nil {
		return keys.Secret{}, err
	}
	secret, terms := keys.NewSecret(), LinkTerms{Purpose: LinkFirstRun, Lifetime: firstRunLifetime}
	event := audit.Event{Action: audit.FirstRunOffered, Actor: actor, SubjectKind: "link"}
	if err := s.Store.MintFirstRun(ctx, secret.Hash(), terms, event); err != nil {
		return keys.Secret{}, err
	}
	return secret, nil
}

// BecomeAdministrator makes the first administrator, as FinishSignUp makes a user. ErrLinkGone, too, where somebody
// else has become one meanwhile: of any number of concurrent calls one succeeds, whichever links they have.
func (s *SelfService) BecomeAdministrator(ctx context.Context, secret keys.Secret, n FirstAdministrator, actor audit.Actor) (Authentication, error) {
	link, err := s.link(ctx, LinkFirstRun, secret)
	if err != nil {
		return Authentication{}, err
	}
	return s.createBy(ctx, link, secret, User{Username: n.Username, Email: n.Email, Admin: true}, n.NewPerson, actor)
}
