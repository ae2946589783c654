package oauth

import "errors"

// Errors of requests, beside those of the registry, the store and client authentication. api/failures.go says
// what each becomes.
var (
	// ErrRedirectURI says that the request's redirect URI is not one that the client registered. Such a request
	// is never answered by a redirect (RFC 6749 section 4.1.2.1).
	ErrRedirectURI = errors.New("oauth: the redirect URI is not registered")
	// ErrLogoutURI says that a logout request names a place to go on to that is not registered, or does not show by
	// an ID token whose it is (RP-Initiated Logout section 3). Nobody was signed out.
	ErrLogoutURI = errors.New("oauth: the post-logout redirect URI is not registered, or no ID token came with it")
	// ErrNoCookie says that the browser did not send back the cookie that binds it to its interaction.
	ErrNoCookie = errors.New("oauth: the browser keeps no cookies")
	// ErrResponseType says that another response_type than code was asked for.
	ErrResponseType = errors.New("oauth: unsupported response type")
	// ErrScope says that a scope is unknown, malformed or beyond what the client or the grant may have.
	ErrScope = errors.New("oauth: invalid scope")
	// ErrTarget says that the resource is unknown, not the client's, or more than one (RFC 8707 section 2).
	ErrTarget = errors.New("oauth: invalid resource")
	// ErrGrantType says that the token endpoint does not know the grant type.
	ErrGrantType = errors.New("oauth: unsupported grant type")
	// ErrGrantNotAllowed says that the client is not registered for the grant type.
	ErrGrantNotAllowed = errors.New("oauth: the client is not registered for this grant type")
	// ErrLoginRequired, ErrConsentRequired and ErrInteractionRequired answer prompt=none (OIDC Core section 3.1.2.6).
	ErrLoginRequired       = errors.New("oauth: the person has to sign in")
	ErrConsentRequired     = errors.New("oauth: the person has to consent")
	ErrInteractionRequired = errors.New("oauth: the person has to set up another way to sign in")
	// ErrAccessDenied says that the person declined.
	ErrAccessDenied = errors.New("oauth: the person declined")
	// ErrAuthenticationContext says that the demanded acr can't be reached (OpenID Connect Core Error Code
	// unmet_authentication_requirements).
	ErrAuthenticationContext = errors.New("oauth: the authentication context can't be reached")
	// ErrFinished says that an interaction was completed a while ago.
	ErrFinished = errors.New("oauth: this sign-in is completed already")
	// ErrCrossSite says that a form was sent from somebody else's page.
	ErrCrossSite = errors.New("oauth: the form came from another site")
	// ErrInsufficientScope says that an access token lacks the scope openid (RFC 6750 section 3.1).
	ErrInsufficientScope = errors.New("oauth: the access token lacks the scope openid")
	// ErrTokenKind says that this kind of token can't be revoked (RFC 7009 section 2.2.1).
	ErrTokenKind = errors.New("oauth: access tokens of services can't be taken back; they expire")
)

// Refused is an authorization request that is refused in a way that its client is told, by a redirect to
// a checked place.
type Refused struct {
	Err  error
	back callback
}

func (e *Refused) Error() string { return e.Err.Error() }

// Unwrap gives the reason.
func (e *Refused) Unwrap() error { return e.Err }

// Answer is the redirect that tells the client. code and description are those of the table of errors; the
// description must be of RFC 6749 section 4.1.2.1's characters.
func (e *Refused) Answer(code, description string) Answer {
	return e.back.answer([2]string{"error", code}, [2]string{"error_description", description})
}
