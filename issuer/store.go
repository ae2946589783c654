package issuer

import (
	"context"
	"errors"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/keys"
)

// Errors that the store returns.
var (
	// ErrConflict says that the grant is not (or no longer) where the caller thought; nothing was changed.
	ErrConflict = errors.New("issuer: the grant is not in the expected state")
	// ErrGrantNotFound says that no such grant is stored.
	ErrGrantNotFound = errors.New("issuer: no such grant")
	// ErrUserChanged says that the user was deactivated, deleted or given another password since they
	// proved themself; nothing was written.
	ErrUserChanged = errors.New("issuer: the user changed since the sign-in")
	// ErrCursorGone says that a list's cursor names no stored row (any more): where the next page begins
	// can't be told, and an empty one would look like the end.
	ErrCursorGone = errors.New("issuer: the list's cursor is gone")
	// ErrResourceNotFound and ErrResourceExists are for administrators.
	ErrResourceNotFound = errors.New("issuer: no such resource")
	ErrResourceExists   = errors.New("issuer: the resource exists already")
)

// NewGrant is what CreateGrant stores.
type NewGrant struct {
	Grant
	// CredentialVersion is the one that the user proved themself at.
	CredentialVersion int64
	// AbsoluteLifetime is counted from the database's time.
	AbsoluteLifetime time.Duration
	// NoteLogin also sets the user's LastLoginAt.
	NoteLogin bool
}

// Revocation is why and by whom grants are ended.
type Revocation struct {
	Reason Reason
	// PresentedJTI is the jti of the token that caused it, empty where none did.
	PresentedJTI string
	Event        audit.Event
}

// Selection picks grants to end. Exactly one field is set.
type Selection struct {
	GrantID  string
	UserID   string
	ClientID string
	All      bool
}

// GrantQuery lists grants newest first.
type GrantQuery struct {
	// UserID is empty for all users, ClientID for all clients.
	UserID, ClientID string
	// LiveOnly leaves out revoked and expired ones.
	LiveOnly bool
	// After is the id of the last grant of the page before, empty for the first (keyset paging by created_at, id).
	// Before is that of the first grant of the page behind; at most one of the two is set.
	After, Before string
	Limit         int
}

// RevokedToken is a refresh token that was taken back before its time.
type RevokedToken struct {
	JTI          string
	GrantID      string
	UserID       string
	ClientID     string
	Reason       Reason
	PresentedJTI string
	RevokedAt    time.Time
	// Until is when the token would have expired; the row is swept some time after that.
	Until time.Time
}

// RevokedQuery lists revoked refresh tokens, newest first; UserID empty for all users.
type RevokedQuery struct {
	UserID string
	// After is the jti of the last row of the page before, Before that of the first row of the page behind; at most
	// one of the two is set.
	After, Before string
	Limit         int
}

// Resource is an audience that access tokens are made for.
type Resource struct {
	// Identifier is the aud value, 1 to 255 characters.
	Identifier string
	Algorithm  keys.Algorithm
	// AccessLifetime is zero for the configured default.
	AccessLifetime time.Duration
	// Claims are the profile claims that its tokens carry.
	Claims []string
	// SimpleJWT adds token_type and user_id.
	SimpleJWT bool
	// Scopes are those that clients may be granted for it beside the standard ones, of RFC 6749 section 3.3's form.
	Scopes []string
}

// Store keeps grants, revoked refresh tokens and resources. "The database's time" is the clock that
// the deciding statement itself reads.
type Store interface {
	accounts.RightsStore

	// CreateGrant stores the grant at generation 1, CreatedAt = RotatedAt = the database's time,
	// ExpiresAt = that + AbsoluteLifetime, if the user still is active and at CredentialVersion (read
	// under a share lock by the inserting statement), and writes the event in the same transaction; else
	// it returns ErrUserChanged. It returns the grant as stored, with the user's profile.
	CreateGrant(ctx context.Context, g NewGrant, event audit.Event) (Grant, error)

	// AdvanceGrant moves the grant from generation from to from+1 if that is where it stands, it is live
	// at the database's clock (not revoked, RefreshExpiresAt not reached) and its user is active, and
	// returns it as stored; else it returns ErrConflict and changes nothing. Of any number of concurrent
	// calls one succeeds. It is one statement.
	AdvanceGrant(ctx context.Context, id string, from int64) (Grant, error)
	// AdvanceDemanded is AdvanceGrant that refuses, too, where a group of the user demands a level that AMR does not
	// reach.
	AdvanceDemanded(ctx context.Context, id string, from int64) (Grant, error)
	// GroupsDemand tells whether any group demands a level. Writers of such a demand raise the changes counter.
	GroupsDemand(ctx context.Context) (bool, error)

	// JudgeGrant reads the grant and its user under locks with the database's time, lets decide change
	// the grant, and, where decide has set RevokedAt, revokes it with r's PresentedJTI and Event (the
	// reason of both as decide set it) and commits, whatever decide returned; decide's error is returned after the
	// commit. Nothing but a revocation is ever stored. ErrGrantNotFound where there is none.
	// decide may run more than once.
	JudgeGrant(ctx context.Context, id string, r Revocation, decide func(g *Grant, now time.Time) error) (Grant, error)

	// GrantByID reads the grant, its user's state and the database's time, without locks.
	GrantByID(ctx context.Context, id string) (Grant, time.Time, error)
	// Grants and RevokedTokens return ErrCursorGone where After or Before names no row.
	Grants(ctx context.Context, q GrantQuery) ([]Grant, error)
	RevokedTokens(ctx context.Context, q RevokedQuery) ([]RevokedToken, error)

	// RevokeGrants ends all selected grants that are not revoked yet, each with its row of
	// revoked_refresh_tokens for the newest number, and the event, in one transaction; it returns how many.
	// With nothing to end nothing is written, the event neither. Of a user or a client it also removes the
	// authorization codes that are not redeemed, and of a user it ends the browser sessions, with a logout token
	// queued for each client that took part; Selection.All does so for everybody, and removes the interactions.
	// These are not counted, but are something to end.
	RevokeGrants(ctx context.Context, s Selection, r Revocation) (int64, error)

	// LongestRefreshLifetime is that of the live grants, 0 without any. It reads them all.
	LongestRefreshLifetime(ctx context.Context) (time.Duration, error)

	// Memberships are the groups and roles of a user; none for one who does not exist.
	Memberships(ctx context.Context, userID string) (Memberships, error)
	Resources(ctx context.Context) ([]Resource, error)
	// CreateResource, UpdateResource and DeleteResource raise the changes counter.
	CreateResource(ctx context.Context, r Resource, event audit.Event) error
	UpdateResource(ctx context.Context, r Resource, event audit.Event) error
	DeleteResource(ctx context.Context, identifier string, event audit.Event) error

	// RecordEvent writes an event that accompanies no other change.
	RecordEvent(ctx context.Context, event audit.Event) error
}
