package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary be the program, so that tests run real processes of it, and the clients of a
// benchmark.
func TestMain(m *testing.M) {
	if os.Getenv(crowdAddress) != "" {
		runCrowd()
		return
	}
	if os.Getenv("RUN_AS_KEYTURN") != "" {
		os.Unsetenv("RUN_AS_KEYTURN")
		main()
	}
	os.Exit(m.Run())
}

// instance is a place where keyturn runs: its settings, and its process while one runs.
type instance struct {
	env      []string
	dir      string
	url, ops string
	process  *exec.Cmd
	log      *lockedBuffer
	ended    chan struct{}
}

type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// newInstance makes settings for free ports and an empty data folder; env adds to them.
func newInstance(t *testing.T, env ...string) *instance {
	t.Helper()
	public, ops := freeAddress(t), freeAddress(t)
	i := &instance{dir: t.TempDir(), url: "http://" + public, ops: "http://" + ops}
	i.env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + i.dir,
		"KEYTURN_LISTEN=" + public, "KEYTURN_OPS_LISTEN=" + ops, "KEYTURN_DATA_DIR=" + filepath.Join(i.dir, "data"),
		"KEYTURN_DRAIN_DELAY=0s", "KEYTURN_PASSWORD_MEMORY=8192", "KEYTURN_PASSWORD_TIME=1",
	}, env...)
	return i
}

// newMigrated is newInstance with a database, for commands that need no server.
func newMigrated(t *testing.T, env ...string) *instance {
	t.Helper()
	i := newInstance(t, env...)
	i.must(t, "", "migrate")
	return i
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (i *instance) command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	// The race detector otherwise waits for a second at the end of every process.
	cmd.Env = append([]string{"RUN_AS_KEYTURN=1", "GORACE=atexit_sleep_ms=0"}, i.env...)
	cmd.Dir = i.dir
	return cmd
}

// run runs a command to its end and returns what it printed and its exit status.
func (i *instance) run(t *testing.T, stdin string, args ...string) (out string, status int) {
	t.Helper()
	cmd := i.command(args...)
	cmd.Stdin = strings.NewReader(stdin)
	text, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatalf("keyturn %v: %v", args, err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// must is run for a command that has to succeed.
func (i *instance) must(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	cmd := i.command(args...)
	cmd.Stdin = strings.NewReader(stdin)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("keyturn %v: %v\n%s%s", args, err, out, errs.String())
	}
	return string(out)
}

// serve starts the provider and waits until it is ready; it is killed at the end of the test.
func (i *instance) serve(t *testing.T) {
	t.Helper()
	i.process, i.log, i.ended = i.command("serve"), &lockedBuffer{}, make(chan struct{})
	i.process.Stderr = i.log
	if err := i.process.Start(); err != nil {
		t.Fatal(err)
	}
	go func(p *exec.Cmd, ended chan struct{}) { p.Wait(); close(ended) }(i.process, i.ended)
	t.Cleanup(i.kill)
	for deadline := time.Now().Add(60 * time.Second); ; {
		if response, err := http.Get(i.ops + "/readyz"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-i.ended:
			t.Fatalf("keyturn serve ended:\n%s", i.log)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("keyturn serve is not ready:\n%s", i.log)
		}
	}
}

// kill ends the process without a chance to tidy up.
func (i *instance) kill() {
	if i.process != nil {
		i.process.Process.Kill()
		<-i.ended
	}
}

// stop asks the process to end and wants exit status 0.
func (i *instance) stop(t *testing.T) {
	t.Helper()
	i.process.Process.Signal(syscall.SIGTERM)
	select {
	case <-i.ended:
	case <-time.After(30 * time.Second):
		t.Fatalf("still running 30 s after SIGTERM:\n%s", i.log)
	}
	if code := i.process.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("exit status %d:\n%s", code, i.log)
	}
}

// reply is an answer to post.
type reply struct {
	status int
	text   string
	json   map[string]any
}

func post(t *testing.T, url, bearer string, fields map[string]any) reply {
	t.Helper()
	r, err := tryPost(url, bearer, fields)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func tryPost(url, bearer string, fields map[string]any) (reply, error) {
	body, err := json.Marshal(fields)
	if err != nil {
		return reply{}, err
	}
	return tryRequest(http.MethodPost, url, bearer, body)
}

func tryRequest(method, url, bearer string, body []byte) (reply, error) {
	request, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return reply{}, err
	}
	r := reply{status: response.StatusCode, text: string(text)}
	_ = json.Unmarshal(text, &r.json) // not every answer is an object
	return r, nil
}

// addSpiderman makes the tutorial's user by the command line.
func (i *instance) addSpiderman(t *testing.T) {
	t.Helper()
	i.must(t, demoPassword+"\n", "user", "create", demoUser, "--password-stdin", "--first-name", "Peter", "--last-name", "Parker")
}

// signIn obtains a pair.
func (i *instance) signIn(t *testing.T) (access, refresh string) {
	t.Helper()
	r := post(t, i.url+"/api/token/", "", map[string]any{"username": demoUser, "password": demoPassword})
	return r.pair(t)
}

func (i *instance) refresh(t *testing.T, token string) reply {
	t.Helper()
	return post(t, i.url+"/api/token/refresh/", "", map[string]any{"refresh": token})
}

func (r reply) pair(t *testing.T) (access, refresh string) {
	t.Helper()
	access, _ = r.json["access"].(string)
	refresh, _ = r.json["refresh"].(string)
	if r.status != http.StatusOK || access == "" || refresh == "" {
		t.Fatalf("got %d %s, want a pair", r.status, r.text)
	}
	return access, refresh
}

// wantOneLine wants a refusal at start: status 1, one line that names the setting, no stack.
func wantOneLine(t *testing.T, out string, status int, parts ...string) {
	t.Helper()
	if status != 1 {
		t.Errorf("exit status %d, want 1:\n%s", status, out)
	}
	var lines []string
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "{") && strings.TrimSpace(line) != "" { // log lines of what went well before
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 || len(lines) > 2 || strings.Contains(out, "goroutine ") {
		t.Errorf("want one line (and a hint), got:\n%s", out)
	}
	for _, part := range parts {
		if !strings.Contains(strings.Join(lines, ""), part) {
			t.Errorf("want %q in:\n%s", part, out)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// decodeSegment reads one part of a token that is only looked at.
func decodeSegment(token string, n int) ([]byte, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("no token")
	}
	return base64.RawURLEncoding.DecodeString(parts[n])
}

func numberIn(t *testing.T, object []byte, member string) int64 {
	t.Helper()
	var members map[string]any
	must(t, json.Unmarshal(object, &members))
	number, ok := members[member].(float64)
	if !ok {
		t.Fatalf("no number %s in %s", member, object)
	}
	return int64(number)
}
