package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"keyturn/api/admin"
	protocol "keyturn/api/oauth"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

func clientCommand() *cobra.Command {
	cmd := group("client", "Register the applications that sign people in here, and services")
	cmd.AddCommand(
		clientCreate(), clientUpdate(), clientList(), clientShow(), clientRotateSecret(), clientRemoveSecret(),
		&cobra.Command{
			Use: "enable ID", Short: "Turn a client on again", Args: exactly(1),
			RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
				if _, err := a.clients.SetEnabled(ctx, args[0], true, operator()); err != nil {
					return err
				}
				return tell(c, clientEnded{ID: args[0]}, "enabled client %s\n", args[0])
			}),
		},
		clientEnding("disable", "disabled", "Turn a client off and end all sign-ins at it", func(ctx context.Context, a *app, id string) (int64, error) {
			return a.clients.SetEnabled(ctx, id, false, operator())
		}),
		clientEnding("delete", "deleted", "Delete a client and end all sign-ins at it; its id is never used again", func(ctx context.Context, a *app, id string) (int64, error) {
			return a.clients.Delete(ctx, id, operator())
		}),
	)
	return cmd
}

// clientEnded is what a change of a client ended.
type clientEnded struct {
	ID    string `json:"client_id"`
	Ended int64  `json:"ended"`
}

func clientEnding(name, done, short string, act func(context.Context, *app, string) (int64, error)) *cobra.Command {
	return &cobra.Command{
		Use: name + " ID", Short: short, Args: exactly(1),
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
			ended, err := act(ctx, a, args[0])
			if err != nil {
				return err
			}
			return tell(c, clientEnded{args[0], ended}, "%s client %s; %s\n", done, args[0], signInsEnded(ended))
		}),
	}
}

func clientCreate() *cobra.Command {
	var fromStdin bool
	cmd := &cobra.Command{
		Use:   "create ID",
		Short: "Register a client",
		Example: `  keyturn client create shop --name "The shop" --redirect-uri https://shop.example.com/callback
  keyturn client create spa --public --redirect-uri https://app.example.com/callback --cors-origin https://app.example.com
  keyturn client create reports --service --scope orders:read --resource orders`,
		Args: exactly(1),
	}
	flags := addClientFlags(cmd.Flags())
	cmd.Flags().BoolVar(&fromStdin, "secret-stdin", false, "take a secret that the client has already from the first line of standard input")
	cmd.RunE = withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
		if err := refuseSettings(c); err != nil {
			return err
		}
		n, _, err := flags.readFile(args[0])
		if err != nil {
			return err
		}
		if err := flags.apply(&n.Metadata); err != nil {
			return err
		}
		if fromStdin {
			if n.Secret, err = readSecret(c); err != nil {
				return err
			}
		}
		// Before it is made: what fails behind that would keep the secret from being shown.
		if err := a.issuer.LoadResources(ctx); err != nil {
			return fmt.Errorf("read resources: %w", err)
		}
		made, secret, err := a.clients.Create(ctx, n, operator())
		if err != nil {
			return err
		}
		view := admin.ViewClient(&made)
		view.NewSecret = secret.Reveal()
		if err := tell(c, view, "created %s client %s\n%s\nconfigure it with\n  issuer     %s\n  client id  %s\n%s",
			kindOf(&made), made.ID, shownOnce(secret), a.config.Issuer, made.ID, a.forService(&made)); err != nil {
			return err
		}
		return a.noteGaps(ctx, c.ErrOrStderr(), &made)
	})
	return cmd
}

// forService is what a service is configured with beside issuer and id, "" for other clients. Resources must have been
// read.
func (a *app) forService(c *oauth.Client) string {
	if !c.May(oauth.ClientCredentials) {
		return ""
	}
	unknown := a.unknownScopes(c)
	granted := slices.DeleteFunc(slices.Clone(c.Scopes), func(scope string) bool { return slices.Contains(unknown, scope) })
	scope := cmp.Or(strings.Join(granted, " "), "(none)")
	if len(unknown) > 0 {
		scope += ", and once a resource has it " + strings.Join(unknown, " ")
	}
	return fmt.Sprintf("\nas a service it gets tokens (client_credentials) with\n  token endpoint  %s\n  scope           %s\n  audience        %s\n",
		a.config.Issuer+protocol.TokenPath, scope, cmp.Or(strings.Join(c.Resources, ", "), "(none)"))
}

func kindOf(c *oauth.Client) string {
	if c.Public() {
		return "public"
	}
	return "confidential"
}

// shownOnce tells a secret, "" where there is none to tell.
func shownOnce(secret keys.Secret) string {
	if secret.Reveal() == "" {
		return ""
	}
	return fmt.Sprintf("\n  client secret  %s\n\nIt is shown this once; put it where the client reads it.\n", secret.Reveal())
}

func readSecret(c *cobra.Command) (keys.Secret, error) {
	line, err := readLine(c.InOrStdin(), "secret")
	return keys.SecretOf(line), err
}

func clientUpdate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "update ID",
		Short: "Change what is registered about a client; what is not given stays",
		Long: `Changes what the flags say; what is not given stays. A list is replaced by those that are given.
With --file everything is replaced, and what is left out of the file is as in a new client.`,
		Args: exactly(1),
	}
	flags := addClientFlags(cmd.Flags())
	cmd.RunE = withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
		if err := refuseSettings(c); err != nil {
			return err
		}
		if !flags.given() {
			return errors.New("nothing to change: `keyturn client update --help` lists what can be given")
		}
		was, err := a.clients.Get(ctx, args[0])
		if err != nil {
			return err
		}
		m := was.Metadata
		file, all, err := flags.readFile(args[0])
		switch {
		case err != nil:
			return err
		case file.Secret.Reveal() != "":
			return errors.New("a secret is not changed so; `keyturn client rotate-secret` does that")
		case all:
			m = a.clients.Defaults(file.Metadata)
		}
		if err := flags.apply(&m); err != nil {
			return err
		}
		actor := operator()
		actor.Seen = string(was.Version())
		is, err := a.clients.Update(ctx, args[0], m, actor)
		if err != nil {
			return err
		}
		if err := tell(c, admin.ViewClient(&is), "updated client %s%s\n", is.ID, aboutSecrets(was, &is)); err != nil {
			return err
		}
		return a.noteGaps(ctx, c.ErrOrStderr(), &is)
	})
	return cmd
}

// aboutSecrets tells what a change of the method has done to secrets.
func aboutSecrets(was, is *oauth.Client) string {
	switch {
	case len(is.Secrets) < len(was.Secrets):
		return "; its secrets are gone, it authenticates otherwise now"
	case is.AuthMethod.UsesSecret() && len(is.Secrets) == 0:
		return "; it has no secret yet: `keyturn client rotate-secret " + is.ID + "`"
	}
	return ""
}

func clientList() *cobra.Command {
	var prefix, after string
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List the clients in the order of their ids", Args: noArgs,
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, _ []string) error {
			list, err := a.clients.List(ctx, prefix, after, limit, operator())
			if err != nil {
				return err
			}
			views, rows := make([]admin.Client, len(list)), make([][]string, len(list))
			for n, client := range list {
				views[n] = admin.ViewClient(client)
				state := "on"
				if !client.Enabled {
					state = "off"
				}
				rows[n] = []string{client.ID, client.Name, string(client.AuthMethod), texts(client.GrantTypes), state}
			}
			return tellTable(c, views, []string{"ID", "NAME", "AUTHENTICATION", "GRANTS", "STATE"}, rows)
		}),
	}
	cmd.Flags().StringVar(&prefix, "prefix", "", "only ids that begin so")
	cmd.Flags().StringVar(&after, "after", "", "only ids after this one")
	cmd.Flags().IntVar(&limit, "limit", 100, "how many at most, up to 1000")
	return cmd
}

func texts[T ~string](list []T) string {
	words := make([]string, len(list))
	for n, word := range list {
		words[n] = string(word)
	}
	return strings.Join(words, " ")
}

func clientShow() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show all that is registered about a client", Args: exactly(1),
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
			client, err := a.clients.Get(ctx, args[0])
			if err != nil {
				return err
			}
			view := admin.ViewClient(client)
			rows, err := membersOf(view)
			if err != nil {
				return err
			}
			for _, s := range client.Secrets {
				rows = append(rows, []string{"secret", s.ID + " since " + moment(s.CreatedAt)})
			}
			return tellTable(c, view, []string{"MEMBER", "VALUE"}, rows)
		}),
	}
}

// membersOf are a view's members and values in their order, without its secrets, which are no words.
func membersOf(view admin.Client) (rows [][]string, err error) {
	text, err := json.Marshal(view)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if _, err := decoder.Token(); err != nil {
		return nil, err
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		if name != "secrets" {
			rows = append(rows, []string{fmt.Sprint(name), plain(value)})
		}
	}
	return rows, nil
}

// plain is a JSON value as people read it.
func plain(value json.RawMessage) string {
	var list []json.RawMessage
	if json.Unmarshal(value, &list) == nil {
		words := make([]string, len(list))
		for n, item := range list {
			words[n] = plain(item)
		}
		return strings.Join(words, " ")
	}
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}

func clientRotateSecret() *cobra.Command {
	var fromStdin bool
	cmd := &cobra.Command{
		Use:   "rotate-secret ID",
		Short: "Give a client another secret",
		Long: `The secret before stays valid beside the new one, so that the client can be changed over without a
gap. Of three, the oldest falls out. When nothing uses the old one any more, remove-secret removes it.`,
		Args: exactly(1),
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
			var own keys.Secret
			if fromStdin {
				var err error
				if own, err = readSecret(c); err != nil {
					return err
				}
			}
			made, client, err := a.clients.RotateSecret(ctx, args[0], own, operator())
			if err != nil {
				return err
			}
			secrets := admin.ViewClient(&client).Secrets
			newest := secrets[len(secrets)-1]
			newest.NewSecret = made.Reveal()
			return tell(c, newest, "added secret %s to client %s\n%s%s", newest.ID, client.ID, shownOnce(made), oldSecret(&client))
		}),
	}
	cmd.Flags().BoolVar(&fromStdin, "secret-stdin", false, "take the secret from the first line of standard input")
	return cmd
}

// oldSecret tells how to get rid of the one before.
func oldSecret(c *oauth.Client) string {
	if len(c.Secrets) < 2 {
		return ""
	}
	return fmt.Sprintf("\nthe one before stays valid until `keyturn client remove-secret %s %s`\n", c.ID, c.Secrets[0].ID)
}

func clientRemoveSecret() *cobra.Command {
	return &cobra.Command{
		Use: "remove-secret ID SECRET-ID", Short: "Make a secret of a client invalid at once; `client show` lists their ids", Args: exactly(2),
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
			client, err := a.clients.RemoveSecret(ctx, args[0], args[1], operator())
			if err != nil {
				return err
			}
			left := map[int]string{0: "; it has none left and can't authenticate"}[len(client.Secrets)]
			return tell(c, admin.ViewClient(&client), "removed secret %s of client %s%s\n", args[1], client.ID, left)
		}),
	}
}
