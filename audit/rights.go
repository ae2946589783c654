package audit

import (
	"errors"
	"strings"
)

// Rights are what an actor may do as an administrator: a set, in which the wider ones hold the narrower. The
// zero value may nothing. What a person does to their own account needs none of them.
type Rights uint8

// The rights.
const (
	// Read is to see everything that administrators see.
	Read Rights = 1
	// ManageUsers is to change people who have no more rights than the actor, and end what they have open.
	ManageUsers = 2 | Read
	// ManageKeys is to turn and revoke signing keys.
	ManageKeys = 4 | Read
	// ManageAll is an administrator's: everything, clients, resources, groups and other administrators too.
	ManageAll = 8 | ManageUsers | ManageKeys
)

// ErrForbidden says that the actor lacks a right; it stands in a *Forbidden.
var ErrForbidden = errors.New("audit: the actor may not do this")

// Forbidden is ErrForbidden with what would be needed.
type Forbidden struct{ Needs Rights }

func (e *Forbidden) Error() string { return ErrForbidden.Error() + ": it needs " + e.Needs.String() }

// Unwrap makes errors.Is(err, ErrForbidden) true.
func (e *Forbidden) Unwrap() error { return ErrForbidden }

// Cover tells whether r holds all of the others.
func (r Rights) Cover(others Rights) bool { return r&others == others }

// String names the rights for people.
func (r Rights) String() string {
	if r.Cover(ManageAll) {
		return "manage-all"
	}
	var names []string
	for _, right := range []struct {
		right Rights
		name  string
	}{{ManageUsers, "manage-users"}, {ManageKeys, "manage-keys"}} {
		if r.Cover(right.right) {
			names = append(names, right.name)
		}
	}
	switch {
	case len(names) > 0:
		return strings.Join(names, " and ")
	case r.Cover(Read):
		return "read"
	}
	return "no right"
}

// Need returns a *Forbidden unless the actor has all of these rights. Every administrative method of the
// domain begins with it.
func (a Actor) Need(needs Rights) error {
	if needs != 0 && a.Rights.Cover(needs) {
		return nil
	}
	return &Forbidden{Needs: needs}
}
