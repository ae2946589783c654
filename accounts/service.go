package accounts

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"
)

// defaultQueue is a second or two of waiting on a small machine.
const defaultQueue = 64

// writeTimeout is for what must be written though the caller has gone.
const writeTimeout = 5 * time.Second

// Service signs people in and administers their accounts. Its fields are set before the first call and
// not changed after; its methods may be called by any number of goroutines.
type Service struct {
	Store Store
	// Now is the clock of Authentication.At; nil for time.Now.
	Now func() time.Time
	// Argon2 is the cost of new hashes; older ones are replaced at the next sign-in.
	Argon2 Argon2
	// Concurrent is how many passwords are hashed at a time, 0 for the number of CPUs. Each takes
	// Argon2.Memory (an imported hash at most 256 MiB).
	Concurrent int
	// Queue is how many may wait for that, 0 for 64; the others get ErrHashingBusy.
	Queue int
	// LeastAlone is how many characters a password must have that people choose who have nothing else to sign in
	// with; 0 for MinPasswordAlone.
	LeastAlone int
	// Name is this service's, which is no password; empty for none.
	Name string
	// ThrottleOn delays guesses (see Delay). Off only where something before Keyturn does.
	ThrottleOn bool
	// Mail tells that letters leave: people then hear of what administrators change of how they sign in.
	Mail bool
	// Factors checks the codes that come together with a password; without it none is right.
	Factors *Factors
	// Log is told of what goes wrong beside a sign-in; nil for slog.Default.
	Log *slog.Logger

	once sync.Once
	gate *gate
	pace pace
	// read is parseHash; tests count through it.
	read func(string) (hash, error)
}

func (s *Service) setUp() {
	s.once.Do(func() {
		concurrent, queue := s.Concurrent, s.Queue
		if concurrent <= 0 {
			concurrent = runtime.GOMAXPROCS(0)
		}
		if queue <= 0 {
			queue = defaultQueue
		}
		s.gate = newGate(concurrent, queue)
		if s.read == nil {
			s.read = parseHash
		}
	})
}

// Measure learns how long a check takes for each scheme in use, by making one of each. To be called
// once before the first sign-in; later, failed sign-ins see to it every five minutes.
func (s *Service) Measure(ctx context.Context) error {
	s.setUp()
	if !s.pace.due(s.now()) {
		return nil
	}
	if err := s.measure(ctx); err != nil {
		s.pace.expire()
		return fmt.Errorf("measure password schemes: %w", err)
	}
	return nil
}

func (s *Service) measure(ctx context.Context) error {
	stored, err := s.Store.PasswordSchemes(ctx)
	if err != nil {
		return err
	}
	took := make(map[string]time.Duration)
	for _, text := range append(stored, s.Argon2.orDefault().dummy()) {
		h, err := s.read(text)
		if err != nil {
			s.log().WarnContext(ctx, "a stored password hash can't be read", "error", err)
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		_, took[h.cost] = s.check(h, "")
	}
	s.pace.set(took) // without the schemes that everybody has left
	return nil
}

// check makes one derivation, and learns how long it took.
func (s *Service) check(h hash, password string) (ok bool, took time.Duration) {
	start := time.Now()
	ok = h.matches(password)
	took = time.Since(start)
	s.pace.learn(h.cost, took)
	return ok, took
}

// hashNew makes the hash of a new password under a hashing slot.
func (s *Service) hashNew(ctx context.Context, password string) (string, error) {
	s.setUp()
	if err := s.gate.enter(ctx); err != nil {
		return "", err
	}
	defer s.gate.leave()
	return s.Argon2.orDefault().hash(password), nil
}

func (s *Service) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

func (s *Service) log() *slog.Logger {
	if s.Log == nil {
		return slog.Default()
	}
	return s.Log
}

// outlive is the context for what must be written though the caller hangs up, for example that a guess failed.
func outlive(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
}
