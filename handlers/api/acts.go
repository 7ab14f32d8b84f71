package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/catalog"
)

// Why is the body of every act.
type Why struct {
	Reason string `json:"reason"`
}

// Done says what came of an act.
type Done struct {
	Environment string   `json:"environment"`
	Revision    int64    `json:"revision"`  // the newest after it
	Published   bool     `json:"published"` // false: it was so already
	Changes     []string `json:"changes,omitempty"`
}

func kill(c *shell.Context) (any, error) {
	return act(c, func(ctx context.Context, reason string) (changes.Published, error) {
		return c.App.Changes.Kill(ctx, c.Param("env"), c.Param("key"), c.Person.Author(), reason)
	})
}

func lift(c *shell.Context) (any, error) {
	return act(c, func(ctx context.Context, reason string) (changes.Published, error) {
		return c.App.Changes.Lift(ctx, c.Param("env"), c.Param("key"), c.Person.Author(), reason)
	})
}

// setEnabled enables or disables a flag as it is now; somebody who edits it at the same time makes it a conflict.
func setEnabled(enabled bool) shell.Answerer {
	return func(c *shell.Context) (any, error) {
		return act(c, func(ctx context.Context, reason string) (changes.Published, error) {
			environment, err := c.Environment()
			if err != nil {
				return changes.Published{}, err
			}
			f, err := flagOf(c, environment)
			if err != nil {
				return changes.Published{}, err
			}
			next := f.Flag
			next.Enabled = enabled
			return c.App.Changes.Publish(ctx, changes.Change{Environment: environment.Name, Author: c.Person.Author(), Reason: reason,
				Edits: []changes.Edit{changes.PutFlag{Flag: &next, Base: f.Version}}})
		})
	}
}

func act(c *shell.Context, do func(ctx context.Context, reason string) (changes.Published, error)) (any, error) {
	var why Why
	if err := c.Body(&why); err != nil {
		return nil, err
	}
	if why.Reason = strings.TrimSpace(why.Reason); why.Reason == "" {
		return nil, shell.Refused(http.StatusUnprocessableEntity, "A reason is missing", `Send {"reason": "…"}: it stands in the history.`)
	}
	if len(why.Reason) > 1000 || strings.ContainsRune(why.Reason, 0) {
		return nil, shell.Refused(http.StatusUnprocessableEntity, "The reason cannot be kept", "Use at most 1,000 bytes of text.")
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	published, err := do(ctx, why.Reason)
	if err != nil {
		return nil, err
	}
	return Done{published.Environment, published.Number, published.New, published.Changes}, nil
}

func flagOf(c *shell.Context, environment *catalog.Environment) (*catalog.Flag, error) {
	f, ok := environment.Flag(c.Param("key"))
	if !ok {
		return nil, fmt.Errorf("%w as %q in %s", changes.ErrNoFlag, c.Param("key"), environment.Name)
	}
	return f, nil
}
