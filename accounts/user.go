package accounts

import (
	"context"
	"errors"
	"strings"
	"time"

	"keyturn/audit"
)

// User is a person's account.
type User struct {
	// ID is a UUID, made here, never reused.
	ID string
	// ExternalID is the id that another system knew the user by (a Django primary key on import), else
	// empty; unique where set, and no other user's ID in any spelling. It is released as user_id in place
	// of ID where it is set.
	ExternalID string
	// Username is case-sensitive, and unique also in its folded form (Fold).
	Username      string
	Email         string
	EmailVerified bool
	GivenName     string
	FamilyName    string
	Active        bool
	// Admin marks an administrator of this provider.
	Admin bool
	// CredentialVersion grows with each change of password, activation or factors; whatever proved
	// itself at an older version is refused.
	CredentialVersion int64
	// PasswordHash is in PHC or Django form; empty for a user without a password. Never leaves this
	// package and storage.
	PasswordHash string
	CreatedAt    time.Time
	UpdatedAt    time.Time
	// LastLoginAt is zero unless the setting update-last-login is on and the user has signed in.
	LastLoginAt time.Time
	// Claims are the further standard claims of the user.
	Claims StandardClaims
}

// Version is that of what administrators see of the user and of the credentials.
func (u User) Version() audit.Version {
	u.PasswordHash = "" // CredentialVersion speaks for it
	return audit.VersionOf(u)
}

// FullName is the name claim (OIDC Core section 5.1): the one that was given whole, else given and family
// name; empty where there is none.
func (u *User) FullName() string {
	if u.Claims.Name != "" {
		return u.Claims.Name
	}
	return strings.TrimSpace(u.GivenName + " " + u.FamilyName)
}

// StandardClaims are those claims of OIDC Core section 5.1 that User has no field for. Empty ones are not
// released.
type StandardClaims struct {
	// Name is made of given and family name where it is empty.
	Name                string   `json:"name,omitempty"`
	MiddleName          string   `json:"middle_name,omitempty"`
	Nickname            string   `json:"nickname,omitempty"`
	Profile             string   `json:"profile,omitempty"`
	Picture             string   `json:"picture,omitempty"`
	Website             string   `json:"website,omitempty"`
	Gender              string   `json:"gender,omitempty"`
	Birthdate           string   `json:"birthdate,omitempty"`
	Zoneinfo            string   `json:"zoneinfo,omitempty"`
	Locale              string   `json:"locale,omitempty"`
	PhoneNumber         string   `json:"phone_number,omitempty"`
	PhoneNumberVerified bool     `json:"phone_number_verified,omitempty"`
	Address             *Address `json:"address,omitempty"`
}

// Address is the address claim (OIDC Core section 5.1.1).
type Address struct {
	Formatted     string `json:"formatted,omitempty"`
	StreetAddress string `json:"street_address,omitempty"`
	Locality      string `json:"locality,omitempty"`
	Region        string `json:"region,omitempty"`
	PostalCode    string `json:"postal_code,omitempty"`
	Country       string `json:"country,omitempty"`
}

// Errors of this package. api/failures.go says what each becomes over HTTP.
var (
	// ErrCredentials says that no active account has this name and password, and not which of these failed.
	ErrCredentials = errors.New("accounts: no active account with these credentials")
	// ErrUserNotFound is for administrators only; a sign-in never returns it.
	ErrUserNotFound = errors.New("accounts: no such user")
	// ErrUsernameTaken says that the username, perhaps in other letter case or a look-alike form, or the
	// external id belongs to another user.
	ErrUsernameTaken = errors.New("accounts: username (in any letter case or look-alike form) or external id is taken")
	// ErrHashingBusy says that the queue for password hashing is full or too slow; the caller may try again.
	ErrHashingBusy = errors.New("accounts: too many passwords are being checked")
)

// Change is what an administrator may change of a user; nil fields stay.
type Change struct {
	Username, Email, GivenName, FamilyName, ExternalID *string
	EmailVerified, Admin                               *bool
	// Claims replaces all of User.Claims.
	Claims *StandardClaims
}

// Query selects users, groups or members by a prefix of their name, in the order of names (byte order): those after a
// name, or else the last ones before one (keyset paging). At most one of After and Before is set.
type Query struct {
	Prefix        string
	After, Before string
	// Limit is 1 to 1000.
	Limit int
}

// Throttle is what is known of failed sign-ins for one account from one place.
type Throttle struct {
	// Place is the bucket: the address where it has signed in to this account before, else "" (everyone else).
	Place string
	// Failures in a row in that bucket, and when the last was.
	Failures     int64
	LastFailedAt time.Time
	// Now is the database's time when this was read.
	Now time.Time
	// KnownSince is when the address was last noted as one of a success, zero if never.
	KnownSince time.Time
}

// Success is a sign-in after which less is held against the account.
type Success struct {
	// Account and Place are the bucket that it empties.
	Account, Place string
	// UserID is who signed in, and Address where from; empty where that could not be read.
	UserID, Address string
}

// Store keeps users and what is known of failed sign-ins. Every method that changes state is one
// transaction that also writes the event and queues the letters; when it returns nil, the change is durable. Those that
// change a user
// are for administrators: where the user has more rights than the event's actor, by what is committed then, they
// return an *audit.Forbidden and change nothing. UpdateUser, Deactivate and DeleteUser return
// ErrLastAdministrator where nobody would be left who is active and may do everything; of any number of
// concurrent changes one at least leaves somebody.
type Store interface {
	RightsStore

	// UserByUsername and UserByID return ErrUserNotFound where there is none.
	UserByUsername(ctx context.Context, username string) (User, error)
	UserByID(ctx context.Context, id string) (User, error)
	Users(ctx context.Context, q Query) ([]User, error)

	// CreateUser stores u as given (ID, hash and all but times and CredentialVersion, which start at 1).
	// ErrUsernameTaken where a user has the same Fold of the username, or the external id, or has the
	// external id as ID, however that is written.
	CreateUser(ctx context.Context, u User, event audit.Event) (User, error)
	// ImportUsers creates all users in one transaction, with all events, or none; ErrUsernameTaken (wrapped
	// in an *ImportConflict naming the first of them and whom it meets) where CreateUser would give it.
	ImportUsers(ctx context.Context, users []User, events []audit.Event) error
	// UpdateUser returns ErrUsernameTaken as CreateUser does. Whoever is made an administrator loses their one-time
	// links, and letters that would carry one.
	UpdateUser(ctx context.Context, id string, c Change, event audit.Event, letters ...Letter) (User, error)

	// SetPassword changes the user row first (hash, CredentialVersion + 1) and then revokes all the
	// user's grants with the reason "password_changed", ends the user's browser sessions, with a logout token
	// queued for each client that took part, and removes the authorization codes that are not redeemed, in one
	// transaction. A sign-in with the old password that races it either is ended by it or is refused. ended
	// counts grants.
	SetPassword(ctx context.Context, id, hash string, event audit.Event, letters ...Letter) (ended int64, err error)
	// Rehash replaces the hash if it still is old, and changes nothing else.
	Rehash(ctx context.Context, id, old, hash string) error
	// Activate and Deactivate set Active and raise CredentialVersion; Deactivate then ends what SetPassword
	// ends ("user_deactivated"). Setting what is already set changes nothing and is no error.
	Activate(ctx context.Context, id string, event audit.Event) error
	Deactivate(ctx context.Context, id string, event audit.Event) (ended int64, err error)
	// DeleteUser removes the row, ends what SetPassword ends ("user_deleted") and forgets what the user has
	// allowed clients.
	DeleteUser(ctx context.Context, id string, event audit.Event) (ended int64, err error)

	// CountAdministrators counts those who are active and may do everything.
	CountAdministrators(ctx context.Context) (Administrators, error)
	// AdministratorLeft tells whether there is one of them, and whether there would be without what l takes.
	AdministratorLeft(ctx context.Context, l Loss) (is, left bool, err error)
	// FactorCounts counts the factors of a user; none for one who does not exist.
	FactorCounts(ctx context.Context, userID string) (FactorCounts, error)

	// ThrottleOf reads the bucket that (account, address) falls in. The address is known where the user
	// whose username folds to folded has signed in from it.
	ThrottleOf(ctx context.Context, account, folded, address string) (Throttle, error)
	// AddFailure counts one failure in (account, place) at the database's time. From then on an address that
	// is not the place is no newcomer for an hour.
	AddFailure(ctx context.Context, account, place, address string) error
	// TakeAttempt counts one failure beforehand if the bucket still is as seen; false if another attempt
	// was first. Of any number of concurrent calls with the same t one gets true.
	TakeAttempt(ctx context.Context, account string, t Throttle) (bool, error)
	// TakeNewcomer counts one attempt of an address that is not known to the account, if it has made none
	// for an hour (AddFailure tells of some) and such addresses have together made fewer than most for the
	// account in the hour that their first began; else it changes nothing and returns false.
	TakeNewcomer(ctx context.Context, account, address string, most int64) (bool, error)
	// AddSuccess empties the bucket and notes the address as known to the user.
	AddSuccess(ctx context.Context, s Success) error
	// AddRefusal counts a refusal (audit.Refusal).
	AddRefusal(ctx context.Context, r audit.Refusal) error

	// PasswordSchemes returns one stored hash of each scheme and cost in use (what stands before the salt), at most 20.
	PasswordSchemes(ctx context.Context) ([]string, error)
}

// ImportConflict names the first user of an import who meets one that exists already.
type ImportConflict struct {
	Username string
	// Existing is the username of the one that exists.
	Existing string
}

func (e *ImportConflict) Error() string {
	what := "user " + e.Username + " exists already"
	switch {
	case e.Existing == "" || e.Existing == e.Username:
	case Fold(e.Existing) == Fold(e.Username):
		what = "user " + e.Username + " " + looksLike + e.Existing + ", who exists already"
	default:
		what = "the external id of user " + e.Username + " belongs to user " + e.Existing
	}
	return "accounts: " + what + "; nothing was imported"
}

// looksLike stands before the name that another one has the same Fold as.
const looksLike = "differs only in letter case or look-alike form from "

// Unwrap makes errors.Is(err, ErrUsernameTaken) true.
func (e *ImportConflict) Unwrap() error { return ErrUsernameTaken }
