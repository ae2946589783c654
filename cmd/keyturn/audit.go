package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"keyturn/audit"
)

func auditCommand() *cobra.Command {
	cmd := group("audit", "See what happened, and that nobody changed the record of it")
	cmd.AddCommand(auditList(), auditRefusals(), auditExport(), auditVerify())
	return cmd
}

// auditReader reads the log as the settings say.
func (a *app) auditReader() *audit.Reader {
	return &audit.Reader{Store: a.db, Issuer: a.config.Issuer, Retention: a.config.AuditRetention, RefusalAge: a.config.refusalAge()}
}

func auditList() *cobra.Command {
	var q audit.Query
	var action, since, until string
	cmd := &cobra.Command{
		Use: "list", Short: "List what happened, newest first", Args: noArgs,
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, _ []string) (err error) {
			q.Action, q.Prefix = audit.ActionOrPrefix(action)
			if q.Since, err = ago("since", since, time.Now()); err != nil {
				return err
			}
			if q.Until, err = ago("until", until, time.Now()); err != nil {
				return err
			}
			events, err := a.auditReader().Events(ctx, q, operator())
			if err != nil {
				return err
			}
			lines, err := a.auditReader().Lines(ctx, events, operator())
			if err != nil {
				return err
			}
			rows := make([][]string, len(events))
			for n, l := range lines {
				rows[n] = []string{
					strconv.FormatInt(l.ID, 10), moment(events[n].At), string(l.Action), who(l.ActorKind, l.ActorID, l.ActorName), l.Address,
					who(l.SubjectKind, l.SubjectID, l.SubjectName), l.Reason,
				}
			}
			return tellTable(c, lines, []string{"ID", "WHEN", "WHAT", "WHO", "FROM", "TO WHAT", "WHY"}, rows)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&action, "action", "", "only this action, for example grant.revoked, or those that begin with user.")
	f.StringVar(&q.SubjectID, "subject", "", "only what happened to this id")
	f.StringVar(&q.SubjectKind, "subject-kind", "", "only what happened to things of this kind, for example user")
	f.StringVar(&q.ActorID, "actor", "", "only what this id did")
	f.StringVar(&q.Address, "address", "", "only what came from this address")
	f.StringVar(&since, "since", "", "only from this time on: 24h for a day ago, 2026-01-31, or 2026-01-31T12:00:00Z")
	f.StringVar(&until, "until", "", "only before this time")
	f.Int64Var(&q.After, "before", 0, "only events before the one with this id")
	f.IntVar(&q.Limit, "limit", 100, "how many at most, up to 1000")
	return cmd
}

// who is an actor or a subject, with the name of a user in front of the id.
func who(kind, id, name string) string {
	if name != "" {
		return kind + " " + name + " (" + id + ")"
	}
	return strings.TrimSpace(kind + " " + id)
}

// ago reads a time: how long ago, a day, or a moment. An empty text is none.
func ago(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--%s: give how long ago (24h), a day (2026-01-31) or a time (2026-01-31T12:00:00Z)", flag)
}

func auditRefusals() *cobra.Command {
	var q audit.RefusalQuery
	var since string
	cmd := &cobra.Command{
		Use: "refusals", Short: "List refused sign-ins and admin calls, counted by account, address, reason and minute, newest first", Args: noArgs,
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, _ []string) (err error) {
			if q.Since, err = ago("since", since, time.Now()); err != nil {
				return err
			}
			q.Until = time.Now().Add(time.Minute)
			list, err := a.auditReader().Refusals(ctx, q, operator())
			if err != nil {
				return err
			}
			lines, rows := make([]audit.RefusalLine, len(list)), make([][]string, len(list))
			for n, r := range list {
				lines[n] = r.Line()
				rows[n] = []string{moment(r.Minute), r.Reason, strconv.FormatInt(r.Count, 10), r.Account, r.Address}
			}
			return tellTable(c, lines, []string{"MINUTE", "REASON", "COUNT", "ACCOUNT", "ADDRESS"}, rows)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&q.Account, "account", "", "only this account: a user's or client's id, or unknown")
	f.StringVar(&since, "since", "24h", "how far back, or since when")
	f.IntVar(&q.Limit, "limit", 100, "how many at most, up to 1000")
	return cmd
}

func auditExport() *cobra.Command {
	var file string
	var after int64
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the log with its seals as JSON lines, which keyturn audit verify --file checks anywhere",
		Args:  noArgs,
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, _ []string) error {
			write := func(w io.Writer) error {
				return a.auditReader().Export(ctx, w, after, func() error { return nil }, operator())
			}
			if file == "" {
				return write(c.OutOrStdout())
			}
			if err := writeAtOnce(file, write); err != nil {
				return err
			}
			return tell(c, map[string]string{"file": file}, "wrote %s\n", file)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&file, "file", "", "write to this file, which only its owner may read, instead of standard output")
	f.Int64Var(&after, "after", 0, "only what came after the seal with this number, to go on from an earlier export")
	return cmd
}

// writeAtOnce makes the file, which must not exist yet; nothing is left of it where write fails.
func writeAtOnce(file string, write func(io.Writer) error) error {
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(write(out), out.Sync(), out.Close()); err != nil {
		return errors.Join(err, os.Remove(file))
	}
	return nil
}
