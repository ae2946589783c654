package accounts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"keyturn/audit"
)

// SignIn is a name and a password, as the person typed them; the caller has stripped blanks around the name.
type SignIn struct {
	Username string
	Password string
	// OTP is a code of an authenticator app or a recovery code, for a caller that can't ask for it in a second
	// step; blank for none.
	OTP string
	// Actor tells where from; its Address is what throttling goes by.
	Actor audit.Actor
}

// attempt is one sign-in on its way.
type attempt struct {
	SignIn
	account string // see accountKey
	folded  string // see Fold; empty for a name that can't exist
	address string // see PlaceOf
	// user is zero where there is none of that name.
	user     User
	throttle Throttle
	// counted is set where the failure was counted beforehand.
	counted bool
	// took is how long the check of the password took.
	took time.Duration
}

// Authenticate checks a password. An unknown name, a wrong password, a deactivated user and a user
// without a password are all ErrCredentials, by the same work and after the same time, which is as long
// for a caller who hangs up. *Throttled where the account was guessed at too often; ErrHashingBusy where
// too many sign-ins wait; *SecondFactorNeeded where the password is right and the user has a second factor, of
// which the request holds none; what the store returns otherwise, keys.ErrUnavailable among it, is passed up
// and says nothing of the password.
func (s *Service) Authenticate(ctx context.Context, in SignIn) (Authentication, error) {
	s.setUp()
	a := &attempt{SignIn: in, account: accountKey(in.Username), address: PlaceOf(in.Actor.Address)}
	if checkUsername(in.Username) == nil {
		a.folded = Fold(in.Username)
	}
	proof, err := s.try(ctx, a)
	return proof, s.refuseThrottled(ctx, a, err)
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
	if !ok {
		return Authentication{}, s.fail(ctx, a)
	}
	// A caller who hangs up changes nothing from here on, as in fail: the guess was made.
	ctx, cancel := outlive(ctx)
	defer cancel()
	has, err := s.Store.FactorCounts(ctx, a.user.ID)
	switch {
	case err != nil:
		return Authentication{}, fmt.Errorf("count factors: %w", err)
	case has.SecondFactor():
		return s.second(ctx, a, h, has)
	}
	return s.succeed(ctx, a, h, MethodPassword)
}

// second asks for the second factor, or takes the code that came with the password. The throttle forgives nothing
// before both are right: whoever has the password must not empty the bucket between two guesses at the code.
func (s *Service) second(ctx context.Context, a *attempt, h hash, has FactorCounts) (Authentication, error) {
	if strings.TrimSpace(a.OTP) == "" {
		s.rehash(ctx, a, h)
		return Authentication{}, &SecondFactorNeeded{Has: has, pending: pending{
			userID: a.user.ID, credentialVersion: a.user.CredentialVersion, at: s.now(),
			methods: []string{MethodPassword}, counted: a.counted, place: a.throttle.Place,
		}}
	}
	ok := false
	if s.Factors != nil {
		var err error
		if ok, err = s.Factors.useCode(ctx, a, a.OTP); err != nil {
			return Authentication{}, fmt.Errorf("check code: %w", err)
		}
	}
	if !ok {
		return Authentication{}, s.fail(ctx, a)
	}
	return s.succeed(ctx, a, h, together([]string{MethodPassword}, MethodOTP)...)
}

// find looks the user up. A name that can't exist is not asked for: PostgreSQL refuses NUL and broken
// UTF-8 in a text.
func (s *Service) find(ctx context.Context, a *attempt) error {
	if a.folded == "" {
		return nil
	}
	user, err := s.Store.UserByUsername(ctx, a.Username)
	if errors.Is(err, ErrUserNotFound) {
		return nil
	}
	a.user = user
	return err
}

// admit refuses an attempt that comes too early, unless it is the one that an address new to the account
// has. Past the free failures an attempt is counted as failed beforehand, and of several that saw the
// same count one wins.
func (s *Service) admit(ctx context.Context, a *attempt) error {
	if !s.ThrottleOn {
		return nil
	}
	t, err := s.Store.ThrottleOf(ctx, a.account, a.folded, a.address)
	if err != nil {
		return fmt.Errorf("read throttle: %w", err)
	}
	a.throttle = t
	if t.Failures < freeFailures {
		return nil
	}
	if wait := t.wait(); wait > 0 {
		return s.admitNewcomer(ctx, a, &Throttled{RetryAfter: wait})
	}
	a.counted, err = s.Store.TakeAttempt(ctx, a.account, t)
	if err != nil {
		return fmt.Errorf("take attempt: %w", err)
	}
	if !a.counted {
		return s.admitNewcomer(ctx, a, &Throttled{RetryAfter: Delay(t.Failures + 1)})
	}
	return nil
}

// admitNewcomer lets an owner who comes from a new address in, though somebody elsewhere takes every
// attempt that the others have. It returns why where it does not.
func (s *Service) admitNewcomer(ctx context.Context, a *attempt, why *Throttled) error {
	if a.throttle.Place != "" || a.address == "" {
		return why
	}
	taken, err := s.Store.TakeNewcomer(ctx, a.account, a.address, newcomersPerHour)
	if err != nil {
		return fmt.Errorf("take newcomer's attempt: %w", err)
	}
	if !taken {
		return why
	}
	a.counted = true
	a.throttle.Place = a.address // what everyone else did stays counted after a success
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

// fail counts and records a failed check, and keeps the hashing slot until the slowest scheme would have
// been through: who floods the queue sees how fast it moves. It does all that though the caller hangs up.
func (s *Service) fail(ctx context.Context, a *attempt) error {
	ctx = context.WithoutCancel(ctx)
	err := s.addFailure(ctx, a)
	if err == nil {
		err = s.addRefusal(ctx, a, "credentials")
	}
	if err == nil {
		err = s.Measure(ctx)
	}
	time.Sleep(s.pace.slowest() - a.took)
	if err != nil {
		return err
	}
	return ErrCredentials
}

func (s *Service) addFailure(ctx context.Context, a *attempt) error {
	if !s.ThrottleOn || a.counted {
		return nil
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	if err := s.Store.AddFailure(ctx, a.account, a.throttle.Place, a.address); err != nil {
		return fmt.Errorf("count failed sign-in: %w", err)
	}
	return nil
}

func (s *Service) succeed(ctx context.Context, a *attempt, h hash, methods ...string) (Authentication, error) {
	if err := s.noteSuccess(ctx, a); err != nil {
		return Authentication{}, err
	}
	s.rehash(ctx, a, h)
	return Authentication{
		userID:            a.user.ID,
		credentialVersion: a.user.CredentialVersion,
		at:                s.now(),
		methods:           methods,
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

// unknownAccount stands for all names that nobody has: one row a minute for a flood of them, not one each.
const unknownAccount = "unknown"

func (s *Service) addRefusal(ctx context.Context, a *attempt, reason string) error {
	return s.countRefusal(ctx, cmp.Or(a.user.ID, unknownAccount), a.address, reason)
}

// countRefusal counts by the throttled place, not the address: who has a /64 must not fill the table.
func (s *Service) countRefusal(ctx context.Context, account, place, reason string) error {
	ctx, cancel := outlive(ctx)
	defer cancel()
	if err := s.Store.AddRefusal(ctx, audit.Refusal{Account: account, Address: place, Reason: reason}); err != nil {
		return fmt.Errorf("record refusal: %w", err)
	}
	return nil
}
