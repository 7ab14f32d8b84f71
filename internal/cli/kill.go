package cli

import (
	"context"
	"errors"
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

// run kills or lifts, and says what came of it: done is a format of key, environment
// and revision, already one of key and environment.
func (cmd act) run(ctx context.Context, settings *Settings, s streams, do publishing, done, already string) error {
	return settings.write(ctx, func(_ *models.Store, writing *changes.Changes) error {
		published, err := do(writing, ctx, settings.Environment, cmd.Flag, author(cmd.Author), cmd.Reason)
		if err != nil {
			return err
		}
		if !published.New {
			fmt.Fprintf(s.out, already+"\n", cmd.Flag, settings.Environment)
			return nil
		}
		fmt.Fprintf(s.out, done+"\n", cmd.Flag, settings.Environment, published.Number)
		return nil
	})
}

// publishing is Kill or Lift.
type publishing func(c *changes.Changes, ctx context.Context, environment, key, author, reason string) (changes.Published, error)

type kill struct {
	act
}

// Run kills. Running servers follow within seconds.
func (cmd kill) Run(ctx context.Context, settings *Settings, s streams) error {
	return cmd.run(ctx, settings, s, (*changes.Changes).Kill,
		"%s is killed in %s (revision %d). Servers follow within seconds.", "%s was killed in %s already.")
}

type lift struct {
	act
}

// Run lifts a kill: by a change request where those are taken.
func (cmd lift) Run(ctx context.Context, settings *Settings, s streams) error {
	err := cmd.run(ctx, settings, s, (*changes.Changes).Lift,
		"%s is lifted in %s (revision %d): its rules decide again.", "%s was not killed in %s.")
	var protected *changes.ProtectedError
	if !errors.As(err, &protected) {
		return err
	}
	return settings.write(ctx, func(store *models.Store, writing *changes.Changes) error {
		return cmd.ask(ctx, settings, s, store, writing)
	})
}

// ask makes a request to lift the kill that there is now.
func (cmd lift) ask(ctx context.Context, settings *Settings, s streams, store *models.Store, writing *changes.Changes) error {
	flag, err := store.Flag(ctx, cmd.Flag)
	if err != nil {
		return err
	}
	row, err := store.LiveFlagSettings(ctx, settings.Environment, flag.ID)
	if err != nil {
		return err
	}
	_, request, err := propose(ctx, writing, changes.Change{Environment: settings.Environment, Author: author(cmd.Author), Reason: cmd.Reason,
		Edits: []changes.Edit{changes.LiftFlag{Key: cmd.Flag, Base: row.FromRevision}}})
	if err == nil && request != nil {
		asked(s, *request)
	}
	return err
}
