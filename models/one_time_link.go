package models

import (
	"context"
	"fmt"
	"time"
)

// OneTimeLink lets whoever has it do one thing once: make the first account, join, or set a new password.
type OneTimeLink struct {
	Secret    []byte `gorm:"primaryKey"` // the SHA-256 of what the link holds
	Kind      string // first, join or reset
	AccountID *string
	CreatedAt Time
	CreatedBy string
	ExpiresAt Time
	UsedAt    *Time
}

func (OneTimeLink) TableName() string { return "one_time_links" }

// OneTimeLink returns a link that can still be used, or ErrNotFound.
func (r reader) OneTimeLink(ctx context.Context, secret []byte, kind string, now time.Time) (OneTimeLink, error) {
	var row OneTimeLink
	err := r.with(ctx).Where("secret = ? AND kind = ? AND used_at IS NULL AND expires_at > ?", secret, kind, At(now)).Take(&row).Error
	if err != nil {
		return OneTimeLink{}, fmt.Errorf("read a one-time link: %w", first(err))
	}
	return row, nil
}

// AddLink adds a link.
func (tx *Tx) AddLink(ctx context.Context, row OneTimeLink) error {
	if err := tx.with(ctx).Create(&row).Error; err != nil {
		return fmt.Errorf("make a one-time link: %w", err)
	}
	return nil
}

// UseLink uses a link up. Of several who try at once, it reports true to one.
func (tx *Tx) UseLink(ctx context.Context, secret []byte, now time.Time) (bool, error) {
	done := tx.with(ctx).Model(&OneTimeLink{}).Where("secret = ? AND used_at IS NULL AND expires_at > ?", secret, At(now)).Update("used_at", At(now))
	if done.Error != nil {
		return false, fmt.Errorf("use a one-time link: %w", done.Error)
	}
	return done.RowsAffected == 1, nil
}

// EndFirstLinks uses all links up that make the first account. Of several who try at once, the later ones find none.
func (tx *Tx) EndFirstLinks(ctx context.Context, now time.Time) (int64, error) {
	done := tx.with(ctx).Model(&OneTimeLink{}).Where("kind = 'first' AND used_at IS NULL").Update("used_at", At(now))
	if done.Error != nil {
		return 0, fmt.Errorf("use the first one-time link: %w", done.Error)
	}
	return done.RowsAffected, nil
}

// EndLinks ends the links of an account.
func (tx *Tx) EndLinks(ctx context.Context, account string, now time.Time) error {
	if err := tx.with(ctx).Model(&OneTimeLink{}).Where("account_id = ? AND used_at IS NULL", account).Update("used_at", At(now)).Error; err != nil {
		return fmt.Errorf("end one-time links: %w", err)
	}
	return nil
}

// ForgetLinks removes links that could last be used before then.
func (tx *Tx) ForgetLinks(ctx context.Context, since time.Time) error {
	if err := tx.with(ctx).Where("expires_at < ?", At(since)).Delete(&OneTimeLink{}).Error; err != nil {
		return fmt.Errorf("forget old one-time links: %w", err)
	}
	return nil
}
