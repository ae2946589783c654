package accounts

import (
	"context"
	"time"

	"keyturn/keys"
)

// CodeAt is what an authenticator app shows.
func CodeAt(secret []byte, now time.Time) string { return totpCode(secret, totpAt(now), totpDigits) }

// CodeMatches tells whether what was typed is taken for a code.
func CodeMatches(secret []byte, typed string, now time.Time) bool {
	_, ok := totpMatch(secret, plainCode(typed), now, 0)
	return ok
}

// PlainCode is plainCode.
var PlainCode = plainCode

// MadePasskey tells whether an answer is a new passkey.
func MadePasskey(ctx context.Context, f *Factors, u User, browser keys.Secret, answer []byte) (bool, error) {
	made, _, err := f.madePasskey(ctx, u, browser, answer)
	return made != nil, err
}
