package oauth

import (
	"context"
	"errors"
	"slices"

	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/keys"
)

// Introspection is what is told of a token (RFC 7662 section 2.2). The zero value is a token that is not
// active, of which nothing else is said.
type Introspection struct {
	Active    bool     `json:"active"`
	Scope     string   `json:"scope,omitempty"`
	ClientID  string   `json:"client_id,omitempty"`
	Username  string   `json:"username,omitempty"`
	TokenType string   `json:"token_type,omitempty"`
	Expires   int64    `json:"exp,omitempty"`
	IssuedAt  int64    `json:"iat,omitempty"`
	Subject   string   `json:"sub,omitempty"`
	Audience  []string `json:"aud,omitempty"`
	Issuer    string   `json:"iss,omitempty"`
	ID        string   `json:"jti,omitempty"`
}

// Introspect tells an authenticated client about a token: its own, or an access token for a resource that
// it was registered to introspect. Of any other it learns no more than of rubbish.
func (p *Provider) Introspect(ctx context.Context, call *Call) (Introspection, *Client, error) {
	who, err := p.Authenticate(ctx, call)
	if err != nil {
		return Introspection{}, nil, err
	}
	client := who.client
	if client.Public() {
		return Introspection{}, client, ErrClientAuth // RFC 7662 section 2.1: some form of authorization is a must
	}
	raw, err := call.needed("token")
	if err != nil {
		return Introspection{}, client, err
	}
	if _, err := call.one("token_type_hint"); err != nil {
		return Introspection{}, client, err
	}
	told, err := p.introspectAccess(ctx, client, raw)
	if errors.Is(err, issuer.ErrTokenType) {
		told, err = p.introspectRefresh(ctx, client, raw)
	}
	if err != nil && !ended(err) {
		return Introspection{}, client, err
	}
	if err != nil {
		return Introspection{}, client, nil
	}
	return told, client, nil
}

// ended tells that an error is about the token and not about us.
func ended(err error) bool {
	for _, about := range []error{
		issuer.ErrTokenInvalid, issuer.ErrTokenExpired, issuer.ErrTokenType, issuer.ErrGrantRevoked, issuer.ErrRefreshExpired,
		issuer.ErrRefreshReused, issuer.ErrGenerationAhead, issuer.ErrUserInactive, keys.ErrUnknownKey,
		ErrUnknownClient, ErrClientDisabled, errNotTheirs,
	} {
		if errors.Is(err, about) {
			return true
		}
	}
	return false
}

var errNotTheirs = errors.New("oauth: the token is none of the client's business")

func (p *Provider) introspectAccess(ctx context.Context, c *Client, raw string) (Introspection, error) {
	t, err := p.Issuer.ReadAccess(ctx, raw)
	if err != nil {
		return Introspection{}, err
	}
	theirs := t.ClientID == c.ID || slices.ContainsFunc(t.Audience, func(a string) bool {
		return slices.Contains(c.IntrospectResources, a)
	})
	if !theirs {
		return Introspection{}, errNotTheirs
	}
	told := Introspection{
		Active: true, Scope: t.Scope, ClientID: t.ClientID, TokenType: "Bearer", Expires: *t.Expires, IssuedAt: *t.IssuedAt,
		Subject: t.Subject, Audience: t.Audience, Issuer: t.Issuer, ID: t.ID,
	}
	if t.GrantID != "" {
		grant, err := p.Issuer.Live(ctx, t.GrantID)
		if err != nil {
			return Introspection{}, err
		}
		told.Username = grant.User.Username
	}
	if t.ClientID == issuer.TokenPairClient || t.ClientID == issuer.AdminCLIClient {
		return told, nil // built in, never turned off
	}
	_, err = p.Clients.Find(ctx, t.ClientID)
	return told, err
}

func (p *Provider) introspectRefresh(ctx context.Context, c *Client, raw string) (Introspection, error) {
	g, err := p.Issuer.CheckRefresh(ctx, issuer.Presented{Token: raw, ClientID: c.ID, Terms: p.terms(c)})
	if err != nil {
		return Introspection{}, err
	}
	return Introspection{
		Active: true, Scope: g.Scope, ClientID: g.ClientID, Username: g.User.Username, TokenType: "refresh_token",
		Expires: g.RefreshExpiresAt().Unix(), IssuedAt: g.RotatedAt.Unix(), Subject: g.UserID,
		Audience: []string{p.issuerURL()}, Issuer: p.issuerURL(),
	}, nil
}

// Revoke takes a client's own token back (RFC 7009 section 2.1): with either kind the grant ends, and so
// every token of it. What is no token of the client has no effect and is no error. ErrTokenKind for an
// access token that a client got for itself, which nothing can take back.
func (p *Provider) Revoke(ctx context.Context, call *Call) (*Client, error) {
	who, err := p.Authenticate(ctx, call)
	if err != nil {
		return nil, err
	}
	raw, err := call.needed("token")
	if err != nil {
		return who.client, err
	}
	if _, err := call.one("token_type_hint"); err != nil {
		return who.client, err
	}
	actor := who.actor(call)
	err = p.Issuer.Revoke(ctx, issuer.Presented{Token: raw, ClientID: who.client.ID, Actor: actor, Terms: p.terms(who.client)})
	if errors.Is(err, issuer.ErrTokenType) {
		err = p.revokeAccess(ctx, who.client, raw, actor)
	}
	if err != nil && ended(err) {
		err = nil
	}
	return who.client, err
}

func (p *Provider) revokeAccess(ctx context.Context, c *Client, raw string, actor audit.Actor) error {
	t, err := p.Issuer.ReadAccess(ctx, raw)
	switch {
	case err != nil:
		return err
	case t.ClientID != c.ID:
		return errNotTheirs
	case t.GrantID == "":
		return ErrTokenKind
	}
	return p.Issuer.EndGrant(ctx, t.GrantID, issuer.Logout, actor)
}
