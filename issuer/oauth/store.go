package oauth

import (
	"context"
	"errors"
	"time"

	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/keys"
)

// Errors that the store returns.
var (
	// ErrClientNotFound and ErrClientExists are for administrators.
	ErrClientNotFound = errors.New("oauth: no such client")
	ErrClientExists   = errors.New("oauth: the client id is taken, or was once")
	// ErrSecretNotFound says that the client has no such secret.
	ErrSecretNotFound = errors.New("oauth: the client has no such secret")
	// ErrInteractionGone says that the browser's request is not stored (any more), or belongs to another browser.
	ErrInteractionGone = errors.New("oauth: the sign-in has expired or belongs to another browser")
	// ErrCodeInvalid says that the code can't be redeemed by this client with these parameters; nothing changed.
	ErrCodeInvalid = errors.New("oauth: the authorization code is invalid")
	// ErrCodeReused says that the code was redeemed before; what it gave then has been revoked.
	ErrCodeReused = errors.New("oauth: the authorization code was used before; its grant is revoked")
	// ErrReplayed says that the client's assertion was seen before.
	ErrReplayed = errors.New("oauth: the client assertion was used before")
	// ErrSessionGone says that the browser session of a request has ended meanwhile, or its user has changed;
	// nothing was written.
	ErrSessionGone = errors.New("oauth: the browser session has ended")
)

// Interaction is an authorization request on its way through the browser, as it is stored.
type Interaction struct {
	// ID is the hash of the id that stands in the URL, Browser that of the cookie of the browser which began it.
	ID, Browser keys.Hash
	// Request is the checked request; its client id and redirect URI are proved again when it is read.
	Request   Request
	CreatedAt time.Time
	ExpiresAt time.Time
	// SignedInAt, ConsentedAt and FinishedAt are when that happened within this interaction, zero for not yet.
	SignedInAt, ConsentedAt, FinishedAt time.Time
	// SignedInAs and ConsentedAs are the IDs of the browser sessions in which it did: what one person did
	// here counts for nobody else.
	SignedInAs, ConsentedAs string
}

// Step is what is noted of an interaction.
type Step string

// The steps.
const (
	StepSignedIn  Step = "signed_in"
	StepConsented Step = "consented"
	StepFinished  Step = "finished"
)

// Consent is what a user has allowed a client.
type Consent struct {
	UserID, ClientID string
	// Resource is the audience that the scopes belong to.
	Resource string
	Scopes   []string
}

// Code is an authorization code, as it is stored.
type Code struct {
	Hash        keys.Hash
	ClientID    string
	RedirectURI string
	// Challenge is the S256 code_challenge, empty where none was sent.
	Challenge string
	Nonce     string
	// Consent are the items that the user must have allowed the client for the grant's resource when the code is
	// stored; empty where nothing needs to be allowed.
	Consent []string
	// Grant is what its redemption will store; its ID is decided here, its SessionID is that of the
	// browser session.
	Grant issuer.NewGrant
}

// Redemption is an authorization code that a client shows.
type Redemption struct {
	Hash        keys.Hash
	ClientID    string
	RedirectURI string
	// Challenge is computed from the verifier that was sent, empty where none was.
	Challenge string
	// Event goes with the grant; Revocation with that of the grant of a code that was used before.
	Event      audit.Event
	Revocation issuer.Revocation
}

// LogoutDelivery is a logout token that a client is still to be sent.
type LogoutDelivery struct {
	ID        string
	ClientID  string
	UserID    string
	SessionID string
	// Attempts is how many have failed.
	Attempts  int64
	CreatedAt time.Time
}

// Store keeps clients and what is on its way between a browser, a client and the token endpoint. "The
// database's time" is the clock that the deciding statement itself reads. Every method that changes state
// is one transaction that also writes the event; when it returns nil, the change is durable.
type Store interface {
	// Clients returns the clients that were changed after the changes counter stood at after (0 for all),
	// and the counter as it stood before they were read. A deleted client comes with an empty AuthMethod and
	// Enabled false. Writers of clients raise the counter first and note its value with the row, so the order
	// of commits is that of the values and none is missed.
	Clients(ctx context.Context, after int64) (changed []Client, counter int64, err error)
	// CreateClient stores c with its Secrets; ErrClientExists where the id is or was taken.
	CreateClient(ctx context.Context, c Client, event audit.Event) (Client, error)
	// UpdateClient replaces Metadata. Where m's AuthMethod uses no secrets it removes those that there are, each with an
	// event audit.ClientSecretRemoved of its own by event's actor.
	UpdateClient(ctx context.Context, id string, m Metadata, event audit.Event) (Client, error)
	// SetClientEnabled turns a client on or off. Off also revokes its grants and removes its codes. Setting what is
	// already set changes nothing.
	SetClientEnabled(ctx context.Context, id string, enabled bool, event audit.Event) (ended int64, err error)
	// DeleteClient revokes the grants, removes codes, secrets and consents, and keeps the id as taken.
	DeleteClient(ctx context.Context, id string, event audit.Event) (ended int64, err error)
	// AddSecret adds a secret and removes the oldest where there were two; issuer.ErrConflict where the stored
	// AuthMethod uses none.
	AddSecret(ctx context.Context, clientID string, s ClientSecret, event audit.Event) (Client, error)
	// RemoveSecret returns ErrSecretNotFound where there is none of that id.
	RemoveSecret(ctx context.Context, clientID, secretID string, event audit.Event) (Client, error)

	// StoreInteraction stores in with CreatedAt the database's time and ExpiresAt that plus lifetime.
	StoreInteraction(ctx context.Context, in Interaction, lifetime time.Duration) error
	// Interaction reads one that has not expired at the database's time, and that time; else ErrInteractionGone.
	Interaction(ctx context.Context, id, browser keys.Hash) (Interaction, time.Time, error)
	// NoteStep notes the database's time of a step and the browser session in which it was taken; FinishedAt is
	// only noted the first time.
	NoteStep(ctx context.Context, id keys.Hash, s Step, sessionID string) (Interaction, error)

	// Consented returns the scopes that the user has allowed the client for the resource.
	Consented(ctx context.Context, userID, clientID, resource string) ([]string, error)
	// AddConsent adds scopes to what is allowed; ErrSessionGone where the user is not active or the client not
	// enabled any more.
	AddConsent(ctx context.Context, c Consent, event audit.Event) error
	// RemoveConsent forgets what the user has allowed the client and revokes the client's grants of that user.
	RemoveConsent(ctx context.Context, userID, clientID string, event audit.Event) (ended int64, err error)
	// Consents lists what a user has allowed, by client id.
	Consents(ctx context.Context, userID string) ([]Consent, error)

	// StoreCode stores a code that expires after lifetime, if its browser session exists, its user is active
	// at the grant's CredentialVersion and its client enabled (all under share locks); else ErrSessionGone.
	// ErrConsentRequired where the user has not, or no longer, allowed all of Consent.
	StoreCode(ctx context.Context, c Code, lifetime time.Duration) error
	// RedeemCode marks the code as redeemed and stores its grant (as issuer.Store.CreateGrant does) where the code is
	// neither redeemed nor expired at the database's time, client, redirect URI and challenge are equal to what
	// was stored, and browser session, user and client are as StoreCode demands; it notes the client with the
	// session and returns the grant and the code. Events without a SubjectID get the grant's, and
	// that of the grant is told user, session, resource and scope. A code that
	// this client redeemed before, whatever else it shows with it: its grant is revoked (issuer.CodeReused), committed,
	// ErrCodeReused. Anything else: ErrCodeInvalid, nothing changed. Of any number of concurrent calls one succeeds.
	RedeemCode(ctx context.Context, r Redemption) (issuer.Grant, Code, error)

	// UseAssertion notes the jti of a client's assertion until it expires at the given time; ErrReplayed where it
	// is noted already.
	UseAssertion(ctx context.Context, clientID, jti string, until time.Time) error

	// SessionClients lists the clients that took part in a browser session.
	SessionClients(ctx context.Context, sessionID string) ([]string, error)
	// TakeLogouts returns at most limit deliveries that are due at the database's time, oldest first, and puts
	// them off by lease, so that no other instance takes them meanwhile.
	TakeLogouts(ctx context.Context, limit int, lease time.Duration) ([]LogoutDelivery, error)
	// DoneLogout removes a delivery; RetryLogout counts a failure and makes it due again after wait.
	DoneLogout(ctx context.Context, id string) error
	RetryLogout(ctx context.Context, id string, wait time.Duration) error
}
