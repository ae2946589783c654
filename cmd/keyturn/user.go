package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"keyturn/accounts"
	"keyturn/api/admin"
)

func userCommand() *cobra.Command {
	cmd := group("user", "Create, change, list and import users")
	cmd.AddCommand(
		userCreate(), userShow(), userInvite(), userInvitations(), userWithdrawInvitation(), userSetPassword(), userResetLink(), userUpdate(), userList(), userImport(), userFactors(), userResetFactors(),
		userState("activate", "Let a user sign in again", func(ctx context.Context, a *app, id string) (int64, error) {
			return 0, a.accounts.Activate(ctx, id, operator())
		}),
		userState("deactivate", "Shut a user out and end all their sign-ins", func(ctx context.Context, a *app, id string) (int64, error) {
			return a.accounts.Deactivate(ctx, id, operator())
		}),
		userState("delete", "Remove a user and end all their sign-ins", func(ctx context.Context, a *app, id string) (int64, error) {
			return a.accounts.Delete(ctx, id, operator())
		}),
	)
	return cmd
}

func userCreate() *cobra.Command {
	var n accounts.NewUser
	var fromStdin bool
	var claimsFile string
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Create a user",
		Args:  exactly(1),
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
			n.Username = args[0]
			if fromStdin {
				var err error
				if n.Password, err = readPassword(c.InOrStdin()); err != nil {
					return err
				}
			}
			if claimsFile != "" {
				var err error
				if n.Claims, err = readClaims(claimsFile); err != nil {
					return err
				}
			}
			u, err := a.accounts.Create(ctx, n, operator())
			if err != nil {
				return err
			}
			kind := "user"
			if u.Admin {
				kind = "administrator"
			}
			return tell(c, admin.ViewUser(u), "created %s %s with id %s%s\n", kind, u.Username, u.ID,
				map[bool]string{false: " (no password: it can't sign in until `keyturn user set-password`)"}[fromStdin])
		}),
	}
	f := cmd.Flags()
	f.StringVar(&n.Email, "email", "", "e-mail address")
	f.StringVar(&n.GivenName, "first-name", "", "given name")
	f.StringVar(&n.FamilyName, "last-name", "", "family name")
	f.StringVar(&n.ExternalID, "external-id", "", "id in the system that the user came from, released as user_id")
	f.BoolVar(&n.Admin, "admin", false, "make the user an administrator")
	f.StringVar(&claimsFile, "claims-file", "", claimsFileDoc)
	f.BoolVar(&fromStdin, "password-stdin", false, "read the password from the first line of standard input")
	return cmd
}

const claimsFileDoc = "JSON file with further standard claims (nickname, birthdate, address, …), by the names of OpenID Connect"

func readClaims(path string) (accounts.StandardClaims, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return accounts.StandardClaims{}, err
	}
	claims, err := admin.ReadClaims(text)
	if err != nil {
		return accounts.StandardClaims{}, inFile(path, err)
	}
	return claims, nil
}

func userSetPassword() *cobra.Command {
	var fromStdin bool
	cmd := &cobra.Command{
		Use:   "set-password NAME --password-stdin",
		Short: "Set a user's password and end all their sign-ins",
		Args:  exactly(1),
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
			if !fromStdin {
				return errors.New("say --password-stdin: a password on the command line would be seen by everybody on the machine")
			}
			password, err := readPassword(c.InOrStdin())
			if err != nil {
				return err
			}
			u, err := a.accounts.Find(ctx, args[0])
			if err != nil {
				return err
			}
			ended, err := a.accounts.SetPassword(ctx, u.ID, password, operator())
			if err != nil {
				return err
			}
			return tell(c, endedView{u.ID, u.Username, ended}, "set the password of %s; %s\n", u.Username, signInsEnded(ended))
		}),
	}
	cmd.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password from the first line of standard input")
	return cmd
}

// endedView is what a change of a user ended.
type endedView struct {
	ID       string `json:"id"`
	Username string `json:"username"`
	Ended    int64  `json:"ended"`
}

func signInsEnded(n int64) string {
	if n == 1 {
		return "1 sign-in ended"
	}
	return strconv.FormatInt(n, 10) + " sign-ins ended"
}

func userUpdate() *cobra.Command {
	var username, email, first, last, external, claimsFile string
	var isAdmin bool
	cmd := &cobra.Command{
		Use:   "update NAME",
		Short: "Change a user's name, e-mail or rights; what is not given stays",
		Args:  exactly(1),
	}
	f := cmd.Flags()
	f.StringVar(&username, "username", "", "new username")
	f.StringVar(&email, "email", "", "e-mail address")
	f.StringVar(&first, "first-name", "", "given name")
	f.StringVar(&last, "last-name", "", "family name")
	f.StringVar(&external, "external-id", "", "id in the system that the user came from")
	f.BoolVar(&isAdmin, "admin", false, "administrator or not")
	f.StringVar(&claimsFile, "claims-file", "", claimsFileDoc+"; replaces all of them")
	cmd.RunE = withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
		u, err := a.accounts.Find(ctx, args[0])
		if err != nil {
			return err
		}
		var change accounts.Change
		for name, field := range map[string]struct {
			to    **string
			value *string
		}{
			"username": {&change.Username, &username}, "email": {&change.Email, &email},
			"first-name": {&change.GivenName, &first}, "last-name": {&change.FamilyName, &last},
			"external-id": {&change.ExternalID, &external},
		} {
			if c.Flags().Changed(name) {
				*field.to = field.value
			}
		}
		if c.Flags().Changed("admin") {
			change.Admin = &isAdmin
		}
		if claimsFile != "" {
			claims, err := readClaims(claimsFile)
			if err != nil {
				return err
			}
			change.Claims = &claims
		}
		if change == (accounts.Change{}) {
			return errors.New("nothing to change: give at least one of --username, --email, --first-name, --last-name, --external-id, --admin, --claims-file")
		}
		if u, err = a.accounts.Update(ctx, u.ID, change, operator()); err != nil {
			return err
		}
		return tell(c, admin.ViewUser(u), "updated %s\n", u.Username)
	})
	return cmd
}

// userState makes the commands that act on one user and may end sign-ins.
func userState(name, short string, act func(context.Context, *app, string) (int64, error)) *cobra.Command {
	return &cobra.Command{
		Use: name + " NAME", Short: short, Args: exactly(1),
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
			u, err := a.accounts.Find(ctx, args[0])
			if err != nil {
				return err
			}
			ended, err := act(ctx, a, u.ID)
			if err != nil {
				return err
			}
			done := map[string]string{"activate": "activated", "deactivate": "deactivated", "delete": "deleted"}[name]
			return tell(c, endedView{u.ID, u.Username, ended}, "%s %s; %s\n", done, u.Username, signInsEnded(ended))
		}),
	}
}

func userList() *cobra.Command {
	var q accounts.Query
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List users in the order of their names",
		Args:  noArgs,
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, _ []string) error {
			users, err := a.accounts.List(ctx, q, operator())
			if err != nil {
				return err
			}
			views, rows := make([]admin.User, len(users)), make([][]string, len(users))
			for n, u := range users {
				views[n] = admin.ViewUser(u)
				rows[n] = []string{u.Username, u.GivenName + " " + u.FamilyName, u.Email, userStateText(u), u.ID}
			}
			return tellTable(c, views, []string{"USERNAME", "NAME", "E-MAIL", "STATE", "ID"}, rows)
		}),
	}
	cmd.Flags().StringVar(&q.Prefix, "prefix", "", "only usernames that begin so")
	cmd.Flags().StringVar(&q.After, "after", "", "only usernames after this one")
	cmd.Flags().IntVar(&q.Limit, "limit", 100, "how many at most, up to 1000")
	return cmd
}

func userImport() *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE",
		Short: "Import users with their password hashes, all of them or none",
		Long: `Reads JSON lines, a JSON array, or what Django's "manage.py dumpdata auth.user" prints.
Hashes of Django (PBKDF2, argon2, bcrypt, scrypt), plain bcrypt and PHC argon2 and scrypt are
taken and replaced by argon2id at the first sign-in. Django's primary key becomes the external
id, which tokens release as user_id, so that resource servers keep knowing everybody.
FILE may be - for standard input.`,
		Args: exactly(1),
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
			in := c.InOrStdin()
			if args[0] != "-" {
				file, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer file.Close()
				in = file
			}
			users, err := accounts.ReadImport(in)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "read %d users, importing …\n", len(users))
			done, err := a.accounts.Import(ctx, users, operator())
			if err != nil {
				return err
			}
			return tell(c, map[string]int{"created": done.Created}, "imported %d users\n", done.Created)
		}),
	}
}

func readPassword(in io.Reader) (string, error) { return readLine(in, "password") }

// maxLine bounds what is read for a password or secret.
const maxLine = 4096

// readLine takes the first line of standard input, without its line end and with everything else; what is what
// stands there.
func readLine(in io.Reader, what string) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(in, maxLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the %s from standard input: %w", what, err)
	}
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	if line == "" {
		return "", fmt.Errorf("no %s on standard input; send one line, for example: printf '%%s\\n' \"$%s\" | keyturn …", what, strings.ToUpper(what))
	}
	return line, nil
}
