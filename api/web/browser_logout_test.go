package web_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"keyturn/api/apitest"
	"keyturn/issuer/oauth"
)

// signedInAtShop signs in and returns the window and the ID token.
func (s *shop) signedInAtShop(t *testing.T, view apitest.View) (*apitest.Tab, string) {
	t.Helper()
	tab := s.consentPage(t, view)
	tab.Click(allow)
	return tab, s.wantCode(t, s.back(t, tab))["id_token"].(string)
}

func (s *shop) logout(query ...string) string {
	v := url.Values{}
	for i := 0; i < len(query); i += 2 {
		v.Set(query[i], query[i+1])
	}
	return s.Server.URL + "/oauth2/logout?" + v.Encode()
}

// wantSignedOut asks for a sign-in where nobody is to be asked.
func (s *shop) wantSignedOut(t *testing.T, tab *apitest.Tab) {
	t.Helper()
	tab.Go(s.authorize("prompt", "none"))
	if got := s.back(t, tab); got.Get("error") != "login_required" {
		t.Errorf("still signed in: %v", got)
	}
}

// TestLogoutInABrowser: RP-Initiated Logout sections 2 and 3, with an ID token and without one.
func TestLogoutInABrowser(t *testing.T) {
	s := openShop(t)
	t.Run("with a hint", func(t *testing.T) {
		tab, hint := s.signedInAtShop(t, apitest.View{ScriptOff: true})
		tab.Go(s.logout("id_token_hint", hint, "post_logout_redirect_uri", s.url+"/goodbye", "state", "s t&ä"))
		if at := tab.At(s.url + "/goodbye"); at != s.url+"/goodbye?state=s+t%26%C3%A4" {
			t.Errorf("back at %s", at)
		}
		s.wantSignedOut(t, tab)
	})
	t.Run("without one", func(t *testing.T) {
		tab := s.visit(t, apitest.View{ScriptOff: true})
		signIn(tab, apitest.Password)
		s.back(t, tab)
		tab.Go(s.logout())
		tab.Shows(`button[value="stay"]`)
		tab.Click(`button[value="stay"]`)
		tab.At(s.Server.URL + "/account")
		tab.Go(s.logout("client_id", "orders"))
		tab.Shows(`button[value="logout"]`)
		if !strings.Contains(tab.Text(), "spiderman") {
			t.Errorf("the question does not say who: %s", tab.Text())
		}
		tab.Click(`button[value="logout"]`)
		tab.Until(`document.title.includes("signed out")`)
		s.wantSignedOut(t, tab)
	})
	t.Run("somewhere else", func(t *testing.T) {
		tab := chromium.Window(t, apitest.View{})
		tab.Expect("status of 400")
		tab.Go(s.logout("post_logout_redirect_uri", "https://evil.example/"))
		if text := tab.Text(); !strings.HasPrefix(tab.URL(), s.Server.URL) || strings.Contains(text, "evil.example") {
			t.Errorf("at %s: %s", tab.URL(), text)
		}
	})
}

// TestFrontChannelLogoutInABrowser: Front-Channel Logout 1.0 section 3. The frame loads although it is of
// another site, and the browser goes on to the client, with script or without.
func TestFrontChannelLogoutInABrowser(t *testing.T) {
	s := openShop(t, func(m *oauth.Metadata) {
		m.FrontchannelLogoutURI, m.FrontchannelLogoutSessionRequired = m.ClientURI+"frontchannel?tenant=1", true
	})
	for n, off := range []bool{false, true} {
		tab := s.visit(t, apitest.View{ScriptOff: off}, "prompt", "consent")
		signIn(tab, apitest.Password)
		tab.Shows(allow)
		tab.Click(allow)
		hint := s.wantCode(t, s.back(t, tab))["id_token"].(string)
		tab.Go(s.logout("id_token_hint", hint, "post_logout_redirect_uri", s.url+"/goodbye", "state", "bye"))
		tab.At(s.url + "/goodbye?state=bye")
		_, frames := s.requests()
		if len(frames) != n+1 {
			t.Fatalf("script off %v: the client's frame was loaded %d times", off, len(frames))
		}
		q := frames[n].URL.Query()
		if q.Get("iss") != s.Server.URL || q.Get("sid") != claimsOf(t, hint)["sid"] || q.Get("tenant") != "1" {
			t.Errorf("the frame was asked for with %v", q)
		}
		if to := frames[n].Header.Get("Sec-Fetch-Dest"); to != "iframe" {
			t.Errorf("it was loaded as %q", to)
		}
	}
}

// TestAccountPageEndsASession: from one browser, of the other.
func TestAccountPageEndsASession(t *testing.T) {
	s := openShop(t)
	var tabs []*apitest.Tab
	for _, view := range []apitest.View{{ScriptOff: true}, {}} {
		tab := chromium.Window(t, view)
		tab.Go(s.Server.URL + "/account")
		signIn(tab, apitest.Password)
		tab.Shows("#sessions")
		tabs = append(tabs, tab)
	}
	here, there := tabs[0], tabs[1]
	here.Reload()
	here.Click(`.rows li:not(:has(.mark)) form[action*="/sessions/"] button`)
	here.Shows(`[role="status"]`)
	there.Reload()
	there.Shows("#password")
	here.Click(".last button")
	here.Until(`document.title.includes("signed out")`)
	here.Go(s.Server.URL + "/account")
	here.Shows("#password")
}

// TestAccountFromTheConsentPage: a new tab, so that the question is still there.
func TestAccountFromTheConsentPage(t *testing.T) {
	s := openShop(t)
	tab := s.consentPage(t, apitest.View{})
	account := tab.Opened(func() { tab.Click(`a[href="/account"]`) })
	account.Shows("#apps")
	if apitest.Eval[bool](account, "!!window.opener") {
		t.Error("the new tab can reach the one that opened it")
	}
	tab.Click(allow)
	s.wantCode(t, s.back(t, tab))
	account.Reload()
	account.Click(`form[action*="/apps/orders/"] button`)
	account.Shows(`[role="status"]`)
	tab.Go(s.authorize("prompt", "none"))
	if got := s.back(t, tab); got.Get("error") != "consent_required" {
		t.Errorf("after the access was removed: %v", got)
	}
}

// TestSignInInAPopUp: a client opens a window, waits for it and hears from it: nothing on the way cuts the tie.
func TestSignInInAPopUp(t *testing.T) {
	s := openShop(t)
	tab := chromium.Window(t, apitest.View{})
	tab.Go(s.url + "/")
	popup := tab.Opened(func() {
		apitest.Eval[bool](tab, fmt.Sprintf(`!!(window.popup = window.open(%q, "sign-in", "width=480,height=700"))`, s.authorize()))
	})
	popup.Shows("#password")
	signIn(popup, apitest.Password)
	popup.Shows(allow)
	if apitest.Eval[bool](tab, "window.popup.closed") {
		t.Error("the window looks closed to the client")
	}
	popup.Click(allow)
	got := s.back(t, popup)
	if back := apitest.Eval[string](popup, `window.opener.location.href`); back != s.url+"/" {
		t.Errorf("the client's window is opened by %q", back)
	}
	s.wantCode(t, got)
}

// TestBehindTLS: cookies with the prefix __Host-, which a browser takes over TLS alone (RFC 6265bis section
// 4.1.3.2), and a client on plain http, as on a developer's machine.
func TestBehindTLS(t *testing.T) {
	var front *httputil.ReverseProxy
	proxy := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { front.ServeHTTP(w, r) }))
	proxy.Config.ErrorLog = log.New(io.Discard, "", 0) // the browser hangs up once, before it takes any certificate
	proxy.StartTLS()
	t.Cleanup(proxy.Close)
	server := apitest.New(t, func(c *apitest.Config) { c.Settings.Issuer = proxy.URL })
	inside, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	front = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(inside) }}
	direct := server.URL
	server.URL = proxy.URL
	s := openShopAt(t, server)
	tab := s.consentPage(t, apitest.View{AnyCertificate: true})
	tab.Click(allow)
	got := s.back(t, tab)
	server.URL = direct // where the test's own client goes, which does not know the certificate
	form := apitest.Redeem(got.Get("code"))
	form.Set("redirect_uri", s.url+"/callback")
	if status, tokens := apitest.Token(t, server, "orders", s.secret, form); status != http.StatusOK {
		t.Fatalf("tokens: %d %v", status, tokens)
	}
	tab.Go(proxy.URL + "/account")
	tab.Shows("#sessions")
	cookies := tab.Cookies(proxy.URL)
	if len(cookies) != 2 {
		t.Errorf("the browser has the cookies %v", cookies)
	}
	for name, secure := range cookies {
		if !strings.HasPrefix(name, "__Host-keyturn_") || !secure {
			t.Errorf("cookie %s, secure %v", name, secure)
		}
	}
}
