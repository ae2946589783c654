package web_test

import (
	"net/http"
	"strings"
	"testing"

	"keyturn/api/apitest"
)

// TestAddressesOfFormsLeadToTheirPages: after a failed form the browser stands at the form's address. Enter in the
// address bar, or a tab that is restored, asks for it by GET.
func TestAddressesOfFormsLeadToTheirPages(t *testing.T) {
	s := apitest.New(t)
	b := apitest.NewBrowser(t, s)
	for path, want := range map[string]string{
		"/":                           "/account",
		"/interaction/7Qx/sign-in":    "/interaction/7Qx",
		"/interaction/7Qx/consent":    "/interaction/7Qx",
		"/interaction/a%3Fb/consent":  "/interaction/a%3Fb",
		"/account/sign-in":            "/account",
		"/account/sign-out":           "/account",
		"/account/sessions/x/end":     "/account",
		"/account/apps/orders/remove": "/account",
	} {
		if p := b.Get(path); p.Status != http.StatusSeeOther || p.Location != want {
			t.Errorf("%s: %d to %q, want 303 to %q", path, p.Status, p.Location, want)
		}
	}
}

// TestWrongMethodIsAPageForPeople and JSON for programs.
func TestWrongMethodIsAPageForPeople(t *testing.T) {
	s := apitest.New(t)
	b := apitest.NewBrowser(t, s)
	for accept, want := range map[string]string{"text/html,application/xhtml+xml,*/*;q=0.8": "text/html", "application/json": "application/json", "": "application/json"} {
		r, _ := http.NewRequest(http.MethodGet, s.URL+"/oauth2/token", nil)
		r.Header.Set("Accept", accept)
		p := b.Send(r)
		if p.Status != http.StatusMethodNotAllowed || !strings.HasPrefix(p.Header.Get("Content-Type"), want) || p.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("Accept %q: %d %v", accept, p.Status, p.Header)
		}
	}
}
