package admin_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/audit"
	"keyturn/keys"
)

// refusals are all that were recorded, each as often as it was counted.
func (f *fixture) refusals() []audit.Refusal {
	f.Helper()
	list, err := f.db.Refusals(f.Context(), audit.RefusalQuery{Since: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour), Limit: 1000})
	if err != nil {
		f.Fatal(err)
	}
	var out []audit.Refusal
	for _, r := range list {
		for range r.Count {
			out = append(out, r.Refusal)
		}
	}
	return out
}

// Who is refused leaves a trace, one for each refusal.
func TestRefusalsAreRecorded(t *testing.T) {
	f := newFixture(t)
	boss, user := f.user("boss", true), f.user("spiderman", false)
	tokens := f.signIn("spiderman", password)
	grant := f.signIn("boss", password)
	reader, people := f.token("admin:read"), f.token("admin:users")
	expired, err := f.issuer.AdminToken(t.Context(), []string{"admin"}, time.Second, audit.Actor{Kind: audit.Operator, Rights: audit.ManageAll})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, route, token, body string
		status                   int
		account, reason          string
	}{
		{"scope", "DELETE /users/" + user, reader, ``, 403, "keyturn-cli", "admin_scope"},
		{"scope admin", "POST /resources", people, `{"identifier": "x"}`, 403, "keyturn-cli", "admin_scope"},
		{"administrator", "PUT /users/" + boss + "/password", people, `{"password": "` + password + `"}`, 403, "keyturn-cli", "admin_rights"},
		{"administrator's grants", "DELETE /grants/" + f.grantOf(boss), people, ``, 403, "keyturn-cli", "admin_rights"},
		{"becoming one", "POST /users", people, `{"username": "eve", "admin": true}`, 403, "keyturn-cli", "admin_rights"},
		{"importing one", "POST /users/import", people, `{"username": "eve", "admin": true}`, 403, "keyturn-cli", "admin_rights"},
		{"another audience", "GET /users", tokens.Access, ``, 401, user, "admin_token_invalid"},
		{"administrator's token pair", "GET /users", grant.Access, ``, 401, boss, "admin_token_invalid"},
		{"refresh token", "GET /users", tokens.Refresh, ``, 401, user, "admin_token_type"},
		{"expired", "GET /users", expired, ``, 401, "keyturn-cli", "admin_token_expired"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f.T = t
			if test.token == expired {
				f.now = func() time.Time { return time.Now().Add(time.Minute) }
				defer func() { f.now = time.Now }()
			}
			before := f.refusals()
			method, path, _ := strings.Cut(test.route, " ")
			f.send(method, path, test.token, test.body).want(test.status)
			want := append(before, audit.Refusal{Account: test.account, Address: "192.0.2.1", Reason: test.reason})
			if got := f.refusals(); !slices.Equal(sorted(got), sorted(want)) {
				t.Errorf("recorded %+v, want %+v", got, want)
			}
			if name := `"name":"` + test.reason + `"`; test.status == http.StatusForbidden && !strings.Contains(f.log.String(), name) {
				t.Errorf("the log lacks %s", name)
			}
		})
	}
}

func sorted(list []audit.Refusal) []audit.Refusal {
	return slices.SortedFunc(slices.Values(list), func(a, b audit.Refusal) int {
		return strings.Compare(a.Account+a.Address+a.Reason, b.Account+b.Address+b.Reason)
	})
}

// What anybody can send without ever having had a token of ours writes nothing, and what is no refusal
// neither.
func TestWhatIsNoRefusalLeavesNoTrace(t *testing.T) {
	f := newFixture(t)
	good := f.token("admin")
	changed := good[:len(good)-10] + flip(good[len(good)-10:len(good)-9]) + good[len(good)-9:]
	for _, token := range []string{"", "x", changed, good[:strings.LastIndex(good, ".")+1], good + ", Bearer " + good} {
		f.send(http.MethodGet, "/users", token, "").want(http.StatusUnauthorized)
	}
	f.send(http.MethodGet, "/users", good, "").want(http.StatusOK)
	f.send(http.MethodGet, "/users?unknown=1", good, "").want(http.StatusBadRequest)
	f.send(http.MethodPost, "/users", good, `{}`).want(http.StatusBadRequest)
	f.send(http.MethodGet, "/users/nobody", good, "").want(http.StatusNotFound)
	if got := f.refusals(); len(got) != 0 {
		t.Errorf("recorded %+v", got)
	}
}

// Whoever has a /64 has 2^64 addresses; they are one row.
func TestRefusalsCountIPv6ByNetwork(t *testing.T) {
	f := newFixture(t)
	reader := f.token("admin:read")
	for _, peer := range []string{"[2001:db8:1:2:3:4:5:6]:1", "[2001:db8:1:2:ffff::]:2", "[::ffff:192.0.2.7]:3"} {
		r := httptest.NewRequest(http.MethodPost, "https://id.example.com/admin/v1/keys/rotate", nil)
		r.RemoteAddr = peer
		r.Header.Set("Authorization", "Bearer "+reader)
		f.serve(r).want(http.StatusForbidden)
	}
	var places []string
	for _, r := range f.refusals() {
		places = append(places, r.Address)
	}
	slices.Sort(places)
	if want := []string{"192.0.2.7", "2001:db8:1:2::/64", "2001:db8:1:2::/64"}; !slices.Equal(places, want) {
		t.Errorf("places %v, want %v", places, want)
	}
}

// recorder is Refusals that says what it was called with and fails.
type recorder struct {
	err      error
	refusals []audit.Refusal
	alive    error
	bounded  bool
}

func (r *recorder) AddRefusal(ctx context.Context, refusal audit.Refusal) error {
	r.refusals = append(r.refusals, refusal)
	r.alive = ctx.Err()
	_, r.bounded = ctx.Deadline()
	return r.err
}

// A refusal stands where it can't be recorded, and the log tells of both. keys.ErrUnavailable has a row
// of its own in the table of failures, which must not win.
func TestRefusalStandsWithoutItsRecord(t *testing.T) {
	for _, cause := range []error{errors.New("disk full"), keys.ErrUnavailable, context.DeadlineExceeded} {
		f := newFixture(t)
		boss := f.user("boss", true)
		tokens := f.signIn("boss", password)
		server := *f.server
		server.Refusals = &recorder{err: cause}
		f.handleWith(&server)
		f.send(http.MethodPost, "/keys/rotate", f.token("admin:read"), "").want(http.StatusForbidden)
		f.send(http.MethodDelete, "/users/"+boss, f.token("admin:users"), "").want(http.StatusForbidden)
		f.send(http.MethodGet, "/users", tokens.Access, "").want(http.StatusUnauthorized)
		if n := len(server.Refusals.(*recorder).refusals); n != 3 {
			t.Errorf("recorded %d times, want 3", n)
		}
		log := f.log.String()
		for _, want := range []string{`"level":"ERROR","msg":"refusal not recorded","name":"admin_scope"`, `"msg":"refusal not recorded","name":"admin_rights"`,
			`"msg":"refusal not recorded","name":"token_invalid"`, cause.Error(), `"msg":"refused","name":"admin_scope"`} {
			if !strings.Contains(log, want) {
				t.Errorf("the log lacks %s:\n%s", want, log)
			}
		}
		if _, err := f.accounts.Get(t.Context(), boss); err != nil {
			t.Errorf("the administrator is gone: %v", err)
		}
	}
}

// Hanging up does not wipe the trace out, and a database that hangs holds nobody for long.
func TestRefusalIsRecordedThoughTheCallerHangsUp(t *testing.T) {
	f := newFixture(t)
	server, trace := *f.server, &recorder{}
	server.Refusals = trace
	f.handleWith(&server)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "https://id.example.com/admin/v1/keys/rotate", nil)
	r.Header.Set("Authorization", "Bearer "+f.token("admin:read"))
	f.serve(r).want(http.StatusForbidden)
	if len(trace.refusals) != 1 || trace.alive != nil || !trace.bounded {
		t.Errorf("recorded %d times, context %v, bounded %v", len(trace.refusals), trace.alive, trace.bounded)
	}
}

// Without Refusals nothing is recorded and everything is refused as with it.
func TestRefusalsMayBeNil(t *testing.T) {
	f := newFixture(t)
	f.user("spiderman", false)
	tokens := f.signIn("spiderman", password)
	server := *f.server
	server.Refusals = nil
	f.handleWith(&server)
	f.send(http.MethodPost, "/keys/rotate", f.token("admin:read"), "").want(http.StatusForbidden)
	f.send(http.MethodGet, "/users", tokens.Access, "").want(http.StatusUnauthorized)
	if got := f.refusals(); len(got) != 0 {
		t.Errorf("recorded %+v", got)
	}
}
