package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"keyturn/api/oauth"
	hello "keyturn/cmd/hello/server"
	"keyturn/issuer"
	"keyturn/storage/storagetest"
)

// newPair makes two instances of one provider: one database, one master identity, one issuer.
func newPair(t *testing.T, database string, env ...string) (a, b *instance) {
	t.Helper()
	a = newInstance(t, append(env, "KEYTURN_DATABASE_URL="+database)...)
	b = newInstance(t, append(env, "KEYTURN_DATABASE_URL="+database)...)
	var folder string
	for _, variable := range a.env {
		if name, value, _ := strings.Cut(variable, "="); name == "KEYTURN_DATA_DIR" {
			folder = value
		}
	}
	b.env = append(b.env, "KEYTURN_DATA_DIR="+folder, "KEYTURN_ISSUER="+a.url)
	a.env = append(a.env, "KEYTURN_ISSUER="+a.url)
	return a, b
}

func publishedKIDs(t *testing.T, url string) []string {
	t.Helper()
	r, err := tryRequest(http.MethodGet, url+"/.well-known/jwks.json", "", nil)
	must(t, err)
	var set struct {
		Keys []struct {
			KID string `json:"kid"`
		} `json:"keys"`
	}
	must(t, json.Unmarshal([]byte(r.text), &set))
	var kids []string
	for _, k := range set.Keys {
		kids = append(kids, k.KID)
	}
	slices.Sort(kids)
	return kids
}

// eventually polls until done, for at most the given time.
func eventually(t *testing.T, within time.Duration, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// TestTwoProcessesOverOnePostgres starts both at once on an empty database and then treats them as one.
func TestTwoProcessesOverOnePostgres(t *testing.T) {
	a, b := newPair(t, storagetest.Postgres(t))
	var starting sync.WaitGroup
	for _, i := range []*instance{a, b} {
		starting.Go(func() { i.serve(t) })
	}
	starting.Wait()
	if t.Failed() {
		t.FailNow()
	}
	a.addSpiderman(t)

	t.Run("they publish the same keys", func(t *testing.T) {
		eventually(t, 2*time.Second, "equal key sets", func() bool {
			return slices.Equal(publishedKIDs(t, a.url), publishedKIDs(t, b.url))
		})
	})
	t.Run("both tabs at the same moment get the same successor", func(t *testing.T) {
		_, token := a.signIn(t)
		for range 20 {
			successors := make([]reply, 8)
			var tabs sync.WaitGroup
			for n := range successors {
				url := []string{a.url, b.url}[n%2]
				tabs.Go(func() {
					successors[n], _ = tryPost(url+"/api/token/refresh/", "", map[string]any{"refresh": token})
				})
			}
			tabs.Wait()
			_, next := successors[0].pair(t)
			for _, r := range successors[1:] {
				if _, other := r.pair(t); other != next {
					t.Fatal("two successors: the chain forked")
				}
			}
			token = next
		}
	})
	t.Run("a change of keys reaches the other within two seconds", func(t *testing.T) {
		before := publishedKIDs(t, b.url)
		a.must(t, "", "keys", "rotate")
		eventually(t, 2*time.Second, "the other instance publishes the new key", func() bool {
			return !slices.Equal(before, publishedKIDs(t, b.url))
		})
	})
	t.Run("revoked here is revoked there, and after a crash", func(t *testing.T) {
		_, token := a.signIn(t)
		if r := post(t, a.url+"/api/token/blacklist/", "", map[string]any{"refresh": token}); r.status != http.StatusOK {
			t.Fatalf("blacklist: %d %s", r.status, r.text)
		}
		wantBlacklisted(t, b.refresh(t, token))
		_, rotated := b.signIn(t)
		_, newest := b.refresh(t, rotated).pair(t)
		_, newest = a.refresh(t, newest).pair(t)
		a.kill()
		b.kill()
		b.serve(t)
		wantBlacklisted(t, b.refresh(t, token))
		wantBlacklisted(t, b.refresh(t, rotated)) // reuse: both its predecessor and its grant
		wantBlacklisted(t, b.refresh(t, newest))
		var listed []issuer.RevokedToken
		must(t, json.Unmarshal([]byte(b.must(t, "", "session", "revoked", "--json")), &listed))
		reasons := map[string]int{}
		for _, row := range listed {
			reasons[string(row.Reason)]++
		}
		if reasons["logout"] != 1 || reasons["reused"] != 1 || len(listed) != 2 {
			t.Errorf("the revoked tokens are %+v", listed)
		}
	})
}

// TestSuccessorIsTheSameAfterACrash: a refresh token is a function of its grant, so the answer that a
// crash swallowed can be had again, byte for byte.
func TestSuccessorIsTheSameAfterACrash(t *testing.T) {
	i := newInstance(t)
	i.serve(t)
	i.addSpiderman(t)
	_, token := i.signIn(t)
	_, successor := i.refresh(t, token).pair(t)
	i.kill()
	i.serve(t)
	if _, again := i.refresh(t, token).pair(t); again != successor {
		t.Errorf("another successor:\n%s\n%s", successor, again)
	}
}

func wantBlacklisted(t *testing.T, r reply) {
	t.Helper()
	if r.status != http.StatusUnauthorized || r.json["detail"] != "Token is blacklisted" {
		t.Errorf("got %d %s, want 401 Token is blacklisted", r.status, r.text)
	}
}

// helloServers starts resource servers that know nothing but the issuer.
func helloServers(t *testing.T, issuer string, n int) []string {
	t.Helper()
	var urls []string
	for range n {
		handler, err := hello.New(hello.Config{Issuer: issuer, Audience: "api"})
		must(t, err)
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		urls = append(urls, server.URL)
	}
	return urls
}

// TestRotationWithoutARefusedRequest loops requests at two resource servers while keys turn in every way
// that is not an emergency: no token that was valid when issued may be refused.
func TestRotationWithoutARefusedRequest(t *testing.T) {
	i := newInstance(t)
	i.serve(t)
	i.addSpiderman(t)
	hellos := helloServers(t, i.url, 2)

	access, refresh := i.signIn(t)
	tokens := []string{access}
	kids := map[string]bool{}
	var asked atomic.Int64
	ask := func() {
		for _, token := range tokens {
			kids[keyID(token)] = true
			for _, url := range hellos {
				r, err := tryRequest(http.MethodGet, url+"/api/hello/", token, nil)
				must(t, err)
				asked.Add(1)
				if r.status != http.StatusOK || r.json["msg"] != "Hello Peter Parker" {
					t.Fatalf("refused while a key turned: %d %s", r.status, r.text)
				}
			}
		}
	}
	renew := func() {
		access, refresh = i.refresh(t, refresh).pair(t)
		if tokens = append(tokens, access); len(tokens) > 12 {
			tokens = tokens[1:]
		}
	}
	published := len(publishedKIDs(t, i.url))
	for _, turn := range []struct {
		args []string
		done func() bool
	}{
		{[]string{"--mode", "immediate", "--force"}, func() bool { return len(kids) == 2 }},
		{[]string{"--mode", "graceful"}, func() bool { return len(publishedKIDs(t, i.url)) > published+1 }},
	} {
		var turning sync.WaitGroup
		after, deadline := 0, time.Now().Add(20*time.Second)
		for round := 0; after < 30; round++ {
			if round == 10 {
				turning.Go(func() {
					if out, status := i.run(t, "", append([]string{"keys", "rotate"}, turn.args...)...); status != 0 {
						t.Errorf("rotate: %s", out)
					}
				})
			}
			renew()
			ask()
			if round > 10 && turn.done() {
				after++
			}
			if time.Now().After(deadline) {
				t.Fatalf("%v had no effect", turn.args)
			}
		}
		turning.Wait()
	}
	if len(kids) != 2 {
		t.Errorf("%d keys signed; the key did not turn under the requests", len(kids))
	}
	t.Logf("%d requests, none refused", asked.Load())
}

// TestResourceServersOutliveTheProvider: they start before it, and go on when it is gone.
func TestResourceServersOutliveTheProvider(t *testing.T) {
	i := newInstance(t)
	hellos := helloServers(t, i.url, 1)
	r, err := tryRequest(http.MethodGet, hellos[0]+"/api/hello/", "a.b.c", nil)
	must(t, err)
	if r.status == http.StatusOK {
		t.Fatal("a token was accepted without keys")
	}
	i.serve(t)
	i.addSpiderman(t)
	access, _ := i.signIn(t)
	eventually(t, 15*time.Second, "the resource server has found the keys", func() bool {
		r, err := tryRequest(http.MethodGet, hellos[0]+"/api/hello/", access, nil)
		must(t, err)
		return r.status == http.StatusOK
	})
	i.kill()
	for range 20 {
		r, err := tryRequest(http.MethodGet, hellos[0]+"/api/hello/", access, nil)
		must(t, err)
		if r.status != http.StatusOK {
			t.Fatalf("refused while the provider is down: %d %s", r.status, r.text)
		}
	}
}

// TestDrainAnswersWhatWasAccepted is invariant I7: requests whose first half had arrived when SIGTERM
// came are answered, though readiness is red and the listener closed.
func TestDrainAnswersWhatWasAccepted(t *testing.T) {
	i := newInstance(t, "KEYTURN_DRAIN_DELAY=300ms")
	i.serve(t)
	i.addSpiderman(t)
	body := "username=" + demoUser + "&password=" + demoPassword
	var open []net.Conn
	for range 8 {
		c, err := net.Dial("tcp", strings.TrimPrefix(i.url, "http://"))
		must(t, err)
		defer c.Close()
		_, err = fmt.Fprintf(c, "POST /api/token/ HTTP/1.1\r\nHost: keyturn\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:10])
		must(t, err)
		open = append(open, c)
	}
	if metric(t, i, "keyturn_http_requests_total") == "" && metric(t, i, "process_open_fds") == "" {
		t.Error("no metrics")
	}
	must(t, i.process.Process.Signal(syscall.SIGTERM))
	eventually(t, 5*time.Second, "readiness is red", func() bool {
		r, err := tryRequest(http.MethodGet, i.ops+"/readyz", "", nil)
		return err == nil && r.status == http.StatusServiceUnavailable
	})
	eventually(t, 5*time.Second, "the listener is closed", func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(i.url, "http://"))
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	for _, c := range open {
		_, err := c.Write([]byte(body[10:]))
		must(t, err)
		response, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Errorf("an accepted request was cut off: %v %v", response, err)
		}
	}
	<-i.ended
	if code := i.process.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit status %d:\n%s", code, i.log)
	}
}

// metric gives the lines of /metrics that begin with a name.
func metric(t *testing.T, i *instance, name string) string {
	t.Helper()
	r, err := tryRequest(http.MethodGet, i.ops+"/metrics", "", nil)
	must(t, err)
	var lines strings.Builder
	for line := range strings.Lines(r.text) {
		if strings.HasPrefix(line, name) {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// stopsWithin is promised: a client that was turned off gets no token from any instance any more.
const stopsWithin = time.Second

// TestDisabledClientStopsEverywhere: with two instances over one PostgreSQL, and with the command line beside one
// instance on SQLite. That it takes a second at most is a promise to operators, so that this test, unlike others,
// fails on a time.
func TestDisabledClientStopsEverywhere(t *testing.T) {
	// A command that was built with the race detector else sleeps for a second before it ends.
	const noSleep = "GORACE=atexit_sleep_ms=0"
	t.Run("PostgreSQL", func(t *testing.T) {
		a, b := newPair(t, storagetest.Postgres(t), noSleep)
		a.serve(t)
		b.serve(t)
		testDisabledClientStops(t, a, b)
	})
	t.Run("SQLite", func(t *testing.T) {
		i := newInstance(t, noSleep)
		i.serve(t)
		testDisabledClientStops(t, i)
	})
}

func testDisabledClientStops(t *testing.T, all ...*instance) {
	t.Helper()
	all[0].must(t, "", "resource", "create", "orders", "--scopes", "orders:read")
	secret := all[0].object(t, "", "client", "create", "reports", "--service", "--scope", "orders:read", "--resource", "orders")["client_secret"].(string)
	// The resource is data that instances learn by their poll. The client itself is looked up at once.
	for n, i := range all {
		if r := i.serviceToken(t, "reports", secret); r.json["error"] == "invalid_client" {
			t.Errorf("instance %d does not know a client that was registered elsewhere: %d %s", n, r.status, r.text)
		}
		eventually(t, 5*time.Second, "the first token", func() bool { return i.serviceToken(t, "reports", secret).issued() })
	}
	administrator := strings.TrimSpace(all[0].must(t, "", "admin", "token"))
	for how, turn := range map[string]func(action string){
		"the command line": func(action string) { all[0].must(t, "", "client", action, "reports") },
		"the admin API of one instance": func(action string) {
			if r := post(t, all[0].url+"/admin/v1/clients/reports/"+action, administrator, map[string]any{}); r.status >= 300 {
				t.Fatalf("%s: %d %s", action, r.status, r.text)
			}
		},
	} {
		for range 3 {
			turn("disable")
			disabled := time.Now()
			var asking sync.WaitGroup
			for n, i := range all {
				asking.Go(func() { t.Logf("by %s: instance %d %s", how, n, untilStopped(t, i, secret, disabled)) })
			}
			asking.Wait()
			turn("enable")
			for _, i := range all {
				eventually(t, 5*time.Second, "a token for the client that was turned on again", func() bool {
					return i.serviceToken(t, "reports", secret).issued()
				})
			}
		}
	}
}

// untilStopped asks for tokens until the instance refuses. None may be given at a request that was sent later than
// was promised.
func untilStopped(t *testing.T, i *instance, secret string, disabled time.Time) string {
	for ; ; time.Sleep(10 * time.Millisecond) {
		asked := time.Since(disabled).Round(time.Millisecond)
		switch r := i.serviceToken(t, "reports", secret); {
		case r.status == http.StatusUnauthorized && r.json["error"] == "invalid_client":
			return fmt.Sprintf("refused what was sent %v after the client was turned off", asked)
		case !r.issued():
			t.Errorf("%d %s", r.status, r.text)
			return "is broken"
		case asked > stopsWithin:
			t.Errorf("a token at a request that was sent %v after the client was turned off", asked)
			return "goes on"
		}
	}
}

// serviceToken asks for a token of a client for itself.
func (i *instance) serviceToken(t *testing.T, id, secret string) reply {
	request, err := http.NewRequest(http.MethodPost, i.url+oauth.TokenPath, strings.NewReader("grant_type=client_credentials"))
	if err != nil {
		t.Error(err)
		return reply{}
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(id, secret)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Error(err)
		return reply{}
	}
	defer response.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(response.Body); err != nil {
		t.Error(err)
	}
	r := reply{status: response.StatusCode, text: text.String()}
	_ = json.Unmarshal(text.Bytes(), &r.json) // judged by whoever asked
	return r
}

func (r reply) issued() bool {
	token, _ := r.json["access_token"].(string)
	return r.status == http.StatusOK && token != ""
}
