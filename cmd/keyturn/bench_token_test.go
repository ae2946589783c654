package main

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"keyturn/api/oauth"
	"keyturn/audit"
	"keyturn/issuer"
	domain "keyturn/issuer/oauth"
	"keyturn/keys"
	"keyturn/storage/storagetest"
)

// BenchmarkClientCredentials: POST /oauth2/token of a service that shows its secret. The clients are processes of
// their own, so that the CPU time is the servers'.
func BenchmarkClientCredentials(b *testing.B) {
	for _, of := range []struct {
		database  string
		algorithm keys.Algorithm
		method    domain.AuthMethod
	}{
		{"PostgreSQL", keys.EdDSA, domain.AuthBasic},
		{"PostgreSQL", keys.RS256, domain.AuthBasic},
		{"SQLite", keys.EdDSA, domain.AuthBasic},
		{"SQLite", keys.EdDSA, domain.AuthPost},
		{"SQLite", keys.RS256, domain.AuthBasic},
	} {
		b.Run(fmt.Sprintf("%s/%s/%s", of.database, of.algorithm, of.method), func(b *testing.B) {
			var postgres *postgresServer
			database := ""
			if of.database == "SQLite" {
				database = storagetest.SQLite(b)
			} else {
				database, postgres = durablePostgres(b)
			}
			service := newService(of.algorithm, of.method)
			s := startServer(b, database, string(of.algorithm), func(a *app) { service.register(b, a) })
			bare := newSigning(b)
			compare(b, postgres,
				newCrowd(b, "client_credentials", s.config.Listen, service.request()),
				newCrowd(b, "bare token endpoint", bareTokenEndpoint(b, oauth.TokenPath, of.algorithm, service.claims(b, s), serviceScope), service.request()),
				everywhere("bare signature", 2, func() error { return bare.sign(of.algorithm) }))
		})
	}
}

// service is a client that gets tokens for itself.
type service struct {
	algorithm keys.Algorithm
	method    domain.AuthMethod
	secret    keys.Secret
}

const (
	serviceID       = "reports"
	serviceResource = "orders"
	serviceScope    = "orders:read orders:write"
)

func newService(a keys.Algorithm, m domain.AuthMethod) service {
	return service{a, m, keys.NewSecret()}
}

func (s service) register(b *testing.B, a *app) {
	scopes := strings.Fields(serviceScope)
	if err := a.issuer.CreateResource(b.Context(), issuer.Resource{
		Identifier: serviceResource, Algorithm: s.algorithm, Scopes: scopes,
	}, audit.Actor{Kind: audit.System, Rights: audit.ManageAll}); err != nil {
		b.Fatal(err)
	}
	if _, _, err := a.clients.Create(b.Context(), domain.NewClient{ID: serviceID, Secret: s.secret, Metadata: domain.Metadata{
		AuthMethod: s.method, GrantTypes: []domain.GrantType{domain.ClientCredentials}, Resources: []string{serviceResource}, Scopes: scopes,
	}}, audit.Actor{Kind: audit.System, Rights: audit.ManageAll}); err != nil {
		b.Fatal(err)
	}
}

// request is the whole request, as it is written.
func (s service) request() string {
	form, header := url.Values{"grant_type": {"client_credentials"}, "scope": {serviceScope}}, ""
	if s.method == domain.AuthPost {
		form.Set("client_id", serviceID)
		form.Set("client_secret", s.secret.Reveal())
	} else {
		header = "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(serviceID+":"+s.secret.Reveal())) + "\r\n"
	}
	body := form.Encode()
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: bench\r\n%sContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
		oauth.TokenPath, header, len(body), body)
}

// claims are those of a token that the service gets, for the floor to sign as many bytes.
func (s service) claims(b *testing.B, running *server) []byte {
	answer, err := newCaller(b, running.config.Listen).exchange([]byte(s.request()))
	if err != nil {
		b.Fatal(err)
	}
	token := member(answer, "access_token")
	verified, err := running.keys.Verify(b.Context(), token)
	if err != nil || verified.Algorithm != s.algorithm || !strings.Contains(string(verified.Claims), serviceScope) {
		b.Fatalf("%+v, %v", verified, err)
	}
	return verified.Claims
}
