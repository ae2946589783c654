package keys

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"keyturn/audit/sentence"
)

const (
	// maxWaiting bounds what rotations by hand may pile up: each is a key in every verifier's JWKS.
	maxWaiting = 8
	// maxVerifying bounds them together with those that have signed, which go on to verify to the end of
	// the turn that was planned for them.
	maxVerifying = 16
	// fetchTimeout is what a verifier may need to fetch the JWKS once its copy has expired.
	fetchTimeout = 10 * time.Second
)

// What SafeBy can't tell: Notes of an Outcome hold these.
const (
	NoteRefreshRefused = "every refresh token that a revoked key signed is refused at once: their holders sign in again"
	NoteLongCaches     = "verifiers that cache the JWKS for 1 to 12 hours, whatever its header says, accept tokens of a revoked key for as long"
	NoteGrantsGoOn     = "grants go on: a refresh gets a token of the new key"
	NoteTooEarly       = "a new key signs that has not been published for the lead: verifiers refuse its tokens until they have fetched the JWKS again, which takes some of them 1 to 12 hours"
)

// Errors of a rotation by hand.
var (
	// ErrLeadNotOver says that no waiting key has been published for the lead yet; verifiers with a
	// cached JWKS would refuse its tokens.
	ErrLeadNotOver = errors.New("keys: the waiting key has not been published for the lead yet")
	// ErrTooManyWaiting says that eight keys of an algorithm wait for their turn already.
	ErrTooManyWaiting = errors.New("keys: eight keys of this algorithm are waiting already")
	// ErrTooManyKeys says that sixteen keys of an algorithm verify already (and, where tokens outlive a
	// rotation, one for each that they outlive): each is in every JWKS until it goes.
	ErrTooManyKeys = errors.New("keys: too many keys of this algorithm still verify already")
	// ErrKeyNotFound says that no key that still verifies has this kid.
	ErrKeyNotFound = errors.New("keys: no such key, or it is revoked or gone already")
)

// BadRotation is a rotation that asks for something that does not exist or make sense.
type BadRotation struct {
	Param string
	// Problem is what is wrong with it, as said behind its name.
	Problem sentence.Sentence
}

// Error names the parameter and its problem.
func (e *BadRotation) Error() string { return "keys: rotation: " + e.Param + ": " + e.Problem.String() }

// Mode is how a rotation by hand turns the key.
type Mode string

// The modes.
const (
	// Graceful publishes a new key now, which signs after the lead.
	Graceful Mode = "graceful"
	// Immediate lets the waiting key sign at once.
	Immediate Mode = "immediate"
	// Compromised revokes a key at once; the waiting one takes over.
	Compromised Mode = "compromised"
)

// Rotation is a wish to turn keys by hand.
type Rotation struct {
	// Mode is Graceful where empty.
	Mode Mode
	// Algorithm addresses one token lane; empty all wanted lanes.
	Algorithm Algorithm
	// Purpose addresses the lanes of one purpose; empty those of both. It only goes without KID.
	Purpose Purpose
	// KID names the compromised key.
	KID string
	// All revokes every key of the addressed lanes (those of Algorithm, of KID, or all), the waiting
	// and retiring ones too, and new keys sign at once. Only with Compromised.
	All bool
	// Force lets a key sign that has not had its lead. Only with Immediate.
	Force bool
}

// Outcome is what a rotation does.
type Outcome struct {
	Steps []Step
	// SignsFrom is the latest moment at which a new key starts to sign because of the rotation.
	SignsFrom time.Time
	// SafeBy is when every verifier that honours the JWKS' max-age verifies what is signed from
	// SignsFrom on, and none of them accepts a token of a revoked key any more. It is SignsFrom where
	// each new key has had its lead (so also verifiers that cache for up to the lead have it), now
	// where only refresh keys were revoked (instances alone verify those), and else now plus max-age
	// plus 10 s for the fetch; Notes then tell of verifiers that cache for longer.
	SafeBy time.Time
	// Notes tell the operator what SafeBy can't.
	Notes []string
}

// Rotate plans a rotation by hand; it is pure, and its steps include those of Plan, so that every lane
// is whole afterwards. Nothing is changed where it returns an error: *BadRotation, ErrLeadNotOver,
// ErrTooManyWaiting, ErrTooManyKeys or ErrKeyNotFound. A compromised key can always be revoked.
func Rotate(keys []Key, r Rotation, p Policy, now time.Time) (Outcome, error) {
	d := newDraft(keys, p, now)
	if err := r.check(p); err != nil {
		return Outcome{}, err
	}
	out := Outcome{SignsFrom: d.now, SafeBy: d.now}
	var err error
	switch r.Mode {
	case Graceful, "":
		out.SignsFrom, out.SafeBy = d.now.Add(p.Lead), d.now.Add(p.Lead)
		err = d.graceful(r)
	case Immediate:
		err = d.immediate(r, &out)
	case Compromised:
		err = d.compromised(r, &out)
	}
	if err != nil {
		return Outcome{}, err
	}
	d.plan()
	out.Steps = d.steps()
	return out, nil
}

func (r Rotation) check(p Policy) error {
	switch {
	case !slices.Contains([]Mode{"", Graceful, Immediate, Compromised}, r.Mode):
		return &BadRotation{"mode", sentence.Say("must be graceful, immediate or compromised")}
	case r.Algorithm != "" && !slices.Contains(algorithms, r.Algorithm):
		return &BadRotation{"algorithm", sentence.Say("must be RS256, PS256, ES256 or EdDSA")}
	case !slices.Contains([]Purpose{"", Token, Refresh}, r.Purpose):
		return &BadRotation{"purpose", sentence.Say("must be token or refresh")}
	case r.Purpose == Refresh && r.Algorithm != "":
		return &BadRotation{"algorithm", sentence.Say("only addresses token keys")}
	case r.Purpose != "" && r.KID != "":
		return &BadRotation{"purpose", sentence.Say("does not go with a kid")}
	case r.Mode == Compromised && r.KID == "" && !r.All:
		return &BadRotation{"kid", sentence.Say("must name the compromised key")}
	case r.Mode != Compromised && r.KID != "":
		return &BadRotation{"kid", sentence.Say("only goes with mode compromised")}
	case r.Mode != Compromised && r.All:
		return &BadRotation{"all", sentence.Say("only goes with mode compromised")}
	case r.Mode != Immediate && r.Force:
		return &BadRotation{"force", sentence.Say("only goes with mode immediate")}
	case r.Mode != Compromised && r.Algorithm != "" && !p.wants(r.Algorithm):
		return &BadRotation{"algorithm", sentence.Say("no key of this algorithm is wanted by the configuration, a resource or a client")}
	}
	return nil
}

// addresses tells whether the rotation is about lane l.
func (r Rotation) addresses(l lane) bool {
	return (r.Purpose == "" || r.Purpose == l.purpose) && (r.Algorithm == "" || l == lane{Token, r.Algorithm})
}

func (d *draft) graceful(r Rotation) error {
	from := d.now.Add(d.policy.Lead)
	for _, l := range lanes() {
		if !r.addresses(l) || !d.policy.wantsLane(l) {
			continue
		}
		if len(d.waiting(l)) >= maxWaiting {
			return fmt.Errorf("%w: %s, %s", ErrTooManyWaiting, l.purpose, l.algorithm)
		}
		if d.full(l) {
			return fmt.Errorf("%w: %s, %s", ErrTooManyKeys, l.purpose, l.algorithm)
		}
		until := from.Add(d.policy.Rotation)
		for _, e := range d.live(l) {
			if e.key.SignsFrom.After(from) { // a later turn that was planned stands
				until = e.key.SignsFrom
				break
			}
		}
		d.create(l, from, until, sentence.Say("rotated by hand: signs after the lead"))
	}
	return nil
}

func (d *draft) immediate(r Rotation, out *Outcome) error {
	for _, l := range lanes() {
		if !r.addresses(l) || !d.policy.wantsLane(l) {
			continue
		}
		if !d.ready(l) {
			if !r.Force {
				return fmt.Errorf("%w: %s, %s", ErrLeadNotOver, l.purpose, l.algorithm)
			}
			if l.purpose == Token {
				out.tooEarly(d)
			}
		}
		if d.full(l) {
			return fmt.Errorf("%w: %s, %s", ErrTooManyKeys, l.purpose, l.algorithm)
		}
		d.takeOver(l, sentence.Say("rotated by hand: signs at once"))
	}
	return nil
}

// full tells whether the lane holds as many keys as rotations by hand may make. What the schedule alone
// keeps does not count: with tokens that live for 30 rotations, 30 retired keys verify.
func (d *draft) full(l lane) bool {
	return len(d.live(l)) >= maxVerifying+int(d.policy.lifetime(l.purpose)/d.policy.Rotation)
}

// ready tells whether the lane's oldest waiting key has had its lead.
func (d *draft) ready(l lane) bool {
	waiting := d.waiting(l)
	return len(waiting) > 0 && !d.now.Before(waiting[0].key.PublishedAt.Add(d.policy.Lead))
}

// takeOver lets the waiting key that has been published longest sign now, or a new one where none
// waits. Other waiting keys keep their turn.
func (d *draft) takeOver(l lane, why sentence.Sentence) {
	waiting := d.waiting(l)
	if len(waiting) == 0 {
		d.create(l, d.now, d.now.Add(d.policy.Rotation), why)
		return
	}
	e := waiting[0]
	e.key.SignsFrom = d.now
	e.because(why)
	d.signsUntil(e, d.now.Add(d.policy.Rotation), why)
}

func (d *draft) compromised(r Rotation, out *Outcome) error {
	var named *entry
	if r.KID != "" {
		i := slices.IndexFunc(d.entries, func(e *entry) bool { return e.key.KID == r.KID })
		if i < 0 || !d.entries[i].key.verifies(d.now) {
			return ErrKeyNotFound
		}
		named = d.entries[i]
		if r.Algorithm != "" && r.Algorithm != named.key.Algorithm {
			return &BadRotation{"algorithm", sentence.Say("is not that of the named key")}
		}
	}
	if !r.All {
		d.revokeOne(named, out)
		return nil
	}
	for _, l := range lanes() {
		if named != nil && l != named.key.lane() || named == nil && !r.addresses(l) {
			continue
		}
		for _, e := range d.live(l) {
			d.revokeKey(e, out)
		}
		if d.policy.wantsLane(l) {
			d.takeOver(l, sentence.Say("every other key of its algorithm was revoked"))
			if l.purpose == Token {
				out.tooEarly(d)
			}
		}
	}
	return nil
}

// revokeOne revokes one key; where it signs, the waiting one takes over.
func (d *draft) revokeOne(e *entry, out *Outcome) {
	l, signed, ready := e.key.lane(), e.key.State(d.now) == Signing, d.ready(e.key.lane())
	d.revokeKey(e, out)
	if !signed || !d.policy.wantsLane(l) && len(d.waiting(l)) == 0 {
		return
	}
	if l.purpose == Token && !ready {
		out.tooEarly(d)
	}
	d.takeOver(l, sentence.Say("the key before it was revoked"))
}

func (d *draft) revokeKey(e *entry, out *Outcome) {
	d.revoke(e, sentence.Say("revoked by hand as compromised"))
	if e.key.Purpose == Refresh {
		out.note(NoteRefreshRefused)
		return
	}
	out.SafeBy = d.now.Add(d.policy.JWKSMaxAge + fetchTimeout)
	out.note(NoteLongCaches)
	out.note(NoteGrantsGoOn)
}

// tooEarly tells the cost of a token key that signs before its lead was over.
func (o *Outcome) tooEarly(d *draft) {
	o.SafeBy = d.now.Add(d.policy.JWKSMaxAge + fetchTimeout)
	o.note(NoteTooEarly)
}

func (o *Outcome) note(text string) {
	if !slices.Contains(o.Notes, text) {
		o.Notes = append(o.Notes, text)
	}
}
