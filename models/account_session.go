package models

import (
	"context"
	"fmt"
	"time"
)

// AccountSession is a browser in which somebody is signed in.
type AccountSession struct {
	Secret    []byte `gorm:"primaryKey"` // the SHA-256 of what the browser holds
	Handle    string // names the session on pages
	AccountID string
	Client    string // what the browser said that it is
	Address   string
	CreatedAt Time
	SeenAt    Time
}

func (AccountSession) TableName() string { return "account_sessions" }

// AccountSession returns a session, or ErrNotFound.
func (r reader) AccountSession(ctx context.Context, secret []byte) (AccountSession, error) {
	var row AccountSession
	if err := r.with(ctx).Where("secret = ?", secret).Take(&row).Error; err != nil {
		return AccountSession{}, fmt.Errorf("read a session: %w", first(err))
	}
	return row, nil
}

// AccountSessions returns the sessions of an account that were seen and begun since then, the last seen first.
func (r reader) AccountSessions(ctx context.Context, account string, seen, begun time.Time) ([]AccountSession, error) {
	var rows []AccountSession
	err := r.with(ctx).Where("account_id = ? AND seen_at > ? AND created_at > ?", account, At(seen), At(begun)).Order("seen_at DESC, handle").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read sessions: %w", err)
	}
	return rows, nil
}

// AddSession adds a session.
func (tx *Tx) AddSession(ctx context.Context, row AccountSession) error {
	if err := tx.with(ctx).Create(&row).Error; err != nil {
		return fmt.Errorf("begin a session: %w", err)
	}
	return nil
}

// SawSession notes when a session was last seen.
func (tx *Tx) SawSession(ctx context.Context, secret []byte, at time.Time) error {
	if err := tx.with(ctx).Model(&AccountSession{}).Where("secret = ?", secret).Update("seen_at", At(at)).Error; err != nil {
		return fmt.Errorf("note a session: %w", err)
	}
	return nil
}

// EndSession ends the session with that secret.
func (tx *Tx) EndSession(ctx context.Context, secret []byte) error {
	if err := tx.with(ctx).Where("secret = ?", secret).Delete(&AccountSession{}).Error; err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	return nil
}

// EndSessionOf ends the session of an account that has that handle. It reports whether there was one.
func (tx *Tx) EndSessionOf(ctx context.Context, account, handle string) (bool, error) {
	done := tx.with(ctx).Where("account_id = ? AND handle = ?", account, handle).Delete(&AccountSession{})
	if done.Error != nil {
		return false, fmt.Errorf("end a session: %w", done.Error)
	}
	return done.RowsAffected > 0, nil
}

// EndSessions ends all sessions of an account but the one with that secret; nil: all.
func (tx *Tx) EndSessions(ctx context.Context, account string, but []byte) error {
	query := tx.with(ctx).Where("account_id = ?", account)
	if but != nil {
		query = query.Where("secret <> ?", but)
	}
	if err := query.Delete(&AccountSession{}).Error; err != nil {
		return fmt.Errorf("end the sessions of an account: %w", err)
	}
	return nil
}

// ForgetSessions removes sessions that were not seen, or begun, since then: they open nothing any more.
func (tx *Tx) ForgetSessions(ctx context.Context, seen, begun time.Time) error {
	if err := tx.with(ctx).Where("seen_at <= ? OR created_at <= ?", At(seen), At(begun)).Delete(&AccountSession{}).Error; err != nil {
		return fmt.Errorf("forget old sessions: %w", err)
	}
	return nil
}
