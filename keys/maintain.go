package keys

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"keyturn/audit"
)

// attempts bounds how often a change is planned anew because another instance was faster.
const attempts = 8

// Start reads the keys, which must all be good, and makes what is missing: in an empty database the
// first key of each lane.
func (r *Ring) Start(ctx context.Context) error {
	if err := r.Policy().Validate(); err != nil {
		return err
	}
	if err := r.Reload(ctx); err != nil {
		return err
	}
	return r.Maintain(ctx)
}

// Maintain reads the keys, does what Plan says, and reads them back. Any number of instances may do so
// at once. While a row fails its checks nothing is planned: the instance may be the one that lacks the
// right master identity.
func (r *Ring) Maintain(ctx context.Context) error {
	return r.change(ctx, func(s *snapshot) error {
		steps := Plan(s.keys, r.Policy(), r.Now())
		_, err := r.apply(ctx, s, steps, "", audit.Actor{Kind: audit.System})
		return err
	})
}

// Rotate turns keys by hand and reads them back. The reason is the operator's own text, kept in the
// audit log. It needs audit.ManageKeys. Errors: those of the function Rotate, the store's, ErrConflict after many tries.
func (r *Ring) Rotate(ctx context.Context, q Rotation, reason string, actor audit.Actor) (Outcome, error) {
	if err := actor.Need(audit.ManageKeys); err != nil {
		return Outcome{}, err
	}
	var out Outcome
	err := r.change(ctx, func(s *snapshot) (err error) {
		if out, err = Rotate(s.keys, q, r.Policy(), r.Now()); err != nil {
			return err
		}
		out.Steps, err = r.apply(ctx, s, out.Steps, reason, actor)
		return err
	})
	if err != nil {
		return Outcome{}, err
	}
	return out, nil
}

// Revoke takes the key back at once; the waiting one takes over where it signed.
func (r *Ring) Revoke(ctx context.Context, kid, reason string, actor audit.Actor) (Outcome, error) {
	return r.Rotate(ctx, Rotation{Mode: Compromised, KID: kid}, reason, actor)
}

// change reads the keys, lets do decide and write, and reads back; it begins anew where do returns
// ErrConflict, which says that nothing was changed.
func (r *Ring) change(ctx context.Context, do func(*snapshot) error) error {
	if err := r.take(ctx); err != nil {
		return err
	}
	defer r.reading.Leave()
	for attempt := 1; ; attempt++ {
		s, err := r.reload(ctx)
		if err != nil {
			return err
		}
		if len(s.bad) > 0 {
			return fmt.Errorf("change keys while a row is bad: %w", s.bad[0])
		}
		err = do(s)
		if errors.Is(err, ErrConflict) && attempt < attempts {
			continue
		}
		if err != nil {
			return err
		}
		if _, err := r.reload(ctx); err != nil {
			// The change is durable and was reported by the store; this instance sees it at its next reading.
			r.Log.Error("keys were changed but not read back", "error", err)
		}
		return nil
	}
}

// apply carries the steps out in one transaction and returns them with the kids of the keys made.
func (r *Ring) apply(ctx context.Context, s *snapshot, steps []Step, reason string, actor audit.Actor) ([]Step, error) {
	if len(steps) == 0 {
		return nil, nil
	}
	made, err := r.makeKeys(steps)
	if err != nil {
		return nil, err
	}
	steps = slices.Clone(steps)
	var changes []Change
	var events []audit.Event
	for i := range steps {
		step := &steps[i]
		var c Change
		if step.Was != nil {
			j := slices.IndexFunc(s.records, func(r Record) bool { return r.KID == step.Was.KID })
			c.Was = &s.records[j]
		}
		switch step.Action {
		case Create:
			record, err := r.Master.seal(step.Key, made[i])
			if err != nil {
				return nil, fmt.Errorf("make a %s key: %w", step.Key.Algorithm, err)
			}
			step.Key.KID, c.Now = record.KID, &record
		case Reschedule, Revoke:
			record := *c.Was
			record.Key = step.Key
			record = r.Master.tagged(record)
			c.Now = &record
		}
		changes = append(changes, c)
		events = append(events, step.event(reason, actor))
	}
	// Once begun it is seen through: whoever asked for a revocation may have hung up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if err := r.Store.ApplyKeys(ctx, changes, events); err != nil {
		return nil, fmt.Errorf("change keys: %w", err)
	}
	return steps, nil
}

// makeKeys generates the key pairs of the steps that create one, side by side: RSA takes its time, and
// a first start needs several.
func (r *Ring) makeKeys(steps []Step) ([]crypto.Signer, error) {
	make1 := r.generate
	if make1 == nil {
		make1 = generate
	}
	made, failed := make([]crypto.Signer, len(steps)), make([]error, len(steps))
	var all sync.WaitGroup
	for i, step := range steps {
		if step.Action == Create {
			all.Go(func() { made[i], failed[i] = make1(step.Key.Algorithm) })
		}
	}
	all.Wait()
	return made, errors.Join(failed...)
}

// event is the audit log's entry of the step.
func (s *Step) event(reason string, actor audit.Actor) audit.Event {
	details := map[string]string{
		"purpose":        string(s.Key.Purpose),
		"algorithm":      string(s.Key.Algorithm),
		"epoch":          strconv.FormatInt(s.Key.Epoch, 10),
		"signs_from":     s.Key.SignsFrom.UTC().Format(time.RFC3339),
		"signs_until":    s.Key.SignsUntil.UTC().Format(time.RFC3339),
		"verifies_until": s.Key.VerifiesUntil.UTC().Format(time.RFC3339),
		"why":            s.Why,
	}
	action := map[Action]audit.Action{
		Create: audit.KeyCreated, Reschedule: audit.KeyRescheduled,
		Revoke: audit.KeyRevoked, Delete: audit.KeyDeleted,
	}[s.Action]
	return audit.Event{
		Action: action, Actor: actor, SubjectKind: "key", SubjectID: s.Key.KID,
		Reason: reason, Details: details,
	}
}

// Reseal seals every key to the master's first identity and tags every row with it, in one transaction,
// and returns how many. It has read all of them back and opened them with that identity alone before it
// returns; only then may the other identities be removed from the file.
func (r *Ring) Reseal(ctx context.Context, actor audit.Actor) (int, error) {
	if err := actor.Need(audit.ManageKeys); err != nil {
		return 0, err
	}
	var n int
	err := r.change(ctx, func(s *snapshot) error {
		n = len(s.records)
		return r.reseal(ctx, s, actor)
	})
	if err != nil {
		return 0, err
	}
	records, err := r.Store.Keys(ctx)
	if err != nil {
		return 0, fmt.Errorf("read keys back: %w", err)
	}
	first := r.Master.first()
	for _, record := range records {
		if _, err := first.open(record); err != nil {
			return 0, fmt.Errorf("not resealed, keep every identity: %w", err)
		}
	}
	return n, nil
}

func (r *Ring) reseal(ctx context.Context, s *snapshot, actor audit.Actor) error {
	var changes []Change
	for i := range s.records {
		was := &s.records[i]
		now, err := r.Master.seal(was.Key, s.opened[was.KID].private)
		if err != nil {
			return fmt.Errorf("seal key %s: %w", was.KID, err)
		}
		changes = append(changes, Change{Was: was, Now: &now})
	}
	event := audit.Event{
		Action: audit.KeysResealed, Actor: actor, SubjectKind: "key", SubjectID: "all",
		Details: map[string]string{"keys": strconv.Itoa(len(changes))},
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if err := r.Store.ApplyKeys(ctx, changes, []audit.Event{event}); err != nil {
		return fmt.Errorf("reseal keys: %w", err)
	}
	return nil
}
