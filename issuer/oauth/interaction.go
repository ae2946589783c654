package oauth

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/keys"
)

// Next is what the browser does next: SignIn, Enroll, AskConsent or Return, and nothing else.
type Next interface{ next() }

// SignIn asks the person to prove who they are.
type SignIn struct {
	Why SignInReason
	// Hint is the username to begin with.
	Hint string
	// Level is what has to be reached where Why is StepUp: whoever is signed in is asked for more proof.
	Level accounts.Level
}

// AskConsent asks the person what the client may have.
type AskConsent struct {
	Scopes []string
	// Claims are names beyond the scopes.
	Claims []string
	// Resource is what the access token will open in the person's name; empty where it opens UserInfo alone.
	Resource string
	// UserID and SessionID are who is asked, and in which browser session: the answer must come from there.
	UserID, SessionID string
}

// Return takes the browser back to the client with an authorization code.
type Return struct{ Answer Answer }

func (SignIn) next()     {}
func (AskConsent) next() {}
func (Return) next()     {}

// SignInReason is why the person has to sign in.
type SignInReason string

// The reasons.
const (
	NoSession     SignInReason = "no_session"
	Asked         SignInReason = "prompt"       // prompt=login or select_account
	TooLongAgo    SignInReason = "max_age"      // the last proof is older than the client wants
	AnotherPerson SignInReason = "other_person" // the hint or the claims parameter names somebody else
	StepUp        SignInReason = "step_up"      // signed in, but with less proof than is demanded
)

// Stop is where a request stands in the browser.
type Stop struct {
	Next   Next
	Client *Client
	// Request is the checked request.
	Request Request
	// ID is the text that the interaction's URLs hold, Browser the secret of its cookie; both empty where
	// Next is Return.
	ID, Browser keys.Secret
}

// RedirectHost is the host that the answer will go to, for people.
func (s *Stop) RedirectHost() string { return hostOf(s.Request.RedirectURI) }

// RedirectOrigin is the same as a Content-Security-Policy names it.
func (s *Stop) RedirectOrigin() string { return originOf(s.Request.RedirectURI) }

// Visit is a browser at the authorization endpoint or at a page of an interaction.
type Visit struct {
	// Session is the secret of the session cookie, Browser that of the cookie which binds interactions to
	// this browser; empty where there is none.
	Session, Browser keys.Secret
	Actor            audit.Actor
}

// Authorize takes an authorization request (RFC 6749 section 4.1.1). What can be answered at once is;
// else the request is stored and goes on at its interaction's URL. seen is false where the browser may
// have withheld its cookies, as with a form sent from another site: then the request is stored in any case.
// An error that wraps *Refused is told to the client, any other is a page.
func (p *Provider) Authorize(ctx context.Context, params url.Values, v Visit, seen bool) (*Stop, error) {
	d, err := p.check(ctx, params)
	if err != nil {
		return nil, err
	}
	stop := &Stop{Client: d.client, Request: d.req}
	if seen {
		stop.Next, err = p.dispatch(ctx, &flow{Interaction: Interaction{Request: d.req}, client: d.client, back: d.back, now: p.Now()}, v)
		if err != nil {
			return nil, err
		}
		if _, done := stop.Next.(Return); done {
			return stop, nil
		}
	}
	stop.ID, stop.Browser = keys.NewSecret(), v.Browser
	if stop.Browser.Reveal() == "" {
		stop.Browser = keys.NewSecret()
	}
	in := Interaction{ID: stop.ID.Hash(), Browser: stop.Browser.Hash(), Request: d.req}
	return stop, p.Store.StoreInteraction(ctx, in, interactionLifetime)
}

// Resume takes up an interaction and says what is next. ErrInteractionGone where it has expired or
// belongs to another browser, ErrNoCookie where the browser says nothing of itself; with ErrFinished, for one
// that was completed a while ago, comes the Stop without what is next.
func (p *Provider) Resume(ctx context.Context, id keys.Secret, v Visit) (*Stop, error) {
	f, err := p.flow(ctx, id, v)
	if f == nil {
		return nil, err
	}
	stop := &Stop{Client: f.client, Request: f.Request, ID: id, Browser: v.Browser}
	if err == nil {
		stop.Next, err = p.dispatch(ctx, f, v)
	}
	return stop, err
}

// Look is Resume without deciding anything: for a form that has to be shown again.
func (p *Provider) Look(ctx context.Context, id keys.Secret, v Visit) (*Stop, error) {
	f, err := p.flow(ctx, id, v)
	if f == nil {
		return nil, err
	}
	return &Stop{Client: f.client, Request: f.Request, ID: id, Browser: v.Browser}, err
}

// SignedIn notes that a person has signed in within the interaction.
func (p *Provider) SignedIn(ctx context.Context, id keys.Secret, v Visit, who accounts.Authentication) error {
	f, err := p.flow(ctx, id, v)
	if err != nil {
		return err
	}
	_, err = p.Store.NoteStep(ctx, f.ID, StepSignedIn, who.SessionID())
	return err
}

// Decision is what a person decided about a client.
type Decision struct {
	Allowed bool
	// SessionID is the browser session that the page was shown in.
	SessionID string
}

// Consent takes the person's decision. A refusal is told to the client: an error that wraps *Refused and
// ErrAccessDenied. What was not asked of whoever is signed in now changes nothing: the dispatcher, where the
// browser goes next, asks again.
func (p *Provider) Consent(ctx context.Context, id keys.Secret, v Visit, d Decision) error {
	f, err := p.flow(ctx, id, v)
	if err != nil {
		return err
	}
	if !d.Allowed {
		return p.decline(ctx, f)
	}
	who, err := p.signedIn(ctx, v)
	if err != nil {
		return err
	}
	next, err := p.decide(ctx, f, who)
	if err != nil {
		return err
	}
	ask, ok := next.(AskConsent)
	if !ok || ask.SessionID != d.SessionID {
		return nil // decided in another tab, signed out, or signed in as somebody else meanwhile
	}
	ctx, cancel := settle(ctx)
	defer cancel()
	actor := v.Actor
	actor.Kind, actor.ID = audit.User, ask.UserID
	given := Consent{UserID: ask.UserID, ClientID: f.client.ID, Resource: f.Request.Resource, Scopes: consentItems(&f.Request)}
	if err := p.Store.AddConsent(ctx, given, audit.Event{
		Action: audit.ConsentGiven, Actor: actor, SubjectKind: "client", SubjectID: f.client.ID,
		Details: map[string]string{"scope": joinScopes(given.Scopes), "resource": given.Resource},
	}); err != nil {
		return err
	}
	_, err = p.Store.NoteStep(ctx, f.ID, StepConsented, ask.SessionID)
	return err
}

// Cancel ends an interaction at the person's wish, as Consent does with a refusal.
func (p *Provider) Cancel(ctx context.Context, id keys.Secret, v Visit) error {
	f, err := p.flow(ctx, id, v)
	if err != nil {
		return err
	}
	return p.decline(ctx, f)
}

// decline tells the client, unless it was told otherwise before: ErrFinished. What it got then is taken back on
// the account page.
func (p *Provider) decline(ctx context.Context, f *flow) error {
	if !f.FinishedAt.IsZero() {
		return ErrFinished
	}
	if _, err := p.Store.NoteStep(ctx, f.ID, StepFinished, ""); err != nil {
		return err
	}
	return &Refused{Err: ErrAccessDenied, back: f.back}
}

// flow is an interaction with what was proved of it again.
type flow struct {
	Interaction
	client *Client
	back   callback
	now    time.Time
}

// flow reads an interaction; its client must still be enabled and its redirect URI still registered. With
// ErrFinished, for one that was completed a while ago, it returns the flow too.
func (p *Provider) flow(ctx context.Context, id keys.Secret, v Visit) (*flow, error) {
	switch {
	case v.Browser.Reveal() == "":
		return nil, ErrNoCookie
	case id.Reveal() == "":
		return nil, ErrInteractionGone
	}
	in, now, err := p.Store.Interaction(ctx, id.Hash(), v.Browser.Hash())
	if err != nil {
		return nil, err
	}
	client, err := p.Clients.Find(ctx, in.Request.ClientID)
	if err != nil {
		return nil, err
	}
	to, err := client.redirectTo(in.Request.RedirectURI)
	if err != nil {
		return nil, err
	}
	f := &flow{in, client, callback{
		to: to, mode: in.Request.ResponseMode, state: in.Request.State, hasState: in.Request.HasState, issuer: p.issuerURL(),
	}, now}
	if !f.FinishedAt.IsZero() && now.Sub(f.FinishedAt) > repeatTime {
		return f, ErrFinished
	}
	return f, nil
}

// signedIn is who is signed in in the browser; a proof of nothing for nobody.
func (p *Provider) signedIn(ctx context.Context, v Visit) (accounts.Authentication, error) {
	who, err := p.Browsers.Resume(ctx, v.Session)
	if errors.Is(err, accounts.ErrNotSignedIn) {
		return accounts.Authentication{}, nil
	}
	return who, err
}

// dispatch says what is next, and where nothing is left to ask makes the code. Every step comes back here;
// none knows another.
func (p *Provider) dispatch(ctx context.Context, f *flow, v Visit) (Next, error) {
	who, err := p.signedIn(ctx, v)
	if err != nil {
		return nil, err
	}
	next, err := p.decide(ctx, f, who)
	if err != nil || next != nil {
		return next, err
	}
	next, err = p.giveCode(ctx, f, who)
	if errors.Is(err, ErrConsentRequired) { // it was taken back a moment ago
		return p.interrupt(f, ErrConsentRequired, p.askConsent(f, who))
	}
	return next, err
}

// decide says what the person has to be asked; nil for nothing.
func (p *Provider) decide(ctx context.Context, f *flow, who accounts.Authentication) (Next, error) {
	if why := f.signInReason(who); why != "" {
		return p.interrupt(f, ErrLoginRequired, SignIn{Why: why, Hint: f.Request.LoginHint})
	}
	if next, err := p.needsLevel(ctx, f, who); err != nil || next != nil {
		return next, err
	}
	scopes, err := p.withinRights(ctx, f.client, f.Request.Resource, who.UserID(), f.Request.Scopes)
	if errors.Is(err, ErrAccessDenied) {
		return nil, &Refused{Err: err, back: f.back}
	}
	if err != nil {
		return nil, err
	}
	f.Request.Scopes = scopes
	ask, err := p.needsConsent(ctx, f, who)
	if err != nil || !ask {
		return nil, err
	}
	return p.interrupt(f, ErrConsentRequired, p.askConsent(f, who))
}

// interrupt asks the person, or tells the client that it would have to (OIDC Core section 3.1.2.6).
func (p *Provider) interrupt(f *flow, silently error, next Next) (Next, error) {
	if slices.Contains(f.Request.Prompt, promptNone) {
		return nil, &Refused{Err: silently, back: f.back}
	}
	return next, nil
}

func (p *Provider) askConsent(f *flow, who accounts.Authentication) AskConsent {
	ask := AskConsent{
		Scopes: f.Request.Scopes, Claims: f.Request.Claims.UserInfo, Resource: f.Request.Resource,
		UserID: who.UserID(), SessionID: who.SessionID(),
	}
	if ask.Resource == p.issuerURL() {
		ask.Resource = ""
	}
	return ask
}

// signInReasons are looked at in this order; the first that holds counts.
var signInReasons = []struct {
	why   SignInReason
	holds func(*flow, accounts.Authentication) bool
}{
	{NoSession, func(_ *flow, who accounts.Authentication) bool { return !who.Valid() }},
	{AnotherPerson, func(f *flow, who accounts.Authentication) bool {
		return f.Request.Subject != "" && f.Request.Subject != who.UserID()
	}},
	{Asked, func(f *flow, who accounts.Authentication) bool {
		wanted := slices.Contains(f.Request.Prompt, promptLogin) || slices.Contains(f.Request.Prompt, promptSelectAccount)
		return wanted && !f.signedInHere(who)
	}},
	{TooLongAgo, func(f *flow, who accounts.Authentication) bool {
		return f.Request.MaxAge != nil && f.now.Sub(who.At()) > f.maxAge(who)
	}},
}

// signedInHere tells whether this person has signed in within the interaction.
func (f *flow) signedInHere(who accounts.Authentication) bool {
	return !f.SignedInAt.IsZero() && f.SignedInAs != "" && f.SignedInAs == who.SessionID()
}

// consentedHere tells whether this person has decided within the interaction.
func (f *flow) consentedHere(who accounts.Authentication) bool {
	return !f.ConsentedAt.IsZero() && f.ConsentedAs != "" && f.ConsentedAs == who.SessionID()
}

func (f *flow) signInReason(who accounts.Authentication) SignInReason {
	for _, r := range signInReasons {
		if r.holds(f, who) {
			return r.why
		}
	}
	return ""
}

// decisionTime is how long a sign-in within an interaction is fresh enough for any max_age: with max_age=0
// nobody would ever get past the sign-in page.
const decisionTime = 5 * time.Minute

func (f *flow) maxAge(who accounts.Authentication) time.Duration {
	age := time.Duration(*f.Request.MaxAge) * time.Second
	if f.signedInHere(who) {
		return max(age, decisionTime)
	}
	return age
}

// needsConsent tells whether the person has to be asked what the client may have.
func (p *Provider) needsConsent(ctx context.Context, f *flow, who accounts.Authentication) (bool, error) {
	asked := f.consentedHere(who)
	switch {
	case !asked && slices.Contains(f.Request.Prompt, promptConsent):
		return true, nil
	case !asked && f.client.Public() && !secureRedirect(f.Request.RedirectURI):
		// Any program on the machine can claim to be this client, so what was allowed once, or that it is the
		// team's own, says nothing of who asks today (RFC 8252 section 8.6).
		return true, nil
	case f.client.FirstParty:
		return false, nil
	}
	allowed, err := p.Store.Consented(ctx, who.UserID(), f.client.ID, f.Request.Resource)
	if err != nil {
		return false, err
	}
	return !within(consentItems(&f.Request), allowed), nil
}

// claimItem begins an item that is a claim; no scope can hold a blank (RFC 6749 section 3.3).
const claimItem = "claim "

// consentItems are what a person allows: the scopes, and the claims that were asked for beside them.
func consentItems(r *Request) []string {
	items := slices.Clone(r.Scopes)
	for _, name := range r.Claims.UserInfo {
		items = append(items, claimItem+name)
	}
	return items
}
