package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"keyturn/accounts"
	"keyturn/issuer"
	"keyturn/keys"
)

// Config is every setting. A field's tags are its name (KEYTURN_NAME in the environment, name in
// keyturn.yaml, --name with dashes as a flag), its default and its description;
// docs/configuration.md is made from them. A field tagged secret is masked wherever it is shown and
// may also be read from the file that KEYTURN_NAME_FILE names.
type Config struct {
	Listen    string `name:"listen" default:"127.0.0.1:8080" doc:"Address of the public listener."`
	OpsListen string `name:"ops_listen" default:"127.0.0.1:9090" doc:"Address of the operations listener (/healthz, /readyz, /metrics). Never expose it to the internet."`
	Issuer    string `name:"issuer" default:"" doc:"The iss claim and the base of every URL: what clients and resource servers call this provider. Without it, http:// and the address of the public listener, which must then be a loopback address."`

	DataDir            string `name:"data_dir" default:"./keyturn-data" doc:"Folder of the embedded database and of a master identity that Keyturn generates."`
	DatabaseURL        string `name:"database_url" default:"" secret:"true" doc:"sqlite:PATH or postgres://…; without it, SQLite in the data folder."`
	DatabasePool       int    `name:"database_pool" default:"20" doc:"Connections to PostgreSQL that one instance opens at most."`
	Migrate            bool   `name:"migrate" default:"true" doc:"Bring the schema up to date at start. Off where the operator runs keyturn migrate; the start then refuses an old schema."`
	MigrateDatabaseURL string `name:"migrate_database_url" default:"" secret:"true" doc:"Another URL for migrations, for example a role that may change the schema, or past a connection pooler."`
	MasterKeyFile      string `name:"master_key_file" default:"" doc:"age identity file that private keys are sealed to; the first identity seals, all open. Without it, master.key in the data folder, generated where the database holds no key yet."`
	MasterKey          string `name:"master_key" default:"" secret:"true" doc:"The content of the master identity file itself, for platforms that hand out secrets by environment."`

	Algorithm           keys.Algorithm `name:"algorithm" default:"RS256" doc:"Signs the access tokens of resources that name no algorithm: RS256, EdDSA, ES256 or PS256."`
	Audience            string         `name:"audience" default:"api" doc:"The aud claim of the token-pair API's access tokens."`
	AccessTokenLifetime time.Duration  `name:"access_token_lifetime" default:"5m" doc:"How long an access token is valid."`
	RefreshTokenLife    time.Duration  `name:"refresh_token_lifetime" default:"24h" doc:"How long a refresh token is valid; each refresh starts it anew."`
	GrantLifetime       time.Duration  `name:"grant_lifetime" default:"720h" doc:"The absolute end of a sign-in, which no refresh moves."`
	RefreshGrace        time.Duration  `name:"refresh_grace" default:"30s" doc:"How long a replaced refresh token still yields its unused successor (two tabs, a lost answer). 0 signs out whoever loses one answer."`
	RotateRefreshTokens bool           `name:"rotate_refresh_tokens" default:"true" doc:"Each refresh replaces the refresh token. Off for front-ends that ignore the new one."`
	UserIDClaim         string         `name:"user_id_claim" default:"user_id" doc:"Name of the claim that carries the user's id, as SimpleJWT's USER_ID_CLAIM."`
	UpdateLastLogin     bool           `name:"update_last_login" default:"false" doc:"Store the time of each sign-in with the user."`
	Leeway              time.Duration  `name:"leeway" default:"0s" doc:"How long after exp Keyturn itself still takes a token, at most 60s. Tokens from up to 5s ahead are always taken."`

	CORSOrigins    []string `name:"cors_origins" default:"" doc:"Origins whose pages may call the token-pair API, comma-separated; * for all. Never with credentials."`
	TrustedProxies []string `name:"trusted_proxies" default:"" doc:"Addresses or networks whose X-Forwarded-For is believed, comma-separated."`
	TLSCertFile    string   `name:"tls_cert_file" default:"" doc:"Certificate chain (PEM); with the key file, the public listener speaks TLS. Read again when it changes."`
	TLSKeyFile     string   `name:"tls_key_file" default:"" doc:"Private key (PEM) of the certificate."`

	KeyRotation  time.Duration `name:"key_rotation" default:"720h" doc:"How long a key signs before the next one takes over."`
	KeyLead      time.Duration `name:"key_lead" default:"24h" doc:"How long a key is published before it signs. Real verifiers cache a JWKS for 1 to 12 hours."`
	JWKSMaxAge   time.Duration `name:"jwks_max_age" default:"300s" doc:"Cache-Control max-age of the JWKS."`
	MaxStaleness time.Duration `name:"max_staleness" default:"15m" doc:"How long tokens are checked and signed with keys last read this long ago, while the database is away."`

	SessionIdle     time.Duration `name:"session_idle" default:"12h" doc:"How long a browser stays signed in to the provider (single sign-on) without being used."`
	SessionLifetime time.Duration `name:"session_lifetime" default:"168h" doc:"How long a browser stays signed in to the provider at most."`
	RequirePKCE     string        `name:"require_pkce" default:"public" doc:"Which clients must send a PKCE code_challenge: public (and those registered so), or all."`
	FetchAllow      []string      `name:"fetch_allow" default:"" doc:"Hosts, host:port or networks on loopback or private addresses that Keyturn may fetch clients' keys from and send logout tokens to, comma-separated; plain http is allowed for these alone."`
	FetchCAFile     string        `name:"fetch_ca_file" default:"" doc:"Certification authorities (PEM) that are trusted for that, and for the mail server, beside the system's."`
	MailURL         string        `name:"mail_url" default:"" secret:"true" doc:"Mail server that letters leave by: smtp://USER:PASSWORD@HOST:587 (STARTTLS is demanded, except on loopback), smtps://USER:PASSWORD@HOST:465, or console: for standard error. Without it there is no mail, nor what needs it."`
	MailFrom        string        `name:"mail_from" default:"" doc:"Address that letters come from, for example Example <id@example.com>."`
	BrandName       string        `name:"brand_name" default:"Keyturn" doc:"The team's name on the pages that people see."`
	BrandLogoFile   string        `name:"brand_logo_file" default:"" doc:"Logo (SVG, PNG, JPEG or WebP, at most 256 kB) shown in place of the name."`
	BrandAccent     string        `name:"brand_accent" default:"" doc:"Colour of buttons and links on light ground, #rrggbb; refused where text would be hard to read."`
	BrandAccentDark string        `name:"brand_accent_dark" default:"" doc:"The same on dark ground."`

	Throttle          Switch   `name:"throttle" default:"on" doc:"Growing delays after wrong passwords: on or off. Off only for tests."`
	SelfService       []string `name:"self_service" default:"invitation,password-reset,name,email,password,ways,download,deletion" doc:"What people may do for themselves, comma-separated: sign-up, invitation, password-reset, name, email, password, ways (to sign in), download, deletion; none for nothing. What needs mail is off without mail."`
	PasswordMinLength int      `name:"password_min_length" default:"15" doc:"Characters of a password that people choose who have nothing but a password, 8 to 64. With a second factor 8 are enough, and for passwords that administrators set."`

	PasswordMemory  int           `name:"password_memory" default:"19456" doc:"Memory of one argon2id hash in KiB."`
	PasswordTime    int           `name:"password_time" default:"2" doc:"Passes of one argon2id hash."`
	PasswordHashing int           `name:"password_hashing" default:"0" doc:"Passwords hashed at the same time; 0 for one per processor."`
	PasswordQueue   int           `name:"password_queue" default:"128" doc:"Sign-ins that may wait for hashing; more are answered 503."`
	LogLevel        string        `name:"log_level" default:"info" doc:"debug, info, warn or error."`
	LogFormat       string        `name:"log_format" default:"" doc:"json or text; without it, text on a terminal and json elsewhere."`
	DrainDelay      time.Duration `name:"drain_delay" default:"2s" doc:"After SIGTERM, how long readiness is red before the listeners close."`
	SweepInterval   time.Duration `name:"sweep_interval" default:"1m" doc:"How often expired rows are swept."`
	AuditRetention  time.Duration `name:"audit_retention" default:"9600h" doc:"How long sealed rows of the audit log are kept (9600h are 400 days); 0 for ever. Counts of refusals are kept for 90 days at most."`

	// given tells by name what was set; what is not set has its default, or is worked out of others.
	given map[string]bool
}

// Switch is on or off.
type Switch bool

// check completes the settings and reports everything that is wrong with them, one line each.
func (c *Config) check() error {
	var problems []error
	bad := func(name, format string, args ...any) {
		problems = append(problems, fmt.Errorf("%s%s: %s", envPrefix, strings.ToUpper(name), fmt.Sprintf(format, args...)))
	}
	c.checkAddresses(bad)
	c.checkLifetimes(bad)
	c.checkMail(bad)
	if !validName(c.UserIDClaim) || reservedClaims[c.UserIDClaim] {
		bad("user_id_claim", "must be a claim name that Keyturn does not use itself")
	}
	if err := c.issuerSettings().Check(); err != nil {
		bad("audience", "%v", err)
	}
	if err := c.argon2().Check(); err != nil {
		bad("password_memory", "with KEYTURN_PASSWORD_TIME: %v", err)
	}
	if (c.TLSCertFile == "") != (c.TLSKeyFile == "") {
		bad("tls_cert_file", "needs KEYTURN_TLS_KEY_FILE too, and the reverse")
	}
	if c.MasterKey != "" && c.MasterKeyFile != "" {
		bad("master_key", "can't be given together with KEYTURN_MASTER_KEY_FILE")
	}
	switch scheme, _, _ := strings.Cut(c.DatabaseURL, ":"); scheme {
	case "", "sqlite", "postgres", "postgresql":
	default:
		bad("database_url", "must begin with sqlite: or postgres://")
	}
	for _, n := range []struct {
		name       string
		value      int
		least, max int
	}{
		{"database_pool", c.DatabasePool, 1, 1000},
		{"password_memory", c.PasswordMemory, 8192, 1 << 18},
		{"password_min_length", c.PasswordMinLength, accounts.MinPassword, 64},
		{"password_time", c.PasswordTime, 1, 20},
		{"password_hashing", c.PasswordHashing, 0, 256},
		{"password_queue", c.PasswordQueue, 1, 100_000},
	} {
		if n.value < n.least || n.value > n.max {
			bad(n.name, "must be from %d to %d", n.least, n.max)
		}
	}
	if slices.Equal(c.SelfService, []string{"none"}) {
		c.SelfService = nil
	}
	if _, err := accounts.ParseFeatures(c.SelfService); err != nil {
		bad("self_service", "%v", err)
	}
	if _, err := logLevel(c.LogLevel); err != nil {
		bad("log_level", "must be debug, info, warn or error")
	}
	if c.RequirePKCE != "public" && c.RequirePKCE != "all" {
		bad("require_pkce", "must be public or all")
	}
	if c.LogFormat != "" && c.LogFormat != "json" && c.LogFormat != "text" {
		bad("log_format", "must be json or text")
	}
	return errors.Join(problems...)
}

func (c *Config) checkAddresses(bad func(name, format string, args ...any)) {
	for _, l := range []struct{ name, address string }{{"listen", c.Listen}, {"ops_listen", c.OpsListen}} {
		if _, port, err := net.SplitHostPort(l.address); err != nil || port == "" {
			bad(l.name, "must be HOST:PORT")
		}
	}
	if _, port, _ := net.SplitHostPort(c.Listen); c.Listen == c.OpsListen && port != "0" {
		bad("ops_listen", "must not be the same as KEYTURN_LISTEN")
	}
	if c.Issuer != "" {
		if problem := checkIssuer(c.Issuer); problem != "" {
			bad("issuer", "%s", problem)
		}
	} else if host, port, err := net.SplitHostPort(c.Listen); err == nil {
		if !loopback(host) {
			bad("issuer", "must be set where KEYTURN_LISTEN is not a loopback address")
		} else if port == "0" {
			bad("issuer", "must be set where KEYTURN_LISTEN has port 0")
		}
		scheme := "http://"
		if c.TLSCertFile != "" {
			scheme = "https://"
		}
		c.Issuer = scheme + c.Listen
	}
	for _, origin := range c.CORSOrigins {
		u, err := url.Parse(origin)
		if origin != "*" && (err != nil || u.Host == "" || u.Scheme+"://"+u.Host != origin) {
			bad("cors_origins", "%q is not an origin such as https://app.example.com", origin)
		}
	}
	for _, proxy := range c.TrustedProxies {
		_, notAddress := netip.ParseAddr(proxy)
		if _, notNetwork := netip.ParsePrefix(proxy); notAddress != nil && notNetwork != nil {
			bad("trusted_proxies", "%q is neither an address nor a network", proxy)
		}
	}
}

// checkIssuer holds an issuer to RFC 8414 section 2 and to what this program serves.
func checkIssuer(issuer string) string {
	u, err := url.Parse(issuer)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(issuer, "?#"):
		return "must be a URL such as https://id.example.com"
	case u.Path != "":
		return "must have no path and no slash at its end"
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "must be https; plain http is for loopback addresses only"
	case u.Scheme != "http" && u.Scheme != "https":
		return "must be https"
	}
	return ""
}

func (c *Config) checkLifetimes(bad func(name, format string, args ...any)) {
	for _, d := range []struct {
		name       string
		value      time.Duration
		least, max time.Duration
	}{
		{"access_token_lifetime", c.AccessTokenLifetime, time.Second, issuer.MaxAccessLifetime},
		{"refresh_token_lifetime", c.RefreshTokenLife, time.Second, 366 * 24 * time.Hour},
		{"grant_lifetime", c.GrantLifetime, time.Second, 10 * 366 * 24 * time.Hour},
		{"refresh_grace", c.RefreshGrace, 0, 600 * time.Second},
		{"leeway", c.Leeway, 0, 60 * time.Second},
		{"key_lead", c.KeyLead, time.Second, 30 * 24 * time.Hour},
		{"key_rotation", c.KeyRotation, c.KeyLead, 10 * 366 * 24 * time.Hour},
		{"jwks_max_age", c.JWKSMaxAge, time.Second, 24 * time.Hour},
		{"max_staleness", c.MaxStaleness, 2 * time.Minute, 24 * time.Hour},
		{"drain_delay", c.DrainDelay, 0, time.Minute},
		{"session_idle", c.SessionIdle, time.Minute, 366 * 24 * time.Hour},
		{"session_lifetime", c.SessionLifetime, time.Minute, 366 * 24 * time.Hour},
		{"sweep_interval", c.SweepInterval, time.Second, 24 * time.Hour},
	} {
		if d.value < d.least || d.value > d.max {
			bad(d.name, "must be from %s to %s", d.least, d.max)
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"access_token_lifetime", c.AccessTokenLifetime}, {"refresh_token_lifetime", c.RefreshTokenLife},
		{"grant_lifetime", c.GrantLifetime},
	} {
		if d.value%time.Second != 0 {
			bad(d.name, "must be whole seconds, as the times in a token are")
		}
	}
	if c.AuditRetention != 0 && c.AuditRetention < 24*time.Hour {
		bad("audit_retention", "must be 0 or at least 24h")
	}
	if c.GrantLifetime < c.RefreshTokenLife {
		bad("grant_lifetime", "must not be shorter than KEYTURN_REFRESH_TOKEN_LIFETIME")
	}
}

// reservedClaims are the names that tokens give a meaning of their own.
var reservedClaims = map[string]bool{
	"iss": true, "aud": true, "exp": true, "iat": true, "nbf": true, "jti": true, "sub": true,
	"client_id": true, "scope": true, "auth_time": true, "acr": true, "amr": true, "sid": true,
	"token_type": true, "cnf": true, "status": true, "act": true,
	"name": true, "given_name": true, "family_name": true, "preferred_username": true,
	"email": true, "email_verified": true,
}

func validName(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}
