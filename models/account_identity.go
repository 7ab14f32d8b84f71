package models

import (
	"context"
	"fmt"

	"gorm.io/gorm/clause"
)

// AccountIdentity links an account with somebody at an OpenID Connect provider.
type AccountIdentity struct {
	Issuer    string `gorm:"primaryKey"`
	Subject   string `gorm:"primaryKey"`
	AccountID string
	LinkedAt  Time
}

func (AccountIdentity) TableName() string { return "account_identities" }

// AccountByIdentity returns the account that is linked with a provider's subject, or ErrNotFound.
func (r reader) AccountByIdentity(ctx context.Context, issuer, subject string) (Account, error) {
	var row AccountIdentity
	if err := r.with(ctx).Where("issuer = ? AND subject = ?", issuer, subject).Take(&row).Error; err != nil {
		return Account{}, fmt.Errorf("read an account's identity: %w", first(err))
	}
	return r.Account(ctx, row.AccountID)
}

// AddIdentity links an account with a provider's subject. It reports false if that is linked already.
func (tx *Tx) AddIdentity(ctx context.Context, row AccountIdentity) (bool, error) {
	done := tx.with(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&row)
	if done.Error != nil {
		return false, fmt.Errorf("link an account: %w", done.Error)
	}
	return done.RowsAffected > 0, nil
}

// HasIdentity reports whether an account is linked with any provider.
func (r reader) HasIdentity(ctx context.Context, account string) (bool, error) {
	var n int64
	if err := r.with(ctx).Model(&AccountIdentity{}).Where("account_id = ?", account).Count(&n).Error; err != nil {
		return false, fmt.Errorf("read an account's identities: %w", err)
	}
	return n > 0, nil
}
