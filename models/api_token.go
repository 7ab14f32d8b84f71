package models

import (
	"context"
	"fmt"
	"time"
)

// APIToken lets a program act on somebody's behalf.
type APIToken struct {
	ID           string `gorm:"primaryKey"`
	Secret       []byte // the SHA-256 of the token
	Prefix       string // its first characters, by which people know it
	Name         string
	AccountID    *string // nil: a host says who is asking
	CreatorID    string
	CreatorEmail string
	Role         string
	Environment  string // * for all
	CreatedAt    Time
	ExpiresAt    Time
	LastUsedAt   *Time
	RevokedAt    *Time
	RevokedBy    string
}

func (APIToken) TableName() string { return "api_tokens" }

// APIToken returns the token with that secret, or ErrNotFound.
func (r reader) APIToken(ctx context.Context, secret []byte) (APIToken, error) {
	var row APIToken
	if err := r.with(ctx).Where("secret = ?", secret).Take(&row).Error; err != nil {
		return APIToken{}, fmt.Errorf("read an API token: %w", first(err))
	}
	return row, nil
}

// APITokens returns the tokens of a creator, newest first; of all creators if it is empty.
func (r reader) APITokens(ctx context.Context, creator string) ([]APIToken, error) {
	query := r.with(ctx).Order("created_at DESC, id")
	if creator != "" {
		query = query.Where("creator_id = ?", creator)
	}
	var rows []APIToken
	if err := query.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the API tokens: %w", err)
	}
	return rows, nil
}

// AddToken adds a token.
func (tx *Tx) AddToken(ctx context.Context, row APIToken) error {
	if err := tx.with(ctx).Create(&row).Error; err != nil {
		return fmt.Errorf("make an API token: %w", err)
	}
	return nil
}

// RevokeToken ends a token; of that creator only, unless it is empty. It reports whether there was one to end.
func (tx *Tx) RevokeToken(ctx context.Context, id, creator, by string, at time.Time) (bool, error) {
	query := tx.with(ctx).Model(&APIToken{}).Where("id = ? AND revoked_at IS NULL", id)
	if creator != "" {
		query = query.Where("creator_id = ?", creator)
	}
	done := query.Updates(map[string]any{"revoked_at": At(at), "revoked_by": by})
	if done.Error != nil {
		return false, fmt.Errorf("revoke an API token: %w", done.Error)
	}
	return done.RowsAffected > 0, nil
}

// UsedToken notes when a token was last used.
func (tx *Tx) UsedToken(ctx context.Context, id string, at time.Time) error {
	if err := tx.with(ctx).Model(&APIToken{}).Where("id = ?", id).Update("last_used_at", At(at)).Error; err != nil {
		return fmt.Errorf("note the use of an API token: %w", err)
	}
	return nil
}
