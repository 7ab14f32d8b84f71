package models

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm/clause"
)

// CutoverLimits are what an entity has to reach before its next step, and how it is copied.
type CutoverLimits struct {
	Environment string `gorm:"primaryKey"`
	Flag        string `gorm:"primaryKey"`
	Agreement   int64  // of a million comparisons, how many have to agree
	Compared    int64  // how many have to be made at least
	Minutes     int64  // over how long they count, and how long a stage has to last
	StepBack    bool   // a tenant that falls below steps back by itself
	Rate        int64  // rows a second that are copied at most; 0: no limit
	Paused      bool   // copying waits
	ChangedBy   string
	ChangedAt   Time
}

func (CutoverLimits) TableName() string { return "cutover_limits" }

// Window is the time over which agreement is asked for: an hour where a stage need not last at all.
func (l CutoverLimits) Window() time.Duration {
	if l.Minutes == 0 {
		return time.Hour
	}
	return min(time.Duration(l.Minutes)*time.Minute, CutoverLongest)
}

// DefaultCutoverLimits are those of an entity for which nobody has set any.
func DefaultCutoverLimits(environment, flag string) CutoverLimits {
	return CutoverLimits{Environment: environment, Flag: flag, Agreement: 999_900, Compared: 1000, Minutes: 60}
}

// CutoverLimits returns the limits of an entity: the default ones, with nobody who changed them, where none are stored.
func (r reader) CutoverLimits(ctx context.Context, environment, flag string) (CutoverLimits, error) {
	var row CutoverLimits
	err := first(r.with(ctx).Where("environment = ? AND flag = ?", environment, flag).Take(&row).Error)
	if errors.Is(err, ErrNotFound) {
		return DefaultCutoverLimits(environment, flag), nil
	}
	if err != nil {
		return CutoverLimits{}, fmt.Errorf("read the limits of the cutover %q in %q: %w", flag, environment, err)
	}
	return row, nil
}

// CutoverLimitsOf returns the limits that are stored for the entities of an environment, by flag.
func (r reader) CutoverLimitsOf(ctx context.Context, environment string) (map[string]CutoverLimits, error) {
	var rows []CutoverLimits
	if err := r.with(ctx).Where("environment = ?", environment).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the limits of cutovers in %q: %w", environment, err)
	}
	all := make(map[string]CutoverLimits, len(rows))
	for _, row := range rows {
		all[row.Flag] = row
	}
	return all, nil
}

// PutCutoverLimits stores the limits of an entity.
func (tx *Tx) PutCutoverLimits(ctx context.Context, row CutoverLimits) error {
	err := tx.with(ctx).Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "environment"}, {Name: "flag"}}, UpdateAll: true}).Create(&row).Error
	if err != nil {
		return fmt.Errorf("store the limits of the cutover %q in %q: %w", row.Flag, row.Environment, err)
	}
	return nil
}
