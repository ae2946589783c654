package accounts

import (
	"errors"
	"testing"
	"testing/synctest"
)

// withFactors is a store whose user has these.
func withFactors(has FactorCounts) *testStore {
	store := newTestStore(spiderman())
	store.factors = map[string]FactorCounts{userID: has}
	return store
}

// Security requirement 7 of the threat model: a password alone is no proof of somebody with a second factor.
func TestPasswordAloneIsHalfASignIn(t *testing.T) {
	for _, has := range []FactorCounts{{Passkeys: 1}, {Apps: 1}, {Passkeys: 2, Apps: 1, RecoveryCodes: 3}} {
		synctest.Test(t, func(t *testing.T) {
			s, _ := newTestService(withFactors(has))
			proof, err := s.Authenticate(t.Context(), signIn("spiderman", "underoos", ownersHome))
			needed, ok := errors.AsType[*SecondFactorNeeded](err)
			if !ok || proof.Valid() || needed.Has != has {
				t.Errorf("got %+v, %v", proof, err)
			}
			if _, err := s.Authenticate(t.Context(), signIn("spiderman", "wrong", ownersHome)); !errors.Is(err, ErrCredentials) {
				t.Errorf("a wrong password: %v", err)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s, _ := newTestService(withFactors(FactorCounts{RecoveryCodes: 10}))
		if proof, err := s.Authenticate(t.Context(), signIn("spiderman", "underoos", ownersHome)); err != nil || proof.Level() != OneFactor {
			t.Errorf("nothing but recovery codes: got %+v, %v", proof, err)
		}
	})
}

// Where nothing is there to check a code, none is right.
func TestCodesFailClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := withFactors(FactorCounts{Apps: 1})
		s, _ := newTestService(store)
		in := signIn("spiderman", "underoos", ownersHome)
		in.OTP = "123456"
		if _, err := s.Authenticate(t.Context(), in); !errors.Is(err, ErrCredentials) {
			t.Errorf("got %v", err)
		}
		if n := store.failures[[2]string{accountKey("spiderman"), ""}].Failures; n != 1 {
			t.Errorf("%d failures are counted, want 1", n)
		}
		store.down["FactorCounts"] = errors.New("away")
		if proof, err := s.Authenticate(t.Context(), signIn("spiderman", "underoos", ownersHome)); err == nil || proof.Valid() {
			t.Errorf("without knowing the factors: %+v, %v", proof, err)
		}
	})
}

// Whoever has the password must not empty the bucket between two guesses at the code.
func TestHalfASignInForgivesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := withFactors(FactorCounts{Apps: 1})
		s, _ := newTestService(store)
		for range 3 {
			if _, err := s.Authenticate(t.Context(), signIn("spiderman", "wrong", elsewhere)); !errors.Is(err, ErrCredentials) {
				t.Fatal(err)
			}
		}
		_, err := s.Authenticate(t.Context(), signIn("spiderman", "underoos", elsewhere))
		if _, ok := errors.AsType[*SecondFactorNeeded](err); !ok {
			t.Fatal(err)
		}
		if n := store.failures[[2]string{accountKey("spiderman"), ""}].Failures; n != 3 {
			t.Errorf("%d failures are left, want 3", n)
		}
		if n := store.count("AddSuccess"); n != 0 {
			t.Errorf("half a sign-in was noted as a success %d times", n)
		}
	})
}
