package accounts

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// besieged is a service whose user is guessed at by somebody who takes every attempt that everyone
// else has.
func besieged(t *testing.T) (*Service, *testStore) {
	store := newTestStore(spiderman())
	s, _ := newTestService(store)
	store.failures[[2]string{accountKey("spiderman"), ""}] = Throttle{Failures: 99, LastFailedAt: time.Now()}
	store.failures[[2]string{accountKey("nobody"), ""}] = Throttle{Failures: 99, LastFailedAt: time.Now()}
	return s, store
}

// outcome of one sign-in.
func outcome(t *testing.T, s *Service, name, password, address string) string {
	t.Helper()
	_, err := s.Authenticate(t.Context(), signIn(name, password, address))
	_, throttled := errors.AsType[*Throttled](err)
	switch {
	case err == nil:
		return "in"
	case throttled:
		return "throttled"
	case errors.Is(err, ErrCredentials):
		return "wrong"
	}
	t.Fatal(err)
	return ""
}

func TestOwnerAtNewAddressHasOneAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := besieged(t)
		if got := outcome(t, s, "spiderman", "underoos", ownersHome); got != "in" {
			t.Errorf("the owner at a new address: %s", got)
		}
		if n := store.failures[[2]string{accountKey("spiderman"), ""}].Failures; n != 99 {
			t.Errorf("it leaves %d failures of everyone else's 99", n)
		}
		if got := outcome(t, s, "spiderman", "underoos", ownersHome); got != "in" {
			t.Errorf("the owner at the address then known: %s", got)
		}
		if got := outcome(t, s, "spiderman", "underoos", ""); got != "throttled" {
			t.Errorf("no address: %s, want throttled", got)
		}
	})
}

func TestNewcomerHasOneAttemptAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := besieged(t)
		for _, step := range []struct {
			after time.Duration
			want  string
		}{{0, "wrong"}, {time.Second, "throttled"}, {59 * time.Minute, "throttled"}, {time.Minute, "wrong"}, {time.Second, "throttled"}} {
			time.Sleep(step.after)
			store.failures[[2]string{accountKey("spiderman"), ""}] = Throttle{Failures: 99, LastFailedAt: time.Now()}
			if got := outcome(t, s, "spiderman", "wrong", "2001:db8::1"); got != step.want {
				t.Errorf("after %v: %s, want %s", step.after, got, step.want)
			}
		}
		if got := outcome(t, s, "spiderman", "underoos", "2001:db8::2"); got != "throttled" {
			t.Errorf("the same /64: %s, want throttled", got)
		}
	})
}

// Whoever has failed from an address before the throttle closed has had the attempts of everyone else.
func TestWhoHasFailedIsNoNewcomer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newTestService(newTestStore(spiderman()))
		for i := range freeFailures + 1 {
			want := "wrong"
			if i == freeFailures {
				want = "throttled"
			}
			if got := outcome(t, s, "spiderman", "wrong", elsewhere); got != want {
				t.Errorf("guess %d: %s, want %s", i+1, got, want)
			}
		}
	})
}

// Many addresses have no more than so many guesses an hour together, and whether the account exists
// can't be told from it.
func TestNewcomersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, name := range []string{"spiderman", "nobody"} {
			s, store := besieged(t)
			for hour := range 2 {
				looked := 0
				for i := range 100 {
					spelling := []string{name, strings.ToUpper(name)}[i%2]
					if outcome(t, s, spelling, "wrong", fmt.Sprintf("203.0.%d.%d", hour, i)) == "wrong" {
						looked++
					}
				}
				if looked != newcomersPerHour {
					t.Errorf("%s, hour %d: %d guesses, want %d", name, hour, looked, newcomersPerHour)
				}
				time.Sleep(time.Hour)
				store.failures[[2]string{accountKey(name), ""}] = Throttle{Failures: 99, LastFailedAt: time.Now()}
			}
		}
	})
}
