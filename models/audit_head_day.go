package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm/clause"
)

// AuditHeadDay is a day on which the audit's heads are sent elsewhere.
type AuditHeadDay struct {
	Day       string `gorm:"primaryKey"`
	ClaimedAt Time
	Attempts  int64
	SentAt    *Time
}

func (AuditHeadDay) TableName() string { return "audit_head_days" }

// ClaimAuditHeadDay reports whether the caller is the one to send the heads of a day now: nobody has sent them, nobody
// else has claimed them within the lease, and there were fewer attempts than most.
func (s *Store) ClaimAuditHeadDay(ctx context.Context, day string, now time.Time, lease time.Duration, most int64) (claimed bool, err error) {
	err = s.Write(ctx, func(tx *Tx) error {
		done := tx.with(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&AuditHeadDay{Day: day, ClaimedAt: At(now), Attempts: 1})
		if done.Error == nil && done.RowsAffected == 0 {
			done = tx.with(ctx).Exec("UPDATE audit_head_days SET claimed_at = ?, attempts = attempts + 1 WHERE day = ? AND sent_at IS NULL AND claimed_at <= ? AND attempts < ?",
				At(now), day, At(now.Add(-lease)), most)
		}
		claimed = done.RowsAffected == 1
		return done.Error
	})
	if err != nil {
		return false, fmt.Errorf("claim the audit's heads of %s: %w", day, err)
	}
	return claimed, nil
}

// EndAuditHeadDay says that the heads of a day were sent.
func (s *Store) EndAuditHeadDay(ctx context.Context, day string) error {
	return s.Write(ctx, func(tx *Tx) error {
		now, err := tx.Now(ctx)
		if err == nil {
			err = tx.with(ctx).Model(&AuditHeadDay{}).Where("day = ?", day).Update("sent_at", At(now)).Error
		}
		if err != nil {
			return fmt.Errorf("note that the audit's heads of %s were sent: %w", day, err)
		}
		return nil
	})
}
