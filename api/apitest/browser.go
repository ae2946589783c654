package apitest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"keyturn/audit"
	"keyturn/issuer/oauth"
)

// What the requests of the tests are made of.
const (
	// Callback is a redirect URI.
	Callback = "https://app.example.com/callback"
	// Verifier is the code_verifier of RFC 7636 appendix B.
	Verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)

// System is who makes what a test needs.
var System = audit.Actor{Kind: audit.System, Rights: audit.ManageAll}

// Register makes a client and returns its secret.
func Register(t testing.TB, s *Server, id string, m oauth.Metadata) string {
	t.Helper()
	_, secret, err := s.Clients.Create(context.Background(), oauth.NewClient{ID: id, Metadata: s.Clients.Defaults(m)}, System)
	if err != nil {
		t.Fatal(err)
	}
	return secret.Reveal()
}

// Browser keeps cookies and follows no redirect.
type Browser struct {
	t testing.TB
	S *Server
	*http.Client
}

// NewBrowser has no cookies yet.
func NewBrowser(t testing.TB, s *Server) *Browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := Client()
	c.Jar = jar
	return &Browser{t, s, c}
}

// Page is an answer that was read.
type Page struct {
	Status   int
	Location string
	Header   http.Header
	Body     string
}

// Send sends any request.
func (b *Browser) Send(r *http.Request) Page {
	b.t.Helper()
	answer, err := b.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return Page{answer.StatusCode, answer.Header.Get("Location"), answer.Header, string(body)}
}

// Get asks for a path or a URL.
func (b *Browser) Get(path string) Page {
	b.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = b.S.URL + path
	}
	r, err := http.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.Send(r)
}

// Post sends a form as a page of ours does.
func (b *Browser) Post(path string, form url.Values) Page {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodPost, b.S.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", b.S.URL)
	return b.Send(r)
}

// ChallengeOf is the S256 challenge of a verifier.
func ChallengeOf(Verifier string) string {
	sum := sha256.Sum256([]byte(Verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Request is a whole authorization request; more replaces or adds, an empty value removes.
func Request(client string, more ...string) url.Values {
	v := url.Values{
		"client_id": {client}, "redirect_uri": {Callback}, "response_type": {"code"}, "scope": {"openid profile email offline_access"},
		"state": {"af0ifjsldkj"}, "nonce": {"n-0S6_WzA2Mj"}, "code_challenge": {ChallengeOf(Verifier)}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(more); i += 2 {
		if v.Del(more[i]); more[i+1] != "" {
			v.Set(more[i], more[i+1])
		}
	}
	return v
}

// Authorize goes to the authorization endpoint.
func (b *Browser) Authorize(v url.Values) Page {
	b.t.Helper()
	return b.Get("/oauth2/authorize?" + v.Encode())
}

// Action finds where a form of a page goes.
var Action = regexp.MustCompile(`action="([^"]+)"`)

// SignIn goes from the authorization endpoint to where the sign-in form leads.
func (b *Browser) SignIn(v url.Values, username, password string) Page {
	b.t.Helper()
	p := b.Authorize(v)
	if p.Status != http.StatusSeeOther || !strings.HasPrefix(p.Location, "/interaction/") {
		b.t.Fatalf("authorize: %d to %q: %s", p.Status, p.Location, p.Body)
	}
	here := p.Location
	p = b.Get(here)
	if p.Status != http.StatusOK || !strings.Contains(p.Body, `name="password"`) {
		b.t.Fatalf("no sign-in page: %d %s", p.Status, p.Body)
	}
	p = b.Post(here+"/sign-in", url.Values{"username": {username}, "password": {password}})
	if p.Status != http.StatusSeeOther || p.Location != here {
		b.t.Fatalf("sign-in form: %d to %q: %s", p.Status, p.Location, p.Body)
	}
	return b.Get(here)
}

// CodeFrom reads the code in the answer at the redirect URI.
func CodeFrom(t testing.TB, p Page) string {
	t.Helper()
	u, err := url.Parse(p.Location)
	if err != nil || p.Status != http.StatusSeeOther || !strings.HasPrefix(p.Location, Callback) || u.Query().Get("code") == "" {
		t.Fatalf("no code: %d to %q: %s", p.Status, p.Location, p.Body)
	}
	return u.Query().Get("code")
}

// Token calls the token endpoint with client_secret_basic and returns status and body.
func Token(t testing.TB, s *Server, client, secret string, form url.Values) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, s.URL+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if secret != "" {
		r.SetBasicAuth(url.QueryEscape(client), url.QueryEscape(secret))
	} else {
		form.Set("client_id", client)
		r.Body = io.NopCloser(strings.NewReader(form.Encode()))
		r.ContentLength = int64(len(form.Encode()))
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var body map[string]any
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		t.Fatalf("token endpoint: status %d: %v", answer.StatusCode, err)
	}
	return answer.StatusCode, body
}

// Redeem is the token request for a code.
func Redeem(code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {Callback}, "code_verifier": {Verifier}}
}

// WebApp is a confidential first-party client.
func WebApp() oauth.Metadata {
	return oauth.Metadata{Name: "Orders", RedirectURIs: []string{Callback}, FirstParty: true}
}

// Allow presses the button of the consent page of an interaction.
func (b *Browser) Allow(here string) Page {
	b.t.Helper()
	form := url.Values{"decision": {"allow"}}
	if _, rest, found := strings.Cut(b.Get(here).Body, `name="session" value="`); found {
		session, _, _ := strings.Cut(rest, `"`)
		form.Set("session", session)
	}
	return b.Post(here+"/consent", form)
}
