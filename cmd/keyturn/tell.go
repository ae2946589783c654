package main

import (
	"encoding/json"
	"fmt"
	"os/user"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"keyturn/audit"
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

// operator is who runs a command on the machine itself. Who can read the database and the master identity has every
// right.
func operator() audit.Actor {
	actor := audit.Actor{Kind: audit.Operator, Rights: audit.ManageAll}
	if u, err := user.Current(); err == nil {
		actor.ID = u.Username
	}
	return actor
}
