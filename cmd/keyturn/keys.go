package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"keyturn/api/admin"
	"keyturn/keys"
)

func keysCommand() *cobra.Command {
	cmd := group("keys", "See and turn the signing keys")
	cmd.AddCommand(keysList(), keysPlan(), keysRotate(), keysRevoke(), keysReseal(), keysNewMaster())
	return cmd
}

func keysList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the keys with what each may do now", Args: noArgs,
		RunE: withKeys(func(_ context.Context, c *cobra.Command, a *app, _ []string) error {
			list := a.keys.Keys()
			views, rows := make([]admin.Key, len(list)), make([][]string, len(list))
			for n, k := range list {
				views[n] = admin.ViewKey(k)
				if !k.RevokedAt.IsZero() { // the dates that were planned would look as if it still verified
					k.SignsUntil, k.VerifiesUntil = k.RevokedAt, k.RevokedAt
				}
				rows[n] = []string{
					k.KID, string(k.Purpose), string(k.Algorithm), string(k.State),
					moment(k.SignsFrom), moment(k.SignsUntil), moment(k.VerifiesUntil),
				}
			}
			return tellTable(c, views, []string{"KID", "PURPOSE", "ALGORITHM", "STATE", "SIGNS FROM", "SIGNS UNTIL", "VERIFIES UNTIL"}, rows)
		}),
	}
}

func keysPlan() *cobra.Command {
	return &cobra.Command{
		Use: "plan", Short: "Tell what will happen when; nothing is changed", Args: noArgs,
		RunE: withKeys(func(_ context.Context, c *cobra.Command, a *app, _ []string) error {
			list, steps := a.keys.Keys(), a.keys.Plan()
			var rows [][]string
			for _, step := range steps {
				rows = append(rows, []string{"at the next maintenance", string(step.Key.Purpose), string(step.Key.Algorithm), string(step.Action) + ": " + step.Why, step.Key.KID})
			}
			for _, t := range keys.Turns(list) {
				rows = append(rows, []string{moment(t.At), string(t.Key.Purpose), string(t.Key.Algorithm), turningWords[t.What], t.Key.KID})
			}
			return tellTable(c, admin.ViewPlan(list, steps), []string{"WHEN", "PURPOSE", "ALGORITHM", "WHAT", "KID"}, rows)
		}),
	}
}

// turningWords tell a turn to a person.
var turningWords = map[keys.Turning]string{
	keys.Signs: "starts to sign", keys.StopsSigning: "stops signing", keys.Goes: "verifies no longer",
}

func keysRotate() *cobra.Command {
	var q keys.Rotation
	var mode, algorithm, purpose, reason string
	var yes bool
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Turn keys by hand: graceful, immediate or compromised",
		Long: `graceful     a new key is published now and signs after the lead (the default)
immediate    the waiting key signs at once; refused where it has not had its lead, unless --force
compromised  the key named by --kid is revoked at once and the waiting one takes over`,
		Args: noArgs,
		RunE: withKeys(func(ctx context.Context, c *cobra.Command, a *app, _ []string) error {
			q.Mode, q.Algorithm, q.Purpose = keys.Mode(mode), keys.Algorithm(algorithm), keys.Purpose(purpose)
			if q.All && !yes {
				return errors.New("this revokes every key and may sign out everybody; say --yes if you mean it")
			}
			outcome, err := a.keys.Rotate(ctx, q, reason, operator())
			if err != nil {
				return err
			}
			return tellOutcome(c, outcome)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&mode, "mode", string(keys.Graceful), "graceful, immediate or compromised")
	f.StringVar(&algorithm, "algorithm", "", "only the token keys of this algorithm; without it, all keys")
	f.StringVar(&purpose, "purpose", "", "only token or only refresh keys; without it, both")
	f.StringVar(&q.KID, "kid", "", "the compromised key")
	f.BoolVar(&q.All, "all", false, "with compromised: every key, the waiting ones too")
	f.BoolVar(&yes, "yes", false, "with --all: really")
	f.BoolVar(&q.Force, "force", false, "with immediate: even where verifiers may not know the waiting key yet")
	f.StringVar(&reason, "reason", "", "why, for the audit log")
	return cmd
}

func keysRevoke() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "revoke KID", Short: "Revoke one key at once, as compromised", Args: exactly(1),
		RunE: withKeys(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
			outcome, err := a.keys.Revoke(ctx, args[0], reason, operator())
			if err != nil {
				return err
			}
			return tellOutcome(c, outcome)
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit log")
	return cmd
}

func tellOutcome(c *cobra.Command, o keys.Outcome) error {
	if asJSON(c) {
		return writeJSON(c, admin.ViewOutcome(o))
	}
	out := c.OutOrStdout()
	for _, s := range o.Steps {
		fmt.Fprintf(out, "%-10s %s %s %s, signs %s to %s: %s\n", s.Action, s.Key.Purpose, s.Key.Algorithm, s.Key.KID,
			moment(s.Key.SignsFrom), moment(s.Key.SignsUntil), s.Why)
	}
	fmt.Fprintf(out, "signs from %s; every verifier that honours the key set's max-age is safe by %s\n", moment(o.SignsFrom), moment(o.SafeBy))
	for _, note := range o.Notes {
		fmt.Fprintf(out, "note: %s\n", note)
	}
	return nil
}

func keysReseal() *cobra.Command {
	return &cobra.Command{
		Use: "reseal", Short: "Seal every key and authenticator app's secret to the first identity of the master file", Args: noArgs,
		RunE: withKeys(func(ctx context.Context, c *cobra.Command, a *app, _ []string) error {
			secrets, err := a.factors.ResealApps(ctx, operator())
			if err != nil {
				return fmt.Errorf("not resealed, keep every identity: %w", err)
			}
			n, err := a.keys.Reseal(ctx, operator())
			if err != nil {
				return err
			}
			if err := a.db.RetagAudit(ctx, a.keys.Master); err != nil {
				return fmt.Errorf("keys resealed, but not the audit log's newest seal, keep every identity: %w", err)
			}
			return tell(c, map[string]int{"resealed": n, "resealed_secrets": secrets},
				"resealed %d keys and %d secrets of authenticator apps and read them back; the other identities may now leave the master file of every instance\n", n, secrets)
		}),
	}
}

func keysNewMaster() *cobra.Command {
	return &cobra.Command{
		Use: "new-master FILE", Short: "Write a new master identity to a file that must not exist", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			text, _, err := keys.GenerateMaster()
			if err != nil {
				return err
			}
			if err := writeNew(args[0], text); err != nil {
				return fmt.Errorf("write %s: %w", args[0], err)
			}
			return tell(c, map[string]string{"file": args[0]}, "wrote a new master identity to %s; back it up apart from the database\n", args[0])
		},
	}
}
