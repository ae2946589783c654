package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"keyturn/audit"
	"keyturn/keys"
)

// newPasskeys are the algorithms that new passkeys may use.
func newPasskeys() []protocol.CredentialParameter {
	return webauthn.CredentialParametersRecommendedL3()
}

// BeginPasskey asks a browser to make a passkey for the person: it returns the JSON of
// PublicKeyCredentialCreationOptions (WebAuthn Level 3 section 5.1.9) as member publicKey of an object.
// ErrReauthenticate, ErrTooManyFactors, ErrNoPasskeys.
func (f *Factors) BeginPasskey(ctx context.Context, who Authentication, browser keys.Secret) ([]byte, error) {
	party, err := f.relyingParty()
	if err != nil {
		return nil, err
	}
	user, err := f.owner(ctx, who)
	if err != nil {
		return nil, err
	}
	h, err := f.holder(ctx, user)
	if err != nil {
		return nil, err
	}
	if len(h.passkeys) >= maxPasskeys {
		return nil, ErrTooManyFactors
	}
	asked, _, err := party.BeginRegistration(h,
		webauthn.WithCredentialParameters(newPasskeys()),
		// Without one that it finds by itself the authenticator would have to be told who signs in.
		webauthn.WithResidentKeyRequirement(protocol.ResidentKeyRequirementRequired),
		webauthn.WithExclusions(webauthn.Credentials(h.WebAuthnCredentials()).CredentialDescriptors()),
		func(o *protocol.PublicKeyCredentialCreationOptions) error {
			o.AuthenticatorSelection.UserVerification = protocol.VerificationPreferred
			return nil
		},
	)
	if err != nil {
		return nil, fmt.Errorf("ask for a new passkey: %w", err)
	}
	if err := f.ask(ctx, asked.Response.Challenge, browser, toRegister, user.ID); err != nil {
		return nil, err
	}
	return jsonOf(asked), nil
}

// AddPasskey stores what the browser answered under a name, "" for one made of the date. It returns, too, what the
// person has proved with it: by that Browsers.Start renews the browser session. ErrReauthenticate,
// ErrCeremonyGone, ErrPasskeyRefused, ErrTooManyFactors, *InvalidRequest for the name. Everybody who is
// signed in stays so.
func (f *Factors) AddPasskey(ctx context.Context, who Authentication, browser keys.Secret, response []byte, name string, actor audit.Actor) (Passkey, Authentication, error) {
	user, err := f.owner(ctx, who)
	if err != nil {
		return Passkey{}, Authentication{}, err
	}
	if name, err = label(name, "Passkey of ", f.People.now()); err != nil {
		return Passkey{}, Authentication{}, err
	}
	made, verified, err := f.madePasskey(ctx, user, browser, response)
	if err != nil {
		return Passkey{}, Authentication{}, err
	}
	p := storedPasskey(made, user.ID, name)
	event := userEvent(audit.FactorAdded, user.ID, person(who.userID, actor))
	event.Details = map[string]string{"kind": string(KindPasskey), "factor": p.ID}
	ctx, cancel := outlive(ctx)
	defer cancel()
	added, err := f.Store.AddPasskey(ctx, owned(who), p, maxPasskeys, Told{Event: event, Letters: f.waysChanged(user, "passkey_added", p.Name)})
	if err != nil {
		return Passkey{}, Authentication{}, err
	}
	return added, who.with(passkeyMethods(p.Synced, verified)...), nil
}

// madePasskey checks the answer to BeginPasskey (WebAuthn Level 3 section 7.1), and tells whether the authenticator
// verified the person.
func (f *Factors) madePasskey(ctx context.Context, user User, browser keys.Secret, response []byte) (*webauthn.Credential, bool, error) {
	party, err := f.relyingParty()
	if err != nil {
		return nil, false, err
	}
	if len(response) > maxResponse {
		return nil, false, ErrPasskeyRefused
	}
	answer, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return nil, false, refusedBy(ErrPasskeyRefused, err)
	}
	challenge := answer.Response.CollectedClientData.Challenge
	asked, err := f.answered(ctx, challenge, browser, toRegister)
	if err != nil {
		return nil, false, err
	}
	if asked.UserID != user.ID {
		return nil, false, ErrCeremonyGone
	}
	h := &holder{user: user}
	made, err := party.CreateCredential(h, webauthn.SessionData{
		Challenge: challenge, UserID: h.WebAuthnID(), UserVerification: protocol.VerificationPreferred, CredParams: newPasskeys(),
	}, answer)
	if err != nil {
		return nil, false, refusedBy(ErrPasskeyRefused, err)
	}
	return made, answer.Response.AttestationObject.AuthData.Flags.HasUserVerified(), nil
}

func storedPasskey(made *webauthn.Credential, userID, name string) StoredPasskey {
	p := StoredPasskey{
		Passkey: Passkey{ID: keys.NewTokenID(), Name: name, Synced: made.Flags.BackupEligible},
		UserID:  userID, CredentialID: made.ID, PublicKey: made.PublicKey, AAGUID: made.Authenticator.AAGUID,
		SignCount: made.Authenticator.SignCount, BackedUp: made.Flags.BackupState,
	}
	var transports []string
	for _, t := range made.Transport {
		switch t { // what browsers send is theirs to read again; nothing else is kept
		case protocol.USB, protocol.NFC, protocol.BLE, protocol.SmartCard, protocol.Hybrid, protocol.Internal:
			transports = append(transports, string(t))
		}
	}
	p.Transports = strings.Join(transports, " ")
	return p
}

// BeginSignIn asks a browser for any passkey for this provider, with the person verified, as BeginSecond does. It
// serves a button and autofill alike.
func (f *Factors) BeginSignIn(_ context.Context, browser keys.Secret) ([]byte, error) {
	return f.askAnyPasskey(browser)
}

// FinishSignIn signs somebody in by a passkey alone. ErrCeremonyGone; ErrCredentials where it is none of an active
// user. A passkey can't be guessed, so the throttle keeps nobody out here.
func (f *Factors) FinishSignIn(ctx context.Context, browser keys.Secret, response []byte, actor audit.Actor) (Authentication, error) {
	by, err := f.checkPasskey(ctx, browser, response, toSignIn, actor)
	if errors.Is(err, ErrSecondFactor) {
		a := f.People.attemptOf(by.user, actor)
		if unrecorded := f.People.addRefusal(ctx, a, "passkey"); unrecorded != nil {
			return Authentication{}, unrecorded
		}
		return Authentication{}, refusedBy(ErrCredentials, err)
	}
	if err != nil {
		return Authentication{}, err
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	if err := f.People.noteKnown(ctx, f.People.attemptOf(by.user, actor)); err != nil {
		return Authentication{}, err
	}
	return f.proof(by.user, nil, by.methods...), nil
}

// BeginSecond asks for a passkey as the second factor: it returns the JSON of PublicKeyCredentialRequestOptions
// (WebAuthn Level 3 section 5.1.9) as member publicKey of an object. ErrPendingGone; ErrFactorNotFound where the
// person has none.
func (f *Factors) BeginSecond(ctx context.Context, h Held) ([]byte, error) {
	_, user, err := f.held(ctx, h)
	if err != nil {
		return nil, err
	}
	return f.askPasskey(ctx, user, h.Browser, asSecond)
}

// FinishSecond completes a sign-in that waits, by what the browser answered (the JSON of a PublicKeyCredential).
// ErrPendingGone, ErrCeremonyGone, ErrSecondFactor.
func (f *Factors) FinishSecond(ctx context.Context, h Held, response []byte, actor audit.Actor) (Authentication, error) {
	p, user, err := f.held(ctx, h)
	if err != nil {
		return Authentication{}, err
	}
	methods, a, err := f.shownBy(ctx, user, h.Browser, response, asSecond, actor)
	if err != nil {
		return Authentication{}, err
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	return f.complete(ctx, p, a, methods...)
}

// BeginElevate asks the person who is signed in for one of their passkeys, as BeginSecond does.
func (f *Factors) BeginElevate(ctx context.Context, who Authentication, browser keys.Secret) ([]byte, error) {
	if !who.Valid() {
		return nil, ErrNotSignedIn
	}
	user, err := f.current(ctx, who.userID, who.credentialVersion)
	if err != nil {
		return nil, err
	}
	return f.askPasskey(ctx, user, browser, toElevate)
}

// ElevateByPasskey is ElevateByCode by a passkey, with the errors of FinishSecond. One whose authenticator verified
// the person is a whole proof by itself, and of now.
func (f *Factors) ElevateByPasskey(ctx context.Context, who Authentication, browser keys.Secret, response []byte, actor audit.Actor) (Authentication, error) {
	if !who.Valid() {
		return Authentication{}, ErrNotSignedIn
	}
	user, err := f.current(ctx, who.userID, who.credentialVersion)
	if err != nil {
		return Authentication{}, err
	}
	methods, a, err := f.shownBy(ctx, user, browser, response, toElevate, actor)
	if err != nil {
		return Authentication{}, err
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	if err := f.People.noteSuccess(ctx, a); err != nil {
		return Authentication{}, err
	}
	if slices.Contains(methods, MethodUser) {
		return f.proof(user, who.methods, methods...), nil
	}
	return who.with(methods...), nil
}

// shownBy checks a passkey of a known person. One that proves nothing counts as a failure, but since none can be
// guessed the throttle refuses none.
func (f *Factors) shownBy(ctx context.Context, user User, browser keys.Secret, response []byte, purpose CeremonyPurpose, actor audit.Actor) ([]string, *attempt, error) {
	a := f.People.attemptOf(user, actor)
	if err := f.People.readThrottle(ctx, a); err != nil {
		return nil, nil, err
	}
	by, err := f.checkPasskey(ctx, browser, response, purpose, actor)
	if err == nil && by.user.ID != user.ID {
		err = ErrCeremonyGone // that question was for somebody else
	}
	if errors.Is(err, ErrSecondFactor) {
		if err := f.People.addFailure(ctx, a); err != nil {
			return nil, nil, err
		}
		err = f.People.refuse(ctx, a, err)
	}
	if err != nil {
		return nil, nil, err
	}
	return by.methods, a, nil
}

// jsonOf is JSON of what can't fail to be.
func jsonOf(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // options of the library, made here
	}
	return text
}
