package admin

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

var (
	exampleSecret = ClientSecret{ID: "5b3a7c110f5c1a5e", CreatedAt: exampleTime}
	exampleClient = Client{
		ID: "shop", Enabled: true, Resources: []string{"https://shop.example.com"}, Secrets: []ClientSecret{exampleSecret}, CreatedAt: exampleTime, UpdatedAt: exampleTime,
		Metadata: oauth.Metadata{
			Name: "The shop", AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://shop.example.com/callback"},
			GrantTypes: []oauth.GrantType{oauth.AuthorizationCode, oauth.RefreshTokenGrant}, AccessLifetime: oauth.Lifetime(5 * time.Minute),
		},
	}
	exampleResource = Resource{
		Identifier: "https://shop.example.com", Algorithm: keys.ES256, AccessLifetime: "5m0s", Claims: []string{"email"}, SimpleJWT: true, Scopes: []string{"orders"},
	}
)

// clientMembers are those of the body that describes a client, but these.
func clientMembers(but ...string) string {
	return strings.Join(slices.DeleteFunc(slices.Sorted(maps.Keys((&clientBody{}).members())), func(name string) bool { return slices.Contains(but, name) }), " ")
}

func describedClients() map[string]description {
	withSecret, newSecret := exampleClient, exampleSecret
	withSecret.NewSecret, newSecret.NewSecret = "(43 random characters)", "(43 random characters)"
	return map[string]description{
		"GET /clients": {ID: "listClients", Tag: "clients", Summary: "List clients by id", Answer: listed[Client]{Items: []Client{exampleClient}, Next: "shop"}},
		"POST /clients": {
			ID: "createClient", Tag: "clients", Summary: "Register a client", Tagged: true, Status: http.StatusCreated, Answer: withSecret, Also: []int{http.StatusConflict},
			Text: "The secret, where one is made, stands in this answer and in no other.",
			Body: &bodyOf{View: Client{}, Must: "client_id", May: clientMembers("client_id"), Example: `{"client_id": "shop", "client_name": "The shop", "redirect_uris": ["https://shop.example.com/callback"]}`},
		},
		"GET /clients/:id/snippets": {
			ID: "listClientSnippets", Tag: "clients", Summary: "List code that connects a client", Answer: listed[Snippet]{Items: []Snippet{ClientSnippets(issuer.Settings{Issuer: "https://id.example.com"}, &oauth.Client{ID: "shop", Metadata: exampleClient.Metadata})[0]}},
			Text: "With what is registered, the one that suits it best first. A secret stays out of it: it comes from a variable of the environment, CLIENT_SECRET.",
		},
		"GET /clients/:id/open": {ID: "readOpenOfClient", Tag: "clients", Summary: "Read what is open at a client, and ends when it is turned off", Answer: Open{Grants: 2, TokensUntil: exampleOpen.TokensUntil}, Text: "Of grants 1000 are counted at most."},
		"GET /clients/:id":      {ID: "readClient", Tag: "clients", Summary: "Read a client", Tagged: true, Answer: exampleClient},
		"PUT /clients/:id": {
			ID: "replaceClient", Tag: "clients", Summary: "Replace what is registered about a client", Tagged: true, Answer: exampleClient, Also: []int{http.StatusConflict},
			Text: "What is left out is as in a new one. A client that no longer authenticates with a secret loses its secrets.",
			Body: &bodyOf{View: Client{}, May: clientMembers(), Example: `{"client_name": "Our shop", "redirect_uris": ["https://shop.example.com/callback"]}`},
		},
		"DELETE /clients/:id":       {ID: "deleteClient", Tag: "clients", Summary: "Delete a client and end its sign-ins", Text: "Its id is never used again.", Tagged: true, Answer: Ended{Ended: 2}},
		"POST /clients/:id/enable":  {ID: "enableClient", Tag: "clients", Summary: "Turn a client on"},
		"POST /clients/:id/disable": {ID: "disableClient", Tag: "clients", Summary: "Turn a client off and end its sign-ins", Answer: Ended{Ended: 2}},
		"POST /clients/:id/secrets": {
			ID: "addSecret", Tag: "clients", Summary: "Give a client another secret", Status: http.StatusCreated, Answer: newSecret, Also: []int{http.StatusConflict},
			Text: "The one before stays valid beside it; of three the oldest falls out.",
			Body: &bodyOf{May: "client_secret", Example: `{}`},
		},
		"DELETE /clients/:id/secrets/:secret": {ID: "removeSecret", Tag: "clients", Summary: "Make a secret of a client invalid", Also: []int{http.StatusConflict}},
	}
}

func describedResources() map[string]description {
	const members = "algorithm access_lifetime claims simplejwt scopes"
	return map[string]description{
		"GET /resources": {ID: "listResources", Tag: "resources", Summary: "List resources by identifier", Tagged: true, Answer: listed[Resource]{Items: []Resource{exampleResource}}},
		"GET /resources/snippets": {
			ID: "listResourceSnippets", Tag: "resources", Summary: "List code that verifies the tokens of a resource", Text: "That of the configured audience, where none is named.", Also: []int{http.StatusNotFound},
			Answer: listed[Snippet]{Items: []Snippet{ResourceSnippets(issuer.Settings{Issuer: "https://id.example.com"}, issuer.Resource{Identifier: exampleResource.Identifier, Algorithm: keys.ES256})[0]}},
		},
		"POST /resources": {
			ID: "createResource", Tag: "resources", Summary: "Create a resource", Tagged: true, Status: http.StatusCreated, Answer: exampleResource, Also: []int{http.StatusConflict},
			Body: &bodyOf{View: Resource{}, Must: "identifier", May: members, Example: `{"identifier": "https://shop.example.com", "algorithm": "ES256", "access_lifetime": "5m", "claims": ["email"], "scopes": ["orders"]}`},
		},
		"PUT /resources": {
			ID: "replaceResource", Tag: "resources", Summary: "Replace a resource", Tagged: true, Answer: exampleResource, Also: []int{http.StatusNotFound},
			Text: "What is left out is as in a new one.",
			Body: &bodyOf{View: Resource{}, May: "identifier " + members, Example: `{"algorithm": "EdDSA"}`},
		},
		"DELETE /resources": {ID: "deleteResource", Tag: "resources", Summary: "Delete a resource; tokens that live go on verifying", Tagged: true, Also: []int{http.StatusNotFound}},
	}
}
