package oauth

import (
	"context"
	"slices"
	"strings"

	"keyturn/audit"
)

// App is a client that a person has to do with.
type App struct {
	Client *Client
	// Host is that of its first redirect URI.
	Host string
	// Scopes are what the person has allowed it.
	Scopes []string
	// OpenURI starts a sign-in at the client (third-party-initiated login, OIDC Core section 4); empty where the
	// client has no such place.
	OpenURI string
	// Removable tells that the person has allowed something that they can take back.
	Removable bool
}

// Apps are the clients that the person has allowed something, and first-party ones that can be opened from here.
func (p *Provider) Apps(ctx context.Context, userID string) ([]App, error) {
	consents, err := p.Store.Consents(ctx, userID)
	if err != nil {
		return nil, err
	}
	byClient := map[string][]string{}
	for _, c := range consents {
		byClient[c.ClientID] = append(byClient[c.ClientID], c.Scopes...)
	}
	var apps []App
	for _, c := range p.Clients.all() {
		scopes, allowed := byClient[c.ID]
		if !c.Enabled || !allowed && (!c.FirstParty || c.InitiateLoginURI == "") {
			continue
		}
		app := App{Client: c, Scopes: plainScopes(scopes), Removable: allowed}
		if len(c.RedirectURIs) > 0 {
			app.Host = hostOf(c.RedirectURIs[0])
		}
		if c.InitiateLoginURI != "" {
			app.OpenURI = Answer{to: Redirect{c.InitiateLoginURI}, params: [][2]string{{"iss", p.issuerURL()}}}.Location()
		}
		apps = append(apps, app)
	}
	return apps, nil
}

// plainScopes are the scopes among what was allowed, each once.
func plainScopes(items []string) []string {
	var scopes []string
	for _, item := range items {
		if !strings.HasPrefix(item, claimItem) && !slices.Contains(scopes, item) {
			scopes = append(scopes, item)
		}
	}
	return scopes
}

// RemoveApp takes back what a person has allowed a client, and ends its grants of that person.
func (p *Provider) RemoveApp(ctx context.Context, userID, clientID string, actor audit.Actor) (int64, error) {
	ctx, cancel := settle(ctx)
	defer cancel()
	return p.Store.RemoveConsent(ctx, userID, clientID, audit.Event{
		Action: audit.ConsentRemoved, Actor: actor, SubjectKind: "client", SubjectID: clientID,
	})
}

// all are the clients as last read, in the order of their ids.
func (r *Registry) all() []*Client {
	if known := r.known.Load(); known != nil {
		return known.byOrder
	}
	return nil
}
