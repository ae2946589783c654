package oauth_test

import (
	"context"
	"crypto/sha512"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"keyturn/api/apitest"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/keys"
)

// TestAtHashIsOfTheAlgorithmThatSigns: OIDC Core section 3.1.3.6, also while another key stands in for one in its lead.
func TestAtHashIsOfTheAlgorithmThatSigns(t *testing.T) {
	s := apitest.New(t, func(c *apitest.Config) { c.Settings.Algorithm = keys.RS256 })
	s.AddUser(t, "spiderman")
	m := apitest.WebApp()
	m.IDTokenAlgorithm = keys.EdDSA
	secret := apitest.Register(t, s, "orders", m)
	own := s.Keys.Policy
	s.Keys.Policy = func() keys.Policy {
		p := own()
		p.Algorithms = append(p.Algorithms, s.Clients.Algorithms()...)
		return p
	}
	if err := s.Keys.Maintain(context.Background()); err != nil {
		t.Fatal(err)
	}
	b := apitest.NewBrowser(t, s)
	_, tokens := apitest.Token(t, s, "orders", secret, apitest.Redeem(newCode(t, b, apitest.Request("orders"))))
	c := claims(t, s, tokens["id_token"].(string))
	v, err := s.Keys.Verify(context.Background(), tokens["id_token"].(string))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512([]byte(tokens["access_token"].(string)))
	is512 := c["at_hash"] == base64.RawURLEncoding.EncodeToString(sum[:32])
	if is512 != (v.Algorithm == keys.EdDSA) {
		t.Errorf("at_hash is SHA-512: %v, alg is %s", is512, v.Algorithm)
	}
}

// TestARefusedRefreshConsumesNothing: RFC 6749 section 6: a registration that was narrowed refuses the refresh, and one that was widened again takes the same token.
func TestARefusedRefreshConsumesNothing(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	m := apitest.WebApp()
	secret := apitest.Register(t, s, "orders", m)
	b := apitest.NewBrowser(t, s)
	_, tokens := apitest.Token(t, s, "orders", secret, apitest.Redeem(newCode(t, b, apitest.Request("orders"))))
	without := s.Clients.Defaults(m)
	without.Resources = []string{}
	if _, err := s.Clients.Update(context.Background(), "orders", without, apitest.System); err != nil {
		t.Fatal(err)
	}
	status, got := apitest.Token(t, s, "orders", secret, refreshForm(tokens))
	t.Log(status, got)
	s.Advance(time.Minute)
	status, got = apitest.Token(t, s, "orders", secret, refreshForm(tokens))
	t.Log(status, got)
	if _, err := s.Clients.Update(context.Background(), "orders", s.Clients.Defaults(m), apitest.System); err != nil {
		t.Fatal(err)
	}
	status, got = apitest.Token(t, s, "orders", secret, refreshForm(tokens))
	if status != 200 {
		t.Errorf("the resource is back; the refresh token that never gave anything: %d %v", status, got)
	}
}

// TestNothingIsConsumedThatCantBeAnswered: told to try again, the client can (RFC 6749 section 4.1.2: a code comes once).
func TestNothingIsConsumedThatCantBeAnswered(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	secret := apitest.Register(t, s, "orders", apitest.WebApp())
	b := apitest.NewBrowser(t, s)
	code := newCode(t, b, apitest.Request("orders"))
	real := s.Issuer.Keys
	s.Issuer.Keys = noSign{real}
	status, got := apitest.Token(t, s, "orders", secret, apitest.Redeem(code))
	t.Log(status, got)
	s.Issuer.Keys = real
	status, got = apitest.Token(t, s, "orders", secret, apitest.Redeem(code))
	if status != 200 {
		t.Errorf("told to try again with the same request; then: %d %v", status, got)
	}
}

type noSign struct{ issuer.Keys }

func (noSign) Sign(keys.SignRequest) (string, error)          { return "", keys.ErrNoSigningKey }
func (noSign) Signs(keys.SignRequest) (keys.Algorithm, error) { return "", keys.ErrNoSigningKey }

// TestReuseIsToldOfTheClient: RFC 9700 section 4.14.2, under its name in the audit log.
func TestReuseIsToldOfTheClient(t *testing.T) {
	s := apitest.New(t, func(c *apitest.Config) { c.Settings.Grace = 0 })
	s.AddUser(t, "spiderman")
	secret := apitest.Register(t, s, "orders", apitest.WebApp())
	b := apitest.NewBrowser(t, s)
	_, tokens := apitest.Token(t, s, "orders", secret, apitest.Redeem(newCode(t, b, apitest.Request("orders"))))
	rec := &recorder{Store: s.Issuer.Store}
	s.Issuer.Store = rec
	apitest.Token(t, s, "orders", secret, refreshForm(tokens))
	apitest.Token(t, s, "orders", secret, refreshForm(tokens))
	if rec.actor.Kind != audit.Client {
		t.Errorf("the authenticated client is told of as %q", rec.actor.Kind)
	}
}

type recorder struct {
	issuer.Store
	actor audit.Actor
}

func (r *recorder) JudgeGrant(ctx context.Context, id string, rv issuer.Revocation, d func(*issuer.Grant, time.Time) error) (issuer.Grant, error) {
	r.actor = rv.Event.Actor
	return r.Store.JudgeGrant(ctx, id, rv, d)
}

// TestClaimsNameOnePerson: OIDC Core section 5.5.1.
func TestClaimsNameOnePerson(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	apitest.Register(t, s, "orders", apitest.WebApp())
	b := apitest.NewBrowser(t, s)
	p := b.Authorize(apitest.Request("orders", "claims", `{"id_token":{"sub":{"value":"a"}},"userinfo":{"sub":{"value":"b"}}}`))
	if !strings.Contains(p.Location, "error=invalid_request") {
		t.Errorf("two people are named: %s", p.Location)
	}
	p = b.Authorize(apitest.Request("orders", "max_age", "+5"))
	if !strings.Contains(p.Location, "error=invalid_request") {
		t.Errorf("max_age=+5: %s", p.Location)
	}
}

// TestAScopeIsNoClaim: whoever allows a scope of some resource has not allowed the claim of that name (OIDC Core section 5.5).
func TestAScopeIsNoClaim(t *testing.T) {
	s := apitest.New(t)
	u := s.AddUser(t, "spiderman")
	if err := s.Issuer.CreateResource(context.Background(), issuer.Resource{Identifier: "stock", Scopes: []string{"claim:phone_number"}}, apitest.System); err != nil {
		t.Fatal(err)
	}
	_ = u
	if err := s.Issuer.LoadResources(context.Background()); err != nil {
		t.Fatal(err)
	}
	m := apitest.WebApp()
	m.FirstParty, m.Resources = false, []string{"stock"}
	apitest.Register(t, s, "orders", m)
	b := apitest.NewBrowser(t, s)
	p := b.SignIn(apitest.Request("orders", "scope", "openid claim:phone_number"), "spiderman", apitest.Password)
	_ = p
	i := strings.Index(p.Body, `name="session" value="`)
	if i < 0 {
		t.Fatal(p.Body)
	}
	session, _, _ := strings.Cut(p.Body[i+len(`name="session" value="`):], `"`)
	b.Post(apitest.Action.FindStringSubmatch(p.Body)[1], map[string][]string{"decision": {"allow"}, "session": {session}})
	p = b.Authorize(apitest.Request("orders", "scope", "openid", "claims", `{"userinfo":{"phone_number":null}}`))
	if strings.HasPrefix(p.Location, apitest.Callback) {
		t.Errorf("a scope that was allowed counts as the claim of that name: %s", p.Location)
	}
}
