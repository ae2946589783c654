package main

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

func noFile(string) ([]byte, error) { return nil, fs.ErrNotExist }

func files(content map[string]string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		text, ok := content[name]
		if !ok {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return []byte(text), nil
	}
}

// TestSettingsAreRefused: every bad value is reported, in one go, by the name of its setting.
func TestSettingsAreRefused(t *testing.T) {
	for _, tt := range []struct {
		env  string
		want []string
	}{
		{"KEYTURN_ACCESS_TOKEN_LIFETIM=5m", []string{"KEYTURN_ACCESS_TOKEN_LIFETIM", "did you mean KEYTURN_ACCESS_TOKEN_LIFETIME?"}},
		{"KEYTURN_SELF_SERVICE=name,nonsense", []string{"KEYTURN_SELF_SERVICE", `"nonsense" is not one of`}},
		{"KEYTURN_PASSWORD_MIN_LENGTH=7", []string{"KEYTURN_PASSWORD_MIN_LENGTH", "from 8 to 64"}},
		{"KEYTURN_LISEN=127.0.0.1:8080", []string{"KEYTURN_LISEN: no such setting (did you mean KEYTURN_LISTEN?)"}},
		{"KEYTURN_NONSENSE=1", []string{"KEYTURN_NONSENSE: no such setting"}},
		{"KEYTURN_ACCESS_TOKEN_LIFETIME=5", []string{"KEYTURN_ACCESS_TOKEN_LIFETIME", "duration"}},
		{"KEYTURN_ACCESS_TOKEN_LIFETIME=0s", []string{"KEYTURN_ACCESS_TOKEN_LIFETIME"}},
		{"KEYTURN_ACCESS_TOKEN_LIFETIME=1500ms", []string{"whole seconds"}},
		{"KEYTURN_ACCESS_TOKEN_LIFETIME=25h", []string{"KEYTURN_ACCESS_TOKEN_LIFETIME"}},
		{"KEYTURN_REFRESH_GRACE=601s", []string{"KEYTURN_REFRESH_GRACE"}},
		{"KEYTURN_REFRESH_GRACE=-1s", []string{"KEYTURN_REFRESH_GRACE"}},
		{"KEYTURN_LEEWAY=61s", []string{"KEYTURN_LEEWAY"}},
		{"KEYTURN_ALGORITHM=HS256", []string{"KEYTURN_ALGORITHM", "RS256, EdDSA, ES256 or PS256"}},
		{"KEYTURN_ALGORITHM=none", []string{"KEYTURN_ALGORITHM"}},
		{"KEYTURN_THROTTLE=maybe", []string{"KEYTURN_THROTTLE", "on or off"}},
		{"KEYTURN_OPS_LISTEN=127.0.0.1:8080", []string{"KEYTURN_OPS_LISTEN", "same as KEYTURN_LISTEN"}},
		{"KEYTURN_PASSWORD_MEMORY=262144 KEYTURN_PASSWORD_TIME=20", []string{"KEYTURN_PASSWORD_MEMORY"}},
		{"KEYTURN_AUDIENCE=http://127.0.0.1:8080", []string{"KEYTURN_AUDIENCE", "reserved"}},
		{"KEYTURN_LISTEN=8080", []string{"KEYTURN_LISTEN", "HOST:PORT"}},
		{"KEYTURN_LISTEN=0.0.0.0:8080", []string{"KEYTURN_ISSUER", "must be set"}},
		{"KEYTURN_ISSUER=http://id.example.com", []string{"KEYTURN_ISSUER", "https"}},
		{"KEYTURN_ISSUER=https://id.example.com/", []string{"KEYTURN_ISSUER", "slash"}},
		{"KEYTURN_ISSUER=https://id.example.com?x", []string{"KEYTURN_ISSUER"}},
		{"KEYTURN_ISSUER=id.example.com", []string{"KEYTURN_ISSUER"}},
		{"KEYTURN_DATABASE_URL=mysql://x", []string{"KEYTURN_DATABASE_URL"}},
		{"KEYTURN_KEY_ROTATION=1h", []string{"KEYTURN_KEY_ROTATION"}},
		{"KEYTURN_GRANT_LIFETIME=1h", []string{"KEYTURN_GRANT_LIFETIME"}},
		{"KEYTURN_USER_ID_CLAIM=sub", []string{"KEYTURN_USER_ID_CLAIM"}},
		{"KEYTURN_CORS_ORIGINS=https://a.example/path", []string{"KEYTURN_CORS_ORIGINS"}},
		{"KEYTURN_TRUSTED_PROXIES=everybody", []string{"KEYTURN_TRUSTED_PROXIES"}},
		{"KEYTURN_TLS_CERT_FILE=cert.pem", []string{"KEYTURN_TLS_CERT_FILE"}},
		{"KEYTURN_PASSWORD_TIME=many", []string{"KEYTURN_PASSWORD_TIME", "whole number"}},
		{"KEYTURN_LOG_LEVEL=loud", []string{"KEYTURN_LOG_LEVEL"}},
		{"KEYTURN_MASTER_KEY=x KEYTURN_MASTER_KEY_FILE=y", []string{"KEYTURN_MASTER_KEY_FILE"}},
		{"KEYTURN_DATABASE_URL_FILE=/missing", []string{"KEYTURN_DATABASE_URL_FILE"}},
		{"KEYTURN_MAIL_URL=http://mail.example.com KEYTURN_MAIL_FROM=id@example.com", []string{"KEYTURN_MAIL_URL", "smtps://"}},
		{"KEYTURN_MAIL_URL=smtp://keyturn@mail.example.com KEYTURN_MAIL_FROM=id@example.com", []string{"KEYTURN_MAIL_URL", "password"}},
		{"KEYTURN_MAIL_URL=smtp://mail.example.com:0 KEYTURN_MAIL_FROM=id@example.com", []string{"KEYTURN_MAIL_URL", "port"}},
		{"KEYTURN_MAIL_URL=smtp://mail.example.com", []string{"KEYTURN_MAIL_FROM: must be set"}},
		{"KEYTURN_MAIL_URL=smtp://mail.example.com KEYTURN_MAIL_FROM=id", []string{"KEYTURN_MAIL_FROM: is not an email address"}},
		{"KEYTURN_MAIL_FROM=id@example.com", []string{"KEYTURN_MAIL_FROM", "KEYTURN_MAIL_URL"}},
		{"KEYTURN_LEEWAY=61s KEYTURN_AUDIENCE= KEYTURN_LOG_FORMAT=xml", []string{"KEYTURN_LEEWAY", "KEYTURN_AUDIENCE", "KEYTURN_LOG_FORMAT"}},
	} {
		t.Run(tt.env, func(t *testing.T) {
			_, err := loadConfig(source{environ: strings.Fields(tt.env), readFile: noFile})
			if err == nil {
				t.Fatal("taken")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("want %q in %v", want, err)
				}
			}
		})
	}
}

func TestSettingsPrecedence(t *testing.T) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	addFlags(flags)
	must(t, flags.Parse([]string{"--leeway", "3s"}))
	config, err := loadConfig(source{
		environ: []string{
			"KEYTURN_LEEWAY=2s", "KEYTURN_REFRESH_GRACE=20s", "KEYTURN_PORT=tcp://10.0.0.1:80", "KEYTURN_SERVICE_HOST=10.0.0.1",
			"KEYTURN_DATABASE_URL_FILE=/run/secrets/url", "OTHER=1",
		},
		flags: flags,
		readFile: files(map[string]string{
			"keyturn.yaml":     "leeway: 1s\nrefresh_grace: 10s\naccess_token_lifetime: 1m\ncors_origins:\n  - https://a.example\n  - https://b.example\n",
			"/run/secrets/url": "postgres://u:p@db/x\n",
		}),
	})
	must(t, err)
	if config.Leeway != 3*time.Second || config.RefreshGrace != 20*time.Second || config.AccessTokenLifetime != time.Minute {
		t.Errorf("leeway %v, grace %v, lifetime %v", config.Leeway, config.RefreshGrace, config.AccessTokenLifetime)
	}
	if len(config.CORSOrigins) != 2 || config.DatabaseURL != "postgres://u:p@db/x" {
		t.Errorf("origins %v, database %v", config.CORSOrigins, config.DatabaseURL)
	}
	for _, s := range settings() {
		if s.name == "database_url" && config.show(s) != "postgres://***@db/x" {
			t.Errorf("shown as %q", config.show(s))
		}
	}
}

func TestSettingsFileIsStrict(t *testing.T) {
	for text, want := range map[string]string{
		"leway: 1s":              `keyturn.yaml line 1: no setting "leway"`,
		"leeway: 1s\nleeway: 2s": "keyturn.yaml",
		"leeway: {a: b}":         "must be a text or a list",
		"- leeway":               "keyturn.yaml",
	} {
		_, err := loadConfig(source{readFile: files(map[string]string{"keyturn.yaml": text})})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	_, err := loadConfig(source{environ: []string{"KEYTURN_CONFIG=missing.yaml"}, readFile: noFile})
	if err == nil {
		t.Error("a settings file that was asked for is missing, and nothing was said")
	}
}

func TestConfigMasksSecrets(t *testing.T) {
	i := newInstance(t, "KEYTURN_DATABASE_URL=postgres://keyturn:topsecret@127.0.0.1/keyturn?password=topsecret", "KEYTURN_MASTER_KEY=AGE-SECRET-KEY-1TOPSECRET")
	for _, args := range [][]string{{"config"}, {"config", "--json"}, {"doctor"}} {
		out, _ := i.run(t, "", args...)
		if strings.Contains(strings.ToLower(out), "topsecret") {
			t.Errorf("%v printed a secret:\n%s", args, out)
		}
	}
}

// FuzzSettingsFile: whatever the file holds, it is read or refused.
func FuzzSettingsFile(f *testing.F) {
	for _, seed := range []string{"", "leeway: 1s", "cors_origins: [a, b]", "? [x]", "a: &a [*a]", "leeway: !!binary AA==", string([]byte{0xff, 0})} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		config, err := loadConfig(source{readFile: files(map[string]string{"keyturn.yaml": text})})
		if err == nil && config.check() != nil {
			t.Fatalf("accepted settings that check refuses: %q", text)
		}
	})
}

func TestCommandsAnswerAsJSON(t *testing.T) {
	i := newInstance(t)
	i.serve(t)
	i.addSpiderman(t)
	i.signIn(t)
	for _, args := range [][]string{
		{"user", "list"}, {"user", "update", demoUser, "--email", "peter@example.com"}, {"user", "deactivate", demoUser}, {"user", "activate", demoUser},
		{"user", "factors", demoUser}, {"user", "reset-factors", demoUser},
		{"keys", "list"}, {"keys", "plan"}, {"keys", "rotate"}, {"keys", "reseal"},
		{"session", "list", "--user", demoUser}, {"session", "revoked"}, {"session", "end", "--user", demoUser}, {"session", "end-all", "--yes"},
		{"resource", "create", "orders", "--algorithm", "EdDSA"}, {"resource", "update", "orders"}, {"resource", "list"}, {"resource", "delete", "orders"},
		{"mail", "list"}, {"mail", "retry", "--all"}, {"mail", "drop", "--all"}, {"admin", "token"}, {"audit", "list"}, {"audit", "refusals"}, {"doctor"}, {"config"}, {"healthcheck"}, {"version"}, {"migrate"},
		{"user", "delete", demoUser},
	} {
		out := i.must(t, "", append(args, "--json")...)
		if out = strings.TrimSpace(out); !strings.HasPrefix(out, "{") && !strings.HasPrefix(out, "[") {
			t.Errorf("%v answered %q", args, out)
		}
	}
	for _, args := range [][]string{
		{"user", "create", "bad\x00name"}, {"user", "create", ""}, {"user", "delete", "nobody"}, {"user", "set-password", "x"},
		{"user", "list", "--limit", "0"}, {"session", "end"}, {"session", "end", "nonsense"}, {"session", "end-all"},
		{"keys", "revoke", "nonsense"}, {"keys", "rotate", "--mode", "sideways"}, {"keys", "rotate", "--mode", "immediate"},
		{"resource", "create", ""}, {"resource", "create", "x y"}, {"admin", "token", "--scope", "everything"},
		{"admin", "token", "--lifetime", "24h"}, {"nonsense"}, {"keys", "rotat"}, {"user", "foo"}, {"user", "create"}, {"session", "list"},
		{"mail", "send-test", "peter@example.com"}, {"mail", "retry"}, {"mail", "retry", "x", "--all"}, {"mail", "drop"}, {"mail", "drop", "nonsense"}, {"mail", "retry", "nonsense"},
		{"keys", "rotate", "--mode", "compromised", "--all"}, {"resource", "create", "z", "--access-token-lifetime", "10m"}, {"serve", "--nonsense"}, {"user", "import", "/nonexistent"},
	} {
		if strings.ContainsRune(strings.Join(args, ""), 0) {
			continue // the kernel refuses it before us
		}
		out, status := i.run(t, "", args...)
		if status != 1 || strings.Contains(out, "goroutine ") || !strings.HasPrefix(strings.TrimSpace(out), "keyturn: ") {
			t.Errorf("%q: exit status %d\n%s", args, status, out)
		}
	}
	if _, err := os.Stat(i.dir); err != nil {
		t.Fatal(err)
	}
}

// TestMaskSecret: however odd a password is, nothing of it is shown.
func TestMaskSecret(t *testing.T) {
	for value, want := range map[string]string{
		"postgres://u:p@db/x":                      "postgres://***@db/x",
		"postgres://u:p@ssw0rd@db:5432/x":          "postgres://***@db:5432/x",
		"postgres://u:p%40ss@db/x?sslmode=disable": "postgres://***@db/x",
		"postgres://db/x?user=u&password=secret":   "postgres://***@db/x",
		"postgres://u:se#cret@db/x":                "***",
		"postgres://u:se/cret@db/x":                "***",
		"host=db password=secret":                  "***",
		"smtp://keyturn:p@mail.example.com:587":    "smtp://***@mail.example.com:587",
		"smtp://keyturn:p/x@mail.example.com":      "***",
		"AGE-SECRET-KEY-1X":                        "***",
		"sqlite:keyturn.db":                        "sqlite:keyturn.db",
		"console:":                                 "console:",
	} {
		if got := maskSecret(value); got != want {
			t.Errorf("%s is shown as %s, want %s", value, got, want)
		}
	}
}

// TestDurationsAreShownAsTyped: 720h, not Go's 720h0m0s.
func TestDurationsAreShownAsTyped(t *testing.T) {
	for _, text := range []string{"0s", "30s", "5m", "1m30s", "24h", "1h30m", "1h0m5s", "9600h"} {
		d, err := time.ParseDuration(text)
		must(t, err)
		if got := typed(d); got != text {
			t.Errorf("%s is shown as %s", text, got)
		}
	}
}

// TestDerivedSettingsAreNotShownAsSet: the issuer that follows from the listener is nobody's choice.
func TestDerivedSettingsAreNotShownAsSet(t *testing.T) {
	for issuer, set := range map[string]bool{"": false, "https://id.example.com": true} {
		environ := []string{"KEYTURN_LISTEN=127.0.0.1:8085"}
		if issuer != "" {
			environ = append(environ, "KEYTURN_ISSUER="+issuer)
		}
		config, err := loadConfig(source{environ: environ, readFile: noFile})
		if err != nil {
			t.Fatal(err)
		}
		a := &app{config: config}
		for _, s := range a.operations().Settings {
			want := s.Name == "KEYTURN_LISTEN" || s.Name == "KEYTURN_ISSUER" && set
			if s.Changed != want {
				t.Errorf("issuer %q: %s = %q is set: %t", issuer, s.Name, s.Value, s.Changed)
			}
		}
	}
}
