package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
)

// withApp runs a command's work on the opened database, which may be one that a server is running on.
func withApp(work func(ctx context.Context, c *cobra.Command, a *app, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		config, err := loadConfig(processSource(c))
		if err != nil {
			return err
		}
		log := newLog(c.ErrOrStderr(), config.forCommands())
		a, err := openApp(c.Context(), config, log, onlyFill)
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
