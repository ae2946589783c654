package accounts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"keyturn/audit"
	"keyturn/keys"
)

// signUpLifetime is how long the link to finish signing up lives.
const signUpLifetime = 24 * time.Hour

// SignUp asks for an account.
type SignUp struct {
	Email string
	// Language is that of the letter.
	Language string
}

// NewPerson is what somebody says of themselves where a link makes their account.
type NewPerson struct {
	GivenName, FamilyName string
	Password              string
}

// SignUp sends a letter to the address: how to go on, or that there is an account already. The answer does not
// tell which, nor whether too many letters were asked for. *InvalidRequest for an address of a wrong form.
func (s *SelfService) SignUp(ctx context.Context, in SignUp, actor audit.Actor) error {
	if err := s.offer(FeatureSignUp); err != nil {
		return err
	}
	if err := checkGivenEmail(in.Email); err != nil {
		return err
	}
	if taken, err := s.takeLetters(ctx, actor, in.Email); err != nil || !taken {
		return err
	}
	user, exists, err := s.provedBy(ctx, in.Email)
	if err != nil {
		return err
	}
	letter := Letter{
		ID: keys.NewTokenID(), Kind: LetterSignUp, To: in.Email, Language: language(in.Language),
		Link: &LinkTerms{Purpose: LinkSignUp, Email: in.Email, Lifetime: signUpLifetime},
	}
	event := audit.Event{Action: audit.SignUpAsked, Actor: actor, SubjectKind: "letter", SubjectID: letter.ID}
	if exists {
		letter.Kind, letter.Link = LetterSignUpExists, nil
		letter.To, letter.UserID, letter.Facts = user.Email, user.ID, map[string]string{"username": user.Username}
		letter.Language = languageOf(user, in.Language)
	}
	return s.Store.QueueAsked(ctx, event, letter)
}

// provedBy finds the account that the holder of an address has already: one that has proved the address,
// active or not. An address that nobody has proved keeps nobody from signing up.
func (s *SelfService) provedBy(ctx context.Context, email string) (User, bool, error) {
	users, err := s.Store.UsersByEmail(ctx, email)
	if err != nil {
		return User{}, false, fmt.Errorf("find users by e-mail: %w", err)
	}
	for _, u := range users {
		if u.EmailVerified {
			return u, true, nil
		}
	}
	return User{}, false, nil
}

// FinishSignUp makes the account of whoever holds the secret: its username is the address that the letter
// went to, which counts as verified. A *PasswordRefused or *InvalidRequest leaves the link as it is, and so
// does ErrUsernameTaken, of an account with that name.
func (s *SelfService) FinishSignUp(ctx context.Context, secret keys.Secret, n NewPerson, actor audit.Actor) (Authentication, error) {
	if err := s.offer(FeatureSignUp); err != nil {
		return Authentication{}, err
	}
	link, err := s.link(ctx, LinkSignUp, secret)
	if err != nil {
		return Authentication{}, err
	}
	return s.createBy(ctx, link, secret, User{Username: link.Email, Email: link.Email, EmailVerified: true}, n, actor)
}

// createBy makes the user that a link stands for, with what the person says of themselves.
func (s *SelfService) createBy(ctx context.Context, link Link, secret keys.Secret, u User, n NewPerson, actor audit.Actor) (Authentication, error) {
	u.ID, u.Active, u.GivenName, u.FamilyName = uuid.NewString(), true, n.GivenName, n.FamilyName
	if err := checkChange(Change{Username: &u.Username, Email: &u.Email, GivenName: &u.GivenName, FamilyName: &u.FamilyName}); err != nil {
		return Authentication{}, err
	}
	var err error
	if u.PasswordHash, err = s.choose(ctx, n.Password, u); err != nil {
		return Authentication{}, err
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	event := createdEvent(u, person(u.ID, actor))
	event.Reason = string(link.Purpose)
	created, err := s.Store.CreateUserByLink(ctx, UsedLink{secret.Hash(), link.Purpose}, u, event)
	if err != nil {
		return Authentication{}, err
	}
	return Authentication{
		userID: created.ID, credentialVersion: created.CredentialVersion, at: s.People.now(), methods: []string{MethodPassword},
	}, nil
}

// choose checks and hashes a password that somebody has chosen for themselves.
func (s *SelfService) choose(ctx context.Context, password string, u User) (string, error) {
	least, err := s.LeastPassword(ctx, u.ID)
	if err != nil {
		return "", err
	}
	if err := s.People.checkPassword(password, least, u); err != nil {
		return "", err
	}
	return s.People.hashNew(ctx, password)
}

// checkGivenEmail is checkEmail where there must be one.
func checkGivenEmail(email string) error {
	if email == "" {
		return invalid("email", "is empty")
	}
	return checkEmail(email)
}

// language is the tag if it is one; that of a page comes from outside.
func language(tag string) string {
	if len(tag) > maxShort || !localeForm.MatchString(tag) {
		return ""
	}
	return tag
}

// languageOf is the language of a letter to somebody who has an account: the one they have chosen for
// themselves, else that of whoever asked.
func languageOf(u User, asked string) string {
	if u.Claims.Locale != "" {
		return language(u.Claims.Locale)
	}
	return language(asked)
}

// gone is err, but ErrLinkGone where the user that the link is for is not there any more.
func gone(err error) error {
	if errors.Is(err, ErrUserNotFound) {
		return ErrLinkGone
	}
	return err
}
