package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"keyturn/accounts"
	"keyturn/api/admin"
	"keyturn/audit"
	"keyturn/audit/sentence"
	"keyturn/keys"
)

// production is what production needs, as things are for this instance now.
func (a *app) production(ctx context.Context) []admin.Task {
	ctx, cancel := context.WithTimeout(ctx, 2*checkTime)
	defer cancel()
	all := []admin.Task{
		a.config.taskIssuer(), a.config.taskTLS(), a.taskJWKS(ctx), a.config.taskDatabase(), a.config.taskMasterKey(),
	}
	all = append(all, a.taskAdministrators(ctx)...)
	return append(all, a.taskMail(ctx), a.config.taskSignUp(), a.config.taskAudit(), a.taskMetrics(time.Now()))
}

// stateIf is done where something is so, else what is to do about it.
func stateIf(is bool, otherwise admin.TaskState) admin.TaskState {
	if is {
		return admin.Done
	}
	return otherwise
}

func (c *Config) https() bool { return strings.HasPrefix(c.Issuer, "https://") }

func (c *Config) taskIssuer() admin.Task {
	return admin.Task{Name: admin.TaskIssuer, State: stateIf(c.https(), admin.Todo), Fact: sentence.Verbatim(c.Issuer), Do: "KEYTURN_ISSUER=https://id.example.com"}
}

func (c *Config) taskTLS() admin.Task {
	t := admin.Task{Name: admin.TaskTLS, State: admin.Done}
	switch {
	case !c.https():
		t.State, t.Do = admin.Todo, "KEYTURN_TLS_CERT_FILE, KEYTURN_TLS_KEY_FILE"
	case c.TLSCertFile != "":
		t.Fact = sentence.Verbatim(c.TLSCertFile)
	case len(c.TrustedProxies) > 0:
		t.Fact = sentence.Verbatim("KEYTURN_TRUSTED_PROXIES=" + strings.Join(c.TrustedProxies, ","))
	default:
		t.State, t.Do = admin.Todo, "KEYTURN_TRUSTED_PROXIES"
	}
	return t
}

// taskJWKS asks for the key set as a resource server would.
func (a *app) taskJWKS(ctx context.Context) admin.Task {
	address := a.config.Issuer + "/.well-known/jwks.json"
	problem := a.reachJWKS(ctx, address)
	if problem.IsZero() {
		return admin.Task{Name: admin.TaskJWKS, State: admin.Done, Fact: sentence.Verbatim(address)}
	}
	return admin.Task{Name: admin.TaskJWKS, State: admin.Todo, Fact: problem, Do: "curl -i " + address}
}

// reachJWKS says why the key set is not reached at the address, nothing where it is.
func (a *app) reachJWKS(ctx context.Context, address string) sentence.Sentence {
	roots, err := a.config.fetchRoots()
	if err != nil {
		return sentence.Verbatim("KEYTURN_FETCH_CA_FILE: " + plainly(err))
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: checkTime, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return sentence.Verbatim(plainly(err))
	}
	answer, err := client.Do(request)
	if err != nil {
		return sentence.Verbatim(plainly(err))
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	switch {
	case err != nil:
		return sentence.Verbatim(plainly(err))
	case answer.StatusCode != http.StatusOK:
		return sentence.Verbatim(answer.Status)
	}
	for _, k := range a.keys.Keys() {
		if k.Purpose == keys.Token && bytes.Contains(body, []byte(`"`+k.KID+`"`)) {
			return sentence.Sentence{}
		}
	}
	return sentence.Say("another key set is served there")
}

func (c *Config) taskDatabase() admin.Task {
	t := admin.Task{Name: admin.TaskDatabase, State: admin.Done, Fact: sentence.Verbatim("PostgreSQL")}
	if path, embedded := strings.CutPrefix(c.databaseURL(), "sqlite:"); embedded {
		t.State, t.Fact, t.Do = admin.Decide, sentence.Verbatim("SQLite, "+path), "KEYTURN_DATABASE_URL=postgres://…"
	}
	return t
}

func (c *Config) taskMasterKey() admin.Task {
	t := admin.Task{Name: admin.TaskMasterKey, State: admin.Decide}
	switch {
	case c.MasterKeyFile != "":
		t.Fact = sentence.Verbatim("KEYTURN_MASTER_KEY_FILE=" + c.MasterKeyFile)
	case c.MasterKey != "":
		t.Fact = sentence.Verbatim("KEYTURN_MASTER_KEY")
	default:
		t.State, t.Fact, t.Do = admin.Todo, sentence.Verbatim(filepath.Join(c.DataDir, "master.key")), "KEYTURN_MASTER_KEY_FILE"
	}
	return t
}

// taskAdministrators are what concerns people who may do everything; nothing is done where they can't be counted.
func (a *app) taskAdministrators(ctx context.Context) []admin.Task {
	more := admin.Task{Name: admin.TaskAdministrators, State: admin.Todo, Do: "keyturn user invite ADDRESS --admin --print-link"}
	guarded := admin.Task{Name: admin.TaskSecondFactor, State: admin.Todo, Do: "keyturn group require-acr GROUP phr"}
	n, err := a.accounts.CountAdministrators(ctx, audit.Actor{Kind: audit.System, Rights: audit.Read})
	if err == nil {
		more.State, more.Fact = stateIf(n.All > 1, admin.Todo), sentence.Verbatim(strconv.FormatInt(n.All, 10))
		guarded.State, guarded.Fact = stateIf(n.All > 0 && n.Guarded == n.All, admin.Todo), sentence.Verbatim(fmt.Sprintf("%d/%d", n.Guarded, n.All))
	}
	return []admin.Task{more, guarded}
}

func (a *app) taskMail(ctx context.Context) admin.Task {
	t := admin.Task{Name: admin.TaskMail, State: admin.Decide, Fact: sentence.Verbatim(a.config.MailFrom), Do: "keyturn mail send-test ADDRESS"}
	if !a.config.mailOn() || strings.HasPrefix(a.config.MailURL, "console:") {
		t.State, t.Fact, t.Do = admin.Todo, sentence.Sentence{}, "KEYTURN_MAIL_URL, KEYTURN_MAIL_FROM"
		if a.config.mailOn() {
			t.Fact = sentence.Verbatim("KEYTURN_MAIL_URL=console:") // letters reach nobody
		}
		return t
	}
	if c := a.checkMail(ctx); c.Status != "ok" {
		t.State, t.Fact, t.Do = admin.Todo, c.Detail, "keyturn mail list --failed"
	}
	return t
}

func (c *Config) taskSignUp() admin.Task {
	on := sentence.Say("off")
	if slices.Contains(c.SelfService, string(accounts.FeatureSignUp)) {
		on = sentence.Say("on")
	}
	return admin.Task{Name: admin.TaskSignUp, State: admin.Decide, Fact: on, Do: "KEYTURN_SELF_SERVICE"}
}

func (c *Config) taskAudit() admin.Task {
	return admin.Task{Name: admin.TaskAudit, State: admin.Decide, Fact: sentence.Verbatim("KEYTURN_AUDIT_RETENTION=" + typed(c.AuditRetention)), Do: "keyturn audit verify"}
}

// scrapedLately is how long ago Prometheus may have come last.
const scrapedLately = 10 * time.Minute

func (a *app) taskMetrics(now time.Time) admin.Task {
	t := admin.Task{Name: admin.TaskMetrics, State: admin.Todo, Do: "http://" + a.config.OpsListen + "/metrics"}
	if last := a.scraped.Load(); last != 0 && now.Sub(time.Unix(0, last)) < scrapedLately {
		t.State = admin.Done
	}
	return t
}
