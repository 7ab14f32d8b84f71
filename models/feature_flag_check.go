package models

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// FeatureFlagCheck is how often a variant was the answer in a minute.
type FeatureFlagCheck struct {
	Day         string `gorm:"primaryKey"` // of Minute, in UTC: 2006-01-02
	Minute      Time   `gorm:"primaryKey"`
	Environment string `gorm:"primaryKey"`
	Flag        string `gorm:"primaryKey"` // key
	Variant     string `gorm:"primaryKey"` // empty: the fallback in the code
	Checks      int64
}

func (FeatureFlagCheck) TableName() string { return "feature_flag_checks" }

// FeatureFlagCheckDay is the same of a day.
type FeatureFlagCheckDay struct {
	Environment string `gorm:"primaryKey"`
	Flag        string `gorm:"primaryKey"`
	Day         string `gorm:"primaryKey"`
	Variant     string `gorm:"primaryKey"`
	Checks      int64
	FirstAt     Time // the first minute
	LastAt      Time // the last one
}

func (FeatureFlagCheckDay) TableName() string { return "feature_flag_check_days" }

// addChecks adds to what was counted. Rows go in one order, so that two instances never wait for each other in a circle.
func (tx *Tx) addChecks(ctx context.Context, rows []FeatureFlagCheck) error {
	var days []FeatureFlagCheckDay
	at := map[FeatureFlagCheckDay]int{}
	for _, row := range rows {
		key := FeatureFlagCheckDay{Environment: row.Environment, Flag: row.Flag, Day: row.Day, Variant: row.Variant}
		i, known := at[key]
		if !known {
			i = len(days)
			at[key] = i
			key.FirstAt, key.LastAt = row.Minute, row.Minute
			days = append(days, key)
		}
		day := &days[i]
		day.Checks += row.Checks
		if row.Minute.Before(day.FirstAt.Time) {
			day.FirstAt = row.Minute
		}
		if row.Minute.After(day.LastAt.Time) {
			day.LastAt = row.Minute
		}
	}
	slices.SortFunc(days, func(a, b FeatureFlagCheckDay) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Flag, b.Flag), cmp.Compare(a.Variant, b.Variant))
	})
	sum := func(table string) map[string]any {
		return map[string]any{"checks": gorm.Expr(table + ".checks + excluded.checks")}
	}
	if err := upsert(tx.with(ctx), rows, sum("feature_flag_checks"), "day", "environment", "flag", "minute", "variant"); err != nil {
		return fmt.Errorf("count checks by the minute: %w", err)
	}
	of := sum("feature_flag_check_days")
	of["first_at"] = gorm.Expr("CASE WHEN excluded.first_at < feature_flag_check_days.first_at THEN excluded.first_at ELSE feature_flag_check_days.first_at END")
	of["last_at"] = gorm.Expr("CASE WHEN excluded.last_at > feature_flag_check_days.last_at THEN excluded.last_at ELSE feature_flag_check_days.last_at END")
	if err := upsert(tx.with(ctx), days, of, "environment", "flag", "day", "variant"); err != nil {
		return fmt.Errorf("count checks by the day: %w", err)
	}
	return nil
}

// upsert adds rows, and updates those that are there.
func upsert[T any](db *gorm.DB, rows []T, updates map[string]any, key ...string) error {
	columns := make([]clause.Column, len(key))
	for i, name := range key {
		columns[i].Name = name
	}
	for start := 0; start < len(rows); start += batch {
		if err := db.Session(&gorm.Session{}).Clauses(clause.OnConflict{Columns: columns, DoUpdates: clause.Assignments(updates)}).
			Create(rows[start:min(start+batch, len(rows))]).Error; err != nil {
			return err
		}
	}
	return nil
}
