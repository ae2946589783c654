package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/audit/sentence"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// clientMember is a member of a client's metadata as the form has it. Its name is that of the metadata's JSON, which
// is what the domain's complaints name.
type clientMember struct {
	name, group, kind string
	help              bool
	// values are those to choose from, key what stands before them in the catalogue; empty for values as they are.
	values []string
	key    string
	get    func(*oauth.Metadata) string
	// set takes what was typed, and says what is wrong with it.
	set func(*oauth.Metadata, []string) sentence.Sentence
}

// clientMembers is the form of a client, from top to bottom.
func clientMembers() []clientMember {
	algorithms := []string{""}
	for _, a := range issuer.Algorithms {
		algorithms = append(algorithms, string(a))
	}
	return []clientMember{
		text("client_name", "", true, func(m *oauth.Metadata) *string { return &m.Name }),
		{
			name: "token_endpoint_auth_method", kind: "choice", help: true, key: "auth.",
			values: []string{string(oauth.AuthBasic), string(oauth.AuthPost), string(oauth.AuthPrivateKeyJWT), string(oauth.AuthNone)},
			get:    func(m *oauth.Metadata) string { return string(m.AuthMethod) },
			set: func(m *oauth.Metadata, typed []string) sentence.Sentence {
				m.AuthMethod = oauth.AuthMethod(first(typed))
				return sentence.Sentence{}
			},
		},
		{
			name: "grant_types", kind: "ticks", key: "grant_type.",
			values: []string{string(oauth.AuthorizationCode), string(oauth.RefreshTokenGrant), string(oauth.ClientCredentials)},
			get:    func(m *oauth.Metadata) string { return strings.ReplaceAll(joined(m.GrantTypes), " ", "\n") },
			set: func(m *oauth.Metadata, typed []string) sentence.Sentence {
				m.GrantTypes = []oauth.GrantType{}
				for _, g := range typed {
					m.GrantTypes = append(m.GrantTypes, oauth.GrantType(g))
				}
				return sentence.Sentence{}
			},
		},
		lines("redirect_uris", "", func(m *oauth.Metadata) *[]string { return &m.RedirectURIs }),
		lines("post_logout_redirect_uris", "", func(m *oauth.Metadata) *[]string { return &m.PostLogoutRedirectURIs }),
		tick("first_party", "", func(m *oauth.Metadata) *bool { return &m.FirstParty }),

		lines("scopes", "access", func(m *oauth.Metadata) *[]string { return &m.Scopes }),
		lines("resources", "access", func(m *oauth.Metadata) *[]string { return &m.Resources }),
		lines("introspect_resources", "access", func(m *oauth.Metadata) *[]string { return &m.IntrospectResources }),
		{
			name: "required_acr", group: "access", kind: "choice", help: true, key: "acr.",
			values: []string{"", string(accounts.TwoFactors), string(accounts.PhishingResistant)},
			get:    func(m *oauth.Metadata) string { return string(m.RequiredACR) },
			set: func(m *oauth.Metadata, typed []string) sentence.Sentence {
				m.RequiredACR = accounts.Level(first(typed))
				return sentence.Sentence{}
			},
		},
		{
			name: "default_max_age", group: "access", kind: "text", help: true,
			get: func(m *oauth.Metadata) string {
				if m.DefaultMaxAge == nil {
					return ""
				}
				return strconv.FormatInt(*m.DefaultMaxAge, 10)
			},
			set: setMaxAge,
		},

		lifetime("access_token_lifetime", func(m *oauth.Metadata) *oauth.Lifetime { return &m.AccessLifetime }),
		lifetime("refresh_token_lifetime", func(m *oauth.Metadata) *oauth.Lifetime { return &m.RefreshLifetime }),
		lifetime("grant_lifetime", func(m *oauth.Metadata) *oauth.Lifetime { return &m.GrantLifetime }),
		{
			name: "refresh_grace", group: "lifetimes", kind: "text", help: true,
			get: func(m *oauth.Metadata) string {
				if m.RefreshGrace == nil {
					return ""
				}
				return time.Duration(*m.RefreshGrace).String()
			},
			set: func(m *oauth.Metadata, typed []string) sentence.Sentence {
				m.RefreshGrace = nil
				if first(typed) == "" {
					return sentence.Sentence{}
				}
				d, problem := readDuration(first(typed))
				m.RefreshGrace = new(oauth.Lifetime(d))
				return problem
			},
		},
		{
			name: "rotate_refresh_tokens", group: "lifetimes", kind: "choice", key: "choice.", values: []string{"", "true", "false"},
			get: func(m *oauth.Metadata) string {
				if m.RotateRefreshTokens == nil {
					return ""
				}
				return strconv.FormatBool(*m.RotateRefreshTokens)
			},
			set: func(m *oauth.Metadata, typed []string) sentence.Sentence {
				m.RotateRefreshTokens = nil
				if value := first(typed); value != "" {
					m.RotateRefreshTokens = new(value == "true")
				}
				return sentence.Sentence{}
			},
		},

		tick("require_pkce", "security", func(m *oauth.Metadata) *bool { return &m.RequirePKCE }),
		lines("cors_origins", "security", func(m *oauth.Metadata) *[]string { return &m.CORSOrigins }),
		{
			name: "jwks", group: "security", kind: "lines", help: true,
			get: func(m *oauth.Metadata) string { return string(m.JWKS) },
			set: func(m *oauth.Metadata, typed []string) sentence.Sentence {
				m.JWKS = nil
				if text := strings.TrimSpace(first(typed)); text != "" {
					m.JWKS = json.RawMessage(text)
				}
				if len(m.JWKS) > 0 && !json.Valid(m.JWKS) {
					return sentence.Say("is not valid JSON")
				}
				return sentence.Sentence{}
			},
		},
		text("jwks_uri", "security", false, func(m *oauth.Metadata) *string { return &m.JWKSURI }),
		lines("request_uris", "security", func(m *oauth.Metadata) *[]string { return &m.RequestURIs }),
		algorithm("id_token_signed_response_alg", algorithms, func(m *oauth.Metadata) *keys.Algorithm { return &m.IDTokenAlgorithm }),
		algorithm("userinfo_signed_response_alg", algorithms, func(m *oauth.Metadata) *keys.Algorithm { return &m.UserInfoAlgorithm }),

		text("backchannel_logout_uri", "logout", true, func(m *oauth.Metadata) *string { return &m.BackchannelLogoutURI }),
		tick("backchannel_logout_session_required", "logout", func(m *oauth.Metadata) *bool { return &m.BackchannelLogoutSessionRequired }),
		text("frontchannel_logout_uri", "logout", false, func(m *oauth.Metadata) *string { return &m.FrontchannelLogoutURI }),
		tick("frontchannel_logout_session_required", "logout", func(m *oauth.Metadata) *bool { return &m.FrontchannelLogoutSessionRequired }),

		text("client_uri", "shown", false, func(m *oauth.Metadata) *string { return &m.ClientURI }),
		text("logo_uri", "shown", false, func(m *oauth.Metadata) *string { return &m.LogoURI }),
		text("policy_uri", "shown", false, func(m *oauth.Metadata) *string { return &m.PolicyURI }),
		text("tos_uri", "shown", false, func(m *oauth.Metadata) *string { return &m.TermsURI }),
		text("initiate_login_uri", "shown", true, func(m *oauth.Metadata) *string { return &m.InitiateLoginURI }),
		lines("contacts", "shown", func(m *oauth.Metadata) *[]string { return &m.Contacts }),
	}
}

// first is the only value that a field has.
func first(typed []string) string {
	if len(typed) == 0 {
		return ""
	}
	return strings.TrimSpace(typed[0])
}

func text(name, group string, help bool, at func(*oauth.Metadata) *string) clientMember {
	return clientMember{
		name: name, group: group, kind: "text", help: help,
		get: func(m *oauth.Metadata) string { return *at(m) },
		set: func(m *oauth.Metadata, typed []string) sentence.Sentence {
			*at(m) = first(typed)
			return sentence.Sentence{}
		},
	}
}

// lines is a list with a thing on each line.
func lines(name, group string, at func(*oauth.Metadata) *[]string) clientMember {
	return clientMember{
		name: name, group: group, kind: "lines", help: true,
		get: func(m *oauth.Metadata) string { return strings.Join(*at(m), "\n") },
		set: func(m *oauth.Metadata, typed []string) sentence.Sentence {
			*at(m) = linesOf(first(typed))
			return sentence.Sentence{}
		},
	}
}

// linesOf are the lines that hold something; none of them are an empty list, not an unset one.
func linesOf(text string) []string {
	all := []string{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

func tick(name, group string, at func(*oauth.Metadata) *bool) clientMember {
	return clientMember{
		name: name, group: group, kind: "tick", help: name == "first_party" || name == "require_pkce",
		get: func(m *oauth.Metadata) string { return onIf(*at(m)) },
		set: func(m *oauth.Metadata, typed []string) sentence.Sentence {
			*at(m) = first(typed) == "on"
			return sentence.Sentence{}
		},
	}
}

func lifetime(name string, at func(*oauth.Metadata) *oauth.Lifetime) clientMember {
	return clientMember{
		name: name, group: "lifetimes", kind: "text", help: name == "access_token_lifetime",
		get: func(m *oauth.Metadata) string {
			if *at(m) == 0 {
				return ""
			}
			return time.Duration(*at(m)).String()
		},
		set: func(m *oauth.Metadata, typed []string) sentence.Sentence {
			d, problem := readDuration(first(typed))
			*at(m) = oauth.Lifetime(d)
			return problem
		},
	}
}

func algorithm(name string, values []string, at func(*oauth.Metadata) *keys.Algorithm) clientMember {
	return clientMember{
		name: name, group: "security", kind: "choice", values: values, key: name + ".",
		get: func(m *oauth.Metadata) string { return string(*at(m)) },
		set: func(m *oauth.Metadata, typed []string) sentence.Sentence {
			*at(m) = keys.Algorithm(first(typed))
			return sentence.Sentence{}
		},
	}
}

func setMaxAge(m *oauth.Metadata, typed []string) sentence.Sentence {
	m.DefaultMaxAge = nil
	if first(typed) == "" {
		return sentence.Sentence{}
	}
	n, err := strconv.ParseInt(first(typed), 10, 64)
	if err != nil {
		return sentence.Say("must be a whole number of seconds")
	}
	m.DefaultMaxAge = &n
	return sentence.Sentence{}
}

// readDuration reads a duration, nothing as 0, and says what is wrong with it.
func readDuration(text string) (time.Duration, sentence.Sentence) {
	if text == "" {
		return 0, sentence.Sentence{}
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, sentence.Say("must be a duration like 5m or 1h30m")
	}
	return d, sentence.Sentence{}
}

// clientForm is the form of a client, filled with m.
func clientForm(m oauth.Metadata, back string) *form {
	f := &form{Back: Path + back, Submit: "form.save"}
	for _, member := range clientMembers() {
		if n := len(f.Groups); n == 0 || f.Groups[n-1].Name != member.group {
			f.Groups = append(f.Groups, group{Name: member.group})
		}
		in := &field{Name: member.name, Kind: member.kind, Help: member.help, Value: member.get(&m)}
		for _, value := range member.values {
			o := option{Value: value, Key: optionKey(member, value), Chosen: value == in.Value}
			if member.kind == "ticks" {
				o.Chosen = strings.Contains("\n"+in.Value+"\n", "\n"+value+"\n")
			}
			in.Options = append(in.Options, o)
		}
		last := &f.Groups[len(f.Groups)-1]
		last.Fields = append(last.Fields, in)
	}
	return f
}

// optionKey is the text of a value to choose: of algorithms only that of none, since the others are their own.
func optionKey(member clientMember, value string) string {
	if strings.HasSuffix(member.name, "_alg") {
		if value != "" {
			return ""
		}
		return member.key + "none"
	}
	if value == "" {
		value = "default"
	}
	return member.key + value
}

// typedClient is m with what was typed, and the first thing in it that can't be read.
func (c *call) typedClient(m oauth.Metadata) (oauth.Metadata, error) {
	var bad error
	for _, member := range clientMembers() {
		if problem := member.set(&m, c.form[member.name]); !problem.IsZero() && bad == nil {
			bad = &oauth.InvalidRequest{Param: member.name, Problem: problem}
		}
	}
	if bad == nil {
		bad = c.checkChoices(clientForm(m, ""))
	}
	return m, bad
}

func (k *Console) newClientForm(m oauth.Metadata, id string) *form {
	f := clientForm(m, "/clients")
	f.Submit = "clients.make"
	f.Groups[0].Fields = append([]*field{{Name: "client_id", Kind: "text", Value: id, Help: true, Required: true}}, f.Groups[0].Fields...)
	return f
}

func (k *Console) newClient(c *call) error {
	return c.showForm("clients", "clients.new", k.newClientForm(k.Clients.Defaults(oauth.Metadata{FirstParty: true}), ""), nil)
}

// createClient registers a client. A secret is shown in the answer itself, as secretMaking does.
func (k *Console) createClient(c *call) error {
	id := strings.TrimSpace(c.form.Get("client_id"))
	m, err := c.typedClient(oauth.Metadata{})
	if err != nil {
		return k.clientAgain(c, "clients.new", k.newClientForm(m, id), err)
	}
	if c.tooOld(k.asksForRights(m)) {
		return c.again()
	}
	client, made, err := k.Clients.Create(c.ctx, oauth.NewClient{ID: id, Metadata: m}, c.actor)
	if err != nil {
		return k.clientAgain(c, "clients.new", k.newClientForm(m, id), err)
	}
	if made.Reveal() == "" {
		return c.goTo("/clients/" + client.ID + "?done=client_created")
	}
	return k.clientPage(c, &client, made)
}

// asksForRights tells whether a client may ask for tokens of the admin API: with one of somebody else's, in the browser of
// an administrator who is signed in, their rights are its for as long as a grant lasts.
func (k *Console) asksForRights(m oauth.Metadata) bool {
	return slices.Contains(m.Resources, k.Groups.AdminAudience)
}

// handsOver tells whether a change lets somebody else have the codes or tokens of those who sign in to a client: by where
// they are sent, by how the client proves itself, or by what nobody is asked any more.
func handsOver(was, is oauth.Metadata) bool {
	return !slices.Equal(was.RedirectURIs, is.RedirectURIs) || !slices.Equal(was.RequestURIs, is.RequestURIs) ||
		was.AuthMethod != is.AuthMethod || was.JWKSURI != is.JWKSURI || !bytes.Equal(was.JWKS, is.JWKS) ||
		is.FirstParty && !was.FirstParty || was.RequiredACR != "" && !is.RequiredACR.Satisfies(was.RequiredACR)
}

// clientAgain shows the form again for what can be mended there.
func (k *Console) clientAgain(c *call, title string, f *form, err error) error {
	bad, _, _ := badInput(err)
	switch {
	case errors.Is(err, oauth.ErrClientExists):
		f.taken("client_id", sentence.Say("is taken, or was once"))
	case !bad:
		return err
	}
	return c.showForm(sectionOf(title, "clients"), title, f, err)
}

func (k *Console) editClient(c *call) error {
	return c.showStored("clients", "clients.edit", k.storedClient)
}

// storedClient is the form of the client in the path.
func (k *Console) storedClient(c *call) (*form, error) {
	client, err := k.client(c)
	if err != nil {
		return nil, err
	}
	f := clientForm(client.Metadata, "/clients/"+client.ID)
	f.Seen = client.Version()
	return f, nil
}

// updateClient replaces what the form has, unless the client was changed since the form was made.
func (k *Console) updateClient(c *call) error {
	client, err := k.client(c)
	if err != nil {
		return err
	}
	m, err := c.typedClient(client.Metadata)
	if err == nil && c.tooOld(k.asksForRights(m) || k.asksForRights(client.Metadata) || handsOver(client.Metadata, m)) {
		return c.again()
	}
	if err == nil {
		c.seen()
		_, err = k.Clients.Update(c.ctx, client.ID, m, c.actor)
	}
	if err == nil {
		return c.goTo("/clients/" + client.ID + "?done=saved")
	}
	f := clientForm(m, "/clients/"+client.ID)
	if errors.Is(err, audit.ErrChanged) {
		return c.overtaken("clients", "clients.edit", f, k.storedClient)
	}
	return k.clientAgain(c, "clients.edit", f, err)
}
