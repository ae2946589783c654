package accounts_test

import (
	"bytes"
	"context"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"github.com/google/uuid"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/keys"
	"keyturn/storage"
	"keyturn/storage/storagetest"
)

const (
	issuerURL = "https://id.example.com:8443"
	password  = "correct horse battery"
)

var root = audit.Actor{Kind: audit.Operator, ID: "root", Rights: audit.ManageAll}

var fromHome = audit.Actor{Kind: audit.Anonymous, Address: "192.0.2.7"}

// house is accounts over a real database, and somebody who lives in it.
type house struct {
	*testing.T
	db       *storage.DB
	clock    *storagetest.Clock
	people   *accounts.Service
	factors  *accounts.Factors
	browsers *accounts.Browsers
	user     accounts.User
	browser  keys.Secret
	// proof is of whoever has set up a factor, with it.
	proof accounts.Authentication
	// master is the text of the newest master identity.
	master []byte
}

func newHouse(t *testing.T) *house {
	t.Helper()
	clock := storagetest.NewClock()
	db := storagetest.Open(t, storagetest.SQLite(t), storage.Options{Now: clock.Now, DatabaseNow: clock.Now})
	h := &house{T: t, db: db, clock: clock, browser: keys.NewSecret()}
	h.people = &accounts.Service{
		Store: db, Now: clock.Now, ThrottleOn: true, Argon2: accounts.Argon2{Memory: 64, Time: 1, Threads: 1},
	}
	master := h.newMaster()
	h.factors = &accounts.Factors{Store: db, Sealer: ringOf(t, master), People: h.people, Issuer: issuerURL, Mail: true}
	h.people.Factors = h.factors
	h.browsers = &accounts.Browsers{Store: db, Idle: time.Hour, Lifetime: 24 * time.Hour}
	h.user = h.newUser("spiderman", password)
	return h
}

func (h *house) newMaster() []byte {
	h.Helper()
	text, _, err := keys.GenerateMaster()
	h.must(err)
	h.master = text
	return text
}

// ringOf seals with the first of the master identities, and opens with all.
func ringOf(t *testing.T, masters ...[]byte) *keys.Ring {
	t.Helper()
	master, err := keys.ParseMaster(bytes.Join(masters, []byte("\n")))
	if err != nil {
		t.Fatal(err)
	}
	return &keys.Ring{Master: master}
}

func (h *house) newUser(name, password string) accounts.User {
	h.Helper()
	u, err := h.people.Create(h.Context(), accounts.NewUser{
		Username: name, Password: password, Email: name + "@example.com",
	}, audit.Actor{Kind: audit.Operator, Rights: audit.ManageAll})
	if err != nil {
		h.Fatal(err)
	}
	return u
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *house) password(otp string) (accounts.Authentication, error) {
	return h.people.Authenticate(h.Context(), accounts.SignIn{Username: "spiderman", Password: password, OTP: otp, Actor: fromHome})
}

// signedIn is a session by password alone, as before there is a factor.
func (h *house) signedIn() (accounts.Authentication, keys.Secret) {
	h.Helper()
	who, err := h.password("")
	h.must(err)
	return h.session(who, keys.Secret{})
}

func (h *house) session(who accounts.Authentication, had keys.Secret) (accounts.Authentication, keys.Secret) {
	h.Helper()
	secret, who, err := h.browsers.Start(h.Context(), who, had, "Netscape/4.0", fromHome)
	h.must(err)
	return who, secret
}

// letters are those in the queue.
func (h *house) letters() []accounts.QueuedLetter {
	h.Helper()
	all, err := h.db.Letters(h.Context(), accounts.LetterQuery{Limit: 1000})
	h.must(err)
	return all
}

// half is a sign-in that waits for its second factor.
func (h *house) half() accounts.Held {
	h.Helper()
	_, err := h.password("")
	needed, ok := errors.AsType[*accounts.SecondFactorNeeded](err)
	if !ok {
		h.Fatalf("got %v, want that a second factor is needed", err)
	}
	secret, err := h.factors.Hold(h.Context(), needed, h.browser)
	h.must(err)
	return accounts.Held{Secret: secret, Browser: h.browser}
}

// app sets an authenticator app up and returns what makes its codes. The code that it has shown is used up.
func (h *house) app(who accounts.Authentication) func() string {
	h.Helper()
	enrolment, err := h.factors.BeginApp(h.Context(), who)
	h.must(err)
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(enrolment.Secret)
	h.must(err)
	code := func() string { return accounts.CodeAt(secret, h.clock.Now()) }
	_, proof, err := h.factors.ConfirmApp(h.Context(), who, code(), "", fromHome)
	h.must(err)
	if !proof.Level().Satisfies(accounts.TwoFactors) {
		h.Errorf("who has set an app up has proved %s", proof.Level())
	}
	h.proof = proof
	h.clock.Advance(30 * time.Second)
	return code
}

// device is an authenticator with one passkey.
type device struct {
	virtualwebauthn.Authenticator
	credential virtualwebauthn.Credential
	party      virtualwebauthn.RelyingParty
}

func newDevice(u accounts.User, o virtualwebauthn.AuthenticatorOptions) *device {
	id := uuid.MustParse(u.ID)
	o.UserHandle = id[:]
	return &device{
		Authenticator: virtualwebauthn.NewAuthenticatorWithOptions(o),
		credential:    newCredential(),
		party:         virtualwebauthn.RelyingParty{ID: "id.example.com", Name: "id.example.com", Origin: issuerURL},
	}
}

// coseLength is that of a COSE key of P-256 with both coordinates whole.
const coseLength = 77

// newCredential makes one whose coordinates begin with no zero: the library leaves those out, which RFC 9053
// section 7.1.1 forbids.
func newCredential() virtualwebauthn.Credential {
	for {
		if c := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2); len(c.Key.AttestationData()) == coseLength {
			return c
		}
	}
}

func (d *device) create(t *testing.T, options []byte) []byte {
	t.Helper()
	asked, err := virtualwebauthn.ParseAttestationOptions(string(options))
	if err != nil {
		t.Fatal(err)
	}
	return []byte(virtualwebauthn.CreateAttestationResponse(d.party, d.Authenticator, d.credential, *asked))
}

func (d *device) answer(t *testing.T, options []byte) []byte {
	t.Helper()
	asked, err := virtualwebauthn.ParseAssertionOptions(string(options))
	if err != nil {
		t.Fatal(err)
	}
	return []byte(virtualwebauthn.CreateAssertionResponse(d.party, d.Authenticator, d.credential, *asked))
}

// passkey registers the device's.
func (h *house) passkey(who accounts.Authentication, d *device) accounts.Passkey {
	h.Helper()
	options, err := h.factors.BeginPasskey(h.Context(), who, h.browser)
	h.must(err)
	added, proof, err := h.factors.AddPasskey(h.Context(), who, h.browser, d.create(h.T, options), "", fromHome)
	h.must(err)
	h.proof = proof
	return added
}

func (h *house) signInBy(d *device) (accounts.Authentication, error) {
	h.Helper()
	options, err := h.factors.BeginSignIn(h.Context(), h.browser)
	h.must(err)
	return h.factors.FinishSignIn(h.Context(), h.browser, d.answer(h.T, options), fromHome)
}

func TestAppAsSecondFactor(t *testing.T) {
	h := newHouse(t)
	who, _ := h.signedIn()
	code := h.app(who)

	proof, err := h.factors.VerifyCode(t.Context(), h.half(), code()[:3]+" "+code()[3:], fromHome)
	h.must(err)
	if got := strings.Join(proof.Methods(), " "); got != "pwd otp mfa" || proof.Level() != accounts.TwoFactors || proof.SessionID() != "" {
		t.Errorf("got %q, level %s", got, proof.Level())
	}
	if proof, _ = h.session(proof, keys.Secret{}); proof.Level() != accounts.TwoFactors {
		t.Errorf("the session has level %s", proof.Level())
	}
	// ASVS 6.5.1: a code is taken once, with whatever.
	held := h.half()
	if _, err := h.factors.VerifyCode(t.Context(), held, code(), fromHome); !errors.Is(err, accounts.ErrSecondFactor) {
		t.Errorf("a code the second time: %v", err)
	}
	if _, err := h.password(code()); !errors.Is(err, accounts.ErrCredentials) {
		t.Errorf("a code the second time, with the password: %v", err)
	}
	h.clock.Advance(30 * time.Second)
	if _, err := h.factors.VerifyCode(t.Context(), held, code(), fromHome); err != nil {
		t.Errorf("the next code: %v", err)
	}
	h.clock.Advance(30 * time.Second)
	if _, err := h.factors.VerifyCode(t.Context(), held, code(), fromHome); !errors.Is(err, accounts.ErrPendingGone) {
		t.Errorf("a sign-in that was completed: %v", err)
	}
	proof, err = h.password(code())
	if err != nil || proof.Level() != accounts.TwoFactors {
		t.Errorf("password and code together: %v, level %s", err, proof.Level())
	}
}

func TestHeldSignInIsBoundAndShort(t *testing.T) {
	h := newHouse(t)
	who, _ := h.signedIn()
	code := h.app(who)
	held := h.half()
	look, err := h.factors.Look(t.Context(), held)
	if err != nil || look.Username != "spiderman" || look.Has.Apps != 1 {
		t.Errorf("got %+v, %v", look, err)
	}
	for name, other := range map[string]accounts.Held{
		"another browser": {Secret: held.Secret, Browser: keys.NewSecret()},
		"no browser":      {Secret: held.Secret},
		"another secret":  {Secret: keys.NewSecret(), Browser: h.browser},
		"nothing":         {},
	} {
		if _, err := h.factors.VerifyCode(t.Context(), other, code(), fromHome); !errors.Is(err, accounts.ErrPendingGone) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := h.factors.BeginSecond(t.Context(), other); !errors.Is(err, accounts.ErrPendingGone) {
			t.Errorf("%s, passkey: %v", name, err)
		}
	}
	if _, err := h.factors.Hold(t.Context(), &accounts.SecondFactorNeeded{}, h.browser); !errors.Is(err, accounts.ErrPendingGone) {
		t.Errorf("a half proof that nobody made: %v", err)
	}
	// It is worth nothing as a session, and dies with the password.
	if _, err := h.browsers.Resume(t.Context(), held.Secret); !errors.Is(err, accounts.ErrNotSignedIn) {
		t.Errorf("half a sign-in as a session: %v", err)
	}
	before := h.half()
	_, err = h.people.SetPassword(t.Context(), h.user.ID, password, audit.Actor{Rights: audit.ManageAll})
	h.must(err)
	if _, err := h.factors.VerifyCode(t.Context(), before, code(), fromHome); !errors.Is(err, accounts.ErrPendingGone) {
		t.Errorf("after a change of password: %v", err)
	}
	late := h.half()
	h.clock.Advance(10*time.Minute + time.Second)
	if _, err := h.factors.VerifyCode(t.Context(), late, code(), fromHome); !errors.Is(err, accounts.ErrPendingGone) {
		t.Errorf("after ten minutes: %v", err)
	}
}

// NIST SP 800-63B section 3.2.2, Zitadel CVE-2024-32868: codes count in the bucket of the password, all at once too.
func TestCodesAreThrottled(t *testing.T) {
	h := newHouse(t)
	who, _ := h.signedIn()
	code := h.app(who)
	elsewhere := audit.Actor{Address: "203.0.113.5"}
	_, err := h.people.Authenticate(t.Context(), accounts.SignIn{Username: "spiderman", Password: password, Actor: elsewhere})
	needed, ok := errors.AsType[*accounts.SecondFactorNeeded](err)
	if !ok {
		t.Fatal(err)
	}
	var looked atomic.Int64
	var guessers sync.WaitGroup
	for range 40 {
		guessers.Go(func() {
			secret, err := h.factors.Hold(t.Context(), needed, h.browser)
			if err != nil {
				t.Error(err)
			}
			for range 3 {
				_, err := h.factors.VerifyCode(t.Context(), accounts.Held{Secret: secret, Browser: h.browser}, "000000", elsewhere)
				if errors.Is(err, accounts.ErrSecondFactor) {
					looked.Add(1)
				} else if _, throttled := errors.AsType[*accounts.Throttled](err); !throttled {
					t.Error(err)
				}
			}
		})
	}
	guessers.Wait()
	// Ten are free; what an address new to the account has beside them is for a password.
	if n := looked.Load(); n != 10 {
		t.Errorf("%d of 120 guesses were looked at", n)
	}
	_, err = h.people.Authenticate(t.Context(), accounts.SignIn{Username: "spiderman", Password: password, Actor: elsewhere})
	if _, ok := errors.AsType[*accounts.SecondFactorNeeded](err); !ok {
		t.Errorf("the one password that the address has: %v", err)
	}
	if _, err := h.people.Authenticate(t.Context(), accounts.SignIn{Username: "spiderman", Password: password, Actor: elsewhere}); err == nil {
		t.Error("the password is not throttled with the codes")
	} else if _, throttled := errors.AsType[*accounts.Throttled](err); !throttled {
		t.Errorf("the password there: %v", err)
	}
	// The owner is at home, which is known.
	if _, err := h.factors.VerifyCode(t.Context(), h.half(), code(), fromHome); err != nil {
		t.Errorf("the owner: %v", err)
	}
}

// The attempt that the password took covers one code: else nobody who is guessed at could sign in from a new address.
func TestNewcomerHasPasswordAndCode(t *testing.T) {
	h := newHouse(t)
	who, _ := h.signedIn()
	code := h.app(who)
	for range 30 {
		_, _ = h.people.Authenticate(t.Context(), accounts.SignIn{Username: "spiderman", Password: "wrong", Actor: audit.Actor{Address: "203.0.113.5"}})
		h.clock.Advance(time.Second)
	}
	abroad := audit.Actor{Address: "198.51.100.9"}
	_, err := h.people.Authenticate(t.Context(), accounts.SignIn{Username: "spiderman", Password: password, Actor: abroad})
	needed, ok := errors.AsType[*accounts.SecondFactorNeeded](err)
	if !ok {
		t.Fatal(err)
	}
	secret, err := h.factors.Hold(t.Context(), needed, h.browser)
	h.must(err)
	held := accounts.Held{Secret: secret, Browser: h.browser}
	if _, err := h.factors.VerifyCode(t.Context(), held, "000000", abroad); !errors.Is(err, accounts.ErrSecondFactor) {
		t.Errorf("one code: %v", err)
	}
	if _, err := h.factors.VerifyCode(t.Context(), held, code(), abroad); err == nil {
		t.Error("two codes for one attempt")
	}
	h.clock.Advance(time.Hour + time.Minute)
	_, err = h.people.Authenticate(t.Context(), accounts.SignIn{Username: "spiderman", Password: password, Actor: abroad})
	if needed, ok = errors.AsType[*accounts.SecondFactorNeeded](err); !ok {
		t.Fatal(err)
	}
	secret, err = h.factors.Hold(t.Context(), needed, h.browser)
	h.must(err)
	if _, err := h.factors.VerifyCode(t.Context(), accounts.Held{Secret: secret, Browser: h.browser}, code(), abroad); err != nil {
		t.Errorf("password and code: %v", err)
	}
}

// TestManyAddressesGuessFewCodes: whoever knows the password and has any number of addresses has no more guesses at an
// authenticator app than NIST SP 800-63B section 3.2.2 allows at one authenticator, however long they go on; the person
// is told, and is kept out nowhere where they have signed in before, and by nothing else that they have.
func TestManyAddressesGuessFewCodes(t *testing.T) {
	h := newHouse(t)
	who, _ := h.signedIn()
	code := h.app(who)
	abroad := 0
	from := func() audit.Actor {
		abroad++
		return audit.Actor{Address: fmt.Sprintf("198.%d.%d.7", abroad/250, abroad%250)}
	}
	guess := func(code string, at audit.Actor) error {
		_, err := h.people.Authenticate(t.Context(), accounts.SignIn{Username: "spiderman", Password: password, OTP: code, Actor: at})
		return err
	}
	// At home the person signs in by it once, and from then on is known to have it.
	h.clock.Advance(25 * time.Hour)
	h.must(guess(code(), fromHome))
	h.clock.Advance(30 * time.Second)
	proof, err := h.factors.VerifyCode(t.Context(), h.half(), code(), fromHome)
	h.must(err)
	codes, err := h.factors.MakeRecoveryCodes(t.Context(), proof, fromHome)
	h.must(err)
	looked := 0
	siege := func(hours int) {
		for range hours {
			for range 22 {
				if err := guess("000000", from()); errors.Is(err, accounts.ErrCredentials) {
					looked++
				} else if _, throttled := errors.AsType[*accounts.Throttled](err); !throttled {
					t.Fatal(err)
				}
			}
			h.clock.Advance(time.Hour + time.Second)
		}
	}
	siege(4)
	h.must(guess(code(), fromHome)) // which forgives strangers nothing
	siege(8)
	if looked != 100 {
		t.Errorf("%d guesses were looked at, want 100", looked)
	}
	if wait, throttled := errors.AsType[*accounts.Throttled](guess(code(), from())); !throttled || wait.RetryAfter < 28*24*time.Hour {
		t.Errorf("the right code at a new address: %+v", wait)
	}
	h.must(guess(codes[0], from()))
	h.clock.Advance(time.Minute)
	h.must(guess(code(), fromHome))
	told := 0
	for _, l := range h.letters() {
		if l.Facts["change"] == "codes_paused" {
			told++
		}
	}
	if told != 1 {
		t.Errorf("the person is told %d times", told)
	}
	h.clock.Advance(30 * 24 * time.Hour)
	abroadNow := from()
	h.must(guess(code(), abroadNow))
	looked = 0
	siege(1)
	if looked == 0 {
		t.Error("nothing is looked at in the next month")
	}
}

// TestUseOfARecoveryCodeIsTold: ASVS 5.0 6.3.7. Whoever has found the sheet with the codes can't use one unseen.
func TestUseOfARecoveryCodeIsTold(t *testing.T) {
	h := newHouse(t)
	who, _ := h.signedIn()
	h.app(who)
	codes, err := h.factors.MakeRecoveryCodes(t.Context(), h.proof, fromHome)
	h.must(err)
	told := func() (to []string) {
		for _, l := range h.letters() {
			if l.Kind == accounts.LetterWaysChanged && l.Facts["change"] == "recovery_code_used" {
				to = append(to, l.To)
			}
		}
		return to
	}
	if _, err := h.factors.VerifyCode(t.Context(), h.half(), "0000-0000-0000-0000", fromHome); !errors.Is(err, accounts.ErrSecondFactor) {
		t.Fatal(err)
	}
	if to := told(); len(to) != 0 {
		t.Errorf("letters about a wrong code to %v", to)
	}
	if _, err := h.factors.VerifyCode(t.Context(), h.half(), codes[3], fromHome); err != nil {
		t.Fatal(err)
	}
	if to := told(); !slices.Equal(to, []string{"spiderman@example.com"}) {
		t.Errorf("letters to %v", to)
	}
}

func TestRecoveryCodes(t *testing.T) {
	h := newHouse(t)
	who, _ := h.signedIn()
	if _, err := h.factors.MakeRecoveryCodes(t.Context(), who, fromHome); !errors.Is(err, accounts.ErrNoSecondFactor) {
		t.Errorf("without a second factor: %v", err)
	}
	h.app(who)
	who = h.proof
	first, err := h.factors.MakeRecoveryCodes(t.Context(), who, fromHome)
	h.must(err)
	codes, err := h.factors.MakeRecoveryCodes(t.Context(), who, fromHome)
	h.must(err)
	if len(codes) != accounts.RecoveryCodes {
		t.Fatalf("got %d codes", len(codes))
	}
	if _, err := h.factors.VerifyCode(t.Context(), h.half(), first[0], fromHome); !errors.Is(err, accounts.ErrSecondFactor) {
		t.Errorf("a code of the set before: %v", err)
	}
	proof, err := h.factors.VerifyCode(t.Context(), h.half(), strings.ToUpper(codes[3]), fromHome)
	if err != nil || proof.Level() != accounts.TwoFactors {
		t.Errorf("a code: %v, level %s", err, proof.Level())
	}
	if _, err := h.factors.VerifyCode(t.Context(), h.half(), codes[3], fromHome); !errors.Is(err, accounts.ErrSecondFactor) {
		t.Errorf("a code the second time: %v", err)
	}
	if _, err := h.password(codes[4]); err != nil {
		t.Errorf("with the password: %v", err)
	}
	ways, err := h.factors.Ways(t.Context(), h.user.ID)
	if err != nil || ways.RecoveryCodes != accounts.RecoveryCodes-2 || ways.RecoveryCodesAt.IsZero() {
		t.Errorf("got %+v, %v", ways, err)
	}
}

func TestPasskeyAlone(t *testing.T) {
	for _, c := range []struct {
		synced bool
		amr    string
	}{{false, "hwk user mfa"}, {true, "swk user mfa"}} {
		h := newHouse(t)
		who, _ := h.signedIn()
		d := newDevice(h.user, virtualwebauthn.AuthenticatorOptions{BackupEligible: c.synced, BackupState: c.synced})
		added := h.passkey(who, d)
		if added.Synced != c.synced || added.Name != "Passkey of 2026-01-02" {
			t.Errorf("got %+v", added)
		}
		d.credential.Counter++
		proof, err := h.signInBy(d)
		if err != nil || strings.Join(proof.Methods(), " ") != c.amr || proof.Level() != accounts.PhishingResistant || proof.UserID() != h.user.ID {
			t.Errorf("got %v by %v, %v", proof.UserID(), proof.Methods(), err)
		}
		_, err = h.people.Deactivate(t.Context(), h.user.ID, audit.Actor{Rights: audit.ManageAll})
		h.must(err)
		d.credential.Counter++
		if _, err := h.signInBy(d); !errors.Is(err, accounts.ErrCredentials) {
			t.Errorf("deactivated: %v", err)
		}
	}
}

func TestPasskeyAsSecondFactor(t *testing.T) {
	h := newHouse(t)
	who, secret := h.signedIn()
	d := newDevice(h.user, virtualwebauthn.AuthenticatorOptions{UserNotVerified: true})
	h.passkey(who, d)
	if again, err := h.browsers.Resume(t.Context(), secret); err != nil || again.SessionID() != who.SessionID() {
		t.Errorf("who added a passkey is signed out: %v", err)
	}
	held := h.half()
	options, err := h.factors.BeginSecond(t.Context(), held)
	h.must(err)
	d.credential.Counter++
	answer := d.answer(t, options)
	proof, err := h.factors.FinishSecond(t.Context(), held, answer, fromHome)
	if err != nil || strings.Join(proof.Methods(), " ") != "pwd hwk mfa" || proof.Level() != accounts.PhishingResistant {
		t.Errorf("got %v, %v", proof.Methods(), err)
	}
	if _, err := h.factors.FinishSecond(t.Context(), h.half(), answer, fromHome); !errors.Is(err, accounts.ErrCeremonyGone) {
		t.Errorf("the same answer again: %v", err)
	}
	// As the only factor it would have to verify the person.
	d.credential.Counter++
	if _, err := h.signInBy(d); !errors.Is(err, accounts.ErrCredentials) {
		t.Errorf("alone, without verification of the person: %v", err)
	}
}

// WebAuthn Level 3 section 7.2: what an answer must be.
func TestPasskeyAnswersThatProveNothing(t *testing.T) {
	h := newHouse(t)
	who, _ := h.signedIn()
	good := newDevice(h.user, virtualwebauthn.AuthenticatorOptions{})
	h.passkey(who, good)
	other := h.newUser("norman", password)
	for name, change := range map[string]func(d *device){
		"another origin":             func(d *device) { d.party.Origin = "https://id.example.com" },
		"a look-alike origin":        func(d *device) { d.party.Origin = "https://id.example.com:8443.evil.example" },
		"another relying party":      func(d *device) { d.party.ID = "example.com" },
		"another key":                func(d *device) { d.credential.Key = newCredential().Key },
		"nobody there":               func(d *device) { d.Options.UserNotPresent = true },
		"nobody verified":            func(d *device) { d.Options.UserNotVerified = true },
		"another user's handle":      func(d *device) { id := uuid.MustParse(other.ID); d.Options.UserHandle = id[:] },
		"nobody's handle":            func(d *device) { d.Options.UserHandle = make([]byte, 16) },
		"no handle":                  func(d *device) { d.Options.UserHandle = nil },
		"an id that nobody has":      func(d *device) { d.credential.ID = []byte("nobody's") },
		"suddenly synchronised (BE)": func(d *device) { d.Options.BackupEligible = true },
	} {
		d := *good
		d.credential.Counter = good.credential.Counter + 1
		change(&d)
		if proof, err := h.signInBy(&d); !errors.Is(err, accounts.ErrCredentials) || proof.Valid() {
			t.Errorf("%s: %v", name, err)
		}
	}
	options, err := h.factors.BeginSignIn(t.Context(), h.browser)
	h.must(err)
	good.credential.Counter++
	answer := good.answer(t, options)
	if _, err := h.factors.FinishSignIn(t.Context(), keys.NewSecret(), answer, fromHome); !errors.Is(err, accounts.ErrCeremonyGone) {
		t.Errorf("another browser: %v", err)
	}
	if _, err := h.factors.ElevateByPasskey(t.Context(), who, h.browser, answer, fromHome); !errors.Is(err, accounts.ErrCeremonyGone) {
		t.Errorf("for another purpose: %v", err)
	}
	h.clock.Advance(5*time.Minute + time.Second)
	if _, err := h.factors.FinishSignIn(t.Context(), h.browser, answer, fromHome); !errors.Is(err, accounts.ErrCeremonyGone) {
		t.Errorf("too late: %v", err)
	}
	good.credential.Counter++
	if _, err := h.signInBy(good); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

// TestSignInPagesStoreNothing: whoever opens sign-in pages has no rows written (CWE-770: nothing that anybody
// can have done without end). WebAuthn Level 3 section 13.4.3: a question is answered once.
func TestSignInPagesStoreNothing(t *testing.T) {
	h := newHouse(t)
	who, _ := h.signedIn()
	d := newDevice(h.user, virtualwebauthn.AuthenticatorOptions{})
	h.passkey(who, d)
	asked := map[string]bool{}
	for range 3 {
		options, err := h.factors.BeginSignIn(t.Context(), keys.NewSecret())
		h.must(err)
		asked[string(options)] = true
	}
	h.clock.Advance(time.Hour)
	swept, err := h.db.Sweep(t.Context(), storage.SweepLimits{Batch: 100})
	if err != nil || swept.Asked != 0 || len(asked) != 3 {
		t.Errorf("%d rows, %d different questions, %v", swept.Asked, len(asked), err)
	}
	options, err := h.factors.BeginSignIn(t.Context(), h.browser)
	h.must(err)
	d.credential.Counter = 9
	answer := d.answer(t, options)
	d.credential.Counter = 10
	again := d.answer(t, options)
	if _, err := h.factors.FinishSignIn(t.Context(), h.browser, answer, fromHome); err != nil {
		t.Error(err)
	}
	for name, answer := range map[string][]byte{"the same answer": answer, "another answer to the same question": again} {
		if _, err := h.factors.FinishSignIn(t.Context(), h.browser, answer, fromHome); !errors.Is(err, accounts.ErrCeremonyGone) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// WebAuthn Level 3 section 6.1.1: a count that does not grow tells of a copy.
func TestClonedPasskeyIsRefused(t *testing.T) {
	h := newHouse(t)
	who, _ := h.signedIn()
	d := newDevice(h.user, virtualwebauthn.AuthenticatorOptions{})
	d.credential.Counter = 7
	h.passkey(who, d)
	for _, count := range []uint32{7, 3} {
		d.credential.Counter = count
		if _, err := h.signInBy(d); !errors.Is(err, accounts.ErrCredentials) {
			t.Errorf("count %d: %v", count, err)
		}
	}
	events, err := h.db.AuditEvents(t.Context(), audit.Query{Action: audit.PasskeyCloned, Limit: 10})
	if err != nil || len(events) != 2 || events[0].SubjectID != h.user.ID {
		t.Errorf("got %+v, %v", events, err)
	}
	d.credential.Counter = 8
	if _, err := h.signInBy(d); err != nil {
		t.Errorf("count 8: %v", err)
	}
	// A synchronised one has copies, and its count says nothing.
	synced := newDevice(h.user, virtualwebauthn.AuthenticatorOptions{BackupEligible: true, BackupState: true})
	synced.credential.Counter = 7
	proof, _ := h.session(mustProof(h, d), keys.Secret{})
	h.passkey(proof, synced)
	synced.credential.Counter = 3
	if _, err := h.signInBy(synced); err != nil {
		t.Errorf("synchronised: %v", err)
	}
}

func mustProof(h *house, d *device) accounts.Authentication {
	h.Helper()
	d.credential.Counter++
	proof, err := h.signInBy(d)
	h.must(err)
	return proof
}

func TestRegistrationRefuses(t *testing.T) {
	h := newHouse(t)
	who, _ := h.signedIn()
	d := newDevice(h.user, virtualwebauthn.AuthenticatorOptions{})
	begin := func() []byte {
		options, err := h.factors.BeginPasskey(t.Context(), who, h.browser)
		h.must(err)
		return options
	}
	for name, change := range map[string]func(d *device){
		"another origin":        func(d *device) { d.party.Origin = "https://evil.example" },
		"another relying party": func(d *device) { d.party.ID = "evil.example" },
		"nobody there":          func(d *device) { d.Options.UserNotPresent = true },
		"BS without BE":         func(d *device) { d.Options.BackupState = true },
	} {
		bad := *d
		change(&bad)
		if _, _, err := h.factors.AddPasskey(t.Context(), who, h.browser, bad.create(t, begin()), "", fromHome); !errors.Is(err, accounts.ErrPasskeyRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	answer := d.create(t, begin())
	if _, _, err := h.factors.AddPasskey(t.Context(), who, keys.NewSecret(), answer, "", fromHome); !errors.Is(err, accounts.ErrCeremonyGone) {
		t.Errorf("another browser: %v", err)
	}
	if _, _, err := h.factors.AddPasskey(t.Context(), who, h.browser, answer, strings.Repeat("x", 65), fromHome); err == nil {
		t.Error("a long name was taken")
	}
	var err error
	if _, who, err = h.factors.AddPasskey(t.Context(), who, h.browser, answer, "Key on my ring", fromHome); err != nil {
		t.Fatalf("a good one: %v", err)
	}
	if _, _, err := h.factors.AddPasskey(t.Context(), who, h.browser, answer, "", fromHome); !errors.Is(err, accounts.ErrCeremonyGone) {
		t.Errorf("the same answer again: %v", err)
	}
	norman := h.newUser("norman", password)
	other, err := h.factors.People.Authenticate(t.Context(), accounts.SignIn{Username: "norman", Password: password, Actor: fromHome})
	h.must(err)
	theirs := newDevice(norman, virtualwebauthn.AuthenticatorOptions{})
	if _, _, err := h.factors.AddPasskey(t.Context(), other, h.browser, theirs.create(t, begin()), "", fromHome); !errors.Is(err, accounts.ErrCeremonyGone) {
		t.Errorf("a question to somebody else: %v", err)
	}
	if _, _, err := h.factors.AddPasskey(t.Context(), who, h.browser, d.create(t, begin()), "", fromHome); !errors.Is(err, accounts.ErrPasskeyRefused) {
		t.Errorf("the same passkey again: %v", err)
	}
	var options struct {
		PublicKey struct {
			ExcludeCredentials     []struct{ ID string }
			Attestation            string
			User                   struct{ ID string }
			AuthenticatorSelection struct {
				ResidentKey, UserVerification string
			}
		}
	}
	h.must(json.Unmarshal(begin(), &options))
	got := options.PublicKey
	if len(got.ExcludeCredentials) != 1 || got.Attestation != "none" || got.AuthenticatorSelection.ResidentKey != "required" || got.AuthenticatorSelection.UserVerification != "preferred" {
		t.Errorf("got %+v", got)
	}
}

// ASVS 7.5.1: ways to sign in are changed only by who has just proved themself.
func TestChangesNeedARecentProof(t *testing.T) {
	h := newHouse(t)
	who, _ := h.signedIn()
	passkey := h.passkey(who, newDevice(h.user, virtualwebauthn.AuthenticatorOptions{}))
	h.clock.Advance(10*time.Minute + time.Second)
	for name, change := range map[string]func(who accounts.Authentication) error{
		"begin a passkey": func(who accounts.Authentication) error {
			_, err := h.factors.BeginPasskey(t.Context(), who, h.browser)
			return err
		},
		"add a passkey": func(who accounts.Authentication) error {
			_, _, err := h.factors.AddPasskey(t.Context(), who, h.browser, nil, "", fromHome)
			return err
		},
		"begin an app": func(who accounts.Authentication) error { _, err := h.factors.BeginApp(t.Context(), who); return err },
		"confirm an app": func(who accounts.Authentication) error {
			_, _, err := h.factors.ConfirmApp(t.Context(), who, "", "", fromHome)
			return err
		},
		"recovery codes": func(who accounts.Authentication) error {
			_, err := h.factors.MakeRecoveryCodes(t.Context(), who, fromHome)
			return err
		},
		"remove": func(who accounts.Authentication) error {
			return h.factors.Remove(t.Context(), who, passkey.ID, fromHome)
		},
	} {
		if err := change(who); !errors.Is(err, accounts.ErrReauthenticate) {
			t.Errorf("%s: %v", name, err)
		}
		if err := change(accounts.Authentication{}); !errors.Is(err, accounts.ErrNotSignedIn) {
			t.Errorf("%s by nobody: %v", name, err)
		}
	}
}

// TestChangesNeedTheSecondFactor: whoever is signed in by a password alone since before there was a second factor need
// not be the one who has set it up, and must neither remove it nor put one of their own beside it.
func TestChangesNeedTheSecondFactor(t *testing.T) {
	h := newHouse(t)
	thief, _ := h.signedIn()
	owner, _ := h.signedIn()
	self := &accounts.SelfService{People: h.people, Store: h.db, Allow: accounts.AllFeatures(), Mail: true}
	passkey := h.passkey(owner, newDevice(h.user, virtualwebauthn.AuthenticatorOptions{}))
	for name, change := range map[string]func(who accounts.Authentication) error{
		"begin a passkey": func(who accounts.Authentication) error {
			_, err := h.factors.BeginPasskey(t.Context(), who, h.browser)
			return err
		},
		"begin an app": func(who accounts.Authentication) error { _, err := h.factors.BeginApp(t.Context(), who); return err },
		"recovery codes": func(who accounts.Authentication) error {
			_, err := h.factors.MakeRecoveryCodes(t.Context(), who, fromHome)
			return err
		},
		"another address": func(who accounts.Authentication) error {
			return self.AskEmailChange(t.Context(), who, "thief@example.com", "", fromHome)
		},
		"download": func(who accounts.Authentication) error { _, err := self.Export(t.Context(), who, fromHome); return err },
	} {
		if err := change(thief); !errors.Is(err, accounts.ErrReauthenticate) {
			t.Errorf("%s: %v", name, err)
		}
		if err := change(h.proof); err != nil {
			t.Errorf("%s with both: %v", name, err)
		}
	}
	if err := h.factors.Remove(t.Context(), thief, passkey.ID, fromHome); !errors.Is(err, accounts.ErrReauthenticate) {
		t.Errorf("remove: %v", err)
	}
	h.must(h.factors.Remove(t.Context(), h.proof, passkey.ID, fromHome))
}

// TestAnAppThatWaitsIsOfOneSession: whoever was signed in as somebody and has seen the secret of an app that is being
// set up must not have the secret of the app that its owner sets up afterwards.
func TestAnAppThatWaitsIsOfOneSession(t *testing.T) {
	h := newHouse(t)
	thief, _ := h.signedIn()
	owner, secret := h.signedIn()
	seen, err := h.factors.BeginApp(t.Context(), thief)
	h.must(err)
	shown, err := h.factors.BeginApp(t.Context(), owner)
	h.must(err)
	if shown.Secret == seen.Secret {
		t.Fatal("the owner is shown what the thief has seen")
	}
	code := func(of accounts.AppEnrolment) string {
		raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(of.Secret)
		h.must(err)
		return accounts.CodeAt(raw, h.clock.Now())
	}
	if _, _, err := h.factors.ConfirmApp(t.Context(), thief, code(seen), "", fromHome); !errors.Is(err, accounts.ErrCeremonyGone) {
		t.Errorf("the thief's app, which was replaced: %v", err)
	}
	owner, _ = h.session(owner, secret) // signed in again in this browser
	if again, err := h.factors.BeginApp(t.Context(), owner); err != nil || again.Secret != shown.Secret {
		t.Errorf("a reload shows another secret: %v", err)
	}
	_, _, err = h.factors.ConfirmApp(t.Context(), owner, code(shown), "", fromHome)
	h.must(err)
}

// ASVS 7.4.3: what was open ends when a factor is removed; the browser that did it goes on.
func TestRemovingAFactorEndsTheRest(t *testing.T) {
	h := newHouse(t)
	_, elsewhere := h.signedIn()
	who, here := h.signedIn()
	grant := storagetest.SignIn(t, h.db, h.user)
	d := newDevice(h.user, virtualwebauthn.AuthenticatorOptions{})
	passkey := h.passkey(who, d)
	code := h.app(h.proof)
	who, here = h.session(h.proof, here)
	_, err := h.factors.MakeRecoveryCodes(t.Context(), who, fromHome)
	h.must(err)
	waiting := h.half()

	h.must(h.factors.Remove(t.Context(), who, passkey.ID, fromHome))
	if _, err := h.browsers.Resume(t.Context(), elsewhere); !errors.Is(err, accounts.ErrNotSignedIn) {
		t.Errorf("another browser: %v", err)
	}
	if g, _, err := h.db.GrantByID(t.Context(), grant.ID); err != nil || g.RevokedFor != "factors_changed" {
		t.Errorf("a grant: %q, %v", g.RevokedFor, err)
	}
	if _, err := h.factors.VerifyCode(t.Context(), waiting, code(), fromHome); !errors.Is(err, accounts.ErrPendingGone) {
		t.Errorf("a sign-in that waited: %v", err)
	}
	d.credential.Counter++
	if _, err := h.signInBy(d); !errors.Is(err, accounts.ErrCredentials) {
		t.Errorf("the removed passkey: %v", err)
	}
	who, err = h.browsers.Resume(t.Context(), here)
	h.must(err)
	if err := h.factors.Remove(t.Context(), who, passkey.ID, fromHome); !errors.Is(err, accounts.ErrFactorNotFound) {
		t.Errorf("twice: %v", err)
	}
	ways, err := h.factors.Ways(t.Context(), h.user.ID)
	if err != nil || len(ways.Passkeys) != 0 || len(ways.Apps) != 1 || ways.RecoveryCodes != accounts.RecoveryCodes {
		t.Errorf("left: %+v, %v", ways, err)
	}
	h.must(h.factors.Remove(t.Context(), who, ways.Apps[0].ID, fromHome))
	if ways, err := h.factors.Ways(t.Context(), h.user.ID); err != nil || ways.RecoveryCodes != 0 {
		t.Errorf("recovery codes stay behind the last factor: %+v, %v", ways, err)
	}
	if _, err := h.password(""); err != nil {
		t.Errorf("with the password alone: %v", err)
	}
}

type demands accounts.Level

func (d demands) RequiredLevel(context.Context, string) (accounts.Level, error) {
	return accounts.Level(d), nil
}

func TestLastWayIsKept(t *testing.T) {
	h := newHouse(t)
	who, _ := h.signedIn()
	d := newDevice(h.user, virtualwebauthn.AuthenticatorOptions{})
	passkey := h.passkey(who, d)
	who = h.proof
	h.factors.Policy = demands(accounts.PhishingResistant)
	if err := h.factors.Remove(t.Context(), who, passkey.ID, fromHome); !errors.Is(err, accounts.ErrLevelRequired) {
		t.Errorf("what a policy demands: %v", err)
	}
	h.factors.Policy = nil
	_, err := h.db.SetPassword(t.Context(), h.user.ID, "", storagetest.Event(audit.UserPasswordSet))
	h.must(err)
	who, _ = h.session(mustProof(h, d), keys.Secret{})
	if err := h.factors.Remove(t.Context(), who, passkey.ID, fromHome); !errors.Is(err, accounts.ErrLastWay) {
		t.Errorf("the only way in: %v", err)
	}
	second := h.passkey(who, newDevice(h.user, virtualwebauthn.AuthenticatorOptions{}))
	h.must(h.factors.Rename(t.Context(), who, second.ID, " Ring ", fromHome))
	h.must(h.factors.Remove(t.Context(), who, passkey.ID, fromHome))
	if ways, err := h.factors.Ways(t.Context(), h.user.ID); err != nil || len(ways.Passkeys) != 1 || ways.Passkeys[0].Name != "Ring" {
		t.Errorf("left: %+v, %v", ways, err)
	}
}

func TestElevate(t *testing.T) {
	h := newHouse(t)
	who, secret := h.signedIn()
	code := h.app(who)
	d := newDevice(h.user, virtualwebauthn.AuthenticatorOptions{})
	h.passkey(h.proof, d)
	h.clock.Advance(11 * time.Minute)
	more, err := h.factors.ElevateByCode(t.Context(), who, code(), fromHome)
	if err != nil || more.Level() != accounts.TwoFactors {
		t.Errorf("by a code: %v, level %s", err, more.Level())
	}
	again, secret := h.session(more, secret)
	if again.SessionID() != who.SessionID() || again.Level() != accounts.TwoFactors {
		t.Errorf("the session is %s at level %s", again.SessionID(), again.Level())
	}
	// A code alone is no recent proof of the person: it opens no change of the account.
	if err := h.factors.People.Recent(t.Context(), again); !again.At().Equal(who.At()) || !errors.Is(err, accounts.ErrReauthenticate) {
		t.Errorf("by a code the proof of %s becomes one of %s: %v", who.At(), again.At(), err)
	}
	if _, err := h.factors.ElevateByCode(t.Context(), who, code(), fromHome); !errors.Is(err, accounts.ErrSecondFactor) {
		t.Errorf("the code again: %v", err)
	}
	options, err := h.factors.BeginElevate(t.Context(), who, h.browser)
	h.must(err)
	d.credential.Counter++
	more, err = h.factors.ElevateByPasskey(t.Context(), who, h.browser, d.answer(t, options), fromHome)
	if again, _ := h.session(more, secret); err != nil || again.Level() != accounts.PhishingResistant || !again.At().Equal(h.clock.Now()) || h.factors.People.Recent(t.Context(), again) != nil {
		t.Errorf("by a passkey: %v, level %s, at %s", err, again.Level(), again.At())
	}
	// One that did not make sure of its owner is no more than a code.
	options, err = h.factors.BeginElevate(t.Context(), who, h.browser)
	h.must(err)
	d.Options.UserNotVerified = true
	d.credential.Counter++
	more, err = h.factors.ElevateByPasskey(t.Context(), who, h.browser, d.answer(t, options), fromHome)
	if err != nil || more.Level() != accounts.PhishingResistant || !more.At().Equal(who.At()) {
		t.Errorf("by a passkey without verification: %v, level %s, at %s", err, more.Level(), more.At())
	}
	// The passkey of somebody else elevates nobody.
	options, err = h.factors.BeginElevate(t.Context(), who, h.browser)
	h.must(err)
	stranger := newDevice(h.newUser("norman", password), virtualwebauthn.AuthenticatorOptions{})
	if _, err := h.factors.ElevateByPasskey(t.Context(), who, h.browser, stranger.answer(t, options), fromHome); !errors.Is(err, accounts.ErrSecondFactor) {
		t.Errorf("a stranger's: %v", err)
	}
	// Nor is the answer to a question that was asked of one person good for another in the same browser.
	other, err := h.factors.People.Authenticate(t.Context(), accounts.SignIn{Username: "norman", Password: password, Actor: fromHome})
	h.must(err)
	options, err = h.factors.BeginElevate(t.Context(), who, h.browser)
	h.must(err)
	d.credential.Counter++
	if _, err := h.factors.ElevateByPasskey(t.Context(), other, h.browser, d.answer(t, options), fromHome); !errors.Is(err, accounts.ErrCeremonyGone) {
		t.Errorf("a question to somebody else: %v", err)
	}
	if _, err := h.factors.ElevateByCode(t.Context(), accounts.Authentication{}, code(), fromHome); !errors.Is(err, accounts.ErrNotSignedIn) {
		t.Errorf("nobody: %v", err)
	}
}

func TestResetFactors(t *testing.T) {
	h := newHouse(t)
	who, secret := h.signedIn()
	h.passkey(who, newDevice(h.user, virtualwebauthn.AuthenticatorOptions{}))
	h.app(h.proof)
	if _, err := h.factors.Reset(t.Context(), h.user.ID, audit.Actor{Rights: audit.Read}); !errors.Is(err, audit.ErrForbidden) {
		t.Errorf("by who may only read: %v", err)
	}
	_, err := h.factors.Reset(t.Context(), h.user.ID, root)
	h.must(err)
	if _, err := h.browsers.Resume(t.Context(), secret); !errors.Is(err, accounts.ErrNotSignedIn) {
		t.Errorf("a session lives on: %v", err)
	}
	if who, err := h.password(""); err != nil || who.CredentialVersion() != 2 {
		t.Errorf("the password alone: %v, version %d", err, who.CredentialVersion())
	}
	_, err = h.factors.Reset(t.Context(), h.user.ID, root)
	h.must(err)
	if who, err := h.password(""); err != nil || who.CredentialVersion() != 2 {
		t.Errorf("with nothing to remove: %v, version %d", err, who.CredentialVersion())
	}
	if _, err := h.factors.Reset(t.Context(), uuid.NewString(), root); !errors.Is(err, accounts.ErrUserNotFound) {
		t.Errorf("of nobody: %v", err)
	}
	events, err := h.db.AuditEvents(t.Context(), audit.Query{Action: audit.FactorsReset, Limit: 10})
	if err != nil || len(events) != 1 || events[0].Actor.ID != "root" {
		t.Errorf("got %+v, %v", events, err)
	}
}

// A secret that can't be opened proves nobody, and stops a reseal.
func TestSealedAppFailsClosed(t *testing.T) {
	h := newHouse(t)
	who, _ := h.signedIn()
	code := h.app(who)
	old := h.master
	fresh := h.newMaster()
	h.factors.Sealer = ringOf(t, fresh)
	if _, err := h.factors.VerifyCode(t.Context(), h.half(), code(), fromHome); !errors.Is(err, accounts.ErrSecondFactor) {
		t.Errorf("under another master: %v", err)
	}
	if _, err := h.factors.ResealApps(t.Context(), root); !errors.Is(err, keys.ErrUnopened) {
		t.Errorf("reseal under another master: %v", err)
	}
	h.factors.Sealer = ringOf(t, fresh, old)
	if _, err := h.factors.ResealApps(t.Context(), audit.Actor{Rights: audit.ManageUsers}); !errors.Is(err, audit.ErrForbidden) {
		t.Errorf("reseal by a manager of users: %v", err)
	}
	for _, want := range []int{1, 0} {
		if n, err := h.factors.ResealApps(t.Context(), root); err != nil || n != want {
			t.Errorf("resealed %d, %v, want %d", n, err, want)
		}
	}
	h.factors.Sealer = ringOf(t, fresh)
	if _, err := h.factors.VerifyCode(t.Context(), h.half(), code(), fromHome); err != nil {
		t.Errorf("under the new one alone: %v", err)
	}
}

func TestLettersTellOfChanges(t *testing.T) {
	h := newHouse(t)
	who, _ := h.signedIn()
	h.app(who)
	letter, err := h.db.ClaimLetter(t.Context(), time.Minute, keys.Hash{})
	if err != nil || letter.Kind != accounts.LetterWaysChanged || letter.To != "spiderman@example.com" || letter.Facts["change"] != "app_added" {
		t.Errorf("got %+v, %v", letter, err)
	}
	h.factors.Mail = false
	h.passkey(h.proof, newDevice(h.user, virtualwebauthn.AuthenticatorOptions{}))
	if _, err := h.db.ClaimLetter(t.Context(), time.Minute, keys.Hash{}); !errors.Is(err, accounts.ErrNoLetter) {
		t.Errorf("without mail: %v", err)
	}
}
