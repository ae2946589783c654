package accounts

import (
	"context"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"keyturn/audit"
)

// NewUser is a user to be created.
type NewUser struct {
	Username      string
	Email         string
	EmailVerified bool
	GivenName     string
	FamilyName    string
	Admin         bool
	// Password is empty for a user who can't sign in with one.
	Password   string
	ExternalID string
	// Claims are the further standard claims.
	Claims StandardClaims
}

// Create makes an active user; an administrator, or one with an external id, needs audit.ManageAll: whoever could
// choose an external id could pass for whom resource servers know by it. *InvalidRequest where a field is wrong,
// ErrUsernameTaken where the name or external id exists, ErrHashingBusy where too many passwords are being hashed.
func (s *Service) Create(ctx context.Context, n NewUser, actor audit.Actor) (User, error) {
	if err := actor.Need(needsFor(n.Admin || n.ExternalID != "")); err != nil {
		return User{}, err
	}
	fields := Change{
		Username: &n.Username, Email: &n.Email, EmailVerified: &n.EmailVerified,
		GivenName: &n.GivenName, FamilyName: &n.FamilyName, ExternalID: &n.ExternalID, Claims: &n.Claims,
	}
	if err := checkChange(fields); err != nil {
		return User{}, err
	}
	user := User{
		ID: uuid.NewString(), ExternalID: n.ExternalID, Username: n.Username,
		Email: n.Email, EmailVerified: n.EmailVerified, GivenName: n.GivenName, FamilyName: n.FamilyName,
		Active: true, Admin: n.Admin, Claims: n.Claims,
	}
	if n.Password != "" {
		if err := s.checkPassword(n.Password, MinPassword, user); err != nil {
			return User{}, err
		}
		var err error
		if user.PasswordHash, err = s.hashNew(ctx, n.Password); err != nil {
			return User{}, err
		}
	}
	return withoutHash(s.Store.CreateUser(ctx, user, createdEvent(user, actor)))
}

// needsFor is what a change of a user needs, more where it gives rights or an identity.
func needsFor(gives bool) audit.Rights {
	if gives {
		return audit.ManageAll
	}
	return audit.ManageUsers
}

func createdEvent(u User, actor audit.Actor) audit.Event {
	event := userEvent(audit.UserCreated, u.ID, actor)
	event.Details = map[string]string{"username": u.Username, "admin": strconv.FormatBool(u.Admin)}
	return event
}

// Get returns a user, or ErrUserNotFound.
func (s *Service) Get(ctx context.Context, id string) (User, error) {
	if err := checkID(id); err != nil {
		return User{}, err
	}
	return withoutHash(s.Store.UserByID(ctx, id))
}

// Find returns the user of that name, or ErrUserNotFound.
func (s *Service) Find(ctx context.Context, username string) (User, error) {
	if checkUsername(username) != nil {
		return User{}, ErrUserNotFound
	}
	return withoutHash(s.Store.UserByUsername(ctx, username))
}

// List returns a page of users in the order of their names, to whoever has audit.Read.
func (s *Service) List(ctx context.Context, q Query, actor audit.Actor) ([]User, error) {
	if err := actor.Need(audit.Read); err != nil {
		return nil, err
	}
	if err := checkQuery(q); err != nil {
		return nil, err
	}
	users, err := s.Store.Users(ctx, q)
	for i := range users {
		users[i].PasswordHash = ""
	}
	return users, err
}

// Update changes the fields that are set, and returns the user as stored. A new e-mail address is
// unverified unless the same change says otherwise. A change of nothing is not recorded. Admin and ExternalID
// need audit.ManageAll, as at Create.
func (s *Service) Update(ctx context.Context, id string, c Change, actor audit.Actor) (User, error) {
	if err := actor.Need(needsFor(c.Admin != nil || c.ExternalID != nil)); err != nil {
		return User{}, err
	}
	if err := s.mayChange(ctx, id, actor); err != nil {
		return User{}, err
	}
	if c == (Change{}) {
		user, err := s.Store.UserByID(ctx, id)
		if err == nil {
			err = actor.Saw(user.Version())
		}
		return withoutHash(user, err)
	}
	if err := checkChange(c); err != nil {
		return User{}, err
	}
	if c.Email != nil && c.EmailVerified == nil {
		c.EmailVerified = new(bool)
	}
	event := userEvent(audit.UserUpdated, id, actor)
	event.Details = map[string]string{"fields": strings.Join(changed(c), " ")}
	if c.Admin != nil {
		event.Details["admin"] = strconv.FormatBool(*c.Admin)
	}
	letters, err := s.newAddress(ctx, id, c.Email)
	if err != nil {
		return User{}, err
	}
	return withoutHash(s.Store.UpdateUser(ctx, id, c, event, letters...))
}

// newAddress tells the user, at the address that they have and at the one that they get, that an administrator changed
// it; nothing where it stays (ASVS 5.0 6.3.7).
func (s *Service) newAddress(ctx context.Context, id string, email *string) ([]Letter, error) {
	if email == nil || !s.Mail {
		return nil, nil
	}
	user, err := s.Store.UserByID(ctx, id)
	if err != nil || SameAddress(user.Email, *email) {
		return nil, err
	}
	return notices(s.Mail, LetterEmailChanged, user, map[string]string{"email": *email}, user.Email, *email), nil
}

// changed names the fields that c sets. Values stay out of the audit log: they outlive the account there.
func changed(c Change) []string {
	var names []string
	for _, field := range []struct {
		name string
		set  bool
	}{
		{"username", c.Username != nil}, {"email", c.Email != nil}, {"email_verified", c.EmailVerified != nil},
		{"given_name", c.GivenName != nil}, {"family_name", c.FamilyName != nil},
		{"external_id", c.ExternalID != nil}, {"admin", c.Admin != nil},
		{"claims", c.Claims != nil},
	} {
		if field.set {
			names = append(names, field.name)
		}
	}
	return names
}

// mayChange is MayTouch for an id that may be any text.
func (s *Service) mayChange(ctx context.Context, id string, actor audit.Actor) error {
	if err := actor.Need(audit.ManageUsers); err != nil {
		return err
	}
	if err := checkID(id); err != nil {
		return err
	}
	return MayTouch(ctx, s.Store, id, actor)
}

// SetPassword replaces the password, ends all the user's grants and tells the user; it returns how many.
func (s *Service) SetPassword(ctx context.Context, id, password string, actor audit.Actor) (ended int64, err error) {
	if err := s.mayChange(ctx, id, actor); err != nil {
		return 0, err
	}
	user, err := s.Store.UserByID(ctx, id)
	if err != nil {
		return 0, err
	}
	if err := s.checkPassword(password, MinPassword, user); err != nil {
		return 0, err
	}
	hashed, err := s.hashNew(ctx, password)
	if err != nil {
		return 0, err
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	return s.Store.SetPassword(ctx, id, hashed, userEvent(audit.UserPasswordSet, id, actor),
		notices(s.Mail, LetterPasswordChanged, user, nil, user.Email)...)
}

// Activate lets the user sign in again.
func (s *Service) Activate(ctx context.Context, id string, actor audit.Actor) error {
	if err := s.mayChange(ctx, id, actor); err != nil {
		return err
	}
	return s.Store.Activate(ctx, id, userEvent(audit.UserActivated, id, actor))
}

// Deactivate shuts the user out and ends all their grants; it returns how many. The account stays.
func (s *Service) Deactivate(ctx context.Context, id string, actor audit.Actor) (ended int64, err error) {
	if err := s.mayChange(ctx, id, actor); err != nil {
		return 0, err
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	return s.Store.Deactivate(ctx, id, userEvent(audit.UserDeactivated, id, actor))
}

// Delete removes the user and ends all their grants; it returns how many.
func (s *Service) Delete(ctx context.Context, id string, actor audit.Actor) (ended int64, err error) {
	if err := s.mayChange(ctx, id, actor); err != nil {
		return 0, err
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	return s.Store.DeleteUser(ctx, id, userEvent(audit.UserDeleted, id, actor))
}

// withoutHash keeps the hash from leaving this package.
func withoutHash(u User, err error) (User, error) {
	u.PasswordHash = ""
	return u, err
}

func userEvent(action audit.Action, id string, actor audit.Actor) audit.Event {
	return audit.Event{Action: action, Actor: actor, SubjectKind: "user", SubjectID: id}
}
