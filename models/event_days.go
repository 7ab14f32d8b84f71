package models

import (
	"context"
	"fmt"
	"time"
)

// dayTables are those that have a table for each day on PostgreSQL.
func dayTables() []string { return []string{"feature_flag_events", "feature_flag_checks"} }

// MakeEventDays makes the tables of days, the first and the last included, as far as PostgreSQL has none yet. What came before
// its day had a table moves there. Days that have passed get one only if something of them came. SQLite needs none.
func (s *Store) MakeEventDays(ctx context.Context, from, to time.Time) error {
	if s.backend.OneWriter() {
		return nil
	}
	last := Day(to)
	for day := from; Day(day) <= last; day = day.AddDate(0, 0, 1) {
		for _, table := range dayTables() {
			if err := s.with(ctx).Exec("SELECT feature_flag_make_day(?, CAST(? AS date))", table, Day(day)).Error; err != nil {
				return fmt.Errorf("make the table of %s for %s: %w", table, Day(day), err)
			}
		}
	}
	return nil
}

// DropEventDays removes the events, and the checks by the minute, of all days but the last ones: at least 7 are kept.
func (s *Store) DropEventDays(ctx context.Context, keepEvents, keepChecks int) error {
	for i, keep := range []int{keepEvents, keepChecks} {
		table := dayTables()[i]
		if keep < 7 || keep > 36500 {
			return fmt.Errorf("remove old days of %s: from 7 to 36500 days are kept, not %d", table, keep)
		}
		if err := s.dropDays(ctx, table, keep); err != nil {
			return fmt.Errorf("remove old days of %s: %w", table, err)
		}
	}
	return nil
}

// atOnce is how many rows SQLite removes in one transaction, which keeps others from writing for some milliseconds.
const atOnce = 2000

func (s *Store) dropDays(ctx context.Context, table string, keep int) error {
	if !s.backend.OneWriter() {
		return s.with(ctx).Exec("SELECT feature_flag_drop_days(?, ?)", table, keep).Error
	}
	now, err := s.Now(ctx)
	if err != nil {
		return err
	}
	oldest := Day(now.AddDate(0, 0, -keep))
	for gone := int64(atOnce); gone == atOnce; {
		err := s.Write(ctx, func(tx *Tx) error {
			done := tx.with(ctx).Exec("DELETE FROM "+table+" WHERE rowid IN (SELECT rowid FROM "+table+" WHERE day < ? LIMIT ?)", oldest, atOnce)
			gone = done.RowsAffected
			return done.Error
		})
		if err != nil {
			return err
		}
	}
	return nil
}
