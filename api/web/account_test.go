package web_test

import (
	"net/http"
	"strings"
	"testing"

	"keyturn/api/apitest"
)

// TestRemovedAppIsNamed on the account page afterwards; a link that claims so of an app that has access, or of none,
// names nothing.
func TestRemovedAppIsNamed(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	apitest.Register(t, s, "orders", thirdParty())
	b := apitest.NewBrowser(t, s)
	p := b.SignIn(apitest.Request("orders"), "spiderman", apitest.Password)
	b.Allow(strings.TrimSuffix(apitest.Action.FindStringSubmatch(p.Body)[1], "/consent"))
	const named = "<strong><bdi>Orders</bdi></strong> has no access any more."
	for _, claim := range []string{"orders", "nobody", "%00", ""} {
		p := b.Get("/account?done=access_removed&app=" + claim)
		if p.Status != http.StatusOK || strings.Contains(p.Body, "</strong> has no access") || !strings.Contains(p.Body, "The app has no access any more.") {
			t.Errorf("the claim %q is believed: %d %s", claim, p.Status, p.Body)
		}
	}
	p = b.Post("/account/apps/orders/remove", nil)
	if p = b.Get(p.Location); !strings.Contains(p.Body, named) {
		t.Errorf("after the removal: %d %s", p.Status, p.Body)
	}
}

// TestSignedOutEverywhereHasAWayOn.
func TestSignedOutEverywhereHasAWayOn(t *testing.T) {
	s := apitest.New(t)
	s.AddUser(t, "spiderman")
	apitest.Register(t, s, "orders", apitest.WebApp())
	b := apitest.NewBrowser(t, s)
	b.SignIn(apitest.Request("orders"), "spiderman", apitest.Password)
	p := b.Post("/account/sign-out", nil)
	if p = b.Get(p.Location); p.Status != http.StatusOK || !strings.Contains(p.Body, "You are signed out") || !strings.Contains(p.Body, `href="/account"`) {
		t.Errorf("%d to %q %s", p.Status, p.Location, p.Body)
	}
}
