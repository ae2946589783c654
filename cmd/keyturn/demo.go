package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	hello "keyturn/cmd/hello/server"

	"keyturn/accounts"
	"keyturn/audit"
)

// The user of the tutorial.
const (
	demoUser     = "spiderman"
	demoPassword = "underoos"
)

// demoCommand takes what carries the play's requests; tests plant faults in it.
func demoCommand(transport http.RoundTripper) *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show it all: a provider, two resource servers, and the tutorial played before your eyes",
		Long: `Starts the provider on an embedded database in a temporary folder and two hello
resource servers that verify through the JWKS over HTTP, all on free ports of this machine,
and plays the tutorial: obtain, hello, tamper, refresh, turn the key, revoke. Then it stays
up and prints what to try. With --once it ends after the play; its exit status is 0 only if
every step came out right.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return demo(c.Context(), c, once, transport)
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "end after the play")
	return cmd
}

// stage is the demo's machinery: a provider and two resource servers.
type stage struct {
	server *server
	issuer string
	hellos []string
	close  []func()
}

// demo sets the stage, plays, and stays up unless once.
func demo(ctx context.Context, c *cobra.Command, once bool, transport http.RoundTripper) error {
	out := c.OutOrStdout()
	folder, err := os.MkdirTemp("", "keyturn-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	st, err := setStage(ctx, c, folder)
	if err != nil {
		return err
	}
	defer st.strike()

	p := &play{
		out: out, issuer: st.issuer, hellos: st.hellos, quiet: asJSON(c),
		client: &http.Client{Transport: transport, Timeout: 10 * time.Second},
		admin: func(scope string) (string, error) {
			return st.server.issuer.AdminToken(ctx, []string{scope}, 10*time.Minute, operator())
		},
	}
	failed := p.run(ctx)
	if asJSON(c) {
		if err := writeJSON(c, p.results); err != nil {
			return err
		}
	}
	if failed != nil {
		return failed
	}
	if once {
		return nil
	}
	p.invite()
	<-ctx.Done()
	return nil
}

// setStage starts the provider and the resource servers and makes the tutorial's user.
func setStage(ctx context.Context, c *cobra.Command, folder string) (*stage, error) {
	st := &stage{}
	provider, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	st.issuer = "http://" + provider.Addr().String()
	config, err := loadConfig(source{
		environ: []string{
			"KEYTURN_ISSUER=" + st.issuer, "KEYTURN_DATA_DIR=" + folder, "KEYTURN_DRAIN_DELAY=0s",
			"KEYTURN_LOG_LEVEL=error", "KEYTURN_MAIL_URL=console:",
		},
		readFile: func(string) ([]byte, error) { return nil, os.ErrNotExist },
	})
	if err != nil {
		return nil, err
	}
	a, err := openApp(ctx, config, newLog(c.ErrOrStderr(), config), mayUpgrade)
	if err != nil {
		return nil, err
	}
	if err := a.start(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	if _, err := a.accounts.Create(ctx, accounts.NewUser{
		Username: demoUser, Password: demoPassword, GivenName: "Peter", FamilyName: "Parker",
		Email: "spiderman@example.com",
	}, audit.Actor{Kind: audit.System, Rights: audit.ManageAll}); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	if st.server, err = newServer(a); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	ops, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	stopped := make(chan error, 1)
	go func() { stopped <- st.server.run(running, provider, ops, func(*server) {}) }()
	st.close = append(st.close, func() {
		stop()
		<-stopped
		a.Close()
	})
	for range 2 {
		if err := st.addHello(a.log); err != nil {
			st.strike()
			return nil, err
		}
	}
	return st, nil
}

// addHello starts one more resource server on a port of its own; all it is told is the issuer.
func (st *stage) addHello(log *slog.Logger) error {
	handler, err := hello.New(hello.Config{Issuer: st.issuer, Audience: "api"})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := httpServer(handler, log)
	go server.Serve(listener)
	st.hellos = append(st.hellos, "http://"+listener.Addr().String())
	st.close = append(st.close, func() { server.Close() })
	return nil
}

// strike takes the stage down, in the reverse order.
func (st *stage) strike() {
	for n := len(st.close) - 1; n >= 0; n-- {
		st.close[n]()
	}
}

// invite prints what to try by hand.
func (p *play) invite() {
	fmt.Fprintf(p.out, `
Everything stays up. Try it:

  curl -s %[1]s/.well-known/jwks.json
  TOKENS=$(curl -s %[1]s/api/token/ -d username=%[3]s -d password=%[4]s)
  ACCESS=$(printf %%s "$TOKENS" | sed 's/.*"access":"\([^"]*\)".*/\1/')
  curl -s %[2]s/api/hello/ -H "Authorization: Bearer $ACCESS"

  account page      %[1]s/account  (sign in as %[3]s with the password %[4]s)
  provider          %[1]s
  resource servers  %[5]s

Ctrl-C ends it; nothing is left behind.
`, p.issuer, p.hellos[0], demoUser, demoPassword, strings.Join(p.hellos, "  "))
}
