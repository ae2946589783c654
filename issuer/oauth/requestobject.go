package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"keyturn/audit/sentence"
	"keyturn/issuer/fetch"
	"keyturn/keys"
)

// ErrRequestObject says that a request object, or what stands at a request_uri, can't be used: not signed by
// the client, for somebody else, or expired (OIDC Core section 6.3, RFC 9101 section 6.3).
var ErrRequestObject = errors.New("oauth: the request object is invalid")

// ErrRequestURI says that a request_uri is not registered, or could not be read (OIDC Core section 6.2).
var ErrRequestURI = errors.New("oauth: the request_uri is not registered or could not be read")

// Fetcher reads what a client has registered a URL of.
type Fetcher interface {
	Get(ctx context.Context, url string, accept ...string) (fetch.Response, error)
}

// checkRequestObject takes the parameters out of a request object that the client has signed (OIDC Core section
// 6, RFC 9101). What it says goes before what stands in the query. Where it can't be used the client is told
// if the query alone names a redirect URI of its own.
func checkRequestObject(p *Provider, ctx context.Context, d *draft) error {
	inside, err := p.requestObject(ctx, d)
	if err == nil {
		d.params = merged(d.params, inside)
		return nil
	}
	outside := &draft{params: d.params, client: d.client}
	for _, c := range []func(*Provider, context.Context, *draft) error{checkRedirectURI, checkState, checkResponseMode} {
		if c(p, ctx, outside) != nil {
			return err
		}
	}
	return &Refused{Err: err, back: outside.back}
}

// requestObject returns the parameters of the request's object, none where it has no object.
func (p *Provider) requestObject(ctx context.Context, d *draft) (url.Values, error) {
	raw, err := d.one("request")
	if err != nil {
		return nil, err
	}
	uri, err := d.short("request_uri", maxHint)
	switch {
	case err != nil:
		return nil, err
	case raw == "" && uri == "":
		return nil, nil
	case raw != "" && uri != "":
		return nil, &InvalidRequest{"request", sentence.Say("and request_uri exclude each other")}
	case uri != "":
		if raw, err = p.fetchRequest(ctx, d.client, uri); err != nil {
			return nil, err
		}
	}
	return p.readRequestObject(ctx, d.client, raw)
}

// fetchRequest reads the request object at a URI that the client has registered, byte by byte; nothing else
// that an anonymous request names is ever fetched. Its fragment, a hash of the content, is not sent.
func (p *Provider) fetchRequest(ctx context.Context, c *Client, uri string) (string, error) {
	if !slices.Contains(c.RequestURIs, uri) {
		return "", ErrRequestURI
	}
	return p.requests.get(ctx, p.Fetch, p.Now, uri)
}

// requestsKept is how long what stands at a request_uri is kept: whoever asks without end causes one fetch in
// that time, and who changes the object waits no longer.
const requestsKept = 5 * time.Second

// requestObjects are those read a moment ago, by their URIs, of which there are as many as are registered.
type requestObjects struct {
	mu   sync.Mutex // guards read
	read map[string]*readObject
}

// readObject is one reading. What follows done is set when that is closed.
type readObject struct {
	done chan struct{}
	text string
	err  error
	at   time.Time
}

// get returns what stands at the URI, read now or a moment ago; callers that come at once share one reading.
func (r *requestObjects) get(ctx context.Context, from Fetcher, now func() time.Time, uri string) (string, error) {
	o := r.join(ctx, from, now, uri)
	select {
	case <-o.done:
		return o.text, o.err
	case <-ctx.Done():
		return "", fmt.Errorf("%w: %w", ErrRequestURI, ctx.Err())
	}
}

func (r *requestObjects) join(ctx context.Context, from Fetcher, now func() time.Time, uri string) *readObject {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last := r.read[uri]; last != nil && !last.stale(now()) {
		return last
	}
	if r.read == nil {
		r.read = map[string]*readObject{}
	}
	o := &readObject{done: make(chan struct{})}
	r.read[uri] = o
	ctx = context.WithoutCancel(ctx) // the caller may hang up; those who wait with it did not
	go func() {
		defer close(o.done)
		address, _, _ := strings.Cut(uri, "#")
		answer, err := from.Get(ctx, address, "application/oauth-authz-req+jwt", "application/jwt")
		if o.at = now(); err != nil {
			o.err = fmt.Errorf("%w: %w", ErrRequestURI, err)
			return
		}
		o.text = strings.TrimSpace(string(answer.Body))
	}()
	return o
}

// stale tells whether the reading is over and too old.
func (o *readObject) stale(now time.Time) bool {
	select {
	case <-o.done:
		return now.Sub(o.at).Abs() >= requestsKept
	default:
		return false
	}
}

// requestObject is what of a request object is no parameter.
type requestObject struct {
	Issuer    string       `json:"iss"`
	Subject   string       `json:"sub"`
	Audience  audiences    `json:"aud"`
	Expires   *numericDate `json:"exp"`
	NotBefore *numericDate `json:"nbf"`
	ClientID  string       `json:"client_id"`
}

// requestObjectLeeway is how far the client's clock may be off.
const requestObjectLeeway = time.Minute

// readRequestObject checks signature and claims, and returns the parameters.
func (p *Provider) readRequestObject(ctx context.Context, c *Client, raw string) (url.Values, error) {
	refused := func(why string) error { return fmt.Errorf("%w: %s", ErrRequestObject, why) }
	token, err := p.Assertions.Keys.Verify(ctx, c, raw)
	if err != nil {
		return nil, refused(err.Error())
	}
	// RFC 9101 section 10.8: a JWT that the client made for something else is no request.
	if !slices.Contains([]string{"", "jwt", "oauth-authz-req+jwt"}, strings.ToLower(token.Type)) {
		return nil, refused("another type of JWT")
	}
	var object requestObject
	var members map[string]json.RawMessage
	if keys.DecodeClaims(token.Claims, &object) != nil || keys.DecodeClaims(token.Claims, &members) != nil {
		return nil, refused("no claims")
	}
	now := p.Now()
	switch {
	case object.Issuer != "" && object.Issuer != c.ID:
		return nil, refused("iss is not the client")
	case object.Subject != "" && object.Subject == c.ID:
		return nil, refused("sub is the client: this is a client assertion")
	case object.ClientID != "" && object.ClientID != c.ID:
		return nil, refused("client_id is another one")
	case len(object.Audience) > 0 && !slices.Contains(object.Audience, p.issuerURL()):
		return nil, refused("aud is not this provider")
	case object.Expires != nil && !now.Add(-requestObjectLeeway).Before(object.Expires.time()):
		return nil, refused("expired")
	case object.NotBefore != nil && object.NotBefore.time().After(now.Add(requestObjectLeeway)):
		return nil, refused("not valid yet")
	case len(members["request"]) > 0 || len(members["request_uri"]) > 0:
		return nil, refused("a request object within a request object")
	}
	return parameters(members)
}

// jwtClaims are members of a request object that are no parameters of the request.
var jwtClaims = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti"}

// parameters turns members into parameters: texts as they are, numbers and objects as their JSON.
func parameters(members map[string]json.RawMessage) (url.Values, error) {
	out := url.Values{}
	for name, raw := range members {
		if slices.Contains(jwtClaims, name) {
			continue
		}
		var text string
		if json.Unmarshal(raw, &text) != nil {
			text = string(raw)
		}
		var list []string
		if name == "resource" && json.Unmarshal(raw, &list) == nil { // RFC 8707 section 2.1
			out[name] = list
			continue
		}
		out[name] = []string{text}
	}
	return out, nil
}

func merged(outside, inside url.Values) url.Values {
	all := maps.Clone(outside)
	maps.Copy(all, inside)
	delete(all, "request")
	delete(all, "request_uri")
	return all
}
