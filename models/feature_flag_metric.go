package models

import (
	"context"
	"fmt"
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

// RecordEvents stores events at once, but those that are stored already, and gives how many it stored.
func (s *Store) RecordEvents(ctx context.Context, rows []FeatureFlagEvent) (stored int64, err error) {
	err = s.Write(ctx, func(tx *Tx) error {
		stored, err = tx.recordEvents(ctx, rows)
		return err
	})
	return stored, err
}
