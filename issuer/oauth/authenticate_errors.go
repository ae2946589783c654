package oauth

import (
	"errors"
	"fmt"
)

// ErrClientAuth says that a client did not prove itself (RFC 6749 section 5.2, invalid_client). What it
// wraps beside is the reason, for the log only: the client is not told what nearly was right.
var ErrClientAuth = errors.New("oauth: client authentication failed")

// badAssertion is an ErrClientAuth about an assertion. why must repeat nothing of it.
func badAssertion(why string) error { return fmt.Errorf("%w: assertion: %s", ErrClientAuth, why) }
