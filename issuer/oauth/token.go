package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/keys"
)

// Tokens is what the token endpoint answers (RFC 6749 section 5.1). Empty ones are left out.
type Tokens struct {
	Access    string
	ExpiresIn time.Duration
	Refresh   string
	ID        string
	Scope     string
}

// tokenCall is a request at the token endpoint on its way through the steps.
type tokenCall struct {
	*Call
	client *Client
	actor  audit.Actor
	kind   GrantType

	// The grant type's own step fills in one of these two …
	grant   *issuer.Grant
	service *issuer.ServiceRequest
	// … and what the tokens of a grant say: the nonce of the authorization request, the scope if it is
	// narrower than the grant's, and whether a refresh token belongs to the answer.
	nonce       string
	scope       string
	withRefresh bool

	tokens Tokens
}

// tokenSteps is the token endpoint: each step only after those before it.
var tokenSteps = []struct {
	name string
	rule string
	do   func(*Provider, context.Context, *tokenCall) error
}{
	{"1 authenticate the client", "RFC 6749 section 3.2.1", authenticateCaller},
	{"2 know the grant type", "RFC 6749 section 5.2", knowGrantType},
	{"3 allow it to the client", "RFC 6749 section 5.2", allowGrantType},
	{"4 be able to answer", "RFC 6749 section 4.1.2: what is consumed is gone", canAnswer},
	{"5 the grant type's own rules", "RFC 6749 sections 4.1.3, 4.4.2 and 6", takeGrant},
	{"6 make the tokens", "RFC 6749 section 5.1, OIDC Core sections 3.1.3.3 and 12.2", makeTokens},
}

// Token is the token endpoint (RFC 6749 section 3.2).
func (p *Provider) Token(ctx context.Context, call *Call) (Tokens, *Client, error) {
	t := &tokenCall{Call: call}
	for i := range tokenSteps {
		if err := tokenSteps[i].do(p, ctx, t); err != nil {
			return Tokens{}, t.client, fmt.Errorf("token step %s: %w", tokenSteps[i].name, err)
		}
	}
	return t.tokens, t.client, nil
}

// GrantTypes are the names of all grant types, for the metadata.
func GrantTypes() []GrantType {
	return []GrantType{AuthorizationCode, RefreshTokenGrant, ClientCredentials}
}

func authenticateCaller(p *Provider, ctx context.Context, t *tokenCall) error {
	who, err := p.Authenticate(ctx, t.Call)
	if err != nil {
		return err
	}
	t.client, t.actor = who.client, who.actor(t.Call)
	return nil
}

func knowGrantType(_ *Provider, _ context.Context, t *tokenCall) error {
	kind, err := t.needed("grant_type")
	if err != nil {
		return err
	}
	t.kind = GrantType(kind)
	if !slices.Contains(GrantTypes(), t.kind) {
		return ErrGrantType
	}
	return nil
}

func allowGrantType(_ *Provider, _ context.Context, t *tokenCall) error {
	if !t.client.May(t.kind) {
		return ErrGrantNotAllowed
	}
	return nil
}

// canAnswer looks for keys that can sign before a code or a refresh token is consumed. A client's lifetimes may
// be newer than the keys that are to cover them; they follow within a second.
func canAnswer(p *Provider, _ context.Context, t *tokenCall) error {
	if t.kind == ClientCredentials {
		return nil // consumes nothing
	}
	refresh, _ := p.refreshLifetimes(t.client)
	return p.Issuer.CanSign(time.Duration(t.client.AccessLifetime), refresh, t.client.idTokenAlgorithm())
}

func takeGrant(p *Provider, ctx context.Context, t *tokenCall) error {
	switch t.kind {
	case AuthorizationCode:
		return p.redeemCode(ctx, t)
	case RefreshTokenGrant:
		return p.refresh(ctx, t)
	case ClientCredentials:
		return p.clientCredentials(ctx, t)
	}
	return ErrGrantType
}

func makeTokens(p *Provider, _ context.Context, t *tokenCall) (err error) {
	if t.service != nil {
		t.tokens.Scope = t.service.Scope
		t.tokens.Access, t.tokens.ExpiresIn, err = p.Issuer.ServiceToken(*t.service)
		return err
	}
	g := t.grant
	t.tokens.Scope = g.Scope
	if t.scope != "" {
		t.tokens.Scope = t.scope
	}
	t.tokens.Access, t.tokens.ExpiresIn, err = p.Issuer.AccessToken(g, issuer.AccessRequest{
		Scope: t.scope, Lifetime: time.Duration(t.client.AccessLifetime),
	})
	if err != nil {
		return err
	}
	if t.withRefresh {
		if t.tokens.Refresh, err = p.Issuer.RefreshToken(g); err != nil {
			return err
		}
	}
	if issuer.HasScope(t.tokens.Scope, issuer.ScopeOpenID) {
		t.tokens.ID, err = p.Issuer.IDToken(g, issuer.IDTokenRequest{
			Algorithm: t.client.idTokenAlgorithm(), Nonce: t.nonce, Scope: t.tokens.Scope, AccessToken: t.tokens.Access,
		})
	}
	return err
}

func (c *Client) idTokenAlgorithm() keys.Algorithm {
	if c.IDTokenAlgorithm == "" {
		return keys.RS256 // OIDC Registration section 2
	}
	return c.IDTokenAlgorithm
}

// refresh is the grant type refresh_token (RFC 6749 section 6). Scope and resource may be repeated or made
// narrower, and the client's registration may be narrower today; both are judged before the token is
// consumed, or a client that can't be answered would have spent it.
func (p *Provider) refresh(ctx context.Context, t *tokenCall) error {
	raw, err := t.needed("refresh_token")
	if err != nil {
		return err
	}
	scope, err := t.one("scope")
	if err != nil {
		return err
	}
	shown := issuer.Presented{Token: raw, ClientID: t.client.ID, Actor: t.actor, Terms: p.terms(t.client)}
	g, err := p.Issuer.CheckRefresh(ctx, shown)
	switch {
	case err == nil && !t.client.satisfiedBy(&g):
		return issuer.ErrDemandUnmet // before anything is consumed: the demand may be withdrawn
	case err == nil:
		shown.Scope = g.Scope
		if t.scope, err = p.narrower(ctx, t.client, &g, scope, t.Form["resource"]); err != nil {
			return err
		}
	case errors.Is(err, keys.ErrUnavailable):
		return err
	}
	// What else is wrong with the token is judged, and remembered, by Redeem.
	grant, err := p.Issuer.Redeem(ctx, shown)
	if err != nil {
		return err
	}
	if !t.client.satisfiedBy(&grant) {
		return issuer.ErrDemandUnmet
	}
	t.grant, t.withRefresh = &grant, !shown.Terms.Keep
	t.scope, err = p.narrower(ctx, t.client, &grant, scope, t.Form["resource"])
	return err
}

// narrower is the scope of a refresh: what is asked for of the grant's (RFC 6749 section 6, RFC 8707 section
// 2.2), and of that what the client may have today, since its registration may have been narrowed since, and at the
// admin API what the person may.
func (p *Provider) narrower(ctx context.Context, c *Client, g *issuer.Grant, scope string, resources []string) (string, error) {
	if len(resources) > 1 || len(resources) == 1 && resources[0] != g.Audience {
		return "", ErrTarget
	}
	if g.Audience != p.issuerURL() {
		if err := p.mayTarget(c, g.Audience); err != nil {
			return "", err
		}
	}
	words, err := splitScope(scope)
	if err != nil {
		return "", err
	}
	granted := strings.Fields(g.Scope)
	if !within(words, granted) {
		return "", ErrScope
	}
	if len(words) == 0 {
		words = granted
	}
	ofResource, _ := p.Issuer.HasResource(g.Audience)
	words = slices.DeleteFunc(words, func(word string) bool { return !c.grantable(word, ofResource) })
	if len(words) == 0 && len(granted) > 0 {
		return "", ErrScope
	}
	words, err = p.withinRights(ctx, c, g.Audience, g.UserID, words)
	if errors.Is(err, ErrAccessDenied) {
		err = ErrScope // RFC 6749 section 5.2 has no other word for it
	}
	return joinScopes(words), err
}

// terms are what the client has of its own at a refresh.
func (p *Provider) terms(c *Client) *issuer.Terms {
	terms := issuer.Terms{Grace: p.Issuer.Settings.Grace, Keep: p.Issuer.Settings.KeepRefreshTokens}
	if c.RefreshGrace != nil {
		terms.Grace = time.Duration(*c.RefreshGrace)
	}
	if c.RotateRefreshTokens != nil {
		terms.Keep = !*c.RotateRefreshTokens
	}
	if c.Public() {
		terms.Keep = false // RFC 9700 section 2.2.2: nothing else would show that one was stolen
	}
	return &terms
}

// clientCredentials is the grant type client_credentials (RFC 6749 section 4.4): the client is its own
// service account. Nothing is read from the database and nothing written.
func (p *Provider) clientCredentials(_ context.Context, t *tokenCall) error {
	scope, err := t.one("scope")
	if err != nil {
		return err
	}
	target, err := p.target(t.client, t.Form["resource"])
	if err != nil {
		return err
	}
	if target == "" || target == p.adminAudience() { // the admin API is for people, and `keyturn admin token`
		return ErrTarget
	}
	ofResource, _ := p.Issuer.HasResource(target)
	granted, err := t.client.serviceScopes(scope, ofResource)
	if err != nil {
		return err
	}
	t.service = &issuer.ServiceRequest{
		ClientID: t.client.ID, Audience: target, Scope: granted, Lifetime: time.Duration(t.client.AccessLifetime),
	}
	return nil
}

// serviceScopes are those that a client gets for itself: what it asks for, or all that it is registered for.
// Unlike at the authorization endpoint nobody is there who would notice that one is missing, so one that it
// can't have is an error. The standard scopes are about people.
func (c *Client) serviceScopes(asked string, ofResource []string) (string, error) {
	may := func(scope string) bool {
		return slices.Contains(c.Scopes, scope) && slices.Contains(ofResource, scope)
	}
	if asked == "" {
		var all []string
		for _, scope := range c.Scopes {
			if may(scope) {
				all = append(all, scope)
			}
		}
		if len(all) == 0 && len(c.Scopes) > 0 {
			return "", ErrScope // they belong to another resource, or to none yet: a token that opens nothing helps nobody
		}
		return joinScopes(all), nil
	}
	words, err := splitScope(asked)
	if err != nil {
		return "", err
	}
	for _, word := range words {
		if !may(word) {
			return "", ErrScope
		}
	}
	return joinScopes(words), nil
}

// verifierForm is RFC 7636 section 4.1: 43 to 128 unreserved characters.
var verifierForm = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

// challengeOf is the S256 challenge of a verifier (RFC 7636 section 4.6); "" for none. What can't be a
// verifier gets a challenge that no request can have had.
func challengeOf(verifier string) string {
	switch {
	case verifier == "":
		return ""
	case !verifierForm.MatchString(verifier):
		return "malformed"
	}
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
