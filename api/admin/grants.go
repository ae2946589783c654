package admin

import (
	"context"
	"errors"
	"net/http"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
)

type grantView struct {
	ID         string        `json:"id"`
	UserID     string        `json:"user_id"`
	ClientID   string        `json:"client_id"`
	Audience   string        `json:"audience"`
	Generation int64         `json:"generation"`
	CreatedAt  instant       `json:"created_at"`
	RotatedAt  instant       `json:"rotated_at"`
	ExpiresAt  instant       `json:"expires_at"`
	RevokedAt  instant       `json:"revoked_at,omitzero"`
	Reason     issuer.Reason `json:"reason,omitempty"`
}

func viewGrant(g issuer.Grant) grantView {
	return grantView{
		ID: g.ID, UserID: g.UserID, ClientID: g.ClientID, Audience: g.Audience, Generation: g.Generation,
		CreatedAt: instant{g.CreatedAt}, RotatedAt: instant{g.RotatedAt}, ExpiresAt: instant{g.ExpiresAt},
		RevokedAt: instant{g.RevokedAt}, Reason: g.RevokedFor,
	}
}

// listGrants answers a user's grants, newest first, those of a deleted user too; the cursor is an id.
func (h *Handlers) listGrants(r *request) error {
	id, err := r.id(accounts.ErrUserNotFound)
	if err != nil {
		return err
	}
	live, err := r.query.flag("live")
	if err != nil {
		return err
	}
	if err := h.checkGrantCursor(r.ctx, r.query["after"]); err != nil {
		return err
	}
	read := func(after string, limit int) ([]issuer.Grant, error) {
		return h.Issuer.Store.Grants(r.ctx, issuer.GrantQuery{UserID: id, LiveOnly: live, After: after, Limit: limit})
	}
	return writePage(r, read, func(g issuer.Grant) string { return g.ID }, viewGrant)
}

// checkGrantCursor refuses a cursor that leads nowhere: an empty page would look like the end of the list.
func (h *Handlers) checkGrantCursor(ctx context.Context, after string) error {
	if after == "" {
		return nil
	}
	err := issuer.ErrGrantNotFound
	if isID(after) {
		_, _, err = h.Issuer.Store.GrantByID(ctx, after)
	}
	if errors.Is(err, issuer.ErrGrantNotFound) {
		return invalid("after", "names no grant, or one that has been swept; begin anew without it")
	}
	return err
}

func (h *Handlers) readGrant(r *request) error {
	id, err := r.id(issuer.ErrGrantNotFound)
	if err != nil {
		return err
	}
	grant, _, err := h.Issuer.Store.GrantByID(r.ctx, id)
	if err != nil {
		return err
	}
	return r.write(http.StatusOK, viewGrant(grant))
}

func (h *Handlers) revokeGrant(r *request) error {
	return r.revoke(issuer.ErrGrantNotFound, h.Issuer.RevokeGrant)
}

func (h *Handlers) revokeUserGrants(r *request) error {
	return r.revoke(accounts.ErrUserNotFound, h.Issuer.RevokeUser)
}

// revoke ends what the id in the path stands for.
func (r *request) revoke(notFound error, end func(ctx context.Context, id, reason string, actor audit.Actor) (int64, error)) error {
	id, err := r.id(notFound)
	if err != nil {
		return err
	}
	reason, err := r.reason()
	if err != nil {
		return err
	}
	ended, err := end(r.ctx, id, reason, r.actor)
	if err != nil {
		return err
	}
	return r.ended(ended)
}

type revokedView struct {
	JTI          string        `json:"jti"`
	GrantID      string        `json:"grant_id"`
	UserID       string        `json:"user_id"`
	ClientID     string        `json:"client_id"`
	Reason       issuer.Reason `json:"reason"`
	PresentedJTI string        `json:"presented_jti,omitempty"`
	RevokedAt    instant       `json:"revoked_at"`
	Until        instant       `json:"until"`
}

func viewRevoked(t issuer.RevokedToken) revokedView {
	return revokedView{
		JTI: t.JTI, GrantID: t.GrantID, UserID: t.UserID, ClientID: t.ClientID, Reason: t.Reason,
		PresentedJTI: t.PresentedJTI, RevokedAt: instant{t.RevokedAt}, Until: instant{t.Until},
	}
}

// listRevoked answers the refresh tokens that were taken back before their time, newest first; the
// cursor is a jti.
func (h *Handlers) listRevoked(r *request) error {
	if user, given := r.query["user_id"]; given && !isID(user) {
		return invalid("user_id", "is not an id")
	}
	if after := r.query["after"]; after != "" && !isID(after) {
		return invalid("after", "is not the next of an answer")
	}
	read := func(after string, limit int) ([]issuer.RevokedToken, error) {
		return h.Issuer.Store.RevokedTokens(r.ctx, issuer.RevokedQuery{UserID: r.query["user_id"], After: after, Limit: limit})
	}
	return writePage(r, read, func(t issuer.RevokedToken) string { return t.JTI }, viewRevoked)
}
