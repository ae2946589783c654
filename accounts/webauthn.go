package accounts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"

	"keyturn/audit"
	"keyturn/keys"
)

const (
	// ceremonyLifetime is how long a browser may take to answer. Autofill asks when the page is opened, so it is
	// more than a person needs; the page asks anew after an answer that came too late.
	ceremonyLifetime = 5 * time.Minute
	// maxResponse is in bytes; the longest honest answer holds a certificate chain.
	maxResponse = 32 << 10
)

// relyingParty is this provider as authenticators know it: the issuer's host, used at the issuer's origin.
// ErrNoPasskeys where the host is an address (WebAuthn Level 3 section 5.1.3 wants a domain).
func (f *Factors) relyingParty() (*webauthn.WebAuthn, error) {
	f.once.Do(func() {
		if isAddress(f.host()) {
			return
		}
		// The error is that of a host that can't be a name; there are no passkeys then either.
		f.party, _ = webauthn.New(&webauthn.Config{
			RPID: f.host(), RPDisplayName: f.host(), RPOrigins: []string{f.Issuer},
			AttestationPreference: protocol.PreferNoAttestation,
			// None is asked for, and some browsers tell all the same.
			ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
		})
	})
	if f.party == nil {
		return nil, ErrNoPasskeys
	}
	return f.party, nil
}

// TakesPasskeys tells whether passkeys can be had at all: not at an issuer that is an IP address.
func (f *Factors) TakesPasskeys() bool {
	_, err := f.relyingParty()
	return err == nil
}

// holder is a user as the library wants to see one. Its handle is the 16 bytes of the user's id, which tell
// nothing of the person.
type holder struct {
	user     User
	passkeys []StoredPasskey
}

func (h *holder) WebAuthnID() []byte {
	id, err := uuid.Parse(h.user.ID)
	if err != nil {
		return nil // of no user of ours
	}
	return id[:]
}

func (h *holder) WebAuthnName() string { return h.user.Username }

func (h *holder) WebAuthnDisplayName() string {
	if name := h.user.FullName(); name != "" {
		return name
	}
	return h.user.Username
}

func (h *holder) WebAuthnCredentials() []webauthn.Credential {
	all := make([]webauthn.Credential, len(h.passkeys))
	for i, p := range h.passkeys {
		all[i] = webauthn.Credential{
			ID: p.CredentialID, PublicKey: p.PublicKey,
			Flags:         webauthn.CredentialFlags{BackupEligible: p.Synced, BackupState: p.BackedUp},
			Authenticator: webauthn.Authenticator{AAGUID: p.AAGUID, SignCount: p.SignCount},
		}
		for transport := range strings.FieldsSeq(p.Transports) {
			all[i].Transport = append(all[i].Transport, protocol.AuthenticatorTransport(transport))
		}
	}
	return all
}

func (f *Factors) holder(ctx context.Context, user User) (*holder, error) {
	passkeys, err := f.Store.PasskeysOf(ctx, user.ID)
	return &holder{user, passkeys}, err
}

// ask stores the hash of a question that was made for a browser.
func (f *Factors) ask(ctx context.Context, challenge protocol.URLEncodedBase64, browser keys.Secret, purpose CeremonyPurpose, userID string) error {
	if browser.Reveal() == "" {
		return ErrCeremonyGone
	}
	return f.Store.AddCeremony(ctx, Ceremony{
		Challenge: keys.SecretOf(challenge.String()).Hash(), Browser: browser.Hash(), Purpose: purpose, UserID: userID,
	}, ceremonyLifetime)
}

// answered takes the question that an answer says it is to, which nobody can answer again; one that is stored nowhere is
// taken by noteAnswer.
func (f *Factors) answered(ctx context.Context, challenge string, browser keys.Secret, purpose CeremonyPurpose) (Ceremony, error) {
	if challenge == "" || browser.Reveal() == "" {
		return Ceremony{}, ErrCeremonyGone
	}
	if purpose == toSignIn {
		return Ceremony{}, f.isQuestion(challenge, browser)
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	return f.Store.TakeCeremony(ctx, keys.SecretOf(challenge).Hash(), browser.Hash(), purpose)
}

// askPasskey asks for one of the user's passkeys.
func (f *Factors) askPasskey(ctx context.Context, user User, browser keys.Secret, purpose CeremonyPurpose) ([]byte, error) {
	party, err := f.relyingParty()
	if err != nil {
		return nil, err
	}
	h, err := f.holder(ctx, user)
	if err != nil {
		return nil, err
	}
	if len(h.passkeys) == 0 {
		return nil, ErrFactorNotFound
	}
	asked, _, err := party.BeginLogin(h, webauthn.WithUserVerification(verificationFor(purpose)))
	if err != nil {
		return nil, fmt.Errorf("ask for a passkey: %w", err)
	}
	if err := f.ask(ctx, asked.Response.Challenge, browser, purpose, user.ID); err != nil {
		return nil, err
	}
	return jsonOf(asked), nil
}

// askAnyPasskey asks for a passkey of anybody; the question is stored nowhere.
func (f *Factors) askAnyPasskey(browser keys.Secret) ([]byte, error) {
	party, err := f.relyingParty()
	if err != nil {
		return nil, err
	}
	question, err := f.newQuestion(browser)
	if err != nil {
		return nil, err
	}
	asked, _, err := party.BeginDiscoverableLogin(webauthn.WithUserVerification(verificationFor(toSignIn)),
		func(o *protocol.PublicKeyCredentialRequestOptions) error {
			o.Challenge = question
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("ask for a passkey: %w", err)
	}
	return jsonOf(asked), nil
}

// verificationFor demands that the authenticator verifies the person where nothing else has.
func verificationFor(purpose CeremonyPurpose) protocol.UserVerificationRequirement {
	if purpose == toSignIn {
		return protocol.VerificationRequired
	}
	return protocol.VerificationPreferred
}

// shown is a passkey that has proved itself.
type shown struct {
	user    User
	methods []string
}

// checkPasskey checks the answer to askPasskey (WebAuthn Level 3 section 7.2). ErrCeremonyGone, ErrSecondFactor;
// what was shown names the user also where the passkey proved nothing, if the question did.
func (f *Factors) checkPasskey(ctx context.Context, browser keys.Secret, response []byte, purpose CeremonyPurpose, actor audit.Actor) (shown, error) {
	party, err := f.relyingParty()
	if err != nil {
		return shown{}, err
	}
	if len(response) > maxResponse {
		return shown{}, ErrSecondFactor
	}
	answer, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return shown{}, refusedBy(ErrSecondFactor, err)
	}
	challenge := answer.Response.CollectedClientData.Challenge
	asked, err := f.answered(ctx, challenge, browser, purpose)
	if err != nil {
		return shown{}, err
	}
	user, err := f.answering(ctx, asked, answer.Response.UserHandle)
	if err != nil {
		return shown{}, err
	}
	h, err := f.holder(ctx, user)
	if err != nil {
		return shown{}, err
	}
	was := webauthn.SessionData{Challenge: challenge, UserVerification: verificationFor(purpose), UserID: h.WebAuthnID()}
	used, err := party.ValidateLogin(h, was, answer)
	if err != nil {
		return shown{user: user}, refusedBy(ErrSecondFactor, err)
	}
	if purpose == toSignIn {
		if err := f.noteAnswer(ctx, challenge, browser); err != nil {
			return shown{user: user}, err
		}
	}
	methods, err := f.usePasskey(ctx, h, used, answer.Response.AuthenticatorData, actor)
	return shown{user, methods}, err
}

// answering is the active user who was asked, or who the answer says it is of.
func (f *Factors) answering(ctx context.Context, asked Ceremony, handle []byte) (User, error) {
	userID := asked.UserID
	if userID == "" {
		id, err := uuid.FromBytes(handle)
		if err != nil {
			return User{}, refusedBy(ErrSecondFactor, err)
		}
		userID = id.String()
	}
	user, err := f.People.Store.UserByID(ctx, userID)
	switch {
	case errors.Is(err, ErrUserNotFound):
		return User{}, ErrSecondFactor
	case err != nil:
		return User{}, err
	case !user.Active:
		return user, ErrSecondFactor
	}
	return user, nil
}

// usePasskey notes the use. A count that did not grow tells of a copy (WebAuthn Level 3 section 6.1.1): of a
// passkey that stays on its device it is refused; those that are synchronised have copies.
func (f *Factors) usePasskey(ctx context.Context, h *holder, used *webauthn.Credential, data protocol.AuthenticatorData, actor audit.Actor) ([]string, error) {
	var stored StoredPasskey
	for _, p := range h.passkeys {
		if string(p.CredentialID) == string(used.ID) {
			stored = p
		}
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	if used.Authenticator.CloneWarning && !stored.Synced {
		event := userEvent(audit.PasskeyCloned, h.user.ID, actor)
		event.Details = map[string]string{"factor": stored.ID}
		if err := f.Store.RecordEvent(ctx, event); err != nil {
			return nil, err
		}
		return nil, ErrSecondFactor
	}
	// Of two answers under one count one is refused: that, too, is a copy, or the same answer twice.
	first, err := f.Store.UsePasskey(ctx, stored.ID, stored.SignCount, used.Authenticator.SignCount, data.Flags.HasBackupState())
	if err != nil {
		return nil, err
	}
	if !first {
		return nil, ErrSecondFactor
	}
	return passkeyMethods(stored.Synced, data.Flags.HasUserVerified()), nil
}

// passkeyMethods are what a passkey proves (RFC 8176 section 2).
func passkeyMethods(synced, verified bool) []string {
	methods := []string{MethodHardware}
	if synced {
		methods[0] = MethodSoftware
	}
	if verified {
		methods = append(methods, MethodUser)
	}
	return methods
}

// refusedBy is why with what the library has to say, for the log.
func refusedBy(why, err error) error {
	detail := err.Error()
	if e, ok := errors.AsType[*protocol.Error](err); ok && e.DevInfo != "" {
		detail += ": " + e.DevInfo
	}
	return fmt.Errorf("%w: %s", why, printable(detail))
}
