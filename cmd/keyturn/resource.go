package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"keyturn/api/admin"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/keys"
)

func resourceCommand() *cobra.Command {
	cmd := group("resource", "Say what the tokens of an audience look like")
	cmd.AddCommand(
		resourceWrite("create", "created", "Describe an audience", (*issuer.Issuer).CreateResource),
		resourceWrite("update", "updated", "Describe a stored audience anew, all of it", (*issuer.Issuer).UpdateResource),
		resourceList(),
		&cobra.Command{
			Use: "delete IDENTIFIER", Short: "Forget an audience's description; it has the defaults again", Args: exactly(1),
			RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
				if err := a.issuer.DeleteResource(ctx, args[0], operator()); err != nil {
					return err
				}
				return tell(c, map[string]string{"deleted": args[0]}, "deleted resource %s\n", args[0])
			}),
		},
	)
	return cmd
}

func resourceWrite(name, done, short string, write func(*issuer.Issuer, context.Context, issuer.Resource, audit.Actor) error) *cobra.Command {
	var algorithm string
	var lifetime time.Duration
	var claims, scopes []string
	var simpleJWT bool
	cmd := &cobra.Command{
		Use: name + " IDENTIFIER", Short: short, Args: exactly(1),
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
			for setting, own := range map[string]string{"audience": "the argument IDENTIFIER", "access-token-lifetime": "--access-lifetime"} {
				if c.Root().PersistentFlags().Changed(setting) {
					return fmt.Errorf("--%s is a setting of the server and says nothing about one resource; that is %s", setting, own)
				}
			}
			r := issuer.Resource{
				Identifier: args[0], Algorithm: keys.Algorithm(algorithm), AccessLifetime: lifetime,
				Claims: claims, SimpleJWT: simpleJWT, Scopes: scopes,
			}
			if err := write(a.issuer, ctx, r, operator()); err != nil {
				return err
			}
			instead := ""
			if name == "create" && r.Identifier == a.config.Audience {
				instead = ", which had the defaults until now"
			}
			return tell(c, admin.ViewResource(r), "%s resource %s%s\n", done, r.Identifier, instead)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&algorithm, "algorithm", "", "RS256, EdDSA, ES256 or PS256; without it, KEYTURN_ALGORITHM")
	f.DurationVar(&lifetime, "access-lifetime", 0, "lifetime of its access tokens; without it, KEYTURN_ACCESS_TOKEN_LIFETIME")
	f.StringSliceVar(&claims, "claims", []string{"given_name", "family_name", "preferred_username"},
		"profile claims that its tokens carry: "+strings.Join(issuer.ProfileClaims(), ", "))
	f.StringSliceVar(&scopes, "scopes", nil, "scopes that clients may be granted for it beside the standard ones")
	f.BoolVar(&simpleJWT, "simplejwt", true, "carry token_type and the user-id claim, as SimpleJWT's readers want")
	return cmd
}

func resourceList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the audiences", Args: noArgs,
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, _ []string) error {
			list, err := a.issuer.Resources(ctx)
			if err != nil {
				return err
			}
			views, rows := make([]admin.Resource, len(list)), make([][]string, len(list))
			for n, r := range list {
				v := admin.ViewResource(r)
				views[n] = v
				rows[n] = []string{v.Identifier, orDefault(string(v.Algorithm)), orDefault(v.AccessLifetime), strings.Join(v.Claims, " "), strings.Join(v.Scopes, " ")}
			}
			return tellTable(c, views, []string{"IDENTIFIER", "ALGORITHM", "ACCESS LIFETIME", "CLAIMS", "SCOPES"}, rows)
		}),
	}
}

func orDefault(s string) string {
	if s == "" {
		return "(default)"
	}
	return s
}
