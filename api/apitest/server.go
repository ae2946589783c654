// Package apitest runs the real HTTP API over a real database for the tests of the packages below api.
// Nothing in it is faked but the clock.
package apitest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
	"keyturn/accounts/mail"
	"keyturn/api"
	"keyturn/api/admin"
	"keyturn/api/web"
	"keyturn/api/web/console"
	"keyturn/audit"
	"keyturn/audit/sentence"
	"keyturn/issuer"
	"keyturn/issuer/fetch"
	"keyturn/issuer/oauth"
	"keyturn/keys"
	"keyturn/storage"
)

// Password is that of every user that AddUser makes.
const Password = "correct horse battery"

// Config is what a test may choose; New starts from the program's defaults.
type Config struct {
	// DatabaseURL is an empty database; SQLite in a temporary folder without it.
	DatabaseURL string
	Settings    issuer.Settings
	CORSOrigins []string
	Proxies     []string
	Throttle    bool
	// Named makes the issuer http://localhost, a name, as passkeys need it; else it is an address.
	Named bool
	// Queue is how many sign-ins may wait for hashing.
	Queue int
	// SelfService is what people may do for themselves; all of it without it. Letters are queued, and leave when a
	// test asks for them; WithoutMail queues none.
	SelfService accounts.Features
	WithoutMail bool
	// MaxStaleness is how long clients and keys are used without having been read again; a year without it.
	MaxStaleness time.Duration
	// Log is that of the API; nothing is kept without it.
	Log *slog.Logger
}

// operations are what the program of cmd/keyturn would tell the console of itself.
var operations = console.Operations{
	Version: "test",
	Production: func(context.Context) (all []admin.Task) {
		states := []admin.TaskState{admin.Done, admin.Todo, admin.Decide}
		for n, name := range admin.TaskNames() {
			all = append(all, admin.Task{Name: name, State: states[n%3], Fact: sentence.Verbatim("KEYTURN_DATA_DIR=keyturn-data"), Do: "keyturn user invite ADDRESS --admin --print-link"})
		}
		return all
	},
	Checks: func(context.Context) []console.Check {
		return []console.Check{{Name: "database", Status: "ok", Detail: sentence.Verbatim("sqlite")}, {Name: "keys", Status: "ok", Detail: sentence.Say("read %s ago", "0s")}, {Name: "alarms", Status: "ok"}}
	},
	Settings: []console.Setting{
		{Name: "KEYTURN_AUDIENCE", Value: "api", Doc: "The aud claim of the token-pair API's access tokens."},
		{Name: "KEYTURN_DATABASE_URL", Value: "postgres://keyturn:***@db/keyturn", Doc: "sqlite:PATH or postgres://…; without it, SQLite in the data folder.", Changed: true},
	},
}

// Server is a running API and what it is made of.
type Server struct {
	URL      string
	Issuer   *issuer.Issuer
	Accounts *accounts.Service
	Groups   *accounts.Groups
	Keys     *keys.Ring
	Clients  *oauth.Registry
	Provider *oauth.Provider
	Self     *accounts.SelfService
	DB       *storage.DB

	// Posts are the paths that take a form or a body, as the router knows them.
	Posts []string

	offset atomic.Int64
}

// New starts a server that ends with the test.
func New(t testing.TB, choose ...func(*Config)) *Server {
	t.Helper()
	ctx := context.Background()
	listener := httptest.NewUnstartedServer(nil)
	url := "http://" + listener.Listener.Addr().String()
	config := Config{Settings: issuer.Settings{
		Issuer: url, Audience: "api", Algorithm: keys.EdDSA,
		AccessLifetime: 5 * time.Minute, RefreshLifetime: 24 * time.Hour, GrantLifetime: 720 * time.Hour,
		Grace: 30 * time.Second, UserIDClaim: "user_id",
	}}
	for _, c := range choose {
		c(&config)
	}
	if config.Named {
		url = strings.Replace(url, "127.0.0.1", "localhost", 1)
		config.Settings.Issuer = url
	}
	if config.SelfService == nil {
		config.SelfService = accounts.AllFeatures()
	}
	if config.MaxStaleness == 0 {
		config.MaxStaleness = 365 * 24 * time.Hour
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.DatabaseURL == "" {
		config.DatabaseURL = freshSQLite(t)
	}
	s := &Server{URL: url}
	db, err := storage.Open(ctx, config.DatabaseURL, storage.Options{Now: s.Now, DatabaseNow: s.Now})
	must(t, err)
	t.Cleanup(func() { db.Close() })
	_, _, err = db.Migrate(ctx)
	must(t, err)
	s.DB = db
	s.wire(t, config)
	pages, err := web.NewPages(web.Theme{Name: "Keyturn"}, config.Settings.Issuer)
	must(t, err)
	handler, err := (&api.Server{
		Issuer: s.Issuer, Accounts: s.Accounts, Groups: s.Groups, Keys: s.Keys, Provider: s.Provider, SelfService: s.Self, Pages: pages,
		Operations: operations, Log: config.Log, Letters: mail.Queue{Store: s.DB}, Refusals: s.DB,
		Audit:       &audit.Reader{Store: s.DB, Issuer: config.Settings.Issuer, RefusalAge: 90 * 24 * time.Hour},
		CORSOrigins: config.CORSOrigins, TrustedProxies: config.Proxies,
	}).Handler()
	must(t, err)
	for _, r := range handler.(*gin.Engine).Routes() {
		if r.Method == http.MethodPost {
			s.Posts = append(s.Posts, r.Path)
		}
	}
	listener.Config.Handler = handler
	listener.Start()
	t.Cleanup(listener.Close)
	return s
}

// migrated is an SQLite database of the present schema without a row of ours. Every test would spend a good part of its
// time on making one.
var migrated = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "keyturn")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "keyturn.db")
	db, err := storage.Open(context.Background(), "sqlite:"+file, storage.Options{})
	if err != nil {
		return nil, err
	}
	_, _, err = db.Migrate(context.Background())
	if err = errors.Join(err, db.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(file) // closing left no other file
})

// freshSQLite is the URL of a database of its own.
func freshSQLite(t testing.TB) string {
	t.Helper()
	content, err := migrated()
	must(t, err)
	file := filepath.Join(t.TempDir(), "keyturn.db")
	must(t, os.WriteFile(file, content, 0o600))
	return "sqlite:" + file
}

func (s *Server) wire(t testing.TB, config Config) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	// The cheapest hash there is: these tests are not about its cost.
	s.Accounts = &accounts.Service{
		Store: s.DB, Now: s.Now, Log: log, ThrottleOn: config.Throttle, Queue: config.Queue,
		Argon2: accounts.Argon2{Memory: 8192, Time: 1, Threads: 1},
	}
	s.Groups = &accounts.Groups{Store: s.DB, AdminAudience: config.Settings.AdminAudience()}
	s.Self = &accounts.SelfService{People: s.Accounts, Store: s.DB, Allow: config.SelfService, Mail: !config.WithoutMail}
	s.Issuer = &issuer.Issuer{Store: s.DB, Settings: config.Settings, Now: s.Now}
	_, master, err := keys.GenerateMaster()
	must(t, err)
	s.Keys = &keys.Ring{
		Store: s.DB, Master: master, Now: s.Now, Log: log, MaxStaleness: config.MaxStaleness,
		Policy: s.keyPolicy,
	}
	s.Issuer.Keys = s.Keys
	s.Accounts.Factors = &accounts.Factors{Store: s.DB, Sealer: s.Keys, People: s.Accounts, Issuer: config.Settings.Issuer, Policy: s.Groups}
	s.Issuer.Policy = s.Accounts.Factors
	s.wireProvider(t, config, log)
	must(t, s.Issuer.LoadResources(context.Background()))
	must(t, s.Clients.Load(context.Background()))
	must(t, s.Keys.Start(context.Background()))
}

// keyPolicy is that of cmd/keyturn at its defaults.
func (s *Server) keyPolicy() keys.Policy {
	algorithms, access, refresh := s.Issuer.KeyNeeds()
	clientAccess, clientRefresh := s.Clients.LongestLifetimes()
	algorithms = slices.Concat(algorithms, s.Clients.Algorithms())
	slices.Sort(algorithms)
	leeway := s.Issuer.Settings.Leeway
	return keys.Policy{
		Algorithms: slices.Compact(algorithms), Rotation: 720 * time.Hour, Lead: 24 * time.Hour, JWKSMaxAge: 300 * time.Second,
		TokenLifetime:   max(access, clientAccess) + leeway,
		RefreshLifetime: max(refresh, clientRefresh) + leeway,
	}
}

func (s *Server) wireProvider(t testing.TB, config Config, log *slog.Logger) {
	t.Helper()
	fetcher, err := fetch.New(fetch.Options{Allow: []string{"127.0.0.1"}})
	must(t, err)
	url := config.Settings.Issuer
	s.Clients = &oauth.Registry{
		Store: s.DB, Now: s.Now, Log: log,
		Settings: oauth.RegistrySettings{Issuer: url, Audience: config.Settings.Audience, MaxStaleness: config.MaxStaleness},
	}
	s.Provider = &oauth.Provider{
		Store: s.DB, Clients: s.Clients, Issuer: s.Issuer, People: s.Accounts, Ways: s.Accounts.Factors, Demands: s.Accounts.Factors, Now: s.Now, Log: log, Refusals: s.DB, Post: fetcher, Fetch: fetcher,
		Browsers: &accounts.Browsers{Store: s.DB, Idle: 12 * time.Hour, Lifetime: 168 * time.Hour},
		Assertions: &oauth.Assertions{
			Keys: &oauth.ClientKeys{Fetch: fetcher, Now: s.Now, Log: log}, Store: s.DB, Now: s.Now,
			Issuer: url, Audiences: []string{url + "/oauth2/token", url + "/oauth2/revoke", url + "/oauth2/introspect"},
		},
	}
}

// Now is the server's and the database's clock.
func (s *Server) Now() time.Time { return time.Now().Add(time.Duration(s.offset.Load())) }

// Advance moves that clock.
func (s *Server) Advance(d time.Duration) { s.offset.Add(int64(d)) }

// AddUser makes an active user with Password.
func (s *Server) AddUser(t testing.TB, username string) accounts.User {
	t.Helper()
	u, err := s.Accounts.Create(context.Background(), accounts.NewUser{
		Username: username, Password: Password, GivenName: "Peter", FamilyName: "Parker",
	}, System)
	must(t, err)
	return u
}

// AdminToken makes a token for the admin API.
func (s *Server) AdminToken(t testing.TB, scopes ...string) string {
	t.Helper()
	token, err := s.Issuer.AdminToken(context.Background(), scopes, time.Hour, System)
	must(t, err)
	return token
}

// Client follows no redirect.
func Client() *http.Client {
	return &http.Client{
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
