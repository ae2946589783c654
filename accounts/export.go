package accounts

import (
	"context"
	"fmt"
	"time"

	"keyturn/audit"
)

// Export is everything that is kept about a person, for themselves, in JSON. Hashes, of the password and of
// secrets, are not in it: they tell nothing about the person.
type Export struct {
	// Made is when.
	Made    time.Time     `json:"made_at"`
	Account ExportAccount `json:"account"`
	Kept
}

// ExportAccount is the account itself.
type ExportAccount struct {
	ID            string         `json:"id"`
	ExternalID    string         `json:"external_id,omitempty"`
	Username      string         `json:"username"`
	Email         string         `json:"email,omitempty"`
	EmailVerified bool           `json:"email_verified"`
	GivenName     string         `json:"given_name,omitempty"`
	FamilyName    string         `json:"family_name,omitempty"`
	Claims        StandardClaims `json:"claims,omitzero"`
	Active        bool           `json:"active"`
	Admin         bool           `json:"administrator"`
	HasPassword   bool           `json:"has_password"`
	CreatedAt     time.Time      `json:"created_at"`
	UpdatedAt     time.Time      `json:"updated_at"`
	LastLoginAt   time.Time      `json:"last_login_at,omitzero"`
}

// Kept is what is kept about a person beside the account.
type Kept struct {
	Sessions  []KeptSession `json:"browser_sessions"`
	Grants    []KeptGrant   `json:"sign_ins_of_apps"`
	Consents  []KeptConsent `json:"apps_allowed"`
	Addresses []KeptAddress `json:"known_network_addresses"`
	// Events are those of the audit log that the person did or that happened to their account.
	Events []KeptEvent `json:"events"`
	// Refusals are counts of requests that were refused for the account.
	Refusals []KeptRefusal `json:"refusals"`
	// Letters are those that are still to leave.
	Letters []KeptLetter `json:"letters_waiting"`
	// Factors are passkeys and authenticator apps.
	Factors []KeptFactor `json:"ways_to_sign_in"`
	Groups  []string     `json:"groups"`
}

// KeptFactor is a passkey or an authenticator app.
type KeptFactor struct {
	Kind       string    `json:"kind"`
	Name       string    `json:"name"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
}

// KeptSession is a browser session.
type KeptSession struct {
	ID        string    `json:"id"`
	AuthTime  time.Time `json:"signed_in_at"`
	AMR       string    `json:"methods"`
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at"`
	ExpiresAt time.Time `json:"expires_at"`
	Address   string    `json:"network_address,omitempty"`
	UserAgent string    `json:"user_agent,omitempty"`
}

// KeptGrant is what an app may do until it ends.
type KeptGrant struct {
	ID        string    `json:"id"`
	Client    string    `json:"app,omitempty"`
	Audience  string    `json:"for"`
	Scope     string    `json:"scope,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	RotatedAt time.Time `json:"used_at"`
	ExpiresAt time.Time `json:"expires_at"`
	RevokedAt time.Time `json:"ended_at,omitzero"`
	Reason    string    `json:"ended_for,omitempty"`
}

// KeptConsent is what the person has allowed an app.
type KeptConsent struct {
	Client   string    `json:"app"`
	Resource string    `json:"for"`
	Scope    string    `json:"scope"`
	At       time.Time `json:"allowed_at"`
}

// KeptAddress is a network address that the person has signed in from.
type KeptAddress struct {
	Address string    `json:"network_address"`
	Since   time.Time `json:"noted_at"`
}

// KeptEvent is a row of the audit log. Who else did something to the account is told by kind only: ids of
// other people are theirs.
type KeptEvent struct {
	At        time.Time         `json:"at"`
	Action    audit.Action      `json:"action"`
	By        audit.ActorKind   `json:"by"`
	Own       bool              `json:"by_you"`
	Address   string            `json:"network_address,omitempty"`
	Subject   string            `json:"of,omitempty"`
	SubjectID string            `json:"id,omitempty"`
	Reason    string            `json:"reason,omitempty"`
	Details   map[string]string `json:"details,omitempty"`
}

// KeptEventOf is the event as the user may see it: nothing of other people, and no address that somebody else
// acted from, unless nobody knows who they were.
func KeptEventOf(e audit.Event, userID string) KeptEvent {
	own := e.Actor.Kind == audit.User && e.Actor.ID == userID
	kept := KeptEvent{
		At: e.At, Action: e.Action, By: e.Actor.Kind, Own: own, Reason: e.Reason,
		Address: e.Actor.Address, Subject: e.SubjectKind, SubjectID: e.SubjectID, Details: e.Details,
	}
	if !own && e.Actor.Kind != audit.Anonymous {
		kept.Address = ""
	}
	if e.SubjectKind == "user" && e.SubjectID != userID {
		kept.SubjectID, kept.Details = "", nil
	}
	return kept
}

// KeptRefusal is a count of refusals in a minute.
type KeptRefusal struct {
	Minute  time.Time `json:"minute"`
	Address string    `json:"network_address,omitempty"`
	Reason  string    `json:"reason"`
	Count   int64     `json:"count"`
}

// KeptLetter is a letter that is still to leave.
type KeptLetter struct {
	Kind LetterKind `json:"kind"`
	To   string     `json:"to"`
	At   time.Time  `json:"queued_at"`
}

// Export returns everything that is kept about the person.
func (s *SelfService) Export(ctx context.Context, who Authentication, actor audit.Actor) (Export, error) {
	if err := s.ownRecent(ctx, FeatureDownload, who); err != nil {
		return Export{}, err
	}
	user, err := s.People.Store.UserByID(ctx, who.UserID())
	if err != nil {
		return Export{}, fmt.Errorf("find user: %w", err)
	}
	kept, err := s.Store.Kept(ctx, user.ID, userEvent(audit.UserExported, user.ID, person(user.ID, actor)))
	if err != nil {
		return Export{}, err
	}
	return Export{Made: s.People.now().UTC(), Account: exportAccount(user), Kept: kept}, nil
}

func exportAccount(u User) ExportAccount {
	return ExportAccount{
		ID: u.ID, ExternalID: u.ExternalID, Username: u.Username, Email: u.Email, EmailVerified: u.EmailVerified,
		GivenName: u.GivenName, FamilyName: u.FamilyName, Claims: u.Claims, Active: u.Active, Admin: u.Admin,
		HasPassword: u.PasswordHash != "", CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt, LastLoginAt: u.LastLoginAt,
	}
}
