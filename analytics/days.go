package analytics

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	daysAhead  = 2  // tables of days are made so long before they are needed
	daysBehind = 31 // what was measured elsewhere may come so late
	untilNext  = time.Hour
)

// keepDays makes the tables of the next days and removes what is too old: at the start, and each hour until ctx is done. It
// keeps nobody waiting: what happens on a day without a table is stored, and moves there later.
func (r *Recorder) keepDays(ctx context.Context) {
	for ctx.Err() == nil {
		if err := r.tendDays(ctx); err != nil && ctx.Err() == nil {
			r.Logger.Warn("analytics: the tables of days could not be made or removed; it is tried again within the hour, and nothing is lost", "error", err)
		}
		select {
		case <-time.After(time.Duration(float64(untilNext) * (0.9 + 0.1*rand.Float64()))): // instances not all at once
		case <-ctx.Done():
		}
	}
}

func (r *Recorder) tendDays(ctx context.Context) error {
	now, err := r.store.Now(ctx)
	if err != nil {
		return err
	}
	return errors.Join(r.store.MakeEventDays(ctx, now.AddDate(0, 0, -daysBehind), now.AddDate(0, 0, daysAhead)),
		r.store.DropEventDays(ctx, r.KeepEvents, r.KeepChecks), r.store.DropAnalyticsInstances(ctx))
}
