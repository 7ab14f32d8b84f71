package cli

import (
	"context"
	"fmt"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/models"
)

type rollback struct {
	Revision int64  `arg:"" help:"The number of the revision to go back to."`
	Flag     string `help:"Roll back this flag alone, with its overrides."`
	Only     bool   `help:"Undo what the revision did, and nothing else."`
	Reason   string `required:"" help:"Why, for the history."`
	Author   string `help:"Who, for the history (default: the signed-in user)."`
}

// Run rolls back, or asks for it where changes have to be approved.
func (cmd rollback) Run(ctx context.Context, settings *Settings, s streams) error {
	return settings.write(ctx, func(_ *models.Store, c *changes.Changes) error {
		to, only := cmd.Revision, changes.Scope{Flag: cmd.Flag}
		if cmd.Only {
			to, only.Revision = cmd.Revision-1, cmd.Revision
		}
		r, err := c.RollbackEdits(ctx, settings.Environment, to, only)
		if err != nil {
			return err
		}
		return does(ctx, c, s, r.Notes, changes.Change{Environment: settings.Environment, Author: author(cmd.Author), Reason: cmd.Reason,
			Kind: changes.KindRollback, Edits: r.Edits})
	})
}

type promote struct {
	Flag      string `arg:"" help:"The flag's key."`
	From      string `required:"" help:"The environment that it comes from."`
	To        string `required:"" help:"The environment in which it becomes the same."`
	Overrides bool   `help:"Bring its overrides along."`
	Reason    string `required:"" help:"Why, for the history."`
	Author    string `help:"Who, for the history (default: the signed-in user)."`
}

// Run promotes, or asks for it where changes have to be approved. Segments and plans that are missing come along.
func (cmd promote) Run(ctx context.Context, settings *Settings, s streams) error {
	return settings.write(ctx, func(_ *models.Store, c *changes.Changes) error {
		p, err := c.PromotionEdits(ctx, cmd.Flag, cmd.From, cmd.To, changes.PromotionOptions{Overrides: cmd.Overrides})
		if err != nil {
			return err
		}
		if len(p.Mistakes) > 0 {
			return fmt.Errorf("%s cannot be promoted: %s", cmd.Flag, p.Mistakes[0])
		}
		for _, need := range p.Needs {
			if need.Differs {
				fmt.Fprintf(s.err, "warning: %s is another one in %s, and stays so\n", need.Item, cmd.To)
			}
		}
		return does(ctx, c, s, p.Notes, changes.Change{Environment: cmd.To, Author: author(cmd.Author), Reason: cmd.Reason,
			Kind: changes.KindPromote, Edits: p.Edits})
	})
}

// does publishes, or asks for what has to be approved, and says which.
func does(ctx context.Context, c *changes.Changes, s streams, notes []string, change changes.Change) error {
	for _, note := range notes {
		fmt.Fprintf(s.out, "note: %s\n", note)
	}
	published, request, err := propose(ctx, c, change)
	switch {
	case err != nil:
		return err
	case request != nil:
		asked(s, *request)
	case !published.New:
		fmt.Fprintf(s.out, "%s: nothing is different\n", change.Environment)
	default:
		fmt.Fprintf(s.out, "%s is now revision %d:\n", change.Environment, published.Number)
		for _, line := range published.Changes {
			fmt.Fprintf(s.out, "  %s\n", line)
		}
	}
	return nil
}
