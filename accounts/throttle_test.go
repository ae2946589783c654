package accounts

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestDelayGrowsAndNeverLocks(t *testing.T) {
	for failures, want := range map[int64]time.Duration{
		0: 0, 9: 0,
		10: time.Second, 11: 2 * time.Second, 12: 4 * time.Second, 15: 32 * time.Second,
		16: time.Minute, 17: time.Minute, 99: time.Minute,
		100: time.Hour, 1 << 62: time.Hour,
	} {
		if got := Delay(failures); got != want {
			t.Errorf("after %d failures %v, want %v", failures, got, want)
		}
	}
	for n := range int64(200) {
		if Delay(n) > Delay(n+1) {
			t.Errorf("the delay shrinks from %d to %d failures", n, n+1)
		}
	}
}

func TestWaitByDatabaseClock(t *testing.T) {
	last := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct{ since, want time.Duration }{
		{0, 4 * time.Second}, {3 * time.Second, time.Second}, {4 * time.Second, 0},
		{-time.Hour, 4 * time.Second}, // the clock went back
	} {
		got := Throttle{Failures: 12, LastFailedAt: last, Now: last.Add(c.since)}.wait()
		if got != c.want {
			t.Errorf("%v after the failure: wait %v, want %v", c.since, got, c.want)
		}
	}
}

func TestAccountKeyFoldsSpellings(t *testing.T) {
	key := accountKey("spiderman")
	for _, same := range []string{"Spiderman", "SPIDERMAN", "ｓpiderman"} {
		if accountKey(same) != key {
			t.Errorf("%q has a bucket of its own", same)
		}
	}
	for _, other := range []string{"spiderman2", "", "spider\x00man", "spiderman\xff"} {
		if accountKey(other) == key {
			t.Errorf("%q shares the bucket", other)
		}
	}
	if strings.Contains(key, "spider") || len(key) != len("name:")+32 {
		t.Errorf("key %q", key)
	}
}

// Two users whose names share a bucket could forgive each other's failures.
func TestNoSecondUserOfTheSameFold(t *testing.T) {
	s := cheapService(newTestStore(spiderman()))
	other, err := s.Create(t.Context(), NewUser{Username: "other"}, operator)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Spiderman", "SPIDERMAN", "ｓpiderman"} {
		if _, err := s.Create(t.Context(), NewUser{Username: name}, operator); !errors.Is(err, ErrUsernameTaken) {
			t.Errorf("create %s: %v, want ErrUsernameTaken", name, err)
		}
		if _, err := s.Update(t.Context(), other.ID, Change{Username: &name}, operator); !errors.Is(err, ErrUsernameTaken) {
			t.Errorf("update to %s: %v, want ErrUsernameTaken", name, err)
		}
		if _, err := s.Import(t.Context(), []ImportUser{{Username: name}}, operator); !errors.Is(err, ErrUsernameTaken) {
			t.Errorf("import of %s: %v, want ErrUsernameTaken", name, err)
		}
	}
	if err := checkUsername(strings.Repeat("\ufdfa", 80)); err == nil { // 33 bytes each when folded
		t.Error("a name is accepted whose folded form no index holds")
	}
}

// A known address is the user's, not the name's: who is given the name later is not known there.
func TestKnownAddressStaysWithTheUser(t *testing.T) {
	store := newTestStore(spiderman())
	s := cheapService(store)
	s.ThrottleOn = true
	store.users[userID] = User{ID: userID, Username: "spiderman", Active: true, PasswordHash: s.Argon2.hash("underoos")}
	if _, err := s.Authenticate(t.Context(), signIn("spiderman", "underoos", ownersHome)); err != nil {
		t.Fatal(err)
	}
	renamed := "peter"
	if _, err := s.Update(t.Context(), userID, Change{Username: &renamed}, operator); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(t.Context(), NewUser{Username: "spiderman"}, operator); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"spiderman": "", "peter": ownersHome, "PETER": ownersHome} {
		if got, err := store.ThrottleOf(t.Context(), accountKey(name), Fold(name), ownersHome); err != nil || got.Place != want {
			t.Errorf("%s: place %q, %v; want %q", name, got.Place, err, want)
		}
	}
}

func TestPlaceOf(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7":                 "192.0.2.7",
		"::ffff:192.0.2.7":          "192.0.2.7",
		"2001:db8:1:2:3:4:5:6":      "2001:db8:1:2::/64",
		"2001:DB8:1:2::9":           "2001:db8:1:2::/64",
		"2001:db8:1:3::9":           "2001:db8:1:3::/64",
		"fe80::1%eth0":              "fe80::/64",
		"":                          "",
		"192.0.2.7:443":             "",
		"192.0.2.7, 198.51.100.200": "",
	} {
		if got := PlaceOf(address); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}
