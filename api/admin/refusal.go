package admin

import (
	"context"
	"errors"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/keys"
)

// Refusals keeps a trace of refused requests, for whoever asks later what a stolen token was tried on.
type Refusals interface {
	// AddRefusal counts a refusal.
	AddRefusal(ctx context.Context, r audit.Refusal) error
}

// Unrecorded is a refusal of which no trace could be kept. It unwraps to the refusal alone, because that
// stands all the same: a database that is away must not turn a 403 into anything else.
type Unrecorded struct {
	// Refusal is what the caller is told.
	Refusal error
	// Cause is why there is no trace, for the log.
	Cause error
}

func (e *Unrecorded) Error() string {
	return e.Refusal.Error() + " (not recorded: " + e.Cause.Error() + ")"
}

// Unwrap gives the refusal.
func (e *Unrecorded) Unwrap() error { return e.Refusal }

// The reasons of recorded refusals.
const (
	refusedScope        = "admin_scope"  // the token lacks the route's scope
	refusedRights       = "admin_rights" // see forbidden
	refusedTokenExpired = "admin_token_expired"
	refusedTokenType    = "admin_token_type"    // a refresh token, for one
	refusedTokenInvalid = "admin_token_invalid" // for another audience, for one
	refusedTokenEnded   = "admin_token_ended"   // of a sign-in that has ended
	refusedLevel        = "admin_level"         // of a sign-in that proved less than a group demands
)

// refusalTime bounds how long a refusal waits for its trace: who is refused must not be able to hold
// much open while the database is away.
const refusalTime = time.Second

// refuse records err if it is a refusal of who asks, and returns it in this API's words.
func (h *Handlers) refuse(ctx context.Context, actor audit.Actor, err error) error {
	if in, ok := errors.AsType[*audit.Forbidden](err); ok {
		err = forbidden(in.Needs)
	}
	if problem, ok := errors.AsType[*Problem](err); ok && problem.refusal != "" {
		return h.record(ctx, actor, problem.refusal, err)
	}
	return err
}

// refuseToken records that a token of ours was sent that opens nothing here, under its subject. One that
// we did not sign could name anybody, and anybody could send any number of them: it leaves no trace.
func (h *Handlers) refuseToken(ctx context.Context, raw string, actor audit.Actor, err error) error {
	reason := tokenRefusal(err)
	if reason == "" {
		return err
	}
	ours, unsigned := h.Keys.Verify(ctx, raw)
	if unsigned != nil {
		return err
	}
	var claims struct {
		Subject string `json:"sub"`
	}
	if keys.DecodeClaims(ours.Claims, &claims) == nil {
		actor.ID = claims.Subject
	}
	return h.record(ctx, actor, reason, err)
}

// tokenRefusal is the reason for an error of Handlers.token, "" where it can't be about a token of ours.
func tokenRefusal(err error) string {
	if problem, ok := errors.AsType[*Problem](err); ok {
		return problem.refusal
	}
	switch {
	case errors.Is(err, issuer.ErrTokenExpired):
		return refusedTokenExpired
	case errors.Is(err, issuer.ErrTokenType):
		return refusedTokenType
	case errors.Is(err, issuer.ErrTokenInvalid):
		return refusedTokenInvalid
	case errors.Is(err, issuer.ErrGrantRevoked), errors.Is(err, issuer.ErrRefreshExpired), errors.Is(err, issuer.ErrUserInactive):
		return refusedTokenEnded
	}
	return ""
}

// record keeps the trace though the caller hangs up, and returns the refusal.
func (h *Handlers) record(ctx context.Context, actor audit.Actor, reason string, refusal error) error {
	if h.Refusals == nil {
		return refusal
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refusalTime)
	defer cancel()
	err := h.Refusals.AddRefusal(ctx, audit.Refusal{Account: actor.ID, Address: accounts.PlaceOf(actor.Address), Reason: reason})
	if err != nil {
		return &Unrecorded{Refusal: refusal, Cause: err}
	}
	return refusal
}
