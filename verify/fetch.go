package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"keyturn/verify/jws"
)

const (
	// maxBody is the largest answer in bytes that is read.
	maxBody = 1 << 20
	// Bounds of how long a JWKS counts as fresh, and what holds where the issuer says nothing.
	minFresh, maxFresh, defaultFresh = 10 * time.Second, 12 * time.Hour, 5 * time.Minute
	// discoveryLife is how long a discovered jwks_uri is used before it is asked for again; a JWKS that
	// can't be fetched makes it be asked for at once.
	discoveryLife = time.Hour
)

// source knows where the keys are and fetches them. It is not safe for concurrent use.
type source struct {
	issuer     string
	fixed      string // the JWKS URL that was set, or empty
	insecure   bool
	algorithms []string
	client     *http.Client
	now        func() time.Time

	uri      string // discovered
	uriUntil time.Time
	etag     string // of the JWKS read last, at etagURI
	etagURI  string
}

// fetched is a successful fetch; keys is nil where the issuer said "not modified".
type fetched struct {
	keys     map[string]publicKey
	freshFor time.Duration
}

func newSource(s *settings) *source {
	client := *s.client
	client.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if first := via[0].URL; len(via) > 3 || r.URL.Host != first.Host || r.URL.Scheme != first.Scheme {
			return errors.New("redirected too often or to another host")
		}
		return nil
	}
	return &source{
		issuer: s.issuer, fixed: s.jwksURL, insecure: s.insecure, algorithms: s.algorithms,
		client: &client, now: s.now,
	}
}

// fetch reads the JWKS, after discovery where that is due.
func (s *source) fetch(ctx context.Context) (fetched, error) {
	uri, err := s.locate(ctx)
	if err != nil {
		return fetched{}, fmt.Errorf("discover the keys' URL: %w", err)
	}
	got, err := s.fetchKeys(ctx, uri)
	if err != nil {
		s.uri = "" // it may have moved
		return fetched{}, fmt.Errorf("fetch keys: %w", err)
	}
	return got, nil
}

func (s *source) fetchKeys(ctx context.Context, uri string) (fetched, error) {
	etag := s.etag
	if uri != s.etagURI {
		etag = ""
	}
	a, err := s.get(ctx, uri, etag)
	if err != nil {
		return fetched{}, err
	}
	if a.status == http.StatusNotModified && etag != "" {
		return fetched{freshFor: freshness(a.header)}, nil
	}
	if a.status != http.StatusOK {
		return fetched{}, fmt.Errorf("status %d", a.status)
	}
	keys, err := parseJWKS(a.body, s.algorithms)
	if err != nil {
		return fetched{}, err
	}
	s.etag, s.etagURI = a.header.Get("ETag"), uri
	return fetched{keys: keys, freshFor: freshness(a.header)}, nil
}

// locate returns the JWKS URL by OpenID Connect Discovery section 4, or else by RFC 8414 section 3.
func (s *source) locate(ctx context.Context) (string, error) {
	if s.fixed != "" {
		return s.fixed, nil
	}
	if s.uri != "" && s.now().Before(s.uriUntil) {
		return s.uri, nil
	}
	openid, oauth := discoveryURLs(s.issuer)
	a, err := s.get(ctx, openid, "")
	if err == nil && a.status != http.StatusOK {
		a, err = s.get(ctx, oauth, "")
	}
	if err != nil {
		return "", err
	}
	if a.status != http.StatusOK {
		return "", fmt.Errorf("status %d", a.status)
	}
	uri, err := readDiscovery(a.body, s.issuer)
	if err != nil {
		return "", err
	}
	if err := checkURL(uri, s.insecure); err != nil {
		return "", fmt.Errorf("jwks_uri: %w", err)
	}
	s.uri, s.uriUntil = uri, s.now().Add(discoveryLife)
	return uri, nil
}

// readDiscovery returns jwks_uri of a document that is the issuer's own (RFC 8414 section 3.3).
func readDiscovery(body []byte, issuer string) (string, error) {
	var doc struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := jws.Decode(body, &doc); err != nil {
		return "", err
	}
	if doc.Issuer != issuer {
		return "", fmt.Errorf("the document is that of issuer %.200q", doc.Issuer)
	}
	return doc.JWKSURI, nil
}

// discoveryURLs are the issuer's two well-known addresses: one appends, the other inserts before the path.
func discoveryURLs(issuer string) (openid, oauth string) {
	base := strings.TrimSuffix(issuer, "/")
	scheme, rest, _ := strings.Cut(base, "://")
	host, path, _ := strings.Cut(rest, "/")
	if path != "" {
		path = "/" + path
	}
	return base + "/.well-known/openid-configuration",
		scheme + "://" + host + "/.well-known/oauth-authorization-server" + path
}

// answer is an HTTP answer, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (s *source) get(ctx context.Context, uri, etag string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err != nil {
		return answer{}, err
	}
	if len(body) > maxBody {
		return answer{}, fmt.Errorf("answer is longer than %d bytes", maxBody)
	}
	return answer{res.StatusCode, res.Header, body}, nil
}

// freshness is how long an answer may be used without asking again (RFC 9111 section 4.2), within our bounds.
func freshness(h http.Header) time.Duration {
	fresh := defaultFresh
	for directive := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		if name == "no-cache" || name == "no-store" {
			return minFresh
		}
		if n, ok := wholeSeconds(strings.Trim(value, `"`)); ok && name == "max-age" {
			fresh = n
		}
	}
	if age, ok := wholeSeconds(h.Get("Age")); ok {
		fresh -= age
	}
	return min(max(fresh, minFresh), maxFresh)
}

func wholeSeconds(text string) (time.Duration, bool) {
	n, err := strconv.ParseUint(text, 10, 31)
	return time.Duration(n) * time.Second, err == nil
}

// checkURL accepts https everywhere and plain http on loopback, or anywhere if insecure.
func checkURL(raw string, insecure bool) error {
	u, err := url.Parse(raw)
	if err != nil {
		return errors.New("not a URL") // the error of url.Parse would repeat a password in it
	}
	switch {
	case u.Host == "" || u.User != nil || u.Opaque != "" || strings.Contains(raw, "#"):
		return errors.New("not a URL of a host without user and fragment")
	case u.Scheme == "https", u.Scheme == "http" && (insecure || loopback(u.Hostname())):
		return nil
	case u.Scheme == "http":
		return fmt.Errorf("plain http to %s, which is not loopback", u.Host)
	}
	return errors.New("not an https URL")
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
