package web

import (
	"bytes"
	"fmt"
	"html/template"
	"net/url"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
)

// AccountPath is where the account page lives; the consent page tells people of it.
const AccountPath = "/account"

// Pages renders every page in the look of one theme.
type Pages struct {
	theme      Theme
	host       string // of the issuer, shown at the foot of each page
	assets     pageAssets
	catalogues []catalogue
	sets       []map[string]*template.Template // by language, then by page
}

// NewPages prepares the pages. It returns an error for a theme that Check refuses and for an issuer that is no URL.
func NewPages(theme Theme, issuer string) (*Pages, error) {
	if err := theme.Check(); err != nil {
		return nil, err
	}
	address, err := url.Parse(issuer)
	if err != nil || address.Host == "" {
		return nil, fmt.Errorf("pages: the issuer %q is no URL with a host", issuer)
	}
	p := &Pages{theme: theme.withDefaults(), host: address.Host}
	if p.assets, err = newPageAssets(p.theme); err != nil {
		return nil, err
	}
	if p.catalogues, err = readCatalogues(textFiles); err != nil {
		return nil, err
	}
	for _, texts := range p.catalogues {
		set, err := parsePages(texts)
		if err != nil {
			return nil, err
		}
		p.sets = append(p.sets, set)
	}
	return p, nil
}

// Look is what every page needs to know of its request.
type Look struct {
	// Languages are those of ui_locales, in order of preference; Locale is the reader's own choice, empty for none;
	// AcceptLanguage is the header.
	Languages              []string
	Locale, AcceptLanguage string
	RequestID              string
	// Now is in the time zone that times are told in.
	Now time.Time
}

// Client is what a page says about who asks. Links that are neither https nor http on loopback are left out.
type Client struct {
	Name string
	// Host is that of the redirect URI.
	Host                                    string
	LogoURI, PolicyURI, TermsURI, ClientURI string
	FirstParty                              bool
}

// SignIn asks for username and password.
type SignIn struct {
	Look
	// Client is nil for signing in to the account itself, or to the console.
	Client  *Client
	Console bool
	// Action is where the form goes: username and password, or decision=cancel.
	Action string
	// Cancel offers the way back.
	Cancel   bool
	Username string
	Problem  Problem
	// Forgotten and SignUp are where to go without a password and without an account; empty where that is
	// switched off.
	Forgotten, SignUp string
	// Passkey signs in without either.
	Passkey Ceremony
	// Redirects is the redirect URI, or its origin, that the answer to the form may lead to.
	Redirects string
}

// Problem is why the sign-in page is shown, or shown again. The zero value is none.
type Problem struct {
	Kind ProblemKind
	// Wait is how long ProblemThrottled lasts.
	Wait time.Duration
}

// ProblemKind names a problem.
type ProblemKind string

// The problems.
const (
	ProblemCredentials ProblemKind = "credentials"
	ProblemThrottled   ProblemKind = "throttled"
	ProblemBusy        ProblemKind = "busy"
	ProblemMissing     ProblemKind = "missing" // a field is empty
	ProblemAgain       ProblemKind = "again"   // the person must prove themself again: prompt=login, max_age
	ProblemOther       ProblemKind = "other"   // another person is expected: id_token_hint
	ProblemExpired     ProblemKind = "expired" // the password was right, but too long ago

	// Of second factors and what is set up.
	ProblemNoCode         ProblemKind = "no_code"         // the field is empty
	ProblemCode           ProblemKind = "code"            // it is wrong, or was used before
	ProblemPasskey        ProblemKind = "passkey"         // it proved nothing, or too late
	ProblemPasskeyRefused ProblemKind = "passkey_refused" // a new one can't be taken
	ProblemTooMany        ProblemKind = "too_many"
	ProblemName           ProblemKind = "name"     // a name that can't be shown
	ProblemAppGone        ProblemKind = "app_gone" // the app was not begun, or too long ago
	ProblemLastWay        ProblemKind = "last_way" // nobody could sign in without it
	ProblemDemanded       ProblemKind = "demanded" // a policy wants it kept
)

// Consent asks whether a client may have what it asks for.
type Consent struct {
	Look
	Client Client
	// Action is where the form goes: decision=allow or decision=deny; Other is where to sign in as somebody else.
	Action, Other string
	Username      string
	// Session is the browser session that the page is shown in; the form sends it back.
	Session string
	Scopes  []string
	// Claims are asked for by the claims parameter, beyond those of the scopes.
	Claims []string
	// Resource is what the access token opens in the person's name, and the audience of the scopes that are not
	// standard ones; empty where it opens UserInfo alone.
	Resource  string
	Redirects string
}

// Error tells what happened, what was kept, and what to do next.
type Error struct {
	Look
	Status int
	// Key names the text, one of those in errorKeys; any other gives a general text.
	Key string
	// Detail is for developers, in English.
	Detail string
	Client *Client
	// Home is the account page, where a link leads; empty for none.
	Home string
}

// ConfirmSignOut asks whether to sign out.
type ConfirmSignOut struct {
	Look
	Client *Client
	// Action is where the form goes: the hidden fields and decision=logout or decision=stay.
	Action   string
	Hidden   map[string]string
	Username string
	// Redirects is the post-logout redirect URI, or its origin, that the answer to the form may lead to.
	Redirects string
}

// SignedOut says that the person is signed out, and tells other clients so.
type SignedOut struct {
	Look
	// Frames are front-channel logout URLs.
	Frames []string
	// Continue is where to go on to, by itself where there are frames; empty for nowhere.
	Continue   string
	ClientName string
	// Home is where to sign in again, for a page that leads nowhere else.
	Home string
}

// FormPost carries an authorization response to the client (OAuth 2.0 Form Post Response Mode).
type FormPost struct {
	Look
	Action string
	Fields [][2]string
}

// Account is what a person sees of their own account.
type Account struct {
	Look
	Username, Name, Nickname, Email string
	EmailVerified                   bool
	// Language is how the reader's language calls itself, Zone a name of the IANA time zone database; empty where none
	// is known.
	Language, Zone string
	// EditProfile, ChangeEmail, ChangePassword, Download and Delete are where that is done; empty where it is
	// switched off.
	EditProfile, ChangeEmail, ChangePassword, Download, Delete string

	Ways     AccountWays
	Sessions []AccountSession
	Apps     []AccountApp
	// SignOutAction signs out everywhere (POST).
	SignOutAction string
	// Console is where the console is, empty for whoever may not see it.
	Console string
	// Done names the text about what was just done, one of dones; empty for nothing.
	Done string
	// DoneApp is the name of the app that DoneAccessRemoved is about, empty where it is not known.
	DoneApp string
}

// What was just done on the account page.
const (
	DoneSessionEnded    = "session_ended"
	DoneAccessRemoved   = "access_removed"
	DoneProfileSaved    = "profile_saved"
	DonePasswordChanged = "password_changed"
	DonePasskeyAdded    = "passkey_added"
	DoneAppAdded        = "app_added"
	DoneFactorRenamed   = "factor_renamed"
	DoneFactorRemoved   = "factor_removed"
)

// dones are all of these.
var dones = []string{
	DoneSessionEnded, DoneAccessRemoved, DoneProfileSaved, DonePasswordChanged,
	DonePasskeyAdded, DoneAppAdded, DoneFactorRenamed, DoneFactorRemoved,
}

// AccountSession is a browser that is signed in.
type AccountSession struct {
	ID string
	// Device is a User-Agent header, or words of one's own.
	Device        string
	Address       string
	Started, Seen time.Time
	Current       bool
	// Action ends the session (POST); empty where that can't be.
	Action string
}

// AccountApp is a client that the person has allowed something.
type AccountApp struct {
	ClientID, Name, Host string
	Scopes               []string
	// OpenURI begins a sign-in at the client (OIDC Core section 4), empty for none.
	OpenURI string
	// Action removes the access (POST); empty where that can't be.
	Action string
}

// Finished stands where a sign-in was completed already.
type Finished struct {
	Look
	Client *Client
	// Home is the account page, where a link leads; empty for none.
	Home string
}

// pageData is what the templates see: the page in V, and what all have in common.
type pageData struct {
	Lang, Team, Host              string
	StylePath, IconPath, LogoPath string
	SubmitPath, OnwardPath        string
	ShowPath, PasskeyPath         string
	Reference                     string
	V                             any
}

// SignIn writes the sign-in page.
func (p *Pages) SignIn(c *gin.Context, status int, v SignIn) {
	retryAfter(c, v.Problem)
	policy := pagePolicy{images: logoSource(v.Client), opener: true, script: true}
	policy.passkeys(v.Passkey)
	if v.Client != nil {
		policy.forms = formTargets(v.Redirects)
	}
	p.write(c, status, "signin", v.Look, policy, v)
}

// retryAfter tells programs what the page tells people.
func retryAfter(c *gin.Context, p Problem) {
	if p.Kind == ProblemThrottled {
		c.Header("Retry-After", strconv.FormatInt(wholeSeconds(p.Wait), 10))
	}
}

// Consent writes the consent page.
func (p *Pages) Consent(c *gin.Context, status int, v Consent) {
	policy := pagePolicy{images: logoSource(&v.Client), forms: formTargets(v.Redirects), opener: true}
	p.write(c, status, "consent", v.Look, policy, v)
}

// Error writes an error page.
func (p *Pages) Error(c *gin.Context, status int, v Error) {
	v.Status, v.Key = status, errorKey(v.Key)
	p.write(c, status, "error", v.Look, pagePolicy{}, v)
}

// ConfirmSignOut writes the question whether to sign out.
func (p *Pages) ConfirmSignOut(c *gin.Context, status int, v ConfirmSignOut) {
	p.write(c, status, "confirmsignout", v.Look, pagePolicy{images: logoSource(v.Client), forms: formTargets(v.Redirects), opener: true}, v)
}

// SignedOut writes the page that ends a sign-out.
func (p *Pages) SignedOut(c *gin.Context, status int, v SignedOut) {
	var frames []string
	v.Frames, frames = frameSources(v.Frames)
	p.write(c, status, "signedout", v.Look, pagePolicy{frames: frames, script: len(frames) > 0 && onwardLink(v.Continue) != "", opener: true}, v)
}

// FormPost writes the page whose form goes to the client by itself.
func (p *Pages) FormPost(c *gin.Context, status int, v FormPost) {
	policy := pagePolicy{forms: formTargets(v.Action), script: true, opener: true, referrer: originOnly}
	p.write(c, status, "formpost", v.Look, policy, v)
}

// Account writes the account page.
func (p *Pages) Account(c *gin.Context, status int, v Account) {
	p.write(c, status, "account", v.Look, pagePolicy{}, v)
}

// Finished writes the page for a sign-in that was completed before.
func (p *Pages) Finished(c *gin.Context, status int, v Finished) {
	p.write(c, status, "finished", v.Look, pagePolicy{images: logoSource(v.Client)}, v)
}

// write renders the page whole before anything is sent. A template that fails is a broken program.
func (p *Pages) write(c *gin.Context, status int, page string, look Look, policy pagePolicy, v any) {
	language := p.language(look)
	var body bytes.Buffer
	err := p.sets[language][page].ExecuteTemplate(&body, "layout", pageData{
		Lang: p.catalogues[language].Language, Team: p.theme.Name, Host: p.host,
		StylePath: p.assets.style, IconPath: p.assets.icon, LogoPath: p.assets.logo, SubmitPath: p.assets.submit, OnwardPath: p.assets.onward, ShowPath: p.assets.show, PasskeyPath: p.assets.passkey,
		Reference: look.RequestID, V: v,
	})
	if err != nil {
		panic(fmt.Errorf("render page %s: %w", page, err))
	}
	policy.set(c.Writer.Header())
	c.Header("Content-Language", p.catalogues[language].Language)
	c.Header("Content-Length", strconv.Itoa(body.Len()))
	c.Data(status, "text/html; charset=utf-8", body.Bytes())
}
