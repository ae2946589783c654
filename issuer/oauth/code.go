package oauth

import (
	"context"
	"errors"
	"strings"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/keys"
)

// giveCode makes an authorization code for the person who is signed in. What its redemption will store is
// decided here.
func (p *Provider) giveCode(ctx context.Context, f *flow, who accounts.Authentication) (Next, error) {
	ctx, cancel := settle(ctx)
	defer cancel()
	secret := keys.NewSecret()
	code := Code{
		Hash: secret.Hash(), ClientID: f.client.ID, RedirectURI: f.Request.RedirectURI,
		Challenge: f.Request.Challenge, Nonce: f.Request.Nonce, Grant: p.newGrant(f, who),
	}
	if !f.client.FirstParty {
		code.Consent = consentItems(&f.Request) // looked at once more where it is stored
	}
	if err := p.Store.StoreCode(ctx, code, codeLifetime); err != nil {
		return nil, err
	}
	if f.ID != (keys.Hash{}) {
		if _, err := p.Store.NoteStep(ctx, f.ID, StepFinished, ""); err != nil {
			return nil, err
		}
	}
	return Return{f.back.answer([2]string{"code", secret.Reveal()})}, nil
}

func (p *Provider) newGrant(f *flow, who accounts.Authentication) issuer.NewGrant {
	scope := joinScopes(f.Request.Scopes)
	refresh, absolute := p.refreshLifetimes(f.client)
	if !issuer.HasScope(scope, issuer.ScopeOfflineAccess) {
		// Without a refresh token the grant is only what UserInfo and introspection ask.
		refresh = p.accessLifetime(f.client, f.Request.Resource)
		absolute = refresh
	}
	return issuer.NewGrant{
		Grant: issuer.Grant{
			ID: keys.NewTokenID(), UserID: who.UserID(), ClientID: f.client.ID,
			Audience: f.Request.Resource, Scope: scope, SessionID: who.SessionID(),
			Claims: f.Request.Claims.text(), AuthTime: who.At(), AMR: strings.Join(who.Methods(), " "),
			ACR: f.Request.acr(who.Level()), RefreshLifetime: refresh,
		},
		CredentialVersion: who.CredentialVersion(),
		AbsoluteLifetime:  absolute,
		NoteLogin:         p.Issuer.Settings.UpdateLastLogin,
	}
}

// refreshLifetimes are how long a refresh token of the client lives, and all of a grant's together.
func (p *Provider) refreshLifetimes(c *Client) (refresh, absolute time.Duration) {
	s := p.Issuer.Settings
	refresh, absolute = s.RefreshLifetime, s.GrantLifetime
	if c.RefreshLifetime != 0 {
		refresh = time.Duration(c.RefreshLifetime)
	}
	if c.GrantLifetime != 0 {
		absolute = time.Duration(c.GrantLifetime)
	}
	return refresh, max(refresh, absolute)
}

// accessLifetime is how long the client's access tokens for a resource live.
func (p *Provider) accessLifetime(c *Client, resource string) time.Duration {
	if c.AccessLifetime != 0 {
		return time.Duration(c.AccessLifetime)
	}
	return p.Issuer.AccessLifetime(resource)
}

// redeemCode is the grant type authorization_code (RFC 6749 section 4.1.3, RFC 7636 section 4.6).
func (p *Provider) redeemCode(ctx context.Context, t *tokenCall) error {
	code, err := t.needed("code")
	if err != nil {
		return err
	}
	uri, err := t.needed("redirect_uri")
	if err != nil {
		return err
	}
	verifier, err := t.one("code_verifier")
	if err != nil {
		return err
	}
	secret := keys.SecretOf(code)
	ctx, cancel := settle(ctx)
	defer cancel()
	grant, stored, err := p.Store.RedeemCode(ctx, Redemption{
		Hash: secret.Hash(), ClientID: t.client.ID, RedirectURI: uri, Challenge: challengeOf(verifier),
		Event: audit.Event{
			Action: audit.GrantCreated, Actor: t.actor, SubjectKind: "grant",
			Details: map[string]string{"client": t.client.ID},
		},
		Revocation: issuer.Revocation{
			Reason: issuer.CodeReused,
			Event:  audit.Event{Action: audit.GrantRevoked, Actor: t.actor, SubjectKind: "grant", Reason: string(issuer.CodeReused)},
		},
	})
	if errors.Is(err, ErrCodeInvalid) {
		return p.noteRefusal(ctx, t.client, t.actor, "code", err)
	}
	if err != nil {
		return err
	}
	t.grant, t.nonce = &grant, stored.Nonce
	t.withRefresh = issuer.HasScope(grant.Scope, issuer.ScopeOfflineAccess)
	return nil
}

func joinScopes(scopes []string) string { return strings.Join(scopes, " ") }
