package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"keyturn/storage"
)

func migrateCommand() *cobra.Command {
	return &cobra.Command{
		Use: "migrate", Short: "Bring the database's schema up to date", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			config, err := loadConfig(processSource(c))
			if err != nil {
				return err
			}
			config.Migrate = false
			from, to, err := migrateNow(c.Context(), config)
			if err != nil {
				return err
			}
			text := "schema brought from version %d to %d\n"
			if from == to {
				text = "schema is at version %[2]d; nothing to do\n"
			}
			return tell(c, map[string]int64{"from": from, "to": to}, text, from, to)
		},
	}
}

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
	config.Migrate = false
	if path, embedded := strings.CutPrefix(config.databaseURL(), "sqlite:"); embedded {
		if _, err := os.Stat(path); err != nil { // opening it would make it
			return append(checks, check{"database", "failed", "there is none yet; keyturn serve makes it: " + err.Error()})
		}
	}
	a, err := openApp(c.Context(), config, newLog(io.Discard, config))
	if errors.Is(err, storage.ErrSchemaOlder) {
		return append(checks, check{"schema", "failed", err.Error()})
	}
	if err != nil {
		return append(checks, check{"database", "failed", err.Error()})
	}
	defer a.Close()
	checks = append(checks, check{"schema", "ok", ""}, a.checkDatabase(c.Context()))
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

func configCommand() *cobra.Command {
	var markdown bool
	cmd := &cobra.Command{
		Use: "config", Short: "Print the settings in force, secrets masked", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if markdown {
				_, err := io.WriteString(c.OutOrStdout(), settingsTable())
				return err
			}
			config, err := loadConfig(processSource(c))
			if err != nil {
				return err
			}
			values := map[string]string{}
			var rows [][]string
			for _, s := range settings() {
				values[s.name] = config.show(s)
				rows = append(rows, []string{s.env(), values[s.name]})
			}
			return tellTable(c, values, []string{"SETTING", "VALUE"}, rows)
		},
	}
	cmd.Flags().BoolVar(&markdown, "markdown", false, "print the table of docs/configuration.md instead")
	return cmd
}

func healthcheckCommand() *cobra.Command {
	return &cobra.Command{
		Use: "healthcheck", Short: "Ask the server on this machine whether it is ready, for container health checks", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			config, err := loadConfig(processSource(c))
			if err != nil {
				return err
			}
			host, port, err := net.SplitHostPort(config.OpsListen)
			if err != nil {
				return err
			}
			if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
				host = "127.0.0.1"
			}
			return askReady(c, "http://"+net.JoinHostPort(host, port)+"/readyz")
		},
	}
}

func askReady(c *cobra.Command, url string) error {
	ctx, cancel := context.WithTimeout(c.Context(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("no answer from the operations listener: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
		return fmt.Errorf("not ready (%d): %s", response.StatusCode, text)
	}
	return tell(c, map[string]string{"status": "ready"}, "ready\n")
}
