package models

import (
	"context"
	"fmt"

	"gorm.io/gorm"
)

// ChangedRows returns the rows of an environment that came into force or ended after revision n and up to revision
// to: what somebody who knows the rows of n needs in order to know those of to. Rows that ended carry ToRevision.
func (r reader) ChangedRows(ctx context.Context, environment string, n, to int64) (rows Rows, err error) {
	changed := func() *gorm.DB {
		return r.with(ctx).Where("environment = ? AND from_revision <= ? AND (from_revision > ? OR to_revision > ?)", environment, to, n, n)
	}
	if err = changed().Find(&rows.Flags).Error; err == nil {
		err = changed().Find(&rows.Overrides).Error
	}
	if err == nil {
		err = changed().Find(&rows.Plans).Error
	}
	if err == nil {
		err = changed().Find(&rows.Segments).Error
	}
	if err == nil {
		err = r.withFeatures(ctx, rows.Plans)
	}
	if err != nil {
		return Rows{}, fmt.Errorf("read what changed in %q since revision %d: %w", environment, n, err)
	}
	return rows, nil
}

// FlagsStamp changes whenever a flag's global part does: their number, and when the last one was written.
func (r reader) FlagsStamp(ctx context.Context) (string, error) {
	var stamp struct {
		Total, Versions int64
	}
	err := r.with(ctx).Model(&FeatureFlag{}).Select("count(*) AS total, coalesce(sum(version), 0) AS versions").Scan(&stamp).Error
	if err != nil {
		return "", fmt.Errorf("look whether flags changed: %w", err)
	}
	return fmt.Sprint(stamp.Total, ".", stamp.Versions), nil
}
