package oauth

import (
	"testing"

	"keyturn/accounts"
)

// TestReportedACR: OIDC Core section 5.5.1.1: of what was asked for, and else what was reached.
func TestReportedACR(t *testing.T) {
	for _, of := range []struct {
		essential, wished []string
		reached           accounts.Level
		want              string
	}{
		{nil, nil, accounts.OneFactor, "1"},
		{nil, nil, accounts.PhishingResistant, "phr"},
		{nil, []string{"1", "2", "phr"}, accounts.OneFactor, "1"},
		{nil, []string{"phr", "1", "2"}, accounts.TwoFactors, "2"},
		{nil, []string{"1"}, accounts.PhishingResistant, "1"},
		{nil, []string{"2", "1"}, accounts.PhishingResistant, "2"},
		{nil, []string{"phr"}, accounts.TwoFactors, "2"},
		{[]string{"gold", "2"}, []string{"phr"}, accounts.PhishingResistant, "2"},
		{[]string{"1"}, nil, accounts.TwoFactors, "1"},
	} {
		r := Request{Claims: ClaimsRequest{ACR: of.essential}, ACRValues: of.wished}
		if got := r.acr(of.reached); got != of.want {
			t.Errorf("essential %v, wished %v, reached %s: got %s, want %s", of.essential, of.wished, of.reached, got, of.want)
		}
	}
}

func TestDemandedLevel(t *testing.T) {
	for _, of := range []struct {
		values []string
		want   accounts.Level
	}{{nil, ""}, {[]string{"gold"}, ""}, {[]string{"phr", "2"}, "2"}, {[]string{"phr", "gold"}, "phr"}, {[]string{"2", "1"}, "1"}} {
		if got := weakest(of.values); got != of.want {
			t.Errorf("weakest of %v: got %q, want %q", of.values, got, of.want)
		}
	}
	for _, of := range [][3]accounts.Level{{"", "", ""}, {"", "2", "2"}, {"2", "", "2"}, {"2", "phr", "phr"}, {"phr", "2", "phr"}, {"1", "2", "2"}, {"2", "gold", "2"}} {
		if got := stronger(of[0], of[1]); got != of[2] {
			t.Errorf("stronger of %q and %q: got %q, want %q", of[0], of[1], got, of[2])
		}
	}
}
