package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"keyturn/accounts"
	"keyturn/keys"
)

// selfService is what people may do to accounts of their own, as the settings say.
func (a *app) selfService() *accounts.SelfService {
	features, _ := accounts.ParseFeatures(a.config.SelfService) // the settings were checked
	return &accounts.SelfService{People: a.accounts, Store: a.db, Allow: features, Mail: a.config.mailOn()}
}

// whyNotOffered says of accounts.ErrNotOffered which setting is missing for f, or that both are; other errors it
// leaves as they are.
func (a *app) whyNotOffered(f accounts.Feature, err error) error {
	if !errors.Is(err, accounts.ErrNotOffered) {
		return err
	}
	var missing []string
	if !a.selfService().Allow.Has(f) {
		missing = append(missing, fmt.Sprintf("KEYTURN_SELF_SERVICE does not name %s", f))
	}
	if !a.config.mailOn() {
		missing = append(missing, "KEYTURN_MAIL_URL is not set, so no letters leave")
	}
	return fmt.Errorf("%w\n  %s; --print-link shows a link to hand over", err, strings.Join(missing, ", and "))
}

// linkView is a link that is shown once.
type linkView struct {
	Username  string    `json:"username,omitempty"`
	Email     string    `json:"email,omitempty"`
	Link      string    `json:"link,omitempty"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

func userInvite() *cobra.Command {
	var in accounts.Invitation
	var printLink bool
	cmd := &cobra.Command{
		Use:   "invite EMAIL",
		Short: "Offer somebody an account, by a letter or by a link to hand over",
		Long: `Sends a letter with a link by which the person chooses a password and gets an account. An older
invitation to the same address ends. Without mail, --print-link shows the link, this once; the address
then stays unverified, until the person confirms it.`,
		Args: exactly(1),
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
			in.Email = args[0]
			self := a.selfService()
			if !printLink {
				if err := self.Invite(ctx, in, operator()); err != nil {
					return a.whyNotOffered(accounts.FeatureInvitation, err)
				}
				return tell(c, linkView{Email: in.Email}, "an invitation to %s is on its way\n", in.Email)
			}
			secret, err := self.InvitationLink(ctx, in, operator())
			if err != nil {
				return err
			}
			return a.tellLink(c, linkView{Email: in.Email}, accounts.LinkInvitation, secret)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&in.Username, "username", "", "name of the account; without it, the address")
	f.StringVar(&in.GivenName, "first-name", "", "given name, which the person may change")
	f.StringVar(&in.FamilyName, "last-name", "", "family name, which the person may change")
	f.BoolVar(&in.Admin, "admin", false, "make the person an administrator")
	f.StringVar(&in.Language, "language", "", "language of the letter, such as de")
	f.DurationVar(&in.Lifetime, "expires", 0, "how long the link lives, at most 720h (default 168h)")
	f.BoolVar(&printLink, "print-link", false, "show the link, this once, and send no letter")
	return cmd
}

func userResetLink() *cobra.Command {
	var lifetime time.Duration
	var printLink bool
	cmd := &cobra.Command{
		Use:   "reset-link NAME",
		Short: "Let a user choose a new password, by a letter or by a link to hand over",
		Long: `Sends a letter with a link by which the person chooses a new password, which then ends all their
sign-ins. An older link ends. Without mail, --print-link shows the link, this once: whoever has it gets
the account, but for a second factor.`,
		Args: exactly(1),
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
			u, err := a.accounts.Find(ctx, args[0])
			if err != nil {
				return err
			}
			self := a.selfService()
			if !printLink {
				if err := self.SendReset(ctx, u.ID, operator()); err != nil {
					return a.whyNotOffered(accounts.FeaturePasswordReset, err)
				}
				return tell(c, linkView{Username: u.Username, Email: u.Email}, "a letter to %s is on its way to %s\n", u.Username, u.Email)
			}
			secret, err := self.ResetLink(ctx, u.ID, lifetime, operator())
			if err != nil {
				return err
			}
			return a.tellLink(c, linkView{Username: u.Username}, accounts.LinkPasswordReset, secret)
		}),
	}
	cmd.Flags().DurationVar(&lifetime, "expires", 0, "with --print-link: how long the link lives, at most 24h (default 30m)")
	cmd.Flags().BoolVar(&printLink, "print-link", false, "show the link, this once, and send no letter")
	return cmd
}

// tellLink shows a link, whose end is read back from the database.
func (a *app) tellLink(c *cobra.Command, v linkView, purpose accounts.LinkPurpose, secret keys.Secret) error {
	link, err := a.db.LinkByHash(c.Context(), secret.Hash(), purpose)
	if err != nil {
		return fmt.Errorf("read the link back: %w", err)
	}
	v.Link, v.ExpiresAt = a.config.linkURL(purpose, secret), link.ExpiresAt
	return tell(c, v, "%s\n  works once, until %s; it is shown this once\n", v.Link, v.ExpiresAt.Local().Format(time.RFC1123))
}
