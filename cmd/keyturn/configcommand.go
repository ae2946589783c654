package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

func configCommand() *cobra.Command {
	var markdown bool
	cmd := &cobra.Command{
		Use: "config", Short: "Print the settings in force, secrets masked", Args: noArgs,
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

// settingsTable is the table of docs/configuration.md.
func settingsTable() string {
	var b strings.Builder
	b.WriteString("| Environment | Flag, and name in keyturn.yaml | Default | What it does |\n|---|---|---|---|\n")
	for _, s := range settings() {
		byDefault := "`" + s.byDefault + "`"
		if s.byDefault == "" {
			byDefault = ""
		}
		doc := s.doc
		if s.secret {
			doc += " Secret: `" + s.env() + "_FILE` may name a file that holds it."
		}
		fmt.Fprintf(&b, "| `%s` | `--%s`, `%s` | %s | %s |\n", s.env(), s.flag(), s.name, byDefault, doc)
	}
	return b.String()
}
