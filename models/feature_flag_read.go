package models

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// FeatureFlagRead says that a flag was read on a day, and when last.
type FeatureFlagRead struct {
	FeatureID   string `gorm:"primaryKey"`
	Environment string `gorm:"primaryKey"`
	Day         string `gorm:"primaryKey"` // of UTC: 2006-01-02
	LastReadAt  Time
}

func (FeatureFlagRead) TableName() string { return "feature_flag_reads" }

// RecordReads notes that these flags were read at that time. Unknown keys are ignored.
func (s *Store) RecordReads(ctx context.Context, environment string, at time.Time, keys []string) error {
	keys = slices.Compact(slices.Sorted(slices.Values(keys)))
	for chunk := range slices.Chunk(keys, batch) {
		// A transaction for each chunk, its rows in order: two who record never wait for each other in a circle.
		err := s.Write(ctx, func(tx *Tx) error { return tx.recordReads(ctx, environment, at, chunk) })
		if err != nil {
			return fmt.Errorf("record reads: %w", err)
		}
	}
	return nil
}

func (tx *Tx) recordReads(ctx context.Context, environment string, at time.Time, keys []string) error {
	var ids []string
	if err := tx.with(ctx).Model(&FeatureFlag{}).Where("name IN ?", keys).Order("id").Pluck("id", &ids).Error; err != nil {
		return err
	}
	if len(ids) == 0 {
		return nil
	}
	rows := make([]FeatureFlagRead, len(ids))
	for i, id := range ids {
		rows[i] = FeatureFlagRead{FeatureID: id, Environment: environment, Day: at.UTC().Format(time.DateOnly), LastReadAt: At(at)}
	}
	later := gorm.Expr("CASE WHEN excluded.last_read_at > feature_flag_reads.last_read_at THEN excluded.last_read_at ELSE feature_flag_reads.last_read_at END")
	return tx.with(ctx).Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "feature_id"}, {Name: "environment"}, {Name: "day"}},
		DoUpdates: clause.Assignments(map[string]any{"last_read_at": later}),
	}).Create(&rows).Error
}

// LastReads returns when each flag was last read in an environment, by key. Flags never read are left out.
func (r reader) LastReads(ctx context.Context, environment string) (map[string]time.Time, error) {
	var rows []struct {
		Name       string
		LastReadAt *Time
	}
	// Of each flag its newest day alone is read, not the days of years.
	err := r.with(ctx).Raw(`SELECT f.name, (SELECT r.last_read_at FROM feature_flag_reads r WHERE r.feature_id = f.id AND r.environment = ? ORDER BY r.day DESC LIMIT 1) AS last_read_at
		FROM feature_flags f`, environment).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read when flags were last read: %w", err)
	}
	last := make(map[string]time.Time, len(rows))
	for _, row := range rows {
		if row.LastReadAt != nil {
			last[row.Name] = row.LastReadAt.Time
		}
	}
	return last, nil
}

// LastReadsOf returns when one flag was last read in each environment. Environments in which it never was are left out.
func (r reader) LastReadsOf(ctx context.Context, featureID string) (map[string]time.Time, error) {
	var rows []struct {
		Environment string
		LastReadAt  Time
	}
	err := r.with(ctx).Model(&FeatureFlagRead{}).Where("feature_id = ?", featureID).Group("environment").
		Select("environment, max(last_read_at) AS last_read_at").Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read when a flag was last read: %w", err)
	}
	last := make(map[string]time.Time, len(rows))
	for _, row := range rows {
		last[row.Environment] = row.LastReadAt.Time
	}
	return last, nil
}
