package models

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// DirectoryVisitor is how many visitors' ids were newly given to browsers on a day.
type DirectoryVisitor struct {
	Environment string `gorm:"primaryKey"`
	Day         string `gorm:"primaryKey"` // of UTC: 2006-01-02
	Minted      int64
}

func (DirectoryVisitor) TableName() string { return "directory_visitors" }

// RecordMinted adds to the counts of days (2006-01-02).
func (s *Store) RecordMinted(ctx context.Context, environment string, minted map[string]int64) error {
	if len(minted) == 0 {
		return nil
	}
	if err := s.Write(ctx, func(tx *Tx) error { return tx.recordMinted(ctx, environment, minted) }); err != nil {
		return fmt.Errorf("count the visitors of %q: %w", environment, err)
	}
	return nil
}

func (tx *Tx) recordMinted(ctx context.Context, environment string, minted map[string]int64) error {
	if _, err := tx.nextDirectoryChange(ctx, environment); err != nil {
		return err
	}
	var rows []DirectoryVisitor
	for _, day := range slices.Sorted(maps.Keys(minted)) {
		rows = append(rows, DirectoryVisitor{environment, day, minted[day]})
	}
	return tx.with(ctx).Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "environment"}, {Name: "day"}},
		DoUpdates: clause.Assignments(map[string]any{"minted": gorm.Expr("directory_visitors.minted + excluded.minted")}),
	}).Create(&rows).Error
}

// VisitorsMinted gives the newest days of an environment on which visitors were minted, the newest first.
func (r reader) VisitorsMinted(ctx context.Context, environment string, days int) ([]DirectoryVisitor, error) {
	var rows []DirectoryVisitor
	if err := r.with(ctx).Where("environment = ?", environment).Order("day DESC").Limit(days).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read how many visitors came to %q: %w", environment, err)
	}
	for i := range rows { // PostgreSQL gives a day as a time
		rows[i].Day = rows[i].Day[:min(len(rows[i].Day), len("2006-01-02"))]
	}
	return rows, nil
}

// ForgetSeen removes people and tenants who were not seen for so long, and the counts of days that are older. What was
// seen of people must not be kept for ever.
func (s *Store) ForgetSeen(ctx context.Context, age time.Duration) error {
	err := s.Write(ctx, func(tx *Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		since := now.Add(-age)
		if err := tx.with(ctx).Where("last_seen < ?", At(since)).Delete(&DirectorySubject{}).Error; err != nil {
			return err
		}
		return tx.with(ctx).Where("day < ?", Day(since)).Delete(&DirectoryVisitor{}).Error
	})
	if err != nil {
		return fmt.Errorf("forget who was seen long ago: %w", err)
	}
	return nil
}
