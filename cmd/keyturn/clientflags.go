package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"keyturn/accounts"
	"keyturn/api/admin"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// clientFlags are the flags that describe a client. Those that are given change its metadata, in the order in
// which they are declared.
type clientFlags struct {
	*pflag.FlagSet
	changes []clientChange
}

// clientChange is what a flag changes.
type clientChange struct {
	flag string
	make func(*oauth.Metadata) error
}

// when notes what a flag changes if it is given.
func (f *clientFlags) when(name string, change func(*oauth.Metadata) error) {
	f.changes = append(f.changes, clientChange{name, change})
}

// apply changes m by the flags that are given.
func (f *clientFlags) apply(m *oauth.Metadata) error {
	if err := f.contradiction(); err != nil {
		return err
	}
	for _, change := range f.changes {
		if !f.Changed(change.flag) {
			continue
		}
		if err := change.make(m); err != nil {
			return err
		}
	}
	return nil
}

// contradiction refuses flags of which one would silently undo the other.
func (f *clientFlags) contradiction() error {
	for _, pair := range []struct{ one, other, because string }{
		{"public", "private-key-jwt", "a client authenticates in one way"},
		{"jwks-file", "jwks-uri", "its keys are registered, or read from where it publishes them"},
	} {
		if f.Changed(pair.one) && f.Changed(pair.other) {
			return fmt.Errorf("--%s and --%s exclude each other: %s", pair.one, pair.other, pair.because)
		}
	}
	return nil
}

// given tells whether one of the flags is given.
func (f *clientFlags) given() bool {
	return f.Changed("file") || slices.ContainsFunc(f.changes, func(c clientChange) bool { return f.Changed(c.flag) })
}

func (f *clientFlags) text(name, doc string, to func(*oauth.Metadata) *string) {
	value := f.String(name, "", doc)
	f.when(name, func(m *oauth.Metadata) error { *to(m) = *value; return nil })
}

func (f *clientFlags) yes(name, doc string, to func(*oauth.Metadata) *bool) {
	value := f.Bool(name, false, doc)
	f.when(name, func(m *oauth.Metadata) error { *to(m) = *value; return nil })
}

// list is a flag that may be given again and again; given once and empty it is an empty list.
func (f *clientFlags) list(name, doc string, to func(*oauth.Metadata) *[]string) {
	value := f.StringArray(name, nil, doc+"; again for more, empty for none")
	f.when(name, func(m *oauth.Metadata) error {
		*to(m) = slices.DeleteFunc(append([]string{}, *value...), func(s string) bool { return s == "" })
		return nil
	})
}

func (f *clientFlags) lifetime(name, doc string, to func(*oauth.Metadata) *oauth.Lifetime) {
	value := f.Duration(name, 0, doc+"; 0 for the setting")
	f.when(name, func(m *oauth.Metadata) error { *to(m) = oauth.Lifetime(*value); return nil })
}

// addClientFlags declares them.
func addClientFlags(flags *pflag.FlagSet) *clientFlags {
	f := &clientFlags{FlagSet: flags}
	f.String("file", "", "JSON file with all of it, as POST /admin/v1/clients takes it; flags beside it count more")
	f.text("name", "what people are shown", func(m *oauth.Metadata) *string { return &m.Name })
	f.list("redirect-uri", "where people are sent back to, exactly as the client asks for it", func(m *oauth.Metadata) *[]string { return &m.RedirectURIs })
	f.authentication()
	f.grants()
	f.list("resource", "audience that it may ask access tokens for, the default first", func(m *oauth.Metadata) *[]string { return &m.Resources })
	f.list("introspect-resource", "audience whose tokens it may introspect", func(m *oauth.Metadata) *[]string { return &m.IntrospectResources })
	f.yes("first-party", "ask nobody for consent: it is the team's own", func(m *oauth.Metadata) *bool { return &m.FirstParty })
	f.yes("require-pkce", "refuse requests without a code challenge; public clients send one always", func(m *oauth.Metadata) *bool { return &m.RequirePKCE })
	f.list("cors-origin", "origin whose pages may call token and UserInfo endpoint", func(m *oauth.Metadata) *[]string { return &m.CORSOrigins })
	f.list("request-uri", "where request objects of its own are read from", func(m *oauth.Metadata) *[]string { return &m.RequestURIs })
	f.algorithm("id-token-algorithm", "signs its ID tokens: RS256 (the default), PS256, ES256 or EdDSA", func(m *oauth.Metadata) *keys.Algorithm { return &m.IDTokenAlgorithm })
	f.algorithm("userinfo-algorithm", "signs UserInfo for it; without it UserInfo is plain JSON", func(m *oauth.Metadata) *keys.Algorithm { return &m.UserInfoAlgorithm })
	f.lifetimes()
	f.list("post-logout-redirect-uri", "where people may be sent after logout", func(m *oauth.Metadata) *[]string { return &m.PostLogoutRedirectURIs })
	f.text("backchannel-logout-uri", "where it is told that a session has ended", func(m *oauth.Metadata) *string { return &m.BackchannelLogoutURI })
	f.yes("backchannel-logout-session-required", "it needs the sid in what it is told", func(m *oauth.Metadata) *bool { return &m.BackchannelLogoutSessionRequired })
	f.text("frontchannel-logout-uri", "page that ends its session within the browser", func(m *oauth.Metadata) *string { return &m.FrontchannelLogoutURI })
	f.yes("frontchannel-logout-session-required", "that page needs iss and sid", func(m *oauth.Metadata) *bool { return &m.FrontchannelLogoutSessionRequired })
	f.text("initiate-login-uri", "page that starts a sign-in at the client", func(m *oauth.Metadata) *string { return &m.InitiateLoginURI })
	f.text("client-uri", "its home page", func(m *oauth.Metadata) *string { return &m.ClientURI })
	f.text("logo-uri", "its logo", func(m *oauth.Metadata) *string { return &m.LogoURI })
	f.text("policy-uri", "its privacy policy", func(m *oauth.Metadata) *string { return &m.PolicyURI })
	f.text("tos-uri", "its terms of service", func(m *oauth.Metadata) *string { return &m.TermsURI })
	f.list("contact", "e-mail address of who is responsible for it", func(m *oauth.Metadata) *[]string { return &m.Contacts })
	return f
}

// readFile reads the file of --file, if one is given.
func (f *clientFlags) readFile(id string) (n oauth.NewClient, given bool, err error) {
	path, err := f.GetString("file")
	if err != nil || path == "" {
		return oauth.NewClient{ID: id}, false, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return oauth.NewClient{}, false, err
	}
	if n, err = admin.ReadClient(text); err != nil {
		return oauth.NewClient{}, false, inFile(path, err)
	}
	if n.ID != "" && n.ID != id {
		return oauth.NewClient{}, false, fmt.Errorf("%s: client_id is another one than %s", path, id)
	}
	n.ID = id
	return n, true, nil
}

// inFile says what is wrong with a file that the admin API would take as a body.
func inFile(path string, err error) error {
	if problem, ok := errors.AsType[*admin.Problem](err); ok {
		return fmt.Errorf("%s: %s", path, strings.TrimSpace(problem.Param+" "+problem.Detail))
	}
	return fmt.Errorf("%s: %w", path, err)
}

// authentication declares how the client proves itself.
func (f *clientFlags) authentication() {
	method := f.String("auth-method", "", "client_secret_basic (the default), client_secret_post, private_key_jwt or none")
	f.when("auth-method", func(m *oauth.Metadata) error { m.AuthMethod = oauth.AuthMethod(*method); return nil })
	for _, short := range []struct {
		flag   string
		method oauth.AuthMethod
		doc    string
	}{
		{"public", oauth.AuthNone, "it can't keep a secret: an app in a browser, on a phone or a desktop"},
		{"private-key-jwt", oauth.AuthPrivateKeyJWT, "it signs with a key of its own; say --jwks-file or --jwks-uri"},
	} {
		on := f.Bool(short.flag, false, short.doc)
		f.when(short.flag, func(m *oauth.Metadata) error {
			if !*on {
				return fmt.Errorf("--%s=false does not say how it authenticates instead; --auth-method does", short.flag)
			}
			if f.Changed("auth-method") {
				return fmt.Errorf("--%s says how it authenticates, and so does --auth-method: say one of them", short.flag)
			}
			m.AuthMethod = short.method
			return nil
		})
	}
	path := f.String("jwks-file", "", "file with its public keys, a JWK set")
	f.when("jwks-file", func(m *oauth.Metadata) (err error) {
		m.JWKSURI = ""
		m.JWKS, err = os.ReadFile(*path)
		return err
	})
	uri := f.String("jwks-uri", "", "where its public keys are")
	f.when("jwks-uri", func(m *oauth.Metadata) error { m.JWKS, m.JWKSURI = nil, *uri; return nil })
}

// grants declares what the client may do.
func (f *clientFlags) grants() {
	types := f.StringSlice("grant-type", nil, "authorization_code and refresh_token (the default), client_credentials")
	f.when("grant-type", func(m *oauth.Metadata) error {
		m.GrantTypes = []oauth.GrantType{}
		for _, g := range *types {
			m.GrantTypes = append(m.GrantTypes, oauth.GrantType(g))
		}
		return nil
	})
	on := f.Bool("service", false, "it gets tokens for itself (client_credentials); say which --scope. Without --redirect-uri it does nothing else")
	f.when("service", func(m *oauth.Metadata) error { m.GrantTypes = withService(m, *on); return nil })
	scopes := f.StringArray("scope", nil, "scope that it may be granted; without it the standard ones and those of its resources. Again for more, empty for none")
	f.when("scope", func(m *oauth.Metadata) error {
		m.Scopes = strings.Fields(strings.Join(*scopes, " "))
		return nil
	})
}

// withService are the grant types of m with client_credentials, or without it.
func withService(m *oauth.Metadata, on bool) []oauth.GrantType {
	types := append([]oauth.GrantType{}, m.GrantTypes...)
	if m.GrantTypes == nil && len(m.RedirectURIs) > 0 {
		types = append(types, oauth.AuthorizationCode, oauth.RefreshTokenGrant)
	}
	types = slices.DeleteFunc(types, func(g oauth.GrantType) bool { return g == oauth.ClientCredentials })
	if on {
		types = append(types, oauth.ClientCredentials)
	}
	return types
}

func (f *clientFlags) algorithm(name, doc string, to func(*oauth.Metadata) *keys.Algorithm) {
	value := f.String(name, "", doc)
	f.when(name, func(m *oauth.Metadata) error { *to(m) = keys.Algorithm(*value); return nil })
}

func (f *clientFlags) lifetimes() {
	f.lifetime("access-lifetime", "lifetime of its access tokens", func(m *oauth.Metadata) *oauth.Lifetime { return &m.AccessLifetime })
	f.lifetime("refresh-lifetime", "lifetime of its refresh tokens", func(m *oauth.Metadata) *oauth.Lifetime { return &m.RefreshLifetime })
	f.lifetime("grant-lifetime", "absolute end of a sign-in", func(m *oauth.Metadata) *oauth.Lifetime { return &m.GrantLifetime })
	grace := f.Duration("refresh-grace", 0, "how long a replaced refresh token still yields its successor; -1s for the setting")
	f.when("refresh-grace", func(m *oauth.Metadata) error {
		m.RefreshGrace = new(oauth.Lifetime(*grace))
		if *grace == -time.Second {
			m.RefreshGrace = nil
		}
		return nil
	})
	rotate := f.Bool("rotate-refresh-tokens", true, "replace the refresh token at each refresh; =false keeps it, and is not for public clients")
	f.when("rotate-refresh-tokens", func(m *oauth.Metadata) error { m.RotateRefreshTokens = rotate; return nil })
	age := f.Int64("default-max-age", 0, "seconds after which people sign in again, where a request does not say; -1 for none")
	f.when("default-max-age", func(m *oauth.Metadata) error {
		m.DefaultMaxAge = age
		if *age == -1 {
			m.DefaultMaxAge = nil
		}
		return nil
	})
	level := f.String("required-acr", "", "how people must have signed in: 2 for two factors, phr for a passkey; empty for any")
	f.when("required-acr", func(m *oauth.Metadata) error { m.RequiredACR = accounts.Level(*level); return nil })
}

// refuseSettings refuses settings of the server that are mistaken for what describes one client, where they
// would be silently without effect.
func refuseSettings(c *cobra.Command) error {
	for _, other := range [][2]string{
		{"audience", "resource"}, {"access-token-lifetime", "access-lifetime"}, {"refresh-token-lifetime", "refresh-lifetime"},
		{"cors-origins", "cors-origin"}, {"algorithm", "id-token-algorithm"},
	} {
		if c.Root().PersistentFlags().Changed(other[0]) {
			return fmt.Errorf("--%s is a setting of the server and says nothing about one client; that is --%s", other[0], other[1])
		}
	}
	return nil
}
