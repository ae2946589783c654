package fetch

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const secret = "top-secret-banner"

// names is a resolver of fixed answers.
type names map[string][]string

func (n names) lookup(_ context.Context, host string) ([]netip.Addr, error) {
	var list []netip.Addr
	for _, text := range n[canonicalName(host)] {
		list = append(list, netip.MustParseAddr(text))
	}
	if list == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return list, nil
}

// wire notes what is dialed and connects every address to one listener.
type wire struct {
	to     string
	mu     sync.Mutex // guards dialed
	dialed []string
}

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	w.dialed = append(w.dialed, address)
	w.mu.Unlock()
	if w.to == "" {
		return nil, errors.New(secret)
	}
	return new(net.Dialer).DialContext(ctx, network, w.to)
}

func (w *wire) seen() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.dialed)
}

func newFetcher(t *testing.T, o Options) *Fetcher {
	t.Helper()
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func serve(t *testing.T, handle http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	return s
}

// allowed is a Fetcher that may reach the test's server.
func allowed(t *testing.T, s *httptest.Server, o Options) *Fetcher {
	t.Helper()
	o.Allow = append(o.Allow, s.Listener.Addr().String())
	return newFetcher(t, o)
}

func TestGet(t *testing.T) {
	var got *http.Request
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.Header().Set("Content-Type", "Application/JWK-Set+JSON; charset=utf-8")
		w.Header().Set("Cache-Control", "max-age=600")
		fmt.Fprint(w, `{"keys":[]}`)
	})
	answer, err := allowed(t, s, Options{}).Get(t.Context(), s.URL+"/keys?a=b", "application/jwk-set+json", "application/json")
	if err != nil || answer.Status != 200 || answer.Type != "application/jwk-set+json" || string(answer.Body) != `{"keys":[]}` || answer.MaxAge != 10*time.Minute {
		t.Fatalf("Get = %+v, %v", answer, err)
	}
	if got.Method != "GET" || got.URL.String() != "/keys?a=b" || got.Header.Get("User-Agent") != "Keyturn" ||
		got.Header.Get("Accept") != "application/jwk-set+json, application/json" {
		t.Errorf("the request: %s %s %v", got.Method, got.URL, got.Header)
	}
	for _, name := range []string{"Accept-Encoding", "Cookie", "Authorization", "Referer"} {
		if value := got.Header.Get(name); value != "" {
			t.Errorf("%s: %s was sent", name, value)
		}
	}
}

// TestPostForm: OIDC Back-Channel Logout section 2.5.
func TestPostForm(t *testing.T) {
	var body, contentType string
	status := http.StatusOK
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		body, contentType = string(b), r.Header.Get("Content-Type")
		w.WriteHeader(status)
	})
	f := allowed(t, s, Options{UserAgent: "Test/1"})
	got, err := f.PostForm(t.Context(), s.URL, url.Values{"logout_token": {"a.b&c"}})
	if err != nil || got != 200 || body != "logout_token=a.b%26c" || contentType != "application/x-www-form-urlencoded" {
		t.Errorf("PostForm = %d, %v; the server got %s of %s", got, err, body, contentType)
	}
	for _, status = range []int{301, 400, 501} {
		if got, err := f.PostForm(t.Context(), s.URL, nil); got != status || !errors.Is(err, ErrStatus) {
			t.Errorf("PostForm = %d, %v; want %d and %v", got, err, status, ErrStatus)
		}
	}
	status = http.StatusNoContent
	if got, err := f.PostForm(t.Context(), s.URL, nil); got != 204 || err != nil {
		t.Errorf("PostForm = %d, %v; want 204", got, err)
	}
}

// TestRefusedBeforeAnythingIsSent: no address, and no name that leads to one, but public ones.
func TestRefusedBeforeAnythingIsSent(t *testing.T) {
	resolver := names{
		"loopback.example":  {"127.0.0.1"},
		"loopback6.example": {"::1"},
		"private.example":   {"10.1.2.3"},
		"metadata.example":  {"169.254.169.254"},
		"cgnat.example":     {"100.64.0.1"},
		"ula.example":       {"fd00:ec2::254"},
		"mapped.example":    {"::ffff:127.0.0.1"},
		"nat64.example":     {"64:ff9b::7f00:1"},
		"6to4.example":      {"2002:7f00:1::1"},
		"zero.example":      {"0.0.0.0"},
		"mixed.example":     {"93.184.216.34", "10.0.0.1"},
		"localhost":         {"127.0.0.1"},
		"public.example":    {"93.184.216.34"},
		"named.example":     {"93.184.216.34"},
	}
	w := &wire{}
	f := newFetcher(t, Options{Lookup: resolver.lookup, Dial: w.dial, Allow: []string{"named.example:8443", "192.168.7.0/24", "other.example"}})
	targets := []string{
		"https://127.0.0.1/", "https://[::1]/", "https://10.0.0.1:8443/", "https://169.254.169.254/latest/meta-data", "https://[fe80::1]/",
		"https://[64:ff9b::a00:1]/", "https://[2002:c0a8:101::1]/", "https://0.0.0.0/", "https://255.255.255.255/", "https://192.168.8.1/",
		"http://127.0.0.1/", "http://public.example/", "http://93.184.216.34/", "http://named.example/",
		"ftp://public.example/", "https://user@public.example/", "https://public.example/#f", "",
	}
	for name := range resolver {
		if name != "public.example" && name != "named.example" {
			targets = append(targets, "https://"+name+"/")
		}
	}
	for _, target := range targets {
		if answer, err := f.Get(t.Context(), target); !errors.Is(err, ErrRefused) || answer.Status != 0 {
			t.Errorf("Get(%s) = %+v, %v; want %v", target, answer, err, ErrRefused)
		}
		if status, err := f.PostForm(t.Context(), target, nil); !errors.Is(err, ErrRefused) || status != 0 {
			t.Errorf("PostForm(%s) = %d, %v; want %v", target, status, err, ErrRefused)
		}
	}
	if dialed := w.seen(); len(dialed) != 0 {
		t.Errorf("dialed %q", dialed)
	}
	if _, err := f.Get(t.Context(), "https://public.example/"); !errors.Is(err, ErrUnreachable) || len(w.seen()) != 1 {
		t.Errorf("a public host: %v, dialed %q; want it tried", err, w.seen())
	}
}

// TestAllowOpensWhatItNames: plain http and private addresses, and nothing beside them.
func TestAllowOpensWhatItNames(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	resolver := names{"app.internal": {"10.0.0.7"}, "net.internal": {"10.9.0.7"}, "other.internal": {"10.0.0.8"}, "both.internal": {"10.9.0.7", "10.0.0.8"}}
	w := &wire{to: s.Listener.Addr().String()}
	f := newFetcher(t, Options{Lookup: resolver.lookup, Dial: w.dial, Allow: []string{"app.internal:8080", "10.9.0.0/16"}})
	for target, want := range map[string]error{
		"http://app.internal:8080/": nil, "http://net.internal/": nil, "http://10.9.1.1:99/": nil, "http://APP.internal.:8080/": nil,
		"http://app.internal/": ErrRefused, "http://app.internal:8081/": ErrRefused, "http://other.internal:8080/": ErrRefused,
		"http://10.0.0.7:8080/": ErrRefused, "http://both.internal/": ErrRefused, "https://other.internal/": ErrRefused,
	} {
		if _, err := f.Get(t.Context(), target); !errors.Is(err, want) {
			t.Errorf("Get(%s) = %v; want %v", target, err, want)
		}
	}
	for target, want := range map[string]error{
		"http://app.internal:8080/": nil, "https://public.example/": nil, "https://other.internal/": nil, // its address is not known yet
		"http://10.0.0.7:8080/": ErrRefused, "https://10.0.0.7/": ErrRefused, "https://10.9.0.1/": nil, "nonsense": ErrRefused,
	} {
		if err := f.Check(target); !errors.Is(err, want) {
			t.Errorf("Check(%s) = %v; want %v", target, err, want)
		}
	}
}

// TestCheckedAddressIsTheDialedOne: DNS rebinding, a name that means another address at the next question.
func TestCheckedAddressIsTheDialedOne(t *testing.T) {
	asked := 0
	lookup := func(context.Context, string) ([]netip.Addr, error) {
		if asked++; asked == 1 {
			return []netip.Addr{netip.MustParseAddr("::ffff:93.184.216.34")}, nil
		}
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	w := &wire{}
	f := newFetcher(t, Options{Lookup: lookup, Dial: w.dial})
	if _, err := f.Get(t.Context(), "https://rebind.example/"); !errors.Is(err, ErrUnreachable) {
		t.Errorf("first: %v", err)
	}
	if _, err := f.Get(t.Context(), "https://rebind.example/"); !errors.Is(err, ErrRefused) {
		t.Errorf("second: %v; want %v", err, ErrRefused)
	}
	if want := []string{"93.184.216.34:443"}; !slices.Equal(w.seen(), want) || asked != 2 {
		t.Errorf("dialed %q after %d questions; want %q, one question each", w.seen(), asked, want)
	}
}

func TestNextAddressIsTried(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	resolver := names{"two.internal": {"fd00::1", "10.0.0.1"}, "many.internal": {"10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"}}
	var tried []string
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if tried = append(tried, address); address != "10.0.0.1:80" {
			return nil, errors.New("no route")
		}
		return new(net.Dialer).DialContext(ctx, network, s.Listener.Addr().String())
	}
	f := newFetcher(t, Options{Lookup: resolver.lookup, Dial: dial, Allow: []string{"two.internal", "many.internal"}})
	if _, err := f.Get(t.Context(), "http://two.internal/"); err != nil {
		t.Errorf("Get = %v; want the second address to serve", err)
	}
	tried = nil
	if _, err := f.Get(t.Context(), "http://many.internal/"); !errors.Is(err, ErrUnreachable) || len(tried) != maxAddresses {
		t.Errorf("Get = %v after %q; want %d addresses", err, tried, maxAddresses)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	hits := 0
	target := serve(t, func(http.ResponseWriter, *http.Request) { hits++ })
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target.URL, http.StatusFound) })
	f := allowed(t, s, Options{Allow: []string{target.Listener.Addr().String()}})
	if answer, err := f.Get(t.Context(), s.URL); !errors.Is(err, ErrStatus) || answer.Status != 302 || answer.Body != nil || hits != 0 {
		t.Errorf("Get = %+v, %v, %d hits; want %v", answer, err, hits, ErrStatus)
	}
}

// TestErrorsRepeatNothing: an error ends up in logs, and must not carry what a server said.
func TestErrorsRepeatNothing(t *testing.T) {
	for name, say := range map[string]string{
		"another protocol":    secret + "\r\n",
		"a bad header":        "HTTP/1.1 200 OK\r\n" + secret + "\r\n\r\n",
		"a bad status":        "HTTP/1.1 " + secret + "\r\n\r\n",
		"an error page":       "HTTP/1.1 500 " + secret + "\r\nX: " + secret + "\r\nContent-Length: 17\r\n\r\n" + secret,
		"a bad location":      "HTTP/1.1 302 Found\r\nLocation: ://" + secret + "%zz\r\nContent-Length: 0\r\n\r\n",
		"a broken chunk":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + secret + "\r\n",
		"a bad length":        "HTTP/1.1 200 OK\r\nContent-Length: " + secret + "\r\n\r\n",
		"less than announced": "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + secret,
		"long headers":        "HTTP/1.1 200 OK\r\nX: " + strings.Repeat(secret, 4096) + "\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					go func() {
						defer conn.Close()
						_, _ = conn.Read(make([]byte, 4096))
						_, _ = io.WriteString(conn, say)
					}()
				}
			}()
			f := newFetcher(t, Options{Allow: []string{l.Addr().String()}})
			answer, err := f.Get(t.Context(), "http://"+l.Addr().String())
			if !errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrStatus) {
				t.Errorf("Get = %+v, %v; want an error", answer, err)
			}
			if answer.Body != nil || strings.Contains(fmt.Sprint(err), secret) {
				t.Errorf("the error repeats the answer: %v, body %q", err, answer.Body)
			}
			if _, err := f.PostForm(t.Context(), "http://"+l.Addr().String(), nil); strings.Contains(fmt.Sprint(err), secret) {
				t.Errorf("the error repeats the answer: %v", err)
			}
		})
	}
}

func TestBodyLimit(t *testing.T) {
	var send func(http.ResponseWriter)
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { send(w) })
	f := allowed(t, s, Options{MaxBody: 1000})
	for name, test := range map[string]struct {
		send func(http.ResponseWriter)
		want error
	}{
		"at the limit":         {func(w http.ResponseWriter) { io.WriteString(w, strings.Repeat("a", 1000)) }, nil},
		"above, announced":     {func(w http.ResponseWriter) { io.WriteString(w, strings.Repeat("a", 1001)) }, ErrTooLarge},
		"above, in pieces":     {func(w http.ResponseWriter) { drip(w, 1001) }, ErrTooLarge},
		"at the limit, pieces": {func(w http.ResponseWriter) { drip(w, 1000) }, nil},
		"a bomb is not unpacked": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(make([]byte, 100_000))
			_ = z.Close()
		}, nil},
	} {
		send = test.send
		answer, err := f.Get(t.Context(), s.URL)
		if !errors.Is(err, test.want) || len(answer.Body) > 1000 || (err != nil) != (answer.Body == nil) {
			t.Errorf("%s: %d bytes, %v; want %v", name, len(answer.Body), err, test.want)
		}
	}
}

func drip(w http.ResponseWriter, n int) {
	for range n {
		_, _ = w.Write([]byte("a"))
		_ = http.NewResponseController(w).Flush()
	}
}

// TestTimeoutBoundsTheWholeExchange: a server that is silent, one whose body does not end, a name server
// and a connection that do not answer.
func TestTimeoutBoundsTheWholeExchange(t *testing.T) {
	hang := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			_ = http.NewResponseController(w).Flush()
		}
		<-hang
	}))
	defer s.Close()
	defer close(hang)
	o := Options{Timeout: 50 * time.Millisecond}
	for _, path := range []string{"/", "/body"} {
		if _, err := allowed(t, s, o).Get(t.Context(), s.URL+path); !errors.Is(err, ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v; want %v, deadline exceeded", path, err, ErrUnreachable)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		stuck := Options{
			Lookup: func(ctx context.Context, _ string) ([]netip.Addr, error) { <-ctx.Done(); return nil, ctx.Err() },
			Dial:   func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() },
		}
		for _, target := range []string{"https://client.example/", "https://93.184.216.34/"} {
			began := time.Now()
			_, err := newFetcher(t, stuck).Get(t.Context(), target)
			if !errors.Is(err, ErrUnreachable) || time.Since(began) != defaultTimeout {
				t.Errorf("%s: %v after %s; want %v after %s", target, err, time.Since(began), ErrUnreachable, defaultTimeout)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := newFetcher(t, stuck).Get(ctx, "https://client.example/"); !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled context: %v", err)
		}
	})
}

func TestConcurrencyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		release := make(chan struct{})
		f := newFetcher(t, Options{Dial: func(context.Context, string, string) (net.Conn, error) {
			most.Store(max(most.Load(), now.Add(1)))
			<-release
			now.Add(-1)
			return nil, errors.New("no")
		}})
		var all sync.WaitGroup
		for range 3 * maxConcurrent {
			all.Go(func() { _, _ = f.Get(t.Context(), "https://93.184.216.34/") })
		}
		synctest.Wait()
		if got := now.Load(); got != maxConcurrent {
			t.Errorf("%d at once; want %d", got, maxConcurrent)
		}
		close(release)
		all.Wait()
		if got := most.Load(); got != maxConcurrent {
			t.Errorf("%d at most; want %d", got, maxConcurrent)
		}
	})
}

func TestTLS(t *testing.T) {
	newServer := func(version uint16) *httptest.Server {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }))
		s.TLS = &tls.Config{MaxVersion: version, MinVersion: version}
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.EnableHTTP2 = true
		s.StartTLS()
		t.Cleanup(s.Close)
		return s
	}
	good, old := newServer(tls.VersionTLS13), newServer(tls.VersionTLS11)
	roots := x509.NewCertPool()
	roots.AddCert(good.Certificate())
	resolver := names{"example.com": {"93.184.216.34"}, "other.example": {"93.184.216.34"}} // the certificate is example.com's
	get := func(s *httptest.Server, host string, roots *x509.CertPool) (Response, error) {
		w := &wire{to: s.Listener.Addr().String()}
		return newFetcher(t, Options{Roots: roots, Lookup: resolver.lookup, Dial: w.dial}).Get(t.Context(), "https://"+host+"/")
	}
	if answer, err := get(good, "example.com", roots); err != nil || string(answer.Body) != "HTTP/1.1" {
		t.Errorf("a good certificate: %s, %v", answer.Body, err)
	}
	for name, try := range map[string]func() (Response, error){
		"unknown authority": func() (Response, error) { return get(good, "example.com", x509.NewCertPool()) },
		"another's name":    func() (Response, error) { return get(good, "other.example", roots) },
		"TLS 1.1":           func() (Response, error) { return get(old, "example.com", roots) },
	} {
		if _, err := try(); !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: %v; want %v", name, err, ErrUnreachable)
		}
	}
}

func TestNoProxyFromTheEnvironment(t *testing.T) {
	hits := 0
	proxy := serve(t, func(http.ResponseWriter, *http.Request) { hits++ })
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	w := &wire{to: s.Listener.Addr().String()}
	f := newFetcher(t, Options{Allow: []string{"app.internal"}, Lookup: names{"app.internal": {"10.0.0.1"}}.lookup, Dial: w.dial})
	if _, err := f.Get(t.Context(), "http://app.internal/"); err != nil || hits != 0 {
		t.Errorf("Get = %v, %d requests to the proxy", err, hits)
	}
	if f.plain.Proxy != nil || f.secure.Proxy != nil {
		t.Error("a transport asks for a proxy")
	}
}

func TestUnknownNameSaysSo(t *testing.T) {
	f := newFetcher(t, Options{Lookup: names{}.lookup})
	_, err := f.Get(t.Context(), "https://nobody.example/")
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "no such host") {
		t.Errorf("Get = %v", err)
	}
}

// TestMaxAge: RFC 9111 sections 4.2.1, 5.2.2 and 5.3.
func TestMaxAge(t *testing.T) {
	const date, later = "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:59:37 GMT"
	for _, test := range []struct {
		header http.Header
		want   time.Duration
	}{
		{http.Header{}, 0},
		{http.Header{"Cache-Control": {"public, Max-Age=600"}}, 10 * time.Minute},
		{http.Header{"Cache-Control": {`max-age="600"`}}, 10 * time.Minute},
		{http.Header{"Cache-Control": {"public", "max-age=600"}}, 10 * time.Minute},
		{http.Header{"Cache-Control": {"max-age=600"}, "Age": {"60"}}, 9 * time.Minute},
		{http.Header{"Cache-Control": {"max-age=600"}, "Age": {"601"}}, 0},
		{http.Header{"Cache-Control": {"max-age=600, max-age=1"}}, 0},
		{http.Header{"Cache-Control": {"max-age=600, no-store"}}, 0},
		{http.Header{"Cache-Control": {"no-cache"}, "Expires": {later}, "Date": {date}}, 0},
		{http.Header{"Cache-Control": {"max-age=-1"}}, 0},
		{http.Header{"Cache-Control": {"max-age=99999999999999999999"}}, 0},
		{http.Header{"Cache-Control": {"s-maxage=600"}}, 0},
		{http.Header{"Expires": {later}, "Date": {date}}, 10 * time.Minute},
		{http.Header{"Expires": {date}, "Date": {later}}, 0},
		{http.Header{"Expires": {later}}, 0},
		{http.Header{"Expires": {"0"}, "Date": {date}}, 0},
		{http.Header{"Cache-Control": {"max-age=60"}, "Expires": {later}, "Date": {date}}, time.Minute},
	} {
		if got := maxAge(test.header); got != test.want {
			t.Errorf("maxAge(%v) = %s; want %s", test.header, got, test.want)
		}
	}
}
