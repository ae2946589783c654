package admin_test

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/audit"
	"keyturn/keys"
	"keyturn/storage/storagetest"
)

func (f *fixture) sealedLog() (spiderman string, master *keys.Master) {
	f.Helper()
	spiderman = f.user("spiderman", false)
	f.signIn("spiderman", password)
	master = storagetest.Master(f)
	storagetest.Seal(f, f.db, 2, master)
	return spiderman, master
}

func TestAuditEvents(t *testing.T) {
	f := newFixture(t)
	spiderman, _ := f.sealedLog()
	token := f.token("admin:read")
	get := func(query string) map[string]any {
		return f.send(http.MethodGet, "/audit?"+query, token, "").want(http.StatusOK)
	}
	if got, want := items(get("action=user.&subject="+spiderman), "action"), []string{"user.created"}; !slices.Equal(got, want) {
		t.Errorf("about the user: got %v, want %v", got, want)
	}
	mine := get("actor=" + spiderman)
	if got := items(mine, "action"); !slices.Equal(got, []string{"user.signed_in"}) || items(mine, "actor_name")[0] != "spiderman" || items(mine, "address")[0] == "" {
		t.Errorf("by the user: got %v", mine)
	}
	if got := get("since=" + url.QueryEscape(time.Now().Add(time.Hour).Format(time.RFC3339))); len(items(got, "id")) != 0 {
		t.Errorf("of the future: got %v", got)
	}
	var paged []string
	whole := items(get(""), "action")
	for after := "limit=2"; after != ""; {
		page := get(after)
		paged = append(paged, items(page, "action")...)
		if after, _ = page["next"].(string); after != "" {
			after = "limit=2&after=" + after
		}
	}
	if !slices.Equal(paged, whole) || len(whole) < 3 {
		t.Errorf("by pages: got %v, want %v", paged, whole)
	}
	for query, param := range map[string]string{
		"since=yesterday": "since", "until=1": "until", "after=x": "after", "limit=0": "limit", "since=0001-01-01T00:00:00Z": "since",
	} {
		f.send(http.MethodGet, "/audit?"+query, token, "").wantParam(param)
	}
}

func TestAuditRefusals(t *testing.T) {
	f := newFixture(t)
	f.user("spiderman", false)
	for _, name := range []string{"spiderman", "nobody", "venom"} {
		f.tokenPair("", `{"username": "`+name+`", "password": "wrong"}`)
	}
	token := f.token("admin:read")
	first := f.send(http.MethodGet, "/audit/refusals?limit=1", token, "").want(http.StatusOK)
	second := f.send(http.MethodGet, "/audit/refusals?limit=1&after="+first["next"].(string), token, "").want(http.StatusOK)
	accounts := append(items(first, "account"), items(second, "account")...)
	if slices.Sort(accounts); len(accounts) != 2 || accounts[0] == accounts[1] || accounts[1] != "unknown" || second["next"] != nil {
		t.Errorf("got %v, then %v", first, second)
	}
	for _, after := range []string{"x", "e30", "WyItMSIsIiIsIiIsIiJd", "WyI5OTk5OTk5OTk5OTk5OTk5OTk5IiwiIiwiIiwiIl0"} {
		f.send(http.MethodGet, "/audit/refusals?after="+after, token, "").wantParam("after")
	}
	if got := f.send(http.MethodGet, "/audit/refusals?until=2020-01-01T00:00:00Z", token, "").want(http.StatusOK); len(items(got, "account")) != 0 {
		t.Errorf("of another time: got %v", got)
	}
}

// TestAuditExport: what the admin API gives verifies without Keyturn, and goes on where an earlier export ended.
func TestAuditExport(t *testing.T) {
	f := newFixture(t)
	_, master := f.sealedLog()
	token := f.token("admin:read") // an event that waits
	verify := func(query string) (v audit.Verifier, tail audit.Tail, found []string) {
		t.Helper()
		a := f.send(http.MethodGet, "/audit/export?"+query, token, "")
		if a.Code != http.StatusOK || a.Header().Get("Content-Type") != "application/x-ndjson" || a.Header().Get("Cache-Control") != "no-store" {
			t.Fatalf("got %d, %v", a.Code, a.Header())
		}
		v = audit.Verifier{Tags: master, Report: func(f audit.Finding) { found = append(found, f.Problem) }}
		tail, err := v.RunFile(bytes.NewReader(a.Body.Bytes()), nil)
		if err != nil {
			t.Fatal(err)
		}
		return v, tail, found
	}
	v, tail, found := verify("")
	whole := v.Verified()
	if len(found) > 0 || tail.Events != 1 || whole.Seals < 2 {
		t.Errorf("got %q, %+v, %+v", found, tail, whole)
	}
	v, _, found = verify("after=1")
	if rest := v.Verified(); len(found) > 0 || rest.Seals != whole.Seals-1 || rest.Head != whole.Head {
		t.Errorf("after the first seal: got %q, %+v", found, rest)
	}
	f.send(http.MethodGet, "/audit/export?after=9999", token, "").want(http.StatusNotFound)
	for _, after := range []string{"0", "-1", "x"} {
		f.send(http.MethodGet, "/audit/export?after="+after, token, "").wantParam("after")
	}
}

// TestAuditTellsNoSecrets is beside what send looks for: the log of a sign-in holds its address and no token.
func TestAuditTellsNoSecrets(t *testing.T) {
	f := newFixture(t)
	f.user("spiderman", false)
	pair := f.signIn("spiderman", password)
	body := f.send(http.MethodGet, "/audit", f.token("admin:read"), "").Body.String()
	if strings.Contains(body, pair.Refresh) || !strings.Contains(body, "user.signed_in") {
		t.Errorf("got %s", body)
	}
}
