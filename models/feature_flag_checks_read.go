package models

import (
	"context"
	"fmt"
	"time"
)

// ReadSum is how often a flag was read lately, and when last.
type ReadSum struct {
	Flag   string // key
	Checks int64
	LastAt *Time // nil: never
}

// ReadSums gives, for every flag, how often it was read in an environment from a day on, and when last, by the minute.
func (r reader) ReadSums(ctx context.Context, environment, since string) ([]ReadSum, error) {
	rows, err := scanned(r.with(ctx).Raw(`SELECT f.name,
		(SELECT CAST(coalesce(sum(d.checks), 0) AS bigint) FROM feature_flag_check_days d WHERE d.environment = ? AND d.flag = f.name AND d.day >= ?),
		(SELECT max(l.last_at) FROM feature_flag_check_days l WHERE l.environment = ? AND l.flag = f.name
			AND l.day = (SELECT max(m.day) FROM feature_flag_check_days m WHERE m.environment = ? AND m.flag = f.name))
		FROM feature_flags f`, environment, since, environment, environment),
		func(row *ReadSum) []any { return []any{&row.Flag, &row.Checks, &row.LastAt} })
	if err != nil {
		return nil, fmt.Errorf("read how often flags were read: %w", err)
	}
	return rows, nil
}

// CheckDays gives how often each variant of a flag was the answer, by the day, from a day on, oldest first.
func (r reader) CheckDays(ctx context.Context, environment, flag, since string) ([]FeatureFlagCheckDay, error) {
	rows, err := scanned(r.with(ctx).Raw("SELECT "+dayText(r.backend.Name())+`, variant, checks FROM feature_flag_check_days d
		WHERE environment = ? AND flag = ? AND d.day >= ? ORDER BY d.day, variant`, environment, flag, since),
		func(row *FeatureFlagCheckDay) []any { return []any{&row.Day, &row.Variant, &row.Checks} })
	if err != nil {
		return nil, fmt.Errorf("read how often %q was read: %w", flag, err)
	}
	return rows, nil
}

// CheckMinutes gives how often each variant of a flag was the answer, by the minute, from a moment on, oldest first.
func (r reader) CheckMinutes(ctx context.Context, environment, flag string, since time.Time) ([]FeatureFlagCheck, error) {
	end := time.Now()
	if since.After(end) {
		end = since
	}
	var days []string // by their names: of all days from one on, the index would give the minutes of all flags
	for day, last := since.UTC(), Day(end.AddDate(0, 0, 1)); Day(day) <= last; day = day.AddDate(0, 0, 1) {
		days = append(days, Day(day))
	}
	rows, err := scanned(r.with(ctx).Raw(`SELECT minute, variant, checks FROM feature_flag_checks
		WHERE day IN ? AND environment = ? AND flag = ? AND minute >= ? ORDER BY minute, variant`, days, environment, flag, At(since)),
		func(row *FeatureFlagCheck) []any { return []any{&row.Minute, &row.Variant, &row.Checks} })
	if err != nil {
		return nil, fmt.Errorf("read how often %q was read lately: %w", flag, err)
	}
	return rows, nil
}

// ReadSpan gives when a flag was read first and last in an environment, by the minute; zero times if it never was.
func (r reader) ReadSpan(ctx context.Context, environment, flag string) (first, last time.Time, err error) {
	type span struct{ first, last Time }
	rows, err := scanned(r.with(ctx).Raw("SELECT min(first_at), max(last_at) FROM feature_flag_check_days WHERE environment = ? AND flag = ? GROUP BY flag", environment, flag),
		func(row *span) []any { return []any{&row.first, &row.last} })
	if err != nil || len(rows) == 0 {
		if err != nil {
			err = fmt.Errorf("read when %q was read: %w", flag, err)
		}
		return time.Time{}, time.Time{}, err
	}
	return rows[0].first.Time, rows[0].last.Time, nil
}
