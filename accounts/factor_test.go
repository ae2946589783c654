package accounts

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"keyturn/keys"
)

func TestLastWayStays(t *testing.T) {
	for _, c := range []struct {
		kind     FactorKind
		has      FactorCounts
		password bool
		required Level
		want     error
	}{
		{KindPasskey, FactorCounts{Passkeys: 1}, true, "", nil},
		{KindPasskey, FactorCounts{Passkeys: 1}, false, "", ErrLastWay},
		{KindPasskey, FactorCounts{Passkeys: 1, Apps: 1, RecoveryCodes: 10}, false, "", ErrLastWay},
		{KindPasskey, FactorCounts{Passkeys: 2}, false, "", nil},
		{KindApp, FactorCounts{Passkeys: 1, Apps: 1}, false, "", nil},
		{KindApp, FactorCounts{Apps: 1}, true, "", nil},
		{KindApp, FactorCounts{Apps: 1}, true, TwoFactors, ErrLevelRequired},
		{KindApp, FactorCounts{Apps: 2}, true, TwoFactors, nil},
		{KindApp, FactorCounts{Apps: 1, Passkeys: 1}, true, TwoFactors, nil},
		{KindPasskey, FactorCounts{Apps: 1, Passkeys: 1}, true, TwoFactors, nil},
		{KindPasskey, FactorCounts{Apps: 1, Passkeys: 1}, true, PhishingResistant, ErrLevelRequired},
		{KindPasskey, FactorCounts{Passkeys: 2}, true, PhishingResistant, nil},
		{KindPasskey, FactorCounts{Passkeys: 1}, true, OneFactor, nil},
		// What is demanded was not reached before either.
		{KindApp, FactorCounts{Apps: 1}, true, PhishingResistant, nil},
	} {
		got := RemovedFactor{Kind: c.kind, Has: c.has, Password: c.password}.mayGo(c.required)
		if !errors.Is(got, c.want) {
			t.Errorf("%s of %+v, password %v, required %q: got %v, want %v", c.kind, c.has, c.password, c.required, got, c.want)
		}
	}
}

// RFC 8176 section 2: mfa beside the methods, where they are of two kinds.
func TestMethodsTogether(t *testing.T) {
	for _, c := range []struct{ before, more, want string }{
		{"", "hwk user", "hwk user mfa"},
		{"", "hwk", "hwk"},
		{"pwd", "otp", "pwd otp mfa"},
		{"pwd", "swk", "pwd swk mfa"},
		{"pwd otp mfa", "otp", "pwd otp mfa"},
		{"pwd otp mfa", "hwk user", "pwd otp hwk user mfa"},
	} {
		before := strings.Fields(c.before)
		if got := strings.Join(together(before, strings.Fields(c.more)...), " "); got != c.want {
			t.Errorf("%q and %q: got %q, want %q", c.before, c.more, got, c.want)
		}
		if !slices.Equal(before, strings.Fields(c.before)) {
			t.Errorf("%q and %q: what was before is changed", c.before, c.more)
		}
	}
}

func TestRecoveryCodeAsTyped(t *testing.T) {
	codes := map[string]bool{}
	for range 1000 {
		code := newRecoveryCode()
		plain := plainCode(code)
		if codes[code] || len(plain) != recoveryLength || strings.Trim(plain, recoveryAlphabet) != "" {
			t.Fatalf("got %q", code)
		}
		codes[code] = true
		misread := strings.NewReplacer("0", "O", "1", "l").Replace(code)
		for _, typed := range []string{code, plain, strings.ToUpper(code), " " + strings.ReplaceAll(code, "-", " ") + "\n", strings.ReplaceAll(code, "-", "–"), misread} {
			if recoveryHash("peter", plainCode(typed)) != recoveryHash("peter", plain) {
				t.Fatalf("%q is not taken for %q", typed, code)
			}
		}
		if recoveryHash("norman", plain) == recoveryHash("peter", plain) {
			t.Fatal("two users have one hash")
		}
	}
	if got := plainCode("１２３ 456"); got != "123456" {
		t.Errorf("full-width digits: %q", got)
	}
	if got := plainCode(strings.Repeat("1", maxPassword+1)); got != "" {
		t.Errorf("a long text: %d bytes", len(got))
	}
}

func TestNoPasskeysForAddresses(t *testing.T) {
	for issuer, want := range map[string]bool{
		"https://id.example.com": true, "http://localhost:8080": true,
		"http://127.0.0.1:8080": false, "http://[::1]:8080": false,
	} {
		f := &Factors{Issuer: issuer}
		if got := f.TakesPasskeys(); got != want {
			t.Errorf("%s: %v", issuer, got)
		}
		if want {
			continue
		}
		if _, err := f.BeginSignIn(t.Context(), keys.NewSecret()); !errors.Is(err, ErrNoPasskeys) {
			t.Errorf("%s: %v", issuer, err)
		}
	}
}
