package accounts

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

const (
	// freeFailures in a row cost no delay: people mistype.
	freeFailures = 10
	// longDelay of 60 s is reached with the 16th failure; NIST SP 800-63B section 3.2.2 bounds failures
	// in a row to 100, from there on it is lastDelay.
	longDelay       = time.Minute
	boundedFailures = 100
	lastDelay       = time.Hour
	// newcomersPerHour bounds, for one account, the attempts at a password beside the throttle of addresses new to it:
	// whoever has many addresses must not have many guesses.
	newcomersPerHour = 20
	// A known address is noted anew once a day, not with each sign-in.
	noteAgainAfter = 24 * time.Hour
)

// Throttled says that the account was guessed at too often from where the caller is; RetryAfter is
// when the next attempt will be looked at. It says nothing about whether the account exists, and the
// password was not looked at.
type Throttled struct {
	RetryAfter time.Duration
}

func (e *Throttled) Error() string {
	return "accounts: too many failed sign-ins, next attempt in " + strconv.FormatInt(int64(e.RetryAfter/time.Second), 10) + " s"
}

// Delay is how long after the last of so many failures in a row the next attempt is looked at. It
// grows and ends: an account is never locked, else anybody could lock anybody out.
func Delay(failures int64) time.Duration {
	switch {
	case failures < freeFailures:
		return 0
	case failures >= boundedFailures:
		return lastDelay
	case failures-freeFailures >= 6:
		return longDelay
	}
	return time.Second << (failures - freeFailures)
}

// wait is how long from t.Now the next attempt is refused.
func (t Throttle) wait() time.Duration {
	delay := Delay(t.Failures)
	// A database clock that went back must not stretch the delay.
	return min(delay, t.LastFailedAt.Add(delay).Sub(t.Now))
}

// worthNoting tells whether a success from address changes what is stored.
func (t Throttle) worthNoting(address string) bool {
	if t.Failures > 0 {
		return true
	}
	return address != "" && (t.KnownSince.IsZero() || t.Now.Sub(t.KnownSince) > noteAgainAfter)
}

// Fold is what all spellings of a username have in common: without letter case and in the one form of
// characters that look alike by compatibility (Unicode NFKC). No two users have the same: they would
// share a bucket, and a success of one would forgive guesses at the other.
func Fold(username string) string {
	return norm.NFKC.String(strings.ToLower(norm.NFKC.String(username)))
}

// accountKey is the account that failures count for. It is made from the name alone, whether the
// account exists or not: were it the user id for those that do, ten failures at another spelling of
// the name and one at the right one would tell (the right one would not be throttled).
func accountKey(username string) string {
	sum := sha256.Sum256([]byte(Fold(username)))
	return "name:" + hex.EncodeToString(sum[:16])
}

// PlaceOf is the address that failures and refusals count for: an IPv6 address stands for its /64, which
// one customer has whole and could fill a table from. Empty where it can't be read.
func PlaceOf(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}
