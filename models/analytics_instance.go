package models

import (
	"context"
	"fmt"

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
	Refused     string // JSON: how many reports of browsers were refused, by cause
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
	err = s.Write(ctx, func(tx *Tx) error {
		changes = nil
		isNew, err := tx.beginBatch(ctx, b.Instance)
		if err != nil || !isNew {
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

// beginBatch reports whether a batch is the next of its instance; else it is stored already.
func (tx *Tx) beginBatch(ctx context.Context, row AnalyticsInstance) (isNew bool, err error) {
	first := row
	first.Batch, first.Stored = 0, 0
	if err := tx.with(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&first).Error; err != nil {
		return false, err
	}
	done := tx.with(ctx).Model(&AnalyticsInstance{}).Where("instance = ? AND batch = ?", row.Instance, row.Batch-1).
		Updates(map[string]any{"batch": row.Batch, "flushed_at": row.FlushedAt, "ended_at": row.EndedAt, "dropped": row.Dropped, "refused": row.Refused})
	if done.Error != nil || done.RowsAffected > 0 {
		return true, done.Error
	}
	var stored AnalyticsInstance
	if err := tx.with(ctx).Where("instance = ?", row.Instance).Take(&stored).Error; err != nil {
		return false, err
	}
	if stored.Batch != row.Batch {
		return false, fmt.Errorf("the last batch of this instance is %d, so %d cannot be the next: two processes use one name", stored.Batch, row.Batch)
	}
	return false, nil
}
