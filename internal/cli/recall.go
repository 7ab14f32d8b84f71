package cli

import (
	"context"
	"fmt"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/models"
)

type recall struct {
	Reason string `required:"" help:"Why, for the history."`
	Author string `help:"Who, for the history (default: the signed-in user)."`
}

// Run makes what is published apply to everybody on their next page.
func (cmd recall) Run(ctx context.Context, settings *Settings, s streams) error {
	return settings.write(ctx, func(_ *models.Store, writing *changes.Changes) error {
		published, err := writing.Recall(ctx, settings.Environment, author(cmd.Author), cmd.Reason)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "%s is recalled to revision %d: everybody moves up on their next page.\n", settings.Environment, published.Number)
		return nil
	})
}
