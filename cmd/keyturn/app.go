package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
	"keyturn/storage"
)

// app is the program put together: the database and what works on it. Commands use it without start.
type app struct {
	config   *Config
	log      *slog.Logger
	db       *storage.DB
	keys     *keys.Ring
	accounts *accounts.Service
	factors  *accounts.Factors
	browsers *accounts.Browsers
	groups   *accounts.Groups
	issuer   *issuer.Issuer
	clients  *oauth.Registry
	// alarms counts what an operator must look at.
	alarms atomic.Int64
	// scraped is when the metrics were last fetched, in nanoseconds of Unix time; 0 for never.
	scraped atomic.Int64
	// auditTail is what was unsealed when it was last looked at, nil before.
	auditTail atomic.Pointer[audit.Tail]
}

// openApp opens the database, brings the schema up to date where the settings say so, and wires the
// packages. It reads no key yet.
func openApp(ctx context.Context, config *Config, log *slog.Logger, wish schemaWish) (*app, error) {
	db, err := openDatabase(ctx, config, log, wish)
	if err != nil {
		return nil, err
	}
	a := &app{config: config, log: log, db: db}
	a.accounts = &accounts.Service{
		Store: db, Now: time.Now, Log: log,
		Argon2:     config.argon2(),
		Concurrent: config.PasswordHashing, Queue: config.PasswordQueue,
		ThrottleOn: bool(config.Throttle),
		LeastAlone: config.PasswordMinLength, Name: config.BrandName, Mail: config.mailOn(),
	}
	a.groups = &accounts.Groups{Store: db, AdminAudience: config.issuerSettings().AdminAudience()}
	a.issuer = &issuer.Issuer{Store: db, Settings: config.issuerSettings(), Now: time.Now, Alarm: a.timeTravel}
	a.keys = &keys.Ring{
		Store: db, Policy: a.keyPolicy, Now: time.Now, Log: log,
		MaxStaleness: config.MaxStaleness, Alarm: a.keyAlarm,
	}
	a.issuer.Keys = a.keys
	a.factors = &accounts.Factors{Store: db, Sealer: a.keys, People: a.accounts, Issuer: config.Issuer, Policy: a.groups, Mail: config.mailOn()}
	a.accounts.Factors, a.issuer.Policy = a.factors, a.factors
	a.browsers = a.newBrowsers()
	a.clients = &oauth.Registry{Store: db, Settings: config.registrySettings(), Now: time.Now, Log: log}
	return a, nil
}

func (c *Config) argon2() accounts.Argon2 {
	return accounts.Argon2{Memory: uint32(c.PasswordMemory), Time: uint32(c.PasswordTime), Threads: 1}
}

func (c *Config) issuerSettings() issuer.Settings {
	return issuer.Settings{
		Issuer: c.Issuer, Audience: c.Audience, Algorithm: c.Algorithm,
		AccessLifetime: c.AccessTokenLifetime, RefreshLifetime: c.RefreshTokenLife, GrantLifetime: c.GrantLifetime,
		Grace: c.RefreshGrace, Leeway: c.Leeway, KeepRefreshTokens: !c.RotateRefreshTokens,
		UserIDClaim: c.UserIDClaim, UpdateLastLogin: c.UpdateLastLogin,
	}
}

// keyPolicy is today's: it changes with the resources and the clients.
func (a *app) keyPolicy() keys.Policy {
	algorithms, access, refresh := a.issuer.KeyNeeds()
	clientAccess, clientRefresh := a.clients.LongestLifetimes()
	algorithms = slices.Concat(algorithms, a.clients.Algorithms())
	slices.Sort(algorithms)
	algorithms, access, refresh = slices.Compact(algorithms), max(access, clientAccess), max(refresh, clientRefresh)
	return keys.Policy{
		Algorithms: algorithms,
		Rotation:   a.config.KeyRotation, Lead: a.config.KeyLead, JWKSMaxAge: a.config.JWKSMaxAge,
		TokenLifetime:   access + a.config.Leeway,
		RefreshLifetime: refresh + a.config.Leeway,
	}
}

// load reads what the keys depend on.
func (a *app) load(ctx context.Context) error {
	if err := a.issuer.LoadResources(ctx); err != nil {
		return fmt.Errorf("read resources: %w", err)
	}
	return a.clients.Load(ctx)
}

// start makes the app ready to sign: resources, clients, master identity, keys.
func (a *app) start(ctx context.Context) error {
	if err := a.load(ctx); err != nil {
		return err
	}
	if err := a.keyPolicy().Validate(); err != nil {
		return fmt.Errorf("KEYTURN_KEY_ROTATION, KEYTURN_KEY_LEAD, KEYTURN_JWKS_MAX_AGE: %w", err)
	}
	if err := a.openMaster(ctx, mayGenerate); err != nil {
		return err
	}
	if c := a.checkFiles(); c.Status != "ok" {
		a.log.Warn(c.Detail.String())
	}
	return a.nameMaster(a.keys.Start(ctx))
}

// startReading is start for commands, which neither make keys nor a master identity.
func (a *app) startReading(ctx context.Context) error {
	if err := a.load(ctx); err != nil {
		return err
	}
	if err := a.openMaster(ctx, mustExist); err != nil {
		return err
	}
	return a.nameMaster(a.keys.Reload(ctx))
}

func (a *app) Close() error { return a.db.Close() }

func (a *app) timeTravel(err error, grantID string) {
	a.alarms.Add(1)
	a.log.Error("alarm: the database went back in time; see the runbook for a restore", "grant", grantID, "error", err)
}

func (a *app) keyAlarm(text string) {
	a.alarms.Add(1)
	a.log.Error("alarm: " + text)
}

// schemaWish says whether an older schema may be brought up to date.
type schemaWish bool

const (
	// mayUpgrade is for serve and demo. They also make the embedded database where there is none.
	mayUpgrade schemaWish = true
	// onlyFill is for commands: a newer program's `user list` must not change the schema under servers of the old
	// release, and one that is run in another folder must not make a second provider there.
	onlyFill schemaWish = false
)

// openDatabase opens the database, with a schema that fits. An empty database gets one; only mayUpgrade makes an
// embedded one.
func openDatabase(ctx context.Context, config *Config, log *slog.Logger, wish schemaWish) (*storage.DB, error) {
	url := config.databaseURL()
	prepare := makeFolder
	if wish == onlyFill {
		prepare = config.mustBeThere
	}
	if err := prepare(url); err != nil {
		return nil, err
	}
	db, err := storage.Open(ctx, url, storage.Options{MaxOpen: config.DatabasePool})
	if err != nil {
		return nil, fmt.Errorf("KEYTURN_DATABASE_URL: %w", err)
	}
	version, err := db.SchemaVersion(ctx)
	if err == nil && config.Migrate && (wish == mayUpgrade || version == 0) {
		if err := migrateDatabase(ctx, config, db, log); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	if err == nil {
		err = db.CheckSchema(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("KEYTURN_DATABASE_URL: %w", err), db.Close())
	}
	return db, nil
}

// migrateDatabase brings the schema up to date, over a URL of its own where one is set.
func migrateDatabase(ctx context.Context, config *Config, db *storage.DB, log *slog.Logger) error {
	var from, to int64
	var err error
	if config.MigrateDatabaseURL != "" {
		from, to, err = migrateNow(ctx, config)
	} else if from, to, err = db.Migrate(ctx); err != nil {
		err = fmt.Errorf("KEYTURN_DATABASE_URL: %w", err)
	}
	if err == nil && from != to {
		log.Info("schema brought up to date", "from", from, "to", to)
	}
	return err
}

// migrateNow brings the schema up to date over the URL for migrations, or the ordinary one.
func migrateNow(ctx context.Context, config *Config) (from, to int64, err error) {
	setting, url := "KEYTURN_DATABASE_URL", config.databaseURL()
	if config.MigrateDatabaseURL != "" {
		setting, url = "KEYTURN_MIGRATE_DATABASE_URL", config.MigrateDatabaseURL
	}
	if err := makeFolder(url); err != nil {
		return 0, 0, err
	}
	db, err := storage.Open(ctx, url, storage.Options{MaxOpen: 4})
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", setting, err)
	}
	defer db.Close()
	if from, to, err = db.Migrate(ctx); err != nil {
		return 0, 0, fmt.Errorf("%s: %w", setting, err)
	}
	return from, to, nil
}

// makeFolder makes the embedded database's folder, for its owner alone.
func makeFolder(url string) error {
	path, embedded := strings.CutPrefix(url, "sqlite:")
	if !embedded {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("KEYTURN_DATA_DIR: %w", err)
	}
	return nil
}

// mustBeThere refuses an embedded database that does not exist, and says where it was looked for.
func (c *Config) mustBeThere(url string) error {
	path, embedded := strings.CutPrefix(url, "sqlite:")
	if !embedded {
		return nil
	}
	_, err := os.Stat(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if whole, err := filepath.Abs(path); err == nil {
		path = whole
	}
	if c.DatabaseURL != "" {
		return fmt.Errorf("KEYTURN_DATABASE_URL: there is no database at %s; `keyturn serve` or `keyturn migrate` makes one", path)
	}
	return fmt.Errorf("there is no database at %s; name its folder by KEYTURN_DATA_DIR or --data-dir, or make one: `keyturn serve` or `keyturn migrate`", path)
}

func (c *Config) databaseURL() string {
	if c.DatabaseURL != "" {
		return c.DatabaseURL
	}
	return "sqlite:" + filepath.Join(c.DataDir, "keyturn.db")
}
