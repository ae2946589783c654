package admin

import (
	"net/http"

	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// listClients answers clients in the order of their ids; the cursor is an id.
func (h *Handlers) listClients(r *request) error {
	read := func(after string, limit int) ([]*oauth.Client, error) {
		return h.Clients.List(r.ctx, r.query["prefix"], after, limit, r.actor)
	}
	return writePage(r, read, func(c *oauth.Client) string { return c.ID }, ViewClient)
}

// client is the one in the path.
func (h *Handlers) client(r *request) (*oauth.Client, error) {
	id, err := r.id(oauth.ErrClientNotFound)
	if err != nil {
		return nil, err
	}
	return h.Clients.Get(r.ctx, id)
}

func (h *Handlers) readClient(r *request) error {
	client, err := h.client(r)
	if err != nil {
		return err
	}
	return r.writeTagged(http.StatusOK, client.Version(), ViewClient(client))
}

func (h *Handlers) createClient(r *request) error {
	var in clientBody
	if err := r.read(in.members()); err != nil {
		return err
	}
	n, err := in.client()
	if err != nil {
		return err
	}
	client, secret, err := h.Clients.Create(r.ctx, n, r.actor)
	if err != nil {
		return err
	}
	view := ViewClient(&client)
	view.NewSecret = secret.Reveal()
	h.location(r, "/clients/"+client.ID)
	return r.writeTagged(http.StatusCreated, client.Version(), view)
}

// updateClient replaces what is registered: what is left out is as in a new client.
func (h *Handlers) updateClient(r *request) error {
	id, err := r.id(oauth.ErrClientNotFound)
	if err != nil {
		return err
	}
	in := clientBody{id: id}
	if err := r.read(in.members()); err != nil {
		return err
	}
	switch {
	case in.id != id:
		return invalid("client_id", "is another one in the body than in the path")
	case in.secret != nil:
		return invalid("client_secret", "is not changed so; POST it to the client's secrets")
	}
	client, err := h.Clients.Update(r.ctx, id, h.Clients.Defaults(in.metadata), r.actor)
	if err != nil {
		return err
	}
	return r.write(http.StatusOK, ViewClient(&client))
}

func (h *Handlers) deleteClient(r *request) error {
	id, err := h.onlyID(r)
	if err != nil {
		return err
	}
	ended, err := h.Clients.Delete(r.ctx, id, r.actor)
	if err != nil {
		return err
	}
	return r.ended(ended)
}

func (h *Handlers) enableClient(r *request) error {
	id, err := h.onlyID(r)
	if err != nil {
		return err
	}
	if _, err := h.Clients.SetEnabled(r.ctx, id, true, r.actor); err != nil {
		return err
	}
	return r.done()
}

func (h *Handlers) disableClient(r *request) error {
	id, err := h.onlyID(r)
	if err != nil {
		return err
	}
	ended, err := h.Clients.SetEnabled(r.ctx, id, false, r.actor)
	if err != nil {
		return err
	}
	return r.ended(ended)
}

// addSecret makes another secret for a client, or takes the one in the body, which then is not told again.
func (h *Handlers) addSecret(r *request) error {
	id, err := r.id(oauth.ErrClientNotFound)
	if err != nil {
		return err
	}
	var own *string
	if err := r.read(members{"client_secret": &own}); err != nil {
		return err
	}
	secret, err := ownSecret(own)
	if err != nil {
		return err
	}
	made, client, err := h.Clients.RotateSecret(r.ctx, id, secret, r.actor)
	if err != nil {
		return err
	}
	secrets := ViewClient(&client).Secrets
	newest := secrets[len(secrets)-1]
	newest.NewSecret = made.Reveal()
	return r.write(http.StatusCreated, newest)
}

func (h *Handlers) removeSecret(r *request) error {
	id, err := h.onlyID(r)
	if err != nil {
		return err
	}
	if _, err := h.Clients.RemoveSecret(r.ctx, id, r.gin.Param("secret"), r.actor); err != nil {
		return err
	}
	return r.done()
}

// onlyID reads a change of a client that has no body.
func (h *Handlers) onlyID(r *request) (string, error) {
	id, err := r.id(oauth.ErrClientNotFound)
	if err != nil {
		return "", err
	}
	return id, r.read(nil)
}

// clientBody is what describes a client in a request, and in a file for the command line.
type clientBody struct {
	id       string
	metadata oauth.Metadata
	secret   *string
}

// ReadClient reads a client from a file, as POST /clients takes it in a body. Its error is a *Problem.
func ReadClient(raw []byte) (oauth.NewClient, error) {
	var in clientBody
	if err := in.members().decode(raw); err != nil {
		return oauth.NewClient{}, err
	}
	return in.client()
}

func (in *clientBody) client() (oauth.NewClient, error) {
	secret, err := ownSecret(in.secret)
	return oauth.NewClient{ID: in.id, Metadata: in.metadata, Secret: secret}, err
}

func (in *clientBody) members() members {
	m := &in.metadata
	return members{
		"client_id": &in.id, "client_secret": &in.secret,
		"client_name": &m.Name, "token_endpoint_auth_method": &m.AuthMethod,
		"redirect_uris": &m.RedirectURIs, "grant_types": &m.GrantTypes, "scopes": &m.Scopes, "resources": &m.Resources,
		"introspect_resources": &m.IntrospectResources, "first_party": &m.FirstParty, "require_pkce": &m.RequirePKCE,
		"cors_origins": &m.CORSOrigins, "jwks": &m.JWKS, "jwks_uri": &m.JWKSURI, "request_uris": &m.RequestURIs,
		"id_token_signed_response_alg": &m.IDTokenAlgorithm, "userinfo_signed_response_alg": &m.UserInfoAlgorithm,
		"access_token_lifetime": &m.AccessLifetime, "refresh_token_lifetime": &m.RefreshLifetime, "grant_lifetime": &m.GrantLifetime,
		"refresh_grace": &m.RefreshGrace, "rotate_refresh_tokens": &m.RotateRefreshTokens, "default_max_age": &m.DefaultMaxAge, "required_acr": &m.RequiredACR,
		"post_logout_redirect_uris": &m.PostLogoutRedirectURIs,
		"backchannel_logout_uri":    &m.BackchannelLogoutURI, "backchannel_logout_session_required": &m.BackchannelLogoutSessionRequired,
		"frontchannel_logout_uri": &m.FrontchannelLogoutURI, "frontchannel_logout_session_required": &m.FrontchannelLogoutSessionRequired,
		"initiate_login_uri": &m.InitiateLoginURI, "client_uri": &m.ClientURI, "logo_uri": &m.LogoURI,
		"policy_uri": &m.PolicyURI, "tos_uri": &m.TermsURI, "contacts": &m.Contacts,
	}
}

// ownSecret is a secret that the caller brings, none where there is none.
func ownSecret(text *string) (keys.Secret, error) {
	switch {
	case text == nil:
		return keys.Secret{}, nil
	case *text == "":
		return keys.Secret{}, invalid("client_secret", "is empty; leave it out and one is made")
	}
	return keys.SecretOf(*text), nil
}
