package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm/clause"
)

// AnalyticsInstance is what an instance has told of events and checks.
type AnalyticsInstance struct {
	Instance    string `gorm:"primaryKey"` // drawn at its start
	Environment string
	Host        string
	Batch       int64 // the number of the last batch, from 1
	StartedAt   Time
	FlushedAt   Time
	EndedAt     *Time  // when it had told everything; nil: it runs, or was killed
	Every       int64  // milliseconds between two batches
	Stored      int64  // events
	Dropped     int64  // events that were lost because too many waited
	Waiting     int64  // events that were to be stored next, when it told
	Refused     string // JSON: how many reports of browsers were refused, by cause
	Sinks       string // JSON: a list of SinkTold
}

// SinkTold is how it stands with a sink of an instance.
type SinkTold struct {
	Name     string `json:"name"`
	Waiting  int64  `json:"waiting"`
	Sent     int64  `json:"sent"`
	Dropped  int64  `json:"dropped"`
	Failures int64  `json:"failures"`        // attempts
	Failing  bool   `json:"failing"`         // the last attempt failed, and what waits is tried again
	Error    string `json:"error,omitempty"` // of the last failure, while it fails
}

func (AnalyticsInstance) TableName() string { return "analytics_instances" }

// PlanSeen is a tenant's plan as somebody was seen with it, or as the host told of it, with what else is known of that moment.
type PlanSeen struct {
	AnalyticsTenant                  // its Previous is what the host says; else empty
	Told            bool             // by the host, which is believed at once
	Change          FeatureFlagEvent // stored if it is another plan than before, which becomes its Name
}

// Batch is what an instance tells at once: all of it or nothing is stored, and it is stored once however often it is tried.
type Batch struct {
	Instance AnalyticsInstance // Batch numbers it: one more than the last
	Checks   []FeatureFlagCheck
	Plans    []PlanSeen
	Events   []FeatureFlagEvent
}

// RecordBatch stores a batch, unless it is stored already. Stored of its instance grows by what is new. It gives the plans
// that have changed, as they are stored.
func (s *Store) RecordBatch(ctx context.Context, b Batch) (changes []FeatureFlagEvent, err error) {
	whole := b
	err = s.Write(ctx, func(tx *Tx) error {
		changes = nil
		forgotten, err := tx.lockForgotten(ctx, false) // before all else: forgetting takes it first, too
		if err != nil {
			return err
		}
		isNew, err := tx.beginBatch(ctx, whole.Instance)
		if err != nil {
			return err
		}
		if !isNew {
			changes, err = tx.changesOf(ctx, whole.Plans)
			return err
		}
		b, err := tx.withoutForgotten(ctx, forgotten, whole)
		if err != nil {
			return err
		}
		if err := tx.addChecks(ctx, b.Checks); err != nil {
			return err
		}
		for _, seen := range b.Plans {
			before, changed, err := tx.seePlan(ctx, seen)
			if err != nil {
				return err
			}
			if changed {
				seen.Change.Name = before
				changes = append(changes, seen.Change)
			}
		}
		stored, err := tx.recordEvents(ctx, append(changes, b.Events...))
		if err != nil {
			return err
		}
		return tx.with(ctx).Exec("UPDATE analytics_instances SET stored = stored + ? WHERE instance = ?", stored, b.Instance.Instance).Error
	})
	if err != nil {
		return nil, fmt.Errorf("store what was counted: %w", err)
	}
	return changes, nil
}

// changesOf gives those of the changes that are stored: what a batch told whose answer was lost.
func (tx *Tx) changesOf(ctx context.Context, plans []PlanSeen) (changes []FeatureFlagEvent, err error) {
	for start := 0; start < len(plans); start += batch {
		var ids, days []string
		for _, seen := range plans[start:min(start+batch, len(plans))] {
			ids, days = append(ids, seen.Change.ID), append(days, seen.Change.Day)
		}
		var some []FeatureFlagEvent
		if err := tx.with(ctx).Where("day IN ? AND id IN ?", days, ids).Find(&some).Error; err != nil {
			return nil, fmt.Errorf("load changes of plans: %w", err)
		}
		changes = append(changes, some...)
	}
	return changes, nil
}

// beginBatch reports whether a batch is a new one of its instance; else it is stored already. In a database that was set back
// some before it may be missing, which are lost.
func (tx *Tx) beginBatch(ctx context.Context, row AnalyticsInstance) (isNew bool, err error) {
	first := row
	first.Batch, first.Stored = 0, 0
	if err := tx.with(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&first).Error; err != nil {
		return false, err
	}
	done := tx.with(ctx).Model(&AnalyticsInstance{}).Where("instance = ? AND batch < ?", row.Instance, row.Batch).
		Updates(map[string]any{"batch": row.Batch, "flushed_at": row.FlushedAt, "ended_at": row.EndedAt, "dropped": row.Dropped, "waiting": row.Waiting,
			"refused": row.Refused, "sinks": row.Sinks})
	if done.Error != nil || done.RowsAffected > 0 {
		return true, done.Error
	}
	var stored AnalyticsInstance
	if err := tx.with(ctx).Where("instance = ?", row.Instance).Take(&stored).Error; err != nil {
		return false, err
	}
	if stored.Batch != row.Batch {
		return false, fmt.Errorf("the last batch of this instance is %d, so %d cannot be the next: two recorders use one name", stored.Batch, row.Batch)
	}
	return false, nil
}

// AnalyticsInstances are those that told something since then, the last ones first.
func (r reader) AnalyticsInstances(ctx context.Context, environments []string, since time.Time, most int) (rows []AnalyticsInstance, err error) {
	if err = r.with(ctx).Where("environment IN ? AND flushed_at >= ?", environments, At(since)).Order("flushed_at DESC, instance").Limit(most).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read what instances told of events: %w", err)
	}
	return rows, nil
}

// keptInstances is how many instances that have ended, or fell silent, are known by what they told.
const keptInstances = 500

// DropAnalyticsInstances removes instances that have told nothing for a week, but the last 500.
func (s *Store) DropAnalyticsInstances(ctx context.Context) error {
	return s.Write(ctx, func(tx *Tx) error {
		now, err := tx.Now(ctx)
		if err == nil {
			err = tx.with(ctx).Exec(`DELETE FROM analytics_instances WHERE flushed_at < ? AND instance NOT IN (
				SELECT instance FROM analytics_instances ORDER BY flushed_at DESC, instance LIMIT ?)`, At(now.AddDate(0, 0, -7)), keptInstances).Error
		}
		if err != nil {
			return fmt.Errorf("remove instances that are gone: %w", err)
		}
		return nil
	})
}
