package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"keyturn/api/admin"
	"keyturn/api/web"
	"keyturn/issuer"
	"keyturn/keys"
)

func sessionCommand() *cobra.Command {
	cmd := group("session", "List and end sign-ins, at clients and of browsers")
	cmd.AddCommand(sessionList(), sessionRevoked(), sessionEnd(), sessionBrowsers(), sessionEndBrowser(), sessionEndAll())
	return cmd
}

func sessionList() *cobra.Command {
	var user, after string
	var limit int
	var live bool
	cmd := &cobra.Command{
		Use: "list", Short: "List a user's sign-ins, newest first", Args: noArgs,
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, _ []string) error {
			if user == "" {
				return errors.New("say whose: --user NAME")
			}
			u, err := a.accounts.Find(ctx, user)
			if err != nil {
				return err
			}
			list, err := a.issuer.Grants(ctx, issuer.GrantQuery{UserID: u.ID, LiveOnly: live, After: after, Limit: limit}, operator())
			if err != nil {
				return err
			}
			views, rows := make([]admin.Grant, len(list)), make([][]string, len(list))
			for n, g := range list {
				views[n] = admin.ViewGrant(g)
				state := "live"
				if !g.RevokedAt.IsZero() {
					state = "ended: " + string(g.RevokedFor)
				}
				rows[n] = []string{g.ID, g.ClientID, moment(g.CreatedAt), moment(g.RotatedAt), moment(g.ExpiresAt), state}
			}
			return tellTable(c, views, []string{"ID", "CLIENT", "SINCE", "LAST REFRESH", "ENDS", "STATE"}, rows)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&user, "user", "", "whose (required)")
	f.BoolVar(&live, "live", false, "leave out what has ended")
	f.StringVar(&after, "after", "", "id of the last one of the page before")
	f.IntVar(&limit, "limit", 100, "how many at most, up to 1000")
	return cmd
}

func sessionRevoked() *cobra.Command {
	var user, after string
	var limit int
	cmd := &cobra.Command{
		Use: "revoked", Short: "List refresh tokens that were taken back before their time, newest first", Args: noArgs,
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, _ []string) error {
			q := issuer.RevokedQuery{After: after, Limit: limit}
			if user != "" {
				u, err := a.accounts.Find(ctx, user)
				if err != nil {
					return err
				}
				q.UserID = u.ID
			}
			list, err := a.issuer.RevokedTokens(ctx, q, operator())
			if err != nil {
				return err
			}
			views, rows := make([]admin.RevokedToken, len(list)), make([][]string, len(list))
			for n, t := range list {
				views[n] = admin.ViewRevokedToken(t)
				rows[n] = []string{t.JTI, t.UserID, string(t.Reason), moment(t.RevokedAt), moment(t.Until)}
			}
			return tellTable(c, views, []string{"JTI", "USER", "REASON", "REVOKED", "WOULD HAVE EXPIRED"}, rows)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&user, "user", "", "only of this user")
	f.StringVar(&after, "after", "", "jti of the last one of the page before")
	f.IntVar(&limit, "limit", 100, "how many at most, up to 1000")
	return cmd
}

func sessionEnd() *cobra.Command {
	var user, reason string
	cmd := &cobra.Command{
		Use: "end [ID]", Short: "End one sign-in by its id, or all of a user with --user", Args: cobra.MaximumNArgs(1),
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
			var ended int64
			var err error
			switch {
			case len(args) == 1 && user == "":
				ended, err = a.issuer.RevokeGrant(ctx, args[0], reason, operator())
			case len(args) == 0 && user != "":
				var id string
				if id, err = a.userID(ctx, user); err == nil {
					ended, err = a.issuer.RevokeUser(ctx, id, reason, operator())
				}
			default:
				return errors.New("give the id of one sign-in, or --user NAME for all of a user")
			}
			if err != nil {
				return err
			}
			return tell(c, map[string]int64{"ended": ended}, "%s\n", signInsEnded(ended))
		}),
	}
	cmd.Flags().StringVar(&user, "user", "", "end all sign-ins of this user")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit log")
	return cmd
}

func sessionBrowsers() *cobra.Command {
	var user string
	cmd := &cobra.Command{
		Use: "browsers", Short: "List the browsers in which a user is signed in to the provider", Args: noArgs,
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, _ []string) error {
			if user == "" {
				return errors.New("say whose: --user NAME")
			}
			id, err := a.userID(ctx, user)
			if err != nil {
				return err
			}
			list, err := a.browsers.Sessions(ctx, id)
			if err != nil {
				return err
			}
			views, rows := make([]admin.Session, len(list)), make([][]string, len(list))
			for n, s := range list {
				views[n] = admin.ViewSession(s)
				rows[n] = []string{s.ID, moment(s.AuthTime), moment(s.SeenAt), moment(s.ExpiresAt), s.Address, orNone(web.DeviceName(s.UserAgent))}
			}
			return tellTable(c, views, []string{"ID", "SIGNED IN", "SEEN", "ENDS", "ADDRESS", "BROWSER"}, rows)
		}),
	}
	cmd.Flags().StringVar(&user, "user", "", "whose (required)")
	return cmd
}

func sessionEndBrowser() *cobra.Command {
	var user, reason string
	cmd := &cobra.Command{
		Use: "end-browser [ID]", Short: "Sign out one browser by its id, or all of a user with --user, and tell their clients", Args: cobra.MaximumNArgs(1),
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
			ended := int64(1)
			var err error
			switch {
			case len(args) == 1 && user == "":
				err = a.browsers.End(ctx, args[0], reason, operator())
			case len(args) == 0 && user != "":
				var id string
				if id, err = a.userID(ctx, user); err == nil {
					ended, err = a.browsers.EndOf(ctx, id, reason, operator())
				}
			default:
				return errors.New("give the id of one browser session, or --user NAME for all of a user")
			}
			if err != nil {
				return err
			}
			return tell(c, map[string]int64{"ended": ended}, "%s; a running server tells their clients\n", browsersEnded(ended))
		}),
	}
	cmd.Flags().StringVar(&user, "user", "", "sign out all browsers of this user")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit log")
	return cmd
}

func browsersEnded(n int64) string {
	if n == 1 {
		return "signed out 1 browser session"
	}
	return fmt.Sprintf("signed out %d browser sessions", n)
}

func (a *app) userID(ctx context.Context, username string) (string, error) {
	u, err := a.accounts.Find(ctx, username)
	return u.ID, err
}

func sessionEndAll() *cobra.Command {
	var reason string
	var yes bool
	cmd := &cobra.Command{
		Use:   "end-all",
		Short: "End every sign-in of everybody and revoke all refresh keys",
		Long: `Revokes every refresh key, so that no refresh token issued until now is ever accepted again,
whatever the database says of it, and ends every sign-in. Everybody signs in again. This is the
first step after a restore or a failover that lost commits.`,
		Args: noArgs,
		RunE: withKeys(func(ctx context.Context, c *cobra.Command, a *app, _ []string) error {
			if !yes {
				return errors.New("this signs out everybody; say --yes if you mean it")
			}
			// Keys first: were this to fail half-way, what is left is repeated and nothing was forgotten.
			outcome, err := a.keys.Rotate(ctx, keys.Rotation{Mode: keys.Compromised, Purpose: keys.Refresh, All: true}, reason, operator())
			if err != nil {
				return err
			}
			revoked := 0
			for _, s := range outcome.Steps {
				if s.Action == keys.Revoke {
					revoked++
				}
			}
			fmt.Fprintf(c.ErrOrStderr(), "revoked %d refresh keys, ending sign-ins …\n", revoked)
			ended, err := a.issuer.RevokeAll(ctx, reason, operator())
			if err != nil {
				return err
			}
			return tell(c, map[string]int64{"keys_revoked": int64(revoked), "ended": ended},
				"revoked %d refresh keys; %s\n", revoked, signInsEnded(ended))
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit log")
	cmd.Flags().BoolVar(&yes, "yes", false, "really")
	return cmd
}
