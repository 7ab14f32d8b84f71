package models

import (
	"context"
	"fmt"

	"gorm.io/gorm"
)

// ChangeRequest is a change of one environment that is looked at before it is applied.
type ChangeRequest struct {
	ID          int64 `gorm:"primaryKey"`
	Environment string
	Title       string
	Reason      string
	Kind        string // of the revision that it makes: publish, rollback, promote or import
	Status      string // draft, review, approved, scheduled, applied, rejected or withdrawn
	Round       int64  // counts what was to be approved, from 1: approvals of an earlier round count no more
	Required    int    // how many approvals it takes, frozen when it was sent for review
	Author      string
	AuthorID    string // of the person; empty: somebody who cannot sign in, such as the command line
	Recurrence  string // JSON; empty: it does not recur
	Impact      string // JSON; empty: not counted
	CreatedAt   Time
	UpdatedAt   Time
	EndedAt     *Time
}

func (ChangeRequest) TableName() string { return "change_requests" }

// RequestFilter says which requests are wanted. What is empty restricts nothing, but for Environments.
type RequestFilter struct {
	Environments []string // only of these; none: no request at all
	Statuses     []string
	Author       string // the person's id
}

// ChangeRequests returns the requests that the filter lets through, newest first: at most limit of them after skipping
// offset. total is how many there are.
func (r reader) ChangeRequests(ctx context.Context, filter RequestFilter, offset, limit int) (rows []ChangeRequest, total int, err error) {
	var count int64
	if err = r.changeRequests(ctx, filter).Count(&count).Error; err == nil {
		err = r.changeRequests(ctx, filter).Order("id DESC").Offset(offset).Limit(limit).Find(&rows).Error
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read the change requests: %w", err)
	}
	return rows, int(count), nil
}

func (r reader) changeRequests(ctx context.Context, filter RequestFilter) *gorm.DB {
	db := r.with(ctx).Model(&ChangeRequest{}).Where("environment IN ?", filter.Environments)
	if len(filter.Statuses) > 0 {
		db = db.Where("status IN ?", filter.Statuses)
	}
	if filter.Author != "" {
		db = db.Where("author_id = ?", filter.Author)
	}
	return db
}

// ChangeRequest returns one request, or ErrNotFound.
func (r reader) ChangeRequest(ctx context.Context, id int64) (ChangeRequest, error) {
	var row ChangeRequest
	if err := r.with(ctx).Where("id = ?", id).Take(&row).Error; err != nil {
		return ChangeRequest{}, fmt.Errorf("read change request %d: %w", id, first(err))
	}
	return row, nil
}

// AddChangeRequest adds a request and gives it its number.
func (tx *Tx) AddChangeRequest(ctx context.Context, row ChangeRequest) (ChangeRequest, error) {
	row.ID, row.Round = 0, 1
	if err := tx.with(ctx).Create(&row).Error; err != nil {
		return ChangeRequest{}, fmt.Errorf("add a change request: %w", err)
	}
	return row, nil
}

// UpdateChangeRequest stores what became of a request. Number, environment, kind and author stay.
func (tx *Tx) UpdateChangeRequest(ctx context.Context, row ChangeRequest) error {
	err := tx.with(ctx).Model(&ChangeRequest{}).Where("id = ?", row.ID).
		Select("Title", "Reason", "Status", "Round", "Required", "Recurrence", "Impact", "UpdatedAt", "EndedAt").Updates(&row).Error
	if err != nil {
		return fmt.Errorf("change request %d: %w", row.ID, err)
	}
	return nil
}
