package changes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/toprent/flags/models"
)

// LateRule is the rule for steps that are late, since nothing ran when their time came, for people.
const LateRule = "If nothing runs when its time comes, it is applied as soon as something runs again, up to a day late. Later than that it is not applied: the request becomes a draft again, for somebody to look at. Of recurring windows, only what should be the case by then is applied; windows that were missed altogether are passed over."

// latest is how late a step may be.
const latest = 24 * time.Hour

const (
	dueEvery   = time.Second // how often it is looked for steps that are due
	dueAtOnce  = 20
	dueTimeout = 30 * time.Second
)

// scheduler is who applies steps whose time has come.
var scheduler = Actor{Name: "schedule"}

// RunSchedules applies steps whose time has come, until ctx is done. Every instance runs it; each step is applied by one
// of them.
func (c *Changes) RunSchedules(ctx context.Context, log *slog.Logger) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(dueEvery/2 + rand.N(dueEvery)): // not all instances at once
		}
		if _, err := c.RunDue(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, ErrUnavailable) && !models.Unavailable(err) {
			log.Error("a scheduled change could not be applied; it is tried again", "error", err)
		}
	}
}

// RunDue applies the steps whose time has come, and returns how many this call was the one to apply, skip or give up.
func (c *Changes) RunDue(ctx context.Context) (ran int, err error) {
	ctx, cancel := context.WithTimeout(ctx, dueTimeout)
	defer cancel()
	now, err := c.store.Now(ctx)
	if err != nil {
		return 0, err
	}
	steps, err := c.store.DueSteps(ctx, now, dueAtOnce)
	if err != nil {
		return 0, err
	}
	var failed error
	for _, step := range steps {
		mine, err := c.runStep(ctx, step)
		if err != nil {
			failed = errors.Join(failed, err)
		}
		if mine {
			ran++
		}
	}
	return ran, failed
}

// errNotDue says that another instance was quicker, or that somebody has changed the request since.
var errNotDue = errors.New("the step is not due any more")

// runStep applies a step that is due, if nobody else does. What stands against it makes its request a draft again.
func (c *Changes) runStep(ctx context.Context, due models.ChangeRequestStep) (mine bool, err error) {
	row, err := c.store.ChangeRequest(ctx, due.RequestID)
	if err != nil {
		return false, err
	}
	valid, err := c.stillApprovers(ctx, due.RequestID)
	if err != nil {
		return false, err
	}
	_, err = c.change(ctx, row.ID, row.Round, func(tx *models.Tx, r *Request, environment models.Environment, now time.Time) error {
		i := r.due(due.Position, now)
		if i < 0 {
			return errNotDue
		}
		return c.runDue(ctx, tx, r, environment, i, valid, now)
	})
	var moved *ConflictError
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, errNotDue):
		return false, nil
	case errors.As(err, &moved) && moved.Conflicts[0].Item.Kind == ItemRequest: // edited since
		return false, nil
	case !standsAgainst(err):
		return false, fmt.Errorf("change request %d: %w", due.RequestID, err)
	}
	why := err.Error()
	_, err = c.change(ctx, row.ID, row.Round, func(tx *models.Tx, r *Request, _ models.Environment, now time.Time) error {
		i := r.due(due.Position, now)
		if i < 0 {
			return errNotDue
		}
		return r.fail(ctx, tx, i, why, now)
	})
	if errors.Is(err, errNotDue) {
		return false, nil
	}
	return err == nil, err
}

// due is the place of the step at that position, if it is the next one and its time has come; else -1.
func (r Request) due(position int64, now time.Time) int {
	if r.Status != Scheduled {
		return -1
	}
	for i, step := range r.Steps {
		if step.Status != models.StepWaiting {
			continue
		}
		if step.Position == position && step.At != nil && !step.At.After(now) {
			return i
		}
		return -1
	}
	return -1
}

// standsAgainst reports whether an error is about the change and not about the database: trying again would not help.
func standsAgainst(err error) bool {
	var conflict *ConflictError
	var refused *RefusedError
	var request *RequestError
	var protected *ProtectedError
	return errors.As(err, &conflict) || errors.As(err, &refused) || errors.As(err, &request) || errors.As(err, &protected)
}

// runDue applies a step, or skips it, by the rule for those that are late.
func (c *Changes) runDue(ctx context.Context, tx *models.Tx, r *Request, environment models.Environment, i int, valid map[string]bool, now time.Time) error {
	since := r.Steps[i].At.Time
	if r.UpdatedAt.After(since) { // it was approved after its time
		since = r.UpdatedAt.Time
	}
	late := now.Sub(since)
	if r.Recurrence != nil {
		at := r.Steps[i].At.Time
		if next, ok := r.Recurrence.after(at); ok && !next.at.After(now) {
			return r.skip(ctx, tx, i, "nothing ran when its time came, and the next is due already", now)
		}
		if r.Recurrence.open(at) != opening(r.Steps[i].Edits) { // the zone's clocks are changed otherwise than was known
			return r.skip(ctx, tx, i, "by the clocks of "+r.Recurrence.Zone+", as they are known now, its window is another", now)
		}
	} else if late > latest {
		return r.refuse("its time was %s, and nothing ran for more than a day: look whether it is still wanted", r.Steps[i].At.UTC().Format(time.RFC3339))
	}
	_, err := c.applyStep(ctx, tx, r, environment, i, valid, scheduler, now)
	return err
}

// skip passes over a window's beginning or end, for a reason.
func (r *Request) skip(ctx context.Context, tx *models.Tx, i int, why string, now time.Time) error {
	if err := r.stepDone(ctx, tx, i, models.StepSkipped, why, now); err != nil {
		return err
	}
	if err := r.note(ctx, tx, EventSkipped, scheduler, r.Steps[i].At.UTC().Format(time.RFC3339), now); err != nil {
		return err
	}
	return r.goOn(ctx, tx, i, now)
}

// fail makes a request a draft again, with the reason. A new round begins, so that it is approved anew. What was to be
// done stays, for its author to look at and send again.
func (r *Request) fail(ctx context.Context, tx *models.Tx, i int, why string, now time.Time) error {
	if err := r.note(ctx, tx, EventFailed, scheduler, why, now); err != nil {
		return err
	}
	r.Steps[i].Note = why
	if err := tx.UpdateChangeRequestStep(ctx, r.Steps[i].ChangeRequestStep); err != nil {
		return err
	}
	r.Round++
	r.Status = Draft
	return r.store(ctx, tx, now)
}
