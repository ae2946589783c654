package admin

import (
	"context"
	"net/http"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
)

// listUserGrants answers a user's grants, those of a deleted user too.
func (h *Handlers) listUserGrants(r *request) error {
	id, err := r.id(accounts.ErrUserNotFound)
	if err != nil {
		return err
	}
	return h.writeGrants(r, issuer.GrantQuery{UserID: id})
}

// listGrants answers the grants of everybody, or of one user or client.
func (h *Handlers) listGrants(r *request) (err error) {
	q := issuer.GrantQuery{}
	for name, into := range map[string]*string{"user_id": &q.UserID, "client_id": &q.ClientID} {
		if *into, err = r.query.id(name); err != nil {
			return err
		}
	}
	return h.writeGrants(r, q)
}

// writeGrants answers the grants that q selects, newest first; the cursor is an id.
func (h *Handlers) writeGrants(r *request, q issuer.GrantQuery) (err error) {
	if q.LiveOnly, err = r.query.flag("live"); err != nil {
		return err
	}
	read := func(after string, limit int) ([]issuer.Grant, error) {
		q.After, q.Limit = after, limit
		return h.Issuer.Grants(r.ctx, q, r.actor)
	}
	return writePageByID(r, read, func(g issuer.Grant) string { return g.ID }, ViewGrant)
}

func (h *Handlers) readGrant(r *request) error {
	id, err := r.id(issuer.ErrGrantNotFound)
	if err != nil {
		return err
	}
	grant, err := h.Issuer.Grant(r.ctx, id)
	if err != nil {
		return err
	}
	return r.write(http.StatusOK, ViewGrant(grant))
}

func (h *Handlers) revokeGrant(r *request) error {
	return h.revoke(r, issuer.ErrGrantNotFound, h.Issuer.RevokeGrant)
}

func (h *Handlers) revokeUserGrants(r *request) error {
	return h.revoke(r, accounts.ErrUserNotFound, h.Issuer.RevokeUser)
}

// revoke ends what the id in the path stands for. The grants of a deleted user can still be ended.
func (h *Handlers) revoke(r *request, notFound error,
	end func(ctx context.Context, id, reason string, actor audit.Actor) (int64, error)) error {
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

// listRevoked answers the refresh tokens that were taken back before their time, newest first; the
// cursor is a jti.
func (h *Handlers) listRevoked(r *request) error {
	user, err := r.query.id("user_id")
	if err != nil {
		return err
	}
	read := func(after string, limit int) ([]issuer.RevokedToken, error) {
		return h.Issuer.RevokedTokens(r.ctx, issuer.RevokedQuery{UserID: user, After: after, Limit: limit}, r.actor)
	}
	return writePageByID(r, read, func(t issuer.RevokedToken) string { return t.JTI }, ViewRevokedToken)
}
