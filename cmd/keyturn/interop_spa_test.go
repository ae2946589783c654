//go:build interop

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"keyturn/api/apitest"
	"keyturn/issuer"
	"keyturn/storage/storagetest"
)

// spa is docs/examples/oidc-client-ts, which a browser runs.
type spa struct {
	i    *instance
	home string
	tab  *apitest.Tab
}

// openSPA signs in at the app and allows what it asks for.
func openSPA(t *testing.T, i *instance, home string) *spa {
	t.Helper()
	i.register(t, "spa", "--name", "Orders", "--public", "--redirect-uri", home+"/callback", "--post-logout-redirect-uri", home+"/", "--cors-origin", home)
	cmd := nodeExample(t, "oidc-client-ts")
	cmd.Env = exampleEnv(i, home, "spa", "")
	start(t, home, cmd)
	chromium := &apitest.Chromium{}
	t.Cleanup(chromium.Close)
	a := &spa{i, home, chromium.Window(t, apitest.View{})}
	a.tab.Go(home + "/")
	a.tab.Shows("#out:not([hidden])")
	a.tab.Click("#sign-in")
	a.tab.Shows("#username")
	a.tab.Fill("#username", demoUser)
	a.tab.Fill("#password", demoPassword)
	a.tab.Click("form.fields .primary")
	a.tab.Shows(`button[value="allow"]`)
	a.tab.Click(`button[value="allow"]`)
	a.tab.At(home + "/")
	a.signedIn(t, a.tab)
	return a
}

func (a *spa) signedIn(t *testing.T, tab *apitest.Tab) {
	t.Helper()
	tab.Until(`!document.getElementById("in").hidden && document.getElementById("name").textContent === "` + demoUser + `"`)
}

// refreshed is what one tab has after a refresh.
type refreshed struct {
	Refresh, Access string
	// Before is the refresh token that it sent.
	Before string
	Error  string
}

// refreshAt lets the tab refresh at a moment, in milliseconds since 1970.
func refreshAt(tab *apitest.Tab, moment int64) refreshed {
	text := apitest.Eval[string](tab, fmt.Sprintf(`(async () => {
		const { manager } = await import("/main.js");
		await new Promise(done => setTimeout(done, %d - Date.now()));
		const before = JSON.parse(localStorage.getItem(localStorage.key([...Array(localStorage.length).keys()].find(n => localStorage.key(n).startsWith("oidc.user:"))))).refresh_token;
		try {
			const user = await manager.signinSilent();
			return JSON.stringify({before, refresh: user.refresh_token, access: user.access_token});
		} catch (e) {
			return JSON.stringify({before, error: e.message});
		}
	})()`, moment))
	var r refreshed
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		r.Error = err.Error()
	}
	return r
}

// number is that of a refresh token in its grant, and the grant.
func number(t *testing.T, token string) (grant string, n int) {
	t.Helper()
	text, err := decodeSegment(token, 1)
	must(t, err)
	var claims struct{ JTI string }
	must(t, json.Unmarshal(text, &claims))
	grant, count, _ := strings.Cut(claims.JTI, ".")
	n, err = strconv.Atoi(count)
	must(t, err)
	return grant, n
}

// userInfo wants 200 from each of the providers.
func userInfo(t *testing.T, access string, providers ...*instance) {
	t.Helper()
	for _, i := range providers {
		r, err := tryRequest(http.MethodGet, i.url+"/oauth2/userinfo", access, nil)
		must(t, err)
		if r.status != http.StatusOK || !strings.Contains(r.text, demoUser) {
			t.Fatalf("userinfo: %d %s", r.status, r.text)
		}
	}
}

// refreshTogether lets two tabs refresh at the same moment, again and again: neither is signed out, both get the
// same next token, and the chain stays one.
func (a *spa) refreshTogether(t *testing.T, providers ...*instance) {
	t.Helper()
	other := a.tab.Beside()
	other.Go(a.home + "/")
	a.signedIn(t, other)
	tabs := []*apitest.Tab{a.tab, other}
	const rounds = 12
	var together int
	var chain string
	for round := range rounds {
		moment := time.Now().Add(150 * time.Millisecond).UnixMilli()
		var got [2]refreshed
		var both sync.WaitGroup
		for n, tab := range tabs {
			both.Go(func() { got[n] = refreshAt(tab, moment) })
		}
		both.Wait()
		for n, r := range got {
			if r.Error != "" {
				t.Fatalf("round %d: tab %d could not refresh: %s", round, n, r.Error)
			}
			userInfo(t, r.Access, providers...)
			grant, sent := number(t, r.Before)
			if chain == "" {
				chain = grant
			}
			if again, received := number(t, r.Refresh); grant != chain || again != chain || received != sent+1 {
				t.Fatalf("round %d: token %d of grant %s became %d of %s, the chain is %s", round, sent, grant, received, again, chain)
			}
		}
		if got[0].Before == got[1].Before {
			together++
			if got[0].Refresh != got[1].Refresh {
				t.Fatalf("round %d: two successors: the chain forked", round)
			}
			if got[0].Access == got[1].Access {
				t.Errorf("round %d: one access token for both", round)
			}
		}
	}
	if together < rounds/2 {
		t.Errorf("the tabs sent the same token in %d of %d rounds only", together, rounds)
	}
	for _, tab := range tabs {
		a.signedIn(t, tab)
	}
	var revoked []issuer.RevokedToken
	must(t, json.Unmarshal([]byte(a.i.must(t, "", "session", "revoked", "--json")), &revoked))
	if len(revoked) != 0 {
		t.Errorf("revoked on the way: %+v", revoked)
	}
}

// TestInteropOIDCClientTS is npm's oidc-client-ts 3 in a browser: a public client with PKCE, whose tabs share one
// sign-in.
func TestInteropOIDCClientTS(t *testing.T) {
	home := clientURL(t)
	i := serveClients(t, home)
	a := openSPA(t, i, home)
	a.tab.Click("#ask")
	a.tab.Until(`document.getElementById("answer").textContent.includes("peter@example.com")`)
	a.tab.Reload()
	a.signedIn(t, a.tab)
	a.refreshTogether(t, i)

	other := a.tab.Beside()
	other.Go(home + "/")
	a.signedIn(t, other)
	a.tab.Click("#sign-out")
	a.tab.At(home + "/")
	for _, tab := range []*apitest.Tab{a.tab, other} { // the second one hears of it by the storage that they share
		tab.Until(`!document.getElementById("out").hidden`)
	}
	other.Click("#sign-in")
	other.Shows("#username") // signed out at the provider too
}

// TestInteropOIDCClientTSTwoInstances is the same in front of two instances over one PostgreSQL, which answer in
// turn: two requests of the same moment meet in the database alone.
func TestInteropOIDCClientTSTwoInstances(t *testing.T) {
	one, two := newPair(t, storagetest.Postgres(t))
	var turn atomic.Int64
	balancer := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		to, _ := url.Parse([]string{one.url, two.url}[turn.Add(1)%2])
		r.SetURL(to)
	}})
	t.Cleanup(balancer.Close)
	for _, i := range []*instance{one, two} {
		i.env = append(i.env, "KEYTURN_ISSUER="+balancer.URL)
		i.serve(t)
	}
	one.must(t, demoPassword+"\n", "user", "create", demoUser, "--password-stdin")
	front := *one
	front.url = balancer.URL
	openSPA(t, &front, clientURL(t)).refreshTogether(t, one, two)
	if turn.Load() < 20 {
		t.Errorf("the balancer saw %d requests", turn.Load())
	}
}
