package storage

import (
	"context"
	"time"
)

// SweepLimits says how much one Sweep may remove, and how old it must be.
type SweepLimits struct {
	// Batch is the most rows of each kind, 1 to 10,000.
	Batch int
	// Leeway is what verifiers may allow beyond exp; no row leaves before its token's exp plus this.
	Leeway time.Duration
	// ThrottleAge, KnownAge and RefusalAge are how long a bucket of failed sign-ins, a known address and
	// a count of refusals stay after they were last written; 0 keeps them.
	ThrottleAge, KnownAge, RefusalAge time.Duration
	// SessionIdle is how long after it was last seen a browser session stays; 0 for until its absolute end.
	SessionIdle time.Duration
}

// Swept counts the rows that a Sweep removed.
type Swept struct {
	Grants, Revoked, Throttle, Known, Refusals         int64
	Interactions, Codes, Sessions, Assertions, Logouts int64
	Links, Letters                                     int64
	// Asked are questions to passkeys, Held sign-ins that waited for a second factor, Apps authenticator apps that
	// never showed a code.
	Asked, Held, Apps int64
	// More tells that a batch was full: there may be more to remove.
	More bool
}

const (
	// codeMemory is how long after its end a code is known when it comes again (RFC 6749 section 4.1.2).
	codeMemory = time.Hour
	// logoutAge is after how long a logout token that could not be delivered is given up.
	logoutAge = 24 * time.Hour
	// linkMemory is how long after its end a link is known, so that one that was used is told from one that never was.
	linkMemory = 24 * time.Hour
	// failedLetterAge is how long a letter that was given up is kept for operators.
	failedLetterAge = 30 * 24 * time.Hour
)

// sweepLock is another of this program's advisory locks (see migrationLock).
const sweepLock = 0x6b657974_75726e02

// The bound is a subquery so that it is computed once and the index serves. Rows that somebody holds
// are left for the next time.
const (
	trySweepLock statement = `SELECT pg_try_advisory_xact_lock(CAST(? AS BIGINT))`
	sweepGrants  statement = `DELETE FROM grants WHERE id IN (SELECT id FROM grants
		WHERE expires_at < (SELECT {now} - CAST(? AS BIGINT)) ORDER BY expires_at LIMIT ? {for update skip locked})`
	sweepRevoked statement = `DELETE FROM revoked_refresh_tokens WHERE jti IN (SELECT jti FROM revoked_refresh_tokens
		WHERE until < (SELECT {now} - CAST(? AS BIGINT)) ORDER BY until LIMIT ? {for update skip locked})`
	sweepThrottle statement = `DELETE FROM throttle WHERE (account, place) IN (SELECT account, place FROM throttle
		WHERE last_failed_at < (SELECT {now} - CAST(? AS BIGINT)) ORDER BY last_failed_at LIMIT ? {for update skip locked})`
	sweepKnown statement = `DELETE FROM known_addresses WHERE (user_id, address) IN (SELECT user_id, address FROM known_addresses
		WHERE known_since < (SELECT {now} - CAST(? AS BIGINT)) ORDER BY known_since LIMIT ? {for update skip locked})`
	sweepRefusals statement = `DELETE FROM audit_refusals WHERE (minute, account, address, reason) IN (SELECT minute, account, address, reason FROM audit_refusals
		WHERE minute < (SELECT {now} - CAST(? AS BIGINT)) ORDER BY minute LIMIT ? {for update skip locked})`

	sweepInteractions statement = `DELETE FROM interactions WHERE id_hash IN (SELECT id_hash FROM interactions
		WHERE expires_at < (SELECT {now} - CAST(? AS BIGINT)) ORDER BY expires_at LIMIT ? {for update skip locked})`
	sweepCodes statement = `DELETE FROM authorization_codes WHERE hash IN (SELECT hash FROM authorization_codes
		WHERE expires_at < (SELECT {now} - CAST(? AS BIGINT)) ORDER BY expires_at LIMIT ? {for update skip locked})`
	sweepSessions statement = `DELETE FROM browser_sessions WHERE id IN (SELECT id FROM browser_sessions
		WHERE expires_at < (SELECT {now} - CAST(? AS BIGINT)) ORDER BY expires_at LIMIT ? {for update skip locked})`
	sweepIdle statement = `DELETE FROM browser_sessions WHERE id IN (SELECT id FROM browser_sessions
		WHERE seen_at < (SELECT {now} - CAST(? AS BIGINT)) ORDER BY seen_at LIMIT ? {for update skip locked})`
	sweepAssertions statement = `DELETE FROM client_assertions WHERE (client_id, jti_hash) IN (SELECT client_id, jti_hash FROM client_assertions
		WHERE expires_at < (SELECT {now} - CAST(? AS BIGINT)) ORDER BY expires_at LIMIT ? {for update skip locked})`
	sweepLogouts statement = `DELETE FROM logout_deliveries WHERE id IN (SELECT id FROM logout_deliveries
		WHERE created_at < (SELECT {now} - CAST(? AS BIGINT)) ORDER BY created_at LIMIT ? {for update skip locked})`
	sweepLinks statement = `DELETE FROM one_time_links WHERE hash IN (SELECT hash FROM one_time_links
		WHERE expires_at < (SELECT {now} - CAST(? AS BIGINT)) ORDER BY expires_at LIMIT ? {for update skip locked})`
	sweepLetters statement = `DELETE FROM letters WHERE id IN (SELECT id FROM letters
		WHERE failed_at < (SELECT {now} - CAST(? AS BIGINT)) ORDER BY failed_at LIMIT ? {for update skip locked})`
)

const (
	sweepCeremonies statement = `DELETE FROM passkey_ceremonies WHERE challenge_hash IN (SELECT challenge_hash FROM passkey_ceremonies
		WHERE expires_at < (SELECT {now} - CAST(? AS BIGINT)) ORDER BY expires_at LIMIT ? {for update skip locked})`
	sweepHeld statement = `DELETE FROM held_sign_ins WHERE hash IN (SELECT hash FROM held_sign_ins
		WHERE expires_at < (SELECT {now} - CAST(? AS BIGINT)) ORDER BY expires_at LIMIT ? {for update skip locked})`
	sweepApps statement = `DELETE FROM authenticator_apps WHERE id IN (SELECT id FROM authenticator_apps
		WHERE expires_at < (SELECT {now} - CAST(? AS BIGINT)) ORDER BY expires_at LIMIT ? {for update skip locked})`
)

// Sweep removes one small batch of what nothing can ask for any more. Of the instances that call it at
// once one works, the others return at once with nothing. Call again while Swept.More.
func (d *DB) Sweep(ctx context.Context, l SweepLimits) (Swept, error) {
	var done Swept
	batch := int64(min(max(l.Batch, 1), 10_000))
	err := d.transact(ctx, func(s session) error {
		done = Swept{}
		if d.backend == postgres {
			var mine bool
			if err := s.get(ctx, &mine, trySweepLock, int64(sweepLock)); err != nil || !mine {
				return err
			}
		}
		for _, kind := range []struct {
			removed *int64
			st      statement
			age     time.Duration
			keep    bool
		}{
			{&done.Revoked, sweepRevoked, l.Leeway, false},
			{&done.Grants, sweepGrants, l.Leeway, false},
			{&done.Throttle, sweepThrottle, l.ThrottleAge, l.ThrottleAge <= 0},
			{&done.Known, sweepKnown, l.KnownAge, l.KnownAge <= 0},
			{&done.Refusals, sweepRefusals, l.RefusalAge, l.RefusalAge <= 0},
			{&done.Interactions, sweepInteractions, 0, false},
			{&done.Codes, sweepCodes, codeMemory, false},
			{&done.Sessions, sweepSessions, 0, false},
			{&done.Sessions, sweepIdle, l.SessionIdle, l.SessionIdle <= 0},
			{&done.Assertions, sweepAssertions, l.Leeway, false},
			{&done.Logouts, sweepLogouts, logoutAge, false},
			{&done.Asked, sweepCeremonies, 0, false},
			{&done.Held, sweepHeld, 0, false},
			{&done.Apps, sweepApps, 0, false},
			{&done.Links, sweepLinks, linkMemory, false},
			{&done.Letters, sweepLetters, failedLetterAge, false},
		} {
			if kind.keep {
				continue
			}
			removed, err := s.exec(ctx, kind.st, kind.age.Microseconds(), batch)
			if err != nil {
				return err
			}
			*kind.removed += removed
			done.More = done.More || removed == batch
		}
		return nil
	})
	if err != nil {
		return Swept{}, translate(err, nil)
	}
	return done, nil
}
