// Command hello is the demo resource server: GET /api/hello/ greets whoever brings an access token of
// the issuer. It holds no secret and keeps no state; the issuer's public keys are all that it needs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"keyturn/cmd/hello/server"
	"keyturn/verify"
)

// shutdownGrace is how long requests that are under way may take to end.
const shutdownGrace = 10 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Getenv, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "hello:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, env func(string) string, stderr io.Writer) error {
	cfg, listen, err := configure(args, env, stderr)
	if err != nil {
		return err
	}
	handler, err := server.New(cfg)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	log.Info("listening", "url", "http://"+listener.Addr().String()+"/api/hello/",
		"issuer", cfg.Issuer, "audience", cfg.Audience)
	return serve(ctx, listener, handler, log)
}

func serve(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger) error {
	srv := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      20 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.Info("shutting down")
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	return srv.Shutdown(grace)
}

// configure reads flags over environment over defaults.
func configure(args []string, env func(string) string, stderr io.Writer) (server.Config, string, error) {
	or := func(name, fallback string) string {
		if value := env(name); value != "" {
			return value
		}
		return fallback
	}
	insecure, err := strconv.ParseBool(or("HELLO_INSECURE_ALLOW_HTTP", "false"))
	if err != nil {
		return server.Config{}, "", fmt.Errorf("HELLO_INSECURE_ALLOW_HTTP: neither true nor false")
	}
	cfg := server.Config{CORSOrigins: strings.FieldsFunc(env("HELLO_CORS_ORIGINS"), func(r rune) bool { return r == ',' || r == ' ' })}
	flags := flag.NewFlagSet("hello", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&cfg.Issuer, "issuer", env("KEYTURN_ISSUER"), "`URL` of the identity provider, as its tokens name it (KEYTURN_ISSUER)")
	flags.StringVar(&cfg.JWKSURL, "jwks-url", env("HELLO_JWKS_URL"), "`URL` of its keys, if it can't be reached by the issuer's (HELLO_JWKS_URL)")
	flags.StringVar(&cfg.Audience, "audience", or("KEYTURN_AUDIENCE", "api"), "this server's `name` in tokens (KEYTURN_AUDIENCE)")
	listen := flags.String("listen", or("HELLO_LISTEN", "127.0.0.1:8081"), "`address` to listen on (HELLO_LISTEN)")
	flags.BoolVar(&insecure, "insecure-allow-http", insecure, "fetch keys over plain http from other hosts too (HELLO_INSECURE_ALLOW_HTTP)")
	flags.Func("cors-origin", "`origin` of a front-end that may call; may be repeated (HELLO_CORS_ORIGINS, separated by commas)", func(origin string) error {
		cfg.CORSOrigins = append(cfg.CORSOrigins, origin)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return server.Config{}, "", err
	}
	switch {
	case flags.NArg() > 0:
		return server.Config{}, "", fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case cfg.Issuer == "":
		return server.Config{}, "", errors.New("--issuer is needed (or KEYTURN_ISSUER)")
	}
	if insecure {
		cfg.Options = append(cfg.Options, verify.InsecureAllowHTTP())
	}
	return cfg, *listen, nil
}
