package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/api/admin"
)

// TestTasksOfSettings: what each setting leaves to do.
func TestTasksOfSettings(t *testing.T) {
	task := func(of func(*Config) admin.Task, env ...string) admin.Task {
		t.Helper()
		config, err := loadConfig(source{environ: env, readFile: noFile})
		must(t, err)
		return of(config)
	}
	https := "KEYTURN_ISSUER=https://id.example.com"
	for _, c := range []struct {
		what string
		got  admin.Task
		want admin.TaskState
	}{
		{"http", task((*Config).taskIssuer), admin.Todo},
		{"https", task((*Config).taskIssuer, https), admin.Done},
		{"no TLS", task((*Config).taskTLS), admin.Todo},
		{"https, and nobody to speak it", task((*Config).taskTLS, https), admin.Todo},
		{"behind a proxy", task((*Config).taskTLS, https, "KEYTURN_TRUSTED_PROXIES=10.0.0.1"), admin.Done},
		{"own TLS", task((*Config).taskTLS, https, "KEYTURN_TLS_CERT_FILE=c.pem", "KEYTURN_TLS_KEY_FILE=k.pem"), admin.Done},
		{"SQLite", task((*Config).taskDatabase), admin.Decide},
		{"PostgreSQL", task((*Config).taskDatabase, "KEYTURN_DATABASE_URL=postgres://u:hidden@db/k"), admin.Done},
		{"a generated master key", task((*Config).taskMasterKey), admin.Todo},
		{"its own file", task((*Config).taskMasterKey, "KEYTURN_MASTER_KEY_FILE=/run/secrets/master"), admin.Decide},
		{"from the environment", task((*Config).taskMasterKey, "KEYTURN_MASTER_KEY=hidden"), admin.Decide},
		{"no sign-up", task((*Config).taskSignUp), admin.Decide},
		{"the audit log", task((*Config).taskAudit), admin.Decide},
	} {
		if c.got.State != c.want {
			t.Errorf("%s: %+v, want %s", c.what, c.got, c.want)
		}
		if strings.Contains(c.got.Fact.String()+c.got.Do, "hidden") {
			t.Errorf("%s: a secret is told: %+v", c.what, c.got)
		}
	}
	if kept := task((*Config).taskAudit); kept.Fact.String() != "KEYTURN_AUDIT_RETENTION=9600h" {
		t.Errorf("the audit log is kept by %s", kept.Fact)
	}
	letters := func(c *Config) admin.Task { return (&app{config: c}).taskMail(t.Context()) }
	if dry := task(letters, "KEYTURN_MAIL_URL=console:", "KEYTURN_MAIL_FROM=id@example.com"); dry.State != admin.Todo || dry.Fact.String() != "KEYTURN_MAIL_URL=console:" {
		t.Errorf("letters that reach nobody: %+v", dry)
	}
	if on := task((*Config).taskSignUp, "KEYTURN_SELF_SERVICE=sign-up,name"); on.Fact.String() != "on" {
		t.Errorf("sign-up is %s", on.Fact)
	}
}

// states are the tasks as the page shows them, by their headings.
func states(page string) map[string]string {
	all := map[string]string{}
	for _, m := range regexp.MustCompile(`<h2>([^<]+) <span class="mark ([a-z]+)">`).FindAllStringSubmatch(page, -1) {
		all[m[1]] = m[2]
	}
	return all
}

// fetchPage is what a page says that has to be there.
func fetchPage(t *testing.T, browser *http.Client, address string) string {
	t.Helper()
	answer, err := browser.Get(address)
	must(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	must(t, err)
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s", address, answer.StatusCode, body)
	}
	return string(body)
}

// beside is the program as a command sees it that runs beside the server.
func (i *instance) beside(t *testing.T) *app {
	t.Helper()
	config, err := loadConfig(source{environ: i.env, readFile: noFile})
	must(t, err)
	a, err := openApp(t.Context(), config, newLog(io.Discard, config), onlyFill)
	must(t, err)
	t.Cleanup(func() { a.Close() })
	must(t, a.startReading(t.Context()))
	return a
}

// TestSetUpFollowsTheServer: what people, groups, Prometheus and the network have to do with shows on the page, in the
// order of admin.TaskNames, each once.
func TestSetUpFollowsTheServer(t *testing.T) {
	i := newInstance(t)
	i.serve(t)
	link, _ := i.offered(t)
	_, token, _ := strings.Cut(link, "token=")
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar}
	answer, err := browser.PostForm(i.url+"/link/first_run", url.Values{"token": {token}, "chosen_username": {"boss"}, "password": {"walnut ferry umbrella noon"}})
	must(t, err)
	answer.Body.Close()
	look := func() map[string]string { return states(fetchPage(t, browser, i.url+"/admin/set-up")) }

	before := look()
	if len(before) != len(admin.TaskNames()) {
		t.Fatalf("%d tasks: %v", len(before), before)
	}
	want := map[string]string{
		"The key set can be reached": "done", "More than one administrator": "todo", "A second factor for administrators": "todo", "Metrics are fetched": "todo", "Mail": "todo",
	}
	for name, state := range want {
		if before[name] != state {
			t.Errorf("before: %s is %q, want %q", name, before[name], state)
		}
	}
	if out, status := i.run(t, "", "production", "--json"); status != 1 || !strings.Contains(out, admin.TaskAdministrators.Words()) {
		t.Errorf("the command: %d %s", status, out)
	}
	listed := map[string]string{}
	out, _ := i.run(t, "", "production")
	for _, m := range regexp.MustCompile(`(?m)^([a-z_]+) +(done|todo|decide)`).FindAllStringSubmatch(out, -1) {
		listed[m[1]] = m[2]
	}
	if len(listed) != len(before) || listed["jwks"] != "done" || listed["administrators"] != "todo" || listed["metrics"] != "decide" {
		t.Errorf("the command lists %v", listed)
	}
	i.must(t, "another fine password\n", "user", "create", "second", "--admin", "--password-stdin")
	i.must(t, "", "group", "create", "bosses")
	i.must(t, "", "group", "add-member", "bosses", "boss")
	i.must(t, "", "group", "require-acr", "bosses", "2")
	fetchPage(t, http.DefaultClient, i.ops+"/metrics")
	// boss has to prove more from now on: second looks.
	jar, _ = cookiejar.New(nil)
	browser = &http.Client{Jar: jar}
	answer, err = browser.PostForm(i.url+"/account/sign-in", url.Values{"username": {"second"}, "password": {"another fine password"}})
	must(t, err)
	answer.Body.Close()
	after := look()
	for name, state := range map[string]string{"More than one administrator": "done", "A second factor for administrators": "todo", "Metrics are fetched": "done"} {
		if after[name] != state {
			t.Errorf("after: %s is %q, want %q", name, after[name], state)
		}
	}
	i.must(t, "", "group", "create", "all")
	i.must(t, "", "group", "add-member", "all", "second")
	a := i.beside(t)
	if got := a.taskAdministrators(t.Context()); got[1].State != admin.Todo || got[1].Fact.String() != "1/2" {
		t.Errorf("half of them are guarded: %+v", got)
	}
	i.must(t, "", "group", "require-acr", "all", "phr")
	if got := a.taskAdministrators(t.Context()); got[1].State != admin.Done || got[0].Fact.String() != "2" {
		t.Errorf("all of them are guarded: %+v", got)
	}
	a.scraped.Store(time.Now().Add(-time.Hour).UnixNano())
	if got := a.taskMetrics(time.Now()); got.State != admin.Todo {
		t.Errorf("metrics an hour ago: %+v", got)
	}
	if problem := a.reachJWKS(t.Context(), i.url+"/.well-known/jwks.json"); !problem.IsZero() {
		t.Error(problem)
	}
	if problem := a.reachJWKS(t.Context(), i.url+"/.well-known/openid-configuration"); problem.IsZero() {
		t.Error("something else is taken for the key set")
	}
	if names := admin.TaskNames(); len(slices.Compact(slices.Sorted(slices.Values(names)))) != len(names) {
		t.Error("a task is there twice")
	}
}
