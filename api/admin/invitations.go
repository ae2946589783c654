package admin

import (
	"net/http"
	"time"

	"keyturn/accounts"
	"keyturn/issuer/oauth"
)

// Link is a one-time link that nobody sends: it is told once, to who asked for it.
type Link struct {
	Link string `json:"link"`
}

// inviteUser sends an invitation.
func (h *Handlers) inviteUser(r *request) error {
	in, err := h.readInvitation(r)
	if err != nil {
		return err
	}
	if err := h.SelfService.Invite(r.ctx, in, r.actor); err != nil {
		return err
	}
	return r.done()
}

// linkInvitation makes the link of an invitation, which somebody hands over by themselves.
func (h *Handlers) linkInvitation(r *request) error {
	in, err := h.readInvitation(r)
	if err != nil {
		return err
	}
	secret, err := h.SelfService.InvitationLink(r.ctx, in, r.actor)
	if err != nil {
		return err
	}
	return r.write(http.StatusCreated, Link{h.Link(accounts.LinkInvitation, secret)})
}

// readInvitation reads an invitation where there may be any.
func (h *Handlers) readInvitation(r *request) (in accounts.Invitation, err error) {
	var lifetime oauth.Lifetime
	if err := r.read(members{
		"email": &in.Email, "username": &in.Username, "given_name": &in.GivenName, "family_name": &in.FamilyName,
		"admin": &in.Admin, "language": &in.Language, "lifetime": &lifetime,
	}); err != nil {
		return in, err
	}
	if h.SelfService == nil {
		return in, accounts.ErrNotOffered
	}
	in.Lifetime = time.Duration(lifetime)
	return in, nil
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

// linkReset makes the link by which a user chooses a new password, which somebody hands over by themselves.
func (h *Handlers) linkReset(r *request) error {
	var lifetime oauth.Lifetime
	if err := r.read(members{"lifetime": &lifetime}); err != nil {
		return err
	}
	if h.SelfService == nil {
		return accounts.ErrNotOffered
	}
	secret, err := h.SelfService.ResetLink(r.ctx, r.gin.Param("id"), time.Duration(lifetime), r.actor)
	if err != nil {
		return err
	}
	return r.write(http.StatusCreated, Link{h.Link(accounts.LinkPasswordReset, secret)})
}
