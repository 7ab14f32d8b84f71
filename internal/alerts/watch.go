package alerts

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/toprent/flags/models"
)

// ErrThere says that the channel hears of just this already.
var ErrThere = errors.New("the channel watches this already")

// Hears reports whether that is something that a watch can hear of.
func Hears(events string) bool {
	return events == models.AlertKills || events == models.AlertAll || events == models.AlertReviews || events == models.AlertRequests
}

// Watch makes a channel hear of an environment (empty: all) and of a flag (empty: all) from now on; events is
// models.AlertKills, models.AlertAll, models.AlertReviews or, for all flags alone, models.AlertRequests. A channel or flag that is not there is models.ErrNotFound.
func (a *Alerts) Watch(ctx context.Context, channel, environment, flag, events, by string) error {
	if !Hears(events) || events == models.AlertRequests && flag != "" {
		return models.ErrNotFound
	}
	return a.store.Write(ctx, func(tx *models.Tx) error {
		c, err := tx.AlertChannel(ctx, channel)
		if err != nil {
			return err
		}
		if c.RemovedAt != nil {
			return models.ErrNotFound
		}
		row := models.AlertWatch{ID: uuid.NewString(), ChannelID: channel, Events: events, CreatedBy: by}
		if environment != "" {
			if _, err := tx.Environment(ctx, environment); err != nil {
				return err
			}
			row.Environment = &environment
		}
		if flag != "" {
			f, err := tx.Flag(ctx, flag)
			if err != nil {
				return err
			}
			row.FeatureID = &f.ID
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		row.CreatedAt = models.At(now)
		added, err := tx.AddAlertWatch(ctx, row)
		if err == nil && !added {
			return ErrThere
		}
		return err
	})
}

// Unwatch ends a watch; with an environment, only one of that environment. What it does not find is models.ErrNotFound.
func (a *Alerts) Unwatch(ctx context.Context, id, environment, by string) error {
	return a.store.Write(ctx, func(tx *models.Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		return tx.RemoveAlertWatch(ctx, id, environment, by, now)
	})
}
