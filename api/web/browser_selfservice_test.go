package web_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"keyturn/accounts"
	"keyturn/api/apitest"
)

// withAndWithoutScript runs a story in windows of both kinds.
func withAndWithoutScript(t *testing.T, story func(t *testing.T, tab *apitest.Tab, s *apitest.Server)) {
	for name, view := range map[string]apitest.View{"with script": {}, "without script": {ScriptOff: true}} {
		t.Run(name, func(t *testing.T) {
			s := apitest.New(t)
			story(t, chromium.Window(t, view), s)
		})
	}
}

const submit = "form.fields [type=submit]"

// fill fills in a form and sends it.
func fill(tab *apitest.Tab, fields ...string) {
	for i := 0; i < len(fields); i += 2 {
		tab.Shows("#" + fields[i])
		tab.Fill("#"+fields[i], fields[i+1])
	}
	tab.Click(submit)
}

// TestSignUpInABrowser: from the client's sign-in page through the mailbox back to the client's question.
func TestSignUpInABrowser(t *testing.T) {
	for name, view := range map[string]apitest.View{"with script": {}, "without script": {ScriptOff: true}, "phone": {Phone: true, Dark: true}} {
		t.Run(name, func(t *testing.T) {
			s := openShop(t)
			tab := s.visit(t, view)
			tab.Click(`a[href^="/sign-up"]`)
			fill(tab, "email", "miles@example.com")
			tab.At(s.Server.URL + "/sign-up/sent")
			tab.Go(s.Server.URL + s.Link(t))
			tab.Expect("status of 422")
			fill(tab, "given_name", "Miles", "password", "short but new")
			tab.Shows("#password-problem")
			fill(tab, "password", goodPassword)
			tab.Shows(allow)
			if text := tab.Text(); !strings.Contains(text, "miles@example.com") {
				t.Errorf("the question does not say who is asked: %s", text)
			}
			tab.Click(allow)
			s.wantCode(t, s.back(t, tab))
		})
	}
}

// TestResetInABrowser: forgotten in one browser, the link opened there, and signed in with the new password.
func TestResetInABrowser(t *testing.T) {
	withAndWithoutScript(t, func(t *testing.T, tab *apitest.Tab, s *apitest.Server) {
		addPerson(t, s, "spiderman", "peter@example.com")
		tab.Go(s.URL + "/account")
		tab.Click(`a[href="/forgotten"]`)
		fill(tab, "who", "spiderman")
		tab.At(s.URL + "/forgotten/sent")
		tab.Go(s.URL + s.Link(t))
		fill(tab, "new_password", goodPassword)
		tab.At(s.URL + "/link/password_reset/done")
		tab.Click("a.button")
		fill(tab, "username", "spiderman", "password", goodPassword)
		tab.Shows("#sessions")
	})
}

// TestInvitationInABrowser ends at the account.
func TestInvitationInABrowser(t *testing.T) {
	withAndWithoutScript(t, func(t *testing.T, tab *apitest.Tab, s *apitest.Server) {
		if err := s.Self.Invite(context.Background(), accounts.Invitation{Email: "peter@example.com", Username: "spiderman"}, apitest.System); err != nil {
			t.Fatal(err)
		}
		link := s.Link(t)
		tab.Go(s.URL + link)
		tab.Reload() // a link is no link to be opened but once
		fill(tab, "given_name", "Peter", "password", goodPassword)
		tab.Shows("#sessions")
		tab.Expect("status of 410")
		tab.Go(s.URL + link)
		if text := tab.Text(); !strings.Contains(text, "accepted already") {
			t.Errorf("the used link says %s", text)
		}
	})
}

// TestChangeEmailInABrowser, by a link in another window.
func TestChangeEmailInABrowser(t *testing.T) {
	withAndWithoutScript(t, func(t *testing.T, tab *apitest.Tab, s *apitest.Server) {
		s.AddUser(t, "spiderman")
		tab.Go(s.URL + "/account")
		fill(tab, "username", "spiderman", "password", apitest.Password)
		tab.Shows("#sessions")
		tab.Click(`a[href="/account/email"]`)
		fill(tab, "email", "peter@example.com")
		tab.At(s.URL + "/account/email/sent")
		mailbox := chromium.Window(t, apitest.View{})
		mailbox.Go(s.URL + s.Link(t))
		mailbox.Click(submit)
		mailbox.At(s.URL + "/link/email_confirm/done")
		tab.Go(s.URL + "/account")
		if text := tab.Text(); !strings.Contains(text, "peter@example.com, confirmed") {
			t.Errorf("the account says %s", text)
		}
	})
}

// TestPasswordAndProfileInABrowser: what the account page leads to leads back, and says that it is done.
func TestPasswordAndProfileInABrowser(t *testing.T) {
	withAndWithoutScript(t, func(t *testing.T, tab *apitest.Tab, s *apitest.Server) {
		s.AddUser(t, "spiderman")
		tab.Go(s.URL + "/account")
		fill(tab, "username", "spiderman", "password", apitest.Password)
		tab.Shows("#sessions")
		tab.Click(`a[href="/account/password"]`)
		fill(tab, "current_password", apitest.Password, "new_password", goodPassword)
		tab.At(s.URL + "/account?done=password_changed")
		tab.Click(`a[href="/account/profile"]`)
		fill(tab, "nickname", "Spidey")
		tab.At(s.URL + "/account?done=profile_saved")
		if text := tab.Text(); !strings.Contains(text, "Spidey") {
			t.Errorf("the account says %s", text)
		}
	})
}

// TestDownloadAndDeletionInABrowser: the way out of the account leads past the download.
func TestDownloadAndDeletionInABrowser(t *testing.T) {
	withAndWithoutScript(t, func(t *testing.T, tab *apitest.Tab, s *apitest.Server) {
		addPerson(t, s, "spiderman", "peter@example.com")
		tab.Go(s.URL + "/account")
		fill(tab, "username", "spiderman", "password", apitest.Password)
		tab.Shows("#sessions")
		tab.Click(`a[href="/account/delete"]`)
		tab.At(s.URL + "/account/delete")
		tab.Click(`a[href="/account/download"]`)
		tab.At(s.URL + "/account/download")
		var file struct{ Account struct{ Username string } }
		body := tab.Download(func() { tab.Click(submit) })
		if err := json.Unmarshal(body, &file); err != nil || file.Account.Username != "spiderman" {
			t.Errorf("%v: %s", err, body)
		}
		tab.Go(s.URL + "/account/delete")
		tab.Click(submit)
		tab.At(s.URL + "/account/deleted")
		tab.Go(s.URL + "/account")
		tab.Shows("#password")
	})
}

// TestShowPassword: a button that only a script makes, which says what it does and hides the password before it is sent.
func TestShowPassword(t *testing.T) {
	s := apitest.New(t)
	tab := chromium.Window(t, apitest.View{})
	tab.Go(s.URL + "/account")
	state := func() string {
		return apitest.Eval[string](tab, `[password.type, document.querySelector(".show").textContent, document.querySelector(".show").getAttribute("aria-label")].join(", ")`)
	}
	tab.Fill("#password", "underoos")
	for _, want := range []string{"password, Show, Show password", "text, Hide, Hide password", "password, Show, Show password"} {
		if got := state(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		tab.Click(".show")
	}
	if got := state(); got != "text, Hide, Hide password" {
		t.Fatalf("%q", got)
	}
	// Sent while it is shown, with Enter: the type that the browser sees at last is that of a password.
	apitest.Eval[*string](tab, `document.forms[0].addEventListener("submit", e => { e.preventDefault(); document.title = password.type }); null`)
	tab.Fill("#username", "spiderman")
	tab.Keys(apitest.EnterKey)
	tab.Until(`document.title === "password"`)
}

// TestLinksLeaveNoReferrer: what the page of a link asks for, and what its form leads to, is told the origin at most.
func TestLinksLeaveNoReferrer(t *testing.T) {
	s := apitest.New(t)
	addPerson(t, s, "spiderman", "peter@example.com")
	b := apitest.NewBrowser(t, s)
	b.Post("/forgotten", map[string][]string{"who": {"spiderman"}})
	tab := chromium.Window(t, apitest.View{})
	link := s.Link(t)
	tab.Go(s.URL + link)
	tab.Expect("status of 422")
	fill(tab, "new_password", "short")
	tab.Shows("#new_password-problem")
	if got := apitest.Eval[string](tab, "document.referrer"); got != s.URL+"/" {
		t.Errorf("the form told where it came from: %q", got)
	}
	if got := apitest.Eval[string](tab, "location.href"); strings.Contains(got, tokenOf(link)) {
		t.Errorf("the address holds the token after the form: %q", got)
	}
}
