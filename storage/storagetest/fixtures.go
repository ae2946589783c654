package storagetest

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
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
		Action: action, Actor: audit.Actor{Kind: audit.Operator, ID: "root", RequestID: "r-1", Rights: audit.ManageAll},
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
			Claims: `["nickname"]`, AuthTime: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), AMR: "pwd", ACR: "urn:example:one", RefreshLifetime: 24 * time.Hour,
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

// Client registers a confidential client with one secret, under an id of its own.
func Client(t testing.TB, db *storage.DB) oauth.Client {
	t.Helper()
	c, err := db.CreateClient(t.Context(), oauth.Client{
		ID: "shop-" + keys.NewTokenID(),
		Metadata: oauth.Metadata{
			Name: "Shop", AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://shop.example/callback"},
			GrantTypes: []oauth.GrantType{oauth.AuthorizationCode, oauth.RefreshTokenGrant},
		},
		Enabled: true,
		Secrets: []oauth.ClientSecret{{ID: keys.NewTokenID(), Hash: keys.NewSecret().Hash()}},
	}, Event(audit.ClientCreated))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// NewSession is a browser in which u has just signed in, for a day.
func NewSession(u accounts.User) accounts.NewSession {
	return accounts.NewSession{
		Session: accounts.Session{
			ID: keys.NewTokenID(), UserID: u.ID, CredentialVersion: u.CredentialVersion,
			AuthTime: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), AMR: "pwd", Address: "192.0.2.1", UserAgent: "Netscape/4.0",
		},
		Hash: keys.NewSecret().Hash(), Lifetime: 24 * time.Hour,
	}
}

// Session starts a browser session of u.
func Session(t testing.TB, db *storage.DB, u accounts.User) accounts.Session {
	t.Helper()
	s, err := db.StartSession(t.Context(), NewSession(u), Event(audit.UserSignedIn))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// NewCode is a code for the client in the session, with PKCE.
func NewCode(c oauth.Client, s accounts.Session) oauth.Code {
	return oauth.Code{
		Hash: keys.NewSecret().Hash(), ClientID: c.ID, RedirectURI: c.RedirectURIs[0],
		Challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", Nonce: "n-0S6_WzA2Mj",
		Grant: issuer.NewGrant{
			Grant: issuer.Grant{
				ID: uuid.NewString(), UserID: s.UserID, ClientID: c.ID, Audience: "api", Scope: "openid profile", SessionID: s.ID,
				Claims: `["nickname"]`, AuthTime: s.AuthTime, AMR: s.AMR, ACR: "urn:example:one", RefreshLifetime: 24 * time.Hour,
			},
			CredentialVersion: s.CredentialVersion, AbsoluteLifetime: 30 * 24 * time.Hour,
		},
	}
}

// Redeem is what the client shows to redeem the code.
func Redeem(c oauth.Code) oauth.Redemption {
	return oauth.Redemption{
		Hash: c.Hash, ClientID: c.ClientID, RedirectURI: c.RedirectURI, Challenge: c.Challenge,
		Event:      audit.Event{Action: audit.GrantCreated, Actor: audit.Actor{Kind: audit.Client, ID: c.ClientID}},
		Revocation: issuer.Revocation{Event: audit.Event{Action: audit.GrantRevoked, Actor: audit.Actor{Kind: audit.Client, ID: c.ClientID}}},
	}
}

// StoredCode stores a code that lives for a minute.
func StoredCode(t testing.TB, db *storage.DB, c oauth.Code) oauth.Code {
	t.Helper()
	if err := db.StoreCode(t.Context(), c, time.Minute); err != nil {
		t.Fatal(err)
	}
	return c
}

// NewInteraction is a request of the client on its way through a browser.
func NewInteraction(c oauth.Client) oauth.Interaction {
	return oauth.Interaction{
		ID: keys.NewSecret().Hash(), Browser: keys.NewSecret().Hash(),
		Request: oauth.Request{
			ClientID: c.ID, RedirectURI: "https://shop.example/callback", ResponseMode: "query", State: "af0ifjsldkj", HasState: true,
			Scopes: []string{"openid", "profile"}, Resource: "api", Nonce: "n-0S6_WzA2Mj", Prompt: []string{"login"}, MaxAge: new(int64(0)),
			Claims: oauth.ClaimsRequest{UserInfo: []string{"nickname"}},
		},
	}
}

// NewLetter is a letter to u with a link to choose a new password, good for an hour.
func NewLetter(u accounts.User) accounts.Letter {
	return accounts.Letter{
		ID: keys.NewTokenID(), Kind: accounts.LetterPasswordReset, To: u.Email, Language: "de", UserID: u.ID,
		Facts: map[string]string{"username": u.Username},
		Link: &accounts.LinkTerms{
			Purpose: accounts.LinkPasswordReset, UserID: u.ID, CredentialVersion: u.CredentialVersion, Email: u.Email,
			Lifetime: time.Hour, Data: map[string]string{"back": "/account"},
		},
	}
}
