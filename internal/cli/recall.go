package cli

import (
	"context"
	"fmt"
	"strings"

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
		published, request, err := propose(ctx, writing, changes.Change{Environment: settings.Environment, Author: author(cmd.Author), Reason: cmd.Reason, Edits: []changes.Edit{changes.Recall{}}})
		switch {
		case err != nil:
			return err
		case request != nil:
			asked(s, *request)
			return nil
		}
		fmt.Fprintf(s.out, "%s is recalled to revision %d: everybody moves up on their next page.\n", settings.Environment, published.Number)
		return nil
	})
}

// propose publishes a change where that may be, and asks for it where it has to be approved. Whoever is at the command
// line has no id, so that nobody's approval is taken for their own.
func propose(ctx context.Context, c *changes.Changes, change changes.Change) (changes.Published, *changes.Request, error) {
	if strings.TrimSpace(change.Reason) == "" {
		return changes.Published{}, nil, fmt.Errorf("a reason is required: say in a few words why")
	}
	done, err := c.Propose(ctx, changes.Proposal{By: changes.Actor{Name: change.Author}, Changes: []changes.Change{change}})
	if err != nil {
		return changes.Published{}, nil, err
	}
	if len(done.Requests) > 0 {
		return changes.Published{}, &done.Requests[0], nil
	}
	return done.Published[0], nil, nil
}

// asked says that there is a request now.
func asked(s streams, r changes.Request) {
	fmt.Fprintf(s.out, "%s takes changes as change requests: this is change request %d now, and waits for approval.\n", r.Environment, r.ID)
}
