package main

import "github.com/spf13/cobra"

func migrateCommand() *cobra.Command {
	return &cobra.Command{
		Use: "migrate", Short: "Bring the database's schema up to date", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			config, err := loadConfig(processSource(c))
			if err != nil {
				return err
			}
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
