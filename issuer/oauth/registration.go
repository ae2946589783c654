package oauth

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"keyturn/accounts"
	"keyturn/audit/sentence"
	"keyturn/issuer"
	"keyturn/keys"
)

const (
	maxResources  = 20
	maxClientName = 100 // characters
	maxContacts   = 10  // each of at most maxContact bytes
	maxContact    = 254 // an e-mail address, RFC 5321 section 4.5.3.1.3
	maxJWKS       = 16 << 10
	minSecret     = 32 // bytes of a secret that an operator brings
	maxSecret     = 512
	// maxMaxAge is ten years, in seconds.
	maxMaxAge = 10 * 366 * 24 * 60 * 60
)

// UsesSecret tells whether clients that authenticate so have secrets.
func (m AuthMethod) UsesSecret() bool { return m == AuthBasic || m == AuthPost }

// clientID is the form of an id: it stands in URLs, tokens, logs and on command lines as it is.
var clientID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// idProblem says why a client can't have the id, nothing where it can. Those of users are UUIDs, so that the sub of
// a token is never both, and ids that are URLs belong to clients that describe themselves there.
func idProblem(id string) sentence.Sentence {
	switch {
	case !clientID.MatchString(id):
		return sentence.Say("must have 1 to 64 letters, digits, dots, dashes and underscores, the first a letter or digit")
	case uuid.Validate(id) == nil:
		return sentence.Say("must not be a UUID, as the ids of users are")
	case id == issuer.TokenPairClient || id == issuer.AdminCLIClient:
		return sentence.Say("is reserved for Keyturn itself")
	}
	return sentence.Sentence{}
}

// secretProblem says why a secret that somebody else made can't be used, nothing where it can. Its strength can't be
// measured; what is certainly weak is refused, since only a fast hash is stored (RFC 6749 section 10.10).
func secretProblem(s keys.Secret) sentence.Sentence {
	text := s.Reveal()
	distinct := map[rune]bool{}
	for _, c := range text {
		distinct[c] = true
	}
	switch {
	case len(text) < minSecret || len(text) > maxSecret:
		return sentence.Say("must have %d to %d characters; leave it out and one is made", minSecret, maxSecret)
	case strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' }): // RFC 6749 appendix A.2, less the blank
		return sentence.Say("must hold printable ASCII only, without blanks")
	case len(distinct) < 8:
		return sentence.Say("must be random; leave it out and one is made")
	}
	return sentence.Sentence{}
}

// withDefaults is m with what is left out of a new registration.
func (m Metadata) withDefaults(s RegistrySettings) Metadata {
	if m.AuthMethod == "" {
		m.AuthMethod = AuthBasic
	}
	if m.GrantTypes == nil {
		m.GrantTypes = []GrantType{AuthorizationCode, RefreshTokenGrant}
	}
	if m.Resources == nil {
		m.Resources = []string{}
		// What is the team's own, or acts for itself, is here for the API. What anybody else's app may do there in a
		// person's name has to be said.
		if m.FirstParty || !slices.Contains(m.GrantTypes, AuthorizationCode) {
			m.Resources = []string{s.Audience}
		}
	}
	return m
}

// check tells whether the metadata can be registered; *InvalidRequest with the member's name where it can't.
func (m *Metadata) check(s RegistrySettings) error {
	for _, rule := range []func(*Metadata, RegistrySettings) error{
		(*Metadata).checkShown, (*Metadata).checkRedirects, (*Metadata).checkGrants, (*Metadata).checkKeys,
		(*Metadata).checkResources, (*Metadata).checkOrigins, (*Metadata).checkAlgorithms, (*Metadata).checkLifetimes,
		(*Metadata).checkLevel,
		(*Metadata).checkRequestURIs, (*Metadata).checkLogout, (*Metadata).checkPages,
	} {
		if err := rule(m, s); err != nil {
			return err
		}
	}
	return nil
}

// checkShown checks what people are shown: whoever decides by a name must see all of it.
func (m *Metadata) checkShown(RegistrySettings) error {
	switch {
	case utf8.RuneCountInString(m.Name) > maxClientName:
		return invalid("client_name", "must have at most %d characters", maxClientName)
	case unseen(m.Name):
		return invalid("client_name", "must not hold control, invisible or direction-changing characters")
	case strings.TrimSpace(m.Name) != m.Name:
		return invalid("client_name", "must not have blanks at an end")
	case len(m.Contacts) > maxContacts:
		return invalid("contacts", "must be at most %d", maxContacts)
	}
	for n, contact := range m.Contacts {
		if contact == "" || len(contact) > maxContact || unseen(contact) {
			return invalidItem("contacts", n, sentence.Say("must have 1 to %d bytes, without control or invisible characters", maxContact))
		}
	}
	return nil
}

// unseen tells whether a text holds what can't be seen, or changes how the rest looks.
func unseen(text string) bool {
	return !utf8.ValidString(text) || strings.ContainsFunc(text, func(c rune) bool {
		return unicode.In(c, unicode.C, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
	})
}

func (m *Metadata) checkRedirects(RegistrySettings) error {
	public := m.AuthMethod == AuthNone
	redirect := func(uri string) sentence.Sentence { return redirectURIProblem(uri, public) }
	if err := checkEach("redirect_uris", m.RedirectURIs, maxURIs, redirect); err != nil {
		return err
	}
	return checkEach("post_logout_redirect_uris", m.PostLogoutRedirectURIs, maxURIs, redirect)
}

// checkEach checks a list of at most limit texts, of which none may be there twice.
func checkEach(param string, list []string, limit int, problemOf func(string) sentence.Sentence) error {
	if len(list) > limit {
		return invalid(param, "must be at most %d", limit)
	}
	for n, item := range list {
		if problem := problemOf(item); !problem.IsZero() {
			return invalidItem(param, n, problem)
		}
		if slices.Contains(list[:n], item) {
			return invalidItem(param, n, sentence.Say("must not be there twice"))
		}
	}
	return nil
}

// checkGrants holds grant types to what they need (RFC 6749 sections 2.1, 3.1.2.2 and 4.4).
func (m *Metadata) checkGrants(RegistrySettings) error {
	if !slices.Contains([]AuthMethod{AuthNone, AuthBasic, AuthPost, AuthPrivateKeyJWT}, m.AuthMethod) {
		return invalid("token_endpoint_auth_method", "must be none, client_secret_basic, client_secret_post or private_key_jwt")
	}
	for n, g := range m.GrantTypes {
		switch {
		case g != AuthorizationCode && g != RefreshTokenGrant && g != ClientCredentials:
			return invalid("grant_types", "knows only authorization_code, refresh_token and client_credentials")
		case slices.Contains(m.GrantTypes[:n], g):
			return invalid("grant_types", "must not hold one twice")
		}
	}
	if problem := issuer.ScopesProblem(m.Scopes); !problem.IsZero() {
		return &InvalidRequest{"scopes", problem}
	}
	has := func(g GrantType) bool { return slices.Contains(m.GrantTypes, g) }
	switch {
	case len(m.GrantTypes) == 0:
		return invalid("grant_types", "must not be empty")
	case has(AuthorizationCode) && len(m.RedirectURIs) == 0:
		return invalid("redirect_uris", "must name at least one for the grant type authorization_code")
	case has(RefreshTokenGrant) && !has(AuthorizationCode):
		return invalid("grant_types", "has refresh_token without authorization_code, from which refresh tokens come")
	case has(ClientCredentials) && m.AuthMethod == AuthNone:
		return invalid("grant_types", "has client_credentials, which a public client can't have")
	case has(ClientCredentials) && len(m.Scopes) == 0:
		return invalid("scopes", "must be named for the grant type client_credentials")
	}
	return nil
}

// checkKeys holds the client's own keys to RFC 7591 section 2.
func (m *Metadata) checkKeys(RegistrySettings) error {
	switch {
	case len(m.JWKS) > 0 && m.JWKSURI != "":
		return invalid("jwks", "must not be given together with jwks_uri")
	case m.AuthMethod == AuthPrivateKeyJWT && len(m.JWKS) == 0 && m.JWKSURI == "":
		return invalid("jwks", "must be given for private_key_jwt, or jwks_uri in its place")
	case len(m.JWKS) > maxJWKS:
		return invalid("jwks", "must have at most %d bytes", maxJWKS)
	}
	if len(m.JWKS) > 0 {
		_, err := keys.ParseForeignKeys(m.JWKS)
		if bad, ok := errors.AsType[*keys.BadKeys](err); ok {
			return &InvalidRequest{"jwks", bad.Problem}
		}
		if err != nil {
			return err
		}
	}
	return checkURL("jwks_uri", m.JWKSURI, fetchURIProblem)
}

// checkURL checks a URL that may be left out.
func checkURL(param, uri string, problemOf func(string) sentence.Sentence) error {
	if uri == "" {
		return nil
	}
	if problem := problemOf(uri); !problem.IsZero() {
		return &InvalidRequest{param, problem}
	}
	return nil
}

func (m *Metadata) checkResources(s RegistrySettings) error {
	settings := issuer.Settings{Issuer: s.Issuer, Audience: s.Audience}
	identifier := settings.IdentifierProblem
	resource := func(name string) sentence.Sentence {
		switch {
		case name != settings.AdminAudience():
			return identifier(name)
		case !m.FirstParty:
			return sentence.Say("is the admin API, which is for first-party clients alone")
		}
		return sentence.Sentence{}
	}
	if err := checkEach("resources", m.Resources, maxResources, resource); err != nil {
		return err
	}
	return checkEach("introspect_resources", m.IntrospectResources, maxResources, identifier)
}

func (m *Metadata) checkOrigins(RegistrySettings) error {
	return checkEach("cors_origins", m.CORSOrigins, maxURIs, originProblem)
}

func (m *Metadata) checkAlgorithms(RegistrySettings) error {
	for _, a := range []struct {
		param string
		value keys.Algorithm
	}{{"id_token_signed_response_alg", m.IDTokenAlgorithm}, {"userinfo_signed_response_alg", m.UserInfoAlgorithm}} {
		if a.value != "" && !slices.Contains(issuer.Algorithms, a.value) {
			return invalid(a.param, "must be RS256, PS256, ES256 or EdDSA")
		}
	}
	return nil
}

func (m *Metadata) checkLifetimes(RegistrySettings) error {
	grace := Lifetime(0)
	if m.RefreshGrace != nil {
		grace = *m.RefreshGrace
	}
	for _, l := range []struct {
		param string
		value Lifetime
		most  time.Duration
	}{
		{"access_token_lifetime", m.AccessLifetime, issuer.MaxAccessLifetime},
		{"refresh_token_lifetime", m.RefreshLifetime, issuer.MaxRefreshLifetime},
		{"grant_lifetime", m.GrantLifetime, issuer.MaxGrantLifetime},
		{"refresh_grace", grace, issuer.MaxGrace},
	} {
		if d := time.Duration(l.value); d < 0 || d > l.most || d%time.Second != 0 {
			return invalid(l.param, "must be whole seconds, at most %s", l.most)
		}
	}
	if m.AuthMethod == AuthNone && m.RotateRefreshTokens != nil && !*m.RotateRefreshTokens {
		return invalid("rotate_refresh_tokens", "must be true for a public client: nothing else would show that one of its tokens was stolen") // RFC 9700 section 2.2.2
	}
	if m.DefaultMaxAge != nil && (*m.DefaultMaxAge < 0 || *m.DefaultMaxAge > maxMaxAge) {
		return invalid("default_max_age", "must be 0 to %d seconds", maxMaxAge)
	}
	return nil
}

func (m *Metadata) checkLevel(RegistrySettings) error {
	if l := m.RequiredACR; l != "" && l != accounts.TwoFactors && l != accounts.PhishingResistant {
		return invalid("required_acr", "must be %s or %s", accounts.TwoFactors, accounts.PhishingResistant)
	}
	return nil
}

// checkRequestURIs checks where request objects may be read from (OIDC Core section 6.2); a fragment, the hash
// of what stands there, is part of what is registered and is not sent.
func (m *Metadata) checkRequestURIs(RegistrySettings) error {
	if len(m.RequestURIs) > maxURIs {
		return invalid("request_uris", "must be at most %d", maxURIs)
	}
	for n, uri := range m.RequestURIs {
		address, _, _ := strings.Cut(uri, "#")
		if problem := fetchURIProblem(address); !problem.IsZero() {
			return invalidItem("request_uris", n, problem)
		}
	}
	return nil
}

// checkLogout holds the logout URIs to Back-Channel Logout section 2.2 and Front-Channel Logout section 2.
func (m *Metadata) checkLogout(RegistrySettings) error {
	if err := checkURL("backchannel_logout_uri", m.BackchannelLogoutURI, fetchURIProblem); err != nil {
		return err
	}
	if err := checkURL("frontchannel_logout_uri", m.FrontchannelLogoutURI, callURIProblem); err != nil {
		return err
	}
	front := m.FrontchannelLogoutURI
	if front != "" && !slices.ContainsFunc(m.RedirectURIs, func(uri string) bool { return beginning(uri) == beginning(front) }) {
		return invalid("frontchannel_logout_uri", "must have scheme, host and port of one of the redirect_uris")
	}
	return nil
}

// checkPages checks the URLs that people are sent to or shown.
func (m *Metadata) checkPages(RegistrySettings) error {
	for _, page := range []struct{ param, uri string }{
		{"initiate_login_uri", m.InitiateLoginURI}, // OIDC Dynamic Client Registration section 2: https
		{"client_uri", m.ClientURI}, {"logo_uri", m.LogoURI}, {"policy_uri", m.PolicyURI}, {"tos_uri", m.TermsURI},
	} {
		if err := checkURL(page.param, page.uri, webURIProblem); err != nil {
			return err
		}
	}
	return nil
}
