package keys

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"keyturn/audit/sentence"
)

const (
	// verifyMargin is how much longer a key verifies than its last token lives: instances whose clocks
	// differ, or which have not read the newest schedule yet, sign with it a little past its time.
	verifyMargin = 5 * time.Minute
	// keepGone is how long the row of a key that verifies nothing any more is kept, for operators.
	keepGone = 30 * 24 * time.Hour
)

// Policy says which keys must exist, and for how long.
type Policy struct {
	// Algorithms are the algorithms that tokens are wanted in now. RS256 is always added (ID tokens).
	Algorithms []Algorithm
	// Rotation is how long a key signs.
	Rotation time.Duration
	// Lead is how long a key is published before it signs: longer than verifiers cache a JWKS,
	// whatever its header says.
	Lead time.Duration
	// TokenLifetime is the longest exp-iat that a token key may sign, leeway included.
	TokenLifetime time.Duration
	// RefreshLifetime is the same for refresh keys.
	RefreshLifetime time.Duration
	// JWKSMaxAge is the max-age under which the JWKS is served.
	JWKSMaxAge time.Duration
}

// Validate returns an error that names everything in the policy that can't work.
func (p Policy) Validate() error {
	var problems []error
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"rotation", p.Rotation}, {"lead", p.Lead}, {"token lifetime", p.TokenLifetime},
		{"refresh lifetime", p.RefreshLifetime}, {"JWKS max-age", p.JWKSMaxAge},
	} {
		if d.value <= 0 {
			problems = append(problems, fmt.Errorf("key policy: the %s must be longer than zero, not %v", d.name, d.value))
		}
	}
	if p.Rotation < p.Lead {
		problems = append(problems, fmt.Errorf("key policy: the rotation (%v) must not be shorter than the lead (%v)", p.Rotation, p.Lead))
	}
	if p.Lead < p.JWKSMaxAge {
		problems = append(problems, fmt.Errorf("key policy: the lead (%v) must not be shorter than the JWKS max-age (%v)", p.Lead, p.JWKSMaxAge))
	}
	for _, a := range p.Algorithms {
		if !slices.Contains(algorithms, a) {
			problems = append(problems, fmt.Errorf("key policy: unknown algorithm %q", a))
		}
	}
	return errors.Join(problems...)
}

func (p Policy) wants(a Algorithm) bool {
	return a == RS256 || slices.Contains(p.Algorithms, a)
}

func (p Policy) lifetime(purpose Purpose) time.Duration {
	if purpose == Refresh {
		return p.RefreshLifetime
	}
	return p.TokenLifetime
}

// algorithms is the order in which lanes are looked at; RS256, which everything verifies, is first.
var algorithms = []Algorithm{RS256, PS256, ES256, EdDSA}

// lane is a succession of keys that take over from one another.
type lane struct {
	purpose   Purpose
	algorithm Algorithm
}

func (k *Key) lane() lane { return lane{k.Purpose, k.Algorithm} }

// lanes are all that may exist, in a fixed order.
func lanes() []lane {
	all := make([]lane, 0, len(algorithms)+1)
	for _, a := range algorithms {
		all = append(all, lane{Token, a})
	}
	return append(all, lane{Refresh, EdDSA})
}

func (p Policy) wantsLane(l lane) bool {
	return l.purpose == Refresh || p.wants(l.algorithm)
}

// State is what a key may do at one moment.
type State string

// The states, in the order of a life.
const (
	Published State = "published" // in the JWKS, does not sign yet
	Signing   State = "signing"
	Retiring  State = "retiring" // only verifies
	Gone      State = "gone"
	Revoked   State = "revoked" // gone at once
)

// State is a function of the row and the clock; nothing ever stores one.
func (k *Key) State(now time.Time) State {
	switch {
	case !k.RevokedAt.IsZero():
		return Revoked
	case !now.Before(k.VerifiesUntil):
		return Gone
	case now.Before(k.SignsFrom):
		return Published
	case now.Before(k.SignsUntil):
		return Signing
	}
	return Retiring
}

// verifies tells whether signatures of the key count at now; a token key is in the JWKS as long.
func (k *Key) verifies(now time.Time) bool {
	return k.RevokedAt.IsZero() && now.Before(k.VerifiesUntil)
}

// Action is what a step does to a key's row.
type Action string

// The actions.
const (
	Create     Action = "create"
	Reschedule Action = "reschedule"
	Revoke     Action = "revoke"
	Delete     Action = "delete"
)

// Step is one change of one row. A created key has no KID yet: whoever carries the step out makes the
// key pair and sets it.
type Step struct {
	Action Action
	// Key is the row after the step; for Delete the row as it was.
	Key Key
	// Was is the row before; nil for Create.
	Was *Key
	// Why is a short sentence for operators and the audit log.
	Why string
}

// Plan says what has to be done at now so that every lane has a key that signs and the next one
// published and waiting. It is pure, and idempotent: with its steps carried out it plans nothing more,
// so any number of instances may plan at once.
//
//   - A lane's waiting key takes over when the current one stops, and is published as soon as the
//     current one signs: a whole rotation ahead, and never less than the lead.
//   - Where nothing signs and nothing could go on signing, nobody has cached anything worth keeping:
//     first keys sign at once. A lane added beside others waits for its lead.
//   - A key without a successor (the program was off for long) goes on signing until its new successor
//     has had its lead, unless it has gone.
//   - Lanes that are not wanted any more get no new keys; theirs run out.
//   - VerifiesUntil grows with the lifetimes of the policy and is never shortened.
//   - Rows are deleted 30 days after their key has gone.
func Plan(keys []Key, p Policy, now time.Time) []Step {
	d := newDraft(keys, p, now)
	d.plan()
	return d.steps()
}

func (d *draft) plan() {
	d.verifyLongEnough()
	idle := map[Purpose]bool{Token: d.idle(Token), Refresh: d.idle(Refresh)}
	for _, l := range lanes() {
		if d.policy.wantsLane(l) {
			d.fill(l, idle[l.purpose])
		}
	}
	d.sweep()
}

// verifyLongEnough covers a lifetime that grew: keys that still sign must outlive the longer tokens.
func (d *draft) verifyLongEnough() {
	for _, e := range d.entries {
		if e.key.verifies(d.now) && e.key.SignsUntil.After(d.now) {
			d.cover(e, sentence.Say("tokens live longer than when the key was planned"))
		}
	}
}

// idle tells that no key of the purpose signs, and none could go on signing.
func (d *draft) idle(purpose Purpose) bool {
	return !slices.ContainsFunc(d.entries, func(e *entry) bool {
		k := &e.key
		return k.Purpose == purpose && k.verifies(d.now) && !k.SignsFrom.After(d.now) &&
			(k.SignsUntil.After(d.now) || d.policy.wantsLane(k.lane()))
	})
}

// fill makes lane l whole: a key that signs as early as it may, one that waits, and no gap between.
func (d *draft) fill(l lane, idle bool) {
	keys := d.live(l)
	switch {
	case len(keys) == 0 && idle:
		d.create(l, d.now, d.now.Add(d.policy.Rotation), sentence.Say("the first key; nobody has cached any other"))
	case len(keys) == 0:
		from := d.now.Add(d.policy.Lead)
		d.create(l, from, from.Add(d.policy.Rotation), sentence.Say("the first key of an algorithm that is wanted now"))
	case keys[0].key.SignsFrom.After(d.now):
		d.hasten(keys[0], idle)
	}
	keys = d.live(l)
	if last := keys[len(keys)-1]; !last.key.SignsFrom.After(d.now) {
		from := later(last.key.SignsUntil, d.now.Add(d.policy.Lead))
		d.create(l, from, from.Add(d.policy.Rotation), sentence.Say("the next key, published ahead of its turn"))
	}
	d.chain(l)
}

// hasten lets the first waiting key of a lane in which none signs take its turn when its lead is over,
// or now where no other lane could stand in.
func (d *draft) hasten(e *entry, idle bool) {
	from := e.key.PublishedAt.Add(d.policy.Lead)
	if idle || from.Before(d.now) {
		from = d.now
	}
	if from.Before(e.key.SignsFrom) {
		e.key.SignsFrom = from
		e.because(sentence.Say("no key of its algorithm signs"))
	}
}

// chain makes each key of the lane stop when the next one starts. Gaps in the past stay: nothing was
// signed in them.
func (d *draft) chain(l lane) {
	keys := d.live(l)
	for i, next := range keys[1:] {
		e := keys[i]
		if next.key.SignsFrom.After(d.now) || e.key.SignsUntil.After(next.key.SignsFrom) {
			d.signsUntil(e, next.key.SignsFrom, sentence.Say("the next key takes over then"))
		}
	}
}

func (d *draft) sweep() {
	for _, e := range d.entries {
		end := e.key.VerifiesUntil
		if !e.key.RevokedAt.IsZero() {
			end = e.key.RevokedAt
		}
		if !d.now.Before(end.Add(keepGone)) {
			e.deleted = true
			e.because(sentence.Say("it has verified nothing for 30 days"))
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
