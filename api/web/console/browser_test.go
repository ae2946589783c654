package console_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/api/apitest"
	"keyturn/audit"
	"keyturn/keys"
)

// open signs the administrator in, in a window.
func (in *town) open(t *testing.T, view apitest.View) *apitest.Tab {
	t.Helper()
	tab := chromium.Window(t, view)
	tab.Go(in.URL + "/admin")
	tab.Fill("#username", "boss")
	tab.Fill("#password", apitest.Password)
	tab.Keys(apitest.EnterKey)
	tab.At(in.URL + "/admin")
	return tab
}

// TestUserIsDeactivatedInABrowser, found by the search, with and without script.
func TestUserIsDeactivatedInABrowser(t *testing.T) {
	for _, view := range []apitest.View{{}, {ScriptOff: true}, {Phone: true, Dark: true}} {
		in := newTown(t)
		tab := in.open(t, view)
		tab.Fill("#q", "spider")
		tab.Keys(apitest.EnterKey)
		tab.Shows(`a[href="/admin/users/` + in.spider.ID + `"]`)
		tab.Click(`a[href="/admin/users/` + in.spider.ID + `"]`)
		tab.Shows(`a[href$="/deactivate"]`)
		tab.Click(`a[href$="/deactivate"]`)
		tab.Shows("#f-reason")
		tab.Fill("#f-reason", "left the team")
		tab.Click("form.asks button")
		tab.At(in.URL + "/admin/users/" + in.spider.ID + "?done=deactivated")
		if text := tab.Text(); !strings.Contains(text, "Grants that ended: 1") {
			t.Errorf("%+v: %s", view, text)
		}
		if u, err := in.Accounts.Get(t.Context(), in.spider.ID); err != nil || u.Active {
			t.Errorf("%+v: %+v %v", view, u, err)
		}
	}
}

// TestClientIsRegisteredInABrowser: what is wrong is said beside its field, what was typed is kept, and the secret that
// is shown is one.
func TestClientIsRegisteredInABrowser(t *testing.T) {
	for _, view := range []apitest.View{{}, {ScriptOff: true}} {
		in := newTown(t)
		tab := in.open(t, view)
		tab.Go(in.URL + "/admin/clients/new")
		tab.Expect("status of 422")
		tab.Fill("#f-client_id", "billing")
		tab.Fill("#f-client_name", "Billing")
		tab.Fill("#f-redirect_uris", "https://billing.example.com/callback\nhttp://billing.example.com/callback")
		tab.Click("button.primary")
		tab.Shows("#f-redirect_uris-problem")
		if kept := apitest.Eval[string](tab, `document.getElementById("f-client_name").value`); kept != "Billing" {
			t.Errorf("the name is %q", kept)
		}
		tab.Click("#f-redirect_uris")
		apitest.Eval[*string](tab, `document.getElementById("f-redirect_uris").value = "https://app.example.com/callback"; null`)
		tab.Click("button.primary")
		tab.Shows(".notice.care code")
		secret := apitest.Eval[string](tab, `document.querySelector(".notice.care code").textContent`)
		b := apitest.NewBrowser(t, in.Server)
		code := apitest.CodeFrom(t, b.SignIn(apitest.Request("billing"), "spiderman", apitest.Password))
		if status, tokens := apitest.Token(t, in.Server, "billing", secret, apitest.Redeem(code)); status != http.StatusOK {
			t.Errorf("the secret %q is worth %d %v", secret, status, tokens)
		}
		if p := in.boss.Get("/admin/clients/billing"); strings.Contains(p.Body, secret) {
			t.Error("the secret is shown twice")
		}
	}
}

// TestKeysAreTurnedInABrowser: what will happen is said before, and is what happens.
func TestKeysAreTurnedInABrowser(t *testing.T) {
	for _, view := range []apitest.View{{}, {ScriptOff: true}} {
		in := newTown(t)
		signer := func() string {
			for _, k := range in.Keys.Keys() {
				if k.State == keys.Signing && k.Algorithm == keys.RS256 {
					return k.KID
				}
			}
			t.Fatal("no key signs")
			return ""
		}
		before := signer()
		tab := in.open(t, view)
		tab.Go(in.URL + "/admin/keys")
		tab.Click(`a[href="/admin/keys/rotate"]`)
		tab.Shows("#f-mode")
		tab.Expect("status of 409")
		tab.Go(in.URL + "/admin/keys/rotate?mode=immediate&lane=RS256")
		if text := tab.Text(); !strings.Contains(text, "has not been published for its lead") || strings.Contains(text, "Turn at once") {
			t.Errorf("too early: %s", text)
		}
		in.Advance(25 * time.Hour)
		tab.Go(in.URL + "/admin")
		if strings.Contains(tab.URL(), "next=") { // the browser session has ended with the day
			tab.Fill("#username", "boss")
			tab.Fill("#password", apitest.Password)
			tab.Keys(apitest.EnterKey)
			tab.At(in.URL + "/admin")
		}
		tab.Go(in.URL + "/admin/keys/rotate?mode=immediate&lane=RS256")
		tab.Shows("form.asks")
		if text := tab.Text(); !strings.Contains(text, "New keys sign at once") {
			t.Errorf("the plan: %s", text)
		}
		tab.Fill("#f-reason", "a drill")
		tab.Click("form.asks button")
		tab.At(in.URL + "/admin/keys?done=rotated")
		if signer() == before {
			t.Error("the same key signs")
		}
		events, err := in.DB.AuditEvents(context.Background(), audit.Query{Action: audit.KeyRescheduled, ActorID: in.bossID, Limit: 10})
		if err != nil || len(events) == 0 || events[0].Reason != "a drill" {
			t.Errorf("recorded %+v %v", events, err)
		}
	}
}

// TestListsFollowWhatIsTyped, and the back button leads through their pages.
func TestListsFollowWhatIsTyped(t *testing.T) {
	in := newTown(t)
	for _, name := range names(120) {
		in.AddUser(t, name)
	}
	tab := in.open(t, apitest.View{})
	tab.Go(in.URL + "/admin/users")
	tab.Fill("#filter-prefix", "u07")
	tab.Until(`document.querySelectorAll("#results tbody tr").length === 10`)
	if got := apitest.Eval[string](tab, `location.search + document.activeElement.id`); got != "?prefix=u07filter-prefix" {
		t.Errorf("at %s", got)
	}
	tab.Go(in.URL + "/admin/users?prefix=u")
	tab.Click(`a[rel="next"]`)
	tab.Until(`document.querySelector("#results tbody a").textContent === "u050"`)
	tab.Click(`a[rel="next"]`)
	tab.Until(`document.querySelector("#results tbody a").textContent === "u100"`)
	tab.Back()
	tab.Until(`document.querySelector("#results tbody a").textContent === "u050"`)
	tab.Keys("/")
	tab.Until(`document.activeElement.id === "q"`)
}

// looked are the pages that are looked at with axe and at each width.
func (in *town) looked() []string {
	return []string{
		"", "/search?q=s", "/users", "/users/" + in.spider.ID + "?done=saved", "/users/new", "/users/invite", "/users/invitations", "/users/invitations/" + in.invitation + "/withdraw", "/mail", "/mail/" + in.letter.ID, "/users/" + in.spider.ID + "/deactivate", "/users/" + in.spider.ID + "/password",
		"/users/" + in.spider.ID + "/reset-link", "/groups", "/groups/" + in.group.ID, "/groups/new", "/groups/" + in.group.ID + "/roles/new", "/groups/" + in.group.ID + "/delete",
		"/audit", "/audit?action=user.&since=2026-01-01", "/clients", "/clients/orders", "/clients/new", "/clients/orders/secrets", "/resources", "/resources/edit?identifier=api", "/keys", "/keys/" + in.Keys.Keys()[0].KID,
		"/keys/rotate?mode=graceful", "/keys/" + in.Keys.Keys()[0].KID + "/revoke", "/grants", "/grants/" + in.grant.ID, "/grants/" + in.grant.ID + "/revoke", "/revoked-tokens", "/settings", "/users/nobody", "/set-up", "/set-up/client", "/set-up/client/spa", "/set-up/api",
	}
}

// TestAxeFindsNothing looks at the pages in daylight and in the dark, on a desktop and on a phone.
func TestAxeFindsNothing(t *testing.T) {
	in := newTown(t)
	tab := in.open(t, apitest.View{})
	tab.Expect("status of 404")
	for _, path := range in.looked() {
		tab.Go(in.URL + "/admin" + path)
		axeFindsNothing(t, tab, path)
	}
}

// TestAxeFindsNothingInFormsThatCameBack, with problems or with what somebody else has stored.
func TestAxeFindsNothingInFormsThatCameBack(t *testing.T) {
	in := newTown(t)
	tab := in.open(t, apitest.View{})
	tab.Expect("status of 422")
	tab.Expect("status of 409")
	user := "/admin/users/" + in.spider.ID
	for _, form := range []struct{ at, fill, shows string }{
		{"/admin/keys/rotate?mode=graceful&lane=ES256", "", "#f-lane-problem"},
		{user + "/edit", `document.getElementById("f-email").value = "no address"`, "#f-email-problem"},
		{user + "/edit", `document.getElementById("f-email").value = "miles@example.com"; document.querySelector("[name=seen]").value = "older"`, "#f-email-note"},
		{user + "/password", `document.getElementById("f-password").value = "short"`, "#f-password-again"},
		{user + "/delete", `document.querySelector("[name=seen]").value = "older"`, ".notice.bad"},
	} {
		tab.Go(in.URL + form.at)
		if form.fill != "" {
			apitest.Eval[*string](tab, form.fill+"; null")
			tab.Click(`form[method="post"] button`)
		}
		tab.Shows(form.shows)
		axeFindsNothing(t, tab, form.at+" "+form.shows)
	}
}

// axeFindsNothing judges the page that a window shows.
func axeFindsNothing(t *testing.T, tab *apitest.Tab, page string) {
	t.Helper()
	axe, err := os.ReadFile("../testdata/axe/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	apitest.Eval[*string](tab, string(axe)+"; for (const d of document.querySelectorAll('details')) d.open = true; null")
	for _, view := range []apitest.View{{}, {Dark: true}, {Phone: true}, {Phone: true, Dark: true}} {
		tab.Look(view)
		var found []struct {
			ID    string
			Nodes []string
		}
		text := apitest.Eval[string](tab, `axe.run({preload: false, iframes: false, resultTypes: ["violations"],
			runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
		}).then(r => JSON.stringify(r.violations.map(v => ({id: v.id, nodes: v.nodes.map(n => n.target.join(" ") + ": " + n.failureSummary)}))))`)
		if err := json.Unmarshal([]byte(text), &found); err != nil {
			t.Fatal(err)
		}
		for _, v := range found {
			t.Errorf("%s, %+v: %s\n%q", page, view, v.ID, v.Nodes)
		}
	}
}

// TestNoPageScrollsSideways: WCAG 2.2, 1.4.10: 320 CSS pixels are a desktop at 400 %. Tables scroll in themselves.
func TestNoPageScrollsSideways(t *testing.T) {
	in := newTown(t)
	tab := in.open(t, apitest.View{Language: "de"})
	tab.Expect("status of 404")
	for _, path := range in.looked() {
		tab.Go(in.URL + "/admin" + path)
		for _, width := range []int64{320, 390, 768, 1280} {
			tab.Resize(width, 800)
			if wide := apitest.Eval[int64](tab, "document.documentElement.scrollWidth"); wide > width {
				t.Errorf("%s is %d pixels wide in a window of %d", path, wide, width)
			}
		}
	}
}

// TestTablesFitADesktop: nobody has to scroll one sideways to read what happened and how the keys stand.
func TestTablesFitADesktop(t *testing.T) {
	in := newTown(t)
	for _, language := range []string{"en", "de"} {
		tab := in.open(t, apitest.View{Language: language})
		tab.Resize(1200, 800)
		for _, path := range []string{"/audit", "/users/invitations", "/mail", "/users/" + in.spider.ID, "/keys", "/groups/" + in.group.ID} {
			tab.Go(in.URL + "/admin" + path)
			if cut := apitest.Eval[string](tab, `[...document.querySelectorAll(".scroll")].filter(s => s.scrollWidth > s.clientWidth)
				.map(s => s.ariaLabel + ": " + s.scrollWidth + " > " + s.clientWidth).join()`); cut != "" {
				t.Errorf("%s in %s: %s", path, language, cut)
			}
			if tall := apitest.Eval[int64](tab, `Math.max(0, ...[...document.querySelectorAll(".events tbody tr")].map(r => Math.round(r.clientHeight)))`); tall > 160 {
				t.Errorf("%s in %s: a row is %d pixels high", path, language, tall)
			}
		}
	}
}

// TestPasskeyIsSetUpOnTheWayToTheConsole: a group demands it, and after a sign-in by password another session has to show
// it again before it sees anything.
func TestPasskeyIsSetUpOnTheWayToTheConsole(t *testing.T) {
	s := apitest.New(t, func(c *apitest.Config) { c.Named = true })
	boss, err := s.Accounts.Create(t.Context(), accounts.NewUser{Username: "boss", Password: apitest.Password, Admin: true}, apitest.System)
	if err != nil {
		t.Fatal(err)
	}
	demand(t, s, accounts.PhishingResistant, boss.ID)
	tab := chromium.Window(t, apitest.View{})
	tab.Authenticator(true)
	tab.Go(s.URL + "/admin/keys")
	tab.Fill("#username", "boss")
	tab.Fill("#password", apitest.Password)
	tab.Keys(apitest.EnterKey)
	tab.At(s.URL + "/account/step-up")
	if text := tab.Text(); !strings.Contains(text, "asks for a passkey") {
		t.Errorf("the page says:\n%s", text)
	}
	tab.Click(`a[href^="/account/ways/passkey"]`)
	tab.Shows(".passkey .primary")
	tab.Click(".passkey .primary")
	tab.At(s.URL + "/account/ways/recovery-codes")
	tab.Click(".others a")
	tab.At(s.URL + "/admin/keys")
	tab.Shows("main h1")
}
