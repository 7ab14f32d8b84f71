package cli

import (
	"context"
	"fmt"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/models"
)

// act is what kill and lift have in common.
type act struct {
	Flag   string `arg:"" help:"The flag's key."`
	Reason string `required:"" help:"Why, for the history and for everybody who is told."`
	Author string `help:"Who, for the history (default: the signed-in user)."`
}

type kill struct {
	act
}

// Run kills. Running servers follow within seconds.
func (cmd kill) Run(ctx context.Context, settings *Settings, s streams) error {
	return settings.use(ctx, func(store *models.Store) error {
		published, err := changes.New(store).Kill(ctx, settings.Environment, cmd.Flag, author(cmd.Author), cmd.Reason)
		if err != nil {
			return err
		}
		if !published.New {
			fmt.Fprintf(s.out, "%s was killed in %s already.\n", cmd.Flag, settings.Environment)
			return nil
		}
		fmt.Fprintf(s.out, "%s is killed in %s (revision %d). Servers follow within seconds.\n", cmd.Flag, settings.Environment, published.Number)
		return nil
	})
}

type lift struct {
	act
}

// Run lifts a kill.
func (cmd lift) Run(ctx context.Context, settings *Settings, s streams) error {
	return settings.use(ctx, func(store *models.Store) error {
		published, err := changes.New(store).Lift(ctx, settings.Environment, cmd.Flag, author(cmd.Author), cmd.Reason)
		if err != nil {
			return err
		}
		if !published.New {
			fmt.Fprintf(s.out, "%s was not killed in %s.\n", cmd.Flag, settings.Environment)
			return nil
		}
		fmt.Fprintf(s.out, "%s is lifted in %s (revision %d): its rules decide again.\n", cmd.Flag, settings.Environment, published.Number)
		return nil
	})
}
