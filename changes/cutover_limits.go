package changes

import (
	"context"

	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// SetCutoverLimits sets what an entity has to reach before its next step, and how it is copied. That changes no stage and
// needs no approval; the audit tells of it. It returns a RefusedError, ErrNoFlag, service.ErrNoEnvironment or
// ErrUnavailable. Limits that are so already store nothing.
func (c *Changes) SetCutoverLimits(ctx context.Context, limits models.CutoverLimits, by Actor, reason string) error {
	if err := checkNames(by.Name, reason); err != nil {
		return err
	}
	if problems := checkLimits(limits); len(problems) > 0 {
		return &RefusedError{problems}
	}
	return c.write(ctx, "set the limits of a migration", func(tx *models.Tx) error {
		d, err := c.openFlag(ctx, tx, limits.Environment, limits.Flag, by.Name)
		if err != nil {
			return err
		}
		if err := d.hasStages(limits.Flag); err != nil {
			return err
		}
		was, err := tx.CutoverLimits(ctx, limits.Environment, limits.Flag)
		if err != nil {
			return err
		}
		limits.ChangedBy, limits.ChangedAt = was.ChangedBy, was.ChangedAt
		if was == limits {
			return nil
		}
		limits.ChangedBy, limits.ChangedAt = by.Name, models.At(d.now)
		if err := tx.PutCutoverLimits(ctx, limits); err != nil {
			return err
		}
		return c.record(ctx, tx, audit.Entry{Action: "cutover-limits", Actor: by.Name, ActorID: by.ID, Environment: limits.Environment, Reason: reason,
			Items: []audit.Item{{Kind: string(ItemFlag), Key: limits.Flag, Before: limitsOf(was), After: limitsOf(limits)}}})
	})
}

// limitsOf are the limits as the audit shows them.
func limitsOf(l models.CutoverLimits) any {
	return map[string]any{"agreement": l.Agreement, "compared": l.Compared, "minutes": l.Minutes, "step_back": l.StepBack, "rate": l.Rate, "paused": l.Paused}
}

// Most that limits can be: two weeks, and what fits every database.
const (
	maxMinutes = 14 * 24 * 60
	maxRows    = 1_000_000_000
	million    = 1_000_000
)

func checkLimits(l models.CutoverLimits) (problems []Problem) {
	for _, limit := range []struct {
		path    string
		is, max int64
		message string
	}{
		{"agreement", l.Agreement, million, "the agreement is from 0 to 1,000,000 of a million comparisons"},
		{"compared", l.Compared, maxRows, "at least 0 and at most 1,000,000,000 comparisons can be asked for"},
		{"minutes", l.Minutes, maxMinutes, "it has to hold for 0 to 20,160 minutes, which is two weeks"},
		{"rate", l.Rate, maxRows, "0 (no limit) to 1,000,000,000 rows a second can be copied"},
	} {
		if limit.is < 0 || limit.is > limit.max {
			problems = append(problems, Problem{Environment: l.Environment, Problem: ruleset.Problem{Flag: l.Flag, Path: limit.path, Message: limit.message}})
		}
	}
	return problems
}
