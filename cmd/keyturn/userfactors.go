package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"keyturn/accounts"
	"keyturn/api/admin"
)

func userFactors() *cobra.Command {
	return &cobra.Command{
		Use: "factors NAME", Short: "Show how a user can prove who they are", Args: exactly(1),
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
			u, err := a.accounts.Find(ctx, args[0])
			if err != nil {
				return err
			}
			ways, err := a.factors.WaysOf(ctx, u.ID, operator())
			if err != nil {
				return err
			}
			return tell(c, admin.ViewFactors(u.ID, ways), "%s", factorLines(ways))
		}),
	}
}

func factorLines(w accounts.Ways) string {
	var lines strings.Builder
	fmt.Fprintf(&lines, "password: %s\n", map[bool]string{true: "yes", false: "no"}[w.Password])
	for _, p := range w.Passkeys {
		where := "on one device"
		if p.Synced {
			where = "synchronised"
		}
		fmt.Fprintf(&lines, "passkey %s: %q, %s, %s\n", p.ID, p.Name, where, usedLine(p.CreatedAt, p.LastUsedAt))
	}
	for _, app := range w.Apps {
		fmt.Fprintf(&lines, "authenticator app %s: %q, %s\n", app.ID, app.Name, usedLine(app.CreatedAt, app.LastUsedAt))
	}
	fmt.Fprintf(&lines, "recovery codes left: %d\n", w.RecoveryCodes)
	return lines.String()
}

func usedLine(added, used time.Time) string {
	line := "added " + added.UTC().Format(time.DateOnly)
	if used.IsZero() {
		return line + ", not used yet"
	}
	return line + ", last used " + used.UTC().Format(time.DateOnly)
}

func userResetFactors() *cobra.Command {
	return &cobra.Command{
		Use: "reset-factors NAME", Args: exactly(1),
		Short: "Remove all passkeys, authenticator apps and recovery codes of a user who has lost them, and end all their sign-ins",
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
			u, err := a.accounts.Find(ctx, args[0])
			if err != nil {
				return err
			}
			ways, err := a.factors.WaysOf(ctx, u.ID, operator())
			if err != nil {
				return err
			}
			ended, err := a.factors.Reset(ctx, u.ID, operator())
			if err != nil {
				return err
			}
			note := ""
			if !ways.Password {
				note = " (no password: it can't sign in until `keyturn user set-password`)"
			}
			return tell(c, endedView{u.ID, u.Username, ended}, "removed %d passkeys, %d authenticator apps and %d recovery codes of %s; %s%s\n",
				len(ways.Passkeys), len(ways.Apps), ways.RecoveryCodes, u.Username, signInsEnded(ended), note)
		}),
	}
}
