package models

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm/clause"
)

// SignInAttempt counts attempts that did not succeed in one lane: of an account, a client's address or a browser.
type SignInAttempt struct {
	Lane         []byte `gorm:"primaryKey"` // a digest of whose it is
	Failures     int64
	LastAt       Time
	BlockedUntil Time
}

func (SignInAttempt) TableName() string { return "sign_in_attempts" }

// LockAttempts returns what a lane counts, and keeps others from counting in it until the transaction ends. A lane of
// which nothing is known is empty.
func (tx *Tx) LockAttempts(ctx context.Context, lane []byte, now time.Time) (SignInAttempt, error) {
	row := SignInAttempt{Lane: lane, LastAt: At(now), BlockedUntil: At(now)}
	if err := tx.with(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error; err != nil {
		return row, fmt.Errorf("begin to count attempts: %w", err)
	}
	err := tx.with(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Where("lane = ?", lane).Take(&row).Error
	if err != nil && !errors.Is(first(err), ErrNotFound) {
		return row, fmt.Errorf("count attempts: %w", err)
	}
	return row, nil
}

// SetAttempts stores what a lane counts.
func (tx *Tx) SetAttempts(ctx context.Context, row SignInAttempt) error {
	err := tx.with(ctx).Model(&SignInAttempt{}).Where("lane = ?", row.Lane).
		Updates(map[string]any{"failures": row.Failures, "last_at": row.LastAt, "blocked_until": row.BlockedUntil}).Error
	if err != nil {
		return fmt.Errorf("count an attempt: %w", err)
	}
	return nil
}

// ForgetAttempts removes lanes in which nothing happened since then.
func (tx *Tx) ForgetAttempts(ctx context.Context, since time.Time) error {
	if err := tx.with(ctx).Where("last_at < ?", At(since)).Delete(&SignInAttempt{}).Error; err != nil {
		return fmt.Errorf("forget old attempts: %w", err)
	}
	return nil
}
