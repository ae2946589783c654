package admin

import "keyturn/accounts"

// Invitation is one that nobody has taken yet, without its link.
type Invitation struct {
	ID         string                   `json:"id"`
	Email      string                   `json:"email"`
	Username   string                   `json:"username"`
	GivenName  string                   `json:"given_name"`
	FamilyName string                   `json:"family_name"`
	Admin      bool                     `json:"admin"`
	State      accounts.InvitationState `json:"state"`
	InvitedBy  string                   `json:"invited_by,omitempty"`
	CreatedAt  Instant                  `json:"created_at"`
	ExpiresAt  Instant                  `json:"expires_at,omitzero"`
}

// ViewInvitation is how one looks.
func ViewInvitation(p accounts.PendingInvitation) Invitation {
	return Invitation{
		ID: p.ID, Email: p.Email, Username: p.Username, GivenName: p.GivenName, FamilyName: p.FamilyName, Admin: p.Admin, State: p.State,
		InvitedBy: p.InviterID, CreatedAt: Instant{p.CreatedAt}, ExpiresAt: Instant{p.ExpiresAt},
	}
}

// listInvitations answers the invitations that nobody has taken yet, in the order of their addresses.
func (h *Handlers) listInvitations(r *request) error {
	q := accounts.InvitationQuery{Prefix: r.query["prefix"]}
	read := func(after string, limit int) (_ []accounts.PendingInvitation, err error) {
		if h.SelfService == nil {
			return nil, nil
		}
		if q.After, err = accounts.ParseInvitationCursor("after", after); err != nil {
			return nil, err
		}
		q.Limit = limit
		return h.SelfService.Invitations(r.ctx, q, r.actor)
	}
	return writePage(r, read, func(p accounts.PendingInvitation) string { return p.Cursor().String() }, ViewInvitation)
}

// withdrawInvitation ends an invitation that nobody has taken yet.
func (h *Handlers) withdrawInvitation(r *request) error {
	id, err := r.id(accounts.ErrInvitationNotFound)
	if err != nil {
		return err
	}
	if r.actor.Why, err = r.reason(); err != nil {
		return err
	}
	if h.SelfService == nil {
		return accounts.ErrInvitationNotFound
	}
	if err := h.SelfService.WithdrawInvitation(r.ctx, id, r.actor); err != nil {
		return err
	}
	return r.done()
}
