package accounts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keyturn/audit"
	"keyturn/keys"
)

// resetLifetime is how long the link to choose a new password lives.
const resetLifetime = 30 * time.Minute

// ResetRequest asks for a letter to choose a new password by.
type ResetRequest struct {
	// NameOrEmail is a username or an e-mail address.
	NameOrEmail string
	Language    string
}

// AskReset sends a letter to each active account of that name or address. It goes to the address that the
// account has proved: to one that nobody has proved, whoever holds it would get an account that may be
// somebody else's. The answer is the same whether there is such an account or not, and over the limits.
func (s *SelfService) AskReset(ctx context.Context, in ResetRequest, actor audit.Actor) error {
	if err := s.offer(FeaturePasswordReset); err != nil {
		return err
	}
	if err := checkAsked(in.NameOrEmail); err != nil {
		return err
	}
	if taken, err := s.takeLetters(ctx, actor, in.NameOrEmail); err != nil || !taken {
		return err
	}
	users, err := s.named(ctx, in.NameOrEmail)
	if err != nil {
		return err
	}
	letters, err := s.resetLetters(ctx, users, in, actor)
	if err != nil {
		return err
	}
	if len(letters) == 0 { // and the same work as with one
		return s.People.countRefusal(ctx, accountOf(users), PlaceOf(actor.Address), refusalNoLetter)
	}
	for _, letter := range letters {
		event := userEvent(audit.PasswordResetAsked, letter.UserID, actor)
		if err := s.Store.QueueAsked(ctx, event, letter); err != nil {
			return err
		}
	}
	return nil
}

// checkAsked checks what is a name or an address. One that can't exist is refused whoever asks.
func checkAsked(nameOrEmail string) error {
	if err := checkUsername(nameOrEmail); err != nil {
		if in, ok := errors.AsType[*InvalidRequest](err); ok {
			return &InvalidRequest{"name_or_email", in.Problem}
		}
		return err
	}
	return nil
}

// named finds the users of that name or address, each once.
func (s *SelfService) named(ctx context.Context, nameOrEmail string) ([]User, error) {
	users, err := s.Store.UsersByEmail(ctx, nameOrEmail)
	if err != nil {
		return nil, fmt.Errorf("find users by e-mail: %w", err)
	}
	user, err := s.People.Find(ctx, nameOrEmail)
	switch {
	case errors.Is(err, ErrUserNotFound):
		return users, nil
	case err != nil:
		return nil, fmt.Errorf("find user: %w", err)
	}
	for _, u := range users {
		if u.ID == user.ID {
			return users, nil
		}
	}
	return append(users, user), nil
}

// resetLetters makes the letters. Where the account was asked for by its name, its address counts letters, too.
func (s *SelfService) resetLetters(ctx context.Context, users []User, in ResetRequest, actor audit.Actor) ([]Letter, error) {
	var letters []Letter
	for _, u := range users {
		if !u.Active || !u.EmailVerified {
			continue
		}
		if !SameAddress(u.Email, in.NameOrEmail) {
			taken, err := s.Store.TakeLetters(ctx, []LetterLimit{{Bucket: recipientBucket(u.Email), Most: lettersPerRecipient}})
			if err != nil {
				return nil, fmt.Errorf("count letters: %w", err)
			}
			if !taken {
				continue
			}
		}
		letters = append(letters, resetLetter(u, in.Language))
	}
	return letters, nil
}

func resetLetter(u User, asked string) Letter {
	terms := resetTerms(u, resetLifetime)
	terms.Email = u.Email
	return Letter{
		ID: keys.NewTokenID(), Kind: LetterPasswordReset, To: u.Email, Language: languageOf(u, asked), UserID: u.ID,
		Facts: map[string]string{"username": u.Username}, Link: &terms,
	}
}

func resetTerms(u User, lifetime time.Duration) LinkTerms {
	return LinkTerms{Purpose: LinkPasswordReset, UserID: u.ID, CredentialVersion: u.CredentialVersion, Lifetime: lifetime}
}

// accountOf is the account that a refusal is counted for.
func accountOf(users []User) string {
	if len(users) == 0 {
		return unknownAccount
	}
	return users[0].ID
}

// SendReset sends the letter of AskReset to one user, whatever the limits, for whoever may set their password.
// The address need not be verified: the administrator says that it is the person's. ErrNoAddress where the user
// has none, ErrDeactivated where they are not active.
func (s *SelfService) SendReset(ctx context.Context, id string, actor audit.Actor) error {
	if err := s.offer(FeaturePasswordReset); err != nil {
		return err
	}
	user, err := s.resettable(ctx, id, actor)
	if err != nil {
		return err
	}
	if user.Email == "" {
		return ErrNoAddress
	}
	return s.Store.QueueAsked(ctx, userEvent(audit.PasswordResetAsked, id, actor), resetLetter(user, ""))
}

// ResetLink is SendReset without mail: it returns the secret of the link, which is stored nowhere.
func (s *SelfService) ResetLink(ctx context.Context, id string, lifetime time.Duration, actor audit.Actor) (keys.Secret, error) {
	user, err := s.resettable(ctx, id, actor)
	if err != nil {
		return keys.Secret{}, err
	}
	if lifetime == 0 {
		lifetime = resetLifetime
	}
	if lifetime < time.Minute || lifetime > maxResetLifetime {
		return keys.Secret{}, invalid("lifetime", "is not from 1 minute to %d hours", int(maxResetLifetime/time.Hour))
	}
	return s.mint(ctx, resetTerms(user, lifetime), userEvent(audit.PasswordResetAsked, id, actor))
}

// maxResetLifetime is how long a link may live that somebody hands over by themselves.
const maxResetLifetime = 24 * time.Hour

// resettable is the user, who must be active: a link does nothing for others.
func (s *SelfService) resettable(ctx context.Context, id string, actor audit.Actor) (User, error) {
	if err := s.People.mayChange(ctx, id, actor); err != nil {
		return User{}, err
	}
	user, err := s.People.Get(ctx, id)
	if err == nil && !user.Active {
		err = ErrDeactivated
	}
	return user, err
}

// Reset replaces the password of whose link it is and ends everything that they have open, as
// Service.SetPassword does. Nobody is signed in by it: a second factor is asked for as ever.
func (s *SelfService) Reset(ctx context.Context, secret keys.Secret, password string, actor audit.Actor) error {
	link, err := s.link(ctx, LinkPasswordReset, secret)
	if err != nil {
		return err
	}
	user, err := s.userOf(ctx, link)
	if err != nil {
		return err
	}
	hashed, err := s.choose(ctx, password, user)
	if err != nil {
		return err
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	event := userEvent(audit.UserPasswordSet, user.ID, person(user.ID, actor))
	event.Reason = "reset"
	return s.Store.ResetPassword(ctx, UsedLink{secret.Hash(), LinkPasswordReset}, hashed, event,
		notices(s.Mail, LetterPasswordChanged, user, nil, user.Email)...)
}

// userOf is the user that a link is for.
func (s *SelfService) userOf(ctx context.Context, link Link) (User, error) {
	user, err := s.People.Get(ctx, link.UserID)
	return user, gone(err)
}

// Errors that administrators meet.
var (
	// ErrNoAddress says that the user has no email address.
	ErrNoAddress = errors.New("accounts: the user has no email address")
	// ErrDeactivated says that the user is not active.
	ErrDeactivated = errors.New("accounts: the user is deactivated")
)
