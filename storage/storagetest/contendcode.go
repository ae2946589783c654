package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/storage"
)

// RedeemFunc is RedeemCode, or something that should not pass for it.
type RedeemFunc func(ctx context.Context, r oauth.Redemption) (issuer.Grant, oauth.Code, error)

// ContendCode lets contenders redeem the same authorization code at once, in each of so many rounds. next
// stores a code. It returns the first violation of the promise: per round one contender gets the grant, the
// others are told of the reuse, and the grant is revoked for it (RFC 6749 section 4.1.2).
func ContendCode(ctx context.Context, db *storage.DB, next func() oauth.Code, rounds, contenders int, redeem RedeemFunc) error {
	if err := atOnce(contenders, func(int) error { return db.Ping(ctx) }); err != nil { // a warm pool
		return err
	}
	for n := range rounds {
		code := next()
		var won atomic.Int64
		err := atOnce(contenders, func(int) error {
			_, _, err := redeem(ctx, Redeem(code))
			if err == nil {
				won.Add(1)
			}
			return unless(err, oauth.ErrCodeReused)
		})
		if err != nil {
			return fmt.Errorf("round %d: %w", n, err)
		}
		if won.Load() != 1 {
			return fmt.Errorf("round %d: %d contenders redeemed the code, want 1", n, won.Load())
		}
		g, _, err := db.GrantByID(ctx, code.Grant.ID)
		if err != nil || g.RevokedFor != issuer.CodeReused {
			return errors.Join(fmt.Errorf("round %d: the grant ended for %q, want %q", n, g.RevokedFor, issuer.CodeReused), err)
		}
	}
	return nil
}
