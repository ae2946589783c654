package accounts

import (
	"context"

	"keyturn/audit"
)

// RightsStore tells what a user may do as an administrator.
type RightsStore interface {
	// RightsOf returns the rights of a user, which count only while they are active; none for one who does not exist.
	RightsOf(ctx context.Context, userID string) (rights audit.Rights, active bool, err error)
}

// RightsOf returns what the user may do as an administrator, as the database says now; nothing for one who is
// deactivated or does not exist.
func (s *Service) RightsOf(ctx context.Context, userID string) (audit.Rights, error) {
	if checkID(userID) != nil {
		return 0, nil
	}
	rights, active, err := s.Store.RightsOf(ctx, userID)
	if err != nil || !active {
		return 0, err
	}
	return rights, nil
}

// mayTouch tells whether the actor may change the user or end what is theirs: a user manager may only for
// those who have no more rights. Else whoever could set the password of an administrator would be one; that of a
// deactivated one too, who may be activated again.
func mayTouch(ctx context.Context, store RightsStore, userID string, actor audit.Actor) error {
	if err := actor.Need(audit.ManageUsers); err != nil || actor.Rights.Cover(audit.ManageAll) {
		return err
	}
	has, _, err := store.RightsOf(ctx, userID)
	if err != nil || has == 0 {
		return err
	}
	return actor.Need(has)
}
