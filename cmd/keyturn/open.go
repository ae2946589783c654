package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// withApp runs a command's work on the opened database, which may be one that a server is running on.
func withApp(work func(ctx context.Context, c *cobra.Command, a *app, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		config, err := loadConfig(processSource(c))
		if err != nil {
			return err
		}
		a, err := openApp(c.Context(), config, newLog(c.ErrOrStderr(), config))
		if err != nil {
			return err
		}
		return errors.Join(work(c.Context(), c, a, args), a.Close())
	}
}

// withKeys is withApp for commands that need the signing keys too.
func withKeys(work func(ctx context.Context, c *cobra.Command, a *app, args []string) error) func(*cobra.Command, []string) error {
	return withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
		if err := a.startReading(ctx); err != nil {
			return err
		}
		return work(ctx, c, a, args)
	})
}

// maxPasswordLine bounds what is read for a password.
const maxPasswordLine = 4096

// readPassword takes the first line of standard input, without its line end and with everything else.
func readPassword(in io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(in, maxPasswordLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password from standard input: %w", err)
	}
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	if line == "" {
		return "", errors.New("no password on standard input; send one line, for example: printf '%s\\n' \"$PASSWORD\" | keyturn …")
	}
	return line, nil
}
