package admin

import (
	"context"
	"net/http"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// App is a client that a person has allowed something.
type App struct {
	ClientID   string   `json:"client_id"`
	ClientName string   `json:"client_name,omitempty"`
	Scopes     []string `json:"scopes"`
}

// ViewApp is how one looks.
func ViewApp(a oauth.App) App {
	return App{ClientID: a.Client.ID, ClientName: a.Client.Name, Scopes: append([]string{}, a.Scopes...)}
}

// listApps answers what a user has allowed clients.
func (h *Handlers) listApps(r *request) error {
	if _, err := h.Accounts.Get(r.ctx, r.gin.Param("id")); err != nil {
		return err
	}
	apps, err := h.Apps.AllowedOf(r.ctx, r.gin.Param("id"), r.actor)
	if err != nil {
		return err
	}
	out := listed[App]{Items: make([]App, len(apps))}
	for i, a := range apps {
		out.Items[i] = ViewApp(a)
	}
	return r.write(http.StatusOK, out)
}

// removeApp takes back what a user has allowed a client, and ends their sign-ins at it.
func (h *Handlers) removeApp(r *request) error {
	client := r.gin.Param("client")
	if !keys.IsID(client) {
		return oauth.ErrClientNotFound
	}
	return h.revoke(r, accounts.ErrUserNotFound, func(ctx context.Context, id, reason string, actor audit.Actor) (int64, error) {
		if _, err := h.Accounts.Get(ctx, id); err != nil {
			return 0, err
		}
		return h.Apps.RemoveAppOf(ctx, id, client, reason, actor)
	})
}
