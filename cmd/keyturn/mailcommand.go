package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"keyturn/accounts"
	"keyturn/accounts/mail"
	"keyturn/api/admin"
	"keyturn/keys"
)

func mailCommand() *cobra.Command {
	cmd := group("mail", "Letters to people: what waits, what failed, and a test")
	cmd.AddCommand(mailList(), mailSendTest(), mailRetry(), mailDrop())
	return cmd
}

func mailList() *cobra.Command {
	var q accounts.LetterQuery
	cmd := &cobra.Command{
		Use: "list", Short: "List letters that wait, or with --failed those that were given up", Args: noArgs,
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, _ []string) error {
			list, err := mail.Queue{Store: a.db}.List(ctx, q, operator())
			if err != nil {
				return err
			}
			views, rows := make([]admin.Letter, len(list)), make([][]string, len(list))
			for n, l := range list {
				views[n] = admin.ViewLetter(l)
				rows[n] = []string{l.ID, string(l.Kind), strconv.Quote(l.To), moment(l.CreatedAt), moment(l.DueAt), strconv.FormatInt(l.Attempts, 10), l.Failure}
			}
			return tellTable(c, views, []string{"ID", "KIND", "TO", "SINCE", "NEXT TRY", "TRIES", "FAILED FOR"}, rows)
		}),
	}
	f := cmd.Flags()
	f.BoolVar(&q.Failed, "failed", false, "those that were given up")
	f.StringVar(&q.After, "after", "", "id of the last one of the page before")
	f.IntVar(&q.Limit, "limit", 100, "how many at most, up to 1000")
	return cmd
}

func mailSendTest() *cobra.Command {
	var language string
	cmd := &cobra.Command{
		Use: "send-test ADDRESS", Short: "Send a letter at once, past the queue, and show what the mail server says", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			config, err := loadConfig(processSource(c))
			if err != nil {
				return err
			}
			if !config.mailOn() {
				return errors.New("KEYTURN_MAIL_URL is not set: there is no mail")
			}
			mailer, err := config.mailer()
			if err != nil {
				return err
			}
			letters, err := config.letters()
			if err != nil {
				return err
			}
			message, err := letters.Test(keys.NewTokenID(), args[0], language)
			if err != nil {
				return err
			}
			if err := mailer.Send(c.Context(), message); err != nil {
				return testFailed(err)
			}
			return tell(c, map[string]string{"sent": args[0]}, "sent a test to %s\n", args[0])
		},
	}
	cmd.Flags().StringVar(&language, "language", "", "en or de")
	return cmd
}

// testFailed shows the server's own words: this letter holds nothing secret.
func testFailed(err error) error {
	if u, ok := errors.AsType[*mail.Undelivered](err); ok && u.Cause != nil {
		return fmt.Errorf("the test was not sent: %w: %w", err, u.Cause)
	}
	return fmt.Errorf("the test was not sent: %w", err)
}

// oneOrAll reads the id of a letter, or --all.
func oneOrAll(args []string, all bool) (string, error) {
	if (len(args) == 1) == all {
		return "", errors.New("say which letter: its id, or --all")
	}
	if all {
		return "", nil
	}
	return args[0], nil
}

func mailRetry() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "retry [ID]", Short: "Have a letter tried again at once, or with --all each that has failed", Args: cobra.MaximumNArgs(1),
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
			id, err := oneOrAll(args, all)
			if err != nil {
				return err
			}
			queue, retried := mail.Queue{Store: a.db}, 0
			if all {
				retried, err = queue.RetryAll(ctx, operator())
			} else {
				retried, err = queue.Retry(ctx, id, operator())
			}
			if err != nil {
				return err
			}
			return tell(c, map[string]int{"retried": retried}, "letters that are tried again: %d\n", retried)
		}),
	}
	cmd.Flags().BoolVar(&all, "all", false, "every letter that has failed, given up or not")
	return cmd
}

func mailDrop() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "drop [ID]", Short: "Remove a letter, which will then never leave, or with --all each that was given up", Args: cobra.MaximumNArgs(1),
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
			id, err := oneOrAll(args, all)
			if err != nil {
				return err
			}
			queue, dropped := mail.Queue{Store: a.db}, 1
			if all {
				dropped, err = queue.DropAll(ctx, operator())
			} else {
				err = queue.Drop(ctx, id, operator())
			}
			if err != nil {
				return err
			}
			return tell(c, map[string]int{"dropped": dropped}, "letters that were removed: %d\n", dropped)
		}),
	}
	cmd.Flags().BoolVar(&all, "all", false, "every letter that was given up")
	return cmd
}
