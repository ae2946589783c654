package issuer

import (
	"context"
	"slices"
)

// The scopes with which a client is told of a person's groups, and of their roles at it. Only a client that
// registers them by name gets them.
const (
	ScopeGroups = "groups"
	ScopeRoles  = "roles"
)

// The claims about groups and roles (RFC 9068 section 2.2.3.1), which have the names of their scopes.
const (
	claimGroups = "groups"
	claimRoles  = "roles"
)

// Memberships are the groups of a user by name, and their roles by audience. Nothing is left out: more groups and
// roles than a token may hold can't come to be (accounts.MaxGroups and MaxRoles).
type Memberships struct {
	Groups []string
	Roles  map[string][]string
}

// RolesAt are the roles at an audience; an empty list for none.
func (m *Memberships) RolesAt(audience string) []string {
	if m == nil || m.Roles[audience] == nil {
		return []string{}
	}
	return m.Roles[audience]
}

// GroupNames are the names of the groups; an empty list for none.
func (m *Memberships) GroupNames() []string {
	if m == nil || m.Groups == nil {
		return []string{}
	}
	return m.Groups
}

// TellsMemberships tells whether a scope lets a client know of groups or roles.
func TellsMemberships(scope string) bool {
	return HasScope(scope, ScopeGroups) || HasScope(scope, ScopeRoles)
}

// tellsMemberships tells whether a token of the grant may name groups or roles, so that they have to be read.
func (i *Issuer) tellsMemberships(g *Grant) bool {
	if g.ClientID != TokenPairClient {
		return TellsMemberships(g.Scope)
	}
	wanted := i.resource(g.Audience).Claims
	return slices.Contains(wanted, claimGroups) || slices.Contains(wanted, claimRoles)
}

// memberships reads what tokens of the grant may say of groups and roles; nil, without a question to the database,
// where that is nothing.
func (i *Issuer) memberships(ctx context.Context, g *Grant) (*Memberships, error) {
	if !i.tellsMemberships(g) {
		return nil, nil
	}
	m, err := i.Store.Memberships(ctx, g.UserID)
	if err != nil {
		return nil, err
	}
	return &m, nil
}

// addMemberships releases groups, and the roles at the token's audience, where they are wanted. Somebody without
// any is told of with an empty list: a service must not take "not told" for "in no group".
func (c *claims) addMemberships(m *Memberships, wanted []string, audience string) {
	if slices.Contains(wanted, claimGroups) {
		c.add(claimGroups, m.GroupNames())
	}
	if slices.Contains(wanted, claimRoles) {
		c.add(claimRoles, m.RolesAt(audience))
	}
}
