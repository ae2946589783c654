package storagetest

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/storage"
)

// Clock is a database's time that stands still until it is moved.
type Clock struct {
	mu  sync.Mutex
	now time.Time // guarded by mu
}

// NewClock starts at a fixed time.
func NewClock() *Clock { return &Clock{now: time.Date(2026, 1, 2, 3, 4, 5, 678000, time.UTC)} }

// Now is the time that it shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves it by d.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Event is an event to go with a change.
func Event(action audit.Action) audit.Event {
	return audit.Event{
		Action: action, Actor: audit.Actor{Kind: audit.Operator, ID: "root", RequestID: "r-1"},
		SubjectKind: "user", SubjectID: "s-1", Reason: "test", Details: map[string]string{"why": "test"},
	}
}

// User creates the tutorial's user under a name of its own.
func User(t testing.TB, db *storage.DB) accounts.User {
	t.Helper()
	id := uuid.NewString()
	u, err := db.CreateUser(t.Context(), accounts.User{
		ID: id, Username: "spiderman-" + id, Email: "peter@example.com", EmailVerified: true,
		GivenName: "Peter", FamilyName: "Parker", Active: true, PasswordHash: "$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA",
	}, Event(audit.UserCreated))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// NewGrant is a sign-in of u: refresh tokens of 24 hours, 30 days in all.
func NewGrant(u accounts.User) issuer.NewGrant {
	return issuer.NewGrant{
		Grant: issuer.Grant{
			ID: uuid.NewString(), UserID: u.ID, ClientID: "token-pair", Audience: "api", Scope: "openid", SessionID: uuid.NewString(),
			AuthTime: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), AMR: "pwd", RefreshLifetime: 24 * time.Hour,
		},
		CredentialVersion: u.CredentialVersion, AbsoluteLifetime: 30 * 24 * time.Hour,
	}
}

// SignIn creates a grant of u.
func SignIn(t testing.TB, db *storage.DB, u accounts.User) issuer.Grant {
	t.Helper()
	g, err := db.CreateGrant(t.Context(), NewGrant(u), Event(audit.UserSignedIn))
	if err != nil {
		t.Fatal(err)
	}
	return g
}
