package keys

import (
	"cmp"
	"slices"
	"time"

	"keyturn/audit/sentence"
)

// draft is a set of keys being edited. Its steps are the difference to the set that it began with, so
// several rules may touch one key and it still is one step.
type draft struct {
	policy  Policy
	now     time.Time
	entries []*entry
}

type entry struct {
	key Key
	// was is nil for a key that the draft creates.
	was     *Key
	why     sentence.Sentence
	deleted bool
}

// because gives the reason of the entry's change; the first reason stands.
func (e *entry) because(why sentence.Sentence) {
	if e.why.IsZero() {
		e.why = why
	}
}

func newDraft(keys []Key, p Policy, now time.Time) *draft {
	// Rows hold microseconds; a finer time would not be read back as it was planned.
	d := &draft{policy: p, now: now.UTC().Truncate(time.Microsecond)}
	for _, k := range keys {
		d.entries = append(d.entries, &entry{key: k, was: &k})
	}
	return d
}

// live returns the lane's keys that verify, in the order in which they sign.
func (d *draft) live(l lane) []*entry {
	var keys []*entry
	for _, e := range d.entries {
		if e.key.lane() == l && e.key.verifies(d.now) {
			keys = append(keys, e)
		}
	}
	slices.SortFunc(keys, func(a, b *entry) int {
		return cmp.Or(a.key.SignsFrom.Compare(b.key.SignsFrom), cmp.Compare(a.key.Epoch, b.key.Epoch))
	})
	return keys
}

// waiting returns the lane's keys that do not sign yet, the one published longest first.
func (d *draft) waiting(l lane) []*entry {
	keys := slices.DeleteFunc(d.live(l), func(e *entry) bool { return !e.key.SignsFrom.After(d.now) })
	slices.SortStableFunc(keys, func(a, b *entry) int {
		return cmp.Or(a.key.PublishedAt.Compare(b.key.PublishedAt), cmp.Compare(a.key.Epoch, b.key.Epoch))
	})
	return keys
}

// create adds a key that is published now.
func (d *draft) create(l lane, from, until time.Time, why sentence.Sentence) *entry {
	e := &entry{why: why, key: Key{
		Algorithm: l.algorithm, Purpose: l.purpose, Epoch: 1,
		PublishedAt: d.now, SignsFrom: from, SignsUntil: until,
	}}
	for _, other := range d.entries {
		if other.key.lane() == l {
			e.key.Epoch = max(e.key.Epoch, other.key.Epoch+1)
		}
	}
	d.cover(e, why)
	d.entries = append(d.entries, e)
	return e
}

// signsUntil moves the end of the key's turn; what it signed until then goes on to verify.
func (d *draft) signsUntil(e *entry, until time.Time, why sentence.Sentence) {
	if e.key.SignsUntil.Equal(until) {
		return
	}
	e.key.SignsUntil = until
	e.because(why)
	d.cover(e, why)
}

// cover extends VerifiesUntil, where it is too short, to the end of the last token that the key may sign.
func (d *draft) cover(e *entry, why sentence.Sentence) {
	end := e.key.SignsUntil.Add(d.policy.lifetime(e.key.Purpose) + verifyMargin)
	if end.After(e.key.VerifiesUntil) {
		e.key.VerifiesUntil = end
		e.because(why)
	}
}

// revoke takes the key back now.
func (d *draft) revoke(e *entry, why sentence.Sentence) {
	e.key.RevokedAt = d.now
	e.why = why
}

func (d *draft) steps() []Step {
	var steps []Step
	for _, e := range d.entries {
		s := Step{Key: e.key, Was: e.was, Why: e.why.String()}
		switch {
		case e.was == nil:
			s.Action = Create
		case e.deleted:
			s.Action, s.Key = Delete, *e.was
		case e.key == *e.was:
			continue
		case e.key.RevokedAt != e.was.RevokedAt:
			s.Action = Revoke
		default:
			s.Action = Reschedule
		}
		steps = append(steps, s)
	}
	return steps
}
