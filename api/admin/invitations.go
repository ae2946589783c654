package admin

import (
	"time"

	"keyturn/accounts"
	"keyturn/issuer/oauth"
)

// inviteUser sends an invitation.
func (h *Handlers) inviteUser(r *request) error {
	var in accounts.Invitation
	var lifetime oauth.Lifetime
	if err := r.read(members{
		"email": &in.Email, "username": &in.Username, "given_name": &in.GivenName, "family_name": &in.FamilyName,
		"admin": &in.Admin, "language": &in.Language, "lifetime": &lifetime,
	}); err != nil {
		return err
	}
	if h.SelfService == nil {
		return accounts.ErrNotOffered
	}
	in.Lifetime = time.Duration(lifetime)
	if err := h.SelfService.Invite(r.ctx, in, r.actor); err != nil {
		return err
	}
	return r.done()
}

// sendReset sends the user a letter by which they choose a new password.
func (h *Handlers) sendReset(r *request) error {
	if err := r.read(nil); err != nil {
		return err
	}
	if h.SelfService == nil {
		return accounts.ErrNotOffered
	}
	if err := h.SelfService.SendReset(r.ctx, r.gin.Param("id"), r.actor); err != nil {
		return err
	}
	return r.done()
}
