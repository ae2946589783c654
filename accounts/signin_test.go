package accounts

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/audit"
	"keyturn/keys"
)

const (
	userID     = "3f0c1d4e-52f7-4a4e-9d43-0a7f6c1b2a3d"
	ownersHome = "192.0.2.7"
	elsewhere  = "198.51.100.9"
	dummyTime  = 30 * time.Millisecond
)

// testHashes reads hashes "fake$<milliseconds>$<password>", whose check takes that long on synctest's
// clock, and lets every argon2 hash take dummyTime.
type testHashes struct {
	made atomic.Int64
	// running and peak count the checks at a time.
	running, peak atomic.Int64
}

func (f *testHashes) read(text string) (hash, error) {
	part := strings.Split(text, "$")
	if part[0] != "fake" {
		h, err := parseHash(text)
		real := h.matches
		h.matches = func(password string) bool { f.work(dummyTime); return real(password) }
		return h, err
	}
	ms, err := strconv.Atoi(part[1])
	return hash{
		cost: strings.Join(part[:2], "$"),
		matches: func(password string) bool {
			f.work(time.Duration(ms) * time.Millisecond)
			return password == part[2]
		},
	}, err
}

func (f *testHashes) work(d time.Duration) {
	f.made.Add(1)
	f.peak.Store(max(f.peak.Load(), f.running.Add(1)))
	time.Sleep(d)
	f.running.Add(-1)
}

func spiderman() User {
	return User{ID: userID, Username: "spiderman", Active: true, CredentialVersion: 3, PasswordHash: "fake$20$underoos"}
}

func newTestService(store Store) (*Service, *testHashes) {
	hashes := &testHashes{}
	return &Service{
		Store: store, ThrottleOn: true, Concurrent: 2, Queue: 100,
		Argon2: Argon2{Memory: 64, Time: 1, Threads: 1}, read: hashes.read,
	}, hashes
}

func signIn(username, password, address string) SignIn {
	return SignIn{Username: username, Password: password, Actor: audit.Actor{Kind: audit.Anonymous, Address: address}}
}

func TestAuthenticate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTestStore(spiderman())
		s, _ := newTestService(store)
		at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		s.Now = func() time.Time { return at }
		proof, err := s.Authenticate(t.Context(), signIn("spiderman", "underoos", ownersHome))
		if err != nil {
			t.Fatal(err)
		}
		if !proof.Valid() || proof.UserID() != userID || proof.CredentialVersion() != 3 || !proof.At().Equal(at) {
			t.Errorf("proof %+v", proof)
		}
		if got := proof.Methods(); !slices.Equal(got, []string{"pwd"}) {
			t.Errorf("methods %q", got)
		}
		proof.Methods()[0] = "otp"
		if proof.Methods()[0] != "pwd" {
			t.Error("the methods can be changed from outside")
		}
		if (Authentication{}).Valid() {
			t.Error("the zero value proves something")
		}
		if len(store.refusals) > 0 {
			t.Errorf("refusals %v", store.refusals)
		}
	})
}

// refusal is what an outsider could learn from a failed sign-in, and what it made us do.
type refusal struct {
	err    string
	took   time.Duration
	hashes int64
	calls  string
}

// An unknown user, a wrong password, a deactivated user and one without a password: the same work, the
// same time, the same answer, whatever scheme the user has (ASVS 6.3.8).
func TestRefusalsAreAlike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := User{ID: "slow", Username: "slow", Active: true, PasswordHash: "fake$300$x"}
		off := spiderman()
		off.ID, off.Username, off.Active = "off", "off", false
		none := User{ID: "none", Username: "none", Active: true}
		broken := User{ID: "broken", Username: "broken", Active: true, PasswordHash: "rubbish"}
		endless := User{ID: "endless", Username: "endless", Active: true, PasswordHash: "fake$20$" + strings.Repeat("x", 1025)}
		store := newTestStore(spiderman(), slow, off, none, broken, endless)
		s, hashes := newTestService(store)
		if err := s.Measure(t.Context()); err != nil {
			t.Fatal(err)
		}
		refused := func(username, password string) refusal {
			calls, made, start := len(store.calls), hashes.made.Load(), time.Now()
			proof, err := s.Authenticate(t.Context(), signIn(username, password, elsewhere))
			if !errors.Is(err, ErrCredentials) || proof.Valid() {
				t.Errorf("%s: proof %+v, error %v", username, proof, err)
			}
			return refusal{fmt.Sprint(err), time.Since(start), hashes.made.Load() - made, strings.Join(store.calls[calls:], " ")}
		}
		want := refused("nobody", "wrong")
		if want.hashes != 1 || want.took != 300*time.Millisecond || want.calls != "UserByUsername ThrottleOf AddFailure AddRefusal" {
			t.Errorf("unknown user: %+v", want)
		}
		for username, password := range map[string]string{
			"spiderman": "wrong", "slow": "wrong", "off": "underoos", "none": "", "broken": "rubbish",
		} {
			if got := refused(username, password); got != want {
				t.Errorf("%s: %+v, want %+v", username, got, want)
			}
		}
		if got := refused("endless", strings.Repeat("x", 1025)); got != want {
			t.Errorf("endless password: %+v, want %+v", got, want)
		}
		want.calls = "ThrottleOf AddFailure AddRefusal"
		for _, impossible := range []string{"spider\x00man", "spiderman\xff", strings.Repeat("x", 255), ""} {
			if got := refused(impossible, "wrong"); got != want {
				t.Errorf("%q: %+v, want %+v", impossible, got, want)
			}
		}
	})
}

// A scheme that another process imported is found out in time, and one that everybody left is forgotten.
func TestPaceFollowsSchemesInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTestStore(spiderman())
		s, _ := newTestService(store)
		took := func() time.Duration {
			start := time.Now()
			_, err := s.Authenticate(t.Context(), signIn("nobody", "wrong", elsewhere))
			if !errors.Is(err, ErrCredentials) {
				t.Fatal(err)
			}
			return time.Since(start)
		}
		took() // measures
		if got := took(); got != dummyTime {
			t.Errorf("before the import %v, want %v", got, dummyTime)
		}
		store.users["slow"] = User{ID: "slow", Username: "slow", PasswordHash: "fake$300$x"}
		time.Sleep(remeasureAfter)
		took()
		if got := took(); got != 300*time.Millisecond {
			t.Errorf("after the import %v, want 300ms", got)
		}
		delete(store.users, "slow")
		time.Sleep(remeasureAfter)
		took()
		if got := took(); got != dummyTime {
			t.Errorf("after the last of the scheme %v, want %v", got, dummyTime)
		}
	})
}

// Security requirement 29: guesses at once can't pass the throttle together.
func TestParallelGuessesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTestStore(spiderman())
		s, hashes := newTestService(store)
		if err := s.Measure(t.Context()); err != nil {
			t.Fatal(err)
		}
		made := hashes.made.Load()
		var wrong, throttled atomic.Int64
		var guesses sync.WaitGroup
		for i := range 60 {
			name := []string{"spiderman", "Spiderman", "SPIDERMAN"}[i%3] // one bucket for all spellings
			guesses.Go(func() {
				_, err := s.Authenticate(t.Context(), signIn(name, "wrong", elsewhere))
				if _, ok := errors.AsType[*Throttled](err); ok {
					throttled.Add(1)
				} else if errors.Is(err, ErrCredentials) {
					wrong.Add(1)
				}
			})
		}
		guesses.Wait()
		if wrong.Load() < freeFailures || wrong.Load() > freeFailures+int64(s.Concurrent) || wrong.Load()+throttled.Load() != 60 {
			t.Errorf("%d guesses were looked at and %d throttled", wrong.Load(), throttled.Load())
		}
		if got := hashes.made.Load() - made; got != wrong.Load() {
			t.Errorf("%d hashes for %d guesses", got, wrong.Load())
		}
		if peak := hashes.peak.Load(); peak > 2 {
			t.Errorf("%d hashes at a time, want at most 2", peak)
		}
		if len(store.refusals) != 60 {
			t.Errorf("%d refusals recorded, want 60", len(store.refusals))
		}
	})
}

// Past the free failures one attempt per delay is looked at, of any number at once.
func TestOneAttemptPerDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTestStore(spiderman())
		store.latency = time.Millisecond // several see the same count
		s, _ := newTestService(store)
		for range freeFailures {
			if _, err := s.Authenticate(t.Context(), signIn("spiderman", "wrong", elsewhere)); !errors.Is(err, ErrCredentials) {
				t.Fatal(err)
			}
		}
		for round, delay := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			delay *= time.Second
			time.Sleep(delay)
			var looked, throttled atomic.Int64
			var guesses sync.WaitGroup
			for range 8 {
				guesses.Go(func() {
					_, err := s.Authenticate(t.Context(), signIn("spiderman", "wrong", elsewhere))
					if e, ok := errors.AsType[*Throttled](err); ok && e.RetryAfter > 0 && e.RetryAfter <= longDelay {
						throttled.Add(1)
					} else if errors.Is(err, ErrCredentials) {
						looked.Add(1)
					}
				})
			}
			guesses.Wait()
			if looked.Load() != 1 || throttled.Load() != 7 {
				t.Errorf("round %d: %d looked at, %d throttled", round, looked.Load(), throttled.Load())
			}
		}
		if n := store.failures[[2]string{accountKey("spiderman"), ""}].Failures; n != freeFailures+8 {
			t.Errorf("%d failures counted, want %d", n, freeFailures+8)
		}
	})
}

// The right password is not looked at while its bucket is throttled, and empties it when it is.
func TestThrottledOwnerGetsInAfterTheDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTestStore(spiderman())
		s, _ := newTestService(store)
		key := [2]string{accountKey("spiderman"), ""}
		in := signIn("spiderman", "underoos", elsewhere)
		s.Authenticate(t.Context(), signIn("spiderman", "wrong", elsewhere)) // no newcomer any more
		store.failures[key] = Throttle{Failures: 50, LastFailedAt: time.Now()}
		_, err := s.Authenticate(t.Context(), in)
		e, ok := errors.AsType[*Throttled](err)
		if !ok || e.RetryAfter != time.Minute {
			t.Fatalf("error %v, want a minute of throttling", err)
		}
		time.Sleep(e.RetryAfter)
		if _, err := s.Authenticate(t.Context(), in); err != nil {
			t.Fatalf("after the delay: %v", err)
		}
		if n := store.failures[key].Failures; n != 0 {
			t.Errorf("%d failures are left", n)
		}
	})
}

// An attacker elsewhere does not hold the owner out of a place that they signed in from before.
func TestOwnerAtKnownAddressIsNotThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTestStore(spiderman())
		s, _ := newTestService(store)
		owner := signIn("spiderman", "underoos", ownersHome)
		if _, err := s.Authenticate(t.Context(), owner); err != nil {
			t.Fatal(err)
		}
		for range 40 {
			s.Authenticate(t.Context(), signIn("spiderman", "wrong", elsewhere))
		}
		if _, err := s.Authenticate(t.Context(), signIn("spiderman", "underoos", elsewhere)); err == nil {
			t.Error("elsewhere is not throttled")
		}
		if _, err := s.Authenticate(t.Context(), owner); err != nil {
			t.Errorf("the owner at home: %v", err)
		}
		for range freeFailures {
			s.Authenticate(t.Context(), signIn("spiderman", "wrong", ownersHome))
		}
		_, err := s.Authenticate(t.Context(), owner)
		if _, ok := errors.AsType[*Throttled](err); !ok {
			t.Errorf("guesses from the known address: %v, want throttling", err)
		}
	})
}

// What an account answers tells nothing of whether it exists, also by its throttling: guesses at
// another spelling count for an existing name as they do for one that does not exist.
func TestThrottlingIsNoOracle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newTestService(newTestStore(spiderman()))
		for _, name := range []string{"spiderman", "nobody"} {
			for range freeFailures {
				s.Authenticate(t.Context(), signIn(strings.ToUpper(name), "wrong", elsewhere))
			}
			_, err := s.Authenticate(t.Context(), signIn(name, "wrong", elsewhere))
			if _, ok := errors.AsType[*Throttled](err); !ok {
				t.Errorf("%s: %v, want throttling", name, err)
			}
		}
	})
}

func TestSuccessIsNotedOnceADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTestStore(spiderman())
		s, _ := newTestService(store)
		in := signIn("spiderman", "underoos", ownersHome)
		for _, step := range []struct {
			after time.Duration
			notes int
		}{{0, 1}, {time.Hour, 1}, {22 * time.Hour, 1}, {2 * time.Hour, 2}} {
			time.Sleep(step.after)
			if _, err := s.Authenticate(t.Context(), in); err != nil {
				t.Fatal(err)
			}
			if got := store.count("AddSuccess"); got != step.notes {
				t.Errorf("noted %d times, want %d", got, step.notes)
			}
		}
	})
}

func TestThrottleOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTestStore(spiderman())
		s, _ := newTestService(store)
		s.ThrottleOn = false
		for range 30 {
			if _, err := s.Authenticate(t.Context(), signIn("spiderman", "wrong", elsewhere)); !errors.Is(err, ErrCredentials) {
				t.Fatal(err)
			}
		}
		if _, err := s.Authenticate(t.Context(), signIn("spiderman", "underoos", elsewhere)); err != nil {
			t.Error(err)
		}
		for _, call := range []string{"ThrottleOf", "AddFailure", "TakeAttempt", "AddSuccess"} {
			if n := store.count(call); n != 0 {
				t.Errorf("%s was called %d times", call, n)
			}
		}
	})
}

func TestFullQueueIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTestStore(spiderman())
		s, hashes := newTestService(store)
		s.Concurrent, s.Queue, s.ThrottleOn = 1, 2, false
		var in, busy atomic.Int64
		var people sync.WaitGroup
		for range 10 {
			people.Go(func() {
				switch _, err := s.Authenticate(t.Context(), signIn("spiderman", "underoos", ownersHome)); {
				case err == nil:
					in.Add(1)
				case errors.Is(err, ErrHashingBusy):
					busy.Add(1)
				}
			})
		}
		people.Wait()
		if in.Load() != 3 || busy.Load() != 7 || hashes.peak.Load() != 1 {
			t.Errorf("%d in, %d busy, %d at a time; want 3, 7, 1", in.Load(), busy.Load(), hashes.peak.Load())
		}
		if len(store.refusals) != 0 {
			t.Error("a full queue is recorded as the person's failure")
		}
	})
}

func TestDeadlineInTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := spiderman()
		slow.PasswordHash = "fake$5000$underoos"
		store := newTestStore(slow)
		s, _ := newTestService(store)
		s.Concurrent = 1
		var first sync.WaitGroup
		first.Go(func() { s.Authenticate(t.Context(), signIn("spiderman", "underoos", ownersHome)) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.Authenticate(ctx, signIn("spiderman", "underoos", ownersHome))
		if !errors.Is(err, ErrHashingBusy) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want ErrHashingBusy and the deadline", err)
		}
		first.Wait()
		if s.gate.waiting.Load() != 0 || len(s.gate.slots) != 0 {
			t.Error("the queue or a slot is not given back")
		}
	})
}

// A store that fails says nothing of the password: the error is passed up, and no proof is given.
func TestUnavailableStoreIsNotAWrongPassword(t *testing.T) {
	for _, c := range []struct{ call, password string }{
		{"UserByUsername", "underoos"}, {"ThrottleOf", "underoos"}, {"TakeAttempt", "underoos"},
		{"AddSuccess", "underoos"}, {"AddFailure", "wrong"}, {"AddRefusal", "wrong"}, {"PasswordSchemes", "wrong"},
	} {
		synctest.Test(t, func(t *testing.T) {
			store := newTestStore(spiderman())
			if c.call == "TakeAttempt" {
				key := [2]string{accountKey("spiderman"), ""}
				store.failures[key] = Throttle{Failures: 10, LastFailedAt: time.Now().Add(-time.Hour)}
			}
			store.down[c.call] = fmt.Errorf("select: %w", keys.ErrUnavailable)
			s, _ := newTestService(store)
			proof, err := s.Authenticate(t.Context(), signIn("spiderman", c.password, elsewhere))
			if !errors.Is(err, keys.ErrUnavailable) || errors.Is(err, ErrCredentials) || proof.Valid() {
				t.Errorf("%s: proof %+v, error %v", c.call, proof, err)
			}
		})
	}
}

func TestRehashAtSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTestStore(spiderman())
		s, _ := newTestService(store)
		in := signIn("spiderman", "underoos", ownersHome)
		for range 2 {
			if _, err := s.Authenticate(t.Context(), in); err != nil {
				t.Fatal(err)
			}
		}
		if n := store.count("Rehash"); n != 1 {
			t.Errorf("rehashed %d times, want once", n)
		}
		if got := store.users[userID]; needsRehash(got.PasswordHash, s.Argon2) || got.CredentialVersion != 3 {
			t.Errorf("user %+v", got)
		}

		s.Argon2.Time = 2
		store.down["Rehash"] = keys.ErrUnavailable
		if _, err := s.Authenticate(t.Context(), in); err != nil {
			t.Errorf("a rehash that fails is fatal: %v", err)
		}
		if store.count("Rehash") != 2 {
			t.Error("no rehash at a changed cost")
		}
	})
}

// What bcrypt does not read must not become part of the password by a rehash.
func TestNoRehashBeyondWhatBcryptReads(t *testing.T) {
	u := spiderman()
	u.PasswordHash = "$2b$04$NsB0Pe62byjUFm8wX1r0SOr5eeKVCEop956Cle7HYmyC/gczViNHS" // of 72 times "a"
	store := newTestStore(u)
	s, _ := newTestService(store)
	for password, rehashes := range map[string]int{strings.Repeat("a", 73): 0, strings.Repeat("a", 72): 1} {
		store.users[userID] = u
		before := store.count("Rehash")
		if _, err := s.Authenticate(t.Context(), signIn("spiderman", password, ownersHome)); err != nil {
			t.Fatal(err)
		}
		if got := store.count("Rehash") - before; got != rehashes {
			t.Errorf("%d bytes: %d rehashes, want %d", len(password), got, rehashes)
		}
	}
}

func TestRefusalsAreRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTestStore(spiderman())
		s, _ := newTestService(store)
		s.Authenticate(t.Context(), signIn("spiderman", "wrong", "2001:db8::1"))
		s.Authenticate(t.Context(), signIn("nobody", "wrong", elsewhere))
		store.failures[[2]string{accountKey("nobody"), ""}] = Throttle{Failures: 50, LastFailedAt: time.Now()}
		s.Authenticate(t.Context(), signIn("nobody", "wrong", elsewhere))
		want := []audit.Refusal{
			{Account: userID, Address: "2001:db8::/64", Reason: "credentials"},
			{Account: "unknown", Address: elsewhere, Reason: "credentials"},
			{Account: "unknown", Address: elsewhere, Reason: "throttled"},
		}
		if !reflect.DeepEqual(store.refusals, want) {
			t.Errorf("refusals %+v, want %+v", store.refusals, want)
		}
	})
}
