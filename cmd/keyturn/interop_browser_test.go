//go:build interop

package main

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// browser is what a person sits at: it follows redirects and links, submits the forms of real pages, and
// keeps and withholds cookies as browsers do (RFC 6265bis section 5.6.7: SameSite).
type browser struct {
	t       *testing.T
	http    *http.Client
	cookies []*keptCookie
	// What is on the screen.
	url    *url.URL
	status int
	text   string
}

type keptCookie struct {
	*http.Cookie
	host string
}

func newBrowser(t *testing.T) *browser {
	return &browser{t: t, http: &http.Client{
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// open goes to a URL as if it had been typed in.
func (b *browser) open(address string) {
	b.t.Helper()
	to, err := url.Parse(address)
	must(b.t, err)
	b.url = nil
	b.visit(http.MethodGet, to, nil)
}

// visit sends a request from the page that is shown, and goes where the answer leads.
func (b *browser) visit(method string, to *url.URL, form url.Values) {
	b.t.Helper()
	from := b.url
	for range 20 {
		answer := b.send(method, to, from, form)
		if answer == nil {
			return
		}
		if answer.StatusCode != http.StatusTemporaryRedirect && answer.StatusCode != http.StatusPermanentRedirect {
			method, form = http.MethodGet, nil
		}
		next, err := to.Parse(answer.Header.Get("Location"))
		must(b.t, err)
		to = next
	}
	b.t.Fatalf("redirected on and on, last to %s", to)
}

// send makes one request. It returns the answer if that is a redirect; else the page is on the screen.
func (b *browser) send(method string, to, from *url.URL, form url.Values) *http.Response {
	b.t.Helper()
	request, err := http.NewRequest(method, to.String(), strings.NewReader(form.Encode()))
	must(b.t, err)
	request.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	request.Header.Set("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
	request.Header.Set("Accept-Language", "en")
	sameSite := from == nil || from.Hostname() == to.Hostname()
	request.Header.Set("Sec-Fetch-Site", fetchSite(from, to))
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Origin", origin(from))
	}
	for _, c := range b.cookies {
		if c.goesTo(to, sameSite, method) {
			request.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
		}
	}
	answer, err := b.http.Do(request)
	must(b.t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	must(b.t, err)
	b.keep(to, answer.Cookies())
	if answer.StatusCode/100 == 3 && answer.Header.Get("Location") != "" {
		return answer
	}
	b.url, b.status, b.text = to, answer.StatusCode, string(body)
	return nil
}

func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

func fetchSite(from, to *url.URL) string {
	switch {
	case from == nil:
		return "none"
	case origin(from) == origin(to):
		return "same-origin"
	case from.Scheme == to.Scheme && from.Hostname() == to.Hostname():
		return "same-site"
	}
	return "cross-site"
}

// goesTo: a cookie without SameSite is Lax, and Lax cookies don't go along with another site's form. Loopback
// counts as secure.
func (c *keptCookie) goesTo(to *url.URL, sameSite bool, method string) bool {
	if c.host != to.Hostname() || !strings.HasPrefix(to.Path, c.Path) {
		return false
	}
	switch {
	case sameSite:
		return true
	case c.SameSite == http.SameSiteStrictMode:
		return false
	case c.SameSite == http.SameSiteNoneMode:
		return true
	}
	return method == http.MethodGet
}

func (b *browser) keep(from *url.URL, set []*http.Cookie) {
	for _, c := range set {
		if c.SameSite == http.SameSiteNoneMode && !c.Secure {
			continue // browsers refuse these
		}
		if c.Path == "" {
			c.Path = from.Path[:strings.LastIndexByte(from.Path, '/')+1]
		}
		kept := b.cookies[:0]
		for _, old := range b.cookies {
			if old.host != from.Hostname() || old.Name != c.Name || old.Path != c.Path {
				kept = append(kept, old)
			}
		}
		b.cookies = kept
		if c.MaxAge >= 0 && (c.Expires.IsZero() || c.Expires.After(time.Now())) {
			b.cookies = append(b.cookies, &keptCookie{c, from.Hostname()})
		}
	}
}

var (
	formTag   = regexp.MustCompile(`(?s)<form([^>]*)>(.*?)</form>`)
	inputTag  = regexp.MustCompile(`(?s)<input([^>]*)>`)
	buttonTag = regexp.MustCompile(`(?s)<button([^>]*)>(.*?)</button>`)
	linkTag   = regexp.MustCompile(`(?s)<a([^>]*)>(.*?)</a>`)
	anyTag    = regexp.MustCompile(`(?s)<[^>]*>`)
	attribute = regexp.MustCompile(`([a-z-]+)="([^"]*)"`)
)

func attributes(tag string) map[string]string {
	all := map[string]string{}
	for _, a := range attribute.FindAllStringSubmatch(tag, -1) {
		all[a[1]] = html.UnescapeString(a[2])
	}
	return all
}

func words(markup string) string {
	return strings.Join(strings.Fields(html.UnescapeString(anyTag.ReplaceAllString(markup, " "))), " ")
}

// press presses the button with that text; fields, as name and value in turn, are typed in before.
func (b *browser) press(label string, fields ...string) {
	b.t.Helper()
	for _, form := range formTag.FindAllStringSubmatch(b.text, -1) {
		for _, button := range buttonTag.FindAllStringSubmatch(form[2], -1) {
			if words(button[2]) != label {
				continue
			}
			b.submit(attributes(form[1]), form[2], attributes(button[1]), fields)
			return
		}
	}
	b.t.Fatalf("no button %q on %s", label, b)
}

func (b *browser) submit(form map[string]string, inside string, button map[string]string, typed []string) {
	b.t.Helper()
	values := url.Values{}
	for _, input := range inputTag.FindAllStringSubmatch(inside, -1) {
		if a := attributes(input[1]); a["name"] != "" {
			values.Set(a["name"], a["value"])
		}
	}
	for n := 0; n < len(typed); n += 2 {
		if !values.Has(typed[n]) {
			b.t.Fatalf("no field %q on %s", typed[n], b)
		}
		values.Set(typed[n], typed[n+1])
	}
	if button["name"] != "" {
		values.Set(button["name"], button["value"])
	}
	to, err := b.url.Parse(form["action"])
	must(b.t, err)
	if strings.EqualFold(form["method"], "post") {
		b.visit(http.MethodPost, to, values)
		return
	}
	to.RawQuery = values.Encode()
	b.visit(http.MethodGet, to, nil)
}

// follow follows the link with that text.
func (b *browser) follow(label string) {
	b.t.Helper()
	for _, link := range linkTag.FindAllStringSubmatch(b.text, -1) {
		if words(link[2]) == label {
			to, err := b.url.Parse(attributes(link[1])["href"])
			must(b.t, err)
			b.visit(http.MethodGet, to, nil)
			return
		}
	}
	b.t.Fatalf("no link %q on %s", label, b)
}

// String is what is on the screen, for messages.
func (b *browser) String() string {
	return b.url.String() + " (" + http.StatusText(b.status) + "): " + words(b.text)
}

// sees wants a page at an address that begins so, with these words.
func (b *browser) sees(address string, all ...string) {
	b.t.Helper()
	if !strings.HasPrefix(b.url.String(), address) {
		b.t.Fatalf("want a page of %s, got %s", address, b)
	}
	for _, text := range all {
		if !strings.Contains(words(b.text), text) {
			b.t.Fatalf("want %q on %s", text, b)
		}
	}
}

// reads returns what stands beside a term of a list (dl) on the page.
func (b *browser) reads(term string) string {
	b.t.Helper()
	_, rest, found := strings.Cut(b.text, "<dt>"+term+"</dt><dd>")
	value, _, ended := strings.Cut(rest, "</dd>")
	if !found || !ended || words(value) == "" {
		b.t.Fatalf("no %s on %s", term, b)
	}
	return words(value)
}
