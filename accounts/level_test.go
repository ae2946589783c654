package accounts

import (
	"strings"
	"testing"
)

// TestLevelOfMethods: RFC 8176 section 2 names the methods, OpenID Connect EAP ACR Values 1.0 section 2 phr.
func TestLevelOfMethods(t *testing.T) {
	for methods, want := range map[string]Level{
		"":                 OneFactor,
		"pwd":              OneFactor,
		"otp":              OneFactor,
		"hwk":              OneFactor,
		"mfa":              OneFactor, // a claim alone proves nothing
		"pwd otp mfa":      TwoFactors,
		"hwk user mfa":     PhishingResistant,
		"swk user mfa":     PhishingResistant,
		"pwd swk mfa":      PhishingResistant,
		"pwd otp swk user": PhishingResistant,
	} {
		if got := LevelOf(strings.Fields(methods)); got != want {
			t.Errorf("%q: %q, want %q", methods, got, want)
		}
	}
}

func TestLevelsAreOrdered(t *testing.T) {
	for n, l := range Levels() {
		for m, wanted := range Levels() {
			if got := l.Satisfies(wanted); got != (n >= m) {
				t.Errorf("%s satisfies %s: %v", l, wanted, got)
			}
		}
		if l.Satisfies("") || Level("").Satisfies(l) {
			t.Errorf("%s and no level", l)
		}
	}
}
