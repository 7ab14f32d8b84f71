package models

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"
)

// Version is from when until when a row is in force.
type Version struct {
	Environment  string
	FromRevision int64
	ToRevision   *int64 // nil while the row is live
}

// InForce reports whether the row is in force at revision n of its environment.
func (v Version) InForce(n int64) bool {
	return v.FromRevision <= n && (v.ToRevision == nil || n < *v.ToRevision)
}

// at restricts a query to the rows that are in force at revision n of an environment.
func at(db *gorm.DB, environment string, n int64) *gorm.DB {
	return db.Where("environment = ? AND from_revision <= ? AND (to_revision IS NULL OR to_revision > ?)", environment, n, n)
}

// closeRows ends rows with a revision: they are in force before it, and no more from it on.
func closeRows[R any, ID any](ctx context.Context, tx *Tx, ids []ID, revision int64) error {
	for chunk := range slices.Chunk(ids, batch) {
		done := tx.with(ctx).Model(new(R)).Where("id IN ? AND to_revision IS NULL", chunk).Update("to_revision", revision)
		if done.Error != nil {
			return fmt.Errorf("end rows at revision %d: %w", revision, done.Error)
		}
		if done.RowsAffected != int64(len(chunk)) {
			return fmt.Errorf("end rows at revision %d: %d of %d were live", revision, done.RowsAffected, len(chunk))
		}
	}
	return nil
}

// addRows adds rows that are in force from a revision on.
func addRows[R any](ctx context.Context, tx *Tx, rows []R) error {
	if len(rows) == 0 {
		return nil
	}
	if err := tx.with(ctx).CreateInBatches(&rows, batch).Error; err != nil {
		return fmt.Errorf("add rows: %w", err)
	}
	return nil
}
