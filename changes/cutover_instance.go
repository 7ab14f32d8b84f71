package changes

import (
	"context"
	"time"

	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// InstanceGone declares that an instance does not run any more, so that steps wait for it no longer: one that was only
// cut off would go on reading and writing by the stages that it knew. One that tells again is waited for again. It
// returns models.ErrNotFound for an instance that nobody waits for, a RefusedError for one that told of itself within the
// last minute, service.ErrNoEnvironment or ErrUnavailable.
func (c *Changes) InstanceGone(ctx context.Context, environment, instance string, by Actor, reason string) error {
	if err := checkNamesAndReason(by.Name, reason); err != nil {
		return err
	}
	return c.write(ctx, "declare an instance gone", func(tx *models.Tx) error {
		if _, err := tx.Lock(ctx, environment); err != nil {
			return err
		}
		rows, err := tx.CutoverInstanceRows(ctx, environment, instance)
		if err != nil {
			return err
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		var items []audit.Item
		for _, row := range rows {
			if row.HeardAt.After(now.Add(-talksWithin)) {
				return &RefusedError{[]Problem{{Environment: environment, Problem: ruleset.Problem{Path: "instance",
					Message: "instance " + instance + " on " + row.Host + " told of itself less than a minute ago, so it still runs: stop it first"}}}}
			}
			items = append(items, audit.Item{Kind: string(ItemFlag), Key: row.Flag, Before: map[string]any{"instance": instance, "host": row.Host, "revision": row.Revision, "heard_at": row.HeardAt.UTC()}})
		}
		if len(rows) == 0 {
			return models.ErrNotFound
		}
		if err := tx.CutoverGone(ctx, environment, instance, now); err != nil {
			return err
		}
		return c.record(ctx, tx, audit.Entry{Action: "instance-gone", Actor: by.Name, ActorID: by.ID, Environment: environment, Reason: reason, Items: items})
	})
}

// talksWithin is how long ago an instance that runs told of itself at most.
const talksWithin = time.Minute
