package accounts

import (
	"context"
	"net"
	"net/url"
	"strings"
	"sync"

	"github.com/go-webauthn/webauthn/webauthn"

	"keyturn/audit"
)

// LevelPolicy says how strongly people have to prove themselves, whatever a client asks for.
type LevelPolicy interface {
	// RequiredLevel is what the person's groups demand, empty for nothing.
	RequiredLevel(ctx context.Context, userID string) (Level, error)
}

// Factors keeps passkeys, authenticator apps and recovery codes, and makes proofs of them. Its fields are set
// before the first call and not changed after; its methods may be called by any number of goroutines.
type Factors struct {
	Store FactorStore
	// Sealer keeps the secrets of authenticator apps.
	Sealer Sealer
	// People has the passwords, the throttle and the clock.
	People *Service
	// Issuer is the URL of the provider: its host is what passkeys are for, and the whole of it where they
	// are used.
	Issuer string
	// Policy is nil where nothing is demanded of anybody.
	Policy LevelPolicy
	// Mail tells that letters leave.
	Mail bool

	once sync.Once
	// party is nil where the issuer's host is an address.
	party *webauthn.WebAuthn
}

// Reachable is the strongest level that the person's ways to sign in reach together.
func (f *Factors) Reachable(ctx context.Context, userID string) (Level, error) {
	user, err := f.People.Store.UserByID(ctx, userID)
	if err != nil {
		return "", err
	}
	has, err := f.People.Store.FactorCounts(ctx, userID)
	return has.reach(user.PasswordHash != ""), err
}

// RequiredLevel is what the policy demands of the person, empty for nothing.
func (f *Factors) RequiredLevel(ctx context.Context, userID string) (Level, error) {
	if f.Policy == nil {
		return "", nil
	}
	return f.Policy.RequiredLevel(ctx, userID)
}

// Demand returns ErrLevelRequired where the policy demands more of the person than they have proved.
func (f *Factors) Demand(ctx context.Context, who Authentication) error {
	required, err := f.RequiredLevel(ctx, who.UserID())
	if err == nil && required != "" && !who.Level().Satisfies(required) {
		err = ErrLevelRequired
	}
	return err
}

// WaysOf is Ways for administrators.
func (f *Factors) WaysOf(ctx context.Context, userID string, actor audit.Actor) (Ways, error) {
	if err := actor.Need(audit.Read); err != nil {
		return Ways{}, err
	}
	return f.Ways(ctx, userID)
}

// Ways lists how a person can prove who they are.
func (f *Factors) Ways(ctx context.Context, userID string) (Ways, error) {
	if err := checkID(userID); err != nil {
		return Ways{}, err
	}
	user, err := f.People.Store.UserByID(ctx, userID)
	if err != nil {
		return Ways{}, err
	}
	passkeys, err := f.Store.PasskeysOf(ctx, userID)
	if err != nil {
		return Ways{}, err
	}
	apps, err := f.Store.AppsOf(ctx, userID)
	if err != nil {
		return Ways{}, err
	}
	ways := Ways{Password: user.PasswordHash != ""}
	for _, p := range passkeys {
		ways.Passkeys = append(ways.Passkeys, p.Passkey)
	}
	for _, a := range apps {
		ways.Apps = append(ways.Apps, a.App)
	}
	ways.RecoveryCodes, ways.RecoveryCodesAt, err = f.Store.RecoveryCodesOf(ctx, userID)
	return ways, err
}

// Rename gives a passkey or an app another name. ErrFactorNotFound, *InvalidRequest.
func (f *Factors) Rename(ctx context.Context, who Authentication, id, name string, actor audit.Actor) error {
	if !who.Valid() {
		return ErrNotSignedIn
	}
	name = strings.TrimSpace(name)
	if name == "" {
		return invalid("name", "is empty")
	}
	if err := checkLabel(name); err != nil {
		return err
	}
	event := userEvent(audit.FactorRenamed, who.UserID(), person(who.userID, actor))
	event.Details = map[string]string{"factor": id}
	return f.Store.RenameFactor(ctx, owned(who), id, name, event)
}

// Remove removes a passkey or an app, and ends the person's grants and all their browser sessions but the
// present one. ErrReauthenticate, ErrFactorNotFound, ErrLastWay, ErrLevelRequired.
func (f *Factors) Remove(ctx context.Context, who Authentication, id string, actor audit.Actor) error {
	user, err := f.owner(ctx, who)
	if err != nil {
		return err
	}
	required, err := f.RequiredLevel(ctx, user.ID)
	if err != nil {
		return err
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	event := userEvent(audit.FactorRemoved, user.ID, person(who.userID, actor))
	event.Details = map[string]string{"factor": id}
	judge := func(r RemovedFactor) error {
		event.Details["kind"] = string(r.Kind)
		return r.mayGo(required)
	}
	return f.Store.RemoveFactor(ctx, owned(who), id, judge, Told{Event: event, Letters: f.waysChanged(user, "factor_removed", "")})
}

// Reset removes all passkeys, apps and recovery codes of a person who has lost them, and ends all their grants and
// browser sessions; it returns how many grants.
func (f *Factors) Reset(ctx context.Context, userID string, actor audit.Actor) (ended int64, err error) {
	if err := checkID(userID); err != nil {
		return 0, err
	}
	if err := MayTouch(ctx, f.People.Store, userID, actor); err != nil {
		return 0, err
	}
	user, err := f.People.Store.UserByID(ctx, userID)
	if err != nil {
		return 0, err
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	return f.Store.ResetFactors(ctx, userID, Told{
		Event:   userEvent(audit.FactorsReset, userID, actor),
		Letters: f.waysChanged(user, "factors_reset", ""),
	})
}

// owner is the user whose recent proof it is.
func (f *Factors) owner(ctx context.Context, who Authentication) (User, error) {
	if !who.Valid() {
		return User{}, ErrNotSignedIn
	}
	if err := f.People.Recent(ctx, who); err != nil {
		return User{}, err
	}
	return f.current(ctx, who.UserID(), who.CredentialVersion())
}

// current is the user as they proved themself; ErrCredentials where they have changed since.
func (f *Factors) current(ctx context.Context, userID string, version int64) (User, error) {
	user, err := f.People.Store.UserByID(ctx, userID)
	switch {
	case err != nil:
		return User{}, err
	case !user.Active || user.CredentialVersion != version:
		return User{}, ErrCredentials
	}
	return user, nil
}

func owned(who Authentication) Owned {
	return Owned{UserID: who.userID, CredentialVersion: who.credentialVersion, SessionID: who.sessionID}
}

// waysChanged is the letter to somebody whose ways to sign in have changed, if they can be written to. name is
// that of the factor, empty for none.
func (f *Factors) waysChanged(u User, change, name string) []Letter {
	facts := map[string]string{"change": change}
	if name != "" {
		facts["name"] = name
	}
	return notices(f.Mail, LetterWaysChanged, u, facts, u.Email)
}

// host is that of the issuer, without port.
func (f *Factors) host() string {
	u, err := url.Parse(f.Issuer)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// isAddress tells whether a host is no name.
func isAddress(host string) bool { return net.ParseIP(host) != nil }
