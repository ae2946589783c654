package accounts_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"github.com/google/uuid"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/keys"
)

// gullible takes every answer for one to a question of its own, so that all of the answer is looked at.
type gullible struct {
	accounts.FactorStore
	accounts.RightsStore
	passkey accounts.StoredPasskey
	asked   accounts.Ceremony
}

func (g *gullible) TakeCeremony(context.Context, keys.Hash, keys.Hash, accounts.CeremonyPurpose) (accounts.Ceremony, error) {
	return g.asked, nil
}

func (g *gullible) NoteAnswer(context.Context, keys.Hash, keys.Hash, time.Duration) (bool, error) {
	return true, nil
}

// yes vouches for every question.
type yes struct{ accounts.Sealer }

func (yes) Vouched(string, []byte, []byte) bool { return true }

func (g *gullible) PasskeysOf(context.Context, string) ([]accounts.StoredPasskey, error) {
	return []accounts.StoredPasskey{g.passkey}, nil
}

// people is a store of one user who is never throttled.
type people struct {
	accounts.Store
	user accounts.User
}

func (p *people) UserByID(_ context.Context, id string) (accounts.User, error) {
	if id != p.user.ID {
		return accounts.User{}, accounts.ErrUserNotFound
	}
	return p.user, nil
}

func (p *people) AddRefusal(context.Context, audit.Refusal) error { return nil }

// FuzzPasskeyAnswers: whatever comes as an answer proves nothing, and breaks nothing.
func FuzzPasskeyAnswers(f *testing.F) {
	user := accounts.User{ID: uuid.NewString(), Username: "spiderman", Active: true, CredentialVersion: 1}
	d := newDevice(user, virtualwebauthn.AuthenticatorOptions{})
	store := &gullible{passkey: accounts.StoredPasskey{
		Passkey: accounts.Passkey{ID: "p"}, UserID: user.ID, CredentialID: d.credential.ID, PublicKey: d.credential.Key.AttestationData(),
	}}
	service := &accounts.Service{Store: &people{user: user}}
	factors := &accounts.Factors{Store: store, Sealer: yes{}, People: service, Issuer: issuerURL}
	challenge := bytes.Repeat([]byte{1}, 56) // which ends late
	other := newDevice(user, virtualwebauthn.AuthenticatorOptions{})
	other.credential.ID = d.credential.ID
	f.Add([]byte(virtualwebauthn.CreateAssertionResponse(other.party, other.Authenticator, other.credential, virtualwebauthn.AssertionOptions{Challenge: challenge})))
	f.Add([]byte(virtualwebauthn.CreateAttestationResponse(d.party, d.Authenticator, d.credential, virtualwebauthn.AttestationOptions{Challenge: challenge})))
	f.Add([]byte(`{"type":"public-key","id":"AA","rawId":"AA","response":{"clientDataJSON":"e30","authenticatorData":"AA","signature":"AA","userHandle":"AA"}}`))
	f.Add([]byte(`{"type":"public-key","id":"AA","rawId":"AA","response":{"clientDataJSON":"e30","attestationObject":"oA"}}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		proof, err := factors.FinishSignIn(t.Context(), keys.NewSecret(), answer, audit.Actor{})
		if proof.Valid() || !errors.Is(err, accounts.ErrCredentials) && !errors.Is(err, accounts.ErrCeremonyGone) {
			t.Errorf("sign-in: %v", err)
		}
		store.asked = accounts.Ceremony{UserID: user.ID}
		_, err = accounts.MadePasskey(t.Context(), factors, user, keys.NewSecret(), answer)
		if err != nil && !errors.Is(err, accounts.ErrPasskeyRefused) && !errors.Is(err, accounts.ErrCeremonyGone) {
			t.Errorf("registration: %v", err)
		}
		store.asked = accounts.Ceremony{}
	})
}

// FuzzCodes: whatever is typed as a code is read as six digits, as a recovery code or as nothing.
func FuzzCodes(f *testing.F) {
	for _, typed := range []string{"123 456", "k7fm-2qwe-9tzx-0000", "", "\xff", "１２３４５６", "İİİİİİ"} {
		f.Add(typed)
	}
	secret := []byte("12345678901234567890")
	now := time.Unix(1111111111, 0)
	f.Fuzz(func(t *testing.T, typed string) {
		if accounts.CodeMatches(secret, typed, now) != (accounts.PlainCode(typed) == accounts.CodeAt(secret, now)) &&
			accounts.PlainCode(typed) != accounts.CodeAt(secret, now.Add(-30*time.Second)) && accounts.PlainCode(typed) != accounts.CodeAt(secret, now.Add(30*time.Second)) {
			t.Errorf("%q", typed)
		}
	})
}
