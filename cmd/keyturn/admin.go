package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
)

func adminCommand() *cobra.Command {
	cmd := group("admin", "Become the first administrator, and get at the admin API")
	cmd.AddCommand(adminToken(), adminFirstRun())
	return cmd
}

func adminToken() *cobra.Command {
	var scopes []string
	var lifetime time.Duration
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Print a short-lived access token for the admin API, for scripts on this machine",
		Args:  noArgs,
		RunE: withKeys(func(ctx context.Context, c *cobra.Command, a *app, _ []string) error {
			token, err := a.issuer.AdminToken(ctx, scopes, lifetime, operator())
			if err != nil {
				return err
			}
			return tell(c, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": int(lifetime.Seconds())}, "%s\n", token)
		}),
	}
	cmd.Flags().StringSliceVar(&scopes, "scope", []string{"admin"}, "admin, admin:keys, admin:users, admin:read")
	cmd.Flags().DurationVar(&lifetime, "lifetime", 5*time.Minute, "how long it is valid, at most 1h")
	return cmd
}
