package accounts

import (
	"context"

	"github.com/google/uuid"

	"keyturn/audit"
)

// Groups administers groups. Its fields are set before the first call and not changed after; its methods may
// be called by any number of goroutines. Changes need audit.ManageUsers, and all the rights that the group
// carries and that anybody has whom the change is about: by a group nobody gets what the actor does not have.
type Groups struct {
	Store GroupStore
	// AdminAudience is the identifier of the admin API as people and tokens know it.
	AdminAudience string
}

// NewGroup is a group to be created.
type NewGroup struct {
	Name, Description string
	RequiredLevel     Level
}

// Create makes an empty group without roles. *InvalidRequest where a field is wrong, ErrGroupExists.
func (g *Groups) Create(ctx context.Context, n NewGroup, actor audit.Actor) (Group, error) {
	if err := actor.Need(audit.ManageUsers); err != nil {
		return Group{}, err
	}
	if err := checkGroupChange(GroupChange{Name: &n.Name, Description: &n.Description, RequiredLevel: &n.RequiredLevel}); err != nil {
		return Group{}, err
	}
	made := Group{ID: uuid.NewString(), Name: n.Name, Description: n.Description, RequiredLevel: n.RequiredLevel}
	event := groupEvent(audit.GroupCreated, made.ID, actor)
	event.Details = map[string]string{"name": n.Name, "required_acr": string(n.RequiredLevel)}
	return g.shown(g.Store.CreateGroup(ctx, made, event))
}

// Update changes the fields that are set, and returns the group as stored. A change of nothing is not recorded.
func (g *Groups) Update(ctx context.Context, id string, c GroupChange, actor audit.Actor) (Group, error) {
	if err := actor.Need(audit.ManageUsers); err != nil {
		return Group{}, err
	}
	if err := checkGroupID(id); err != nil {
		return Group{}, err
	}
	if c == (GroupChange{}) {
		group, err := g.Get(ctx, id)
		if err == nil {
			err = actor.Saw(group.Version())
		}
		return group, err
	}
	if err := checkGroupChange(c); err != nil {
		return Group{}, err
	}
	event := groupEvent(audit.GroupUpdated, id, actor)
	event.Details = make(map[string]string)
	if c.Name != nil {
		event.Details["name"] = *c.Name
	}
	if c.RequiredLevel != nil {
		event.Details["required_acr"] = string(*c.RequiredLevel)
	}
	return g.shown(g.Store.UpdateGroup(ctx, id, c, event))
}

// Delete removes the group; the people stay, without what it gave them.
func (g *Groups) Delete(ctx context.Context, id string, actor audit.Actor) error {
	if err := g.mayChange(id, actor); err != nil {
		return err
	}
	return g.Store.DeleteGroup(ctx, id, groupEvent(audit.GroupDeleted, id, actor))
}

// AddMember puts a person into the group; one who is in it already stays. What they get by that, tokens tell from
// the next refresh on, and the admin API at once. ErrUserNotFound, ErrTooManyGroups.
func (g *Groups) AddMember(ctx context.Context, id, userID string, actor audit.Actor) error {
	if err := g.mayChange(id, actor); err != nil {
		return err
	}
	if err := checkID(userID); err != nil {
		return err
	}
	return g.Store.AddMember(ctx, Membership{id, userID}, memberEvent(audit.GroupMemberAdded, id, userID, actor))
}

// RemoveMember takes a person out of the group; one who is not in it is no error.
func (g *Groups) RemoveMember(ctx context.Context, id, userID string, actor audit.Actor) error {
	if err := g.mayChange(id, actor); err != nil {
		return err
	}
	if err := checkID(userID); err != nil {
		return err
	}
	return g.Store.RemoveMember(ctx, Membership{id, userID}, memberEvent(audit.GroupMemberRemoved, id, userID, actor))
}

// AddRole gives the role to all in the group. *InvalidRequest, ErrTooManyRoles. Of the admin API's roles the actor
// gives only what they have.
func (g *Groups) AddRole(ctx context.Context, id string, r Role, actor audit.Actor) error {
	return g.changeRole(ctx, id, r, actor, audit.GroupRoleAdded, g.Store.AddRole)
}

// RemoveRole takes the role from the group; one that it does not have is no error.
func (g *Groups) RemoveRole(ctx context.Context, id string, r Role, actor audit.Actor) error {
	return g.changeRole(ctx, id, r, actor, audit.GroupRoleRemoved, g.Store.RemoveRole)
}

func (g *Groups) changeRole(ctx context.Context, id string, r Role, actor audit.Actor, action audit.Action,
	change func(context.Context, string, Role, audit.Event) error) error {
	if err := g.mayChange(id, actor); err != nil {
		return err
	}
	r.Resource = g.stored(r.Resource)
	if err := checkRole(r); err != nil {
		return err
	}
	if r.Resource == AdminResource {
		if err := actor.Need(RightsOfRole(r.Name)); err != nil {
			return err
		}
	}
	event := groupEvent(action, id, actor)
	event.Details = map[string]string{"resource": g.audience(r.Resource), "role": r.Name}
	return change(ctx, id, r, event)
}

// Get returns a group, or ErrGroupNotFound.
func (g *Groups) Get(ctx context.Context, id string) (Group, error) {
	if err := checkGroupID(id); err != nil {
		return Group{}, err
	}
	return g.shown(g.Store.GroupByID(ctx, id))
}

// Find returns the group of that name, or ErrGroupNotFound.
func (g *Groups) Find(ctx context.Context, name string) (Group, error) {
	if checkGroupName(name) != nil {
		return Group{}, ErrGroupNotFound
	}
	return g.shown(g.Store.GroupByName(ctx, name))
}

// List returns a page of groups in the order of their names, to whoever has audit.Read.
func (g *Groups) List(ctx context.Context, q Query, actor audit.Actor) ([]Group, error) {
	if err := actor.Need(audit.Read); err != nil {
		return nil, err
	}
	if err := checkQuery(q); err != nil {
		return nil, err
	}
	return g.allShown(g.Store.Groups(ctx, q))
}

// Members returns a page of the people in a group in the order of their usernames, to whoever has audit.Read.
// ErrGroupNotFound.
func (g *Groups) Members(ctx context.Context, id string, q Query, actor audit.Actor) ([]Member, error) {
	if err := actor.Need(audit.Read); err != nil {
		return nil, err
	}
	if err := checkGroupID(id); err != nil {
		return nil, err
	}
	if err := checkQuery(q); err != nil {
		return nil, err
	}
	return g.Store.Members(ctx, id, q)
}

// Of lists the groups of a user by name, at most MaxGroups, to whoever has audit.Read, and to the user.
func (g *Groups) Of(ctx context.Context, userID string, actor audit.Actor) ([]Group, error) {
	own := actor.Kind == audit.User && userID == actor.ID
	if err := actor.Need(audit.Read); err != nil && !own {
		return nil, err
	}
	if err := checkID(userID); err != nil {
		return nil, err
	}
	return g.allShown(g.Store.GroupsOf(ctx, userID))
}

// RequiredLevel is the strongest level that the groups of a user demand, empty where none does. It implements
// LevelPolicy.
func (g *Groups) RequiredLevel(ctx context.Context, userID string) (Level, error) {
	if err := checkID(userID); err != nil {
		return "", err
	}
	levels, err := g.Store.RequiredLevels(ctx, userID)
	if err != nil {
		return "", err
	}
	var strongest Level
	for _, l := range levels {
		if strongest == "" || !strongest.Satisfies(l) {
			strongest = l // also one that this release does not know: nobody reaches it
		}
	}
	return strongest, nil
}

func (g *Groups) mayChange(id string, actor audit.Actor) error {
	if err := actor.Need(audit.ManageUsers); err != nil {
		return err
	}
	return checkGroupID(id)
}

// stored is a resource's identifier as it is stored, audience the other way.
func (g *Groups) stored(resource string) string {
	if resource == g.AdminAudience {
		return AdminResource
	}
	return resource
}

func (g *Groups) audience(resource string) string {
	if resource == AdminResource {
		return g.AdminAudience
	}
	return resource
}

func (g *Groups) shown(group Group, err error) (Group, error) {
	for i := range group.Roles {
		group.Roles[i].Resource = g.audience(group.Roles[i].Resource)
	}
	return group, err
}

func (g *Groups) allShown(groups []Group, err error) ([]Group, error) {
	for i := range groups {
		groups[i], _ = g.shown(groups[i], nil)
	}
	return groups, err
}

// checkGroupID refuses what can't be an id before the store is asked, with the answer that the store would give.
func checkGroupID(id string) error {
	if parsed, err := uuid.Parse(id); err != nil || parsed.String() != id {
		return ErrGroupNotFound
	}
	return nil
}

func groupEvent(action audit.Action, id string, actor audit.Actor) audit.Event {
	return audit.Event{Action: action, Actor: actor, SubjectKind: "group", SubjectID: id}
}

func memberEvent(action audit.Action, id, userID string, actor audit.Actor) audit.Event {
	event := groupEvent(action, id, actor)
	event.Details = map[string]string{"user": userID}
	return event
}

var _ LevelPolicy = (*Groups)(nil)
