package api

import (
	"cmp"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
	"keyturn/api/admin"
	clients "keyturn/api/oauth"
	"keyturn/api/tokenpair"
	"keyturn/api/web"
	"keyturn/api/web/console"
	"keyturn/audit"
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
	// client is what an OAuth client is told, in a body or a redirect; page what a person sees. Their zero
	// values are answered like an unknown error, too.
	client clients.Failure
	page   web.Failure
}

// Pages that several errors share.
var (
	pageUnavailable = web.Failure{Status: http.StatusServiceUnavailable, Key: "unavailable"}
	pageInternal    = web.Failure{Status: http.StatusInternalServerError, Key: "server_error"}
	pageBadRequest  = web.Failure{Status: http.StatusBadRequest, Key: "invalid_request"}
)

// page is a page with a text for developers, in English; {client} is the client's id where it is registered.
func page(status int, key, developers string) web.Failure {
	return web.Failure{Status: status, Key: key, Developers: developers}
}

// unavailable is a row for what passes by itself.
func unavailable(err error, name string) failure {
	return failure{err, name, tokenpair.Unavailable, admin.Unavailable, clients.Unavailable, pageUnavailable}
}

// aboutToken is a row for what is wrong with a token that somebody shows.
func aboutToken(err error, name string, pair tokenpair.Failure, problem admin.Problem, client clients.Failure) failure {
	return failure{err: err, name: name, pair: pair, problem: problem, client: client}
}

// forAdmin is a row for what only administrators meet.
func forAdmin(err error, name string, problem admin.Problem) failure {
	return failure{err: err, name: name, pair: tokenpair.Internal, problem: problem}
}

// forClient is a row for what only OAuth clients and the people in front of them meet.
func forClient(err error, name string, client clients.Failure, page web.Failure) failure {
	return failure{err: err, name: name, pair: tokenpair.Internal, client: client, page: page}
}

// failures has a row for every error that the domain exports. The first row that errors.Is finds counts.
// What has no row is answered 500 with a fixed text.
var failures = []failure{
	unavailable(keys.ErrStale, "keys_stale"),
	unavailable(keys.ErrForeignMaster, "foreign_master"),
	unavailable(keys.ErrKeysVanished, "keys_vanished"),
	unavailable(oauth.ErrClientsStale, "clients_stale"),
	unavailable(keys.ErrUnavailable, "database_unavailable"),
	unavailable(keys.ErrUnopened, "secret_unopened"),
	unavailable(keys.ErrNoSigningKey, "no_signing_key"),
	unavailable(keys.ErrBeyondKey, "beyond_key"),
	unavailable(accounts.ErrHashingBusy, "hashing_busy"),
	unavailable(issuer.ErrBusy, "grant_busy"),

	// These come before what they may wrap.
	forClient(oauth.ErrReplayed, "assertion_replayed", clients.InvalidClient, page(http.StatusBadRequest, "invalid_client", "The assertion of the client {client} was used before.")),
	forClient(oauth.ErrClientAuth, "client_authentication", clients.InvalidClient, page(http.StatusBadRequest, "invalid_client", "The client {client} could not be authenticated by its registered method.")),
	forClient(oauth.ErrRequestObject, "request_object", clients.BadRequestObject, pageBadRequest),
	forClient(oauth.ErrRequestURI, "request_uri", clients.BadRequestURI, pageBadRequest),

	{accounts.ErrCredentials, "credentials", tokenpair.NoAccount, admin.Problem{}, clients.UserGone, page(http.StatusBadRequest, "expired", "The person who signed in is not active any more.")},
	{issuer.ErrUserChanged, "user_changed", tokenpair.NoAccount, admin.Problem{}, clients.UserGone, page(http.StatusBadRequest, "expired", "The password of the person changed while they signed in, or they were deactivated.")},
	{issuer.ErrUserInactive, "user_inactive", tokenpair.NoAccountLeft, admin.InvalidToken, clients.UserGone, page(http.StatusBadRequest, "expired", "The person who signed in is not active any more.")},
	{accounts.ErrSecondFactor, "second_factor", tokenpair.NoAccount, admin.Problem{}, clients.UserGone, page(http.StatusBadRequest, "expired", "The code or passkey does not prove the person.")},
	{accounts.ErrPendingGone, "pending_gone", tokenpair.Internal, admin.Problem{}, clients.LoginRequired, page(http.StatusBadRequest, "expired", "No sign-in of this browser waits for a second factor.")},
	{accounts.ErrCeremonyGone, "ceremony_gone", tokenpair.Internal, admin.Problem{}, clients.LoginRequired, page(http.StatusBadRequest, "expired", "The question to the passkey or authenticator app has expired, or was answered before.")},
	{accounts.ErrPasskeyRefused, "passkey_refused", tokenpair.Internal, admin.Problem{}, clients.Internal, page(http.StatusBadRequest, "invalid_request", "What the browser sent is no new passkey for this provider.")},
	{accounts.ErrNoPasskeys, "no_passkeys", tokenpair.Internal, admin.Problem{}, clients.Internal, page(http.StatusBadRequest, "invalid_request", "Browsers make passkeys for a host name only, and the issuer is an IP address.")},
	{accounts.ErrReauthenticate, "reauthenticate", tokenpair.Internal, admin.Problem{}, clients.LoginRequired, page(http.StatusBadRequest, "expired", "The sign-in is too long ago for this change.")},
	{accounts.ErrFactorNotFound, "factor_not_found", tokenpair.Internal, admin.NotFound("The user has no such passkey or authenticator app."), clients.Internal, page(http.StatusBadRequest, "expired", "The passkey or authenticator app has been removed.")},
	{accounts.ErrTooManyFactors, "too_many_factors", tokenpair.Internal, admin.Conflict("The account holds as many factors of that kind as it may."), clients.Internal, page(http.StatusBadRequest, "invalid_request", "The account holds as many factors of that kind as it may.")},
	{accounts.ErrLastWay, "last_way", tokenpair.Internal, admin.Conflict("It is the last way to sign in to the account."), clients.Internal, page(http.StatusBadRequest, "invalid_request", "It is the last way to sign in to the account.")},
	{accounts.ErrLevelRequired, "level_required", tokenpair.OTPRequired, admin.Conflict("A policy demands more proof of this person."), clients.UnmetContext, page(http.StatusBadRequest, "invalid_request", "A policy demands more proof of this person.")},
	{accounts.ErrNoSecondFactor, "no_second_factor", tokenpair.Internal, admin.Conflict("The user has no second factor."), clients.Internal, page(http.StatusBadRequest, "invalid_request", "Recovery codes stand in for a second factor, and none is set up.")},
	{accounts.ErrNotSignedIn, "not_signed_in", tokenpair.Internal, admin.Problem{}, clients.LoginRequired, page(http.StatusBadRequest, "expired", "The browser session has ended.")},

	aboutToken(issuer.ErrTokenExpired, "token_expired", tokenpair.Expired, admin.InvalidToken, clients.InvalidGrant),
	aboutToken(issuer.ErrRefreshExpired, "refresh_expired", tokenpair.Expired, admin.InvalidToken, clients.InvalidGrant),
	aboutToken(issuer.ErrTokenType, "token_type", tokenpair.WrongType, admin.InvalidToken, clients.InvalidGrant),
	aboutToken(issuer.ErrTokenInvalid, "token_invalid", tokenpair.Invalid, admin.InvalidToken, clients.InvalidGrant),
	aboutToken(keys.ErrInvalidToken, "token_invalid", tokenpair.Invalid, admin.InvalidToken, clients.InvalidGrant),
	aboutToken(keys.ErrUnknownKey, "unknown_key", tokenpair.Invalid, admin.InvalidToken, clients.InvalidGrant),
	aboutToken(issuer.ErrDemandUnmet, "demand_unmet", tokenpair.Invalid, admin.InvalidToken, clients.InvalidGrant),
	aboutToken(issuer.ErrGrantRevoked, "grant_revoked", tokenpair.Blacklisted, admin.InvalidToken, clients.InvalidGrant),
	aboutToken(issuer.ErrRefreshReused, "refresh_reused", tokenpair.Blacklisted, admin.Problem{}, clients.TokenReused),
	aboutToken(issuer.ErrGenerationAhead, "generation_ahead", tokenpair.Blacklisted, admin.Problem{}, clients.InvalidGrant),
	aboutToken(oauth.ErrCodeInvalid, "code_invalid", tokenpair.Internal, admin.Problem{}, clients.InvalidGrant),
	aboutToken(oauth.ErrCodeReused, "code_reused", tokenpair.Internal, admin.Problem{}, clients.CodeReused),
	aboutToken(oauth.ErrInsufficientScope, "insufficient_scope", tokenpair.Internal, admin.Problem{}, clients.InsufficientScope),
	aboutToken(oauth.ErrTokenKind, "token_kind", tokenpair.Internal, admin.Problem{}, clients.UnsupportedToken),

	forClient(oauth.ErrUnknownClient, "unknown_client", clients.InvalidClient, page(http.StatusBadRequest, "invalid_client", "client_id is not one that is registered here; keyturn client list shows those that are.")),
	forClient(oauth.ErrClientDisabled, "client_disabled", clients.InvalidClient, page(http.StatusBadRequest, "invalid_client", "The client {client} is turned off; keyturn client enable {client} turns it on.")),
	forClient(oauth.ErrRedirectURI, "redirect_uri", clients.BadRequest, page(http.StatusBadRequest, "invalid_redirect_uri", "redirect_uri is not one that the client {client} has registered. They are compared byte by byte; keyturn client show {client} lists them, and the log holds the one that was sent.")),
	forClient(oauth.ErrLogoutURI, "logout_uri", clients.BadRequest, page(http.StatusBadRequest, "invalid_logout", "post_logout_redirect_uri is taken only together with an id_token_hint, and only if the client {client} has registered it, byte by byte; keyturn client show {client} lists what it has registered, and the log holds the one that was sent.")),
	forClient(oauth.ErrNoCookie, "no_cookie", clients.BadRequest, page(http.StatusBadRequest, "no_cookie", "The cookie that was set at /oauth2/authorize did not come back: the address was opened in another browser, the browser blocks cookies, or a proxy drops Set-Cookie or Cookie, or serves another host name than that of the issuer.")),
	forClient(oauth.ErrResponseType, "response_type", clients.UnknownResponse, pageBadRequest),
	forClient(oauth.ErrScope, "scope", clients.InvalidScope, pageBadRequest),
	forClient(oauth.ErrTarget, "resource", clients.InvalidTarget, pageBadRequest),
	forClient(oauth.ErrGrantType, "grant_type", clients.UnknownGrantType, pageBadRequest),
	forClient(oauth.ErrGrantNotAllowed, "grant_not_allowed", clients.UnauthorizedClient, pageBadRequest),
	forClient(oauth.ErrLoginRequired, "login_required", clients.LoginRequired, pageBadRequest),
	forClient(oauth.ErrConsentRequired, "consent_required", clients.ConsentRequired, pageBadRequest),
	forClient(oauth.ErrInteractionRequired, "interaction_required", clients.NeedsInteraction, pageBadRequest),
	forClient(oauth.ErrAccessDenied, "access_denied", clients.AccessDenied, pageBadRequest),
	forClient(oauth.ErrAuthenticationContext, "unmet_authentication_requirements", clients.UnmetContext, pageBadRequest),
	forClient(oauth.ErrSessionGone, "session_gone", clients.SessionGone, page(http.StatusBadRequest, "expired", "The browser session ended before the sign-in was completed.")),
	forClient(oauth.ErrInteractionGone, "interaction_gone", clients.BadRequest, page(http.StatusBadRequest, "expired", "No sign-in of this browser is open under this address: it has expired, or its cookie is that of another browser. Send the browser to /oauth2/authorize again; the address of a sign-in can not be kept or shared.")),
	forClient(oauth.ErrFinished, "interaction_finished", clients.BadRequest, page(http.StatusBadRequest, "expired", "The sign-in was completed before. Send the browser to /oauth2/authorize again.")),
	forClient(oauth.ErrCrossSite, "cross_site", clients.BadRequest, page(http.StatusForbidden, "forged", "Origin or Sec-Fetch-Site says that another site sent this form. A proxy must hand on Origin and Host as they came.")),

	{accounts.ErrSessionNotFound, "session_not_found", tokenpair.Internal, admin.NotFound("There is no such browser session."), clients.Internal, page(http.StatusBadRequest, "expired", "The browser session has ended.")},
	{accounts.ErrUserNotFound, "user_not_found", tokenpair.Internal, admin.NotFound("There is no such user."), clients.UserGone, page(http.StatusBadRequest, "expired", "The person who is signed in does not exist any more.")},
	// The admin API words *audit.Forbidden itself.
	{audit.ErrForbidden, "forbidden", tokenpair.Internal, admin.Forbidden, clients.Internal, page(http.StatusForbidden, "forbidden", "The roles of the person do not allow this; keyturn group add-member gives roles.")},
	forAdmin(audit.ErrChanged, "precondition_failed", admin.PreconditionFailed),
	forAdmin(audit.ErrChainBroken, "audit_chain_broken", admin.Internal),
	forAdmin(accounts.ErrGroupNotFound, "group_not_found", admin.NotFound("There is no such group.")),
	forAdmin(accounts.ErrGroupExists, "group_exists", admin.Conflict("Another group has the name, or one that looks like it.")),
	forAdmin(accounts.ErrTooManyGroups, "too_many_groups", admin.Conflict("The person is in 200 groups, which is as many as a token may name.")),
	forAdmin(accounts.ErrTooManyRoles, "too_many_roles", admin.Conflict("The group, or the resource in all groups together, has 100 roles, which is as many as a token may name.")),
	forAdmin(accounts.ErrUsernameTaken, "username_taken", admin.Conflict("The username, one that looks like it, or the external id belongs to another user.")),
	{issuer.ErrGrantNotFound, "grant_not_found", tokenpair.Blacklisted, admin.NotFound("There is no such grant."), clients.InvalidGrant, pageInternal},
	forAdmin(audit.ErrChainBroken, "audit_chain_broken", admin.Internal),
	forAdmin(audit.ErrSealNotFound, "seal_not_found", admin.NotFound("There is no such seal, or retention has removed the rows behind it.")),
	forAdmin(issuer.ErrCursorGone, "cursor_gone", admin.CursorGone),
	{issuer.ErrConflict, "grant_conflict", tokenpair.Unavailable, admin.Conflict("The grant changed meanwhile."), clients.Unavailable, pageUnavailable},
	forAdmin(issuer.ErrResourceNotFound, "resource_not_found", admin.NotFound("There is no such resource.")),
	forAdmin(issuer.ErrResourceExists, "resource_exists", admin.Conflict("The resource exists already.")),
	forAdmin(oauth.ErrClientNotFound, "client_not_found", admin.NotFound("There is no such client.")),
	forAdmin(oauth.ErrClientExists, "client_exists", admin.Conflict("The client id is taken, or was once.")),
	forAdmin(oauth.ErrSecretNotFound, "secret_not_found", admin.NotFound("The client has no such secret.")),
	forAdmin(oauth.ErrClientChanged, "client_changed", admin.Conflict("The client was changed meanwhile; read it again.")),
	{keys.ErrConflict, "keys_conflict", tokenpair.Unavailable, admin.Conflict("Another instance changed the keys at the same moment; try again."), clients.Unavailable, pageUnavailable},
	forClient(accounts.ErrLinkUsed, "link_used", clients.Internal, page(http.StatusGone, "link_used", "The one-time link, or another of the same letter, was used before.")),
	forClient(accounts.ErrLinkGone, "link_gone", clients.Internal, page(http.StatusGone, "link_gone", "There is no such one-time link for this purpose, it has expired, or the password or the state of its account has changed since.")),
	forAdmin(accounts.ErrAdministratorExists, "administrator_exists", admin.Conflict("There is an administrator already.")),
	forAdmin(accounts.ErrNoLetter, "no_letter", admin.NotFound("No letter is due.")),
	forAdmin(accounts.ErrLetterNotFound, "letter_not_found", admin.NotFound("There is no such letter.")),
	forAdmin(accounts.ErrInvitationNotFound, "invitation_not_found", admin.NotFound("There is no such invitation, or it has ended.")),
	forAdmin(accounts.ErrInvitationTaken, "invitation_taken", admin.Conflict("Somebody has taken the invitation already, and has the account.")),
	forAdmin(keys.ErrKeyNotFound, "key_not_found", admin.NotFound("There is no such key, or it is gone already.")),
	forAdmin(keys.ErrLeadNotOver, "lead_not_over", admin.Conflict("The waiting key has not been published for its lead; verifiers may not know it yet. Send force to turn all the same.")),
	forAdmin(keys.ErrTooManyWaiting, "too_many_waiting", admin.Conflict("Too many keys are waiting to sign already.")),
	forAdmin(keys.ErrTooManyKeys, "too_many_keys", admin.Conflict("Too many keys still verify already; turn again when some have gone. A compromised key can be revoked all the same.")),
	{accounts.ErrNotOffered, "not_offered", tokenpair.Internal, admin.Conflict("This is switched off here, or needs mail and none is set up (KEYTURN_SELF_SERVICE, KEYTURN_MAIL_URL)."), clients.Internal, page(http.StatusNotFound, "not_found", "This is switched off (KEYTURN_SELF_SERVICE), or needs mail and none is set up (KEYTURN_MAIL_URL).")},
	{accounts.ErrLastAdministrator, "last_administrator", tokenpair.Internal, admin.Conflict("Nobody would be left to administer this provider."), clients.Internal, page(http.StatusConflict, "invalid_request", "Nobody would be left to administer this provider.")},
	forAdmin(accounts.ErrNoAddress, "no_address", admin.Conflict("The user has no email address.")),
	forAdmin(accounts.ErrDeactivated, "deactivated", admin.Conflict("The user is deactivated; activate them first.")),
	{keys.ErrBadText, "bad_text", tokenpair.Invalid, admin.BadText, clients.BadRequest, page(http.StatusBadRequest, "invalid_request", "A parameter holds characters that are not text.")},
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
		if _, ok := errors.AsType[*accounts.SecondFactorNeeded](err); ok {
			s.refused(c, "otp_required", err, tokenpair.OTPRequired.Status)
			tokenpair.Write(c, err, tokenpair.OTPRequired)
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
		admin.Write(c, problem, s.Issuer.Settings.AdminAudience(), requestID(c))
	}
}

// client lets OAuth's dialect speak (RFC 6749 section 5.2); write is that of the kind of endpoint.
func (s *Server) client(handle func(*gin.Context) error, write func(*gin.Context, clients.Failure)) gin.HandlerFunc {
	return func(c *gin.Context) {
		err := handle(c)
		if err == nil {
			return
		}
		f, name := clientFailure(err)
		s.refused(c, name, err, f.Status)
		if f.Status == http.StatusServiceUnavailable {
			retryAfter(c, unavailableFor)
		}
		write(c, f)
	}
}

// clientFailure is what an OAuth client is told of an error.
func clientFailure(err error) (clients.Failure, string) {
	if own, ok := clients.FailureOf(err); ok {
		return own, "bad_request"
	}
	if in, ok := errors.AsType[*oauth.InvalidRequest](err); ok {
		return clients.Invalid(in), "invalid_request"
	}
	f := classify(err)
	if f.client.Status == 0 {
		return clients.Internal, f.name
	}
	return f.client, f.name
}

// page lets pages speak: what may be told to the client takes the browser back there, all else is an error
// page.
func (s *Server) page(h *web.Handlers, handle func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		err := handle(c)
		if err == nil {
			return
		}
		asked := s.askedBy(c, err)
		if refused, ok := errors.AsType[*oauth.Refused](err); ok {
			f, name := clientFailure(refused.Err)
			status := http.StatusSeeOther
			if f.Status >= http.StatusInternalServerError {
				status = f.Status // the client is told by a redirect, the operator what it is
			}
			s.refused(c, name, err, status, asked.attributes...)
			h.Answer(c, refused.Answer(f.Code, f.Description))
			return
		}
		f, name := pageFailure(err)
		s.refused(c, name, err, f.Status, asked.attributes...)
		if f.Status == http.StatusServiceUnavailable {
			retryAfter(c, unavailableFor)
		}
		f.Developers = strings.ReplaceAll(f.Developers, "{client}", cmp.Or(asked.clientID, "CLIENT_ID"))
		h.WriteFailure(c, f, asked.client)
	}
}

// console lets the console's pages speak.
func (s *Server) console(k *console.Console, handle func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		err := handle(c)
		if err == nil {
			return
		}
		f, name := consoleFailure(err)
		if lost, ok := errors.AsType[*admin.Unrecorded](err); ok {
			s.Log.Error("refusal not recorded", "name", name, "route", c.FullPath(), "request_id", requestID(c), "error", lost.Cause)
			err = lost.Refusal
		}
		s.refused(c, name, err, f.Status)
		if f.Status == http.StatusServiceUnavailable {
			retryAfter(c, unavailableFor)
		}
		k.WriteFailure(c, f, err)
	}
}

// consoleFailure is what an administrator sees of an error: the words of the admin API on a page.
func consoleFailure(err error) (web.Failure, string) {
	if problem, name := admin.ProblemOf(err); problem.Status != 0 {
		return page(problem.Status, pageBadRequest.Key, strings.TrimSpace(problem.Param+" "+problem.Detail)), name
	}
	f := classify(err)
	switch {
	case f.err == oauth.ErrCrossSite:
		return f.page, f.name
	case f.problem.Status == 0:
		return pageInternal, f.name
	}
	return web.Failure{Status: f.problem.Status, Developers: f.problem.Detail}, f.name
}

// pageFailure is what a person sees of an error. Where the page has no text of its own for developers, they read what a
// client would be told.
func pageFailure(err error) (web.Failure, string) {
	if in, ok := errors.AsType[*oauth.InvalidRequest](err); ok {
		return page(pageBadRequest.Status, pageBadRequest.Key, clients.Invalid(in).Description), "invalid_request"
	}
	if in, ok := errors.AsType[*accounts.InvalidRequest](err); ok {
		return page(pageBadRequest.Status, pageBadRequest.Key, in.Param+" "+in.Problem.String()), "invalid_request"
	}
	f := classify(err)
	if f.page.Status == 0 {
		f.page = pageInternal
	}
	f.page.Developers = cmp.Or(f.page.Developers, f.client.Description)
	return f.page, f.name
}

// unavailableFor is how long a client is asked to wait while the database is away or a queue is full.
const unavailableFor = 2 * time.Second

func retryAfter(c *gin.Context, d time.Duration) {
	c.Header("Retry-After", strconv.Itoa(max(1, int(math.Ceil(d.Seconds())))))
}

// refused logs a refusal once, under its precise name. The text of an unknown error is for the log only.
// more are attributes of the line.
func (s *Server) refused(c *gin.Context, name string, err error, status int, more ...any) {
	log := s.Log.Info
	switch {
	case status == http.StatusInternalServerError:
		log = s.Log.Error
	case status >= http.StatusInternalServerError:
		log = s.Log.Warn
	}
	log("refused", append([]any{"name", name, "route", c.FullPath(), "status", status, "request_id", requestID(c), "error", err}, more...)...)
}
