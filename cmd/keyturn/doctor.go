package main

import (
	"errors"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"keyturn/audit/sentence"
	"keyturn/storage"
)

func doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Check settings, database, master identity, keys and clock; nothing is changed", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			checks := diagnose(c)
			rows := make([][]string, len(checks))
			failed := false
			for n, check := range checks {
				rows[n] = []string{check.Name, check.Status, check.Detail.String()}
				failed = failed || check.Status == "failed"
			}
			if err := tellTable(c, checks, []string{"CHECK", "STATUS", "DETAIL"}, rows); err != nil {
				return err
			}
			if failed {
				return errSilent
			}
			return nil
		},
	}
}

// diagnose goes as far as it gets.
func diagnose(c *cobra.Command) []check {
	config, err := loadConfig(processSource(c))
	if err != nil {
		return []check{{"settings", "failed", sentence.Verbatim(plainly(err))}}
	}
	checks := []check{{Name: "settings", Status: "ok"}}
	migrates := config.Migrate
	config.Migrate = false
	if path, embedded := strings.CutPrefix(config.databaseURL(), "sqlite:"); embedded {
		if _, err := os.Stat(path); err != nil { // opening it would make it
			return append(checks, check{"database", "failed", sentence.Say("there is none yet; keyturn serve makes it: %s", plainly(err))})
		}
	}
	a, err := openApp(c.Context(), config, newLog(io.Discard, config), onlyFill)
	if errors.Is(err, storage.ErrSchemaOlder) {
		if migrates {
			return append(checks, check{"schema", "warning", sentence.Say("%s, or keyturn serve, which does it at its start", plainly(err))})
		}
		return append(checks, check{"schema", "failed", sentence.Verbatim(plainly(err))})
	}
	if err != nil {
		return append(checks, check{"database", "failed", sentence.Verbatim(plainly(err))})
	}
	defer a.Close()
	checks = append(checks, check{Name: "schema", Status: "ok"}, a.checkDatabase(c.Context()), a.checkMail(c.Context()), a.checkPasskeys(), a.checkFiles())
	if err := a.startReading(c.Context()); err != nil {
		return append(checks, check{"keys", "failed", sentence.Verbatim(plainly(err))})
	}
	checks = append(checks, a.checkKeys())
	if steps := a.keys.Plan(); len(steps) > 0 {
		checks = append(checks, check{"rotation", "warning", sentence.Say("%d steps are due; a running server takes them within a minute", len(steps))})
	} else {
		checks = append(checks, check{Name: "rotation", Status: "ok"})
	}
	return checks
}

// checkPasskeys tells where nobody can have a passkey. That is no fault, and nothing else would say why none is offered.
func (a *app) checkPasskeys() check {
	if !a.factors.TakesPasskeys() {
		return check{"passkeys", "ok", sentence.Say("off: KEYTURN_ISSUER needs a host name for them; localhost is one, %s is none", a.config.issuerHost())}
	}
	return check{Name: "passkeys", Status: "ok"}
}
