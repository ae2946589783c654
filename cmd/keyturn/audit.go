package main

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"keyturn/audit"
)

func auditCommand() *cobra.Command {
	cmd := group("audit", "See what happened")
	cmd.AddCommand(auditList(), auditRefusals())
	return cmd
}

// eventView is an event as --json tells it.
type eventView struct {
	ID          int64             `json:"id"`
	At          time.Time         `json:"at"`
	Action      string            `json:"action"`
	ActorKind   string            `json:"actor_kind"`
	ActorID     string            `json:"actor_id,omitempty"`
	Address     string            `json:"address,omitempty"`
	RequestID   string            `json:"request_id,omitempty"`
	SubjectKind string            `json:"subject_kind"`
	SubjectID   string            `json:"subject_id"`
	Reason      string            `json:"reason,omitempty"`
	Details     map[string]string `json:"details,omitempty"`
}

func auditList() *cobra.Command {
	var q audit.Query
	var action string
	cmd := &cobra.Command{
		Use: "list", Short: "List what happened, newest first", Args: noArgs,
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, _ []string) error {
			q.Action = audit.Action(action)
			events, err := a.db.AuditEvents(ctx, q)
			if err != nil {
				return err
			}
			views, rows := make([]eventView, len(events)), make([][]string, len(events))
			for n, e := range events {
				views[n] = eventView{
					e.ID, e.At, string(e.Action), string(e.Actor.Kind), e.Actor.ID, e.Actor.Address, e.Actor.RequestID,
					e.SubjectKind, e.SubjectID, e.Reason, e.Details,
				}
				rows[n] = []string{moment(e.At), string(e.Action), string(e.Actor.Kind) + " " + e.Actor.ID, e.SubjectKind + " " + e.SubjectID, e.Reason}
			}
			return tellTable(c, views, []string{"WHEN", "WHAT", "WHO", "TO WHAT", "WHY"}, rows)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&action, "action", "", "only this action, for example grant.revoked")
	f.StringVar(&q.SubjectID, "subject", "", "only what happened to this id")
	f.StringVar(&q.ActorID, "actor", "", "only what this id did")
	f.Int64Var(&q.Before, "before", 0, "only events before this id")
	f.IntVar(&q.Limit, "limit", 100, "how many at most, up to 1000")
	return cmd
}

// refusalView is a minute's refusals as --json tells it.
type refusalView struct {
	Minute  time.Time `json:"minute"`
	Account string    `json:"account"`
	Address string    `json:"address"`
	Reason  string    `json:"reason"`
	Count   int64     `json:"count"`
}

func auditRefusals() *cobra.Command {
	var q audit.RefusalQuery
	var since time.Duration
	cmd := &cobra.Command{
		Use: "refusals", Short: "List refused sign-ins and admin calls, counted by account, address, reason and minute, newest first", Args: noArgs,
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, _ []string) error {
			q.Since, q.Until = time.Now().Add(-since), time.Now().Add(time.Minute)
			list, err := a.db.Refusals(ctx, q)
			if err != nil {
				return err
			}
			views, rows := make([]refusalView, len(list)), make([][]string, len(list))
			for n, r := range list {
				views[n] = refusalView{r.Minute, r.Account, r.Address, r.Reason, r.Count}
				rows[n] = []string{moment(r.Minute), r.Reason, strconv.FormatInt(r.Count, 10), r.Account, r.Address}
			}
			return tellTable(c, views, []string{"MINUTE", "REASON", "COUNT", "ACCOUNT", "ADDRESS"}, rows)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&q.Account, "account", "", "only this account: a user's or client's id, or unknown")
	f.DurationVar(&since, "since", 24*time.Hour, "how far back")
	f.IntVar(&q.Limit, "limit", 100, "how many at most, up to 1000")
	return cmd
}
