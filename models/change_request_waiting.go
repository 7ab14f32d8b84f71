package models

import (
	"context"
	"fmt"

	"gorm.io/gorm"
)

// RequestsToApprove returns the requests of these environments that wait for a person's approval, newest first: those in
// review at which the person has not written, and which the person has not approved yet. total is how many there are.
func (r reader) RequestsToApprove(ctx context.Context, environments []string, person string, offset, limit int) (rows []ChangeRequest, total int, err error) {
	var count int64
	if err = r.toApprove(ctx, environments, person).Count(&count).Error; err == nil && limit > 0 {
		err = r.toApprove(ctx, environments, person).Order("id DESC").Offset(offset).Limit(limit).Find(&rows).Error
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read what waits for an approval: %w", err)
	}
	return rows, int(count), nil
}

func (r reader) toApprove(ctx context.Context, environments []string, person string) *gorm.DB {
	return r.with(ctx).Model(&ChangeRequest{}).Where("environment IN ? AND status = 'review' AND author_id <> ?", environments, person).
		Where(`NOT EXISTS (SELECT 1 FROM change_request_events e WHERE e.request_id = change_requests.id AND e.person_id = ?
			AND (e.kind = 'edited' OR e.kind = 'approved' AND e.round = change_requests.round))`, person)
}

// WaitingSteps returns the steps of these requests that wait, by request and in their order.
func (r reader) WaitingSteps(ctx context.Context, requests []int64) (map[int64][]ChangeRequestStep, error) {
	var rows []ChangeRequestStep
	err := r.with(ctx).Where("request_id IN ? AND status = 'waiting'", requests).Order("request_id, position").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read the steps that wait: %w", err)
	}
	steps := map[int64][]ChangeRequestStep{}
	for _, row := range rows {
		steps[row.RequestID] = append(steps[row.RequestID], row)
	}
	return steps, nil
}

// RequestAuthors are those who have made requests in these environments, by id, with the name that they had last.
func (r reader) RequestAuthors(ctx context.Context, environments []string) (map[string]string, error) {
	var rows []ChangeRequest
	err := r.with(ctx).Model(&ChangeRequest{}).Select("author_id", "max(author) AS author").
		Where("environment IN ? AND author_id <> ''", environments).Group("author_id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read who has made change requests: %w", err)
	}
	names := map[string]string{}
	for _, row := range rows {
		names[row.AuthorID] = row.Author
	}
	return names, nil
}

// WaitingTimes returns when each of these requests does something by itself next. What waits for a person is not there.
func (r reader) WaitingTimes(ctx context.Context, requests []int64) (map[int64]Time, error) {
	var rows []ChangeRequestStep
	err := r.with(ctx).Select("request_id", "at").Where("request_id IN ? AND status = 'waiting' AND at IS NOT NULL", requests).
		Order("request_id, position DESC").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read when requests are applied: %w", err)
	}
	times := map[int64]Time{}
	for _, row := range rows {
		times[row.RequestID] = *row.At // the first step stands last
	}
	return times, nil
}
