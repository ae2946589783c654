package web_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keyturn/api/apitest"
	"keyturn/issuer/oauth"
)

// chromium is the browser that the tests of this package share.
var chromium apitest.Chromium

func TestMain(m *testing.M) {
	code := m.Run()
	chromium.Close()
	os.Exit(code)
}

// shop is a client of another site: it is at localhost, where Keyturn is at 127.0.0.1.
type shop struct {
	*apitest.Server
	url, secret string

	mu sync.Mutex
	// got are the requests to its callback and frames those to its front-channel logout.
	got, frames []*http.Request
}

// openShop starts Keyturn and a client that people have to allow what it asks for.
func openShop(t *testing.T, change ...func(*oauth.Metadata)) *shop {
	t.Helper()
	return openShopAt(t, apitest.New(t), change...)
}

func openShopAt(t *testing.T, server *apitest.Server, change ...func(*oauth.Metadata)) *shop {
	t.Helper()
	s := &shop{Server: server}
	server.AddUser(t, "spiderman")
	site := httptest.NewServer(s.site())
	t.Cleanup(site.Close)
	s.url = strings.Replace(site.URL, "127.0.0.1", "localhost", 1)
	m := oauth.Metadata{
		Name: "Orders", RedirectURIs: []string{s.url + "/callback", s.url + "/onward"}, ClientURI: s.url + "/",
		PostLogoutRedirectURIs: []string{s.url + "/goodbye"},
	}
	for _, c := range change {
		c(&m)
	}
	s.secret = apitest.Register(t, server, "orders", m)
	return s
}

// site is what the client serves. Its pages say what was sent to them.
func (s *shop) site() http.Handler {
	mux := http.NewServeMux()
	page := func(w http.ResponseWriter, format string, values ...any) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><title>Orders</title><link rel="icon" href="data:,">`+format, values...)
	}
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) { page(w, `<h1>Orders</h1>`) })
	mux.HandleFunc("/goodbye", func(w http.ResponseWriter, r *http.Request) { page(w, `<h1>Goodbye</h1>`) })
	mux.HandleFunc("/callback", func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.got = append(s.got, r)
		form, _ := json.Marshal(r.Form)
		page(w, `<h1>Welcome</h1><pre id="got">%s</pre>`, html.EscapeString(string(form)))
	})
	mux.HandleFunc("/onward", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Query().Get("state")+"/callback?"+r.URL.RawQuery, http.StatusSeeOther)
	})
	// A request by POST, as OIDC Core section 3.1.2.1 allows it.
	mux.HandleFunc("/begin", func(w http.ResponseWriter, r *http.Request) {
		fields := ""
		for name, values := range s.request("prompt", r.URL.Query().Get("prompt")) {
			fields += fmt.Sprintf(`<input type="hidden" name="%s" value="%s">`, name, html.EscapeString(values[0]))
		}
		page(w, `<form method="post" action="%s/oauth2/authorize">%s<button>Sign in</button></form>`, s.Server.URL, fields)
	})
	mux.HandleFunc("/frontchannel", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.frames = append(s.frames, r)
		page(w, `<p>Signed out of Orders</p>`)
	})
	return mux
}

// requests are those to its callback and to its front-channel logout so far.
func (s *shop) requests() (got, frames []*http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got), slices.Clone(s.frames)
}

// request is the authorization request of the client; more as in apitest.Request.
func (s *shop) request(more ...string) url.Values {
	return apitest.Request("orders", append([]string{"redirect_uri", s.url + "/callback"}, more...)...)
}

func (s *shop) authorize(more ...string) string {
	return s.Server.URL + "/oauth2/authorize?" + s.request(more...).Encode()
}

// back waits until the browser is at the client again and returns what it was sent.
func (s *shop) back(t *testing.T, tab *apitest.Tab) url.Values {
	t.Helper()
	tab.At(s.url + "/callback")
	var form url.Values
	if err := json.Unmarshal([]byte(apitest.Eval[string](tab, `document.getElementById("got").textContent`)), &form); err != nil {
		t.Fatal(err)
	}
	return form
}

// wantCode redeems what came back.
func (s *shop) wantCode(t *testing.T, got url.Values) map[string]any {
	t.Helper()
	if got.Get("state") != "af0ifjsldkj" || got.Get("iss") != s.Server.URL || got.Get("code") == "" || got.Has("error") {
		t.Fatalf("the client was sent %v", got)
	}
	form := apitest.Redeem(got.Get("code"))
	form.Set("redirect_uri", s.url+"/callback")
	status, tokens := apitest.Token(t, s.Server, "orders", s.secret, form)
	if status != http.StatusOK {
		t.Fatalf("the code is worth %d %v", status, tokens)
	}
	return tokens
}

func (s *shop) wantDenied(t *testing.T, got url.Values) {
	t.Helper()
	if got.Get("error") != "access_denied" || got.Get("state") != "af0ifjsldkj" || got.Get("iss") != s.Server.URL || got.Has("code") {
		t.Errorf("the client was sent %v", got)
	}
}

// signIn fills in the form of the page that the tab shows.
func signIn(tab *apitest.Tab, password string) {
	tab.Fill("#username", "spiderman")
	tab.Fill("#password", password)
	tab.Click("form.fields .primary")
}

const (
	allow = `button[value="allow"]`
	deny  = `button[value="deny"]`
)

// visit opens a window at the client's request.
func (s *shop) visit(t *testing.T, view apitest.View, more ...string) *apitest.Tab {
	t.Helper()
	tab := chromium.Window(t, view)
	tab.Go(s.url + "/")
	tab.Go(s.authorize(more...))
	return tab
}

// consentPage signs in and waits for the question.
func (s *shop) consentPage(t *testing.T, view apitest.View, more ...string) *apitest.Tab {
	t.Helper()
	tab := s.visit(t, view, more...)
	signIn(tab, apitest.Password)
	tab.Shows(allow)
	return tab
}

// TestPagesInABrowser: sign-in and consent by mouse, without script, and on a phone.
func TestPagesInABrowser(t *testing.T) {
	s := openShop(t)
	for name, view := range map[string]apitest.View{"without script": {ScriptOff: true}, "phone": {Phone: true, Dark: true}} {
		t.Run("allow, "+name, func(t *testing.T) {
			tab := s.consentPage(t, view, "prompt", "consent")
			tab.Reload()
			if tab.Shows(allow); !strings.Contains(tab.Text(), "spiderman") {
				t.Errorf("after a reload: %s", tab.Text())
			}
			tab.Click(allow)
			s.wantCode(t, s.back(t, tab))
			// Consent is remembered, and so is the person.
			tab.Go(s.authorize())
			s.wantCode(t, s.back(t, tab))
		})
	}
	t.Run("deny", func(t *testing.T) {
		tab := s.consentPage(t, apitest.View{ScriptOff: true}, "prompt", "consent")
		tab.Click(deny)
		s.wantDenied(t, s.back(t, tab))
	})
	t.Run("cancel", func(t *testing.T) {
		tab := s.visit(t, apitest.View{ScriptOff: true})
		tab.Click(`button[value="cancel"]`)
		s.wantDenied(t, s.back(t, tab))
	})
}

// TestWrongPasswordInABrowser: the name stays, the password is empty and has the focus.
func TestWrongPasswordInABrowser(t *testing.T) {
	s := openShop(t)
	tab := s.visit(t, apitest.View{ScriptOff: true})
	tab.Expect("status of 422")
	signIn(tab, "wrong")
	tab.Shows("#problem")
	tab.Until(`document.activeElement.id === "password"`) // autofocus comes with the first frame
	for expression, want := range map[string]string{
		`document.getElementById("username").value`:                        "spiderman",
		`document.getElementById("password").value`:                        "",
		`document.getElementById("password").type`:                         "password",
		`document.querySelector("#problem").getAttribute("role")`:          "alert",
		`document.getElementById("password").getAttribute("aria-invalid")`: "true",
	} {
		if got := apitest.Eval[string](tab, expression); got != want {
			t.Errorf("%s is %q, want %q", expression, got, want)
		}
	}
	tab.Keys(apitest.Password + apitest.EnterKey)
	tab.Shows(allow)
	tab.Click(allow)
	s.wantCode(t, s.back(t, tab))
}

// TestKeyboardAlone: the order of Tab, and Enter submits.
func TestKeyboardAlone(t *testing.T) {
	s := openShop(t)
	tab := s.visit(t, apitest.View{})
	focused := func() string {
		t.Helper()
		return apitest.Eval[string](tab, `document.activeElement.id || document.activeElement.value || document.activeElement.textContent.trim()`)
	}
	want := func(names ...string) {
		t.Helper()
		for n, name := range names {
			if n > 0 {
				tab.Keys(apitest.TabKey)
			}
			if got := focused(); got != name {
				t.Fatalf("the focus is on %q, want %q", got, name)
			}
			if outline := apitest.Eval[string](tab, `getComputedStyle(document.activeElement).outlineStyle`); outline != "solid" {
				t.Errorf("no focus is seen on %q: %s", name, outline)
			}
		}
	}
	tab.Until(`document.activeElement.id === "username"`) // autofocus comes with the first frame
	want("username", "password", "Show", "Sign in", "cancel")
	tab.Click("#username")
	tab.Keys("spiderman" + apitest.TabKey + apitest.Password + apitest.EnterKey)
	tab.Shows(allow)
	// "Allow" is reached last, so that nobody allows anything by pressing Enter once more.
	tab.Keys(apitest.TabKey)
	if focused() == "allow" {
		t.Error("the first stop is the button that allows")
	}
	for range 10 {
		if focused() == "allow" {
			break
		}
		tab.Keys(apitest.TabKey)
	}
	tab.Keys(apitest.EnterKey)
	s.wantCode(t, s.back(t, tab))
}

// TestTwoTabsSignIn: two requests of one browser, each ends where it began, and the second one asks nothing
// that the first one has answered.
func TestTwoTabsSignIn(t *testing.T) {
	s := openShop(t)
	one := s.visit(t, apitest.View{})
	two := one.Beside()
	two.Go(s.authorize("nonce", "two"))
	three := one.Beside()
	three.Go(s.authorize("nonce", "three"))
	signIn(one, apitest.Password)
	one.Shows(allow)
	signIn(two, apitest.Password) // the form was open already
	two.Shows(allow)
	one.Click(allow)
	first := s.wantCode(t, s.back(t, one))
	two.Click(allow)
	second := s.wantCode(t, s.back(t, two))
	three.Reload()
	third := s.wantCode(t, s.back(t, three))
	for nonce, tokens := range map[string]map[string]any{"n-0S6_WzA2Mj": first, "two": second, "three": third} {
		if got := claimsOf(t, tokens["id_token"].(string))["nonce"]; got != nonce {
			t.Errorf("nonce %v came back in the tab of %s", got, nonce)
		}
	}
}

// TestBackButton: what was completed is not done twice, and the page says so.
func TestBackButton(t *testing.T) {
	s := openShop(t)
	tab := s.consentPage(t, apitest.View{})
	tab.Click(allow)
	s.wantCode(t, s.back(t, tab))
	s.Advance(2 * time.Minute) // sooner, an answer that got lost is given again
	tab.Back()
	tab.At(s.Server.URL + "/interaction/")
	tab.Reload() // the browser may have kept the page as it was
	if text := tab.Text(); !strings.Contains(text, "Orders") || apitest.Eval[bool](tab, `!!document.querySelector("input, button")`) {
		t.Errorf("after the back button: %s", text)
	}
	tab.Click("a.button")
	tab.At(s.url + "/")
	if got, _ := s.requests(); len(got) != 1 {
		t.Errorf("the client was sent %d answers", len(got))
	}
}

// TestFormPostInABrowser: OAuth 2.0 Form Post Response Mode section 2, by itself and with a button.
func TestFormPostInABrowser(t *testing.T) {
	s := openShop(t)
	for _, off := range []bool{false, true} {
		tab := s.visit(t, apitest.View{ScriptOff: off}, "response_mode", "form_post", "prompt", "consent")
		signIn(tab, apitest.Password)
		tab.Shows(allow)
		tab.Click(allow)
		if off {
			tab.Shows(`input[name="code"]`)
			tab.Click("form button")
		}
		s.wantCode(t, s.back(t, tab))
		got, _ := s.requests()
		last := got[len(got)-1]
		if last.Method != http.MethodPost || last.URL.RawQuery != "" || last.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
			t.Errorf("script off %v: %s %s %v", off, last.Method, last.URL, last.Header)
		}
		if origin := last.Header.Get("Origin"); origin != s.Server.URL {
			t.Errorf("the form came from %q", origin)
		}
	}
}

// TestRequestByPOST: OIDC Core section 3.1.2.1. The form comes from another site, and the browser is known all
// the same when it has signed in before.
func TestRequestByPOST(t *testing.T) {
	s := openShop(t)
	tab := chromium.Window(t, apitest.View{})
	tab.Go(s.url + "/begin")
	tab.Click("button")
	tab.Shows("#username")
	signIn(tab, apitest.Password)
	tab.Shows(allow)
	tab.Click(allow)
	s.wantCode(t, s.back(t, tab))
	for _, prompt := range []string{"", "none"} {
		tab.Go(s.url + "/begin?prompt=" + prompt)
		tab.Click("button")
		s.wantCode(t, s.back(t, tab))
	}
}

// TestCallbackLeadsOn: browsers hold form-action against every redirect after a form, and a client's callback
// may lead to another origin of its own.
func TestCallbackLeadsOn(t *testing.T) {
	s := openShop(t)
	elsewhere := httptest.NewServer(s.site())
	defer elsewhere.Close()
	tab := s.visit(t, apitest.View{}, "redirect_uri", s.url+"/onward", "state", elsewhere.URL)
	signIn(tab, apitest.Password)
	tab.Shows(allow)
	tab.Click(allow)
	tab.At(elsewhere.URL + "/callback?code=")
}

// TestGermanInABrowser: by Accept-Language, and by ui_locales before it (OIDC Core section 3.1.2.1).
func TestGermanInABrowser(t *testing.T) {
	s := openShop(t)
	for name, open := range map[string]func() *apitest.Tab{
		"Accept-Language": func() *apitest.Tab { return s.visit(t, apitest.View{Language: "de-AT,de"}) },
		"ui_locales":      func() *apitest.Tab { return s.visit(t, apitest.View{Language: "en"}, "ui_locales", "fr de") },
	} {
		tab := open()
		if lang := apitest.Eval[string](tab, `document.documentElement.lang`); lang != "de" || !strings.Contains(tab.Text(), "Anmelden") {
			t.Errorf("%s: %s %s", name, lang, tab.Text())
		}
		signIn(tab, apitest.Password)
		tab.Shows(allow)
		if !strings.Contains(tab.Text(), "Erlauben") && !strings.Contains(tab.Text(), "Zulassen") {
			t.Errorf("%s, consent: %s", name, tab.Text())
		}
	}
}
