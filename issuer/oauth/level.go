package oauth

import (
	"context"
	"slices"
	"strings"

	"keyturn/accounts"
	"keyturn/issuer"
)

// Ways tells with what people can prove themselves.
type Ways interface {
	// Reachable is the strongest level that the person's ways to sign in reach together; accounts.OneFactor for
	// somebody who has nothing but a password.
	Reachable(ctx context.Context, userID string) (accounts.Level, error)
	// TakesPasskeys tells whether passkeys, without which nothing reaches accounts.PhishingResistant, can be set up.
	TakesPasskeys() bool
}

// Enroll leads a person through setting up a way to sign in, since none of those that they have reaches the level
// which is demanded. They have proved themself with what they have.
type Enroll struct {
	Level accounts.Level
	// UserID and SessionID are who is asked, and in which browser session.
	UserID, SessionID string
}

func (Enroll) next() {}

// needsLevel says what the person has to be asked because they have proved themself too weakly; nil for
// nothing. What is demanded is never left out. What a client merely would like (OIDC Core section 3.1.2.1, RFC 9470
// section 5) is asked of people who can do it, and of nobody silently.
func (p *Provider) needsLevel(ctx context.Context, f *flow, who accounts.Authentication) (Next, error) {
	demanded, err := p.demanded(ctx, f, who.UserID())
	if err != nil {
		return nil, err
	}
	level, wished := who.Level(), weakest(f.Request.ACRValues)
	met := demanded == "" || level.Satisfies(demanded)
	if met && (wished == "" || level.Satisfies(wished)) {
		return nil, nil
	}
	can, err := p.reachable(ctx, who.UserID())
	switch {
	case err != nil:
		return nil, err
	case !met && can.Satisfies(demanded):
		return p.interrupt(f, ErrLoginRequired, SignIn{Why: StepUp, Level: demanded})
	case !met && (p.Ways == nil || demanded == accounts.PhishingResistant && !p.Ways.TakesPasskeys()):
		return nil, &Refused{Err: ErrAuthenticationContext, back: f.back}
	case !met:
		return p.interrupt(f, ErrInteractionRequired, Enroll{Level: demanded, UserID: who.UserID(), SessionID: who.SessionID()})
	case can.Satisfies(wished) && !slices.Contains(f.Request.Prompt, promptNone):
		return SignIn{Why: StepUp, Level: wished}, nil
	}
	return nil, nil
}

// demanded is the strongest of what the request's essential acr (OIDC Core section 5.5.1.1), the client's
// registration and the person's groups demand; empty for nothing.
func (p *Provider) demanded(ctx context.Context, f *flow, userID string) (accounts.Level, error) {
	level := stronger(weakest(f.Request.Claims.ACR), f.client.RequiredACR)
	if p.Demands == nil {
		return level, nil
	}
	ofGroups, err := p.Demands.RequiredLevel(ctx, userID)
	return stronger(level, ofGroups), err
}

// satisfiedBy tells whether the sign-in of a grant reached what the client demands today.
func (c *Client) satisfiedBy(g *issuer.Grant) bool {
	return c.RequiredACR == "" || g.Level().Satisfies(c.RequiredACR)
}

func (p *Provider) reachable(ctx context.Context, userID string) (accounts.Level, error) {
	if p.Ways == nil {
		return accounts.OneFactor, nil
	}
	return p.Ways.Reachable(ctx, userID)
}

// acr is what the tokens say of a level that was reached: the strongest of the values that were asked for which it
// satisfies, since a client compares them as texts; the level itself where nothing was asked for, or more than it is.
func (r *Request) acr(level accounts.Level) string {
	asked := r.Claims.ACR
	if len(asked) == 0 {
		asked = r.ACRValues
	}
	for _, l := range slices.Backward(accounts.Levels()) {
		if slices.Contains(asked, string(l)) && level.Satisfies(l) {
			return string(l)
		}
	}
	return string(level)
}

// weakest is the weakest level among the values of acr that a client asks for: it is content with any of them. Empty
// where none is a level.
func weakest(values []string) accounts.Level {
	for _, l := range accounts.Levels() {
		if slices.Contains(values, string(l)) {
			return l
		}
	}
	return ""
}

// stronger is the stronger of two levels, of which either may be empty.
func stronger(a, b accounts.Level) accounts.Level {
	if a == "" || b.Satisfies(a) {
		return b
	}
	return a
}

// wantACR takes the acr of the claims parameter (OIDC Core section 5.5.1.1): one of its values is demanded where
// it is essential, else only wished for.
func (d *draft) wantACR(wish claimWish) {
	if wish.Value != "" {
		wish.Values = append(wish.Values, wish.Value)
	}
	if wish.Essential {
		d.req.Claims.ACR = wish.Values
		return
	}
	d.req.ACRValues = levelsAmong(wish.Values)
}

// checkACR takes acr_values, by which a client asks for an acr as for a voluntary claim.
func checkACR(_ *Provider, _ context.Context, d *draft) error {
	text, err := d.short("acr_values", maxHint)
	if err != nil {
		return err
	}
	if text != "" {
		d.req.ACRValues = levelsAmong(strings.Fields(text))
	}
	if essential := d.req.Claims.ACR; len(essential) > 0 && weakest(essential) == "" {
		return ErrAuthenticationContext
	}
	return nil
}

// levelsAmong leaves out what no level is called: a client can't be given that.
func levelsAmong(values []string) []string {
	return slices.DeleteFunc(values, func(v string) bool { return !slices.Contains(accounts.Levels(), accounts.Level(v)) })
}
