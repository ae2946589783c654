package accounts

import (
	"context"
	"errors"
	"time"

	"keyturn/audit"
)

// Errors of groups, for administrators.
var (
	ErrGroupNotFound = errors.New("accounts: no such group")
	// ErrGroupExists says that another group has the name, perhaps in other letter case or a look-alike form.
	ErrGroupExists = errors.New("accounts: the name (in any letter case or look-alike form) belongs to another group")
	// ErrTooManyGroups says that the person is in MaxGroups groups already, ErrTooManyRoles that the group, or all
	// groups together for one resource, have as many roles as they may: tokens carry them, and have to stay small.
	ErrTooManyGroups = errors.New("accounts: the person is in too many groups")
	ErrTooManyRoles  = errors.New("accounts: too many roles")
)

// MaxGroups is how many groups a person may be in, and MaxRoles how many different roles all groups may have
// for one resource. Nothing is ever left out of a token, so more is refused where it would come to be.
const (
	MaxGroups = 200
	MaxRoles  = 100
)

// Group is a number of people, with the roles that they have by being in it and the level that they have to
// sign in at.
type Group struct {
	// ID is a UUID.
	ID string
	// Name is what the groups claim says, unique also in its folded form (Fold).
	Name        string
	Description string
	// RequiredLevel is TwoFactors or PhishingResistant, empty for no demand.
	RequiredLevel Level
	// Roles are by resource and role.
	Roles                []Role
	CreatedAt, UpdatedAt time.Time
}

// Version is that of the group with its roles, but not of who is in it.
func (g Group) Version() audit.Version {
	g.Roles = nil // a change of them sets UpdatedAt
	return audit.VersionOf(g)
}

// Role is what people may do at a resource, in that resource's own word.
type Role struct {
	// Resource is the audience whose tokens name the role: a resource's identifier, or a client's id for ID tokens
	// and UserInfo. Within this package and storage that of the admin API is AdminResource.
	Resource string
	Name     string
}

// Member is a person in a group.
type Member struct {
	UserID, Username string
	AddedAt          time.Time
}

// GroupChange is what may be changed of a group; nil fields stay.
type GroupChange struct {
	Name, Description *string
	RequiredLevel     *Level
}

// Membership is one person in one group.
type Membership struct{ GroupID, UserID string }

// GroupStore keeps groups. Every method that changes something is one transaction that also writes the event.
// Where the group carries more rights than the event's actor has, or somebody in it (or to be in it) has more, by
// what is committed then, it returns an *audit.Forbidden; where nobody would be left who is active and may do
// everything, ErrLastAdministrator. All but the creation return ErrGroupNotFound where there is no such group.
// What is so already is no error, and writes no event.
type GroupStore interface {
	RightsStore

	// CreateGroup returns the group as stored, or ErrGroupExists. It has no roles yet.
	CreateGroup(ctx context.Context, g Group, event audit.Event) (Group, error)
	UpdateGroup(ctx context.Context, id string, c GroupChange, event audit.Event) (Group, error)
	DeleteGroup(ctx context.Context, id string, event audit.Event) error
	GroupByID(ctx context.Context, id string) (Group, error)
	GroupByName(ctx context.Context, name string) (Group, error)
	// Groups lists those that q selects, in the order of their names (byte order).
	Groups(ctx context.Context, q Query) ([]Group, error)
	// GroupsOf lists the groups of a user, by name.
	GroupsOf(ctx context.Context, userID string) ([]Group, error)

	// AddMember returns ErrUserNotFound, and ErrTooManyGroups for one who is in MaxGroups. Whoever gets rights by the
	// group loses their one-time links, as with UpdateUser.
	AddMember(ctx context.Context, m Membership, event audit.Event) error
	RemoveMember(ctx context.Context, m Membership, event audit.Event) error
	// Members lists those that q selects, in the order of their usernames (byte order).
	Members(ctx context.Context, groupID string, q Query) ([]Member, error)

	// AddRole returns ErrTooManyRoles. Where it gives rights, all in the group lose their one-time links.
	AddRole(ctx context.Context, groupID string, r Role, event audit.Event) error
	RemoveRole(ctx context.Context, groupID string, r Role, event audit.Event) error

	// RequiredLevels are the demands of the groups of a user.
	RequiredLevels(ctx context.Context, userID string) ([]Level, error)
}
