package main

import (
	"context"

	"github.com/spf13/cobra"

	"keyturn/api/admin"
)

func productionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "production", Short: "List what production needs, as things are now; nothing is changed", Args: noArgs,
		Long: `Lists what production needs, as the console does at /admin/set-up: done, todo, or decide for what only a
person can know. It ends with status 1 where something is to do. Whether metrics are fetched only the
running server knows; it tells in the console and at GET /admin/v1/production.`,
		RunE: withKeys(func(ctx context.Context, c *cobra.Command, a *app, _ []string) error {
			tasks := admin.Operations{Production: a.productionFromOutside}.Tasks(ctx)
			rows := make([][]string, len(tasks))
			todo := false
			for n, t := range tasks {
				rows[n] = []string{string(t.Name), string(t.State), t.Fact.String(), t.Do}
				todo = todo || t.State == admin.Todo
			}
			if err := tellTable(c, tasks, []string{"TASK", "STATE", "NOW", "BY"}, rows); err != nil {
				return err
			}
			if todo {
				return errSilent
			}
			return nil
		}),
	}
}

// productionFromOutside is production where no server runs: what only that knows is left to decide.
func (a *app) productionFromOutside(ctx context.Context) []admin.Task {
	all := a.production(ctx)
	for n := range all {
		if all[n].Name == admin.TaskMetrics {
			all[n].State = admin.Decide
		}
	}
	return all
}
