package accounts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keyturn/audit"
)

// casTries is how often a code that met another one at the same moment tries to be counted.
const casTries = 3

// attemptOf is an attempt at a known user, which counts in the same bucket as one with their password.
func (s *Service) attemptOf(user User, actor audit.Actor) *attempt {
	return &attempt{
		SignIn:  SignIn{Username: user.Username, Actor: actor},
		account: accountKey(user.Username), folded: Fold(user.Username), address: PlaceOf(actor.Address), user: user,
	}
}

// admitCode is admit for a code. A password is hashed, and so only a few can be tried at a time; a code costs
// nothing, and is counted as failed beforehand in any case. An address that is new to the account has no attempt of its
// own at a code, but that which its password covers: whoever has the password and many addresses must not have many
// guesses at six digits.
func (s *Service) admitCode(ctx context.Context, a *attempt) error {
	if !s.ThrottleOn || a.counted {
		return nil
	}
	for range casTries {
		t, err := s.Store.ThrottleOf(ctx, a.account, a.folded, a.address)
		if err != nil {
			return fmt.Errorf("read throttle: %w", err)
		}
		a.throttle = t
		if wait := t.wait(); t.Failures >= freeFailures && wait > 0 {
			return s.refuse(ctx, a, &Throttled{RetryAfter: wait})
		}
		if a.counted, err = s.Store.TakeAttempt(ctx, a.account, t); err != nil {
			return fmt.Errorf("take attempt: %w", err)
		}
		if a.counted {
			return nil
		}
	}
	return s.refuse(ctx, a, &Throttled{RetryAfter: time.Second})
}

// refuseThrottled records a refusal, if it is one by the throttle.
func (s *Service) refuseThrottled(ctx context.Context, a *attempt, err error) error {
	if _, throttled := errors.AsType[*Throttled](err); throttled {
		return s.refuse(ctx, a, err)
	}
	return err
}

// refuse records why an attempt was refused, and returns that.
func (s *Service) refuse(ctx context.Context, a *attempt, why error) error {
	reason := "second_factor"
	if _, throttled := errors.AsType[*Throttled](why); throttled {
		reason = "throttled"
	}
	if err := s.addRefusal(ctx, a, reason); err != nil {
		return err
	}
	return why
}

// readThrottle learns which bucket an attempt falls in.
func (s *Service) readThrottle(ctx context.Context, a *attempt) error {
	if !s.ThrottleOn {
		return nil
	}
	t, err := s.Store.ThrottleOf(ctx, a.account, a.folded, a.address)
	if err != nil {
		return fmt.Errorf("read throttle: %w", err)
	}
	a.throttle = t
	return nil
}

// noteKnown is noteSuccess for an attempt that the throttle was not asked about.
func (s *Service) noteKnown(ctx context.Context, a *attempt) error {
	if err := s.readThrottle(ctx, a); err != nil {
		return err
	}
	return s.noteSuccess(ctx, a)
}

// noteSuccess empties the bucket of an attempt, and notes the address as known.
func (s *Service) noteSuccess(ctx context.Context, a *attempt) error {
	if !s.ThrottleOn || !a.counted && !a.throttle.worthNoting(a.address) {
		return nil
	}
	done := Success{Account: a.account, Place: a.throttle.Place, UserID: a.user.ID, Address: a.address}
	if err := s.Store.AddSuccess(ctx, done); err != nil {
		return fmt.Errorf("note sign-in: %w", err)
	}
	return nil
}
