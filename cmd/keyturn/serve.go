package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"keyturn/accounts/mail"
	"keyturn/api"
	"keyturn/api/web"
	"keyturn/issuer/oauth"
)

// shutdownTime bounds how long accepted requests are waited for after the drain delay.
const shutdownTime = 20 * time.Second

func serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Run the provider",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			config, err := loadConfig(processSource(c))
			if err != nil {
				return err
			}
			log := newLog(c.ErrOrStderr(), config)
			return serve(c.Context(), config, log, func(s *server) { s.welcome(c.Context(), c.ErrOrStderr()) })
		},
	}
}

// server is a running provider.
type server struct {
	*app
	public, ops *http.Server
	provider    *oauth.Provider
	post        *mail.Post // nil without mail
	draining    chan struct{}
	// seenChanges is the counter at which the keys were last kept to clients and resources; only keepKeys touches it.
	seenChanges int64
}

// serve runs the provider until ctx ends, then drains it. ready is called once it serves. The listeners
// are opened before anything is written, so that an occupied port leaves nothing behind.
func serve(ctx context.Context, config *Config, log *slog.Logger, ready func(*server)) error {
	public, ops, err := listenBoth(config)
	if err != nil {
		return err
	}
	defer public.Close()
	defer ops.Close()
	if public, err = withTLS(public, config, log); err != nil {
		return err
	}

	a, err := openApp(ctx, config, log, mayUpgrade)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := a.start(ctx); err != nil {
		return err
	}
	s, err := newServer(a)
	if err != nil {
		return err
	}
	return s.run(ctx, public, ops, ready)
}

func newServer(a *app) (*server, error) {
	metrics := newMetrics(a)
	provider, err := a.newProvider()
	if err != nil {
		return nil, err
	}
	pages, err := a.config.pages()
	if err != nil {
		return nil, err
	}
	handler, err := (&api.Server{
		SelfService: a.selfService(), Issuer: a.issuer, Accounts: a.accounts, Groups: a.groups, Keys: a.keys, Provider: provider, Pages: pages, Operations: a.operations(), Log: a.log, Metrics: metrics,
		Audit: a.auditReader(), Letters: mail.Queue{Store: a.db},
		Refusals: a.db, TrustedProxies: a.config.TrustedProxies, CORSOrigins: a.config.CORSOrigins,
	}).Handler()
	if err != nil {
		return nil, fmt.Errorf("KEYTURN_TRUSTED_PROXIES: %w", err)
	}
	post, err := a.newPost()
	if err != nil {
		return nil, err
	}
	s := &server{app: a, provider: provider, post: post, draining: make(chan struct{})}
	s.public = httpServer(handler, a.log)
	s.ops = httpServer(s.operations(metrics), a.log)
	return s, nil
}

// httpServer bounds what a slow or hostile client can hold open.
func httpServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

func (s *server) run(ctx context.Context, public, ops net.Listener, ready func(*server)) error {
	// The loops outlive ctx: what is accepted while draining still needs fresh keys.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var loops sync.WaitGroup
	for _, loop := range []func(context.Context){s.keepKeys, s.sweep, s.measureHashing, s.provider.SendLogouts, s.keepAudit, s.sendLetters} {
		loops.Go(func() { loop(background) })
	}
	defer loops.Wait()
	defer stop()

	failed := make(chan error, 2)
	for _, l := range []struct {
		server   *http.Server
		listener net.Listener
	}{{s.public, public}, {s.ops, ops}} {
		go func() { failed <- l.server.Serve(l.listener) }()
	}
	s.log.Info("serving", "issuer", s.config.Issuer, "listen", public.Addr().String(), "ops_listen", ops.Addr().String(),
		"database", s.db.Backend(), "version", version())
	ready(s)
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
		return s.drain()
	}
}

// drain turns readiness red, gives load balancers time to see it, then closes the listeners and waits
// for what was accepted. A second signal ends the waiting.
func (s *server) drain() error {
	close(s.draining)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s.log.Info("draining", "delay", s.config.DrainDelay)
	select {
	case <-time.After(s.config.DrainDelay):
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(ctx, shutdownTime)
	defer cancel()
	err := s.public.Shutdown(ctx)
	if err = errors.Join(err, s.ops.Shutdown(ctx)); err != nil {
		return fmt.Errorf("stop: requests were cut off: %w", err)
	}
	s.log.Info("stopped")
	return nil
}

// listenBoth opens both listeners, or none and says at once what is in the way of each.
func listenBoth(config *Config) (public, ops net.Listener, err error) {
	public, publicErr := listen("KEYTURN_LISTEN", config.Listen, "127.0.0.1:18080")
	ops, opsErr := listen("KEYTURN_OPS_LISTEN", config.OpsListen, "127.0.0.1:19090")
	err = errors.Join(publicErr, opsErr)
	for _, l := range []net.Listener{public, ops} {
		if err != nil && l != nil {
			l.Close()
		}
	}
	return public, ops, err
}

// listen opens an address, and says in one line which setting to change where it can't, and to what, for example.
func listen(setting, address, other string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err == nil {
		return l, nil
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s: %s is in use by another program; set another, such as %[1]s=%[3]s", setting, address, other)
	}
	return nil, fmt.Errorf("%s: %w", setting, err)
}

// welcome tells a person where things are, and shows whoever reads standard error how to become the first administrator
// while there is none.
func (s *server) welcome(ctx context.Context, out io.Writer) {
	if s.config.LogFormat == "text" || s.config.LogFormat == "" && isTerminal(out) {
		fmt.Fprintf(out, "\n  Keyturn serves %s\n  key set: %[1]s/.well-known/jwks.json\n  account: %[1]s%[2]s\n  console: %[1]s%[3]s\n",
			s.config.Issuer, web.AccountPath, web.ConsolePath)
	}
	s.offerFirstRun(ctx, out)
}
