// Command keyturn is a self-hosted identity provider: it issues token pairs signed with keys that turn
// by themselves, and publishes the public keys that resource servers verify with.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// errSilent is an error that has been told already; only the exit status is left to set.
var errSilent = errors.New("told already")

// run runs one command and returns the exit status: 0 done, 1 refused or failed.
func run(ctx context.Context, args []string, s streams) int {
	root := newRoot(s)
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	if !errors.Is(err, errSilent) {
		fmt.Fprintln(s.err, "keyturn: "+explain(command, err))
	}
	return 1
}

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "keyturn",
		Short: "A self-hosted identity provider whose keys turn by themselves",
		Long: `Keyturn signs people and services in, issues token pairs signed with keys that turn
by themselves, and publishes a JWKS, so that resource servers verify tokens offline.

Every setting of "keyturn config" is a flag of every command, too: --database-url, --issuer, …`,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(wrongFlag)
	root.SetHelpFunc(quietSwitches(root.HelpFunc()))
	root.CompletionOptions.HiddenDefaultCmd = true
	addFlags(root.PersistentFlags())
	root.PersistentFlags().Bool("json", false, "answer as JSON, for programs")
	root.AddCommand(
		serveCommand(), demoCommand(http.DefaultTransport), migrateCommand(), userCommand(), groupCommand(), clientCommand(),
		resourceCommand(), keysCommand(),
		sessionCommand(), mailCommand(), adminCommand(), auditCommand(), doctorCommand(), productionCommand(), configCommand(), healthcheckCommand(), versionCommand(),
	)
	return root
}

// quietSwitches leaves out what pflag writes behind each switch, and keeps the columns.
func quietSwitches(help func(*cobra.Command, []string)) func(*cobra.Command, []string) {
	const noise = "[=true|false]"
	return func(c *cobra.Command, args []string) {
		out, text := c.OutOrStdout(), new(strings.Builder)
		c.SetOut(text)
		help(c, args)
		c.SetOut(out)
		fmt.Fprint(out, strings.ReplaceAll(text.String(), noise, strings.Repeat(" ", len(noise))))
	}
}

// group is a command that only holds others; a mistyped one is an error, not a page of help.
func group(use, short string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
}

// exactly wants n arguments, and else shows which.
func exactly(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return fmt.Errorf("usage: %s\n  `%s --help` tells what it takes", c.UseLine(), c.CommandPath())
		}
		return nil
	}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			v := version()
			return tell(c, map[string]string{"version": v}, "keyturn %s\n", v)
		},
	}
}

// version is what the build knows of itself; releases are built from a tag.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
