package accounts

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"keyturn/audit"
)

// maxProblems is how many an ImportError tells of: enough to see what is wrong with a file.
const maxProblems = 20

// ImportUser is a user of another system, who keeps name and password.
type ImportUser struct {
	Username      string
	Email         string
	EmailVerified bool
	GivenName     string
	FamilyName    string
	Active        bool
	Admin         bool
	// PasswordHash is one that CheckHash accepts, empty for a user without a password.
	PasswordHash string
	// ExternalID is the other system's id, empty for none.
	ExternalID string
}

// Imported is what an import did.
type Imported struct {
	Created int
}

// ImportProblem is one thing wrong with an import. It never holds a hash.
type ImportProblem struct {
	// Where is "line 3" or "element 4", counted from 1; empty for the whole file.
	Where string
	// Field is empty where the whole entry is wrong.
	Field   string
	Problem string
}

func (p ImportProblem) String() string {
	text := p.Problem
	if p.Field != "" {
		text = p.Field + " " + text
	}
	if p.Where != "" {
		text = p.Where + ": " + text
	}
	return text
}

// ImportError is what is wrong with an import, at most 20 problems of it. Nothing was imported.
type ImportError struct {
	Problems []ImportProblem
	// More is set where there are more than 20.
	More bool
}

func (e *ImportError) Error() string {
	lines := make([]string, 0, len(e.Problems)+2)
	lines = append(lines, "accounts: the import is not usable; nothing was imported")
	for _, problem := range e.Problems {
		lines = append(lines, "  "+problem.String())
	}
	if e.More {
		lines = append(lines, "  and more")
	}
	return strings.Join(lines, "\n")
}

// Import creates all users or none, with the rights that Create needs. *ImportError where a user is wrong or given
// twice, *ImportConflict where one exists already.
func (s *Service) Import(ctx context.Context, users []ImportUser, actor audit.Actor) (Imported, error) {
	gives := slices.ContainsFunc(users, func(u ImportUser) bool { return u.Admin || u.ExternalID != "" })
	if err := actor.Need(needsFor(gives)); err != nil {
		return Imported{}, err
	}
	c := newImportCheck()
	records := make([]User, 0, len(users))
	for i, u := range users {
		c.user(fmt.Sprintf("element %d", i+1), u)
		records = append(records, User{
			ID: uuid.NewString(), ExternalID: u.ExternalID, Username: u.Username,
			Email: u.Email, EmailVerified: u.EmailVerified && u.Email != "",
			GivenName: u.GivenName, FamilyName: u.FamilyName,
			Active: u.Active, Admin: u.Admin, PasswordHash: u.PasswordHash,
		})
	}
	if err := c.err(len(users)); err != nil {
		return Imported{}, err
	}
	if err := s.Store.ImportUsers(ctx, records, importEvents(records, actor)); err != nil {
		return Imported{}, fmt.Errorf("import users: %w", err)
	}
	s.pace.expire() // the new users may have a slower scheme
	return Imported{Created: len(users)}, nil
}

// importEvents tells of the import, and of each administrator that it makes.
func importEvents(users []User, actor audit.Actor) []audit.Event {
	events := []audit.Event{{
		Action: audit.UserImported, Actor: actor, SubjectKind: "user",
		Details: map[string]string{"count": strconv.Itoa(len(users))},
	}}
	for _, u := range users {
		if u.Admin {
			events = append(events, createdEvent(u, actor))
		}
	}
	return events
}

// importCheck collects what is wrong with a list of users.
type importCheck struct {
	problems ImportError
	// names (folded) and ids tell where each was seen first.
	names, ids map[string]seen
}

// seen is where a value was met first, and how it was written there.
type seen struct{ where, value string }

func newImportCheck() *importCheck {
	return &importCheck{names: make(map[string]seen), ids: make(map[string]seen)}
}

func (c *importCheck) add(where, field, problem string) {
	if len(c.problems.Problems) == maxProblems {
		c.problems.More = true
		return
	}
	c.problems.Problems = append(c.problems.Problems, ImportProblem{where, field, problem})
}

// full is true when a reader may stop.
func (c *importCheck) full() bool { return c.problems.More }

func (c *importCheck) user(where string, u ImportUser) {
	for _, err := range []error{
		checkUsername(u.Username), checkEmail(u.Email), checkName("given_name", u.GivenName),
		checkName("family_name", u.FamilyName), checkExternalID(u.ExternalID),
	} {
		if wrong, ok := err.(*InvalidRequest); ok {
			c.add(where, wrong.Param, wrong.Problem.String())
		}
	}
	if u.PasswordHash != "" {
		if err := CheckHash(u.PasswordHash); err != nil {
			c.add(where, "password_hash", "is refused: "+err.Error())
		}
	}
	c.once(where, "username", u.Username, Fold(u.Username), c.names)
	c.once(where, "external_id", u.ExternalID, u.ExternalID, c.ids)
}

// once finds the second of two values that have the same key.
func (c *importCheck) once(where, field, value, key string, all map[string]seen) {
	if value == "" {
		return
	}
	switch first, twice := all[key]; {
	case !twice:
		all[key] = seen{where, value}
	case first.value == value:
		c.add(where, field, "is the same as at "+first.where)
	default:
		c.add(where, field, fmt.Sprintf("%q %s%q at %s", value, looksLike, first.value, first.where))
	}
}

func (c *importCheck) err(users int) error {
	if len(c.problems.Problems) > 0 {
		return &c.problems
	}
	switch {
	case users == 0:
		return &ImportError{Problems: []ImportProblem{{Problem: "there is no user in it"}}}
	case users > maxImportUsers:
		return &ImportError{Problems: []ImportProblem{{Problem: tooManyUsers}}}
	}
	return nil
}
