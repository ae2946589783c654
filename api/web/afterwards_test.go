package web_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"keyturn/api/apitest"
	"keyturn/issuer/oauth"
)

func sessionIn(body string) string {
	_, rest, _ := strings.Cut(body, `name="session" value="`)
	s, _, _ := strings.Cut(rest, `"`)
	return s
}

// TestAllowAfterTheEnd: a page from the browser's memory changes nothing ten minutes later.
func TestAllowAfterTheEnd(t *testing.T) {
	s := apitest.New(t)
	u := s.AddUser(t, "spiderman")
	apitest.Register(t, s, "orders", thirdParty())
	b := apitest.NewBrowser(t, s)
	p := b.SignIn(apitest.Request("orders"), "spiderman", apitest.Password)
	consent := apitest.Action.FindStringSubmatch(p.Body)[1]
	session := sessionIn(p.Body)
	b.Post(consent, url.Values{"decision": {"deny"}, "session": {session}})
	s.Advance(10 * time.Minute)
	q := b.Post(consent, url.Values{"decision": {"allow"}, "session": {session}})
	t.Log(q.Status, q.Location)
	all, _ := s.DB.Consents(context.Background(), u.ID)
	if len(all) != 0 {
		t.Errorf("consent noted for a request that was denied ten minutes before: %v", all)
	}
}

type counting struct {
	oauth.Store
	n int
}

func (c *counting) StoreCode(ctx context.Context, k oauth.Code, l time.Duration) error {
	c.n++
	return c.Store.StoreCode(ctx, k, l)
}

// TestOnlyAnswersMakeCodes: forms decide, and only what goes back to the client makes a code.
func TestOnlyAnswersMakeCodes(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	apitest.Register(t, s, "orders", apitest.WebApp())
	b := apitest.NewBrowser(t, s)
	c := &counting{Store: s.Provider.Store}
	s.Provider.Store = c
	here := b.Authorize(apitest.Request("orders")).Location
	b.Post("/account/sign-in", url.Values{"username": {"spiderman"}, "password": {apitest.Password}})
	b.Post(here+"/sign-in", url.Values{"username": {"spiderman"}, "password": {"wrong"}})
	if c.n != 0 {
		t.Errorf("a wrong password: %d codes stored", c.n)
	}
	c.n = 0
	b.Post(here+"/consent", url.Values{"decision": {"deny"}})
	if c.n != 0 {
		t.Errorf("deny: %d codes stored", c.n)
	}
}

// TestHintsOfOtherSessionsAreAsked: RP-Initiated Logout section 2, an ID token from another browser.
func TestHintsOfOtherSessionsAreAsked(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	secret := apitest.Register(t, s, "orders", withLogout())
	other := apitest.NewBrowser(t, s)
	hint := idToken(t, other, "orders", secret)
	b := apitest.NewBrowser(t, s)
	b.SignIn(apitest.Request("orders"), "spiderman", apitest.Password)
	p := b.Get("/oauth2/logout?id_token_hint=" + hint)
	if !signedIn(b) {
		t.Errorf("an ID token of another session signed this one out without a question: %d", p.Status)
	}
}

// TestBadRequestObjectsAreNoWayAroundTheChecks: RFC 6749 section 4.1.2.1, of state and response_mode.
func TestBadRequestObjectsAreNoWayAroundTheChecks(t *testing.T) {
	s := apitest.New(t)
	apitest.Register(t, s, "orders", apitest.WebApp())
	b := apitest.NewBrowser(t, s)
	p := b.Authorize(apitest.Request("orders", "request", "x", "state", strings.Repeat("y", 9000)))
	if len(p.Location) > 8000 {
		t.Errorf("a state longer than maxState is told back: %d bytes", len(p.Location))
	}
	p = b.Authorize(apitest.Request("orders", "request", "x", "response_mode", "form_post"))
	if p.Location != "" {
		t.Errorf("form_post was asked for; the error goes in the query")
	}
}
