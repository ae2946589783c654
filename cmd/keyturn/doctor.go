package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"keyturn/storage"
)

func doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Check settings, database, master identity, keys and clock; nothing is changed", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			checks := diagnose(c)
			rows := make([][]string, len(checks))
			failed := false
			for n, check := range checks {
				rows[n] = []string{check.Name, check.Status, check.Detail}
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
		return []check{{"settings", "failed", err.Error()}}
	}
	checks := []check{{"settings", "ok", ""}}
	migrates := config.Migrate
	config.Migrate = false
	if path, embedded := strings.CutPrefix(config.databaseURL(), "sqlite:"); embedded {
		if _, err := os.Stat(path); err != nil { // opening it would make it
			return append(checks, check{"database", "failed", "there is none yet; keyturn serve makes it: " + err.Error()})
		}
	}
	a, err := openApp(c.Context(), config, newLog(io.Discard, config), onlyFill)
	if errors.Is(err, storage.ErrSchemaOlder) {
		if migrates {
			return append(checks, check{"schema", "warning", err.Error() + ", or keyturn serve, which does it at its start"})
		}
		return append(checks, check{"schema", "failed", err.Error()})
	}
	if err != nil {
		return append(checks, check{"database", "failed", err.Error()})
	}
	defer a.Close()
	checks = append(checks, check{"schema", "ok", ""}, a.checkDatabase(c.Context()), a.checkFiles())
	if err := a.startReading(c.Context()); err != nil {
		return append(checks, check{"keys", "failed", err.Error()})
	}
	checks = append(checks, a.checkKeys())
	if steps := a.keys.Plan(); len(steps) > 0 {
		checks = append(checks, check{"rotation", "warning", fmt.Sprintf("%d steps are due; a running server takes them within a minute", len(steps))})
	} else {
		checks = append(checks, check{"rotation", "ok", ""})
	}
	return checks
}
