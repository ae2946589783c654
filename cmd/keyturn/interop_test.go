//go:build interop

package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The tests of this tag run the examples of docs/examples, which are made of other people's clients,
// unmodified, against the real program: `make interop`.

// examples is where they are.
const examples = "../../docs/examples/"

// realClient is a process of an example.
type realClient struct {
	url   string
	log   *lockedBuffer
	ended chan struct{}
}

// held are the listeners that keep the ports of clients, by URL, until these start: else the provider might be
// given the same port.
var held sync.Map

// clientURL is where a client will listen: localhost, which is another site than the provider's 127.0.0.1,
// so that cookies are withheld as between two domains.
func clientURL(t *testing.T) string {
	t.Helper()
	return hold(t, "localhost")
}

// hold keeps a port of loopback and returns the URL with that host.
func hold(t *testing.T, host string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	url := fmt.Sprintf("http://%s:%d", host, l.Addr().(*net.TCPAddr).Port)
	held.Store(url, l)
	return url
}

// start runs an example until the test ends, and waits until it answers. Its output is shown if the test fails.
func start(t *testing.T, url string, cmd *exec.Cmd) *realClient {
	t.Helper()
	if l, ok := held.LoadAndDelete(url); ok {
		must(t, l.(net.Listener).Close())
	}
	c := &realClient{url: url, log: &lockedBuffer{}, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = c.log, c.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // some have children of their own, which end with them
	must(t, cmd.Start())
	go func() { cmd.Wait(); close(c.ended) }()
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-c.ended
		if t.Failed() {
			t.Logf("the client wrote:\n%s", c.log)
		}
	})
	for deadline := time.Now().Add(60 * time.Second); ; {
		if answer, err := http.Get(url); err == nil {
			answer.Body.Close()
			return c
		}
		select {
		case <-c.ended:
			t.Fatalf("the client ended:\n%s", c.log)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("the client does not answer:\n%s", c.log)
		}
	}
}

// serveClients is serve for a provider that may call clients at the URL, and shows its log if the test fails.
func serveClients(t *testing.T, clientURL string, env ...string) *instance {
	t.Helper()
	i := newInstance(t, append(env, "KEYTURN_FETCH_ALLOW="+strings.TrimPrefix(clientURL, "http://"))...)
	i.serve(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("keyturn wrote:\n%s", i.log)
		}
	})
	i.must(t, demoPassword+"\n", "user", "create", demoUser, "--password-stdin", "--first-name", "Peter", "--last-name", "Parker", "--email", "peter@example.com")
	i.must(t, "anything but this\n", "user", "create", "venom", "--password-stdin", "--first-name", "Eddie", "--last-name", "Brock", "--email", "eddie@example.com")
	return i
}

// register makes a client and returns its secret, "" if it has none.
func (i *instance) register(t *testing.T, id string, flags ...string) string {
	t.Helper()
	secret, _ := i.object(t, "", append([]string{"client", "create", id}, flags...)...)["client_secret"].(string)
	return secret
}

// buildExample builds an example in Go and returns the program.
func buildExample(t *testing.T, name string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = examples + name
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build docs/examples/%s: %v\n%s", name, err, out)
	}
	return program
}

// needs finds a program, or fails with the line that installs it.
func needs(t *testing.T, program, install string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("%s is missing; run: %s", program, install)
	}
	return path
}

// exampleEnv is how an example is configured.
func exampleEnv(i *instance, url, id, secret string, more ...string) []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + i.dir, "ISSUER=" + i.url, "CLIENT_ID=" + id, "CLIENT_SECRET=" + secret,
		"LISTEN=" + strings.TrimPrefix(url, "http://"),
	}, more...)
}

// turnKeys turns all keys and waits until the next one signs in the running server.
func turnKeys(t *testing.T, i *instance) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	kid := func() string {
		answer, err := client.PostForm(i.url+"/api/token/", url.Values{"username": {demoUser}, "password": {demoPassword}})
		must(t, err)
		defer answer.Body.Close()
		var pair struct{ Access string }
		must(t, json.NewDecoder(answer.Body).Decode(&pair))
		header, err := decodeSegment(pair.Access, 0)
		must(t, err)
		var h struct{ Kid string }
		must(t, json.Unmarshal(header, &h))
		return h.Kid
	}
	before := kid()
	i.must(t, "", "keys", "rotate", "--mode", "immediate", "--force", "--reason", "interop")
	eventually(t, 10*time.Second, "the next key signs", func() bool { return kid() != before })
}

// signInAt begins at the client, and signs in and allows what is asked at the provider.
func signInAt(t *testing.T, c *realClient, i *instance, username, password string) *browser {
	t.Helper()
	b := newBrowser(t)
	b.open(c.url)
	b.follow("Sign in")
	b.sees(i.url+"/interaction/", "Sign in", "to continue to Orders")
	b.press("Sign in", "username", username, "password", password)
	b.sees(i.url+"/interaction/", "Orders would like to use your account", "Know that it is you", "See your profile")
	b.press("Allow")
	if strings.Contains(b.text, "Going back to the app") { // form_post; a browser's script presses this
		b.press("Continue")
	}
	return b
}

// playWebApp is a person's day with a web app that shows Peter's name and tokens, refreshes and signs out.
// formPost tells that the answer comes as a form.
func playWebApp(t *testing.T, c *realClient, i *instance, formPost bool) {
	home := c.url + "/"
	back := func(b *browser) {
		if formPost {
			b.press("Continue")
		}
	}

	refused := newBrowser(t)
	refused.open(home)
	refused.follow("Sign in")
	refused.press("Sign in", "username", demoUser, "password", "wrong")
	refused.sees(i.url+"/interaction/", "Username or password is wrong.")
	refused.press("Cancel and go back")
	back(refused)
	refused.sees(c.url, "Not signed in", "access_denied")
	refused.follow("Try again")
	refused.press("Sign in", "username", demoUser, "password", demoPassword)
	refused.press("Deny")
	back(refused)
	refused.sees(c.url, "Not signed in", "access_denied")
	refused.open(home)
	refused.sees(home, "You are not signed in")

	peter := signInAt(t, c, i, demoUser, demoPassword)
	peter.sees(home, "Hello Peter Parker", demoUser, "peter@example.com")
	tokens := func() []string {
		return []string{peter.reads("Access token"), peter.reads("Refresh token"), peter.reads("ID token")}
	}
	first := tokens()
	peter.press("Refresh")
	peter.sees(home, "Hello Peter Parker")
	second := tokens()
	turnKeys(t, i)
	peter.open(home)
	peter.sees(home, "Hello Peter Parker")
	peter.press("Refresh") // and the ID token is of the next key now
	peter.sees(home, "Hello Peter Parker")
	third := tokens()
	for n, kind := range []string{"access", "refresh", "ID"} {
		if first[n] == second[n] || second[n] == third[n] {
			t.Errorf("%s tokens before and after two refreshes: %s %s %s", kind, first[n], second[n], third[n])
		}
	}

	eddie := signInAt(t, c, i, "venom", "anything but this")
	eddie.sees(home, "Hello Eddie Brock", "eddie@example.com")
	peter.open(home)
	peter.sees(home, "Hello Peter Parker")

	peter.press("Sign out")
	peter.sees(home, "You are not signed in")
	peter.open(i.url + "/account")
	peter.sees(i.url, "to see your account")
	if grants := i.liveGrants(t, demoUser); grants != 0 {
		t.Errorf("%d sign-ins of %s are left after logout", grants, demoUser)
	}

	eddie.open(home)
	eddie.sees(home, "Hello Eddie Brock")
	eddie.open(i.url + "/account")
	eddie.press("Sign out everywhere")
	eventually(t, 10*time.Second, "the client is told of the logout", func() bool {
		eddie.open(home)
		return strings.Contains(eddie.text, "You are not signed in")
	})
}

// liveGrants counts the sign-ins at clients that are left of a user; those of the token-pair API, which
// turnKeys makes, don't count.
func (i *instance) liveGrants(t *testing.T, username string) int {
	t.Helper()
	var list []struct {
		Client string `json:"client_id"`
	}
	must(t, json.Unmarshal([]byte(i.must(t, "", "session", "list", "--live", "--user", username, "--json")), &list))
	n := 0
	for _, grant := range list {
		if grant.Client != "token-pair" {
			n++
		}
	}
	return n
}

// TestInteropGoOIDC is coreos/go-oidc with golang.org/x/oauth2, a confidential client.
func TestInteropGoOIDC(t *testing.T) {
	url := clientURL(t)
	i := serveClients(t, url)
	secret := i.register(t, "orders", "--name", "Orders", "--redirect-uri", url+"/callback",
		"--post-logout-redirect-uri", url+"/", "--backchannel-logout-uri", url+"/backchannel-logout")
	cmd := exec.Command(buildExample(t, "go-oidc"))
	cmd.Env = exampleEnv(i, url, "orders", secret)
	playWebApp(t, start(t, url, cmd), i, false)
}

// seesSecretRefused: an app that has another secret than its registration says so, to whoever sets it up.
func seesSecretRefused(t *testing.T, cmd *exec.Cmd, flags func(url string) []string) {
	t.Helper()
	url := clientURL(t)
	i := serveClients(t, url)
	i.register(t, "orders", flags(url)...)
	cmd.Env = exampleEnv(i, url, "orders", "another one")
	signInAt(t, start(t, url, cmd), i, demoUser, demoPassword).sees(url, "Not signed in", "refuses", "CLIENT_SECRET", "invalid_client")
}

func TestInteropGoOIDCSecretRefused(t *testing.T) {
	seesSecretRefused(t, exec.Command(buildExample(t, "go-oidc")), func(url string) []string {
		return []string{"--name", "Orders", "--redirect-uri", url + "/callback"}
	})
}

// TestInteropZitadelOIDC is zitadel/oidc's relying party, which authenticates with a key of its own
// (private_key_jwt).
func TestInteropZitadelOIDC(t *testing.T) {
	url := clientURL(t)
	i := serveClients(t, url)
	keyFile, jwks := ed25519Key(t, i.dir)
	i.register(t, "orders", "--name", "Orders", "--redirect-uri", url+"/callback", "--private-key-jwt", "--jwks-file", jwks,
		"--post-logout-redirect-uri", url+"/", "--backchannel-logout-uri", url+"/backchannel-logout")
	cmd := exec.Command(buildExample(t, "zitadel-oidc"))
	cmd.Env = exampleEnv(i, url, "orders", "", "KEY_FILE="+keyFile)
	playWebApp(t, start(t, url, cmd), i, false)
}
