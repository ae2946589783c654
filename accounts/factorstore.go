package accounts

import (
	"context"
	"time"

	"keyturn/audit"
	"keyturn/keys"
)

// StoredPasskey is a passkey as it is stored.
type StoredPasskey struct {
	Passkey
	UserID string
	// CredentialID is the authenticator's name of it, unique; PublicKey is in COSE form.
	CredentialID, PublicKey []byte
	// AAGUID tells the model of the authenticator, where it says.
	AAGUID []byte
	// Transports are hints for the browser, blank-separated.
	Transports string
	SignCount  uint32
	// BackedUp tells that it is on more devices now (backup state); Synced that it may be.
	BackedUp bool
}

// StoredApp is an authenticator app as it is stored.
type StoredApp struct {
	App
	UserID string
	// Sealed is the secret, see Sealer.
	Sealed []byte
	// LastStep is the time step of the last code that was taken; none up to it is taken again.
	LastStep int64
	// ExpiresAt is when an app that has not shown a code is forgotten; zero for one that has.
	ExpiresAt time.Time
	// StrangeSince is when the window began in which TryApps counts now; zero for none.
	StrangeSince time.Time
}

// CeremonyPurpose says what a question to a passkey is for; its answer is good for nothing else.
type CeremonyPurpose string

// The purposes.
const (
	toRegister CeremonyPurpose = "register"
	toSignIn   CeremonyPurpose = "sign_in"
	asSecond   CeremonyPurpose = "second_factor"
	toElevate  CeremonyPurpose = "elevate"
)

// Ceremony is a question that was asked of a browser and not answered yet.
type Ceremony struct {
	// Challenge is the hash of the question, Browser that of the browser's cookie.
	Challenge, Browser keys.Hash
	Purpose            CeremonyPurpose
	// UserID is empty where anybody may answer.
	UserID string
}

// PendingSignIn is the half of a sign-in that waits for its second factor.
type PendingSignIn struct {
	Hash, Browser     keys.Hash
	UserID            string
	CredentialVersion int64
	// ProvedAt and AMR are when and how the first factor was proved.
	ProvedAt time.Time
	AMR      string
	// Counted tells that the throttle counted the attempt as failed beforehand, in the bucket Place.
	Counted bool
	Place   string
	// Attempts is how many codes were tried.
	Attempts int64
}

// Owned names a user as they were when they proved themself: a change is made only to that.
type Owned struct {
	UserID            string
	CredentialVersion int64
	// SessionID is the browser session of the proof; it lives on where others end.
	SessionID string
}

// Told is what a change leaves behind in its transaction: an event, and letters to be sent.
type Told struct {
	Event   audit.Event
	Letters []Letter
}

// FactorKind tells a passkey from an app.
type FactorKind string

// The kinds of factors.
const (
	KindPasskey FactorKind = "passkey"
	KindApp     FactorKind = "app"
)

// FactorStore keeps factors and what waits for them. Every method that changes a factor is one transaction that
// also writes what is told of it; when it returns nil, the change is durable. Those that take an Owned return
// ErrCredentials where the user is not active or at another version; the user's row is locked, so that of
// changes to one user's factors one comes after the other.
type FactorStore interface {
	// PasskeysOf and AppsOf list a user's factors, oldest first; of the apps those that have shown a code.
	PasskeysOf(ctx context.Context, userID string) ([]StoredPasskey, error)
	AppsOf(ctx context.Context, userID string) ([]StoredApp, error)
	// RecoveryCodesOf returns how many are left, and when they were made.
	RecoveryCodesOf(ctx context.Context, userID string) (left int64, madeAt time.Time, err error)

	// AddPasskey returns ErrTooManyFactors where the user has most of them, ErrPasskeyRefused where the
	// CredentialID is taken.
	AddPasskey(ctx context.Context, who Owned, p StoredPasskey, most int64, told Told) (Passkey, error)
	// UsePasskey notes a use, if the count still is from; false where another use was first, or the passkey is
	// gone.
	UsePasskey(ctx context.Context, id string, from, to uint32, backedUp bool) (bool, error)

	// HoldApp stores an app that has not shown a code, in place of the one that waited. ErrTooManyFactors where
	// the user has most others.
	HoldApp(ctx context.Context, who Owned, a StoredApp, most int64, lifetime time.Duration) (StoredApp, error)
	// HeldApp returns the app that waits for its first code; ErrCeremonyGone where none does.
	HeldApp(ctx context.Context, userID string) (StoredApp, error)
	// ConfirmApp makes the app that waits a factor, with LastStep, Name and Sealed of a; ErrCeremonyGone where it waits no
	// more, ErrTooManyFactors.
	ConfirmApp(ctx context.Context, who Owned, a StoredApp, most int64, told Told) (App, error)
	// UseApp raises LastStep to step; false where it is as high already, or the app is gone. Of any number of
	// concurrent calls with one step one gets true. It takes back one of what TryApps has counted for each app of the
	// user where counted.
	UseApp(ctx context.Context, id string, step int64, counted bool) (bool, error)
	// TryApps counts a code at each of the user's apps that has counted fewer than most in the window that its first began,
	// and returns their ids. Where one has counted most by it, the letters are queued.
	TryApps(ctx context.Context, userID string, most int64, window time.Duration, letters ...Letter) ([]string, error)
	// SealedApps pages through all apps that have shown a code in the order of their ids, and ResealApp replaces a sealed secret if it still
	// is old; false where it is not.
	SealedApps(ctx context.Context, after string, limit int) ([]StoredApp, error)
	ResealApp(ctx context.Context, id string, old, sealed []byte) (bool, error)

	// SetRecoveryCodes replaces all of the user's; ErrNoSecondFactor.
	SetRecoveryCodes(ctx context.Context, who Owned, hashes []keys.Hash, told Told) error
	// UseRecoveryCode removes a code; false where there is none. Of any number of concurrent calls one gets true.
	UseRecoveryCode(ctx context.Context, userID string, code keys.Hash, told Told) (bool, error)

	// RecordEvent writes an event that goes with no other change.
	RecordEvent(ctx context.Context, e audit.Event) error

	// RenameFactor returns ErrFactorNotFound where the user has none of that id.
	RenameFactor(ctx context.Context, who Owned, id, name string, event audit.Event) error
	// RemoveFactor removes a factor if judge agrees, raises the user's CredentialVersion, and ends the user's grants,
	// codes and all browser sessions but that of who, which goes on at the new version. The recovery codes go with
	// the last factor. ErrFactorNotFound, and what judge returns; then nothing changed.
	RemoveFactor(ctx context.Context, who Owned, id string, judge func(RemovedFactor) error, told Told) error
	// ResetFactors removes all factors and recovery codes of a user, raises CredentialVersion and ends what SetPassword
	// ends; ErrUserNotFound. A user who has none is left as they are.
	ResetFactors(ctx context.Context, userID string, told Told) (ended int64, err error)

	// NoteAnswer tells whether a question that was not stored is answered for the first time, and notes that for that long.
	// Of any number of concurrent calls one gets true.
	NoteAnswer(ctx context.Context, challenge, browser keys.Hash, lifetime time.Duration) (bool, error)
	// AddCeremony stores a question for that long.
	AddCeremony(ctx context.Context, c Ceremony, lifetime time.Duration) error
	// TakeCeremony removes the question and returns it; ErrCeremonyGone where none that lives has this challenge,
	// browser and purpose. Of any number of concurrent calls one gets it.
	TakeCeremony(ctx context.Context, challenge, browser keys.Hash, purpose CeremonyPurpose) (Ceremony, error)

	// HoldSignIn stores a sign-in for that long; ErrCredentials where the user is not active or at another version.
	HoldSignIn(ctx context.Context, p PendingSignIn, lifetime time.Duration) error
	// HeldSignIn returns it; ErrPendingGone where none lives under this hash in this browser, or the user has
	// changed since.
	HeldSignIn(ctx context.Context, hash, browser keys.Hash) (PendingSignIn, error)
	// TryHeld counts one more attempt than seen; false where another was first.
	TryHeld(ctx context.Context, hash keys.Hash, seen int64) (bool, error)
	// EndHeld removes it. Of any number of concurrent calls one gets nil, the others ErrPendingGone.
	EndHeld(ctx context.Context, hash keys.Hash) error
}

// RemovedFactor is what a rule is told of a factor that is about to go.
type RemovedFactor struct {
	Kind FactorKind
	Name string
	// Has are the user's factors while it is still there.
	Has      FactorCounts
	Password bool
}

// Sealer keeps secrets that must be read again, and knows what it gave away; *keys.Ring is one.
type Sealer interface {
	Vouch(purpose string, text []byte) (tag []byte, err error)
	Vouched(purpose string, text, tag []byte) bool
	SealSecret(purpose, owner string, plain []byte) ([]byte, error)
	OpenSecret(purpose, owner string, sealed []byte) (plain []byte, byFirst bool, err error)
}
