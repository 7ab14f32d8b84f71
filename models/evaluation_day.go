package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// EvaluationDay is how many flags were decided in an environment on a day, by all instances together.
type EvaluationDay struct {
	Environment string `gorm:"primaryKey"`
	Day         string `gorm:"primaryKey"` // of UTC: 2006-01-02
	Decided     int64
	Failed      int64 // of these, those that could not be evaluated
}

func (EvaluationDay) TableName() string { return "evaluation_days" }

// EvaluationDays returns the days since then, oldest first. Days without decisions are left out.
func (r reader) EvaluationDays(ctx context.Context, since time.Time) ([]EvaluationDay, error) {
	var rows []EvaluationDay
	err := r.with(ctx).Select("environment", dayText(r.backend.Name()), "decided", "failed").
		Where("day >= ?", since.UTC().Format(time.DateOnly)).Order("environment, day").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read how evaluations went: %w", err)
	}
	return rows, nil
}

// dayText reads a day as a text on either database.
func dayText(dialect string) string {
	if dialect == "postgres" {
		return "to_char(day, 'YYYY-MM-DD') AS day"
	}
	return "day"
}

// CountDecisions adds what an instance has decided in all, less what was added before, to the day. The instance's row is
// to be locked by HeardOf, which tells what was added: that makes each decision count once, whether or not an earlier
// attempt is known to have succeeded.
func (tx *Tx) CountDecisions(ctx context.Context, instance string, day EvaluationDay, added, addedFailed int64) error {
	total, totalFailed := day.Decided, day.Failed
	day.Decided, day.Failed = total-added, totalFailed-addedFailed
	if day.Decided <= 0 && day.Failed <= 0 {
		return nil
	}
	err := tx.with(ctx).Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "environment"}, {Name: "day"}},
		DoUpdates: clause.Assignments(map[string]any{
			"decided": gorm.Expr("evaluation_days.decided + excluded.decided"), "failed": gorm.Expr("evaluation_days.failed + excluded.failed"),
		}),
	}).Create(&day).Error
	if err == nil {
		err = tx.with(ctx).Model(&Instance{}).Where("id = ?", instance).Updates(map[string]any{"decided": total, "failed": totalFailed}).Error
	}
	if err != nil {
		return fmt.Errorf("count decisions: %w", err)
	}
	return nil
}
