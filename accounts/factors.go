package accounts

import (
	"context"
	"errors"
	"time"

	"keyturn/audit"
	"keyturn/keys"
)

// LevelPolicy says how strongly people have to prove themselves, whatever a client asks for.
type LevelPolicy interface {
	// RequiredLevel is what the person's groups demand, empty for nothing.
	RequiredLevel(ctx context.Context, userID string) (Level, error)
}

// Factors keeps passkeys, authenticator apps and recovery codes, and makes proofs of them. Its fields are set
// before the first call and not changed after; its methods may be called by any number of goroutines.
type Factors struct {
	// People has the passwords, the throttle and the clock.
	People *Service
	// Issuer is the URL of the provider: its host is what passkeys are for, and the whole of it where they
	// are used.
	Issuer string
	// Policy is nil where nothing is demanded of anybody.
	Policy LevelPolicy
}

var errUnfinished = errors.New("accounts: not built yet")

// Held names a sign-in that waits for its second factor: by its secret, in the browser in which it began.
type Held struct{ Secret, Browser keys.Secret }

// HeldSignIn is what is known of it.
type HeldSignIn struct {
	UserID, Username string
	Has              FactorCounts
}

// Reachable is the strongest level that the person's ways to sign in reach together.
func (f *Factors) Reachable(ctx context.Context, userID string) (Level, error) {
	return "", errUnfinished
}

// Ways lists how a person can prove who they are.
func (f *Factors) Ways(ctx context.Context, userID string) (Ways, error) {
	return Ways{}, errUnfinished
}

// TakesPasskeys tells whether passkeys can be had at all: not at an issuer that is an IP address.
func (f *Factors) TakesPasskeys() bool { return false }

// Hold stores the half of a sign-in for ten minutes, bound to the browser, and returns the secret that finds
// it again. It is worth nothing elsewhere.
func (f *Factors) Hold(ctx context.Context, needed *SecondFactorNeeded, browser keys.Secret) (keys.Secret, error) {
	return keys.Secret{}, errUnfinished
}

// Look tells whose sign-in waits; ErrPendingGone where none does.
func (f *Factors) Look(ctx context.Context, h Held) (HeldSignIn, error) {
	return HeldSignIn{}, errUnfinished
}

// VerifyCode completes a sign-in that waits, by a code of an authenticator app or a recovery code; blanks and
// hyphens in it don't matter. ErrPendingGone, ErrSecondFactor where the code is wrong, *Throttled.
func (f *Factors) VerifyCode(ctx context.Context, h Held, code string, actor audit.Actor) (Authentication, error) {
	return Authentication{}, errUnfinished
}

// BeginSecond asks for a passkey as the second factor: it returns the JSON of PublicKeyCredentialRequestOptions
// (WebAuthn Level 3 section 5.1.9) as member publicKey of an object.
func (f *Factors) BeginSecond(ctx context.Context, h Held) ([]byte, error) { return nil, errUnfinished }

// FinishSecond completes a sign-in that waits, by what the browser answered (the JSON of a PublicKeyCredential).
// ErrPendingGone, ErrCeremonyGone, ErrSecondFactor.
func (f *Factors) FinishSecond(ctx context.Context, h Held, response []byte, actor audit.Actor) (Authentication, error) {
	return Authentication{}, errUnfinished
}

// BeginSignIn asks a browser for any passkey for this provider, with the person verified, as BeginSecond does. It
// serves a button and autofill alike.
func (f *Factors) BeginSignIn(ctx context.Context, browser keys.Secret) ([]byte, error) {
	return nil, errUnfinished
}

// FinishSignIn signs somebody in by a passkey alone. ErrCeremonyGone; ErrCredentials where it is none of an active
// user.
func (f *Factors) FinishSignIn(ctx context.Context, browser keys.Secret, response []byte, actor audit.Actor) (Authentication, error) {
	return Authentication{}, errUnfinished
}

// ElevateByCode adds a code to what somebody has proved before, with the errors of VerifyCode. The proof is of now;
// Browsers.Start renews the browser session by it.
func (f *Factors) ElevateByCode(ctx context.Context, who Authentication, code string, actor audit.Actor) (Authentication, error) {
	return Authentication{}, errUnfinished
}

// BeginElevate asks the person who is signed in for one of their passkeys, as BeginSecond does.
func (f *Factors) BeginElevate(ctx context.Context, who Authentication, browser keys.Secret) ([]byte, error) {
	return nil, errUnfinished
}

// ElevateByPasskey is ElevateByCode by a passkey, with the errors of FinishSecond.
func (f *Factors) ElevateByPasskey(ctx context.Context, who Authentication, browser keys.Secret, response []byte, actor audit.Actor) (Authentication, error) {
	return Authentication{}, errUnfinished
}

// BeginPasskey asks a browser to make a passkey for the person: it returns the JSON of
// PublicKeyCredentialCreationOptions (WebAuthn Level 3 section 5.1.9) as member publicKey of an object.
// ErrReauthenticate, ErrTooManyFactors, ErrNoPasskeys.
func (f *Factors) BeginPasskey(ctx context.Context, who Authentication, browser keys.Secret) ([]byte, error) {
	return nil, errUnfinished
}

// AddPasskey stores what the browser answered under a name, "" for one made of the date. ErrReauthenticate,
// ErrCeremonyGone, ErrPasskeyRefused, ErrTooManyFactors, *InvalidRequest for the name. Everybody who is
// signed in stays so.
func (f *Factors) AddPasskey(ctx context.Context, who Authentication, browser keys.Secret, response []byte, name string, actor audit.Actor) (Passkey, error) {
	return Passkey{}, errUnfinished
}

// AppEnrolment is an authenticator app that has not shown a code yet.
type AppEnrolment struct {
	// Secret is in base32, for typing; URI the whole in the form that apps read from a QR code
	// (otpauth://totp/…).
	Secret, URI string
	ExpiresAt   time.Time
}

// BeginApp makes a secret for an authenticator app, or returns the one that waits for its first code already.
// ErrReauthenticate, ErrTooManyFactors.
func (f *Factors) BeginApp(ctx context.Context, who Authentication) (AppEnrolment, error) {
	return AppEnrolment{}, errUnfinished
}

// ConfirmApp makes the app that waits a factor, if the code is its. ErrReauthenticate, ErrSecondFactor,
// ErrCeremonyGone where none waits, ErrTooManyFactors, *InvalidRequest for the name. Everybody who is signed in
// stays so.
func (f *Factors) ConfirmApp(ctx context.Context, who Authentication, code, name string, actor audit.Actor) (App, error) {
	return App{}, errUnfinished
}

// MakeRecoveryCodes replaces the recovery codes by new ones, which are shown this once. ErrReauthenticate,
// ErrNoSecondFactor.
func (f *Factors) MakeRecoveryCodes(ctx context.Context, who Authentication, actor audit.Actor) ([]string, error) {
	return nil, errUnfinished
}

// Rename gives a passkey or an app another name. ErrFactorNotFound, *InvalidRequest.
func (f *Factors) Rename(ctx context.Context, who Authentication, id, name string, actor audit.Actor) error {
	return errUnfinished
}

// Remove removes a passkey or an app, and ends the person's grants and all their browser sessions but the
// present one. ErrReauthenticate, ErrFactorNotFound, ErrLastWay, ErrLevelRequired.
func (f *Factors) Remove(ctx context.Context, who Authentication, id string, actor audit.Actor) error {
	return errUnfinished
}

// Reset removes all passkeys, apps and recovery codes of a person who has lost them, and ends all their grants and
// browser sessions; it returns how many grants.
func (f *Factors) Reset(ctx context.Context, userID string, actor audit.Actor) (ended int64, err error) {
	return 0, errUnfinished
}
