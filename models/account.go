package models

import (
	"context"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Account is somebody who may sign in where the pages stand alone.
type Account struct {
	ID           string `gorm:"primaryKey"`
	Email        string // as it was written
	EmailKey     string // as it is compared
	Name         string
	Password     string // an argon2id hash; empty: none yet, or signs in elsewhere
	Disabled     bool
	Version      int64 // counts what was changed about the account by others; the base of edits
	CreatedAt    Time
	CreatedBy    string
	LastSignInAt *Time

	Roles map[string]string `gorm:"-"` // by environment; read beside the row
}

func (Account) TableName() string { return "accounts" }

// AccountRole is a role of an account in one environment, or in all of them (*).
type AccountRole struct {
	AccountID   string `gorm:"primaryKey"`
	Environment string `gorm:"primaryKey"`
	Role        string
}

func (AccountRole) TableName() string { return "account_roles" }

// Accounts returns all accounts with their roles, by e-mail address.
func (r reader) Accounts(ctx context.Context) ([]Account, error) {
	return r.accounts(ctx, r.with(ctx).Order("email_key"))
}

// Account returns one account with its roles, or ErrNotFound.
func (r reader) Account(ctx context.Context, id string) (Account, error) {
	return one(r.accounts(ctx, r.with(ctx).Where("id = ?", id)))
}

// AccountByEmail returns the account of an e-mail address as it is compared, or ErrNotFound.
func (r reader) AccountByEmail(ctx context.Context, key string) (Account, error) {
	return one(r.accounts(ctx, r.with(ctx).Where("email_key = ?", key)))
}

// HasAccounts reports whether there is any account.
func (r reader) HasAccounts(ctx context.Context) (bool, error) {
	var n int64
	if err := r.with(ctx).Model(&Account{}).Limit(1).Count(&n).Error; err != nil {
		return false, fmt.Errorf("count the accounts: %w", err)
	}
	return n > 0, nil
}

// LockAccounts returns all accounts, and keeps others from changing any of them until the transaction ends: who looks
// whether an admin is left must not be overtaken.
func (tx *Tx) LockAccounts(ctx context.Context) ([]Account, error) {
	return tx.accounts(ctx, tx.with(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Order("id"))
}

func (r reader) accounts(ctx context.Context, query *gorm.DB) ([]Account, error) {
	var rows []Account
	if err := query.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the accounts: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	roles := r.with(ctx)
	if len(rows) == 1 {
		roles = roles.Where("account_id = ?", rows[0].ID)
	}
	var all []AccountRole
	if err := roles.Find(&all).Error; err != nil {
		return nil, fmt.Errorf("read the roles of accounts: %w", err)
	}
	byAccount := map[string]map[string]string{}
	for _, role := range all {
		if byAccount[role.AccountID] == nil {
			byAccount[role.AccountID] = map[string]string{}
		}
		byAccount[role.AccountID][role.Environment] = role.Role
	}
	for i := range rows {
		rows[i].Roles = byAccount[rows[i].ID]
	}
	return rows, nil
}

// one gives the only row, or ErrNotFound.
func one[R any](rows []R, err error) (row R, _ error) {
	if err != nil {
		return row, err
	}
	if len(rows) == 0 {
		return row, ErrNotFound
	}
	return rows[0], nil
}

// AddAccount adds an account with its roles. It reports false if the e-mail address has one already.
func (tx *Tx) AddAccount(ctx context.Context, account Account) (bool, error) {
	done := tx.with(ctx).Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "email_key"}}, DoNothing: true}).Create(&account)
	if done.Error != nil {
		return false, fmt.Errorf("add an account: %w", done.Error)
	}
	if done.RowsAffected == 0 {
		return false, nil
	}
	return true, tx.SetAccountRoles(ctx, account.ID, account.Roles)
}

// SetAccountRoles replaces the roles of an account.
func (tx *Tx) SetAccountRoles(ctx context.Context, id string, roles map[string]string) error {
	if err := tx.with(ctx).Where("account_id = ?", id).Delete(&AccountRole{}).Error; err != nil {
		return fmt.Errorf("take the roles of an account: %w", err)
	}
	rows := make([]AccountRole, 0, len(roles))
	for environment, role := range roles {
		rows = append(rows, AccountRole{id, environment, role})
	}
	if len(rows) == 0 {
		return nil
	}
	if err := tx.with(ctx).Create(&rows).Error; err != nil {
		return fmt.Errorf("give an account roles: %w", err)
	}
	return nil
}

// ChangeAccount sets columns of an account. It reports false if there is no such account.
func (tx *Tx) ChangeAccount(ctx context.Context, id string, columns map[string]any) (bool, error) {
	done := tx.with(ctx).Model(&Account{}).Where("id = ?", id).Updates(columns)
	if done.Error != nil {
		return false, fmt.Errorf("change an account: %w", done.Error)
	}
	return done.RowsAffected > 0, nil
}
