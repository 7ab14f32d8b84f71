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

// Asked says that the act has become a change request, since the environment takes changes as such.
type Asked struct {
	Environment   string `json:"environment"`
	ChangeRequest int64  `json:"change_request"`
	URL           string `json:"url"` // of its page
}

// Status is that of something that is not done yet.
func (Asked) Status() int { return http.StatusAccepted }

func kill(c *shell.Context) (any, error) {
	return act(c, func(ctx context.Context, reason string) (any, error) {
		published, err := c.App.Changes.KillBy(ctx, c.Param("env"), c.Param("key"), c.Actor(), reason)
		return done(published), err
	})
}

// lift lifts the kill that there is now; somebody who kills anew at the same time makes it a conflict.
func lift(c *shell.Context) (any, error) {
	return edits(c, func(f *catalog.Flag) (changes.Edit, bool) {
		return changes.LiftFlag{Key: f.Key, Base: f.Version}, f.Killed
	})
}

// setEnabled enables or disables a flag, and leaves everything else about it as it is.
func setEnabled(enabled bool) shell.Answerer {
	return func(c *shell.Context) (any, error) {
		return edits(c, func(f *catalog.Flag) (changes.Edit, bool) {
			next := f.Flag
			next.Enabled = enabled
			return changes.PutFlag{Flag: &next, Base: f.Version}, f.Enabled != enabled
		})
	}
}

// edits makes one edit of a flag as it is now: published where that may be, and asked for where it has to be approved.
// What is so already needs neither.
func edits(c *shell.Context, edit func(*catalog.Flag) (changes.Edit, bool)) (any, error) {
	return act(c, func(ctx context.Context, reason string) (any, error) {
		environment, err := c.Environment()
		if err != nil {
			return nil, err
		}
		f, err := flagOf(c, environment)
		if err != nil {
			return nil, err
		}
		do, different := edit(f)
		if !different {
			return Done{Environment: environment.Name, Revision: environment.Head}, nil
		}
		return propose(ctx, c, environment.Name, reason, do)
	})
}

// propose makes one edit, or asks for it.
func propose(ctx context.Context, c *shell.Context, environment, reason string, do changes.Edit) (any, error) {
	proposed, err := c.App.Changes.Propose(ctx, changes.Proposal{By: c.Actor(),
		Changes: []changes.Change{{Environment: environment, Reason: reason, Edits: []changes.Edit{do}}}})
	if err != nil {
		return nil, err
	}
	for _, r := range proposed.Requests {
		return Asked{r.Environment, r.ID, c.App.Link("requests", r.Environment, r.ID)}, nil
	}
	return done(proposed.Published[0]), nil
}

func done(p changes.Published) Done { return Done{p.Environment, p.Number, p.New, p.Changes} }

func act(c *shell.Context, do func(ctx context.Context, reason string) (any, error)) (any, error) {
	var why Why
	if err := c.Body(&why); err != nil {
		return nil, err
	}
	if err := why.check(); err != nil {
		return nil, err
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	return do(ctx, why.Reason)
}

// check refuses what the history cannot keep.
func (w *Why) check() error {
	if w.Reason = strings.TrimSpace(w.Reason); w.Reason == "" {
		return shell.Refused(http.StatusUnprocessableEntity, "A reason is missing", `Send {"reason": "…"}: it stands in the history.`)
	}
	if len(w.Reason) > 1000 || strings.ContainsRune(w.Reason, 0) {
		return shell.Refused(http.StatusUnprocessableEntity, "The reason cannot be kept", "Use at most 1,000 bytes of text.")
	}
	return nil
}

func flagOf(c *shell.Context, environment *catalog.Environment) (*catalog.Flag, error) {
	f, ok := environment.Flag(c.Param("key"))
	if !ok {
		return nil, fmt.Errorf("%w as %q in %s", changes.ErrNoFlag, c.Param("key"), environment.Name)
	}
	return f, nil
}
