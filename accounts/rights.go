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

// Administrators are a number of those who are active and may do everything, and how many of them are in a group that
// demands a second factor.
type Administrators struct {
	All     int64
	Guarded int64
}

// CountAdministrators counts those who are active and may do everything, for whoever has audit.Read.
func (s *Service) CountAdministrators(ctx context.Context, actor audit.Actor) (Administrators, error) {
	if err := actor.Need(audit.Read); err != nil {
		return Administrators{}, err
	}
	return s.Store.CountAdministrators(ctx)
}

// IsLastAdministrator tells whether nobody would be left who is active and may do everything, were it not for the user.
func (s *Service) IsLastAdministrator(ctx context.Context, userID string) (bool, error) {
	rights, err := s.RightsOf(ctx, userID)
	if err != nil || !rights.Cover(audit.ManageAll) {
		return false, err
	}
	administrators, err := s.Store.CountAdministrators(ctx)
	return administrators.All <= 1, err
}

// Loss is a way in which somebody ceases to be an administrator who stays otherwise.
type Loss struct {
	// GroupID is the group whose role is lost; empty for the mark of the user.
	GroupID string
	// UserID is who loses it; empty for everybody in the group.
	UserID string
}

// LeavesNobody tells whether there is somebody who is active and may do everything, and nobody would be left by the loss.
// What changes meanwhile, storage finds when the change is made.
func (s *Service) LeavesNobody(ctx context.Context, l Loss) (bool, error) {
	is, left, err := s.Store.AdministratorLeft(ctx, l)
	return is && !left, err
}

// AdminResource stands for the admin API where roles are stored, whatever the issuer's URL is. No resource can
// have it as identifier.
const AdminResource = "/admin/v1"

// The roles of the admin API, which also are those of the console.
const (
	RoleAuditor       = "auditor"
	RoleUserManager   = "user-manager"
	RoleKeyManager    = "key-manager"
	RoleAdministrator = "administrator"
)

// AdminRoles lists them.
func AdminRoles() []string {
	return []string{RoleAuditor, RoleUserManager, RoleKeyManager, RoleAdministrator}
}

// RightsOfRole are what a role of the admin API gives; nothing for one that it does not know.
func RightsOfRole(role string) audit.Rights {
	switch role {
	case RoleAuditor:
		return audit.Read
	case RoleUserManager:
		return audit.ManageUsers
	case RoleKeyManager:
		return audit.ManageKeys
	case RoleAdministrator:
		return audit.ManageAll
	}
	return 0
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

// MayTouch tells whether the actor may change the user or end what is theirs: a user manager may only for
// those who have no more rights. Else whoever could set the password of an administrator would be one; that of a
// deactivated one too, who may be activated again. Of a user who is gone everybody may who manages users. Storage asks
// again in the transaction of a change of the user.
func MayTouch(ctx context.Context, store RightsStore, userID string, actor audit.Actor) error {
	if err := actor.Need(audit.ManageUsers); err != nil || actor.Rights.Cover(audit.ManageAll) {
		return err
	}
	has, _, err := store.RightsOf(ctx, userID)
	if err != nil || has == 0 {
		return err
	}
	return actor.Need(has)
}
