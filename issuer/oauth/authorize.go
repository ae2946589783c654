package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"keyturn/audit/sentence"
	"keyturn/issuer"
	"keyturn/keys"
)

const (
	// maxState bounds state and nonce, in bytes; clients have been seen to keep a page's whole state there.
	maxState = 4096
	// maxHint bounds the other texts of a request.
	maxHint = 2048
)

// draft is an authorization request while it is checked.
type draft struct {
	params url.Values
	client *Client
	back   callback
	req    Request
}

// check is one rule of the authorization endpoint.
type check struct {
	// name is that in the log.
	name string
	// rule is where it stands.
	rule string
	do   func(*Provider, context.Context, *draft) error
}

// Of a request that fails one of these nothing is told to its redirect URI, but for a bad request object where
// the query alone names a good one.
var beforeRedirect = []check{
	{"client", "RFC 6749 section 4.1.2.1", checkClient},
	{"request object", "OIDC Core section 6, RFC 9101 section 6", checkRequestObject},
	{"redirect_uri", "RFC 6749 section 3.1.2.4, RFC 9700 section 2.1", checkRedirectURI},
}

// The rest, in the order of the specifications; a failure is told to the client.
var afterRedirect = []check{
	{"state", "RFC 6749 section 4.1.1", checkState},
	{"response_mode", "OAuth 2.0 Multiple Response Type Encoding Practices section 2.1", checkResponseMode},
	{"duplicates", "RFC 6749 section 3.1", checkDuplicates},
	{"response_type", "RFC 6749 section 3.1.1", checkResponseType},
	{"grant type", "RFC 6749 section 4.1.2.1", checkMayAuthorize},
	{"resource", "RFC 8707 section 2", checkResource},
	{"scope", "RFC 6749 section 3.3, OIDC Core section 3.1.2.1", checkScope},
	{"code_challenge", "RFC 7636 sections 4.3 and 4.4.1, RFC 9700 section 2.1.1", checkChallenge},
	{"nonce", "OIDC Core section 3.1.2.1", checkNonce},
	{"prompt", "OIDC Core section 3.1.2.1", checkPrompt},
	{"max_age", "OIDC Core section 3.1.2.1", checkMaxAge},
	{"claims", "OIDC Core section 5.5", checkClaims},
	{"acr_values", "OIDC Core sections 3.1.2.1 and 5.5.1.1", checkACR},
	{"id_token_hint", "OIDC Core section 3.1.2.1", checkHint},
	{"login_hint, ui_locales", "OIDC Core section 3.1.2.1", checkWords},
}

// check runs all checks. An error that wraps *Refused is told to the client, any other is a page.
func (p *Provider) check(ctx context.Context, params url.Values) (*draft, error) {
	d := &draft{params: params}
	for _, c := range beforeRedirect {
		if err := c.do(p, ctx, d); err != nil {
			return nil, fmt.Errorf("check of %s: %w", c.name, err)
		}
	}
	for _, c := range afterRedirect {
		err := c.do(p, ctx, d)
		if errors.Is(err, keys.ErrUnavailable) {
			return nil, err // a page that says to try again is of more use than an error at the client
		}
		if err != nil {
			return nil, &Refused{Err: fmt.Errorf("check of %s: %w", c.name, err), back: d.back}
		}
	}
	return d, nil
}

// one returns a parameter that may come at most once.
func (d *draft) one(name string) (string, error) {
	switch values := d.params[name]; {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", &InvalidRequest{name, sentence.Say("is given more than once")}
	case !utf8.ValidString(values[0]) || strings.ContainsRune(values[0], 0):
		return "", &InvalidRequest{name, sentence.Say("holds characters that are not text")}
	default:
		return values[0], nil
	}
}

// short is one for a parameter with a limit in bytes.
func (d *draft) short(name string, limit int) (string, error) {
	text, err := d.one(name)
	if err == nil && len(text) > limit {
		return "", &InvalidRequest{name, sentence.Say("is too long")}
	}
	return text, err
}

func checkClient(p *Provider, ctx context.Context, d *draft) error {
	id, err := d.one("client_id")
	if err != nil {
		return err
	}
	if id == "" {
		return &InvalidRequest{"client_id", sentence.Say("is missing")}
	}
	d.client, err = p.Clients.Find(ctx, id)
	d.req.ClientID = id
	return err
}

// checkRedirectURI demands the parameter even where one URI is registered, as OIDC Core section 3.1.2.1 does.
func checkRedirectURI(p *Provider, _ context.Context, d *draft) error {
	uri, err := d.one("redirect_uri")
	if err != nil {
		return err
	}
	if uri == "" {
		return &InvalidRequest{"redirect_uri", sentence.Say("is missing")}
	}
	to, err := d.client.redirectTo(uri)
	d.back = callback{to: to, mode: modeQuery, issuer: p.issuerURL()}
	d.req.RedirectURI = uri
	return err
}

func checkResponseMode(_ *Provider, _ context.Context, d *draft) error {
	mode, err := d.one("response_mode")
	switch {
	case err != nil:
		return err
	case mode == "" || mode == modeQuery:
		d.req.ResponseMode = modeQuery
	case mode == modeFormPost:
		d.req.ResponseMode, d.back.mode = modeFormPost, modeFormPost
	default:
		return &InvalidRequest{"response_mode", sentence.Say("must be query or form_post")}
	}
	return nil
}

func checkState(_ *Provider, _ context.Context, d *draft) error {
	state, err := d.short("state", maxState)
	if err != nil {
		return err
	}
	d.req.State, d.req.HasState = state, d.params.Has("state")
	d.back.state, d.back.hasState = d.req.State, d.req.HasState
	return nil
}

// checkDuplicates refuses what comes twice, of the parameters that have a meaning here; resource alone may.
func checkDuplicates(_ *Provider, _ context.Context, d *draft) error {
	for _, name := range []string{
		"response_type", "scope", "code_challenge", "code_challenge_method", "nonce", "prompt", "max_age", "display",
		"claims", "acr_values", "id_token_hint", "login_hint", "ui_locales", "claims_locales",
	} {
		if _, err := d.one(name); err != nil {
			return err
		}
	}
	return nil
}

func checkResponseType(_ *Provider, _ context.Context, d *draft) error {
	switch d.params.Get("response_type") {
	case "code":
		return nil
	case "":
		return &InvalidRequest{"response_type", sentence.Say("is missing")}
	}
	return ErrResponseType
}

func checkMayAuthorize(_ *Provider, _ context.Context, d *draft) error {
	if !d.client.May(AuthorizationCode) {
		return ErrGrantNotAllowed
	}
	return nil
}

func checkResource(p *Provider, _ context.Context, d *draft) error {
	target, err := p.target(d.client, d.params["resource"])
	if err != nil {
		return err
	}
	if target == "" {
		// Who has no resource gets an access token for UserInfo alone, and none without openid.
		target = p.issuerURL()
	}
	d.req.Resource = target
	return nil
}

// checkScope leaves out what the client may not have, as OIDC Core section 3.1.2.1 wants of unknown
// values; the answer of the token endpoint says what was granted.
func checkScope(p *Provider, _ context.Context, d *draft) error {
	asked, err := splitScope(d.params.Get("scope"))
	if err != nil {
		return err
	}
	ofResource, _ := p.Issuer.HasResource(d.req.Resource)
	for _, scope := range asked {
		if d.client.grantable(scope, ofResource) {
			d.req.Scopes = append(d.req.Scopes, scope)
		}
	}
	switch {
	case len(asked) > 0 && len(d.req.Scopes) == 0:
		return ErrScope
	case d.req.Resource == p.adminAudience() && !opensAdmin(d.req.Scopes):
		return ErrScope
	case d.req.Resource == p.issuerURL() && !slices.Contains(d.req.Scopes, issuer.ScopeOpenID):
		return ErrTarget
	}
	return nil
}

// challenge is the form of an S256 code_challenge (RFC 7636 section 4.2): 256 bits in base64url.
var challenge = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

func checkChallenge(p *Provider, _ context.Context, d *draft) error {
	value, method := d.params.Get("code_challenge"), d.params.Get("code_challenge_method")
	switch {
	case value == "" && method != "":
		return &InvalidRequest{"code_challenge", sentence.Say("is missing")}
	case value == "" && (d.client.Public() || d.client.RequirePKCE || p.Settings.RequirePKCE):
		return &InvalidRequest{"code_challenge", sentence.Say("is required")}
	case value == "":
		return nil
	case method != "S256": // plain, which also is what an absent method means, protects nothing
		return &InvalidRequest{"code_challenge_method", sentence.Say("must be S256")}
	case !challenge.MatchString(value):
		return &InvalidRequest{"code_challenge", sentence.Say("must be 43 characters of base64url")}
	}
	d.req.Challenge = value
	return nil
}

func checkNonce(_ *Provider, _ context.Context, d *draft) (err error) {
	d.req.Nonce, err = d.short("nonce", maxState)
	return err
}

// The values of prompt.
const (
	promptNone          = "none"
	promptLogin         = "login"
	promptConsent       = "consent"
	promptSelectAccount = "select_account"
)

func checkPrompt(_ *Provider, _ context.Context, d *draft) error {
	for value := range strings.FieldsSeq(d.params.Get("prompt")) {
		switch value {
		case promptNone, promptLogin, promptConsent, promptSelectAccount:
		default:
			return &InvalidRequest{"prompt", sentence.Say("knows none, login, consent and select_account")}
		}
		if !slices.Contains(d.req.Prompt, value) {
			d.req.Prompt = append(d.req.Prompt, value)
		}
	}
	if slices.Contains(d.req.Prompt, promptNone) && len(d.req.Prompt) > 1 {
		return &InvalidRequest{"prompt", sentence.Say("none stands alone")}
	}
	return nil
}

func checkMaxAge(_ *Provider, _ context.Context, d *draft) error {
	text := d.params.Get("max_age")
	if text == "" {
		d.req.MaxAge = d.client.DefaultMaxAge
		return nil
	}
	seconds, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return &InvalidRequest{"max_age", sentence.Say("must be a number of seconds")}
	}
	d.req.MaxAge = new(int64(seconds))
	return nil
}

// checkHint takes from an ID token of ours who is expected. One that can't be read (any more: its key may be
// gone) expects nobody; where the person may not be asked that is not enough.
func checkHint(p *Provider, ctx context.Context, d *draft) error {
	raw := d.params.Get("id_token_hint")
	if raw == "" {
		return nil
	}
	hint, err := p.Issuer.ReadHint(ctx, raw)
	switch {
	case errors.Is(err, keys.ErrUnavailable):
		return err
	case err != nil && slices.Contains(d.req.Prompt, promptNone):
		return ErrLoginRequired
	case err != nil:
		return nil
	case d.req.Subject != "" && d.req.Subject != hint.Subject:
		return &InvalidRequest{"id_token_hint", sentence.Say("and claims name different people")}
	}
	d.req.Subject = hint.Subject
	return nil
}

func checkWords(_ *Provider, _ context.Context, d *draft) (err error) {
	if d.req.LoginHint, err = d.short("login_hint", maxHint); err != nil {
		return err
	}
	locales, err := d.short("ui_locales", maxHint)
	d.req.UILocales = strings.Fields(locales)
	return err
}
