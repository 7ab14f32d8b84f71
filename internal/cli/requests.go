package cli

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/models"
)

type requests struct{}

// listedRequests is how many requests are printed; the pages show all.
const listedRequests = 200

// Run lists what waits: drafts, what is in review, what can be applied and what is scheduled, in all environments.
func (requests) Run(ctx context.Context, settings *Settings, s streams) error {
	return settings.use(ctx, func(store *models.Store) error {
		environments, err := store.Environments(ctx)
		if err != nil {
			return err
		}
		names := make([]string, len(environments))
		for i, environment := range environments {
			names[i] = environment.Name
		}
		open := []string{changes.Draft, changes.InReview, changes.Approved, changes.Scheduled}
		rows, total, err := store.ChangeRequests(ctx, models.RequestFilter{Environments: names, Statuses: open}, 0, listedRequests)
		if err != nil {
			return err
		}
		if total == 0 {
			fmt.Fprintln(s.out, "No change request is open.")
			return nil
		}
		table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
		for _, r := range rows {
			fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%q\n", r.ID, r.Environment, r.Status, r.UpdatedAt.UTC().Format(time.DateTime), r.Author, r.Title)
		}
		if err := table.Flush(); err != nil {
			return err
		}
		if total > len(rows) {
			fmt.Fprintf(s.out, "and %d more\n", total-len(rows))
		}
		return nil
	})
}
