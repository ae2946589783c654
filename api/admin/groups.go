package admin

import (
	"net/http"

	"keyturn/accounts"
)

// Group is a group in an answer.
type Group struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	// RequiredACR is left out where the group demands nothing.
	RequiredACR accounts.Level `json:"required_acr,omitempty"`
	Roles       []Role         `json:"roles"`
	CreatedAt   Instant        `json:"created_at"`
	UpdatedAt   Instant        `json:"updated_at"`
}

// Role is a role of a group, at a resource.
type Role struct {
	Resource string `json:"resource"`
	Role     string `json:"role"`
}

// Member is a person in a group.
type Member struct {
	UserID   string  `json:"user_id"`
	Username string  `json:"username"`
	AddedAt  Instant `json:"added_at"`
}

// ViewGroup is how one looks.
func ViewGroup(g accounts.Group) Group {
	v := Group{
		ID: g.ID, Name: g.Name, Description: g.Description, RequiredACR: g.RequiredLevel, Roles: make([]Role, len(g.Roles)),
		CreatedAt: Instant{g.CreatedAt}, UpdatedAt: Instant{g.UpdatedAt},
	}
	for n, r := range g.Roles {
		v.Roles[n] = Role{r.Resource, r.Name}
	}
	return v
}

// ViewMember is how one looks.
func ViewMember(m accounts.Member) Member {
	return Member{UserID: m.UserID, Username: m.Username, AddedAt: Instant{m.AddedAt}}
}

// listGroups answers groups in the order of their names; the cursor is a name.
func (h *Handlers) listGroups(r *request) error {
	read := func(after string, limit int) ([]accounts.Group, error) {
		return h.Groups.List(r.ctx, accounts.Query{Prefix: r.query["prefix"], After: after, Limit: limit}, r.actor)
	}
	return writePage(r, read, func(g accounts.Group) string { return g.Name }, ViewGroup)
}

func (h *Handlers) readGroup(r *request) error {
	group, err := h.Groups.Get(r.ctx, r.gin.Param("id"))
	if err != nil {
		return err
	}
	return r.writeTagged(http.StatusOK, group.Version(), ViewGroup(group))
}

func (h *Handlers) createGroup(r *request) error {
	var in accounts.NewGroup
	var level string
	if err := r.read(members{"name": &in.Name, "description": &in.Description, "required_acr": &level}); err != nil {
		return err
	}
	in.RequiredLevel = accounts.Level(level)
	group, err := h.Groups.Create(r.ctx, in, r.actor)
	if err != nil {
		return err
	}
	h.location(r, "/groups/"+group.ID)
	return r.writeTagged(http.StatusCreated, group.Version(), ViewGroup(group))
}

func (h *Handlers) updateGroup(r *request) error {
	var c accounts.GroupChange
	var level *string
	if err := r.read(members{"name": &c.Name, "description": &c.Description, "required_acr": &level}); err != nil {
		return err
	}
	c.RequiredLevel = (*accounts.Level)(level)
	group, err := h.Groups.Update(r.ctx, r.gin.Param("id"), c, r.actor)
	if err != nil {
		return err
	}
	return r.writeTagged(http.StatusOK, group.Version(), ViewGroup(group))
}

func (h *Handlers) deleteGroup(r *request) error {
	if err := r.read(nil); err != nil {
		return err
	}
	if err := h.Groups.Delete(r.ctx, r.gin.Param("id"), r.actor); err != nil {
		return err
	}
	return r.done()
}

// listMembers answers the people in a group in the order of their usernames; the cursor is a username.
func (h *Handlers) listMembers(r *request) error {
	read := func(after string, limit int) ([]accounts.Member, error) {
		return h.Groups.Members(r.ctx, r.gin.Param("id"), accounts.Query{Prefix: r.query["prefix"], After: after, Limit: limit}, r.actor)
	}
	return writePage(r, read, func(m accounts.Member) string { return m.Username }, ViewMember)
}

func (h *Handlers) addMember(r *request) error {
	if err := r.read(nil); err != nil {
		return err
	}
	if err := h.Groups.AddMember(r.ctx, r.gin.Param("id"), r.gin.Param("user"), r.actor); err != nil {
		return err
	}
	return r.done()
}

func (h *Handlers) removeMember(r *request) error {
	if err := r.read(nil); err != nil {
		return err
	}
	if err := h.Groups.RemoveMember(r.ctx, r.gin.Param("id"), r.gin.Param("user"), r.actor); err != nil {
		return err
	}
	return r.done()
}

// addRole takes the role from the query string, like what takes it away: a resource is a URL as often as not.
func (h *Handlers) addRole(r *request) error {
	if err := r.read(nil); err != nil {
		return err
	}
	if err := h.Groups.AddRole(r.ctx, r.gin.Param("id"), r.role(), r.actor); err != nil {
		return err
	}
	return r.done()
}

func (h *Handlers) removeRole(r *request) error {
	if err := r.read(nil); err != nil {
		return err
	}
	if err := h.Groups.RemoveRole(r.ctx, r.gin.Param("id"), r.role(), r.actor); err != nil {
		return err
	}
	return r.done()
}

func (r *request) role() accounts.Role {
	return accounts.Role{Resource: r.query["resource"], Name: r.query["role"]}
}

// listUserGroups answers the groups of a user by name, all of them on one page.
func (h *Handlers) listUserGroups(r *request) error {
	if _, err := h.Accounts.Get(r.ctx, r.gin.Param("id")); err != nil {
		return err
	}
	groups, err := h.Groups.Of(r.ctx, r.gin.Param("id"), r.actor)
	if err != nil {
		return err
	}
	out := listed[Group]{Items: make([]Group, len(groups))}
	for n, g := range groups {
		out.Items[n] = ViewGroup(g)
	}
	return r.write(http.StatusOK, out)
}
