package accounts

import (
	"context"
	"errors"
	"fmt"

	"keyturn/audit"
)

// ChangePassword replaces the person's own password and ends everything that they have open. It returns the
// proof by which the browser that they are at starts anew (Browsers.Start), under a new secret. The old
// password is throttled like a sign-in (*Throttled, and *InvalidRequest of old_password); somebody without a
// password gets their first, and the old one is not looked at. A *PasswordRefused is about the new one.
func (s *SelfService) ChangePassword(ctx context.Context, who Authentication, old, password string, actor audit.Actor) (Authentication, error) {
	if err := s.ownRecent(ctx, FeaturePassword, who); err != nil {
		return Authentication{}, err
	}
	user, err := s.People.Store.UserByID(ctx, who.UserID())
	if err != nil {
		return Authentication{}, fmt.Errorf("find user: %w", err)
	}
	actor = person(user.ID, actor)
	if user.PasswordHash != "" {
		if err := s.People.checkOwn(ctx, user, old, actor); err != nil {
			return Authentication{}, err
		}
	}
	hashed, err := s.choose(ctx, password, user)
	if err != nil {
		return Authentication{}, err
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	event := userEvent(audit.UserPasswordSet, user.ID, actor)
	event.Reason = "own"
	version, err := s.Store.ChangePassword(ctx, user.ID, who.CredentialVersion(), hashed, event,
		notices(s.Mail, LetterPasswordChanged, user, nil, user.Email)...)
	if err != nil {
		return Authentication{}, err
	}
	who.credentialVersion, who.sessionID = version, ""
	return who, nil
}

// checkOwn checks the password of somebody who is signed in, at the cost and under the throttle of a sign-in.
func (s *Service) checkOwn(ctx context.Context, u User, password string, actor audit.Actor) error {
	s.setUp()
	a := s.attemptOf(u, actor)
	a.Password = password
	err := s.tryOwn(ctx, a)
	if errors.Is(err, ErrCredentials) {
		return invalid("old_password", "is not your password")
	}
	return s.refuseThrottled(ctx, a, err)
}

func (s *Service) tryOwn(ctx context.Context, a *attempt) error {
	if err := s.gate.enter(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	if err := s.admit(ctx, a); err != nil {
		return err
	}
	if _, ok := s.verify(ctx, a); !ok {
		return s.fail(ctx, a)
	}
	return s.noteSuccess(ctx, a)
}

// HasPassword tells whether the person has a password, which ChangePassword then asks for.
func (s *SelfService) HasPassword(ctx context.Context, who Authentication) (bool, error) {
	if !who.Valid() {
		return false, ErrNotSignedIn
	}
	user, err := s.People.Store.UserByID(ctx, who.UserID())
	return user.PasswordHash != "", err
}
