package accounts

import (
	"context"
	"errors"
	"fmt"

	"keyturn/audit"
)

// ErrLastAdministrator says that nobody would be left who is active and may do everything; nothing was changed.
var ErrLastAdministrator = errors.New("accounts: this is the last active administrator")

// Delete removes the person's own account and ends everything that they have open. The last of the
// administrators can't: ErrLastAdministrator.
func (s *SelfService) Delete(ctx context.Context, who Authentication, actor audit.Actor) error {
	if err := s.ownRecent(ctx, FeatureDeletion, who); err != nil {
		return err
	}
	user, err := s.People.Get(ctx, who.UserID())
	if err != nil {
		return fmt.Errorf("find user: %w", err)
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	event := userEvent(audit.UserDeleted, user.ID, person(user.ID, actor))
	event.Reason = "own"
	return s.Store.DeleteOwn(ctx, user.ID, who.CredentialVersion(), event, notices(s.Mail, LetterAccountDeleted, user, nil, user.Email)...)
}
