package accounts

import (
	"errors"
	"time"
)

// Limits on the factors of one account.
const (
	maxPasskeys = 20
	maxApps     = 3
	maxLabel    = 64 // characters of the name that a person gives a factor
	// RecoveryCodes is how many recovery codes a set has.
	RecoveryCodes = 10
)

// FactorCounts is how many factors beside a password somebody has.
type FactorCounts struct {
	Passkeys int64
	// Apps are authenticator apps that have shown a right code.
	Apps int64
	// RecoveryCodes are those that are left.
	RecoveryCodes int64
}

// SecondFactor tells whether a password is not enough. Recovery codes alone don't ask for themselves: they
// stand in for a factor that is lost.
func (c FactorCounts) SecondFactor() bool { return c.Passkeys > 0 || c.Apps > 0 }

// reach is the strongest level that these factors reach, with or without a password beside them.
func (c FactorCounts) reach(password bool) Level {
	switch {
	case c.Passkeys > 0:
		return PhishingResistant
	case password && c.Apps > 0:
		return TwoFactors
	}
	return OneFactor
}

// mayGo is the rule for removing a factor: what is left must let the person in, and to what is demanded of them.
// What did not suffice before need not suffice after.
func (r RemovedFactor) mayGo(required Level) error {
	left := r.Has
	if r.Kind == KindPasskey {
		left.Passkeys--
	} else {
		left.Apps--
	}
	if r.Kind == KindPasskey && !r.Password && left.Passkeys == 0 {
		return ErrLastWay
	}
	if r.Has.reach(r.Password).Satisfies(required) && !left.reach(r.Password).Satisfies(required) {
		return ErrLevelRequired
	}
	return nil
}

// Passkey is a credential of WebAuthn as its owner sees it.
type Passkey struct {
	// ID is 128 random bits, ours; the authenticator knows the passkey by another.
	ID   string
	Name string
	// Synced tells that the passkey may be on more devices than one (backup eligible).
	Synced     bool
	CreatedAt  time.Time
	LastUsedAt time.Time // zero for never
}

// App is an authenticator app (RFC 6238) as its owner sees it.
type App struct {
	// ID is 128 random bits.
	ID         string
	Name       string
	CreatedAt  time.Time
	LastUsedAt time.Time // zero for never
}

// Ways are all ways in which somebody can prove who they are.
type Ways struct {
	Password bool
	Passkeys []Passkey
	Apps     []App
	// RecoveryCodes is how many are left, and RecoveryCodesAt when the set was made, zero for never.
	RecoveryCodes   int64
	RecoveryCodesAt time.Time
}

// Errors about factors. api/failures.go says what each becomes over HTTP.
var (
	// ErrSecondFactor says that a code was wrong or used before, or that a passkey did not prove itself.
	ErrSecondFactor = errors.New("accounts: the code or passkey does not prove the person")
	// ErrPendingGone says that no sign-in of this browser waits for a second factor under this secret.
	ErrPendingGone = errors.New("accounts: no sign-in waits for a second factor here")
	// ErrCeremonyGone says that the answer is to no question that was asked of this browser within the last
	// minutes, or that it was given before.
	ErrCeremonyGone = errors.New("accounts: the question to the passkey has expired or was answered before")
	// ErrPasskeyRefused says that a new passkey can't be taken: what the browser sent is none, is not
	// for this provider, or belongs to an account already.
	ErrPasskeyRefused = errors.New("accounts: the passkey can't be taken")
	// ErrNoPasskeys says that passkeys are out of the question: the issuer is an IP address, which browsers
	// make none for.
	ErrNoPasskeys = errors.New("accounts: passkeys need an issuer with a host name")
	// ErrReauthenticate says that the proof is too old for the change; the person signs in again.
	ErrReauthenticate = errors.New("accounts: the sign-in is too long ago for this change")
	// ErrFactorNotFound says that the person has no such factor.
	ErrFactorNotFound = errors.New("accounts: no such passkey or authenticator app")
	// ErrTooManyFactors says that the account holds as many of that kind as it may.
	ErrTooManyFactors = errors.New("accounts: too many factors of that kind")
	// ErrLastWay says that without the factor nobody could sign in to the account.
	ErrLastWay = errors.New("accounts: it is the last way to sign in to the account")
	// ErrLevelRequired says that a policy demands more proof: of somebody who signs in, or of what would be
	// left to somebody who wants to remove a factor.
	ErrLevelRequired = errors.New("accounts: more proof is demanded of this person")
	// ErrNoSecondFactor says that there is nothing for recovery codes to stand in for.
	ErrNoSecondFactor = errors.New("accounts: no second factor is set up")
)
