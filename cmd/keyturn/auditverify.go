package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"keyturn/audit"
	"keyturn/keys"
)

// shownFindings is how many findings are told; the others are counted.
const shownFindings = 1000

// verification is what `audit verify --json` tells.
type verification struct {
	OK bool `json:"ok"`
	// From is the seal up to which retention has removed the rows, 0 for none.
	From   int64     `json:"from"`
	Head   string    `json:"head"`
	HeadAt time.Time `json:"head_at,omitzero"`
	// TagsChecked tells whether the master identity was at hand.
	TagsChecked bool  `json:"tags_checked"`
	Seals       int64 `json:"seals"`
	Events      int64 `json:"events"`
	Refusals    int64 `json:"refusals"`
	// Unsealed are the events that wait for a seal, which nothing shows to be unchanged yet.
	Unsealed       int64           `json:"unsealed"`
	OldestUnsealed time.Time       `json:"oldest_unsealed,omitzero"`
	Problems       int64           `json:"problems"`
	Findings       []audit.Finding `json:"findings"`
	notes          []string
}

func auditVerify() *cobra.Command {
	var expect, file string
	var retention time.Duration
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check that no row of the log is missing, added or altered; status 1 where one is",
		Long: `Reads every row and seal of the log, or of an export (--file), and names what is missing,
added or altered. It prints the head: note it outside of Keyturn's database, and give it to a
later run by --expect, which then finds a log that was rewritten or cut off as a whole.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, args []string) error {
			v := &audit.Verifier{}
			if expect != "" {
				head, err := parseHead(expect)
				if err != nil {
					return err
				}
				v.Expect = &head
			}
			found := &verification{Findings: []audit.Finding{}}
			v.Report = func(f audit.Finding) {
				if len(found.Findings) < shownFindings {
					found.Findings = append(found.Findings, f)
				}
			}
			if file != "" {
				return verifyFile(c, v, found, file)
			}
			return withApp(func(ctx context.Context, c *cobra.Command, a *app, _ []string) error {
				if err := a.openMaster(ctx, mustExist); err != nil {
					return err
				}
				v.Tags = a.keys.Master
				reader := a.auditReader()
				if c.Flags().Changed("retention") {
					reader.Retention = retention
				}
				tail, err := reader.Verify(ctx, v, progress(c), operator())
				if err != nil {
					return err
				}
				return found.tell(c, v, tail)
			})(c, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&expect, "expect", "", "the head that was noted earlier, NUMBER:HASH")
	f.StringVar(&file, "file", "", "verify an export instead of the database; - for standard input")
	f.DurationVar(&retention, "retention", 0, "the shortest retention that was ever in force, where it is longer now")
	return cmd
}

func parseHead(text string) (audit.Head, error) {
	number, hash, _ := strings.Cut(text, ":")
	n, err := strconv.ParseInt(number, 10, 64)
	digest, err2 := audit.ParseDigest(hash)
	if err != nil || err2 != nil || n < 1 {
		return audit.Head{}, fmt.Errorf("--expect: give the head as keyturn audit verify printed it, NUMBER:HASH")
	}
	return audit.Head{Number: n, Hash: digest}, nil
}

// verifyFile needs no database. The tags are checked where the settings lead to a master identity.
func verifyFile(c *cobra.Command, v *audit.Verifier, found *verification, file string) error {
	if config, err := loadConfig(processSource(c)); err == nil {
		text, _, err := (&app{config: config}).readMaster()
		if err == nil {
			if master, err := keys.ParseMaster(text); err == nil {
				v.Tags = master
			}
		}
	}
	in := c.InOrStdin()
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return err
		}
		defer opened.Close()
		in = opened
	}
	tail, err := v.RunFile(in, progress(c))
	if err != nil {
		return err
	}
	return found.tell(c, v, tail)
}

// progress tells a person at a terminal how far it is, each second.
func progress(c *cobra.Command) func(audit.Verified) {
	out := c.ErrOrStderr()
	if asJSON(c) || !isTerminal(out) {
		return nil
	}
	next := time.Now().Add(time.Second)
	return func(so audit.Verified) {
		if now := time.Now(); now.After(next) {
			next = now.Add(time.Second)
			fmt.Fprintf(out, "  seal %d, %d events …\n", so.Head.Number, so.Events)
		}
	}
}

// tell answers; the error of a log with findings only sets the status.
func (f *verification) tell(c *cobra.Command, v *audit.Verifier, tail audit.Tail) error {
	so := v.Verified()
	f.OK, f.From, f.Head, f.HeadAt, f.TagsChecked = so.Findings == 0, so.From, so.Head.String(), so.HeadAt, v.Tags != nil
	f.Seals, f.Events, f.Refusals, f.Problems = so.Seals, so.Events, so.Refusals, so.Findings
	f.Unsealed, f.OldestUnsealed = tail.Events, tail.Oldest
	if !f.TagsChecked {
		f.notes = append(f.notes, "The tags of the seals were not checked: no master identity is at hand. Compare the head with one that you noted.")
	}
	if so.ForeignTags && f.OK {
		f.notes = append(f.notes, "The first seals were tagged under another master identity; the later ones vouch for them.")
	}
	if asJSON(c) {
		if err := writeJSON(c, f); err != nil {
			return err
		}
	} else {
		f.print(c.OutOrStdout())
	}
	if !f.OK {
		return errSilent
	}
	return nil
}

// some counts in words.
func some(n int64, one, many string) string {
	if n == 1 {
		many = one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (f *verification) print(out io.Writer) {
	for _, finding := range f.Findings {
		fmt.Fprintln(out, finding.Problem)
	}
	if more := f.Problems - int64(len(f.Findings)); more > 0 {
		fmt.Fprintf(out, "and %d more\n", more)
	}
	word := "The log is as it was sealed"
	if !f.OK {
		word = "THE LOG WAS CHANGED (" + some(f.Problems, "finding", "findings") + ")"
	}
	fmt.Fprintf(out, "%s: %s, %s, %s of refusals (each is sealed five minutes after its minute).\n", word,
		some(f.Seals, "seal", "seals"), some(f.Events, "event", "events"), some(f.Refusals, "count", "counts"))
	if f.From > 0 {
		fmt.Fprintf(out, "Older rows, up to seal %d, were removed as retention says.\n", f.From)
	}
	if f.Unsealed > 0 {
		waiting := some(f.Unsealed, "event waits for its seal,", "events wait for their seal, the oldest")
		fmt.Fprintf(out, "%s from %s.\n", waiting, moment(f.OldestUnsealed))
	}
	for _, note := range f.notes {
		fmt.Fprintln(out, note)
	}
	fmt.Fprintf(out, "Head, made %s, to be noted elsewhere:\n  %s\n", moment(f.HeadAt), f.Head)
}
