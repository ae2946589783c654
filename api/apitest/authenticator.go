package apitest

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// Authenticator keeps passkeys, as a phone or a security key does. It says yes to everything, at once.
type Authenticator struct {
	tab *Tab
	id  webauthn.AuthenticatorID
}

// Authenticator gives the tab one that verifies its owner. synced is for passkeys that are on more devices.
func (tab *Tab) Authenticator(synced bool) *Authenticator {
	tab.t.Helper()
	call(tab, webauthn.Enable, webauthn.EnableParams{})
	added := Value(tab, func(ctx context.Context, t *chromedp.Target) (webauthn.AddVirtualAuthenticatorResult, error) {
		return cdp.Call(ctx, t, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
			Options: &webauthn.VirtualAuthenticatorOptions{
				Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
				HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
				DefaultBackupEligibility: synced, DefaultBackupState: synced,
			},
		})
	})
	return &Authenticator{tab, added.AuthenticatorID}
}

// Passkeys are those that it keeps.
func (a *Authenticator) Passkeys() []*webauthn.Credential {
	a.tab.t.Helper()
	return Value(a.tab, func(ctx context.Context, t *chromedp.Target) (webauthn.GetCredentialsResult, error) {
		return cdp.Call(ctx, t, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: a.id})
	}).Credentials
}

// Lend puts a passkey of another authenticator into this one.
func (a *Authenticator) Lend(passkey *webauthn.Credential) {
	a.tab.t.Helper()
	call(a.tab, cdp.Command[lent, cdp.Empty]{Method: webauthn.CommandAddCredential}, lent{a.id, lentPasskey{
		ID: passkey.CredentialID, Resident: true, Party: passkey.RpID, Key: passkey.PrivateKey, User: passkey.UserHandle, Count: passkey.SignCount,
		Eligible: passkey.BackupEligibility, BackedUp: passkey.BackupState,
	}})
}

// lent is webauthn.AddCredentialParams without members that Chromium takes from no authenticator of this kind.
type lent struct {
	Authenticator webauthn.AuthenticatorID `json:"authenticatorId"`
	Credential    lentPasskey              `json:"credential"`
}

type lentPasskey struct {
	ID       []byte  `json:"credentialId"`
	Resident bool    `json:"isResidentCredential"`
	Party    string  `json:"rpId"`
	Key      []byte  `json:"privateKey"`
	User     []byte  `json:"userHandle"`
	Count    float64 `json:"signCount"`
	Eligible bool    `json:"backupEligibility"`
	BackedUp bool    `json:"backupState"`
}

// Verifies sets whether it makes sure of its owner.
func (a *Authenticator) Verifies(owner bool) {
	a.tab.t.Helper()
	call(a.tab, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: a.id, IsUserVerified: owner})
}

// Present sets whether somebody touches it when it asks.
func (a *Authenticator) Present(somebody bool) {
	a.tab.t.Helper()
	call(a.tab, webauthn.SetAutomaticPresenceSimulation, webauthn.SetAutomaticPresenceSimulationParams{AuthenticatorID: a.id, Enabled: somebody})
}

// AppCode is what an authenticator app shows (RFC 6238 section 4.2), of its key as a person types it.
func AppCode(t testing.TB, key string, at time.Time) string {
	t.Helper()
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ReplaceAll(key, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, secret)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(at.Unix()/30)))
	sum := mac.Sum(nil)
	number := binary.BigEndian.Uint32(sum[sum[len(sum)-1]&0xf:]) & 0x7fffffff
	return fmt.Sprintf("%06d", number%1000000)
}
