package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"keyturn/accounts"
	"keyturn/api/admin"
)

func userInvitations() *cobra.Command {
	var q accounts.InvitationQuery
	cmd := &cobra.Command{
		Use:   "invitations",
		Short: "List invitations that nobody has taken yet, in the order of their addresses",
		Args:  noArgs,
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, _ []string) error {
			if q.After.Email != "" {
				q.After.ID = behindIDs
			}
			list, err := a.selfService().Invitations(ctx, q, operator())
			if err != nil {
				return err
			}
			views, rows := make([]admin.Invitation, len(list)), make([][]string, len(list))
			for n, p := range list {
				views[n] = admin.ViewInvitation(p)
				rows[n] = []string{p.Email, p.Username, map[bool]string{true: "administrator", false: "user"}[p.Admin], invitationText(p.State), moment(p.CreatedAt), moment(p.ExpiresAt), p.ID}
			}
			return tellTable(c, views, []string{"E-MAIL", "USERNAME", "AS", "STATE", "SINCE", "GOOD UNTIL", "ID"}, rows)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&q.Prefix, "prefix", "", "only addresses that begin so")
	f.StringVar(&q.After.Email, "after", "", "only addresses after this one")
	f.IntVar(&q.Limit, "limit", 100, "how many at most, up to 1000")
	return cmd
}

// behindIDs is behind all ids of invitations, which are hexadecimal.
const behindIDs = "g"

func invitationText(s accounts.InvitationState) string {
	switch s {
	case accounts.InvitationWaiting:
		return "letter waits"
	case accounts.InvitationGivenUp:
		return "letter given up"
	case accounts.InvitationHanded:
		return "link handed over"
	}
	return "letter sent"
}

func userWithdrawInvitation() *cobra.Command {
	return &cobra.Command{
		Use:   "withdraw-invitation EMAIL|ID",
		Short: "Take an invitation back that nobody has taken yet: its link is good for nothing then",
		Long: `Ends the links of the invitation at once, and removes its letter where that has not left. One that
somebody has taken already is refused, and changes nothing: the account is theirs.`,
		Args: exactly(1),
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
			self := a.selfService()
			p, err := findInvitation(ctx, self, args[0])
			if err != nil {
				return err
			}
			if err := self.WithdrawInvitation(ctx, p.ID, operator()); err != nil {
				return err
			}
			return tell(c, admin.ViewInvitation(p), "withdrew the invitation of %s\n", p.Email)
		}),
	}
}

// findInvitation finds an invitation by its address or its id.
func findInvitation(ctx context.Context, self *accounts.SelfService, name string) (accounts.PendingInvitation, error) {
	if !strings.Contains(name, "@") {
		return self.Invitation(ctx, name, operator())
	}
	list, err := self.Invitations(ctx, accounts.InvitationQuery{Prefix: name, Limit: 1}, operator())
	if err == nil && (len(list) == 0 || list[0].Email != name) { // the shortest that begins so comes first
		err = accounts.ErrInvitationNotFound
	}
	if err != nil {
		return accounts.PendingInvitation{}, err
	}
	return list[0], nil
}
