package models

import (
	"context"
	"fmt"

	"gorm.io/gorm/clause"
)

// AuditHead is the newest entry of a chain.
type AuditHead struct {
	Chain  string `gorm:"primaryKey"`
	Number int64  // 0: there is none yet
	MAC    []byte `gorm:"column:mac"`
	At     *Time
	KeyID  string
}

func (AuditHead) TableName() string { return "audit_heads" }

// AuditHead returns the head of a chain.
func (r reader) AuditHead(ctx context.Context, chain string) (head AuditHead, err error) {
	if err = r.with(ctx).Where("chain = ?", chain).Take(&head).Error; err != nil {
		return AuditHead{}, fmt.Errorf("read the head of the audit (%s): %w", chain, first(err))
	}
	return head, nil
}

// LockAuditHead returns the head of a chain, and keeps all others from appending until the transaction ends.
func (tx *Tx) LockAuditHead(ctx context.Context, chain string) (head AuditHead, err error) {
	err = tx.with(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Where("chain = ?", chain).Take(&head).Error
	if err != nil {
		return AuditHead{}, fmt.Errorf("lock the audit (%s): %w", chain, first(err))
	}
	return head, nil
}

// SetAuditHead moves the head of a chain on.
func (tx *Tx) SetAuditHead(ctx context.Context, head AuditHead) error {
	err := tx.with(ctx).Model(&AuditHead{}).Where("chain = ?", head.Chain).
		Updates(map[string]any{"number": head.Number, "mac": head.MAC, "at": head.At, "key_id": head.KeyID}).Error
	if err != nil {
		return fmt.Errorf("move the audit's head (%s): %w", head.Chain, err)
	}
	return nil
}
