package models

import (
	"context"
	"fmt"
	"time"
)

// AccountDevice is a browser in which somebody has signed in before.
type AccountDevice struct {
	Secret    []byte `gorm:"primaryKey"` // the SHA-256 of what the browser holds
	AccountID string
	CreatedAt Time
}

func (AccountDevice) TableName() string { return "account_devices" }

// KnowsDevice reports whether the browser has signed in to the account before.
func (r reader) KnowsDevice(ctx context.Context, account string, secret []byte) (bool, error) {
	var n int64
	if err := r.with(ctx).Model(&AccountDevice{}).Where("account_id = ? AND secret = ?", account, secret).Count(&n).Error; err != nil {
		return false, fmt.Errorf("read a known browser: %w", err)
	}
	return n > 0, nil
}

// AddDevice remembers a browser.
func (tx *Tx) AddDevice(ctx context.Context, row AccountDevice) error {
	if err := tx.with(ctx).Create(&row).Error; err != nil {
		return fmt.Errorf("remember a browser: %w", err)
	}
	return nil
}

// ForgetDevices forgets the browsers of an account.
func (tx *Tx) ForgetDevices(ctx context.Context, account string) error {
	if err := tx.with(ctx).Where("account_id = ?", account).Delete(&AccountDevice{}).Error; err != nil {
		return fmt.Errorf("forget the browsers of an account: %w", err)
	}
	return nil
}

// ForgetOldDevices forgets browsers that were first known before then.
func (tx *Tx) ForgetOldDevices(ctx context.Context, since time.Time) error {
	if err := tx.with(ctx).Where("created_at < ?", At(since)).Delete(&AccountDevice{}).Error; err != nil {
		return fmt.Errorf("forget old browsers: %w", err)
	}
	return nil
}
