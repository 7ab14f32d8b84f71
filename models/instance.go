package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm/clause"
)

// Instance is a process that serves flags, as it last told of itself.
type Instance struct {
	ID          string `gorm:"primaryKey"` // drawn at its start
	Environment string
	Host        string
	Build       string
	StartedAt   Time
	HeardAt     Time  // when it last told
	EndedAt     *Time // when it ended; nil: it runs, or it ended without a word
	State       string
	Revision    int64
	PublishedAt *Time  // of the revision; nil for revision 0
	AnsweredAt  *Time  // when its source last answered; nil: never yet
	Listening   bool   // hints reach it; else it only polls
	Decided     int64  // of its decisions, those that are in evaluation_days
	Failed      int64  // of these, those that could not be evaluated
	Findings    string // JSON: which flags failed, which keys are unknown
}

func (Instance) TableName() string { return "instances" }

// Instances returns those heard of since then, by environment and host.
func (r reader) Instances(ctx context.Context, since time.Time) ([]Instance, error) {
	var rows []Instance
	if err := r.with(ctx).Where("heard_at >= ?", At(since)).Order("environment, host, started_at, id").Limit(maxInstances).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the instances: %w", err)
	}
	return rows, nil
}

// maxInstances is how many are looked at: a process that is started over and over again must not fill a page.
const maxInstances = 500

// HeardOf stores what an instance tells of itself, but not what it has counted, and returns what of that is stored. The
// row stays locked until the transaction ends.
func (tx *Tx) HeardOf(ctx context.Context, row Instance) (decided, failed int64, err error) {
	told := []string{"host", "build", "started_at", "heard_at", "ended_at", "state", "revision", "published_at", "answered_at", "listening", "findings"}
	fresh := row
	fresh.Decided, fresh.Failed = 0, 0
	err = tx.with(ctx).Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.AssignmentColumns(told)}).Create(&fresh).Error
	var stored Instance
	if err == nil {
		err = tx.with(ctx).Select("decided", "failed").Where("id = ?", row.ID).Take(&stored).Error
	}
	if err != nil {
		return 0, 0, fmt.Errorf("store what an instance tells: %w", err)
	}
	return stored.Decided, stored.Failed, nil
}

// ForgetInstances removes those not heard of for so long. What they counted, and when they adopted kills, stays.
func (s *Store) ForgetInstances(ctx context.Context, age time.Duration) error {
	err := s.Write(ctx, func(tx *Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		return tx.with(ctx).Where("heard_at < ?", At(now.Add(-age))).Delete(&Instance{}).Error
	})
	if err != nil {
		return fmt.Errorf("forget instances that are gone: %w", err)
	}
	return nil
}

// ForgetHealth removes the counts of days, and the adoptions of kills, that are older than that.
func (s *Store) ForgetHealth(ctx context.Context, age time.Duration) error {
	err := s.Write(ctx, func(tx *Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		since := now.Add(-age)
		if err := tx.with(ctx).Where("day < ?", Day(since)).Delete(&EvaluationDay{}).Error; err != nil {
			return err
		}
		return tx.with(ctx).Exec(`DELETE FROM kill_adoptions WHERE EXISTS (SELECT 1 FROM revisions AS r
			WHERE r.environment = kill_adoptions.environment AND r.number = kill_adoptions.revision AND r.published_at < ?)`, At(since)).Error
	})
	if err != nil {
		return fmt.Errorf("forget how evaluations went long ago: %w", err)
	}
	return nil
}
