package accounts

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	// strangeCodes wrong codes in strangeWindow are looked at of one authenticator app from addresses from which nobody has
	// signed in since there is that app. NIST SP 800-63B section 3.2.2 has an authenticator disabled after 100: the
	// throttle of the account goes on for ever, and whoever has the password and many addresses would guess six digits
	// within a few years.
	strangeCodes  = 100
	strangeWindow = 30 * 24 * time.Hour
)

// appsFor are those of the apps whose codes are looked at in this attempt, which is counted beforehand where it comes
// from a strange address; *Throttled where there is none. Nobody is kept out by it where they have signed in before, and
// a passkey or a recovery code, which can't be guessed, opens the account from anywhere.
func (f *Factors) appsFor(ctx context.Context, a *attempt, apps []StoredApp) (some []StoredApp, strange bool, err error) {
	if !f.People.ThrottleOn {
		return apps, false, nil
	}
	known, err := f.People.knownSince(ctx, a)
	if err != nil || slices.ContainsFunc(apps, func(app StoredApp) bool { return known.After(app.CreatedAt) }) {
		return apps, false, err
	}
	may, err := f.Store.TryApps(ctx, a.user.ID, strangeCodes, strangeWindow, f.waysChanged(a.user, "codes_paused", "")...)
	if err != nil {
		return nil, true, fmt.Errorf("count code: %w", err)
	}
	some = slices.DeleteFunc(slices.Clone(apps), func(app StoredApp) bool { return !slices.Contains(may, app.ID) })
	if len(some) > 0 {
		return some, true, nil
	}
	first := slices.MinFunc(apps, func(a, b StoredApp) int { return a.StrangeSince.Compare(b.StrangeSince) })
	wait := first.StrangeSince.Add(strangeWindow).Sub(f.People.now())
	return nil, true, &Throttled{RetryAfter: max(wait, time.Second)}
}

// knownSince is when somebody was last noted to have signed in as the user from the address of the attempt; zero for
// never.
func (s *Service) knownSince(ctx context.Context, a *attempt) (time.Time, error) {
	if !a.throttle.Now.IsZero() {
		return a.throttle.KnownSince, nil
	}
	t, err := s.Store.ThrottleOf(ctx, a.account, a.folded, a.address) // which place the attempt counts in stands already
	if err != nil {
		return time.Time{}, fmt.Errorf("read throttle: %w", err)
	}
	return t.KnownSince, nil
}
