package accounts

import "time"

// SecondFactorNeeded says that a password was right, and that the person has a second factor, which was not
// shown. It holds the unforgeable half of a proof: Factors makes a whole one of it.
type SecondFactorNeeded struct {
	// Has tells what the person can show.
	Has FactorCounts

	pending pending
}

func (e *SecondFactorNeeded) Error() string { return "accounts: a second factor is needed" }

// pending is what one factor has proved. Only this package makes one, and it is worth nothing alone.
type pending struct {
	userID, username  string
	credentialVersion int64
	at                time.Time
	methods           []string
	// counted tells that the throttle has counted the attempt as failed beforehand, in the bucket place.
	counted bool
	place   string
}
