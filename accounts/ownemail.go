package accounts

import (
	"context"
	"fmt"
	"time"

	"keyturn/audit"
	"keyturn/keys"
)

// emailLifetime is how long the link to confirm an address lives.
const emailLifetime = 24 * time.Hour

// AskEmailChange sends a letter to the new address, whose link changes it, and tells the old one. Asked for
// the address that the person has but nobody has proved, it has that proved. Over the limits nothing is sent
// and the answer stays the same.
func (s *SelfService) AskEmailChange(ctx context.Context, who Authentication, email, asked string, actor audit.Actor) error {
	if err := s.ownRecent(ctx, FeatureEmail, who); err != nil {
		return err
	}
	if err := checkGivenEmail(email); err != nil {
		return err
	}
	user, err := s.People.Get(ctx, who.UserID())
	if err != nil {
		return fmt.Errorf("find user: %w", err)
	}
	if user.Email == email && user.EmailVerified {
		return invalid("email", "is your address already")
	}
	actor = person(user.ID, actor)
	if taken, err := s.takeLetters(ctx, actor, email); err != nil || !taken {
		return err
	}
	letters := []Letter{{
		ID: keys.NewTokenID(), Kind: LetterEmailConfirm, To: email, Language: languageOf(user, asked), UserID: user.ID,
		Facts: map[string]string{"username": user.Username},
		Link: &LinkTerms{
			Purpose: LinkEmailConfirm, UserID: user.ID, CredentialVersion: who.CredentialVersion(), Email: email,
			Lifetime: emailLifetime, Data: map[string]string{dataFrom: user.Email},
		},
	}}
	if !SameAddress(user.Email, email) {
		letters = append(letters, notices(s.Mail, LetterEmailChanging, user, nil, user.Email)...)
	}
	return s.Store.QueueAsked(ctx, userEvent(audit.EmailChangeAsked, user.ID, actor), letters...)
}

// ConfirmEmail gives the user whose link it is the address that the link went to, and tells both addresses. The
// mailbox may be open in a browser where nobody is signed in; ErrLinkGone where somebody else is, by: they would lend
// their address to a stranger's account, and apps that know people by the address would take the stranger for them.
func (s *SelfService) ConfirmEmail(ctx context.Context, secret keys.Secret, by Authentication, actor audit.Actor) (User, error) {
	link, err := s.link(ctx, LinkEmailConfirm, secret)
	if err != nil {
		return User{}, err
	}
	if by.Valid() && by.UserID() != link.UserID {
		return User{}, ErrLinkGone
	}
	user, err := s.userOf(ctx, link)
	if err != nil {
		return User{}, err
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	from := link.Data[dataFrom]
	event := userEvent(audit.UserUpdated, user.ID, person(user.ID, actor))
	event.Reason, event.Details = "email_confirmed", map[string]string{"fields": "email email_verified"}
	var letters []Letter
	if !SameAddress(from, link.Email) {
		letters = notices(s.Mail, LetterEmailChanged, user, map[string]string{"email": link.Email}, from, link.Email)
	}
	return withoutHash(s.Store.ConfirmEmail(ctx, UsedLink{secret.Hash(), LinkEmailConfirm}, from, event, letters...))
}
