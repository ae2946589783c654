package api

import (
	"errors"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	clients "keyturn/api/oauth"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// asked is what developers and operators may know of who asked for what was refused.
type asked struct {
	// clientID is that of a registered client, else empty. client is nil for one that is turned off, too.
	clientID string
	client   *oauth.Client
	// attributes are for the log.
	attributes []any
}

// askedBy reads what the query says of the client at the authorization and the end-session endpoint. It names only
// clients that are registered: anything else is whatever a stranger wrote into a link.
func (s *Server) askedBy(c *gin.Context, err error) (a asked) {
	if path := c.FullPath(); path != clients.AuthorizePath && path != clients.LogoutPath {
		return a
	}
	query := c.Request.URL.Query()
	a.client, a.clientID = s.clientOf(c, query, err)
	if a.clientID != "" {
		a.attributes = append(a.attributes, "client", a.clientID)
	}
	for refusal, name := range map[error]string{oauth.ErrRedirectURI: "redirect_uri", oauth.ErrLogoutURI: "post_logout_redirect_uri"} {
		if errors.Is(err, refusal) && query.Has(name) {
			a.attributes = append(a.attributes, name, shortened(query.Get(name)))
		}
	}
	return a
}

// clientOf finds the client by client_id, or at the end-session endpoint by the ID token that is its hint.
func (s *Server) clientOf(c *gin.Context, query url.Values, err error) (*oauth.Client, string) {
	if errors.Is(err, keys.ErrUnavailable) {
		return nil, "" // asking again would cost as much, and tell nothing
	}
	ctx, id := c.Request.Context(), query.Get("client_id")
	if hint := query.Get("id_token_hint"); hint != "" && c.FullPath() == clients.LogoutPath {
		if read, err := s.Issuer.ReadHint(ctx, hint); err == nil {
			id = read.ClientID
		}
	}
	if id == "" {
		return nil, ""
	}
	client, err := s.Provider.Clients.Find(ctx, id)
	if err != nil && !errors.Is(err, oauth.ErrClientDisabled) {
		return nil, ""
	}
	return client, id
}

// maxLogged bounds what a line of the log holds of a URI, in bytes.
const maxLogged = 200

func shortened(uri string) string {
	return strings.ToValidUTF8(uri[:min(len(uri), maxLogged)], "?")
}
