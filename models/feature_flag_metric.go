package models

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// Metric is what was measured under a name: of a day, or of all days since then.
type Metric struct {
	Day   string // empty: of all
	Name  string
	Times int64
	Sum   float64
}

// Mean is what was measured on average.
func (m Metric) Mean() float64 { return m.Sum / float64(max(1, m.Times)) }

// Metrics sums up what was measured in an environment since a day, by name.
func (r reader) Metrics(ctx context.Context, environment string, since time.Time) ([]Metric, error) {
	return r.metrics(ctx, environment, since, "name", "name")
}

// MetricDays is Metrics by the day, the newest day first.
func (r reader) MetricDays(ctx context.Context, environment string, since time.Time) ([]Metric, error) {
	return r.metrics(ctx, environment, since, dayText(r.backend.Name())+", name", "feature_flag_events.day DESC, name")
}

func (r reader) metrics(ctx context.Context, environment string, since time.Time, columns, order string) (rows []Metric, err error) {
	group := "name"
	if columns != group {
		group = "feature_flag_events.day, name"
	}
	err = r.with(ctx).Model(&FeatureFlagEvent{}).Select(columns+", COUNT(*) AS times, SUM(value) AS sum").
		Where("environment = ? AND flag = '' AND kind = 'metric' AND day >= ?", environment, Day(since)).
		Group(group).Order(order).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("sum up what was measured: %w", err)
	}
	return rows, nil
}

// RecordEvents stores events at once, but those that are stored already. It gives them as they are stored, which is under
// other names where somebody was forgotten since they happened, and how many are new.
func (s *Store) RecordEvents(ctx context.Context, rows []FeatureFlagEvent) (kept []FeatureFlagEvent, stored int64, err error) {
	err = s.Write(ctx, func(tx *Tx) error {
		forgotten, err := tx.lockForgotten(ctx, false)
		if err != nil {
			return err
		}
		b, err := tx.withoutForgotten(ctx, forgotten, Batch{Events: slices.Clone(rows)})
		if err != nil {
			return err
		}
		kept = b.Events
		slices.SortFunc(kept, func(a, b FeatureFlagEvent) int { // one order, as of batches: nobody waits in a circle
			return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.ID, b.ID))
		})
		stored, err = tx.recordEvents(ctx, kept)
		return err
	})
	return kept, stored, err
}
