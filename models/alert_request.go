package models

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"
)

// RequestEvent is something that happened to a change request, with the request.
type RequestEvent struct {
	ChangeRequestEvent
	Environment string
	Title       string
	Reason      string
}

// FollowRequestsForAlerts makes the deliveries for what happened to requests and was not told yet, all in one
// transaction. It reports how many deliveries it made, and whether there may be more to look at. However many instances
// ask, each event is passed once.
func (s *Store) FollowRequestsForAlerts(ctx context.Context) (made int64, more bool, err error) {
	var waiting []int64
	err = s.with(ctx).Model(&ChangeRequestEvent{}).Where("NOT told").Limit(1).Pluck("id", &waiting).Error
	if err != nil {
		return 0, false, fmt.Errorf("look for requests to tell of: %w", err)
	}
	if len(waiting) == 0 {
		return 0, false, nil // most of the time there is nothing, and no need to write
	}
	err = s.Write(ctx, func(tx *Tx) error {
		made, more = 0, false
		var ids []int64
		err := tx.with(ctx).Model(&ChangeRequestEvent{}).Clauses(clause.Locking{Strength: "UPDATE", Options: "SKIP LOCKED"}).
			Where("NOT told").Order("id").Limit(alertStep).Pluck("id", &ids).Error
		if err != nil || len(ids) == 0 {
			return err
		}
		more = len(ids) == alertStep
		if made, err = tx.addRequestDeliveries(ctx, ids); err != nil {
			return err
		}
		return tx.with(ctx).Model(&ChangeRequestEvent{}).Where("id IN ?", ids).Update("told", true).Error
	})
	if err != nil {
		return 0, false, fmt.Errorf("make the alerts of requests: %w", err)
	}
	return made, more, nil
}

func (tx *Tx) addRequestDeliveries(ctx context.Context, ids []int64) (int64, error) {
	events, err := tx.RequestEvents(ctx, ids)
	if err != nil {
		return 0, err
	}
	watches, err := tx.AlertWatches(ctx)
	if err != nil {
		return 0, err
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return 0, err
	}
	var rows []AlertDelivery
	for _, id := range ids {
		e := events[id]
		for _, w := range watches {
			if w.hearsRequest(e) {
				rows = append(rows, AlertDelivery{ID: uuid.NewString(), Environment: e.Environment, RequestEvent: e.ID, WatchID: w.ID, ChannelID: w.ChannelID,
					Status: AlertWaiting, NextAt: At(now), CreatedAt: At(now)})
			}
		}
	}
	if len(rows) == 0 {
		return 0, nil
	}
	done := tx.with(ctx).Clauses(clause.OnConflict{DoNothing: true}).CreateInBatches(&rows, batch)
	return done.RowsAffected, done.Error
}

// hearsRequest reports whether the watch is about what happened to the request, which is never older than the watch.
func (w AlertWatch) hearsRequest(e RequestEvent) bool {
	switch e.Kind {
	case "sent", "approved", "rejected", "applied", "failed", "comment":
	default:
		return false
	}
	return w.Events == AlertRequests && e.At.After(w.CreatedAt.Time) && (w.Environment == nil || *w.Environment == e.Environment)
}

// RequestEvents returns these events with their requests, by id.
func (r reader) RequestEvents(ctx context.Context, ids []int64) (map[int64]RequestEvent, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []RequestEvent
	err := r.with(ctx).Table("change_request_events").Joins("JOIN change_requests ON change_requests.id = change_request_events.request_id").
		Select("change_request_events.id, request_id, change_request_events.round, change_request_events.kind, person, person_id, text, at, environment, title, reason").
		Where("change_request_events.id IN ?", ids).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read what happened to requests: %w", err)
	}
	events := make(map[int64]RequestEvent, len(rows))
	for _, row := range rows {
		events[row.ID] = row
	}
	return events, nil
}
