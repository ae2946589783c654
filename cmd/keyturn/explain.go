package main

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
	"keyturn/storage"
)

// explain says what a person at the command line can do about an error of c.
func explain(c *cobra.Command, err error) string {
	hints := []struct {
		err  error
		text string
	}{
		{keys.ErrUnavailable, "the database can't be reached or written to; see KEYTURN_DATABASE_URL"},
		{storage.ErrSchemaNewer, "run the newer keyturn that made it, or restore the backup from before"},
		{keys.ErrLeadNotOver, "verifiers may not know the waiting key yet; --force turns all the same"},
		{keys.ErrKeyNotFound, "`keyturn keys list` shows them"},
		{accounts.ErrUsernameTaken, "`keyturn user list` shows who has it; names that differ only in letter case or look alike count as one"},
		{accounts.ErrUserNotFound, "`keyturn user list` shows them"},
		{accounts.ErrGroupNotFound, "`keyturn group list` shows them"},
		{accounts.ErrGroupExists, "`keyturn group list` shows it; names that differ only in letter case or look alike count as one"},
		{accounts.ErrTooManyGroups, "tokens name all groups of a person, so nobody is in more than 200; `keyturn group remove-member` takes them out of one"},
		{accounts.ErrTooManyRoles, "tokens name all roles of a person, so a group has at most 100, and so have all groups together for one resource"},
		{accounts.ErrLastAdministrator, "make another one first: `keyturn user update NAME --admin`, or `keyturn group add-role NAME administrator`"},
		{accounts.ErrAdministratorExists, "`keyturn user invite ADDRESS --admin --print-link` makes another one, `keyturn user reset-link NAME --print-link` lets one in who forgot their password"},
		{accounts.ErrLetterNotFound, "`keyturn mail list` shows them, with --failed those that were given up"},
		{accounts.ErrSessionNotFound, "`keyturn session browsers --user NAME` shows them"},
		{issuer.ErrGrantNotFound, "`keyturn session list --user NAME` shows them"},
		{issuer.ErrResourceExists, "`keyturn resource update` changes it"},
		{accounts.ErrNoAddress, "--print-link shows a link to hand over"},
		{accounts.ErrDeactivated, "`keyturn user activate` lets them sign in again"},
		{issuer.ErrResourceNotFound, "`keyturn resource list` shows them"},
		{audit.ErrChanged, "somebody else was faster; the same command again begins with what is there now"},
		{oauth.ErrClientExists, "`keyturn client update` changes one that is there; the id of a deleted one is never used again"},
		{oauth.ErrClientNotFound, "`keyturn client list` shows them"},
		{oauth.ErrSecretNotFound, "`keyturn client show` lists the ids of its secrets"},
	}
	text := cmp.Or(wrongInput(c, err), plainly(err))
	for _, hint := range hints {
		if errors.Is(err, hint.err) {
			return text + "\n  " + hint.text
		}
	}
	return text
}

var packagePrefix = regexp.MustCompile(`(^|: |\n)(?:(?:oauth|issuer|accounts|keys|storage|fetch|audit): )+`)

// plainly is an error's text without the names of our packages, which are for logs.
func plainly(err error) string { return packagePrefix.ReplaceAllString(err.Error(), "$1") }

// wrongInput says which flag or argument is wrong and why, "" for an error that is about none.
func wrongInput(c *cobra.Command, err error) string {
	var param, problem string
	item := 0
	if in, ok := errors.AsType[*oauth.InvalidItem](err); ok {
		item = in.N
	}
	if in, ok := errors.AsType[*oauth.InvalidRequest](err); ok {
		param, problem = in.Param, in.Problem.String()
	} else if in, ok := errors.AsType[*issuer.InvalidRequest](err); ok {
		param, problem = in.Param, in.Problem.String()
	} else if in, ok := errors.AsType[*accounts.InvalidRequest](err); ok {
		param, problem = in.Param, in.Problem.String()
	} else if in, ok := errors.AsType[*keys.BadRotation](err); ok {
		param, problem = in.Param, in.Problem.String()
	} else {
		return ""
	}
	file := c.Flags().Lookup("file")
	if name := argumentOf(c, param); name != "" {
		return fmt.Sprintf("%s %q %s", name, c.Flags().Arg(0), problem)
	}
	flag := flagOf(c, param)
	if flag == nil || !flag.Changed && file != nil && file.Changed {
		return param + " " + problem
	}
	problem = memberName.ReplaceAllStringFunc(problem, func(member string) string {
		if other := flagOf(c, member); other != nil {
			return "--" + other.Name
		}
		return member
	})
	said := "--" + flag.Name
	if value := givenValue(flag, item); value != "" {
		said += " " + value
	}
	if _, member, within := strings.Cut(param, "."); within {
		said += ": " + member
	}
	return said + " " + problem
}

// memberName is a member of a client's metadata that the problem of another one mentions.
var memberName = regexp.MustCompile(`\b[a-z_]+_uris?\b`)

// argumentOf is the name of the command's argument that a parameter comes from, "" where it comes from a flag.
func argumentOf(c *cobra.Command, param string) string {
	name := map[string]string{"client_id": "ID", "username": "NAME", "email": "EMAIL", "identifier": "IDENTIFIER"}[param]
	if name == "" || c.Flags().NArg() == 0 || !strings.Contains(c.Use, " "+name) || c.Flags().Changed(param) {
		return ""
	}
	return name
}

// flagOf is the flag that a parameter comes from, nil for none. Most are called like their parameter.
func flagOf(c *cobra.Command, param string) *pflag.Flag {
	first, _, _ := strings.Cut(param, ".")
	names := map[string][]string{
		"client_name":                  {"name"},
		"token_endpoint_auth_method":   {"auth-method"},
		"jwks":                         {"jwks-file"},
		"client_secret":                {"secret-stdin"},
		"id_token_signed_response_alg": {"id-token-algorithm"},
		"userinfo_signed_response_alg": {"userinfo-algorithm"},
		"access_token_lifetime":        {"access-lifetime"},
		"refresh_token_lifetime":       {"refresh-lifetime"},
		"password":                     {"password-stdin"},
		"given_name":                   {"first-name"},
		"family_name":                  {"last-name"},
		"claims":                       {"claims", "claims-file"},
		"lifetime":                     {"expires"},
	}[first]
	dashed := strings.ReplaceAll(param, "_", "-")
	names = append(names, dashed, strings.TrimSuffix(dashed, "s"))
	if param == "grant_types" && !c.Flags().Changed("grant-type") && c.Flags().Changed("service") {
		names = []string{"service"}
	}
	for _, name := range names {
		if flag := c.LocalNonPersistentFlags().Lookup(name); flag != nil {
			return flag
		}
	}
	return nil
}

// givenValue is what was given for a flag: of a list its item, from 1, where it is known which is wrong. Switches
// have no value that is worth a word; secrets and passwords come by standard input.
func givenValue(flag *pflag.Flag, item int) string {
	if !flag.Changed || flag.Value.Type() == "bool" {
		return ""
	}
	list, isList := flag.Value.(pflag.SliceValue)
	switch {
	case !isList:
		return fmt.Sprintf("%q", flag.Value.String())
	case item == 0:
		return ""
	}
	for _, value := range list.GetSlice() {
		if value == "" {
			continue // stands for no item
		}
		if item--; item == 0 {
			return fmt.Sprintf("%q", value)
		}
	}
	return ""
}

// noArgs wants no arguments; a mistyped command is shown what it may have meant.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !c.HasSubCommands() {
		return fmt.Errorf("`%s` takes no argument, and %q is one\n  `%[1]s --help` tells what it takes", c.CommandPath(), args[0])
	}
	c.SuggestionsMinimumDistance = 2
	meant := ""
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		meant = "did you mean " + strings.Join(near, " or ") + "? "
	}
	return fmt.Errorf("`%s` has no command %q\n  %s`%[1]s --help` lists them", c.CommandPath(), args[0], meant)
}

// wrongFlag adds which flag was probably meant, and where flags are listed.
func wrongFlag(c *cobra.Command, err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	meant := ""
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		meant = nearestFlag(c, unknown.GetSpecifiedName())
	}
	return fmt.Errorf("%w\n  %s`%s --help` lists what there is", err, meant, c.CommandPath())
}
