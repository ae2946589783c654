package web_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/api/apitest"
	"keyturn/audit"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// people says the same of everybody.
type people struct{ reach, require accounts.Level }

func (p people) Reachable(context.Context, string) (accounts.Level, error)     { return p.reach, nil }
func (p people) RequiredLevel(context.Context, string) (accounts.Level, error) { return p.require, nil }

func (p people) TakesPasskeys() bool { return true }

// addressed is an issuer that is an IP address, which has no passkeys.
type addressed struct{ people }

func (addressed) TakesPasskeys() bool { return false }

// TestWhatIsAskedOfALevel: what the authorization endpoint does about somebody who is signed in by password.
func TestWhatIsAskedOfALevel(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	apitest.Register(t, s, "orders", apitest.WebApp())
	m := apitest.WebApp()
	m.RequiredACR = accounts.TwoFactors
	apitest.Register(t, s, "payroll", m)
	ctx, nowhere := context.Background(), audit.Actor{Kind: audit.System}
	who, err := s.Accounts.Authenticate(ctx, accounts.SignIn{Username: "spiderman", Password: apitest.Password, Actor: nowhere})
	if err != nil {
		t.Fatal(err)
	}
	session, _, err := s.Provider.Browsers.Start(ctx, who, keys.Secret{}, "", nowhere)
	if err != nil {
		t.Fatal(err)
	}
	essential := func(values string) []string {
		return []string{"claims", `{"id_token":{"acr":{"essential":true,` + values + `}}}`}
	}
	silently := func(more ...string) []string { return append(more, "prompt", "none") }
	const code, enroll, stepUp = "code", "enroll ", "step up "
	for _, of := range []struct {
		name   string
		people people
		client string
		more   []string
		want   string
	}{
		{"nothing is demanded", people{"1", ""}, "orders", nil, code},
		{"nothing is demanded of somebody who has more", people{"phr", ""}, "orders", nil, code},
		{"acr_values that are met", people{"phr", ""}, "orders", []string{"acr_values", "phr 2 1"}, code},
		{"acr_values that could be met (RFC 9470 5)", people{"2", ""}, "orders", []string{"acr_values", "phr 2"}, stepUp + "2"},
		{"a voluntary acr that could be met (OIDC Core 5.5.1)", people{"2", ""}, "orders", []string{"claims", `{"id_token":{"acr":{"value":"2"}}}`}, stepUp + "2"},
		{"acr_values that can't be met", people{"1", ""}, "orders", []string{"acr_values", "phr 2"}, code},
		{"acr_values, silently", people{"2", ""}, "orders", silently("acr_values", "2"), code},
		{"unknown acr_values", people{"2", ""}, "orders", []string{"acr_values", "gold"}, code},
		{"essential (OIDC Core 5.5.1.1)", people{"phr", ""}, "orders", essential(`"values":["2","phr"]`), stepUp + "2"},
		{"essential, out of reach", people{"2", ""}, "orders", essential(`"value":"phr"`), enroll + "phr"},
		{"essential, and met", people{"2", ""}, "orders", essential(`"values":["phr","1"]`), code},
		{"essential, silently (OIDC Core 3.1.2.6)", people{"phr", ""}, "orders", silently(essential(`"value":"phr"`)...), "login_required"},
		{"essential and out of reach, silently (OIDC Core 3.1.2.6)", people{"1", ""}, "orders", silently(essential(`"value":"phr"`)...), "interaction_required"},
		{"the client's own demand", people{"phr", ""}, "payroll", nil, stepUp + "2"},
		{"the client's own demand, with an acr that is weaker", people{"phr", ""}, "payroll", essential(`"value":"1"`), stepUp + "2"},
		{"the client's own demand, with an acr that is stronger", people{"phr", ""}, "payroll", essential(`"value":"phr"`), stepUp + "phr"},
		{"the client's own demand, silently", people{"phr", ""}, "payroll", silently(), "login_required"},
		{"the client's own demand, out of reach", people{"1", ""}, "payroll", nil, enroll + "2"},
		{"the groups' demand", people{"phr", "phr"}, "orders", nil, stepUp + "phr"},
		{"the groups' demand beside the client's", people{"phr", "phr"}, "payroll", nil, stepUp + "phr"},
		{"the groups' demand, out of reach", people{"2", "phr"}, "payroll", nil, enroll + "phr"},
	} {
		s.Provider.Ways, s.Provider.Demands = of.people, of.people
		stop, err := s.Provider.Authorize(ctx, apitest.Request(of.client, of.more...), oauth.Visit{Session: session, Actor: nowhere}, true)
		got := ""
		switch {
		case errors.Is(err, oauth.ErrLoginRequired):
			got = "login_required"
		case errors.Is(err, oauth.ErrInteractionRequired):
			got = "interaction_required"
		case err != nil:
			t.Fatalf("%s: %v", of.name, err)
		default:
			switch next := stop.Next.(type) {
			case oauth.Return:
				got = code
			case oauth.Enroll:
				got = enroll + string(next.Level)
			case oauth.SignIn:
				if got = stepUp + string(next.Level); next.Why != oauth.StepUp {
					got = string(next.Why)
				}
			}
		}
		if got != of.want {
			t.Errorf("%s: got %q, want %q", of.name, got, of.want)
		}
	}
	s.Advance(time.Minute)
	s.Provider.Ways, s.Provider.Demands = addressed{people{"2", ""}}, nil
	if _, err := s.Provider.Authorize(ctx, apitest.Request("orders", essential(`"value":"phr"`)...), oauth.Visit{Session: session, Actor: nowhere}, true); !errors.Is(err, oauth.ErrAuthenticationContext) {
		t.Errorf("a passkey where none can be had: %v", err)
	}
	s.Provider.Ways = nil
	if _, err := s.Provider.Authorize(ctx, apitest.Request("payroll"), oauth.Visit{Session: session, Actor: nowhere}, true); !errors.Is(err, oauth.ErrAuthenticationContext) {
		t.Errorf("where nobody can have a second factor: %v", err)
	}
}
