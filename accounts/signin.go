package accounts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keyturn/audit"
)

// SignIn is a name and a password, as the person typed them; the caller has stripped blanks around the name.
type SignIn struct {
	Username string
	Password string
	// Actor tells where from; its Address is what throttling goes by.
	Actor audit.Actor
}

// attempt is one sign-in on its way.
type attempt struct {
	SignIn
	account string // see accountKey
	address string // see placeOf
	// user is zero where there is none of that name.
	user     User
	throttle Throttle
	// counted is set where the failure was counted beforehand.
	counted bool
	// took is how long the check of the password took.
	took time.Duration
}

// Authenticate checks a password. An unknown name, a wrong password, a deactivated user and a user
// without a password are all ErrCredentials, by the same work and after the same time. *Throttled
// where the account was guessed at too often; ErrHashingBusy where too many sign-ins wait; what the
// store returns otherwise, keys.ErrUnavailable among it, is passed up and says nothing of the password.
func (s *Service) Authenticate(ctx context.Context, in SignIn) (Authentication, error) {
	s.setUp()
	a := &attempt{SignIn: in, account: accountKey(in.Username), address: placeOf(in.Actor.Address)}
	proof, err := s.try(ctx, a)
	if errors.Is(err, ErrCredentials) {
		return Authentication{}, s.refuse(ctx, a, "credentials", err)
	}
	if _, throttled := errors.AsType[*Throttled](err); throttled {
		return Authentication{}, s.refuse(ctx, a, "throttled", err)
	}
	return proof, err
}

// try does all that happens under a hashing slot. The throttle is asked and the failure counted
// within the slot, so no more guesses than there are slots can pass on the same count.
func (s *Service) try(ctx context.Context, a *attempt) (Authentication, error) {
	if err := s.gate.enter(ctx); err != nil {
		return Authentication{}, err
	}
	defer s.gate.leave()
	if err := s.find(ctx, a); err != nil {
		return Authentication{}, fmt.Errorf("find user: %w", err)
	}
	if err := s.admit(ctx, a); err != nil {
		return Authentication{}, err
	}
	h, ok := s.verify(ctx, a)
	// From here on a caller who hangs up changes nothing: the guess was made.
	ctx, cancel := outlive(ctx)
	defer cancel()
	if !ok {
		return Authentication{}, s.fail(ctx, a)
	}
	return s.succeed(ctx, a, h)
}

// find looks the user up. A name that can't exist is not asked for: PostgreSQL refuses NUL and broken
// UTF-8 in a text.
func (s *Service) find(ctx context.Context, a *attempt) error {
	if checkUsername(a.Username) != nil {
		return nil
	}
	user, err := s.Store.UserByUsername(ctx, a.Username)
	if errors.Is(err, ErrUserNotFound) {
		return nil
	}
	a.user = user
	return err
}

// admit refuses an attempt that comes too early. Past the free failures it counts one beforehand, and
// of several attempts that saw the same count one wins.
func (s *Service) admit(ctx context.Context, a *attempt) error {
	if !s.ThrottleOn {
		return nil
	}
	t, err := s.Store.ThrottleOf(ctx, a.account, a.address)
	if err != nil {
		return fmt.Errorf("read throttle: %w", err)
	}
	a.throttle = t
	if t.Failures < freeFailures {
		return nil
	}
	if wait := t.wait(); wait > 0 {
		return &Throttled{RetryAfter: wait}
	}
	won, err := s.Store.TakeAttempt(ctx, a.account, t)
	if err != nil {
		return fmt.Errorf("take attempt: %w", err)
	}
	if !won {
		return &Throttled{RetryAfter: Delay(t.Failures + 1)}
	}
	a.counted = true
	return nil
}

// verify makes exactly one derivation, whoever the user is and whatever the password.
func (s *Service) verify(ctx context.Context, a *attempt) (hash, bool) {
	may := a.user.Active && a.user.PasswordHash != ""
	text := a.user.PasswordHash
	if text == "" {
		text = s.Argon2.orDefault().dummy()
	}
	h, err := s.read(text)
	if err != nil {
		s.log().ErrorContext(ctx, "a stored password hash can't be read", "user", a.user.ID, "error", err)
		may = false
		h, _ = s.read(s.Argon2.orDefault().dummy())
	}
	password := a.Password
	if len(password) == 0 || len(password) > maxPassword {
		may, password = false, "" // the time must not grow with what is sent
	}
	ok, took := s.check(h, password)
	a.took = took
	return h, ok && may
}

func (s *Service) fail(ctx context.Context, a *attempt) error {
	if !s.ThrottleOn || a.counted {
		return ErrCredentials
	}
	if err := s.Store.AddFailure(ctx, a.account, a.throttle.Place); err != nil {
		return fmt.Errorf("count failed sign-in: %w", err)
	}
	return ErrCredentials
}

func (s *Service) succeed(ctx context.Context, a *attempt, h hash) (Authentication, error) {
	if s.ThrottleOn && a.throttle.worthNoting(a.address) {
		if err := s.Store.AddSuccess(ctx, a.account, a.throttle.Place, a.address); err != nil {
			return Authentication{}, fmt.Errorf("note sign-in: %w", err)
		}
	}
	s.rehash(ctx, a, h)
	return Authentication{
		userID:            a.user.ID,
		credentialVersion: a.user.CredentialVersion,
		at:                s.now(),
		methods:           []string{"pwd"},
	}, nil
}

// rehash brings the stored hash to today's scheme and cost. Where the scheme read only a part of the
// password it stays: the rest may be a typing error, and would become the password.
func (s *Service) rehash(ctx context.Context, a *attempt, h hash) {
	today := s.Argon2.orDefault()
	if h.cost == today.cost() || h.reads > 0 && len(a.Password) > h.reads {
		return
	}
	if err := s.Store.Rehash(ctx, a.user.ID, a.user.PasswordHash, today.hash(a.Password)); err != nil {
		s.log().WarnContext(ctx, "password hash not brought up to date", "user", a.user.ID, "error", err)
	}
}

// refuse records the refusal and, for a password that was looked at, waits until the slowest scheme
// would have been through. It holds no hashing slot.
func (s *Service) refuse(ctx context.Context, a *attempt, reason string, why error) error {
	if err := s.addRefusal(ctx, a, reason); err != nil {
		return fmt.Errorf("record refusal: %w", err)
	}
	if reason == "throttled" {
		return why
	}
	if err := s.Measure(ctx); err != nil {
		return err
	}
	timer := time.NewTimer(s.pace.slowest() - a.took)
	defer timer.Stop()
	select {
	case <-timer.C:
		return why
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Service) addRefusal(ctx context.Context, a *attempt, reason string) error {
	ctx, cancel := outlive(ctx)
	defer cancel()
	account := a.account
	if a.user.ID != "" {
		account = a.user.ID
	}
	// By the throttled place, not the address: who has a /64 must not fill the table.
	return s.Store.AddRefusal(ctx, audit.Refusal{Account: account, Address: a.address, Reason: reason})
}
