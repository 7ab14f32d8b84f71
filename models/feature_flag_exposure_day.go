package models

import (
	"context"
	"fmt"

	"gorm.io/gorm/clause"
)

// FeatureFlagExposureDay is how many were shown a variant on a day, each of them once. It outlives the events.
type FeatureFlagExposureDay struct {
	Environment string `gorm:"primaryKey"`
	Flag        string `gorm:"primaryKey"` // key
	Day         string `gorm:"primaryKey"` // of UTC: 2006-01-02
	Variant     string `gorm:"primaryKey"`
	People      int64  // who were recorded, visitors too
	Visitors    int64  // of these, those who were not signed in
	Estimated   int64  // people, where only a share of them is recorded: as many times as many
}

func (FeatureFlagExposureDay) TableName() string { return "feature_flag_exposure_days" }

// CountExposures counts the exposures to a flag among the events, from a day on, oldest first.
func (r reader) CountExposures(ctx context.Context, environment, flag, since string) ([]FeatureFlagExposureDay, error) {
	rows, err := scanned(r.with(ctx).Raw("SELECT "+dayText(r.backend.Name())+`, variant, count(*), sum(CASE WHEN user_id = '' AND visitor_id <> '' THEN 1 ELSE 0 END),
		CAST(round(sum(CAST(100000 AS double precision) / share)) AS bigint) FROM feature_flag_events e
		WHERE environment = ? AND flag = ? AND kind = 'exposure' AND e.day >= ? GROUP BY e.day, variant ORDER BY e.day, variant`, environment, flag, since),
		func(row *FeatureFlagExposureDay) []any {
			return []any{&row.Day, &row.Variant, &row.People, &row.Visitors, &row.Estimated}
		})
	if err != nil {
		return nil, fmt.Errorf("count who was shown %q: %w", flag, err)
	}
	for i := range rows {
		rows[i].Environment, rows[i].Flag = environment, flag
	}
	return rows, nil
}

// MoreExposures reports whether there are more events than so many for CountExposures to count.
func (r reader) MoreExposures(ctx context.Context, environment, flag, since string, than int) (bool, error) {
	var found int
	err := r.with(ctx).Raw(`SELECT count(*) FROM (SELECT 1 FROM feature_flag_events
		WHERE environment = ? AND flag = ? AND kind = 'exposure' AND day >= ? LIMIT ?) found`, environment, flag, since, than+1).Scan(&found).Error
	if err != nil {
		return false, fmt.Errorf("count who was shown %q: %w", flag, err)
	}
	return found > than, nil
}

// ExposureDays gives what was counted of the exposures to a flag on the days from one to before another, oldest first.
func (r reader) ExposureDays(ctx context.Context, environment, flag, from, before string) ([]FeatureFlagExposureDay, error) {
	rows, err := scanned(r.with(ctx).Raw("SELECT "+dayText(r.backend.Name())+`, variant, people, visitors, estimated FROM feature_flag_exposure_days e
		WHERE environment = ? AND flag = ? AND e.day >= ? AND e.day < ? ORDER BY e.day, variant`, environment, flag, from, before),
		func(row *FeatureFlagExposureDay) []any {
			return []any{&row.Day, &row.Variant, &row.People, &row.Visitors, &row.Estimated}
		})
	if err != nil {
		return nil, fmt.Errorf("read who was shown %q: %w", flag, err)
	}
	return rows, nil
}

// PutExposureDays stores what CountExposures gave, in place of what was counted before of the same days.
func (s *Store) PutExposureDays(ctx context.Context, rows []FeatureFlagExposureDay) error {
	for start := 0; start < len(rows); start += batch {
		err := s.Write(ctx, func(tx *Tx) error {
			return tx.with(ctx).Clauses(clause.OnConflict{
				Columns:   []clause.Column{{Name: "environment"}, {Name: "flag"}, {Name: "day"}, {Name: "variant"}},
				DoUpdates: clause.AssignmentColumns([]string{"people", "visitors", "estimated"}),
			}).Create(rows[start:min(start+batch, len(rows))]).Error
		})
		if err != nil {
			return fmt.Errorf("store who was shown flags: %w", err)
		}
	}
	return nil
}
