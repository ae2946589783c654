package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/user"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/issuer"
	"keyturn/issuer/oauth"
	"keyturn/keys"
	"keyturn/storage"
)

// tell answers a command: v with --json, else the text.
func tell(c *cobra.Command, v any, format string, args ...any) error {
	if asJSON(c) {
		return writeJSON(c, v)
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), format, args...)
	return err
}

// tellTable answers with v or with rows under a head.
func tellTable(c *cobra.Command, v any, head []string, rows [][]string) error {
	if asJSON(c) {
		return writeJSON(c, v)
	}
	w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(head, "\t"))
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}

func asJSON(c *cobra.Command) bool {
	on, _ := c.Flags().GetBool("json")
	return on
}

func writeJSON(c *cobra.Command, v any) error {
	encoder := json.NewEncoder(c.OutOrStdout())
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// moment shows a time in UTC, to the second; "-" for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// operator is who runs a command on the machine itself.
func operator() audit.Actor {
	actor := audit.Actor{Kind: audit.Operator}
	if u, err := user.Current(); err == nil {
		actor.ID = u.Username
	}
	return actor
}

// explain says what a person at the command line can do about an error.
func explain(err error) string {
	hints := []struct {
		err  error
		text string
	}{
		{keys.ErrUnavailable, "the database can't be reached or written to; see KEYTURN_DATABASE_URL"},
		{storage.ErrSchemaNewer, "run the newer keyturn that made it, or restore the backup from before"},
		{keys.ErrLeadNotOver, "verifiers may not know the waiting key yet; --force turns all the same"},
		{accounts.ErrUsernameTaken, "`keyturn user list` shows who has it; names that differ only in letter case or look alike count as one"},
		{issuer.ErrResourceExists, "`keyturn resource update` changes it"},
		{oauth.ErrClientExists, "`keyturn client update` changes one that is there; the id of a deleted one is never used again"},
		{oauth.ErrClientNotFound, "`keyturn client list` shows them"},
		{oauth.ErrSecretNotFound, "`keyturn client show` lists the ids of its secrets"},
	}
	for _, hint := range hints {
		if errors.Is(err, hint.err) {
			return err.Error() + "\n  " + hint.text
		}
	}
	return err.Error()
}
