package oauth

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/audit/sentence"
	"keyturn/issuer"
	"keyturn/keys"
)

// LogoutParams are the parameters of RP-Initiated Logout section 2 that Keyturn heeds; a page that asks
// for confirmation hands them on.
var LogoutParams = []string{"id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"}

// Logout is an RP-initiated logout request (OpenID Connect RP-Initiated Logout section 2).
type Logout struct {
	Params url.Values
	// Confirmed tells that the person has said yes, on a page of ours.
	Confirmed bool
}

// LoggedOut is how a logout request ends, or where it stands.
type LoggedOut struct {
	// Confirm tells that the person is to be asked first; UserID is who is signed in.
	Confirm bool
	UserID  string
	// Client is who asked, nil where that is not known.
	Client *Client
	// Frames are the front-channel logout URLs of the clients that took part (Front-Channel Logout section 2).
	Frames []string
	// Back is where to go on to; only with a URI that the client registered.
	Back Answer
	// HasBack tells that there is one.
	HasBack bool
	// Locales are the request's ui_locales.
	Locales []string
}

// Logout ends the browser's session. Without an ID token of that session as a hint the person is asked
// first: else any page could sign people out. ErrLogoutURI where a post_logout_redirect_uri came that is
// not registered, or without a hint that says whose it is; nobody is signed out then.
func (p *Provider) Logout(ctx context.Context, in Logout, v Visit) (LoggedOut, error) {
	out, hint, err := p.readLogout(ctx, in.Params)
	if err != nil {
		return LoggedOut{}, err
	}
	who, err := p.Browsers.Resume(ctx, v.Session)
	if errors.Is(err, accounts.ErrNotSignedIn) {
		return out, nil
	}
	if err != nil {
		return LoggedOut{}, err
	}
	// An ID token of another session, of the same person too, may have come from anywhere.
	ours := hint.SessionID != "" && hint.SessionID == who.SessionID()
	if !in.Confirmed && !ours {
		out.Confirm, out.UserID = true, who.UserID()
		return out, nil
	}
	if out.Frames, err = p.frames(ctx, who.SessionID()); err != nil {
		return LoggedOut{}, err
	}
	actor := v.Actor
	actor.Kind, actor.ID = audit.User, who.UserID()
	err = p.Browsers.EndOwn(ctx, who.UserID(), who.SessionID(), string(issuer.Logout), actor)
	if err != nil && !errors.Is(err, accounts.ErrSessionNotFound) {
		return LoggedOut{}, err
	}
	p.Wake()
	return out, nil
}

// readLogout checks the parameters: whose ID token the hint is, and where the browser may go on to.
func (p *Provider) readLogout(ctx context.Context, params url.Values) (LoggedOut, issuer.Hint, error) {
	var out LoggedOut
	for _, name := range LogoutParams {
		if values := params[name]; len(values) > 1 {
			return out, issuer.Hint{}, &InvalidRequest{name, sentence.Say("is given more than once")}
		} else if len(values) == 1 && (!utf8.ValidString(values[0]) || strings.ContainsRune(values[0], 0) || len(values[0]) > maxClaims) {
			return out, issuer.Hint{}, &InvalidRequest{name, sentence.Say("is too long or holds characters that are not text")}
		}
	}
	out.Locales = strings.Fields(params.Get("ui_locales"))
	hint, err := p.logoutHint(ctx, params.Get("id_token_hint"))
	if err != nil {
		return out, hint, err
	}
	id := params.Get("client_id")
	if hint.ClientID != "" && id != "" && id != hint.ClientID {
		return out, hint, &InvalidRequest{"client_id", sentence.Say("is not that of the ID token")} // section 2 wants them compared
	}
	if hint.ClientID != "" {
		id = hint.ClientID
	}
	out.Client, err = p.knownClient(ctx, id)
	if err != nil {
		return out, hint, err
	}
	uri := params.Get("post_logout_redirect_uri")
	if uri == "" {
		return out, hint, nil
	}
	if hint.ClientID == "" || out.Client == nil {
		return out, hint, ErrLogoutURI
	}
	to, err := out.Client.postLogoutTo(uri)
	if err != nil {
		return out, hint, err
	}
	out.Back, out.HasBack = Answer{to: to, mode: modeQuery}, true
	if params.Has("state") {
		out.Back.params = [][2]string{{"state", params.Get("state")}}
	}
	return out, hint, nil
}

// logoutHint reads the hint; one that is not ours says nothing.
func (p *Provider) logoutHint(ctx context.Context, raw string) (issuer.Hint, error) {
	if raw == "" {
		return issuer.Hint{}, nil
	}
	hint, err := p.Issuer.ReadHint(ctx, raw)
	if err != nil && !errors.Is(err, keys.ErrUnavailable) {
		return issuer.Hint{}, nil
	}
	return hint, err
}

// knownClient is the client of the id, nil for one that is not there (any more).
func (p *Provider) knownClient(ctx context.Context, id string) (*Client, error) {
	if id == "" {
		return nil, nil
	}
	c, err := p.Clients.Find(ctx, id)
	if errors.Is(err, ErrUnknownClient) || errors.Is(err, ErrClientDisabled) {
		return nil, nil
	}
	return c, err
}

// frames are the logout pages of the session's clients that have one, with iss and sid (Front-Channel
// Logout section 3).
func (p *Provider) frames(ctx context.Context, sessionID string) ([]string, error) {
	ids, err := p.Store.SessionClients(ctx, sessionID)
	if err != nil {
		return nil, err
	}
	var frames []string
	for _, id := range ids {
		c, err := p.knownClient(ctx, id)
		if err != nil {
			return nil, err
		}
		if c == nil || c.FrontchannelLogoutURI == "" {
			continue
		}
		frames = append(frames, Answer{
			to: Redirect{c.FrontchannelLogoutURI}, params: [][2]string{{"iss", p.issuerURL()}, {"sid", sessionID}},
		}.Location())
	}
	slices.Sort(frames)
	return frames, nil
}
