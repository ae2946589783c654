package admin

import (
	"net/http"
	"slices"

	"keyturn/keys"
)

type keyView struct {
	KID           string         `json:"kid"`
	Algorithm     keys.Algorithm `json:"algorithm"`
	Purpose       keys.Purpose   `json:"purpose"`
	Epoch         int64          `json:"epoch"`
	State         keys.State     `json:"state"`
	PublishedAt   instant        `json:"published_at"`
	SignsFrom     instant        `json:"signs_from"`
	SignsUntil    instant        `json:"signs_until"`
	VerifiesUntil instant        `json:"verifies_until"`
	RevokedAt     instant        `json:"revoked_at,omitzero"`
}

// listKeys answers all keys, which are few: one page.
func (h *Handlers) listKeys(r *request) error {
	out := listed[keyView]{Items: []keyView{}}
	for _, k := range h.Keys.Keys() {
		out.Items = append(out.Items, keyView{
			KID: k.KID, Algorithm: k.Algorithm, Purpose: k.Purpose, Epoch: k.Epoch, State: k.State,
			PublishedAt: instant{k.PublishedAt}, SignsFrom: instant{k.SignsFrom}, SignsUntil: instant{k.SignsUntil},
			VerifiesUntil: instant{k.VerifiesUntil}, RevokedAt: instant{k.RevokedAt},
		})
	}
	return r.write(http.StatusOK, out)
}

// stepView is one change of one key. KID is left out for a key that is only planned.
type stepView struct {
	Action        keys.Action    `json:"action"`
	KID           string         `json:"kid,omitempty"`
	Algorithm     keys.Algorithm `json:"algorithm"`
	Purpose       keys.Purpose   `json:"purpose"`
	Epoch         int64          `json:"epoch"`
	SignsFrom     instant        `json:"signs_from"`
	SignsUntil    instant        `json:"signs_until"`
	VerifiesUntil instant        `json:"verifies_until"`
	RevokedAt     instant        `json:"revoked_at,omitzero"`
	Why           string         `json:"why"`
}

func stepsOf(steps []keys.Step) []stepView {
	out := make([]stepView, len(steps))
	for i, s := range steps {
		out[i] = stepView{
			Action: s.Action, KID: s.Key.KID, Algorithm: s.Key.Algorithm, Purpose: s.Key.Purpose, Epoch: s.Key.Epoch,
			SignsFrom: instant{s.Key.SignsFrom}, SignsUntil: instant{s.Key.SignsUntil},
			VerifiesUntil: instant{s.Key.VerifiesUntil}, RevokedAt: instant{s.Key.RevokedAt}, Why: s.Why,
		}
	}
	return out
}

// laneView is a succession of keys: which signs, and which takes over when.
type laneView struct {
	Purpose    keys.Purpose   `json:"purpose"`
	Algorithm  keys.Algorithm `json:"algorithm"`
	SigningKID string         `json:"signing_kid,omitempty"`
	NextKID    string         `json:"next_kid,omitempty"`
	TurnsAt    instant        `json:"turns_at,omitzero"`
}

// eventView is something that the clock alone will bring about.
type eventView struct {
	At        instant        `json:"at"`
	Event     string         `json:"event"`
	KID       string         `json:"kid"`
	Purpose   keys.Purpose   `json:"purpose"`
	Algorithm keys.Algorithm `json:"algorithm"`
}

// planKeys answers what is to be done now (nothing, where the loop has just done it), the state of each
// lane, and what comes when: a key begins to sign, stops, and at last leaves the key set.
func (h *Handlers) planKeys(r *request) error {
	list := h.Keys.Keys()
	return r.write(http.StatusOK, struct {
		Steps  []stepView  `json:"steps"`
		Lanes  []laneView  `json:"lanes"`
		Events []eventView `json:"events"`
	}{stepsOf(h.Keys.Plan()), lanesOf(list), eventsOf(list)})
}

func lanesOf(list []keys.Listed) []laneView {
	lanes := []laneView{}
	for _, k := range list {
		i := slices.IndexFunc(lanes, func(l laneView) bool { return l.Purpose == k.Purpose && l.Algorithm == k.Algorithm })
		if i < 0 {
			i = len(lanes)
			lanes = append(lanes, laneView{Purpose: k.Purpose, Algorithm: k.Algorithm})
		}
		lane := &lanes[i]
		switch {
		case k.State == keys.Signing:
			lane.SigningKID = k.KID
		case k.State == keys.Published && (lane.NextKID == "" || k.SignsFrom.Before(lane.TurnsAt.Time)):
			lane.NextKID, lane.TurnsAt = k.KID, instant{k.SignsFrom}
		}
	}
	return lanes
}

func eventsOf(list []keys.Listed) []eventView {
	events := []eventView{}
	for _, k := range list {
		add := func(event string, at instant) {
			events = append(events, eventView{at, event, k.KID, k.Purpose, k.Algorithm})
		}
		switch k.State {
		case keys.Published:
			add("signs", instant{k.SignsFrom})
			fallthrough
		case keys.Signing:
			add("stops_signing", instant{k.SignsUntil})
			fallthrough
		case keys.Retiring:
			add("gone", instant{k.VerifiesUntil})
		}
	}
	slices.SortStableFunc(events, func(a, b eventView) int { return a.At.Compare(b.At.Time) })
	return events
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
	return r.writeOutcome(out)
}

// revokeKey is rotateKeys with mode compromised, for one key.
func (h *Handlers) revokeKey(r *request) error {
	reason, err := r.reason()
	if err != nil {
		return err
	}
	kid := r.gin.Param("kid")
	if !isID(kid) {
		return keys.ErrKeyNotFound
	}
	out, err := h.Keys.Revoke(r.ctx, kid, reason, r.actor)
	if err != nil {
		return err
	}
	return r.writeOutcome(out)
}

func (r *request) writeOutcome(out keys.Outcome) error {
	return r.write(http.StatusOK, struct {
		Steps     []stepView `json:"steps"`
		SignsFrom instant    `json:"signs_from"`
		SafeBy    instant    `json:"safe_by"`
		Notes     []string   `json:"notes"`
	}{stepsOf(out.Steps), instant{out.SignsFrom}, instant{out.SafeBy}, append([]string{}, out.Notes...)})
}
