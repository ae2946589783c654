package issuer

import (
	"context"
	"errors"
	"time"

	"keyturn/audit"
)

// Presented is a refresh token that somebody shows, and who that is as far as is known.
type Presented struct {
	Token string
	// ClientID is the client that it must have been issued to.
	ClientID string
	Actor    audit.Actor
	// Scope is that of its grant as far as the caller knows it (CheckRefresh); it opens nothing.
	Scope string
	// Terms are the client's own; nil for the settings'.
	Terms *Terms
}

// Terms are what clients may be given differently at a refresh.
type Terms struct {
	// Grace is how long a replaced refresh token still yields its unused successor.
	Grace time.Duration
	// Keep leaves the refresh token as it is.
	Keep bool
}

func (i *Issuer) terms(p Presented) Terms {
	if p.Terms != nil {
		return *p.Terms
	}
	return Terms{Grace: i.Settings.Grace, Keep: i.Settings.KeepRefreshTokens}
}

// errAdvance is the judge's word that the grant is ready for the one statement that advances it.
var errAdvance = errors.New("issuer: the grant can advance")

// Refresh redeems a refresh token of the token-pair API for a new pair.
func (i *Issuer) Refresh(ctx context.Context, p Presented) (Pair, error) {
	grant, err := i.Redeem(ctx, p)
	if err != nil {
		return Pair{}, err
	}
	if i.terms(p).Keep {
		access, lifetime, err := i.AccessToken(&grant, AccessRequest{})
		return Pair{Access: access, ExpiresIn: lifetime}, err
	}
	return i.pair(&grant)
}

// Redeem takes a refresh token and returns its grant as it stands then, from which the tokens are made.
// The common way is one conditional UPDATE; only where it hits no row is the grant read and judged.
// Unknown outcomes are never repeated here: the client repeats with the same token and gets the same
// successor within the grace.
func (i *Issuer) Redeem(ctx context.Context, p Presented) (Grant, error) {
	token, err := i.readRefresh(ctx, p)
	if err != nil {
		return Grant{}, err
	}
	ctx, cancel := settle(ctx)
	defer cancel()
	// What the tokens will name is read before the token is consumed: what can't be answered must not be.
	expected := Grant{UserID: token.userID, ClientID: p.ClientID, Audience: i.Settings.Audience, Scope: p.Scope}
	members, err := i.memberships(ctx, &expected)
	if err != nil {
		return Grant{}, err
	}
	grant, err := i.redeem(ctx, token, p)
	if err != nil {
		return grant, err
	}
	if members == nil { // a grant of an audience that was configured once
		members, err = i.memberships(ctx, &grant)
	}
	grant.User.Memberships = members
	return grant, err
}

func (i *Issuer) redeem(ctx context.Context, token refreshToken, p Presented) (Grant, error) {
	terms := i.terms(p)
	if terms.Keep {
		return i.stay(ctx, token, terms, p.Actor)
	}
	grant, err := i.advance(ctx, token)
	if errors.Is(err, ErrConflict) {
		grant, err = i.judge(ctx, token, terms, p.Actor)
	}
	if errors.Is(err, errAdvance) {
		// The judge saw a grant that stands where the UPDATE wanted it, so both met in the middle of
		// something. Once more, then the client may try again.
		grant, err = i.advance(ctx, token)
		if errors.Is(err, ErrConflict) {
			err = ErrBusy
		}
	}
	return grant, err
}

// advance looks at what groups demand only where any demands something.
func (i *Issuer) advance(ctx context.Context, t refreshToken) (Grant, error) {
	if i.undemanded.Load() {
		return i.Store.AdvanceGrant(ctx, t.grantID, t.number)
	}
	return i.Store.AdvanceDemanded(ctx, t.grantID, t.number)
}

// judge decides on a token that could not simply be redeemed: a second tab within the grace, or reuse,
// which is revoked and committed before its error comes back.
func (i *Issuer) judge(ctx context.Context, t refreshToken, terms Terms, actor audit.Actor) (Grant, error) {
	return i.settleGrant(ctx, t, actor, func(g *Grant, now time.Time) error {
		generation, rotatedAt := g.Generation, g.RotatedAt
		err := g.Redeem(t.number, now, terms.Grace)
		if g.Generation != generation {
			g.Generation, g.RotatedAt = generation, rotatedAt
			return errAdvance
		}
		return err
	})
}

// stay is Redeem with rotation off: the same rule, but the generation stays where it is.
func (i *Issuer) stay(ctx context.Context, t refreshToken, terms Terms, actor audit.Actor) (Grant, error) {
	stay := func(g *Grant, now time.Time) error {
		generation, rotatedAt := g.Generation, g.RotatedAt
		err := g.Redeem(t.number, now, terms.Grace)
		g.Generation, g.RotatedAt = generation, rotatedAt
		return err
	}
	if !i.undemanded.Load() {
		return i.settleGrant(ctx, t, actor, stay)
	}
	grant, now, err := i.Store.GrantByID(ctx, t.grantID)
	if err != nil && !errors.Is(err, ErrGrantNotFound) {
		return Grant{}, err
	}
	if err == nil && stay(&grant, now) == nil {
		return grant, nil
	}
	return i.settleGrant(ctx, t, actor, stay)
}

// Revoke ends the grant of any authentic refresh token, whatever its number (RFC 7009 section 2.1). It
// still says ErrRefreshReused for one that was replaced long ago, after the grant has ended.
func (i *Issuer) Revoke(ctx context.Context, p Presented) error {
	token, err := i.readRefresh(ctx, p)
	if err != nil {
		return err
	}
	ctx, cancel := settle(ctx)
	defer cancel()
	_, err = i.settleGrant(ctx, token, p.Actor, func(g *Grant, now time.Time) error {
		return g.End(token.number, now, i.terms(p).Grace)
	})
	return err
}

// settleGrant has the store judge the grant and describes the revocation that may come of it. A grant
// that is not stored while an unexpired token of it exists means that the database went back in time:
// the token is refused like a revoked one.
func (i *Issuer) settleGrant(ctx context.Context, t refreshToken, actor audit.Actor, decide func(*Grant, time.Time) error) (Grant, error) {
	revocation := Revocation{
		PresentedJTI: TokenID(t.grantID, t.number),
		Event:        audit.Event{Action: audit.GrantRevoked, Actor: actor, SubjectKind: "grant", SubjectID: t.grantID},
	}
	grant, err := i.Store.JudgeGrant(ctx, t.grantID, revocation, decide)
	if errors.Is(err, ErrGrantNotFound) {
		i.alarm(ErrGrantNotFound, t.grantID)
		return Grant{}, ErrGrantRevoked
	}
	if errors.Is(err, ErrGenerationAhead) {
		i.alarm(ErrGenerationAhead, t.grantID)
	}
	return grant, err
}

func (i *Issuer) alarm(err error, grantID string) {
	if i.Alarm != nil {
		i.Alarm(err, grantID)
	}
}

// Verify tells whether an access or refresh token of the token-pair API is good now. It consumes
// nothing and does not look at the user. Refresh tokens that were replaced or taken back give
// ErrRefreshReused or ErrGrantRevoked.
func (i *Issuer) Verify(ctx context.Context, raw string) error {
	token, err := i.read(ctx, raw)
	if err != nil {
		return err
	}
	if token.ClientID != TokenPairClient {
		return ErrTokenInvalid
	}
	if token.kind == accessType {
		return nil
	}
	refresh, err := i.asRefresh(token, TokenPairClient)
	if err != nil {
		return err
	}
	grant, now, err := i.Store.GrantByID(ctx, refresh.grantID)
	if errors.Is(err, ErrGrantNotFound) {
		return ErrGrantRevoked
	}
	if err != nil {
		return err
	}
	return grant.Check(refresh.number, now, i.Settings.Grace)
}
