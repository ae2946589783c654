package accounts

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"keyturn/audit"
	"keyturn/keys"
)

// appLifetime is how long an app may take to show its first code.
const appLifetime = 30 * time.Minute

// appPurpose is what the secret of an app is sealed for, waitingPurpose that of one that has not shown a code.
const (
	appPurpose     = "authenticator app"
	waitingPurpose = "authenticator app that waits"
)

// waitingOwner is whom a secret is sealed for until its app has shown a code: the person in this browser session. One
// that somebody else has been shown, who was signed in as them, must not become the person's.
func waitingOwner(who Authentication) string { return who.userID + " " + who.sessionID }

// AppEnrolment is an authenticator app that has not shown a code yet.
type AppEnrolment struct {
	// Secret is in base32, for typing; URI the whole in the form that apps read from a QR code
	// (otpauth://totp/…).
	Secret, URI string
	ExpiresAt   time.Time
}

// BeginApp makes a secret for an authenticator app, or returns the one that waits for its first code already in this
// browser session.
// ErrReauthenticate, ErrTooManyFactors.
func (f *Factors) BeginApp(ctx context.Context, who Authentication) (AppEnrolment, error) {
	user, err := f.owner(ctx, who)
	if err != nil {
		return AppEnrolment{}, err
	}
	held, err := f.Store.HeldApp(ctx, user.ID)
	if err == nil {
		if secret, _, unopened := f.Sealer.OpenSecret(waitingPurpose, waitingOwner(who), held.Sealed); unopened == nil {
			return f.enrolment(user, secret, held), nil
		}
	}
	if err != nil && !errors.Is(err, ErrCeremonyGone) {
		return AppEnrolment{}, err
	}
	secret := make([]byte, totpSecret)
	rand.Read(secret) // never fails: crypto/rand ends the program instead
	sealed, err := f.Sealer.SealSecret(waitingPurpose, waitingOwner(who), secret)
	if err != nil {
		return AppEnrolment{}, err
	}
	held, err = f.Store.HoldApp(ctx, owned(who), StoredApp{App: App{ID: keys.NewTokenID()}, UserID: user.ID, Sealed: sealed}, maxApps, appLifetime)
	if err != nil {
		return AppEnrolment{}, err
	}
	return f.enrolment(user, secret, held), nil
}

func (f *Factors) enrolment(user User, secret []byte, held StoredApp) AppEnrolment {
	return AppEnrolment{
		Secret: typedSecret(secret), URI: totpURI(f.host(), user.Username, secret), ExpiresAt: held.ExpiresAt,
	}
}

// ConfirmApp makes the app that waits a factor, if the code is its. It returns, too, what the person has proved with
// it: by that Browsers.Start renews the browser session. ErrReauthenticate, ErrSecondFactor, ErrCeremonyGone
// where none waits, ErrTooManyFactors, *InvalidRequest for the name. Everybody who is signed in stays so.
func (f *Factors) ConfirmApp(ctx context.Context, who Authentication, code, name string, actor audit.Actor) (App, Authentication, error) {
	user, err := f.owner(ctx, who)
	if err != nil {
		return App{}, Authentication{}, err
	}
	now := f.People.now()
	if name, err = label(name, "Authenticator app of ", now); err != nil {
		return App{}, Authentication{}, err
	}
	held, err := f.Store.HeldApp(ctx, user.ID)
	if err != nil {
		return App{}, Authentication{}, err
	}
	secret, _, err := f.Sealer.OpenSecret(waitingPurpose, waitingOwner(who), held.Sealed)
	if err != nil {
		return App{}, Authentication{}, fmt.Errorf("%w: %w", ErrCeremonyGone, err) // a new one can be had
	}
	step, ok := totpMatch(secret, plainCode(code), now, 0)
	if !ok {
		return App{}, Authentication{}, ErrSecondFactor
	}
	if held.Sealed, err = f.Sealer.SealSecret(appPurpose, user.ID, secret); err != nil {
		return App{}, Authentication{}, err
	}
	held.Name, held.LastStep = name, step
	event := userEvent(audit.FactorAdded, user.ID, person(who.userID, actor))
	event.Details = map[string]string{"kind": string(KindApp), "factor": held.ID}
	ctx, cancel := outlive(ctx)
	defer cancel()
	added, err := f.Store.ConfirmApp(ctx, owned(who), held, maxApps, Told{Event: event, Letters: f.waysChanged(user, "app_added", name)})
	if err != nil {
		return App{}, Authentication{}, err
	}
	return added, who.with(MethodOTP), nil
}

// ResealApps seals the secrets of all apps to the first identity of the master, and returns how many it sealed
// anew. One that can't be opened stops it: its master identity must not be thrown away.
func (f *Factors) ResealApps(ctx context.Context, actor audit.Actor) (sealed int, err error) {
	if err := actor.Need(audit.ManageKeys); err != nil {
		return 0, err
	}
	after := ""
	for {
		apps, err := f.Store.SealedApps(ctx, after, maxPage)
		if err != nil || len(apps) == 0 {
			return sealed, err
		}
		for _, a := range apps {
			changed, err := f.resealApp(ctx, a)
			if err != nil {
				return sealed, fmt.Errorf("secret of the authenticator app %s of user %s: %w", a.ID, a.UserID, err)
			}
			if changed {
				sealed++
			}
			after = a.ID
		}
	}
}

func (f *Factors) resealApp(ctx context.Context, a StoredApp) (bool, error) {
	secret, byFirst, err := f.Sealer.OpenSecret(appPurpose, a.UserID, a.Sealed)
	if err != nil || byFirst {
		return false, err
	}
	sealed, err := f.Sealer.SealSecret(appPurpose, a.UserID, secret)
	if err != nil {
		return false, err
	}
	again, byFirst, err := f.Sealer.OpenSecret(appPurpose, a.UserID, sealed)
	if err != nil || !byFirst || !hmac.Equal(again, secret) {
		return false, fmt.Errorf("what was sealed anew does not open: %w", err)
	}
	return f.Store.ResealApp(ctx, a.ID, a.Sealed, sealed)
}

// useCode takes a code of one of the user's apps, or a recovery code, once. A secret that can't be opened
// proves nothing.
func (f *Factors) useCode(ctx context.Context, a *attempt, typed string) (bool, error) {
	code := plainCode(typed)
	switch len(code) {
	case totpDigits:
		return f.useApp(ctx, a, code)
	case recoveryLength:
		return f.Store.UseRecoveryCode(ctx, a.user.ID, recoveryHash(a.user.ID, code), Told{
			Event:   userEvent(audit.RecoveryCodeUsed, a.user.ID, person(a.user.ID, a.Actor)),
			Letters: f.waysChanged(a.user, "recovery_code_used", ""),
		})
	}
	return false, nil
}

func (f *Factors) useApp(ctx context.Context, a *attempt, code string) (bool, error) {
	apps, err := f.Store.AppsOf(ctx, a.user.ID)
	if err != nil || len(apps) == 0 {
		return false, err
	}
	apps, strange, err := f.appsFor(ctx, a, apps)
	if err != nil {
		return false, err
	}
	for _, app := range apps {
		secret, _, err := f.Sealer.OpenSecret(appPurpose, a.user.ID, app.Sealed)
		if err != nil {
			f.People.log().ErrorContext(ctx, "the secret of an authenticator app can't be opened; it proves nobody", "user", a.user.ID, "app", app.ID, "error", err)
			continue
		}
		if step, ok := totpMatch(secret, code, f.People.now(), app.LastStep); ok {
			return f.Store.UseApp(ctx, app.ID, step, strange)
		}
	}
	return false, nil
}

// label checks the name that a person gives a factor; without one it is made of the date.
func label(name, byDefault string, now time.Time) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" {
		return byDefault + now.UTC().Format(time.DateOnly), nil
	}
	return name, checkLabel(name)
}

func checkLabel(name string) error { return atMost(maxLabel)("name", name) }
