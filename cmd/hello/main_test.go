package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

func noEnv(string) string { return "" }

func TestRunServesUntilItsContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	logs, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"--issuer", "http://127.0.0.1:1", "--listen", "127.0.0.1:0"}, noEnv, w)
		w.Close()
	}()
	lines := bufio.NewReader(logs)
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url := regexp.MustCompile(`http://127\.0\.0\.1:\d+/api/hello/`).FindString(line)
	if url == "" {
		t.Fatalf("the log names no URL: %s", line)
	}
	go io.Copy(io.Discard, lines)
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("status = %d; want 401", res.StatusCode)
	}
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("run = %v; want nil", err)
		}
	case <-time.After(shutdownGrace):
		t.Fatal("still running")
	}
}

func TestConfigure(t *testing.T) {
	vars := map[string]string{
		"KEYTURN_ISSUER": "https://env.example", "HELLO_JWKS_URL": "https://env.example/jwks", "KEYTURN_AUDIENCE": "orders",
		"HELLO_LISTEN": ":9", "HELLO_CORS_ORIGINS": "https://a.example, https://b.example", "HELLO_INSECURE_ALLOW_HTTP": "true",
	}
	env := func(name string) string { return vars[name] }
	cfg, listen, err := configure(nil, env, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Issuer != "https://env.example" || cfg.JWKSURL != "https://env.example/jwks" || cfg.Audience != "orders" ||
		listen != ":9" || len(cfg.CORSOrigins) != 2 || len(cfg.Options) != 1 {
		t.Errorf("from the environment: %+v, %s", cfg, listen)
	}
	cfg, listen, err = configure([]string{"--issuer=https://flag.example", "--audience=x", "--listen=:8", "--insecure-allow-http=false",
		"--cors-origin=https://c.example"}, env, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Issuer != "https://flag.example" || cfg.Audience != "x" || listen != ":8" || len(cfg.CORSOrigins) != 3 || len(cfg.Options) != 0 {
		t.Errorf("flags over environment: %+v, %s", cfg, listen)
	}
	cfg, listen, err = configure([]string{"--issuer=https://flag.example"}, noEnv, io.Discard)
	if err != nil || cfg.Audience != "api" || listen != "127.0.0.1:8081" {
		t.Errorf("defaults: %+v, %s, %v", cfg, listen, err)
	}
}

func TestRunRefuses(t *testing.T) {
	for want, args := range map[string][]string{
		"--issuer is needed":  {},
		"unexpected argument": {"--issuer", "https://id.example.com", "now"},
		"not loopback":        {"--issuer", "http://id.example.com"},
		"not defined":         {"--isuer", "https://id.example.com"},
		"CORS origin":         {"--issuer", "https://id.example.com", "--cors-origin", "*"},
	} {
		// A cancelled context: if one of them should start by mistake, it ends at once and gives no error.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := run(ctx, append([]string{"--listen=127.0.0.1:0"}, args...), noEnv, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("run(%q) = %v; want %q", args, err, want)
		}
	}
}
