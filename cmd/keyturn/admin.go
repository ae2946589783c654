package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"keyturn/audit"
	"keyturn/storage"
)

func adminCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "admin", Short: "Get at the admin API"}
	cmd.AddCommand(adminToken())
	return cmd
}

func adminToken() *cobra.Command {
	var scopes []string
	var lifetime time.Duration
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Print a short-lived access token for the admin API, for scripts on this machine",
		Args:  cobra.NoArgs,
		RunE: withKeys(func(ctx context.Context, c *cobra.Command, a *app, _ []string) error {
			token, err := a.issuer.AdminToken(ctx, scopes, lifetime, operator())
			if err != nil {
				return err
			}
			return tell(c, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": int(lifetime.Seconds())}, "%s\n", token)
		}),
	}
	cmd.Flags().StringSliceVar(&scopes, "scope", []string{"admin"}, "admin, admin:keys, admin:users, admin:read")
	cmd.Flags().DurationVar(&lifetime, "lifetime", 5*time.Minute, "how long it is valid, at most 1h")
	return cmd
}

func auditCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "See what happened"}
	cmd.AddCommand(auditList())
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
	var q storage.AuditQuery
	var action string
	cmd := &cobra.Command{
		Use: "list", Short: "List what happened, newest first", Args: cobra.NoArgs,
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
