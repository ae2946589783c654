package admin_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/accounts/mail"
	"keyturn/api"
	"keyturn/api/web"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
	"keyturn/storage"
)

// Every password in these tests holds secretMark, so that one search finds whichever leaks.
const secretMark = "s3cret-mark"

const password = "correct " + secretMark

// secrets must not stand in any answer of the admin API, nor in the log: passwords, hashes, master
// identities, private keys (PEM and JWK) and tokens, whose second part begins so.
var secrets = []string{secretMark, "pbkdf2_", "argon2", "AGE-SECRET", "age-encryption", "PRIVATE KEY", ".eyJ", `"d":`}

// fixture is a whole provider on SQLite, called through its real handler.
type fixture struct {
	*testing.T
	db       *storage.DB
	accounts *accounts.Service
	issuer   *issuer.Issuer
	clients  *oauth.Registry
	server   *api.Server
	handler  http.Handler
	now      func() time.Time
	log      bytes.Buffer
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{T: t, now: time.Now}
	now := func() time.Time { return f.now() }
	var err error
	if f.db, err = storage.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "test.db"), storage.Options{Now: now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.db.Close() })
	if _, _, err := f.db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewJSONHandler(&f.log, nil))
	f.accounts = &accounts.Service{Store: f.db, Now: now, Argon2: accounts.Argon2{Memory: 64, Time: 1, Threads: 1}, Log: log}
	f.issuer = &issuer.Issuer{Store: f.db, Now: now, Settings: issuer.Settings{
		Issuer: "https://id.example.com", Audience: "api", Algorithm: keys.EdDSA,
		AccessLifetime: 5 * time.Minute, RefreshLifetime: 24 * time.Hour, GrantLifetime: 720 * time.Hour,
		Grace: 30 * time.Second, UserIDClaim: "user_id",
	}}
	_, master, err := keys.GenerateMaster()
	if err != nil {
		t.Fatal(err)
	}
	ring := &keys.Ring{Store: f.db, Master: master, Now: now, Log: log, MaxStaleness: 1000 * time.Hour, Policy: func() keys.Policy {
		algorithms, access, refresh := f.issuer.KeyNeeds()
		return keys.Policy{
			Algorithms: algorithms, Rotation: 720 * time.Hour, Lead: 24 * time.Hour, JWKSMaxAge: 5 * time.Minute,
			TokenLifetime: access, RefreshLifetime: refresh,
		}
	}}
	if err := ring.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.issuer.Keys = ring
	f.accounts.Factors = &accounts.Factors{Store: f.db, Sealer: ring, People: f.accounts, Issuer: "https://id.example.com"}
	f.clients = &oauth.Registry{Store: f.db, Now: now, Log: log, Settings: oauth.RegistrySettings{
		Issuer: "https://id.example.com", Audience: "api", MaxStaleness: 1000 * time.Hour,
	}}
	provider := &oauth.Provider{
		Store: f.db, Clients: f.clients, Issuer: f.issuer, People: f.accounts, Now: now, Log: log, Refusals: f.db,
		Browsers: &accounts.Browsers{Store: f.db, Idle: 12 * time.Hour, Lifetime: 168 * time.Hour},
	}
	pages, err := web.NewPages(web.Theme{Name: "Keyturn"}, "https://id.example.com")
	if err != nil {
		t.Fatal(err)
	}
	f.handleWith(&api.Server{
		Issuer: f.issuer, Accounts: f.accounts, Groups: &accounts.Groups{Store: f.db, AdminAudience: "https://id.example.com/admin/v1"}, Keys: ring, Provider: provider, Pages: pages, Log: log, Letters: mail.Queue{Store: f.db}, Refusals: f.db,
		Audit: &audit.Reader{Store: f.db, Issuer: "https://id.example.com", RefusalAge: 90 * 24 * time.Hour},
	})
	t.Cleanup(func() { f.noSecret("the log", f.log.String()) })
	return f
}

// handleWith serves the rest of the test with s.
func (f *fixture) handleWith(s *api.Server) {
	f.Helper()
	f.server = s
	var err error
	if f.handler, err = s.Handler(); err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) noSecret(where, text string) {
	f.Helper()
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			f.Errorf("%s holds %q:\n%s", where, secret, text)
		}
	}
}

// token is an admin token with one scope.
func (f *fixture) token(scope string) string {
	f.Helper()
	token, err := f.issuer.AdminToken(f.Context(), []string{scope}, time.Hour, audit.Actor{Kind: audit.Operator, Rights: audit.ManageAll})
	if err != nil {
		f.Fatal(err)
	}
	return token
}

// answer is what came back.
type answer struct {
	*httptest.ResponseRecorder
	t *testing.T
}

// send makes a request to a path below the prefix, with body as JSON. Its answer is searched for secrets.
func (f *fixture) send(method, path, token, body string, header ...string) answer {
	f.Helper()
	r := httptest.NewRequest(method, "https://id.example.com/admin/v1"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return f.serve(r)
}

func (f *fixture) serve(r *http.Request) answer {
	f.Helper()
	a := answer{httptest.NewRecorder(), f.T}
	f.hold(a, r)
	f.noSecret(r.Method+" "+r.URL.Path, a.Body.String())
	for name, values := range a.Header() {
		f.noSecret("header "+name+" of "+r.Method+" "+r.URL.Path, strings.Join(values, "\n"))
	}
	if a.Code >= http.StatusInternalServerError {
		f.Errorf("%s %s: %d %s", r.Method, r.URL.Path, a.Code, a.Body)
	}
	return a
}

// want demands a status and decodes the answer.
func (a answer) want(status int) map[string]any {
	a.t.Helper()
	if a.Code != status {
		a.t.Fatalf("status %d, want %d: %s", a.Code, status, a.Body)
	}
	if status == http.StatusNoContent {
		return nil
	}
	kind := "application/json"
	if status >= http.StatusBadRequest {
		kind = "application/problem+json"
	}
	if got := a.Header().Get("Content-Type"); got != kind {
		a.t.Errorf("content type %q, want %q", got, kind)
	}
	if got := a.Header().Get("Cache-Control"); got != "no-store" {
		a.t.Errorf("Cache-Control %q, want no-store", got)
	}
	var out map[string]any
	if err := json.Unmarshal(a.Body.Bytes(), &out); err != nil {
		a.t.Fatalf("%v in %s", err, a.Body)
	}
	return out
}

// wantParam demands a 400 that names the member or parameter.
func (a answer) wantParam(param string) {
	a.t.Helper()
	if got := a.want(http.StatusBadRequest)["param"]; got != param && (param != "" || got != nil) {
		a.t.Errorf("param %v, want %q: %s", got, param, a.Body)
	}
}

// items are the texts of one member of every item of a list.
func items(list map[string]any, member string) []string {
	texts := []string{}
	for _, item := range list["items"].([]any) {
		text, _ := item.(map[string]any)[member].(string)
		texts = append(texts, text)
	}
	return texts
}

// pair is what the token-pair API answers.
type pair struct{ Access, Refresh string }

// tokenPair calls the token-pair API.
func (f *fixture) tokenPair(path, body string) (pair, int) {
	f.Helper()
	r := httptest.NewRequest(http.MethodPost, "https://id.example.com/api/token/"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	var p pair
	if w.Code == http.StatusOK {
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			f.Fatal(err)
		}
	}
	return p, w.Code
}

func (f *fixture) signIn(username, password string) pair {
	f.Helper()
	p, status := f.tokenPair("", `{"username": "`+username+`", "password": "`+password+`"}`)
	if status != http.StatusOK {
		f.Fatalf("sign-in of %s: %d", username, status)
	}
	return p
}

// refreshes tells whether a refresh token is taken.
func (f *fixture) refreshes(p pair) bool {
	f.Helper()
	_, status := f.tokenPair("refresh/", `{"refresh": "`+p.Refresh+`"}`)
	return status == http.StatusOK
}

// user makes one with a password, and gives the id.
func (f *fixture) user(username string, admin bool) string {
	f.Helper()
	user, err := f.accounts.Create(f.Context(), accounts.NewUser{Username: username, Password: password, Admin: admin}, audit.Actor{Rights: audit.ManageAll})
	if err != nil {
		f.Fatal(err)
	}
	return user.ID
}

// grantOf is the id of a user's newest grant.
func (f *fixture) grantOf(userID string) string {
	f.Helper()
	grants, err := f.db.Grants(f.Context(), issuer.GrantQuery{UserID: userID, Limit: 1})
	if err != nil || len(grants) != 1 {
		f.Fatalf("%d grants of %s (%v)", len(grants), userID, err)
	}
	return grants[0].ID
}

// untouchable is a huge body that nobody may read.
type untouchable struct {
	t    *testing.T
	once sync.Once
}

func (u *untouchable) Read([]byte) (int, error) {
	u.once.Do(func() { u.t.Error("the body was read") })
	return 0, io.ErrUnexpectedEOF
}
