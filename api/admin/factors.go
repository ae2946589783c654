package admin

import (
	"net/http"

	"keyturn/accounts"
)

// Factors is how somebody can prove who they are. It holds no secret.
type Factors struct {
	UserID   string   `json:"user_id"`
	Password bool     `json:"password"`
	Passkeys []Factor `json:"passkeys"`
	Apps     []Factor `json:"apps"`
	// RecoveryCodes is how many are left, RecoveryCodesAt when they were made, absent for never.
	RecoveryCodes   int64   `json:"recovery_codes"`
	RecoveryCodesAt Instant `json:"recovery_codes_at,omitzero"`
}

// Factor is a passkey or an authenticator app.
type Factor struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Synced is about passkeys alone.
	Synced     *bool   `json:"synced,omitempty"`
	CreatedAt  Instant `json:"created_at"`
	LastUsedAt Instant `json:"last_used_at,omitzero"`
}

// ViewFactors is how they look.
func ViewFactors(userID string, w accounts.Ways) Factors {
	view := Factors{
		UserID: userID, Password: w.Password, Passkeys: []Factor{}, Apps: []Factor{},
		RecoveryCodes: w.RecoveryCodes, RecoveryCodesAt: Instant{w.RecoveryCodesAt},
	}
	for _, p := range w.Passkeys {
		view.Passkeys = append(view.Passkeys, Factor{
			ID: p.ID, Name: p.Name, Synced: &p.Synced, CreatedAt: Instant{p.CreatedAt}, LastUsedAt: Instant{p.LastUsedAt},
		})
	}
	for _, a := range w.Apps {
		view.Apps = append(view.Apps, Factor{ID: a.ID, Name: a.Name, CreatedAt: Instant{a.CreatedAt}, LastUsedAt: Instant{a.LastUsedAt}})
	}
	return view
}

func (h *Handlers) readFactors(r *request) error {
	id := r.gin.Param("id")
	ways, err := h.Factors.WaysOf(r.ctx, id, r.actor)
	if err != nil {
		return err
	}
	return r.write(http.StatusOK, ViewFactors(id, ways))
}

// resetFactors removes all factors of somebody who has lost them, and ends their sign-ins.
func (h *Handlers) resetFactors(r *request) error {
	if err := r.read(nil); err != nil {
		return err
	}
	ended, err := h.Factors.Reset(r.ctx, r.gin.Param("id"), r.actor)
	if err != nil {
		return err
	}
	return r.ended(ended)
}
