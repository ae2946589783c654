package admin

import (
	"context"
	"net/http"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/keys"
)

// Session is a browser that is signed in to the provider.
type Session struct {
	ID        string  `json:"id"`
	UserID    string  `json:"user_id"`
	AuthTime  Instant `json:"auth_time"`
	AMR       string  `json:"amr"`
	CreatedAt Instant `json:"created_at"`
	SeenAt    Instant `json:"seen_at"`
	ExpiresAt Instant `json:"expires_at"`
	Address   string  `json:"address"`
	UserAgent string  `json:"user_agent"`
}

// ViewSession is how one looks.
func ViewSession(s accounts.Session) Session {
	return Session{
		ID: s.ID, UserID: s.UserID, AuthTime: Instant{s.AuthTime}, AMR: s.AMR, CreatedAt: Instant{s.CreatedAt},
		SeenAt: Instant{s.SeenAt}, ExpiresAt: Instant{s.ExpiresAt}, Address: s.Address, UserAgent: s.UserAgent,
	}
}

// listSessions answers where a user is signed in.
func (h *Handlers) listSessions(r *request) error {
	id, err := r.id(accounts.ErrUserNotFound)
	if err != nil {
		return err
	}
	if _, err := h.Accounts.Get(r.ctx, id); err != nil {
		return err
	}
	sessions, err := h.Browsers.Sessions(r.ctx, id)
	if err != nil {
		return err
	}
	out := listed[Session]{Items: make([]Session, len(sessions))}
	for i, s := range sessions {
		out.Items[i] = ViewSession(s)
	}
	return r.write(http.StatusOK, out)
}

// endSession signs one browser of a user out, and has its clients told.
func (h *Handlers) endSession(r *request) error {
	session := r.gin.Param("session")
	if !keys.IsID(session) {
		return accounts.ErrSessionNotFound
	}
	return h.revoke(r, accounts.ErrUserNotFound, func(ctx context.Context, id, reason string, actor audit.Actor) (int64, error) {
		return 1, h.Browsers.EndOneOf(ctx, id, session, reason, actor)
	})
}

// endUserSessions signs all browsers of a user out.
func (h *Handlers) endUserSessions(r *request) error {
	return h.revoke(r, accounts.ErrUserNotFound, h.Browsers.EndOf)
}
