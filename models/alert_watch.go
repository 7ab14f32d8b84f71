package models

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"
)

// AlertWatch says what a channel hears of.
type AlertWatch struct {
	ID          string `gorm:"primaryKey"` // a UUID
	ChannelID   string
	Environment *string // nil: all
	FeatureID   *string // nil: all flags, and what concerns no single flag
	Events      string  // kills, all, reviews or requests
	CreatedAt   Time
	CreatedBy   string
	RemovedAt   *Time
	RemovedBy   *string
}

func (AlertWatch) TableName() string { return "alert_watches" }

// What a watch hears of.
const (
	AlertKills = "kills" // what waits for nobody: kills and lifts, maintenance and its end, steps back of migrations
	AlertAll   = "all"   // every revision

	AlertReviews  = "reviews"  // once a week, the flags that want a review; no revision
	AlertRequests = "requests" // what happens to change requests
)

// AlertWatches returns the watches that are there, oldest first.
func (r reader) AlertWatches(ctx context.Context) ([]AlertWatch, error) {
	var rows []AlertWatch
	if err := r.with(ctx).Where("removed_at IS NULL").Order("created_at, id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the watches: %w", err)
	}
	return rows, nil
}

// AddAlertWatch adds a watch. It reports false if the same one is there already.
func (tx *Tx) AddAlertWatch(ctx context.Context, row AlertWatch) (bool, error) {
	done := tx.with(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&row)
	if done.Error != nil {
		return false, fmt.Errorf("add a watch: %w", done.Error)
	}
	return done.RowsAffected == 1, nil
}

// RemoveAlertWatch ends a watch. With an environment it ends only a watch of that one. What it does not find is
// ErrNotFound. What was published before is still sent.
func (tx *Tx) RemoveAlertWatch(ctx context.Context, id, environment, by string, now time.Time) error {
	if _, err := uuid.Parse(id); err != nil {
		return ErrNotFound
	}
	q := tx.with(ctx).Model(&AlertWatch{}).Where("id = ? AND removed_at IS NULL", id)
	if environment != "" {
		q = q.Where("environment = ?", environment)
	}
	done := q.Updates(map[string]any{"removed_at": At(now), "removed_by": by})
	if done.Error != nil {
		return fmt.Errorf("remove a watch: %w", done.Error)
	}
	if done.RowsAffected == 0 {
		return ErrNotFound
	}
	return nil
}
