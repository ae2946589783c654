package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"keyturn/accounts"
	"keyturn/audit"
)

func adminFirstRun() *cobra.Command {
	return &cobra.Command{
		Use:   "first-run",
		Short: "Show a link by which whoever opens it becomes the first administrator",
		Long: `The link works once, within a day, and only while there is no administrator. It leads on through a second way to
sign in, the first app, and what production still needs. An older one, such as the one that serve shows at its start, ends.`,
		Args: noArgs,
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, _ []string) error {
			secret, err := a.selfService().FirstRunLink(ctx, operator())
			if err != nil {
				return err
			}
			return a.tellLink(c, linkView{}, accounts.LinkFirstRun, secret)
		}),
	}
}

// offerFirstRun shows the link to become the first administrator, where there is none. It goes to standard error past
// the log, whatever that is written as: no record holds the secret, and nothing that filters or forwards records by
// their members passes it on. Each start makes another link, so the newest that any instance has shown is good.
func (s *server) offerFirstRun(ctx context.Context, out io.Writer) {
	secret, err := s.selfService().FirstRunLink(ctx, audit.Actor{Kind: audit.System, Rights: audit.ManageAll})
	switch {
	case errors.Is(err, accounts.ErrAdministratorExists):
		return
	case err != nil:
		s.log.Warn("there may be no administrator yet, and no link to become the first could be made; keyturn admin first-run tries again", "error", err)
		return
	}
	s.log.Info("there is no administrator yet; the link on standard error makes the first, once, within a day")
	fmt.Fprintf(out, "\n  Nobody administers this Keyturn yet. Become its administrator (the link works once, within a day):\n\n    %s\n\n",
		s.config.linkURL(accounts.LinkFirstRun, secret))
}
