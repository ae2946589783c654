package accounts

import (
	"context"
	"errors"
	"time"

	"keyturn/audit"
	"keyturn/keys"
)

// ErrNotSignedIn says that no live browser session has this secret.
var ErrNotSignedIn = errors.New("accounts: not signed in")

// ErrSessionNotFound says that there is no such browser session; for administrators and its owner.
var ErrSessionNotFound = errors.New("accounts: no such browser session")

// Session is a browser that is signed in to the provider (single sign-on).
type Session struct {
	// ID is 128 random bits, the sid claim and the name that lists know it by. It opens nothing.
	ID     string
	UserID string
	// CredentialVersion is the user's at the sign-in; the session is dead when the user's is another.
	CredentialVersion int64
	// AuthTime is when the person last gave a whole proof of themself in it (Authentication.At), AMR all that they have
	// shown in it (RFC 8176 values, blank-separated).
	AuthTime time.Time
	AMR      string
	// CreatedAt, SeenAt and ExpiresAt are the database's time; ExpiresAt is the absolute end.
	CreatedAt, SeenAt, ExpiresAt time.Time
	// Address and UserAgent are those of the last sign-in.
	Address, UserAgent string

	// UserActive and UserVersion are the user's state in the statement that read the session.
	UserActive  bool
	UserVersion int64
}

// NewSession is what StartSession stores.
type NewSession struct {
	Session
	// Hash is that of the cookie's secret.
	Hash keys.Hash
	// Replaces is the ID of the session that the browser had, empty for none.
	Replaces string
	// Lifetime is counted from the database's time.
	Lifetime time.Duration
}

// SessionSelection picks browser sessions to end. Exactly one field is set.
type SessionSelection struct {
	ID     string
	UserID string
	All    bool
}

// SessionStore keeps browser sessions. "The database's time" is the clock that the deciding statement
// itself reads.
type SessionStore interface {
	RightsStore

	// StartSession stores the session if the user is active and at CredentialVersion (under a share lock), and
	// writes the event; else ErrCredentials. Where Replaces is a session of the same user that one lives on
	// under the new hash, with its ID and CreatedAt, and everything else new; that of another user is ended
	// as EndSessions does. It returns the session as stored.
	StartSession(ctx context.Context, n NewSession, event audit.Event) (Session, error)
	// SessionByHash returns the session and the database's time; ErrNotSignedIn where there is none. Whether it
	// still is alive is for the caller to judge.
	SessionByHash(ctx context.Context, h keys.Hash) (Session, time.Time, error)
	// SeeSession sets SeenAt to the database's time.
	SeeSession(ctx context.Context, id string) error
	// Sessions lists those of a user that have not reached ExpiresAt, newest SeenAt first, at most 1000, and the
	// database's time.
	Sessions(ctx context.Context, userID string) ([]Session, time.Time, error)
	// EndSessions removes the sessions and their authorization codes, revokes the grants made in them but for
	// those with the scope offline_access (OIDC Back-Channel Logout section 2.7), queues a logout token for each
	// client that took part, and writes the event, in one transaction. It returns how many ended; with none
	// nothing is written.
	EndSessions(ctx context.Context, s SessionSelection, event audit.Event) (int64, error)
}
