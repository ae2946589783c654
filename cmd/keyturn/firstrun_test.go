package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var firstRunLink = regexp.MustCompile(`(?m)^ +(\S+/link/first_run\?token=(\S+))$`)

// offered waits for the link that serve shows, and returns it with its secret.
func (i *instance) offered(t *testing.T) (link, secret string) {
	t.Helper()
	eventually(t, 10*time.Second, "serve shows a link", func() bool { return firstRunLink.MatchString(i.log.String()) })
	found := firstRunLink.FindAllStringSubmatch(i.log.String(), -1)
	if len(found) != 1 || strings.Count(i.log.String(), found[0][2]) != 1 {
		t.Fatalf("the secret is not shown once:\n%s", i.log)
	}
	return found[0][1], found[0][2]
}

// statusOf is what a page answers.
func statusOf(t *testing.T, link string) int {
	t.Helper()
	answer, err := http.Get(link)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

// TestFirstRunLink: serve shows it on standard error and in no record of the log, each start and each first-run
// makes another, following it makes the administrator, and then there are none any more.
func TestFirstRunLink(t *testing.T) {
	i := newInstance(t)
	i.serve(t)
	first, secret := i.offered(t)
	if got := statusOf(t, first); got != http.StatusOK {
		t.Errorf("the link: %d", got)
	}
	told := false
	for line := range strings.Lines(i.log.String()) {
		var record map[string]any
		if json.Unmarshal([]byte(line), &record) != nil {
			continue
		}
		told = told || strings.Contains(line, "no administrator yet")
		if strings.Contains(line, secret) || strings.Contains(line, "token=") {
			t.Errorf("a record of the log holds the link: %s", line)
		}
	}
	if !told {
		t.Errorf("the log does not tell that there is no administrator:\n%s", i.log)
	}
	i.stop(t)
	i.serve(t)
	second, other := i.offered(t)
	if got := statusOf(t, first); got != http.StatusGone {
		t.Errorf("the link of the start before: %d", got)
	}
	v := shownLink(t, i.must(t, "", "admin", "first-run", "--json"))
	if left := time.Until(v.ExpiresAt); !strings.HasPrefix(v.Link, i.url+"/link/first_run?token=") || left < 23*time.Hour || left > 24*time.Hour {
		t.Errorf("first-run shows %q, which lives for %s", v.Link, left)
	}
	if got := statusOf(t, second); got != http.StatusGone {
		t.Errorf("the link of the start when the command has made another: %d", got)
	}

	_, token, _ := strings.Cut(v.Link, "token=")
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar}
	answer, err := browser.PostForm(i.url+"/link/first_run", url.Values{"token": {token}, "chosen_username": {"boss"}, "password": {"walnut ferry umbrella noon"}})
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil || answer.StatusCode != http.StatusOK || answer.Request.URL.Path != "/link/first_run/done" {
		t.Errorf("following it ends at %s with %d, %v: %s", answer.Request.URL, answer.StatusCode, err, page)
	}
	if out := i.must(t, "", "user", "list"); !strings.Contains(out, "boss") || !strings.Contains(out, "administrator") {
		t.Errorf("users: %s", out)
	}
	out, status := i.run(t, "", "admin", "first-run")
	if status == 0 || !strings.Contains(out, "there is an administrator already") || !strings.Contains(out, "keyturn user invite") {
		t.Errorf("first-run with an administrator: %d %s", status, out)
	}
	for _, held := range []string{i.must(t, "", "audit", "list", "--json"), i.log.String()} {
		if strings.Contains(held, token) {
			t.Error("the secret is in the audit log or in that of serve")
		}
	}
	i.stop(t)
	if strings.Contains(i.log.String(), v.Link) {
		t.Error("the log holds the link that was followed")
	}
	i.serve(t)
	if strings.Contains(i.log.String(), "first_run") || strings.Contains(i.log.String(), "no administrator") {
		t.Errorf("a link is offered though there is an administrator:\n%s", i.log)
	}
	i.stop(t)
	for _, name := range []string{"keyturn.db", "keyturn.db-wal"} {
		file, err := os.ReadFile(filepath.Join(i.dir, "data", name))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for _, secret := range []string{secret, other, token} {
			if strings.Contains(string(file), secret) {
				t.Errorf("%s holds a secret", name)
			}
		}
	}
}
