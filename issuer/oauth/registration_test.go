package oauth

import (
	"encoding/json"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"keyturn/keys"
)

var ruleSettings = RegistrySettings{Issuer: "https://id.example.com", Audience: "api"}

// TestRedirectURIRegistration: RFC 6749 3.1.2 (absolute, no fragment), RFC 8252 7 (private-use schemes and
// loopback), RFC 9700 2.1 and 4.1.3 (nothing that leads elsewhere than it looks); requirement 11.
func TestRedirectURIRegistration(t *testing.T) {
	const no, confidential, public = "refused", "all", "public"
	for uri, want := range map[string]string{
		"https://app.example.com/callback":          confidential,
		"https://app.example.com":                   confidential,
		"https://app.example.com/":                  confidential,
		"https://app.example.com:8443/cb?x=1&y=..":  confidential, // RFC 6749 3.1.2: a query is kept
		"https://app.example.com/a.b/..c/.well/%20": confidential,
		"https://xn--bcher-kva.example/cb":          confidential,
		"https://192.0.2.7/cb":                      confidential,
		"https://[2001:db8::7]:8443/cb":             confidential,
		"http://127.0.0.1/cb":                       confidential,
		"http://127.0.0.1:3000/cb":                  confidential,
		"http://[::1]:3000/cb":                      confidential,
		"http://localhost:3000/cb":                  confidential,
		"com.example.app:/callback":                 public,
		"com.example.app://callback":                public,
		"com.Example.App:/callback":                 public,

		"":                                                     no,
		"/callback":                                            no,
		"//app.example.com/cb":                                 no,
		"app.example.com/cb":                                   no,
		"https://":                                             no,
		"https:///cb":                                          no,
		"https:app.example.com/cb":                             no,
		"https:/app.example.com/cb":                            no,
		"HTTPS://app.example.com/cb":                           no,
		"https://App.example.com/cb":                           no,
		"https://app.example.com/cb#":                          no,
		"https://app.example.com/cb#x":                         no,
		"https://app.example.com/cb?#x":                        no,
		"https://user@app.example.com/cb":                      no,
		"https://user:pass@app.example.com/cb":                 no,
		"https://@app.example.com/cb":                          no,
		"https://app.example.com%40evil.com/cb":                no,
		"https://app.example.com\\@evil.com/cb":                no,
		"https://app.example.com/a/../cb":                      no,
		"https://app.example.com/a/./cb":                       no,
		"https://app.example.com/..":                           no,
		"https://app.example.com/a/%2e%2e/cb":                  no,
		"https://app.example.com/a/.%2E/cb":                    no,
		"https://app.example.com/%2e":                          no,
		"https://app.example.com/a%5c..%5ccb":                  no,
		"https://app.example.com/cb%0d%0aX":                    no,
		"https://app.example.com/cb%":                          no,
		"https://app.example.com/cb?a=%zz":                     no,
		"https://app.example.com/cb?a=%1":                      no,
		"https://*.example.com/cb":                             no,
		"https://app.example.com/*":                            no,
		"https://app.example.com/cb?x=*":                       no,
		"https://app.example.com/c b":                          no,
		"https://app.example.com/cb\n":                         no,
		"https://app.example.com/\x00":                         no,
		"https://app.example.com/ü":                            no,
		"https://bücher.example/cb":                            no,
		"https://app.example.com/<x>":                          no,
		"https://app.example.com/\"x":                          no,
		"https://app.example.com/[x]":                          no,
		"https://app.example.com:/cb":                          no,
		"https://app.example.com:0/cb":                         no,
		"https://app.example.com:080/cb":                       no,
		"https://app.example.com:65536/cb":                     no,
		"https://app.example.com:x/cb":                         no,
		"https://app.example.com./cb":                          no,
		"https://.example.com/cb":                              no,
		"https://app..example.com/cb":                          no,
		"https://-app.example.com/cb":                          no,
		"https://127.1/cb":                                     no,
		"https://2130706433/cb":                                no,
		"https://0x7f.0.0.1/cb":                                no,
		"https://0177.0.0.1/cb":                                no,
		"https://[::ffff:127.0.0.1%25eth0]/cb":                 no,
		"https://[2001:DB8::7]/cb":                             no,
		"https://[::1/cb":                                      no,
		"http://app.example.com/cb":                            no,
		"http://127.0.0.1.example.com/cb":                      no,
		"http://127.0.0.2/cb":                                  no,
		"http://localhost.example.com/cb":                      no,
		"http://app.localhost/cb":                              no,
		"http://0.0.0.0/cb":                                    no,
		"javascript:alert(1)":                                  no,
		"JavaScript:alert(1)":                                  no,
		"data:text/html,x":                                     no,
		"file:///etc/passwd":                                   no,
		"vbscript:x":                                           no,
		"blob:https://app.example.com/x":                       no,
		"view-source:https://app.example.com":                  no,
		"about:blank":                                          no,
		"urn:ietf:wg:oauth:2.0:oob":                            no,
		"myapp:/callback":                                      no,
		"myapp://callback":                                     no,
		"com.example.app:callback":                             no,
		"com.example.app:":                                     no,
		"com.example.app:?x":                                   no,
		"com.example.app:/a/../b":                              no,
		"com.example.app://user@callback":                      no,
		".app:/callback":                                       no,
		"com..app:/callback":                                   no,
		"com.example.app.:/callback":                           no,
		"https://app.example.com/" + strings.Repeat("x", 2000): no,
	} {
		for _, method := range []AuthMethod{AuthBasic, AuthPost, AuthPrivateKeyJWT, AuthNone} {
			m := webClient()
			m.AuthMethod, m.RedirectURIs = method, []string{uri}
			if method == AuthPrivateKeyJWT {
				m.JWKSURI = "https://app.example.com/jwks.json"
			}
			logout := m
			logout.RedirectURIs, logout.PostLogoutRedirectURIs = webClient().RedirectURIs, m.RedirectURIs
			taken := want == confidential || want == public && method == AuthNone
			for param, m := range map[string]Metadata{"redirect_uris": m, "post_logout_redirect_uris": logout} {
				err := m.check(ruleSettings)
				if bad, ok := errors.AsType[*InvalidRequest](err); taken != (err == nil) || ok && bad.Param != param {
					t.Errorf("%q as %s with %s: %v, want %s", uri, param, method, err, want)
				}
			}
		}
	}
}

func TestRegistrationRules(t *testing.T) {
	many := func(n int) []string {
		list := make([]string, n)
		for i := range list {
			list[i] = "https://app.example.com/" + strings.Repeat("x", i+1)
		}
		return list
	}
	grace := func(d time.Duration) *Lifetime { return new(Lifetime(d)) }
	for _, test := range []struct {
		param string // "" where it is taken
		edit  func(m *Metadata)
	}{
		{"", func(m *Metadata) {}},
		{"", func(m *Metadata) { m.RedirectURIs = many(50) }},
		{"redirect_uris", func(m *Metadata) { m.RedirectURIs = many(51) }},
		{"redirect_uris", func(m *Metadata) { m.RedirectURIs = append(many(3), many(1)...) }},
		// RFC 6749 2.1, 3.1.2.2, 4.4, 6
		{"redirect_uris", func(m *Metadata) { m.RedirectURIs = nil }},
		{"grant_types", func(m *Metadata) { m.GrantTypes = nil }},
		{"grant_types", func(m *Metadata) { m.GrantTypes = []GrantType{"password"} }},
		{"grant_types", func(m *Metadata) { m.GrantTypes = []GrantType{"implicit", AuthorizationCode} }},
		{"grant_types", func(m *Metadata) { m.GrantTypes = []GrantType{AuthorizationCode, AuthorizationCode} }},
		{"grant_types", func(m *Metadata) { m.GrantTypes = []GrantType{RefreshTokenGrant} }},
		{"", func(m *Metadata) { m.GrantTypes = []GrantType{AuthorizationCode} }},
		{"scopes", func(m *Metadata) { m.GrantTypes = []GrantType{ClientCredentials} }},
		{"", func(m *Metadata) {
			m.GrantTypes, m.RedirectURIs, m.Scopes = []GrantType{ClientCredentials}, nil, []string{"orders:read"}
		}},
		{"grant_types", func(m *Metadata) {
			m.AuthMethod, m.GrantTypes, m.Scopes = AuthNone, []GrantType{ClientCredentials}, []string{"orders:read"}
		}},
		{"token_endpoint_auth_method", func(m *Metadata) { m.AuthMethod = "" }},
		{"token_endpoint_auth_method", func(m *Metadata) { m.AuthMethod = "client_secret_jwt" }},
		// RFC 6749 3.3
		{"", func(m *Metadata) { m.Scopes = []string{"openid", "a!#[]~:/"} }},
		{"scopes", func(m *Metadata) { m.Scopes = []string{"a b"} }},
		{"scopes", func(m *Metadata) { m.Scopes = []string{`a"b`} }},
		{"scopes", func(m *Metadata) { m.Scopes = []string{`a\b`} }},
		{"scopes", func(m *Metadata) { m.Scopes = []string{"é"} }},
		{"scopes", func(m *Metadata) { m.Scopes = []string{""} }},
		{"scopes", func(m *Metadata) { m.Scopes = []string{"a", "a"} }},
		{"scopes", func(m *Metadata) { m.Scopes = many(101) }},
		{"scopes", func(m *Metadata) { m.Scopes = []string{strings.Repeat("a", 101)} }},
		// RFC 8707 2
		{"", func(m *Metadata) { m.Resources = nil }},
		{"", func(m *Metadata) { m.Resources = []string{"api", "https://orders.example.com"} }},
		{"resources", func(m *Metadata) { m.Resources = []string{"api", "api"} }},
		{"resources", func(m *Metadata) { m.Resources = []string{""} }},
		{"resources", func(m *Metadata) { m.Resources = []string{"a b"} }},
		{"resources", func(m *Metadata) { m.Resources = []string{"https://id.example.com"} }},
		{"resources", func(m *Metadata) { m.Resources = []string{"https://id.example.com/admin/v1"} }},
		{"resources", func(m *Metadata) { m.Resources = many(21) }},
		{"introspect_resources", func(m *Metadata) { m.IntrospectResources = []string{"https://id.example.com/admin/v1"} }},
		// RFC 7591 2, OIDC Core 9
		{"jwks", func(m *Metadata) { m.AuthMethod = AuthPrivateKeyJWT }},
		{"", func(m *Metadata) { m.AuthMethod, m.JWKSURI = AuthPrivateKeyJWT, "https://app.example.com/jwks.json" }},
		{"", func(m *Metadata) { m.AuthMethod, m.JWKSURI = AuthPrivateKeyJWT, "http://localhost:3000/jwks.json" }},
		{"jwks", func(m *Metadata) {
			m.AuthMethod, m.JWKSURI, m.JWKS = AuthPrivateKeyJWT, "https://app.example.com/jwks.json", json.RawMessage(testJWKS)
		}},
		{"", func(m *Metadata) { m.AuthMethod, m.JWKS = AuthPrivateKeyJWT, json.RawMessage(testJWKS) }},
		{"jwks", func(m *Metadata) { m.JWKS = json.RawMessage(`{"keys": [`) }},
		{"jwks", func(m *Metadata) { m.JWKS = json.RawMessage(`{"keys": []}`) }},
		{"jwks", func(m *Metadata) { m.JWKS = json.RawMessage(`null`) }},
		{"jwks", func(m *Metadata) { m.JWKS = json.RawMessage(`{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}`) }},
		{"jwks", func(m *Metadata) {
			m.JWKS = json.RawMessage(strings.Replace(testJWKS, `"kty"`, `"d": "c2VjcmV0", "kty"`, 1))
		}},
		{"jwks", func(m *Metadata) { m.JWKS = json.RawMessage(`"` + strings.Repeat("x", maxJWKS) + `"`) }},
		{"jwks_uri", func(m *Metadata) { m.JWKSURI = "http://app.example.com/jwks.json" }},
		{"jwks_uri", func(m *Metadata) { m.JWKSURI = "https://app.example.com/jwks.json#x" }},
		{"jwks_uri", func(m *Metadata) { m.JWKSURI = "file:///etc/passwd" }},
		{"jwks_uri", func(m *Metadata) { m.JWKSURI = "https://[::ffff:7f00:1]/jwks.json" }},
		{"jwks_uri", func(m *Metadata) { m.JWKSURI = "https://[::ffff:127.0.0.1]/jwks.json" }},
		// The Fetch standard: an origin is scheme, host and port, and nothing else.
		{"", func(m *Metadata) { m.CORSOrigins = []string{"https://app.example.com", "http://localhost:5173"} }},
		{"cors_origins", func(m *Metadata) { m.CORSOrigins = []string{"*"} }},
		{"cors_origins", func(m *Metadata) { m.CORSOrigins = []string{"null"} }},
		{"cors_origins", func(m *Metadata) { m.CORSOrigins = []string{"https://*.example.com"} }},
		{"cors_origins", func(m *Metadata) { m.CORSOrigins = []string{"https://app.example.com/"} }},
		{"cors_origins", func(m *Metadata) { m.CORSOrigins = []string{"https://app.example.com?x"} }},
		{"cors_origins", func(m *Metadata) { m.CORSOrigins = []string{"https://app.example.com#"} }},
		{"cors_origins", func(m *Metadata) { m.CORSOrigins = []string{"https://App.example.com"} }},
		{"cors_origins", func(m *Metadata) { m.CORSOrigins = []string{"https://app.example.com:443"} }},
		{"cors_origins", func(m *Metadata) { m.CORSOrigins = []string{"http://localhost:80"} }},
		{"cors_origins", func(m *Metadata) { m.CORSOrigins = []string{"http://app.example.com"} }},
		{"cors_origins", func(m *Metadata) { m.CORSOrigins = []string{"com.example.app:/"} }},
		// RFC 7518 3.1; HMAC and none do not exist here
		{"", func(m *Metadata) { m.IDTokenAlgorithm, m.UserInfoAlgorithm = keys.EdDSA, keys.PS256 }},
		{"id_token_signed_response_alg", func(m *Metadata) { m.IDTokenAlgorithm = "HS256" }},
		{"id_token_signed_response_alg", func(m *Metadata) { m.IDTokenAlgorithm = "none" }},
		{"userinfo_signed_response_alg", func(m *Metadata) { m.UserInfoAlgorithm = "rs256" }},
		{"", func(m *Metadata) {
			m.AccessLifetime, m.RefreshLifetime, m.GrantLifetime = Lifetime(24*time.Hour), Lifetime(366*24*time.Hour), Lifetime(3660*24*time.Hour)
		}},
		{"access_token_lifetime", func(m *Metadata) { m.AccessLifetime = Lifetime(24*time.Hour + time.Second) }},
		{"access_token_lifetime", func(m *Metadata) { m.AccessLifetime = Lifetime(-time.Second) }},
		{"access_token_lifetime", func(m *Metadata) { m.AccessLifetime = Lifetime(1500 * time.Millisecond) }},
		{"refresh_token_lifetime", func(m *Metadata) { m.RefreshLifetime = Lifetime(367 * 24 * time.Hour) }},
		{"grant_lifetime", func(m *Metadata) { m.GrantLifetime = Lifetime(3661 * 24 * time.Hour) }},
		{"", func(m *Metadata) { m.RefreshGrace = grace(0) }},
		{"", func(m *Metadata) { m.RefreshGrace = grace(600 * time.Second) }},
		{"refresh_grace", func(m *Metadata) { m.RefreshGrace = grace(601 * time.Second) }},
		{"refresh_grace", func(m *Metadata) { m.RefreshGrace = grace(time.Millisecond) }},
		{"", func(m *Metadata) { m.DefaultMaxAge = new(int64(0)) }},
		{"default_max_age", func(m *Metadata) { m.DefaultMaxAge = new(int64(-1)) }},
		{"default_max_age", func(m *Metadata) { m.DefaultMaxAge = new(int64(1 << 40)) }},
		{"", func(m *Metadata) { m.RequiredACR = "phr" }},
		{"required_acr", func(m *Metadata) { m.RequiredACR = "1" }},
		{"required_acr", func(m *Metadata) { m.RequiredACR = "gold" }},
		// Back-Channel Logout 2.2, Front-Channel Logout 2
		{"", func(m *Metadata) { m.BackchannelLogoutURI = "https://logout.example.org/x?y" }},
		{"backchannel_logout_uri", func(m *Metadata) { m.BackchannelLogoutURI = "https://app.example.com/x#y" }},
		{"backchannel_logout_uri", func(m *Metadata) { m.BackchannelLogoutURI = "http://app.example.com/x" }},
		{"", func(m *Metadata) { m.FrontchannelLogoutURI = "https://app.example.com/x?y" }},
		{"frontchannel_logout_uri", func(m *Metadata) { m.FrontchannelLogoutURI = "https://app.example.com:8443/x" }},
		{"frontchannel_logout_uri", func(m *Metadata) { m.FrontchannelLogoutURI = "https://other.example.com/x" }},
		{"frontchannel_logout_uri", func(m *Metadata) { m.FrontchannelLogoutURI = "https://app.example.com.evil.com/x" }},
		{"frontchannel_logout_uri", func(m *Metadata) { m.FrontchannelLogoutURI = "https://app.example.com/x#" }},
		// OIDC Dynamic Client Registration 2
		{"", func(m *Metadata) { m.InitiateLoginURI = "https://app.example.com/login" }},
		{"", func(m *Metadata) { m.InitiateLoginURI = "http://localhost:3000/login" }},
		{"initiate_login_uri", func(m *Metadata) { m.InitiateLoginURI = "http://app.example.com/login" }},
		{"", func(m *Metadata) {
			m.ClientURI, m.LogoURI, m.PolicyURI, m.TermsURI = "https://app.example.com", "https://cdn.example.net/logo.png", "https://example.com/policy#short", "https://example.com/terms"
		}},
		{"client_uri", func(m *Metadata) { m.ClientURI = "javascript:alert(1)" }},
		{"logo_uri", func(m *Metadata) { m.LogoURI = "data:image/png;base64,AAAA" }},
		{"policy_uri", func(m *Metadata) { m.PolicyURI = "http://example.com/policy" }},
		{"tos_uri", func(m *Metadata) { m.TermsURI = "/terms" }},
		// What people decide by
		{"", func(m *Metadata) { m.Name = "Bücher & 注文 (beta) 🎉" }},
		{"", func(m *Metadata) { m.Name = strings.Repeat("é", 100) }},
		{"client_name", func(m *Metadata) { m.Name = strings.Repeat("é", 101) }},
		{"client_name", func(m *Metadata) { m.Name = "a\nb" }},
		{"client_name", func(m *Metadata) { m.Name = "a\u202eb" }},
		{"client_name", func(m *Metadata) { m.Name = "a\u2066b" }},
		{"client_name", func(m *Metadata) { m.Name = "a\u200bb" }},
		{"client_name", func(m *Metadata) { m.Name = "a\u3164" }},
		{"client_name", func(m *Metadata) { m.Name = "a\ufe0f" }},
		{"client_name", func(m *Metadata) { m.Name = "a\u2028b" }},
		{"client_name", func(m *Metadata) { m.Name = "a\xff" }},
		{"client_name", func(m *Metadata) { m.Name = " " }},
		{"", func(m *Metadata) { m.Contacts = []string{"team@example.com"} }},
		{"contacts", func(m *Metadata) { m.Contacts = []string{""} }},
		{"contacts", func(m *Metadata) { m.Contacts = []string{"a\nb"} }},
		{"contacts", func(m *Metadata) { m.Contacts = many(11) }},
	} {
		m := webClient()
		test.edit(&m)
		err := m.check(ruleSettings)
		bad, ok := errors.AsType[*InvalidRequest](err)
		if test.param == "" && err != nil || test.param != "" && (!ok || bad.Param != test.param) {
			text, _ := json.Marshal(m)
			t.Errorf("%s: got %v, want a problem with %q", text, err, test.param)
		}
	}
}

// testJWKS is the key of RFC 7517 appendix A.1.
const testJWKS = `{"keys": [{"kty": "EC", "crv": "P-256", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}`

func TestClientIDs(t *testing.T) {
	for id, good := range map[string]bool{
		"web": true, "A": true, "7": true, "my-app_2.0": true, strings.Repeat("x", 64): true, "keyturn": true, "9d6eb919-664d-4748": true,
		"": false, strings.Repeat("x", 65): false, "-x": false, ".x": false, "..": false, "_x": false, "a b": false, "a/b": false, "a:b": false,
		"https://app.example.com": false, "ä": false, "a\n": false, "a\x00": false, "a%20": false, "a+b": false,
		"token-pair": false, "keyturn-cli": false,
		"9d6eb919-664d-4748-b52d-265009d776b0": false, "9D6EB919-664D-4748-B52D-265009D776B0": false, "9d6eb919664d4748b52d265009d776b0": false,
	} {
		if problem := idProblem(id); problem.IsZero() != good {
			t.Errorf("%q: %q, want good %v", id, problem, good)
		}
	}
}

// RFC 6749 10.10 and appendix A.2
func TestOwnSecrets(t *testing.T) {
	for text, good := range map[string]bool{
		"Zm9vYmFyYmF6cXV4cXV1eGNvcmdlZ3Jh": true, strings.Repeat("0123456789abcdef", 32): true, "`~!@#$%^&*()_+[]{}|;:',./<>?abcdef": true,
		"": false, "Zm9vYmFyYmF6cXV4cXV1eGNvcmdlZ3J": false, strings.Repeat("0123456789abcdef", 32) + "0": false,
		"Zm9vYmFyYmF6cXV4cXV1eGNvcmdlZ3Jh\n": false, "Zm9vYmFy YmF6cXV4cXV1eGNvcmdlZ3Jh": false, "Zm9vYmFyYmF6cXV4cXV1eGNvcmdlZ3Jhé": false,
		strings.Repeat("a", 40): false, strings.Repeat("secret", 8): false,
	} {
		problem := secretProblem(keys.SecretOf(text))
		if problem.IsZero() != good {
			t.Errorf("%q: %q, want good %v", text, problem, good)
		}
		if text != "" && strings.Contains(problem.String(), text) {
			t.Errorf("the problem repeats the secret: %s", problem)
		}
	}
}

// FuzzRedirectURIRegistration: whatever is registered leads, read as the standard library reads URLs, where it
// looks to lead, and carries nothing that a browser rewrites.
func FuzzRedirectURIRegistration(f *testing.F) {
	for _, seed := range []string{
		"https://app.example.com/callback", "http://127.0.0.1:3000/cb?x=1", "http://[::1]/", "com.example.app:/callback", "com.example.app://x",
		"https://a@b/", "https://a/../b", "https://a/%2e%2e", "https://a\\@b", "javascript:alert(1)//.x", "https://a:443", "https://127.1/", "a.b:c",
		"https://[::ffff:1.2.3.4]/", "https://a?b#c", "https://a/%", "http://localhost", "https://xn--a", "x.y:/" + "%41",
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, uri string, public bool) {
		if problem := redirectURIProblem(uri, public); !problem.IsZero() {
			return
		}
		u, err := url.Parse(uri)
		if err != nil || !u.IsAbs() || u.Fragment != "" || u.User != nil || u.Opaque != "" || len(uri) > maxURI || strings.ContainsAny(uri, "#*\\") {
			t.Fatalf("took %q, which is %#v (%v)", uri, u, err)
		}
		for i := range len(uri) {
			if uri[i] <= ' ' || uri[i] >= 0x7f {
				t.Fatalf("took %q", uri)
			}
		}
		// RFC 3986 section 5.2.4: what a browser asks for is what is written.
		if went := u.ResolveReference(u).EscapedPath(); u.Path != "" && went != u.EscapedPath() {
			t.Fatalf("%q leads to %q", uri, went)
		}
		switch u.Scheme {
		case "https", "http":
			if u.Hostname() != strings.ToLower(u.Hostname()) || u.Hostname() == "" {
				t.Fatalf("took host %q", u.Hostname())
			}
			address, err := netip.ParseAddr(u.Hostname())
			loopback := u.Hostname() == "localhost" || err == nil && address.IsLoopback()
			if u.Scheme == "http" && !loopback {
				t.Fatalf("took %q without TLS", uri)
			}
		default:
			if !public || !strings.Contains(u.Scheme, ".") {
				t.Fatalf("took scheme %q, public %v", u.Scheme, public)
			}
		}
	})
}
