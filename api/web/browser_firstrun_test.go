package web_test

import (
	"context"
	"strings"
	"testing"

	"keyturn/accounts"
	"keyturn/api/apitest"
)

// TestFirstRunInABrowser: from the link over the account, a passkey, recovery codes and the first app to the list of what
// production needs, on a desktop and on a phone.
func TestFirstRunInABrowser(t *testing.T) {
	for _, view := range []apitest.View{{}, {Phone: true, Dark: true, Language: "de"}} {
		s := apitest.New(t, named)
		tab := chromium.Window(t, view)
		device := tab.Authenticator(true)
		tab.Expect("the server responded with a status of 422")
		tab.Go(s.URL + firstRunLink(t, s))
		tab.Shows("#chosen_username")
		tab.Fill("#chosen_username", "boss")
		tab.Fill("#email", "boss@example.com")
		tab.Fill("#password", "too short")
		tab.Click(".fields .primary")
		tab.Shows("#password-problem")
		tab.Fill("#password", goodPassword)
		tab.Click(".fields .primary")
		tab.At(s.URL + "/link/first_run/done")
		tab.Click(".ways a")
		tab.Shows("#name")
		tab.Click(".passkey .primary")
		tab.At(s.URL + "/account/ways/recovery-codes?next=")
		tab.Click(".fields .primary")
		tab.Shows(".codes li:nth-child(10)")
		tab.Click(".ways .primary")
		tab.At(s.URL + "/admin/set-up/client")
		tab.Shows(`a[href="/admin/set-up/client/spa"]`)
		tab.Click(`a[href="/admin/set-up/client/spa"]`)
		tab.Shows("#f-client_id")
		tab.Fill("#f-client_name", "Orders")
		tab.Fill("#f-client_id", "orders")
		tab.Fill("#f-redirect_uris", "https://orders.example.com/callback")
		tab.Click("button.primary")
		tab.Shows("details[open] pre")
		if code := apitest.Eval[string](tab, `document.querySelector("details[open] pre").textContent`); !strings.Contains(code, `authority: "`+s.URL+`"`) || !strings.Contains(code, `client_id: "orders"`) {
			t.Errorf("%+v: the code is\n%s", view, code)
		}
		if wide := apitest.Eval[int64](tab, "document.documentElement.scrollWidth - innerWidth"); wide > 0 {
			t.Errorf("%+v: the page of the app is %d pixels too wide", view, wide)
		}
		tab.Click(".onward a")
		tab.Shows(".tasks li:nth-child(11)")
		boss, err := s.DB.UserByUsername(context.Background(), "boss")
		if err != nil || !boss.Admin || len(device.Passkeys()) != 1 {
			t.Errorf("%+v: %+v %v, %d passkeys", view, boss, err, len(device.Passkeys()))
		}
		if ways, err := s.Accounts.Factors.Ways(context.Background(), boss.ID); err != nil || len(ways.Passkeys) != 1 || ways.RecoveryCodes != 10 {
			t.Errorf("%+v: %+v %v", view, ways, err)
		}
		if _, err := s.Clients.Get(context.Background(), "orders"); err != nil {
			t.Error(err)
		}
		if _, err := s.Self.FirstRunLink(context.Background(), apitest.System); err != accounts.ErrAdministratorExists {
			t.Errorf("another link: %v", err)
		}
	}
}
