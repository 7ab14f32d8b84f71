package models

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// FeatureFlagAdoptionCount is when adoption was counted last in an environment, and whether somebody is at it.
type FeatureFlagAdoptionCount struct {
	Environment string `gorm:"primaryKey"`
	CountedAt   *Time  // when the last count began that came to its end; nil: none has
	BusyUntil   *Time  // the instance that is at it has it until then; nil: none is
}

func (FeatureFlagAdoptionCount) TableName() string { return "feature_flag_adoption_counts" }

// AdoptionCounted gives when adoption was counted last in an environment; the zero time if it never was.
func (r reader) AdoptionCounted(ctx context.Context, environment string) (time.Time, error) {
	var row FeatureFlagAdoptionCount
	err := r.with(ctx).Where("environment = ?", environment).Take(&row).Error
	if err != nil && !errors.Is(err, gorm.ErrRecordNotFound) {
		return time.Time{}, fmt.Errorf("read when adoption was counted: %w", err)
	}
	if row.CountedAt == nil {
		return time.Time{}, nil
	}
	return row.CountedAt.Time, nil
}

// BeginAdoption takes it on to count an environment's adoption, for so long at most, if the last count is so old and
// nobody else is at it. It gives the database's time, and when it was counted before.
func (s *Store) BeginAdoption(ctx context.Context, environment string, every, lease time.Duration) (now, before time.Time, mine bool, err error) {
	err = s.Write(ctx, func(tx *Tx) error {
		mine, before = false, time.Time{}
		if now, err = tx.Now(ctx); err != nil {
			return err
		}
		if before, err = tx.AdoptionCounted(ctx, environment); err != nil {
			return err
		}
		if err := tx.with(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&FeatureFlagAdoptionCount{Environment: environment}).Error; err != nil {
			return err
		}
		until := At(now.Add(lease))
		done := tx.with(ctx).Model(&FeatureFlagAdoptionCount{}).
			Where("environment = ? AND (counted_at IS NULL OR counted_at <= ?) AND (busy_until IS NULL OR busy_until < ?)", environment, At(now.Add(-every)), At(now)).
			Update("busy_until", &until)
		mine = done.RowsAffected > 0
		return done.Error
	})
	if err != nil {
		return now, before, false, fmt.Errorf("begin to count adoption: %w", err)
	}
	return now, before, mine, nil
}

// EndAdoption gives back what BeginAdoption took on. countedAt is when the count began; the zero time if it did not come to
// its end, so that the next one who looks tries again.
func (s *Store) EndAdoption(ctx context.Context, environment string, countedAt time.Time) error {
	values := map[string]any{"busy_until": nil}
	if !countedAt.IsZero() {
		values["counted_at"] = At(countedAt)
	}
	err := s.Write(ctx, func(tx *Tx) error {
		return tx.with(ctx).Model(&FeatureFlagAdoptionCount{}).Where("environment = ?", environment).Updates(values).Error
	})
	if err != nil {
		return fmt.Errorf("end the count of adoption: %w", err)
	}
	return nil
}
