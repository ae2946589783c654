package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"keyturn/keys"
)

func keysCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "keys", Short: "See and turn the signing keys"}
	cmd.AddCommand(keysList(), keysPlan(), keysRotate(), keysRevoke(), keysReseal(), keysNewMaster())
	return cmd
}

// keyView is a key as --json tells it.
type keyView struct {
	KID           string     `json:"kid"`
	Algorithm     string     `json:"algorithm"`
	Purpose       string     `json:"purpose"`
	State         string     `json:"state,omitempty"`
	PublishedAt   time.Time  `json:"published_at"`
	SignsFrom     time.Time  `json:"signs_from"`
	SignsUntil    time.Time  `json:"signs_until"`
	VerifiesUntil time.Time  `json:"verifies_until"`
	RevokedAt     *time.Time `json:"revoked_at,omitempty"`
}

func viewKey(k keys.Key, state keys.State) keyView {
	v := keyView{
		KID: k.KID, Algorithm: string(k.Algorithm), Purpose: string(k.Purpose), State: string(state),
		PublishedAt: k.PublishedAt, SignsFrom: k.SignsFrom, SignsUntil: k.SignsUntil, VerifiesUntil: k.VerifiesUntil,
	}
	if !k.RevokedAt.IsZero() {
		v.RevokedAt = &k.RevokedAt
	}
	return v
}

func keysList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the keys with what each may do now", Args: cobra.NoArgs,
		RunE: withKeys(func(_ context.Context, c *cobra.Command, a *app, _ []string) error {
			list := a.keys.Keys()
			views, rows := make([]keyView, len(list)), make([][]string, len(list))
			for n, k := range list {
				views[n] = viewKey(k.Key, k.State)
				rows[n] = []string{
					k.KID, string(k.Purpose), string(k.Algorithm), string(k.State),
					moment(k.SignsFrom), moment(k.SignsUntil), moment(k.VerifiesUntil),
				}
			}
			return tellTable(c, views, []string{"KID", "PURPOSE", "ALGORITHM", "STATE", "SIGNS FROM", "SIGNS UNTIL", "VERIFIES UNTIL"}, rows)
		}),
	}
}

// turnView is one coming event in the life of a key.
type turnView struct {
	At        time.Time `json:"at"`
	KID       string    `json:"kid,omitempty"`
	Purpose   string    `json:"purpose"`
	Algorithm string    `json:"algorithm"`
	What      string    `json:"what"`
}

func keysPlan() *cobra.Command {
	return &cobra.Command{
		Use: "plan", Short: "Tell what will happen when; nothing is changed", Args: cobra.NoArgs,
		RunE: withKeys(func(_ context.Context, c *cobra.Command, a *app, _ []string) error {
			turns := comingTurns(a.keys.Keys(), a.keys.Plan(), time.Now())
			rows := make([][]string, len(turns))
			for n, t := range turns {
				rows[n] = []string{moment(t.At), t.Purpose, t.Algorithm, t.What, t.KID}
			}
			return tellTable(c, turns, []string{"WHEN", "PURPOSE", "ALGORITHM", "WHAT", "KID"}, rows)
		}),
	}
}

func keysRotate() *cobra.Command {
	var q keys.Rotation
	var mode, algorithm, purpose, reason string
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Turn keys by hand: graceful, immediate or compromised",
		Long: `graceful     a new key is published now and signs after the lead (the default)
immediate    the waiting key signs at once; refused where it has not had its lead, unless --force
compromised  the key named by --kid is revoked at once and the waiting one takes over`,
		Args: cobra.NoArgs,
		RunE: withKeys(func(ctx context.Context, c *cobra.Command, a *app, _ []string) error {
			q.Mode, q.Algorithm, q.Purpose = keys.Mode(mode), keys.Algorithm(algorithm), keys.Purpose(purpose)
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
	f.BoolVar(&q.Force, "force", false, "with immediate: even where verifiers may not know the waiting key yet")
	f.StringVar(&reason, "reason", "", "why, for the audit log")
	return cmd
}

func keysRevoke() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "revoke KID", Short: "Revoke one key at once, as compromised", Args: cobra.ExactArgs(1),
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

// stepView is a step of a rotation as --json tells it.
type stepView struct {
	Action string `json:"action"`
	keyView
	Why string `json:"why"`
}

func tellOutcome(c *cobra.Command, o keys.Outcome) error {
	view := struct {
		Steps     []stepView `json:"steps"`
		SignsFrom time.Time  `json:"signs_from"`
		SafeBy    time.Time  `json:"safe_by"`
		Notes     []string   `json:"notes,omitempty"`
	}{[]stepView{}, o.SignsFrom, o.SafeBy, o.Notes}
	for _, s := range o.Steps {
		view.Steps = append(view.Steps, stepView{string(s.Action), viewKey(s.Key, ""), s.Why})
	}
	if asJSON(c) {
		return writeJSON(c, view)
	}
	out := c.OutOrStdout()
	for _, s := range o.Steps {
		fmt.Fprintf(out, "%-10s %s %s %s: %s\n", s.Action, s.Key.Purpose, s.Key.Algorithm, s.Key.KID, s.Why)
	}
	fmt.Fprintf(out, "signs from %s, safe by %s\n", moment(o.SignsFrom), moment(o.SafeBy))
	for _, note := range o.Notes {
		fmt.Fprintf(out, "note: %s\n", note)
	}
	return nil
}

func keysReseal() *cobra.Command {
	return &cobra.Command{
		Use: "reseal", Short: "Seal every key to the first identity of the master file", Args: cobra.NoArgs,
		RunE: withKeys(func(ctx context.Context, c *cobra.Command, a *app, _ []string) error {
			n, err := a.keys.Reseal(ctx, operator())
			if err != nil {
				return err
			}
			return tell(c, map[string]int{"resealed": n},
				"resealed %d keys and read them back; the other identities may now leave the master file of every instance\n", n)
		}),
	}
}

func keysNewMaster() *cobra.Command {
	return &cobra.Command{
		Use: "new-master FILE", Short: "Write a new master identity to a file that must not exist", Args: cobra.ExactArgs(1),
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
