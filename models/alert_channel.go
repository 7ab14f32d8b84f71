package models

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
)

// AlertChannel is somewhere people hear of changes. Target, Secret and PreviousSecret are as they are stored: sealed, if
// the server has a key.
type AlertChannel struct {
	ID             string `gorm:"primaryKey"` // a UUID
	Name           string
	Kind           string // slack, discord, teams, email or webhook
	Target         string
	Hint           string // what pages show of the target
	Secret         string
	PreviousSecret string
	PreviousUntil  *Time // until when webhooks are signed with the previous secret too
	Version        int64 // counts the changes, from 1: the base for edits
	CreatedAt      Time
	CreatedBy      string
	RemovedAt      *Time // nil while the channel is there
	RemovedBy      *string
}

func (AlertChannel) TableName() string { return "alert_channels" }

// AlertChannels returns all channels by name; removed ones too, for the history of deliveries.
func (r reader) AlertChannels(ctx context.Context) ([]AlertChannel, error) {
	var rows []AlertChannel
	if err := r.with(ctx).Order("name, id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the channels: %w", err)
	}
	return rows, nil
}

// AlertChannel returns one channel, removed or not, or ErrNotFound.
func (r reader) AlertChannel(ctx context.Context, id string) (AlertChannel, error) {
	var row AlertChannel
	err := byUUID(r.with(ctx), id, &row)
	if err != nil {
		return AlertChannel{}, fmt.Errorf("read a channel: %w", err)
	}
	return row, nil
}

// byUUID reads the row of that id. What is no UUID is the id of nothing, and PostgreSQL is not asked about it.
func byUUID(db *gorm.DB, id string, row any) error {
	if _, err := uuid.Parse(id); err != nil {
		return ErrNotFound
	}
	return first(db.Where("id = ?", id).Take(row).Error)
}

// AddAlertChannel adds a channel.
func (tx *Tx) AddAlertChannel(ctx context.Context, row AlertChannel) error {
	if err := tx.with(ctx).Create(&row).Error; err != nil {
		return fmt.Errorf("add a channel: %w", err)
	}
	return nil
}

// ReplaceAlertChannel writes a channel that is at version base, and counts the change. It reports false, and writes
// nothing, if the channel is at another version or was removed.
func (tx *Tx) ReplaceAlertChannel(ctx context.Context, row AlertChannel, base int64) (bool, error) {
	done := tx.with(ctx).Model(&AlertChannel{}).Where("id = ? AND version = ? AND removed_at IS NULL", row.ID, base).Updates(map[string]any{
		"name": row.Name, "target": row.Target, "hint": row.Hint, "secret": row.Secret,
		"previous_secret": row.PreviousSecret, "previous_until": row.PreviousUntil, "version": base + 1,
	})
	if done.Error != nil {
		return false, fmt.Errorf("change a channel: %w", done.Error)
	}
	return done.RowsAffected == 1, nil
}

// RemoveAlertChannel ends a channel with its watches, forgets its secrets, and gives up what was to be sent there. A
// channel that is not there is ErrNotFound.
func (tx *Tx) RemoveAlertChannel(ctx context.Context, id, by string, now time.Time) error {
	if _, err := uuid.Parse(id); err != nil {
		return ErrNotFound
	}
	at := At(now)
	done := tx.with(ctx).Model(&AlertChannel{}).Where("id = ? AND removed_at IS NULL", id).Updates(map[string]any{
		"target": "", "secret": "", "previous_secret": "", "previous_until": nil, "removed_at": at, "removed_by": by,
	})
	if done.Error == nil && done.RowsAffected == 0 {
		return ErrNotFound
	}
	err := done.Error
	if err == nil {
		err = tx.with(ctx).Model(&AlertWatch{}).Where("channel_id = ? AND removed_at IS NULL", id).
			Updates(map[string]any{"removed_at": at, "removed_by": by}).Error
	}
	if err == nil {
		err = tx.with(ctx).Model(&AlertDelivery{}).Where("channel_id = ? AND status = ?", id, AlertWaiting).
			Updates(map[string]any{"status": AlertFailed, "answer": "The channel was removed before this was sent.", "ended_at": at, "claimed_until": nil}).Error
	}
	if err != nil {
		return fmt.Errorf("remove a channel: %w", err)
	}
	return nil
}
