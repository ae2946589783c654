package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	defaultTimeout = 5 * time.Second
	defaultMaxBody = 64 << 10
	// maxHeader is the size in bytes of an answer's headers beyond which it is given up.
	maxHeader = 16 << 10
	// maxConcurrent is how many exchanges run at once; the others wait within their own time.
	maxConcurrent = 32
)

// Options of a Fetcher; the zero value is safe.
type Options struct {
	// Allow names what may be reached though it is on a loopback or private network, and without TLS: each
	// entry a host, host:port or CIDR. A host that is an IP address also covers the names that lead to it.
	Allow []string
	// Roots are the certificate authorities that servers are checked against; nil for the system's.
	Roots *x509.CertPool
	// Timeout bounds a whole exchange, from the name's resolution to the end of the answer; 0 for 5 s.
	Timeout time.Duration
	// MaxBody is the longest answer in bytes; 0 for 64 KiB.
	MaxBody int64
	// UserAgent is sent; "Keyturn" where it is empty.
	UserAgent string

	// Lookup and Dial take the place of the system's resolver and network in tests.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
}

// Fetcher makes requests to servers that strangers have named. It follows no redirect, keeps no cookie or
// connection, sends no credentials, and does not ask the environment for a proxy. It is safe for
// concurrent use.
type Fetcher struct {
	allow     allowlist
	timeout   time.Duration
	maxBody   int64
	userAgent string
	// plain and secure differ in what their connections may lead to.
	plain, secure *http.Transport
	slots         chan struct{}
}

// Response is an answer with the status 200, read to its end; with ErrStatus, the Status of another alone.
type Response struct {
	Status int
	// Type is the media type in lower case without parameters, empty where there is none.
	Type string
	Body []byte
	// MaxAge is how long the answer may be used without asking again (RFC 9111 section 4.2), 0 where the
	// server does not say.
	MaxAge time.Duration
}

// New returns a Fetcher. Its error names the entry of Allow that can't be read.
func New(o Options) (*Fetcher, error) {
	allow, err := parseAllow(o.Allow)
	if err != nil {
		return nil, err
	}
	if o.Lookup == nil {
		o.Lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	f := &Fetcher{
		allow: allow, timeout: orElse(o.Timeout, defaultTimeout), maxBody: orElse(o.MaxBody, defaultMaxBody),
		userAgent: orElse(o.UserAgent, "Keyturn"), slots: make(chan struct{}, maxConcurrent),
	}
	f.plain, f.secure = f.transport(o, true), f.transport(o, false)
	return f, nil
}

func (f *Fetcher) transport(o Options, plain bool) *http.Transport {
	g := &guard{allow: &f.allow, lookup: o.Lookup, dial: o.Dial, timeout: f.timeout, plain: plain}
	only := new(http.Protocols)
	only.SetHTTP1(true)
	return &http.Transport{
		DialContext:            g.connect,
		TLSClientConfig:        &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    f.timeout,
		DisableKeepAlives:      true,
		DisableCompression:     true, // a short answer can't unpack into a long one
		MaxResponseHeaderBytes: maxHeader,
		Protocols:              only,
	}
}

func orElse[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// Check tells, without asking the network, whether a URL would be tried at all: the rules of CheckURL, but
// plain http for what Allow names. What its host resolves to is judged when it is fetched. Its error
// wraps ErrRefused.
func (f *Fetcher) Check(raw string) error {
	_, err := f.parse(raw)
	return err
}

func (f *Fetcher) parse(raw string) (*url.URL, error) {
	u, err := parse(raw)
	if err != nil {
		return nil, err
	}
	host, port, plain := u.Hostname(), portOf(u), u.Scheme == "http"
	if ip, err := netip.ParseAddr(host); err == nil {
		return u, (&guard{allow: &f.allow, plain: plain}).judge(host, port, []netip.Addr{ip})
	}
	if plain && len(f.allow.nets) == 0 && !f.allow.name(host, port) {
		return nil, refused("plain http to " + net.JoinHostPort(host, port) + ", which KEYTURN_FETCH_ALLOW does not name")
	}
	return u, nil
}

// Get fetches a document; accept are media types, the preferred one first. An answer with another status
// than 200 comes as its Status alone, with ErrStatus.
func (f *Fetcher) Get(ctx context.Context, url string, accept ...string) (Response, error) {
	header := http.Header{}
	if len(accept) > 0 {
		header.Set("Accept", strings.Join(accept, ", "))
	}
	var answer Response
	err := f.exchange(ctx, request{method: http.MethodGet, url: url, header: header}, func(res *http.Response) error {
		answer.Status = res.StatusCode
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("%w %d", ErrStatus, res.StatusCode)
		}
		return f.read(res, &answer)
	})
	if err != nil {
		return Response{Status: answer.Status}, err
	}
	return answer, nil
}

// PostForm sends a form and returns the answer's status, 0 where there is none; what the answer says is
// not read. Another status than 2xx comes with ErrStatus.
func (f *Fetcher) PostForm(ctx context.Context, url string, form url.Values) (status int, err error) {
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	q := request{method: http.MethodPost, url: url, header: header, body: form.Encode()}
	err = f.exchange(ctx, q, func(res *http.Response) error {
		status = res.StatusCode
		if status < 200 || status > 299 {
			return fmt.Errorf("%w %d", ErrStatus, status)
		}
		return nil
	})
	return status, err
}

type request struct {
	method, url string
	header      http.Header
	body        string
}

// exchange makes one request and lets take have the answer, all within the timeout.
func (f *Fetcher) exchange(ctx context.Context, q request, take func(*http.Response) error) error {
	u, err := f.parse(q.url)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, q.method, u.String(), strings.NewReader(q.body))
	if err != nil {
		return refused("not a URL")
	}
	req.Header = q.header
	req.Header.Set("User-Agent", f.userAgent)
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	case <-ctx.Done():
		return unreachable(ctx, ctx.Err())
	}
	transport := f.secure
	if u.Scheme == "http" {
		transport = f.plain
	}
	// A transport by itself follows no redirect and keeps no cookie.
	res, err := transport.RoundTrip(req)
	if err != nil {
		return unreachable(ctx, err)
	}
	defer res.Body.Close()
	return take(res)
}

// read takes the answer's body up to the limit.
func (f *Fetcher) read(res *http.Response, answer *Response) error {
	body, err := io.ReadAll(io.LimitReader(res.Body, f.maxBody+1))
	if err != nil {
		return unreachable(res.Request.Context(), err)
	}
	if int64(len(body)) > f.maxBody {
		return ErrTooLarge
	}
	answer.Body, answer.MaxAge = body, maxAge(res.Header)
	if kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err == nil {
		answer.Type = kind
	}
	return nil
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	if u.Scheme == "http" {
		return "80"
	}
	return "443"
}

// portNumber is that of a port which parse has accepted.
func portNumber(port string) uint16 {
	n, _ := strconv.ParseUint(port, 10, 16) // 0 can't be dialed
	return uint16(n)
}
