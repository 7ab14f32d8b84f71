package models

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm/clause"

	"github.com/toprent/flags/ruleset"
)

// FeatureFlagRecording is what is recorded of a flag other than the usual.
type FeatureFlagRecording struct {
	Environment string `gorm:"primaryKey"`
	Flag        string `gorm:"primaryKey"` // key
	Share       int64  // of people whose exposures are kept, in hundred-thousandths
	RawUntil    *Time  // every check is an event of its own until then; nil: none is
	ChangedBy   string
	ChangedAt   Time
}

func (FeatureFlagRecording) TableName() string { return "feature_flag_recording" }

// FlagRecordings gives what is recorded of an environment's flags other than the usual, in the order of keys.
func (r reader) FlagRecordings(ctx context.Context, environment string) (rows []FeatureFlagRecording, err error) {
	if err = r.with(ctx).Where("environment = ?", environment).Order("flag").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read what is recorded of flags: %w", err)
	}
	return rows, nil
}

// FlagRecording gives what is recorded of a flag: the usual, with nobody who set it, where nothing else is stored.
func (r reader) FlagRecording(ctx context.Context, environment, flag string) (FeatureFlagRecording, error) {
	var row FeatureFlagRecording
	err := first(r.with(ctx).Where("environment = ? AND flag = ?", environment, flag).Take(&row).Error)
	if errors.Is(err, ErrNotFound) {
		return FeatureFlagRecording{Environment: environment, Flag: flag, Share: int64(ruleset.Everyone)}, nil
	}
	if err != nil {
		return FeatureFlagRecording{}, fmt.Errorf("read what is recorded of %q in %q: %w", flag, environment, err)
	}
	return row, nil
}

// SetFlagRecording sets what is recorded of a flag.
func (tx *Tx) SetFlagRecording(ctx context.Context, row FeatureFlagRecording) error {
	if err := tx.with(ctx).Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error; err != nil {
		return fmt.Errorf("set what is recorded of a flag: %w", err)
	}
	return nil
}
