package models

import (
	"context"
	"fmt"
	"slices"
)

// AuditPersonal is a personal value of an entry, with the salt of the commitment that the entry holds.
type AuditPersonal struct {
	Chain  string `gorm:"primaryKey"`
	Number int64  `gorm:"primaryKey;autoIncrement:false"`
	Field  string `gorm:"primaryKey"`
	Kind   string // one of the kinds below
	Value  string
	Salt   []byte // 16 bytes
}

func (AuditPersonal) TableName() string { return "audit_personal" }

// Kinds of personal values.
const (
	AuditActor   = "actor"   // who did it: a name or an id
	AuditSubject = "subject" // a user whom it is about: an id or an e-mail address
	AuditText    = "text"    // a reason, an address, what a browser says that it is
)

// AuditPersonal returns the personal values of some entries of a chain, in the order of their numbers.
func (r reader) AuditPersonal(ctx context.Context, chain string, numbers []int64) ([]AuditPersonal, error) {
	var all []AuditPersonal
	for chunk := range slices.Chunk(numbers, batch) {
		var rows []AuditPersonal
		if err := r.with(ctx).Where("chain = ? AND number IN ?", chain, chunk).Order("number, field").Find(&rows).Error; err != nil {
			return nil, fmt.Errorf("read who the audit is about: %w", err)
		}
		all = append(all, rows...)
	}
	return all, nil
}
