package models

import (
	"context"
	"fmt"
	"time"
)

// ChangeRequestStep is one of the things that a request does, one after another.
type ChangeRequestStep struct {
	RequestID int64  `gorm:"primaryKey;autoIncrement:false"`
	Position  int64  `gorm:"primaryKey;autoIncrement:false"` // from 1
	At        *Time  // when it is applied; nil: by hand
	Opens     *bool  // of a recurring window: whether it begins; nil: the request does not recur
	Edits     string // JSON
	Status    string // waiting, applied, skipped or failed
	Revision  *int64 // that it made; nil: none
	DoneAt    *Time
	Note      string // why it was skipped or has failed
}

func (ChangeRequestStep) TableName() string { return "change_request_steps" }

// States of a step.
const (
	StepWaiting = "waiting"
	StepApplied = "applied"
	StepSkipped = "skipped"
	StepFailed  = "failed"
)

// ChangeRequestSteps returns the steps of a request in their order.
func (r reader) ChangeRequestSteps(ctx context.Context, request int64) ([]ChangeRequestStep, error) {
	var rows []ChangeRequestStep
	if err := r.with(ctx).Where("request_id = ?", request).Order("position").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the steps of change request %d: %w", request, err)
	}
	return rows, nil
}

// DueSteps returns the steps whose time has come, of requests that are scheduled: at most limit, the oldest first.
func (r reader) DueSteps(ctx context.Context, now time.Time, limit int) ([]ChangeRequestStep, error) {
	var rows []ChangeRequestStep
	err := r.with(ctx).Joins("JOIN change_requests r ON r.id = change_request_steps.request_id AND r.status = 'scheduled'").
		Where("change_request_steps.status = 'waiting' AND change_request_steps.at <= ?", At(now)).
		Order("change_request_steps.at, change_request_steps.request_id, change_request_steps.position").Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read the steps that are due: %w", err)
	}
	return rows, nil
}

// AddChangeRequestSteps adds steps.
func (tx *Tx) AddChangeRequestSteps(ctx context.Context, rows []ChangeRequestStep) error {
	if len(rows) == 0 {
		return nil
	}
	if err := tx.with(ctx).Create(&rows).Error; err != nil {
		return fmt.Errorf("add the steps of a change request: %w", err)
	}
	return nil
}

// UpdateChangeRequestStep stores what became of a step.
func (tx *Tx) UpdateChangeRequestStep(ctx context.Context, row ChangeRequestStep) error {
	err := tx.with(ctx).Model(&ChangeRequestStep{}).Where("request_id = ? AND position = ?", row.RequestID, row.Position).
		Select("At", "Edits", "Status", "Revision", "DoneAt", "Note").Updates(&row).Error
	if err != nil {
		return fmt.Errorf("step %d of change request %d: %w", row.Position, row.RequestID, err)
	}
	return nil
}

// RemoveWaitingSteps takes out the steps that wait, for others to take their place.
func (tx *Tx) RemoveWaitingSteps(ctx context.Context, request int64) error {
	err := tx.with(ctx).Where("request_id = ? AND status = 'waiting'", request).Delete(&ChangeRequestStep{}).Error
	if err != nil {
		return fmt.Errorf("remove the steps of change request %d: %w", request, err)
	}
	return nil
}
