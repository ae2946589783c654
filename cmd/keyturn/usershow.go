package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"keyturn/accounts"
	"keyturn/api/admin"
)

// userView is a user with what other commands list.
type userView struct {
	admin.User
	Groups  []admin.Group `json:"groups"`
	Factors admin.Factors `json:"factors"`
}

func userShow() *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Tell of one user: profile, groups, and ways to sign in", Args: exactly(1),
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
			u, err := a.accounts.Find(ctx, args[0])
			if err != nil {
				return err
			}
			groups, err := a.groups.Of(ctx, u.ID, operator())
			if err != nil {
				return err
			}
			ways, err := a.factors.WaysOf(ctx, u.ID, operator())
			if err != nil {
				return err
			}
			view := userView{User: admin.ViewUser(u), Groups: make([]admin.Group, len(groups)), Factors: admin.ViewFactors(u.ID, ways)}
			names := make([]string, len(groups))
			for n, g := range groups {
				view.Groups[n], names[n] = admin.ViewGroup(g), g.Name
			}
			return tellTable(c, view, []string{"USERNAME", u.Username}, [][]string{
				{"ID", u.ID}, {"EXTERNAL ID", orNone(u.ExternalID)}, {"NAME", orNone(u.FullName())}, {"E-MAIL", addressText(u)},
				{"STATE", userStateText(u)}, {"GROUPS", orNone(strings.Join(names, ", "))}, {"SIGNS IN WITH", waysText(ways)},
				{"CREATED", moment(u.CreatedAt)}, {"UPDATED", moment(u.UpdatedAt)}, {"LAST SIGN-IN", a.lastLoginText(u)},
			})
		}),
	}
}

func userStateText(u accounts.User) string {
	state := "active"
	if !u.Active {
		state = "deactivated"
	}
	if u.Admin {
		state += ", administrator"
	}
	return state
}

func addressText(u accounts.User) string {
	switch {
	case u.Email == "":
		return "-"
	case u.EmailVerified:
		return u.Email + " (confirmed)"
	}
	return u.Email + " (not confirmed)"
}

// lastLoginText says why there is none where sign-ins are not noted down.
func (a *app) lastLoginText(u accounts.User) string {
	if u.LastLoginAt.IsZero() && !a.config.UpdateLastLogin {
		return "not kept (KEYTURN_UPDATE_LAST_LOGIN)"
	}
	return moment(u.LastLoginAt)
}

// waysText counts the ways; `keyturn user factors` names them.
func waysText(w accounts.Ways) string {
	var ways []string
	if w.Password {
		ways = append(ways, "a password")
	}
	for _, way := range []struct {
		n    int
		name string
	}{{len(w.Passkeys), "passkey"}, {len(w.Apps), "authenticator app"}, {int(w.RecoveryCodes), "recovery code"}} {
		switch way.n {
		case 0:
		case 1:
			ways = append(ways, "1 "+way.name)
		default:
			ways = append(ways, strconv.Itoa(way.n)+" "+way.name+"s")
		}
	}
	return orNone(strings.Join(ways, ", "))
}

func orNone(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
