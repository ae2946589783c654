package oauth

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"keyturn/issuer"
	"keyturn/keys"
)

// noKeys verifies nothing.
type noKeys struct{}

func (noKeys) Sign(keys.SignRequest) (string, error)          { return "", keys.ErrNoSigningKey }
func (noKeys) Signs(keys.SignRequest) (keys.Algorithm, error) { return "", keys.ErrNoSigningKey }
func (noKeys) Verify(context.Context, string) (keys.Verified, error) {
	return keys.Verified{}, keys.ErrInvalidToken
}

func fuzzProvider(t testing.TB) *Provider {
	t.Helper()
	store := &clientStore{counter: 1, rows: map[string]clientRow{"orders": {changed: 1, Client: Client{
		ID: "orders", Enabled: true, Metadata: Metadata{
			AuthMethod: AuthNone, GrantTypes: []GrantType{AuthorizationCode, RefreshTokenGrant}, Resources: []string{"api"},
			RedirectURIs: []string{"https://app.example.com/cb", "http://127.0.0.1/cb"},
		},
	}}}}
	clients := &Registry{Store: store, Now: time.Now, Settings: RegistrySettings{MaxStaleness: time.Hour}}
	if err := clients.Load(context.Background()); err != nil {
		t.Fatal(err)
	}
	return &Provider{
		Clients: clients, Now: time.Now, Assertions: &Assertions{Keys: &ClientKeys{Now: time.Now}},
		Issuer: &issuer.Issuer{Keys: noKeys{}, Now: time.Now, Settings: issuer.Settings{Issuer: "https://id.example.com", Audience: "api"}},
	}
}

// FuzzAuthorizationRequest: whatever comes, the browser is sent to a registered place or nowhere, and a request that
// passes holds no more than what was checked (RFC 6749 section 4.1.2.1).
func FuzzAuthorizationRequest(f *testing.F) {
	f.Add("client_id=orders&redirect_uri=https%3A%2F%2Fapp.example.com%2Fcb&response_type=code&scope=openid&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256&state=x")
	f.Add("client_id=orders&redirect_uri=http%3A%2F%2F127.0.0.1%3A99%2Fcb&response_type=token&claims=%7B%22userinfo%22%3A%7B%22name%22%3Anull%7D%7D")
	f.Add("client_id=orders&redirect_uri=http://127.0.0.1:99@evil.example/cb&prompt=none+login&max_age=-1&request=a.b.c")
	f.Add("client_id=orders&client_id=x&resource=api&resource=b&ui_locales=de&id_token_hint=x&request_uri=http://x")
	p := fuzzProvider(f)
	f.Fuzz(func(t *testing.T, query string) {
		params, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		d, err := p.check(context.Background(), params)
		if refused, ok := errors.AsType[*Refused](err); ok {
			answer := refused.Answer("invalid_request", "x")
			fields := answer.params
			if answer.to.uri == "" || len(fields) < 3 {
				t.Fatalf("refused to %q with %v", answer.to.uri, fields)
			}
			registered(t, answer.to.uri)
			return
		}
		if err != nil {
			return
		}
		registered(t, d.req.RedirectURI)
		if d.req.Challenge == "" || d.req.ClientID != "orders" || d.req.Resource != "api" || !within(d.req.Scopes, issuer.StandardScopes) {
			t.Fatalf("passed: %+v", d.req)
		}
		if len(d.req.State) > maxState || len(d.req.Nonce) > maxState {
			t.Fatalf("passed with %d and %d bytes", len(d.req.State), len(d.req.Nonce))
		}
	})
}

// registered fails for a URI whose browser would go anywhere but to the registered hosts.
func registered(t *testing.T, uri string) {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	web := u.Scheme == "https" && u.Host == "app.example.com"
	loopback := u.Scheme == "http" && u.Hostname() == "127.0.0.1"
	if !web && !loopback || u.User != nil || u.Path != "/cb" || strings.ContainsAny(uri, "\\\r\n\x00") {
		t.Fatalf("the browser goes to %q", uri)
	}
}

// FuzzRedirectMatching: a loopback URI that matches with another port leads to the same host and path (RFC 8252
// section 7.3).
func FuzzRedirectMatching(f *testing.F) {
	for _, uri := range []string{"http://127.0.0.1:1/cb", "http://127.0.0.1:1@x/cb", "http://[::1]:80/cb", "http://127.0.0.1:/cb", "http://127.0.0.1/cb?"} {
		f.Add(uri)
	}
	c := &Client{Metadata: Metadata{AuthMethod: AuthNone, RedirectURIs: []string{"http://127.0.0.1/cb"}}}
	f.Fuzz(func(t *testing.T, uri string) {
		if _, err := c.redirectTo(uri); err == nil {
			registered(t, uri)
		}
	})
}
