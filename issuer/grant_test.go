package issuer

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"
)

// chain is what the rule of refresh means, told another way: every token ever issued with whether and
// when it was used, and no generation counter.
type chain struct {
	used    []time.Time // used[n] is when token n+1 was first redeemed, zero if never
	started time.Time
	revoked bool
	why     Reason
}

func (c *chain) newestIssued() time.Time {
	if len(c.used) > 1 {
		return c.used[len(c.used)-2]
	}
	return c.started
}

// redeem answers as the design's section 4 says and changes the chain.
func (c *chain) redeem(n int, now time.Time, active, unmet bool, grace, lifetime time.Duration, end time.Time) error {
	switch {
	case !active:
		return ErrUserInactive
	case c.revoked:
		return ErrGrantRevoked
	case !now.Before(c.newestIssued().Add(lifetime)) || !now.Before(end):
		return ErrRefreshExpired
	case n > len(c.used):
		c.revoked, c.why = true, RolledBack
		return ErrGenerationAhead
	case unmet && (c.used[n-1].IsZero() || n < len(c.used) && c.used[n].IsZero() && now.Sub(c.used[n-1]) < grace):
		return ErrDemandUnmet
	case c.used[n-1].IsZero():
		c.used[n-1] = now
		c.used = append(c.used, time.Time{})
		return nil
	case n < len(c.used) && c.used[n].IsZero() && now.Sub(c.used[n-1]) < grace:
		return nil
	}
	c.revoked, c.why = true, Reused
	return ErrRefreshReused
}

// TestRedeemFollowsTheModel plays random histories against the rule and against the chain (RFC 9700
// section 4.14.2, RFC 6749 section 10.4): same answers, same newest token, same end.
func TestRedeemFollowsTheModel(t *testing.T) {
	seen := map[error]int{}
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		now := time.Unix(1_700_000_000, 0)
		grace := time.Duration(r.IntN(4)) * 15 * time.Second
		lifetime := time.Duration(1+r.IntN(20)) * time.Minute
		g := Grant{Generation: 1, RotatedAt: now, CreatedAt: now, RefreshLifetime: lifetime, ExpiresAt: now.Add(time.Hour), UserActive: true}
		c := &chain{used: make([]time.Time, 1), started: now}
		for step := range 40 {
			now = now.Add(time.Duration(r.IntN(40)) * time.Second)
			if r.IntN(30) == 0 {
				now = now.Add(10 * time.Minute)
			}
			g.UserActive, g.DemandUnmet = r.IntN(50) != 0, r.IntN(30) == 0
			n := max(1, len(c.used)-r.IntN(3)+r.IntN(12)/11*2)
			got := g.Redeem(int64(n), now, grace)
			want := c.redeem(n, now, g.UserActive, g.DemandUnmet, grace, lifetime, g.ExpiresAt)
			seen[want]++
			if !errors.Is(got, want) || (got == nil) != (want == nil) {
				t.Fatalf("seed %d step %d: Redeem(%d) = %v, want %v", seed, step, n, got, want)
			}
			if int(g.Generation) != len(c.used) || !g.RotatedAt.Equal(c.newestIssued()) {
				t.Fatalf("seed %d step %d: generation %d rotated %v, want %d %v", seed, step, g.Generation, g.RotatedAt, len(c.used), c.newestIssued())
			}
			if !g.RevokedAt.IsZero() != c.revoked || g.RevokedFor != c.why {
				t.Fatalf("seed %d step %d: revoked %v for %q, want %v for %q", seed, step, g.RevokedAt, g.RevokedFor, c.revoked, c.why)
			}
		}
	}
	for _, outcome := range []error{nil, ErrUserInactive, ErrDemandUnmet, ErrGrantRevoked, ErrRefreshExpired, ErrGenerationAhead, ErrRefreshReused} {
		if seen[outcome] < 100 {
			t.Errorf("the histories met %v only %d times; they prove nothing about it", outcome, seen[outcome])
		}
	}
}

func TestGraceIsOverWhenTheSuccessorWasUsed(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	g := Grant{Generation: 1, RotatedAt: now, RefreshLifetime: time.Hour, ExpiresAt: now.Add(time.Hour), UserActive: true}
	for n, want := range []error{nil, nil} {
		if err := g.Redeem(int64(n+1), now.Add(time.Second), 30*time.Second); !errors.Is(err, want) {
			t.Fatalf("Redeem(%d) = %v", n+1, err)
		}
	}
	if err := g.Redeem(1, now.Add(2*time.Second), 30*time.Second); !errors.Is(err, ErrRefreshReused) {
		t.Fatalf("token 1 after token 2 was used: got %v, want ErrRefreshReused", err)
	}
	if g.RevokedFor != Reused {
		t.Fatalf("revoked for %q, want %q", g.RevokedFor, Reused)
	}
}

// TestEndTakesAnyNumber is RFC 7009 section 2.1: whoever holds an authentic refresh token may end its grant.
func TestEndTakesAnyNumber(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for _, tt := range []struct {
		name  string
		n     int64
		after time.Duration
		want  error
		why   Reason
	}{
		{"the newest", 3, time.Minute, nil, Logout},
		{"the one before, within the grace", 2, time.Second, nil, Logout},
		{"the one before, after the grace", 2, time.Minute, ErrRefreshReused, Logout},
		{"an old one", 1, time.Second, ErrRefreshReused, Logout},
		{"one that was never issued", 4, time.Second, ErrGenerationAhead, RolledBack},
		{"an expired one", 3, 2 * time.Hour, ErrRefreshExpired, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := Grant{Generation: 3, RotatedAt: now, RefreshLifetime: time.Hour, ExpiresAt: now.Add(24 * time.Hour), UserActive: true}
			if err := g.End(tt.n, now.Add(tt.after), 30*time.Second); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if g.RevokedFor != tt.why {
				t.Errorf("revoked for %q, want %q", g.RevokedFor, tt.why)
			}
			again := g
			if tt.why != "" && !errors.Is(again.End(tt.n, now.Add(tt.after), 30*time.Second), ErrGrantRevoked) {
				t.Error("ending it twice must say that it was revoked")
			}
			if again != g {
				t.Error("ending it twice changed it")
			}
		})
	}
}

func TestCheckChangesNothing(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	g := Grant{Generation: 3, RotatedAt: now, RefreshLifetime: time.Hour, ExpiresAt: now.Add(24 * time.Hour)}
	before := g
	for n := int64(1); n < 6; n++ {
		_ = g.Check(n, now.Add(time.Minute), 30*time.Second)
	}
	if g != before {
		t.Fatalf("Check changed the grant: %+v", g)
	}
}

func FuzzParseTokenID(f *testing.F) {
	for _, seed := range []string{"", ".", "a.1", "a.01", "a.-1", "a.+1", "a.1.2", "a.9223372036854775808", "a. 1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, jti string) {
		id, n, ok := parseTokenID(jti)
		if ok && TokenID(id, n) != jti {
			t.Fatalf("%q parsed as %q, %d", jti, id, n)
		}
		if ok && n < 1 {
			t.Fatalf("%q gave number %d", jti, n)
		}
	})
}
