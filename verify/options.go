package verify

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// MaxLeeway is the largest tolerance for the clocks that a Verifier accepts.
const MaxLeeway = 60 * time.Second

// Option changes one setting of New.
type Option func(*settings)

// settings are what the options set. Nothing in them changes after New.
type settings struct {
	issuer     string
	jwksURL    string
	audiences  []string
	algorithms []string
	types      []string
	leeway     time.Duration
	now        func() time.Time
	client     *http.Client
	insecure   bool
	realm      string
	metadata   string
	onError    func(http.ResponseWriter, *http.Request, error)
}

func defaults(issuer string) settings {
	return settings{
		issuer:     issuer,
		algorithms: []string{"RS256", "PS256", "ES256", "EdDSA"},
		types:      []string{"at+jwt", "application/at+jwt"},
		now:        time.Now,
		client:     http.DefaultClient,
	}
}

// Audience names this resource server as tokens name it in aud (RFC 9068 section 4). A token for any one
// of the audiences is accepted. Without an audience New fails: a token for another service would do.
func Audience(audience ...string) Option {
	return func(s *settings) { s.audiences = append(s.audiences, audience...) }
}

// Algorithms narrows the signature algorithms (default RS256, PS256, ES256 and EdDSA; there are no others).
func Algorithms(algorithm ...string) Option {
	return func(s *settings) { s.algorithms = algorithm }
}

// Types replaces the accepted values of the typ header, compared without regard to case
// (RFC 9068 section 4); default "at+jwt" and "application/at+jwt". With "JWT" among them the ID tokens
// of the same issuer are held back by their audience alone.
func Types(typ ...string) Option {
	return func(s *settings) { s.types = typ }
}

// JWKSURL names where the keys are and leaves out discovery; for a resource server that can't reach the
// issuer by its outside URL. The issuer is compared with tokens all the same.
func JWKSURL(url string) Option {
	return func(s *settings) { s.jwksURL = url }
}

// Leeway widens exp, nbf and iat by d (default 0, at most MaxLeeway). Apart from it, iat and nbf are
// accepted up to 5 seconds ahead always: a resource server whose clock is a second behind would refuse
// every fresh token, and no refresh would cure it.
func Leeway(d time.Duration) Option {
	return func(s *settings) { s.leeway = d }
}

// Now replaces time.Now for the times in tokens and the age of keys.
func Now(now func() time.Time) Option {
	return func(s *settings) { s.now = now }
}

// HTTPClient replaces http.DefaultClient for discovery and keys. Its redirect policy is not used:
// redirects are followed on the same scheme and host only.
func HTTPClient(c *http.Client) Option {
	return func(s *settings) { s.client = c }
}

// InsecureAllowHTTP accepts plain http for the issuer and its keys on any host; without it only on
// loopback. Whoever sits on the way can then hand out keys of their own and sign any token: only for a
// network that is trusted as a whole.
func InsecureAllowHTTP() Option {
	return func(s *settings) { s.insecure = true }
}

// Realm is named in the challenges of Handler (RFC 9110 section 11.5); default is the first audience.
func Realm(realm string) Option {
	return func(s *settings) { s.realm = realm }
}

// ResourceMetadata is the URL of this resource's metadata, named in every challenge as resource_metadata
// (RFC 9728 section 5.1). The document itself is served by the caller.
func ResourceMetadata(url string) Option {
	return func(s *settings) { s.metadata = url }
}

// OnError replaces how Handler answers a request that it refuses. The function writes the whole answer,
// status and headers too; err is one of this package's errors, for errors.Is, and not for the client's eyes.
func OnError(f func(w http.ResponseWriter, r *http.Request, err error)) Option {
	return func(s *settings) { s.onError = f }
}

// check returns every problem of the settings at once.
func (s *settings) check() error {
	var problems []error
	complain := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	if err := checkURL(s.issuer, s.insecure); err != nil {
		problems = append(problems, fmt.Errorf("issuer: %w", err))
	}
	complain(strings.Contains(s.issuer, "?"), "issuer: has a query") // RFC 8414 section 2
	if s.jwksURL != "" {
		if err := checkURL(s.jwksURL, s.insecure); err != nil {
			problems = append(problems, fmt.Errorf("JWKS URL: %w", err))
		}
	}
	complain(len(s.audiences) == 0 || slices.Contains(s.audiences, ""), "audience: none, or an empty one")
	complain(len(s.types) == 0 || slices.Contains(s.types, ""), "types: none, or an empty one")
	complain(len(s.algorithms) == 0, "algorithms: none")
	for _, a := range s.algorithms {
		complain(!slices.Contains(defaults("").algorithms, a), "algorithms: %q is not one of RS256, PS256, ES256, EdDSA", a)
	}
	complain(s.leeway < 0 || s.leeway > MaxLeeway, "leeway: %s is not within 0 and %s", s.leeway, MaxLeeway)
	complain(s.now == nil || s.client == nil, "Now or HTTPClient: nil")
	complain(!quotable(s.realm) || !quotable(s.metadata), "realm or resource metadata: can't stand between quotes in a header")
	return errors.Join(problems...)
}

// quotable says whether s can be a quoted-string of RFC 9110 section 5.6.4 as it is.
func quotable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' })
}
