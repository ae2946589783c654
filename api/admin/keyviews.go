package admin

import (
	"slices"

	"keyturn/keys"
)

// Key is a signing key and what it may do now.
type Key struct {
	KID           string         `json:"kid"`
	Algorithm     keys.Algorithm `json:"algorithm"`
	Purpose       keys.Purpose   `json:"purpose"`
	Epoch         int64          `json:"epoch"`
	State         keys.State     `json:"state"`
	PublishedAt   Instant        `json:"published_at"`
	SignsFrom     Instant        `json:"signs_from"`
	SignsUntil    Instant        `json:"signs_until"`
	VerifiesUntil Instant        `json:"verifies_until"`
	RevokedAt     Instant        `json:"revoked_at,omitzero"`
}

// ViewKey is how one looks.
func ViewKey(k keys.Listed) Key {
	return Key{
		KID: k.KID, Algorithm: k.Algorithm, Purpose: k.Purpose, Epoch: k.Epoch, State: k.State,
		PublishedAt: Instant{k.PublishedAt}, SignsFrom: Instant{k.SignsFrom}, SignsUntil: Instant{k.SignsUntil},
		VerifiesUntil: Instant{k.VerifiesUntil}, RevokedAt: Instant{k.RevokedAt},
	}
}

// Step is one change of one key. KID is left out for a key that is only planned.
type Step struct {
	Action        keys.Action    `json:"action"`
	KID           string         `json:"kid,omitempty"`
	Algorithm     keys.Algorithm `json:"algorithm"`
	Purpose       keys.Purpose   `json:"purpose"`
	Epoch         int64          `json:"epoch"`
	SignsFrom     Instant        `json:"signs_from"`
	SignsUntil    Instant        `json:"signs_until"`
	VerifiesUntil Instant        `json:"verifies_until"`
	RevokedAt     Instant        `json:"revoked_at,omitzero"`
	Why           string         `json:"why"`
}

func stepsOf(steps []keys.Step) []Step {
	out := make([]Step, len(steps))
	for i, s := range steps {
		out[i] = Step{
			Action: s.Action, KID: s.Key.KID, Algorithm: s.Key.Algorithm, Purpose: s.Key.Purpose, Epoch: s.Key.Epoch,
			SignsFrom: Instant{s.Key.SignsFrom}, SignsUntil: Instant{s.Key.SignsUntil},
			VerifiesUntil: Instant{s.Key.VerifiesUntil}, RevokedAt: Instant{s.Key.RevokedAt}, Why: s.Why,
		}
	}
	return out
}

// Outcome is what a rotation by hand did.
type Outcome struct {
	Steps     []Step   `json:"steps"`
	SignsFrom Instant  `json:"signs_from"`
	SafeBy    Instant  `json:"safe_by"`
	Notes     []string `json:"notes"`
}

// ViewOutcome is how one looks.
func ViewOutcome(out keys.Outcome) Outcome {
	return Outcome{stepsOf(out.Steps), Instant{out.SignsFrom}, Instant{out.SafeBy}, append([]string{}, out.Notes...)}
}

// Plan is what is to be done now, the state of each lane, and what the clock will bring.
type Plan struct {
	Steps  []Step `json:"steps"`
	Lanes  []Lane `json:"lanes"`
	Events []Turn `json:"events"`
}

// ViewPlan is how the plan for the listed keys looks.
func ViewPlan(list []keys.Listed, steps []keys.Step) Plan {
	plan := Plan{Steps: stepsOf(steps), Lanes: lanesOf(list), Events: []Turn{}}
	for _, t := range keys.Turns(list) {
		plan.Events = append(plan.Events, Turn{Instant{t.At}, t.What, t.Key.KID, t.Key.Purpose, t.Key.Algorithm})
	}
	return plan
}

// Lane is a succession of keys: which signs, and which takes over when.
type Lane struct {
	Purpose    keys.Purpose   `json:"purpose"`
	Algorithm  keys.Algorithm `json:"algorithm"`
	SigningKID string         `json:"signing_kid,omitempty"`
	NextKID    string         `json:"next_kid,omitempty"`
	TurnsAt    Instant        `json:"turns_at,omitzero"`
}

// Turn is something that the clock alone will bring about: signs, stops_signing or gone.
type Turn struct {
	At        Instant        `json:"at"`
	Event     keys.Turning   `json:"event"`
	KID       string         `json:"kid"`
	Purpose   keys.Purpose   `json:"purpose"`
	Algorithm keys.Algorithm `json:"algorithm"`
}

func lanesOf(list []keys.Listed) []Lane {
	lanes := []Lane{}
	for _, k := range list {
		i := slices.IndexFunc(lanes, func(l Lane) bool { return l.Purpose == k.Purpose && l.Algorithm == k.Algorithm })
		if i < 0 {
			i = len(lanes)
			lanes = append(lanes, Lane{Purpose: k.Purpose, Algorithm: k.Algorithm})
		}
		lane := &lanes[i]
		switch {
		case k.State == keys.Signing:
			lane.SigningKID = k.KID
		case k.State == keys.Published && (lane.NextKID == "" || k.SignsFrom.Before(lane.TurnsAt.Time)):
			lane.NextKID, lane.TurnsAt = k.KID, Instant{k.SignsFrom}
		}
	}
	return lanes
}
