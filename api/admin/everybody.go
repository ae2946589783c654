package admin

import (
	"net/http"

	"keyturn/keys"
)

// EverybodyEnded is the answer to the end of all sign-ins.
type EverybodyEnded struct {
	KeysRevoked int64 `json:"keys_revoked"`
	Ended       int64 `json:"ended"`
}

// endEverybody revokes every refresh key, so that no refresh token issued until now is ever accepted again whatever
// the database says of it, and ends every sign-in and browser session. The keys come first: were this to fail
// half-way, what is left is repeated and nothing was forgotten.
func (h *Handlers) endEverybody(r *request) error {
	var everybody bool
	var reason string
	if err := r.read(members{"everybody": &everybody, "reason": &reason}); err != nil {
		return err
	}
	if err := checkReason(reason); err != nil {
		return err
	}
	if !everybody {
		return invalid("everybody", "must be true: this signs out everybody")
	}
	r.begin(importTime)
	outcome, err := h.Keys.Rotate(r.ctx, keys.Rotation{Mode: keys.Compromised, Purpose: keys.Refresh, All: true}, reason, r.actor)
	if err != nil {
		return err
	}
	out := EverybodyEnded{}
	for _, s := range outcome.Steps {
		if s.Action == keys.Revoke {
			out.KeysRevoked++
		}
	}
	if out.Ended, err = h.Issuer.RevokeAll(r.ctx, reason, r.actor); err != nil {
		return err
	}
	return r.write(http.StatusOK, out)
}
