package oauth

import (
	"testing"
	"time"
)

// TestLogoutWaits: a client that is away for a moment is told soon, one that is away for an hour is told still.
func TestLogoutWaits(t *testing.T) {
	var all time.Duration
	for failures, want := range []time.Duration{
		5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, 80 * time.Second, 160 * time.Second,
		320 * time.Second, 640 * time.Second, 1280 * time.Second, 30 * time.Minute, 30 * time.Minute, 30 * time.Minute,
	} {
		if got := logoutWait(int64(failures)); got != want {
			t.Errorf("after %d failures %v, want %v", failures, got, want)
		}
		if failures+1 < logoutAttempts {
			all += logoutWait(int64(failures))
		}
	}
	if all < 90*time.Minute || all > 2*time.Hour {
		t.Errorf("%d tries last %v", logoutAttempts, all)
	}
}
