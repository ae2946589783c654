package api

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
	"keyturn/api/admin"
	"keyturn/api/tokenpair"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

// failure is what one error of the domain becomes in each dialect, and its name in the log.
type failure struct {
	err  error
	name string
	pair tokenpair.Failure
	// problem is the admin API's answer. Errors that it can't meet have the zero value, which is answered
	// like an unknown error.
	problem admin.Problem
}

// failures has a row for every error that the domain exports. The first row that errors.Is finds counts.
// What has no row is answered 500 with a fixed text.
var failures = []failure{
	{keys.ErrStale, "keys_stale", tokenpair.Unavailable, admin.Unavailable},
	{keys.ErrForeignMaster, "foreign_master", tokenpair.Unavailable, admin.Unavailable},
	{keys.ErrKeysVanished, "keys_vanished", tokenpair.Unavailable, admin.Unavailable},
	{keys.ErrUnavailable, "database_unavailable", tokenpair.Unavailable, admin.Unavailable},
	{keys.ErrNoSigningKey, "no_signing_key", tokenpair.Unavailable, admin.Unavailable},
	{keys.ErrBeyondKey, "beyond_key", tokenpair.Unavailable, admin.Unavailable},
	{accounts.ErrHashingBusy, "hashing_busy", tokenpair.Unavailable, admin.Unavailable},
	{issuer.ErrBusy, "grant_busy", tokenpair.Unavailable, admin.Unavailable},

	{accounts.ErrCredentials, "credentials", tokenpair.NoAccount, admin.Problem{}},
	{issuer.ErrUserChanged, "user_changed", tokenpair.NoAccount, admin.Problem{}},
	{issuer.ErrUserInactive, "user_inactive", tokenpair.NoAccountLeft, admin.Problem{}},

	{issuer.ErrTokenExpired, "token_expired", tokenpair.Expired, admin.InvalidToken},
	{issuer.ErrRefreshExpired, "refresh_expired", tokenpair.Expired, admin.InvalidToken},
	{issuer.ErrTokenType, "token_type", tokenpair.WrongType, admin.InvalidToken},
	{issuer.ErrTokenInvalid, "token_invalid", tokenpair.Invalid, admin.InvalidToken},
	{keys.ErrInvalidToken, "token_invalid", tokenpair.Invalid, admin.InvalidToken},
	{keys.ErrUnknownKey, "unknown_key", tokenpair.Invalid, admin.InvalidToken},
	{issuer.ErrGrantRevoked, "grant_revoked", tokenpair.Blacklisted, admin.Problem{}},
	{issuer.ErrRefreshReused, "refresh_reused", tokenpair.Blacklisted, admin.Problem{}},
	{issuer.ErrGenerationAhead, "generation_ahead", tokenpair.Blacklisted, admin.Problem{}},

	{accounts.ErrNotSignedIn, "not_signed_in", tokenpair.Internal, admin.Problem{}},
	{accounts.ErrSessionNotFound, "session_not_found", tokenpair.Internal, admin.NotFound("There is no such browser session.")},
	{accounts.ErrUserNotFound, "user_not_found", tokenpair.Internal, admin.NotFound("There is no such user.")},
	{accounts.ErrUsernameTaken, "username_taken", tokenpair.Internal, admin.Conflict("The username, one that looks like it, or the external id belongs to another user.")},
	{issuer.ErrGrantNotFound, "grant_not_found", tokenpair.Blacklisted, admin.NotFound("There is no such grant.")},
	{issuer.ErrCursorGone, "cursor_gone", tokenpair.Internal, admin.CursorGone},
	{issuer.ErrConflict, "grant_conflict", tokenpair.Unavailable, admin.Conflict("The grant changed meanwhile.")},
	{issuer.ErrResourceNotFound, "resource_not_found", tokenpair.Internal, admin.NotFound("There is no such resource.")},
	{issuer.ErrResourceExists, "resource_exists", tokenpair.Internal, admin.Conflict("The resource exists already.")},
	{keys.ErrConflict, "keys_conflict", tokenpair.Unavailable, admin.Conflict("Another instance changed the keys at the same moment; try again.")},
	{keys.ErrKeyNotFound, "key_not_found", tokenpair.Internal, admin.NotFound("There is no such key, or it is gone already.")},
	{keys.ErrLeadNotOver, "lead_not_over", tokenpair.Internal, admin.Conflict("The waiting key has not been published for its lead; verifiers may not know it yet. Send force to turn all the same.")},
	{keys.ErrTooManyWaiting, "too_many_waiting", tokenpair.Internal, admin.Conflict("Too many keys are waiting to sign already.")},
	{keys.ErrTooManyKeys, "too_many_keys", tokenpair.Internal, admin.Conflict("Too many keys still verify already; turn again when some have gone. A compromised key can be revoked all the same.")},
	{oauth.ErrClientNotFound, "client_not_found", tokenpair.Internal, admin.NotFound("There is no such client.")},
	{oauth.ErrClientExists, "client_exists", tokenpair.Internal, admin.Conflict("The client id is taken, or was once.")},
	{oauth.ErrSecretNotFound, "secret_not_found", tokenpair.Internal, admin.NotFound("The client has no such secret.")},
	{oauth.ErrClientChanged, "client_changed", tokenpair.Internal, admin.Conflict("The client was changed meanwhile; read it again.")},
	{keys.ErrBadText, "bad_text", tokenpair.Invalid, admin.BadText},
}

// classify finds the row of an error.
func classify(err error) failure {
	for _, f := range failures {
		if errors.Is(err, f.err) {
			return f
		}
	}
	return failure{err: err, name: "internal", pair: tokenpair.Internal, problem: admin.Internal}
}

// tokenPair lets the token-pair API's dialect speak for what a handler returns.
func (s *Server) tokenPair(handle func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		err := handle(c)
		if err == nil {
			return
		}
		if own, ok := errors.AsType[*tokenpair.Failure](err); ok {
			s.refused(c, "bad_request", err, own.Status)
			tokenpair.Write(c, err, *own)
			return
		}
		if throttled, ok := errors.AsType[*accounts.Throttled](err); ok {
			s.refused(c, "throttled", err, http.StatusTooManyRequests)
			retryAfter(c, throttled.RetryAfter)
			tokenpair.Write(c, err, tokenpair.Throttled)
			return
		}
		f := classify(err)
		s.refused(c, f.name, err, f.pair.Status)
		if f.pair.Status == http.StatusServiceUnavailable {
			retryAfter(c, unavailableFor)
		}
		tokenpair.Write(c, err, f.pair)
	}
}

// admin lets the admin API's dialect speak (RFC 9457).
func (s *Server) admin(handle func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		err := handle(c)
		if err == nil {
			return
		}
		problem, name := admin.ProblemOf(err)
		if problem.Status == 0 {
			f := classify(err)
			problem, name = f.problem, f.name
		}
		if problem.Status == 0 {
			problem, name = admin.Internal, "internal"
		}
		if lost, ok := errors.AsType[*admin.Unrecorded](err); ok {
			s.Log.Error("refusal not recorded", "name", name, "route", c.FullPath(), "request_id", requestID(c), "error", lost.Cause)
			err = lost.Refusal
		}
		s.refused(c, name, err, problem.Status)
		if problem.Status == http.StatusServiceUnavailable {
			retryAfter(c, unavailableFor)
		}
		admin.Write(c, problem, requestID(c))
	}
}

// unavailableFor is how long a client is asked to wait while the database is away or a queue is full.
const unavailableFor = 2 * time.Second

func retryAfter(c *gin.Context, d time.Duration) {
	c.Header("Retry-After", strconv.Itoa(max(1, int(math.Ceil(d.Seconds())))))
}

// refused logs a refusal once, under its precise name. The text of an unknown error is for the log only.
func (s *Server) refused(c *gin.Context, name string, err error, status int) {
	log := s.Log.Info
	switch {
	case status == http.StatusInternalServerError:
		log = s.Log.Error
	case status >= http.StatusInternalServerError:
		log = s.Log.Warn
	}
	log("refused", "name", name, "route", c.FullPath(), "status", status, "request_id", requestID(c), "error", err)
}
