package models

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm/clause"
)

// FeatureFlagAdoption is how many of those who were known on a day had a flag on when it was counted last on that day.
type FeatureFlagAdoption struct {
	Environment string `gorm:"primaryKey"`
	Flag        string `gorm:"primaryKey"` // key
	Day         string `gorm:"primaryKey"` // of UTC: 2006-01-02
	Kind        string `gorm:"primaryKey"` // SeenUser or SeenTenant
	Plan        string `gorm:"primaryKey"` // empty: those of all plans
	Has         int64
	Known       int64
	CountedAt   Time // when it was first found to be so on that day
}

func (FeatureFlagAdoption) TableName() string { return "feature_flag_adoption" }

// PutAdoption stores what was counted, in place of what was counted before on the same day. What is as it was stays as it
// is: most flags reach the same people from one hour to the next.
func (s *Store) PutAdoption(ctx context.Context, rows []FeatureFlagAdoption) error {
	for start := 0; start < len(rows); start += batch {
		err := s.Write(ctx, func(tx *Tx) error {
			return tx.with(ctx).Clauses(clause.OnConflict{
				Columns:   []clause.Column{{Name: "environment"}, {Name: "flag"}, {Name: "day"}, {Name: "kind"}, {Name: "plan"}},
				DoUpdates: clause.AssignmentColumns([]string{"has", "known", "counted_at"}),
				Where: clause.Where{Exprs: []clause.Expression{clause.Expr{
					SQL: "feature_flag_adoption.has <> excluded.has OR feature_flag_adoption.known <> excluded.known"}}},
			}).Create(rows[start:min(start+batch, len(rows))]).Error
		})
		if err != nil {
			return fmt.Errorf("store who has flags on: %w", err)
		}
	}
	return nil
}

// ForgetAdoption removes what was counted in an environment before a day.
func (s *Store) ForgetAdoption(ctx context.Context, environment, before string) error {
	for _, table := range []string{"feature_flag_adoption", "feature_flag_exposure_days"} {
		if err := s.forgetCounted(ctx, table, environment, before); err != nil {
			return fmt.Errorf("forget who had flags on long ago: %w", err)
		}
	}
	return nil
}

// flagsAtOnce is of how many flags something is removed in one transaction: each has some tens of rows a day.
const flagsAtOnce = 50

// forgetCounted looks for the flags of which there is something so old, and removes it, of some of them at a time. No index
// begins with the day: to look for it in all rows would take seconds, in which SQLite lets nobody else write.
func (s *Store) forgetCounted(ctx context.Context, table, environment, before string) error {
	next := func(after string) string {
		return "SELECT flag FROM " + table + " WHERE environment = ? AND flag > " + after + " ORDER BY flag LIMIT 1"
	}
	var flags []string
	err := s.with(ctx).Raw("WITH RECURSIVE flags(flag) AS (SELECT * FROM ("+next("''")+") first UNION ALL SELECT ("+next("flags.flag")+") FROM flags WHERE flag IS NOT NULL)"+
		" SELECT flag FROM flags WHERE EXISTS (SELECT 1 FROM "+table+" c WHERE c.environment = ? AND c.flag = flags.flag AND c.day < ?)",
		environment, environment, environment, before).Scan(&flags).Error
	for some := range slices.Chunk(flags, flagsAtOnce) {
		if err == nil {
			err = s.Write(ctx, func(tx *Tx) error {
				return tx.with(ctx).Exec("DELETE FROM "+table+" WHERE environment = ? AND flag IN ? AND day < ?", environment, some, before).Error
			})
		}
	}
	return err
}

// AdoptionOf gives how many had a flag on, from a day on, oldest first: of all plans if plan is empty, else of that one.
func (r reader) AdoptionOf(ctx context.Context, environment, flag, plan, since string) ([]FeatureFlagAdoption, error) {
	rows, err := scanned(r.with(ctx).Raw("SELECT "+dayText(r.backend.Name())+", kind, has, known FROM feature_flag_adoption "+
		"WHERE environment = ? AND flag = ? AND feature_flag_adoption.day >= ? AND plan = ? ORDER BY feature_flag_adoption.day", environment, flag, since, plan),
		func(row *FeatureFlagAdoption) []any { return []any{&row.Day, &row.Kind, &row.Has, &row.Known} })
	if err != nil {
		return nil, fmt.Errorf("read who had %q on: %w", flag, err)
	}
	return rows, nil
}

// AdoptionOn gives how many had each flag on, on a day, those of all plans together.
func (r reader) AdoptionOn(ctx context.Context, environment, day string) ([]FeatureFlagAdoption, error) {
	rows, err := scanned(r.with(ctx).Raw("SELECT flag, kind, has, known FROM feature_flag_adoption WHERE environment = ? AND day = ? AND plan = ''", environment, day),
		func(row *FeatureFlagAdoption) []any { return []any{&row.Flag, &row.Kind, &row.Has, &row.Known} })
	if err != nil {
		return nil, fmt.Errorf("read who had which flags on: %w", err)
	}
	return rows, nil
}

// AdoptionDay gives the newest day, between two, of which something was counted; empty if there is none.
func (r reader) AdoptionDay(ctx context.Context, environment, from, to string) (string, error) {
	var days []string
	err := r.with(ctx).Raw("SELECT "+dayText(r.backend.Name())+" FROM feature_flag_adoption WHERE environment = ? AND feature_flag_adoption.day BETWEEN ? AND ? AND plan = '' "+
		"ORDER BY feature_flag_adoption.day DESC LIMIT 1", environment, from, to).Scan(&days).Error
	if err != nil {
		return "", fmt.Errorf("read when adoption was counted: %w", err)
	}
	if len(days) == 0 {
		return "", nil
	}
	return days[0], nil
}
