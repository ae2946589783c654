package web_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/api/apitest"
	"keyturn/audit"
	"keyturn/issuer/oauth"
)

// named makes the issuer a name, since passkeys can't be had at an address.
func named(c *apitest.Config) { c.Named = true }

// atAccount is a tab on the account page of spiderman.
func atAccount(t *testing.T, s *shop, view apitest.View) *apitest.Tab {
	t.Helper()
	tab := chromium.Window(t, view)
	tab.Go(s.Server.URL + "/account")
	signIn(tab, apitest.Password)
	tab.Shows("#ways")
	return tab
}

// addPasskey adds one from the account page and returns there.
func addPasskey(s *shop, tab *apitest.Tab, name string) {
	tab.Go(s.Server.URL + "/account/ways/passkey")
	tab.Shows("#name")
	apitest.Eval[*string](tab, `document.getElementById("name").value = ""; null`)
	tab.Fill("#name", name)
	tab.Click(".passkey .primary")
}

// claims waits until the browser is at the client, and are those of the ID token that its code is worth.
func (s *shop) claims(t *testing.T, tab *apitest.Tab) map[string]any {
	t.Helper()
	return claimsOf(t, s.wantCode(t, s.back(t, tab))["id_token"].(string))
}

// listed tells whether a claim that is a list holds a text.
func listed(claim any, text string) bool {
	all, _ := claim.([]any)
	return slices.Contains(all, any(text))
}

// spiderman is the user's id.
func (s *shop) spiderman(t *testing.T) string {
	t.Helper()
	user, err := s.DB.UserByUsername(context.Background(), "spiderman")
	if err != nil {
		t.Fatal(err)
	}
	return user.ID
}

// withoutPassword takes spiderman's password away, and with it the sessions.
func (s *shop) withoutPassword(t *testing.T) {
	t.Helper()
	if _, err := s.DB.SetPassword(context.Background(), s.spiderman(t), "", audit.Event{Action: audit.UserPasswordSet, Actor: apitest.System}); err != nil {
		t.Fatal(err)
	}
}

// TestPasskeys are made, named, used to sign in without a name, used as the second factor, and removed.
func TestPasskeys(t *testing.T) {
	s := openShopAt(t, apitest.New(t, named))
	tab := atAccount(t, s, apitest.View{})
	device := tab.Authenticator(true)
	addPasskey(s, tab, "Peter’s phone")
	tab.At(s.Server.URL + "/account/ways/recovery-codes") // offered with the first
	tab.Click(".fields .primary")
	tab.Shows(".codes li:nth-child(10)")
	if got := tab.Text(); !strings.Contains(got, "shown this once") {
		t.Errorf("recovery codes: %s", got)
	}
	tab.Click(".ways .primary")
	tab.At(s.Server.URL + "/account")
	text := tab.Text()
	for _, want := range []string{"Peter’s phone", "synced between devices", "never used", "10 are left"} {
		if !strings.Contains(text, want) {
			t.Errorf("the account page lacks %q:\n%s", want, text)
		}
	}
	if n := len(device.Passkeys()); n != 1 {
		t.Fatalf("%d passkeys on the device", n)
	}

	// The same device again: it says that it has one.
	addPasskey(s, tab, "Again")
	tab.Until(`!document.querySelector("[data-says=there]").hidden`)

	other := chromium.Window(t, apitest.View{})
	borrowed := other.Authenticator(true)
	other.Go(s.authorize())
	other.Shows(".passkey:not([hidden])")
	borrowed.Lend(device.Passkeys()[0]) // now, so that autofill has hardly found it
	other.Until(`(document.querySelector(".passkey button")?.click(), true)`)
	other.Shows("button[value=allow]")
	other.Click("button[value=allow]")
	claims := s.claims(t, other)
	if claims["acr"] != "phr" || !listed(claims["amr"], "user") || listed(claims["amr"], "pwd") {
		t.Errorf("by passkey alone: acr %v amr %v", claims["acr"], claims["amr"])
	}

	second := chromium.Window(t, apitest.View{})
	lent := second.Authenticator(true)
	second.Go(s.authorize("prompt", "login"))
	signIn(second, apitest.Password)
	second.At(s.Server.URL + "/interaction/")
	second.Until(`location.pathname.endsWith("/second")`)
	lent.Lend(device.Passkeys()[0])
	second.Click(".passkey .primary")
	claims = s.claims(t, second)
	if claims["acr"] != "phr" || !listed(claims["amr"], "pwd") || !listed(claims["amr"], "mfa") {
		t.Errorf("as the second factor: acr %v amr %v", claims["acr"], claims["amr"])
	}

	tab.Go(s.Server.URL + "/account")
	tab.Click(`a[href^="/account/factors/"]`)
	tab.Until(`location.pathname.startsWith("/account/factors/")`)
	tab.Shows(".danger")
	tab.Click(".danger")
	tab.At(s.Server.URL + "/account?done=factor_removed")
	if text := tab.Text(); strings.Contains(text, "Peter’s phone") || !strings.Contains(text, "It is removed") {
		t.Errorf("after the removal:\n%s", text)
	}
}

// TestTheLastWayStays: who has a passkey and no password keeps the passkey.
func TestTheLastWayStays(t *testing.T) {
	s := openShopAt(t, apitest.New(t, named))
	tab := atAccount(t, s, apitest.View{})
	tab.Authenticator(false)
	addPasskey(s, tab, "The key")
	tab.At(s.Server.URL + "/account/ways/recovery-codes")
	s.withoutPassword(t)
	tab.Expect("the server responded with a status of 409")
	tab.Go(s.Server.URL + "/account")
	tab.Shows("#ways") // by autofill
	tab.Click(`a[href^="/account/factors/"]`)
	tab.Until(`location.pathname.startsWith("/account/factors/")`)
	tab.Shows(".danger")
	if !strings.Contains(tab.Text(), "on this device only") {
		t.Errorf("a passkey of one device:\n%s", tab.Text())
	}
	tab.Click(".danger")
	tab.Shows(".notice.bad")
	if !strings.Contains(tab.Text(), "Add another passkey or a password first") {
		t.Errorf("it does not say what to do:\n%s", tab.Text())
	}
}

// TestAutofillOffersPasskeys: the sign-in page waits with a question for the browser's autofill (conditional
// mediation), and signs in when it is answered, without a press of anything.
func TestAutofillOffersPasskeys(t *testing.T) {
	s := openShopAt(t, apitest.New(t, named))
	tab := atAccount(t, s, apitest.View{})
	passkeys := tab.Authenticator(true)
	addPasskey(s, tab, "Peter’s phone")
	tab.At(s.Server.URL + "/account/ways/recovery-codes")
	other := chromium.Window(t, apitest.View{})
	device := other.Authenticator(true)
	device.Lend(passkeys.Passkeys()[0])
	other.Go(s.Server.URL + "/account")
	other.Shows("#ways")
}

// TestAPageSendsOneAnswer: where autofill and the button have one at the same moment, the second is left; whoever stopped
// the page on its way may press again.
func TestAPageSendsOneAnswer(t *testing.T) {
	s := openShopAt(t, apitest.New(t, named))
	tab := chromium.Window(t, apitest.View{})
	tab.Go(s.Server.URL + "/account")
	tab.Shows(".passkey:not([hidden])")
	got := apitest.Eval[string](tab, `(() => {
		const sent = [], timers = [], form = document.querySelector("form.passkey");
		HTMLFormElement.prototype.submit = function () { sent.push(this.elements.response.value); };
		window.setTimeout = then => timers.push(then);
		send(form, "of autofill");
		send(form, "of the button");
		timers.forEach(then => then());
		send(form, "pressed again");
		return sent.join();
	})()`)
	if want := "of autofill,pressed again"; got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
}

// TestAuthenticatorApp is set up by its key, asked for, and takes each code once; a recovery code stands in for it.
// All without a script.
func TestAuthenticatorApp(t *testing.T) {
	s := openShopAt(t, apitest.New(t))
	tab := atAccount(t, s, apitest.View{ScriptOff: true})
	tab.Expect("the server responded with a status of 422")
	tab.Go(s.Server.URL + "/account/ways/app")
	tab.Shows("svg.qr path")
	key := apitest.Eval[string](tab, `document.querySelector(".key").textContent`)
	tab.Fill("#code", "000000")
	tab.Click(".fields .primary")
	tab.Shows(".notice.bad")
	if again := apitest.Eval[string](tab, `document.querySelector(".key").textContent`); again != key {
		t.Errorf("another key after a wrong code: %s, was %s", again, key)
	}
	code := apitest.AppCode(t, key, s.Now())
	tab.Fill("#code", code[:3]+" "+code[3:])
	tab.Click(".fields .primary")
	tab.At(s.Server.URL + "/account/ways/recovery-codes")
	tab.Click(".fields .primary")
	tab.Shows(".codes")
	recovery := apitest.Eval[string](tab, `document.querySelector(".codes li").textContent.trim()`)

	second := func(codes ...string) *apitest.Tab {
		t.Helper()
		tab := chromium.Window(t, apitest.View{ScriptOff: true})
		tab.Expect("the server responded with a status of 422")
		tab.Go(s.authorize("prompt", "login"))
		signIn(tab, apitest.Password)
		tab.Until(`location.pathname.endsWith("/second")`)
		for n, code := range codes {
			if n > 0 {
				tab.Shows(".notice.bad")
			}
			tab.Fill("#code", code)
			tab.Click(".fields .primary")
		}
		return tab
	}
	if text := refusedText(second(code)); !strings.Contains(text, "Each code works once") {
		t.Errorf("the code of the enrolment again (RFC 6238 5.2):\n%s", text)
	}
	s.Advance(time.Minute)
	code = apitest.AppCode(t, key, s.Now())
	tab = second("000000", code)
	tab.Shows("button[value=allow]")
	tab.Click("button[value=allow]")
	if claims := s.claims(t, tab); claims["acr"] != "2" || !listed(claims["amr"], "otp") {
		t.Errorf("acr %v amr %v", claims["acr"], claims["amr"])
	}
	if text := refusedText(second(code)); !strings.Contains(text, "does not work") {
		t.Errorf("a code twice:\n%s", text)
	}
	byRecovery := func() *apitest.Tab {
		tab := second()
		tab.Click(".others a")
		tab.Until(`location.search === "?with=recovery"`)
		tab.Fill("#code", strings.ToUpper(recovery))
		tab.Click(".fields .primary")
		return tab
	}
	s.back(t, byRecovery())
	if text := refusedText(byRecovery()); !strings.Contains(text, "does not work") {
		t.Errorf("a recovery code twice:\n%s", text)
	}
}

// refusedText is what the page says that did not take a code.
func refusedText(tab *apitest.Tab) string {
	tab.Shows(".notice.bad")
	return tab.Text()
}

// TestStepUp: a client that asks for more than the session has proved gets it, OIDC Core section 3.1.2.1 and RFC
// 9470 section 5; the password is not asked again.
func TestStepUp(t *testing.T) {
	s := openShopAt(t, apitest.New(t, named), func(m *oauth.Metadata) { m.FirstParty = true })
	tab := atAccount(t, s, apitest.View{})
	tab.Go(s.Server.URL + "/account/ways/app")
	tab.Shows("#code")
	key := apitest.Eval[string](tab, `document.querySelector(".key").textContent`)
	tab.Fill("#code", apitest.AppCode(t, key, s.Now()))
	tab.Click(".fields .primary")
	tab.At(s.Server.URL + "/account/ways/recovery-codes")
	device := tab.Authenticator(true)
	tab.Go(s.authorize("acr_values", "2")) // what was just set up counts
	if claims := s.claims(t, tab); claims["acr"] != "2" {
		t.Errorf("acr %v", claims["acr"])
	}
	addPasskey(s, tab, "The phone")
	tab.At(s.Server.URL + "/account?done=passkey_added")

	other := chromium.Window(t, apitest.View{})
	s.Advance(time.Minute)
	lent := other.Authenticator(true)
	other.Go(s.authorize())
	signIn(other, apitest.Password)
	other.Until(`location.pathname.endsWith("/second")`)
	other.Fill("#code", apitest.AppCode(t, key, s.Now()))
	other.Click(".fields .primary")
	before := s.claims(t, other)
	lent.Lend(device.Passkeys()[0])
	other.Go(s.authorize("claims", `{"id_token":{"acr":{"essential":true,"value":"phr"}}}`))
	other.Shows(".passkey .primary")
	if text := other.Text(); !strings.Contains(text, "asks for more proof") || strings.Contains(text, "Password") {
		t.Errorf("the page of the step:\n%s", text)
	}
	other.Click(".passkey .primary")
	after := s.claims(t, other)
	if before["acr"] != "2" || after["acr"] != "phr" || before["sid"] != after["sid"] {
		t.Errorf("before %v, after %v", before, after)
	}
}

// TestPolicyLeadsThroughEnrolment: who has nothing but a password sets up what the client demands on the way to it.
func TestPolicyLeadsThroughEnrolment(t *testing.T) {
	t.Run("a second factor", func(t *testing.T) {
		s := openShopAt(t, apitest.New(t), func(m *oauth.Metadata) { m.FirstParty, m.RequiredACR = true, accounts.TwoFactors })
		tab := chromium.Window(t, apitest.View{})
		tab.Go(s.authorize())
		signIn(tab, apitest.Password)
		tab.Shows(`a[href$="/ways/app"]`)
		if !strings.Contains(tab.Text(), "Orders asks for more than a password") {
			t.Errorf("the page:\n%s", tab.Text())
		}
		tab.Click(`a[href$="/ways/app"]`)
		tab.Shows("#code")
		key := apitest.Eval[string](tab, `document.querySelector(".key").textContent`)
		tab.Fill("#code", apitest.AppCode(t, key, s.Now()))
		tab.Click(".fields .primary")
		tab.Until(`location.pathname.endsWith("/recovery-codes")`)
		tab.Click(".others a") // no recovery codes now
		if claims := s.claims(t, tab); claims["acr"] != "2" {
			t.Errorf("acr %v", claims["acr"])
		}
	})
	t.Run("a passkey beside an app", func(t *testing.T) {
		s := openShopAt(t, apitest.New(t, named), func(m *oauth.Metadata) { m.FirstParty, m.RequiredACR = true, accounts.PhishingResistant })
		key := withApp(t, s.Server)
		tab := chromium.Window(t, apitest.View{})
		tab.Authenticator(true)
		tab.Go(s.authorize())
		signIn(tab, apitest.Password)
		tab.Until(`location.pathname.endsWith("/second")`)
		tab.Fill("#code", apitest.AppCode(t, key, s.Now()))
		tab.Click(".fields .primary")
		tab.Shows(`a[href$="/ways/passkey"]`)
		if apitest.Eval[bool](tab, `!!document.querySelector("a[href$='/ways/app']")`) {
			t.Error("an app is offered, which does not help")
		}
		tab.Click(`a[href$="/ways/passkey"]`)
		tab.Shows(".passkey .primary")
		tab.Click(".passkey .primary") // whose form leads to the client's site
		if claims := s.claims(t, tab); claims["acr"] != "phr" {
			t.Errorf("acr %v", claims["acr"])
		}
	})
	t.Run("a passkey", func(t *testing.T) {
		s := openShopAt(t, apitest.New(t, named), func(m *oauth.Metadata) { m.FirstParty, m.RequiredACR = true, accounts.PhishingResistant })
		tab := chromium.Window(t, apitest.View{})
		tab.Authenticator(true)
		tab.Go(s.authorize())
		signIn(tab, apitest.Password)
		tab.Shows(`a[href$="/ways/passkey"]`)
		tab.Click(`a[href$="/ways/passkey"]`)
		tab.Shows(".passkey .primary")
		tab.Click(".passkey .primary")
		tab.Until(`location.pathname.endsWith("/recovery-codes")`)
		tab.Click(".others a")
		if claims := s.claims(t, tab); claims["acr"] != "phr" {
			t.Errorf("acr %v", claims["acr"])
		}
	})
}

// TestAPasskeyMustKnowItsOwner: alone it proves somebody only if it made sure of them. The page says what else there
// is, and the password still works.
func TestAPasskeyMustKnowItsOwner(t *testing.T) {
	s := openShopAt(t, apitest.New(t, named))
	tab := atAccount(t, s, apitest.View{})
	device := tab.Authenticator(true)
	addPasskey(s, tab, "Peter’s phone")
	tab.At(s.Server.URL + "/account/ways/recovery-codes")
	other := chromium.Window(t, apitest.View{})
	borrowed := other.Authenticator(true)
	borrowed.Verifies(false)
	other.Go(s.Server.URL + "/account")
	other.Shows(".passkey:not([hidden])")
	borrowed.Lend(device.Passkeys()[0])
	other.Click(".passkey button")
	other.Until(`!document.querySelector("[data-says=failed]").hidden`)
	signIn(other, apitest.Password)
	other.Until(`location.pathname.endsWith("/second")`)
}

// keep presses a button of a passkey, touches the device, and keeps the answer from being sent.
func keep(tab *apitest.Tab, device *apitest.Authenticator, button string) string {
	apitest.Eval[*string](tab, `HTMLFormElement.prototype.submit = function () { window.kept = this.elements.response.value }; null`)
	device.Present(true)
	tab.Click(button)
	tab.Until("window.kept")
	return apitest.Eval[string](tab, "window.kept")
}

// post sends an answer from the page that the tab shows, and tells what comes of it.
func post(tab *apitest.Tab, path, response string) int {
	text, _ := json.Marshal(response)
	return apitest.Eval[int](tab, `fetch("`+path+`", {method: "POST", body: new URLSearchParams({response: `+string(text)+`})}).then(r => r.status)`)
}

// TestAPasskeyAnswersOnce, in the browser that was asked, and what it was asked for (WebAuthn Level 3 section
// 13.4.3).
func TestAPasskeyAnswersOnce(t *testing.T) {
	s := openShopAt(t, apitest.New(t, named))
	tab := atAccount(t, s, apitest.View{})
	device := tab.Authenticator(true)
	addPasskey(s, tab, "Peter’s phone")
	tab.At(s.Server.URL + "/account/ways/recovery-codes")
	window := func(path string) (*apitest.Tab, *apitest.Authenticator) {
		tab := chromium.Window(t, apitest.View{})
		tab.Expect("the server responded with a status of 422")
		tab.Expect("Content Security Policy") // of a page that comes in place of an answer
		borrowed := tab.Authenticator(true)
		borrowed.Present(false) // else autofill signs in by itself
		tab.Go(s.Server.URL + path)
		tab.Shows(".passkey:not([hidden])")
		borrowed.Lend(device.Passkeys()[0])
		return tab, borrowed
	}
	asked, borrowed := window("/account")
	answer := keep(asked, borrowed, ".passkey button")
	other, _ := window("/account")
	if got := post(other, "/account/passkey", answer); got != http.StatusUnprocessableEntity {
		t.Errorf("from another browser: %d", got)
	}
	if got := post(asked, "/account/passkey", answer); got != http.StatusOK {
		t.Errorf("from the browser that was asked: %d", got)
	}
	if got := post(asked, "/account/passkey", answer); got != http.StatusUnprocessableEntity {
		t.Errorf("once more: %d", got)
	}

	half, borrowed := window("/account")
	forSignIn := keep(half, borrowed, ".passkey button")
	signIn(half, apitest.Password)
	half.Until(`location.pathname.endsWith("/second")`)
	if got := post(half, "/account/second", forSignIn); got != http.StatusUnprocessableEntity {
		t.Errorf("the answer for a sign-in as that of a second factor: %d", got)
	}
	forSecond := keep(half, borrowed, ".passkey .primary")
	if got := post(half, "/account/passkey", forSecond); got != http.StatusUnprocessableEntity {
		t.Errorf("the answer of a second factor as that for a sign-in: %d", got)
	}
	if got := post(half, "/account/ways/passkey", forSecond); got != http.StatusOK { // the page to sign in at
		t.Errorf("an answer as a new passkey: %d", got)
	}
	if ways, err := s.Accounts.Factors.Ways(context.Background(), s.spiderman(t)); err != nil || len(ways.Passkeys) != 1 {
		t.Errorf("passkeys: %v, %v", ways.Passkeys, err)
	}
}
