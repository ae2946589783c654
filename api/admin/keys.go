package admin

import (
	"net/http"

	"keyturn/keys"
)

// listKeys answers all keys, which are few: one page.
func (h *Handlers) listKeys(r *request) error {
	out := listed[Key]{Items: []Key{}}
	for _, k := range h.Keys.Keys() {
		out.Items = append(out.Items, ViewKey(k))
	}
	return r.write(http.StatusOK, out)
}

// planKeys answers what is to be done now (nothing, where the loop has just done it), the state of each
// lane, and what comes when.
func (h *Handlers) planKeys(r *request) error {
	return r.write(http.StatusOK, ViewPlan(h.Keys.Keys(), h.Keys.Plan()))
}

// foreseeRotation answers what a rotation would do, and does not do it. The parameters are the members of a rotation.
func (h *Handlers) foreseeRotation(r *request) error {
	q := keys.Rotation{
		Mode: keys.Mode(r.query["mode"]), Algorithm: keys.Algorithm(r.query["algorithm"]), Purpose: keys.Purpose(r.query["purpose"]), KID: r.query["kid"],
	}
	var err error
	if q.Force, err = r.query.flag("force"); err != nil {
		return err
	}
	if q.All, err = r.query.flag("all"); err != nil {
		return err
	}
	out, err := h.Keys.Foresee(q)
	if err != nil {
		return err
	}
	return r.write(http.StatusOK, ViewOutcome(out))
}

func (h *Handlers) rotateKeys(r *request) error {
	var mode, algorithm, purpose, kid, reason string
	var force, all bool
	if err := r.read(members{
		"mode": &mode, "algorithm": &algorithm, "purpose": &purpose, "kid": &kid,
		"force": &force, "all": &all, "reason": &reason,
	}); err != nil {
		return err
	}
	if err := checkReason(reason); err != nil {
		return err
	}
	out, err := h.Keys.Rotate(r.ctx, keys.Rotation{
		Mode: keys.Mode(mode), Algorithm: keys.Algorithm(algorithm), Purpose: keys.Purpose(purpose), KID: kid,
		Force: force, All: all,
	}, reason, r.actor)
	if err != nil {
		return err
	}
	return r.write(http.StatusOK, ViewOutcome(out))
}

// revokeKey is rotateKeys with mode compromised, for one key.
func (h *Handlers) revokeKey(r *request) error {
	reason, err := r.reason()
	if err != nil {
		return err
	}
	kid := r.gin.Param("kid")
	if !keys.IsID(kid) {
		return keys.ErrKeyNotFound
	}
	out, err := h.Keys.Revoke(r.ctx, kid, reason, r.actor)
	if err != nil {
		return err
	}
	return r.write(http.StatusOK, ViewOutcome(out))
}
