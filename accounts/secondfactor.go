package accounts

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"keyturn/audit"
	"keyturn/keys"
)

// holdFor is how long a person may take to show the second factor.
const holdFor = 10 * time.Minute

// SecondFactorNeeded says that a password was right, and that the person has a second factor, which was not
// shown. It holds the unforgeable half of a proof: Factors makes a whole one of it.
type SecondFactorNeeded struct {
	// Has tells what the person can show.
	Has FactorCounts

	pending pending
}

func (e *SecondFactorNeeded) Error() string { return "accounts: a second factor is needed" }

// pending is what one factor has proved. Only this package makes one, and it is worth nothing alone.
type pending struct {
	userID            string
	credentialVersion int64
	at                time.Time
	methods           []string
	// counted tells that the throttle has counted the attempt as failed beforehand, in the bucket place.
	counted bool
	place   string
}

// Held names a sign-in that waits for its second factor: by its secret, in the browser in which it began.
type Held struct{ Secret, Browser keys.Secret }

// HeldSignIn is what is known of it.
type HeldSignIn struct {
	UserID, Username string
	Has              FactorCounts
}

// Hold stores the half of a sign-in for ten minutes, bound to the browser, and returns the secret that finds
// it again. It is worth nothing elsewhere.
func (f *Factors) Hold(ctx context.Context, needed *SecondFactorNeeded, browser keys.Secret) (keys.Secret, error) {
	half := needed.pending
	if half.userID == "" || browser.Reveal() == "" {
		return keys.Secret{}, ErrPendingGone
	}
	secret := keys.NewSecret()
	ctx, cancel := outlive(ctx)
	defer cancel()
	err := f.Store.HoldSignIn(ctx, PendingSignIn{
		Hash: secret.Hash(), Browser: browser.Hash(), UserID: half.userID, CredentialVersion: half.credentialVersion,
		ProvedAt: half.at, AMR: strings.Join(half.methods, " "), Counted: half.counted, Place: half.place,
	}, holdFor)
	if err != nil {
		return keys.Secret{}, err
	}
	return secret, nil
}

// Look tells whose sign-in waits; ErrPendingGone where none does.
func (f *Factors) Look(ctx context.Context, h Held) (HeldSignIn, error) {
	_, user, err := f.held(ctx, h)
	if err != nil {
		return HeldSignIn{}, err
	}
	has, err := f.People.Store.FactorCounts(ctx, user.ID)
	return HeldSignIn{UserID: user.ID, Username: user.Username, Has: has}, err
}

// held reads the sign-in that waits, and its user.
func (f *Factors) held(ctx context.Context, h Held) (PendingSignIn, User, error) {
	if h.Secret.Reveal() == "" || h.Browser.Reveal() == "" {
		return PendingSignIn{}, User{}, ErrPendingGone
	}
	p, err := f.Store.HeldSignIn(ctx, h.Secret.Hash(), h.Browser.Hash())
	if err != nil {
		return PendingSignIn{}, User{}, err
	}
	user, err := f.current(ctx, p.UserID, p.CredentialVersion)
	if errors.Is(err, ErrCredentials) || errors.Is(err, ErrUserNotFound) {
		err = ErrPendingGone // changed since it was read
	}
	return p, user, err
}

// VerifyCode completes a sign-in that waits, by a code of an authenticator app or a recovery code; blanks and
// hyphens in it don't matter. ErrPendingGone, ErrSecondFactor where the code is wrong, *Throttled.
func (f *Factors) VerifyCode(ctx context.Context, h Held, code string, actor audit.Actor) (Authentication, error) {
	p, user, err := f.held(ctx, h)
	if err != nil {
		return Authentication{}, err
	}
	a := f.People.attemptOf(user, actor)
	if p.Counted && p.Attempts == 0 {
		// The attempt that the password took covers one code.
		a.counted, a.throttle.Place = true, p.Place
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	first, err := f.Store.TryHeld(ctx, p.Hash, p.Attempts)
	if err != nil {
		return Authentication{}, err
	}
	if !first {
		return Authentication{}, f.People.refuse(ctx, a, &Throttled{RetryAfter: time.Second})
	}
	if err := f.checkCode(ctx, a, code); err != nil {
		return Authentication{}, err
	}
	return f.complete(ctx, p, a, MethodOTP)
}

// ElevateByCode adds a code to what somebody has proved before, with the errors of VerifyCode. The proof stays as old
// as it is: whoever finds a browser that is signed in, and the phone beside it, has a code but is not the person.
// Browsers.Start renews the browser session by it.
func (f *Factors) ElevateByCode(ctx context.Context, who Authentication, code string, actor audit.Actor) (Authentication, error) {
	if !who.Valid() {
		return Authentication{}, ErrNotSignedIn
	}
	user, err := f.current(ctx, who.userID, who.credentialVersion)
	if err != nil {
		return Authentication{}, err
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	a := f.People.attemptOf(user, actor)
	if err := f.checkCode(ctx, a, code); err != nil {
		return Authentication{}, err
	}
	if err := f.People.noteSuccess(ctx, a); err != nil {
		return Authentication{}, err
	}
	return who.with(MethodOTP), nil
}

// checkCode takes a code under the throttle: it is counted as failed before it is looked at, and of several that
// saw the same count one goes on.
func (f *Factors) checkCode(ctx context.Context, a *attempt, code string) error {
	if err := f.People.admitCode(ctx, a); err != nil {
		return err
	}
	ok, err := f.useCode(ctx, a, code)
	if err != nil {
		return err
	}
	if !ok {
		return f.People.refuse(ctx, a, ErrSecondFactor)
	}
	return nil
}

// complete makes the whole proof of a sign-in that waited, once.
func (f *Factors) complete(ctx context.Context, p PendingSignIn, a *attempt, methods ...string) (Authentication, error) {
	if err := f.Store.EndHeld(ctx, p.Hash); err != nil {
		return Authentication{}, err
	}
	if err := f.People.noteSuccess(ctx, a); err != nil {
		return Authentication{}, err
	}
	return f.proof(a.user, strings.Fields(p.AMR), methods...), nil
}

// proof is that of a person who has just shown all of it, but for a first factor that was held for a few minutes.
func (f *Factors) proof(user User, before []string, methods ...string) Authentication {
	return Authentication{
		userID: user.ID, credentialVersion: user.CredentialVersion, at: f.People.now(),
		methods: together(before, methods...),
	}
}

// together are all methods, each once, with mfa where they are of two kinds (RFC 8176 section 2).
func together(before []string, more ...string) []string {
	all := slices.DeleteFunc(slices.Clone(before), func(m string) bool { return m == MethodMultiple })
	for _, m := range more {
		if !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	if LevelOf(all).Satisfies(TwoFactors) {
		all = append(all, MethodMultiple)
	}
	return all
}
