package models

import (
	"context"
	"fmt"

	"gorm.io/gorm/clause"
)

// ChangeRequestEvent is something that happened to a request: it was sent for review, approved, commented on.
type ChangeRequestEvent struct {
	ID        int64 `gorm:"primaryKey"`
	RequestID int64
	Round     int64
	Kind      string // created, edited, sent, approved, rejected, withdrawn, comment, applied, skipped or failed
	Person    string
	PersonID  string
	Text      string
	At        Time
}

func (ChangeRequestEvent) TableName() string { return "change_request_events" }

// ChangeRequestEvents returns what happened to a request, oldest first.
func (r reader) ChangeRequestEvents(ctx context.Context, request int64) ([]ChangeRequestEvent, error) {
	var rows []ChangeRequestEvent
	if err := r.with(ctx).Where("request_id = ?", request).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read what happened to change request %d: %w", request, err)
	}
	return rows, nil
}

// AddChangeRequestEvent adds an event. It reports false if the person has approved this round already.
func (tx *Tx) AddChangeRequestEvent(ctx context.Context, row ChangeRequestEvent) (bool, error) {
	done := tx.with(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&row)
	if done.Error != nil {
		return false, fmt.Errorf("note what happened to change request %d: %w", row.RequestID, done.Error)
	}
	return done.RowsAffected == 1, nil
}
