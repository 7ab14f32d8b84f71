package models

import (
	"context"
	"fmt"
)

// RevisionNote is what is known of a revision beside what it holds.
type RevisionNote struct {
	Environment string `gorm:"primaryKey"`
	Revision    int64  `gorm:"primaryKey;autoIncrement:false"`
	RequestID   *int64 // the request by which it came; nil: it was published at once
	Impact      string // JSON; empty: not counted
}

func (RevisionNote) TableName() string { return "revision_notes" }

// RevisionNotes returns what is known of these revisions of an environment, by number.
func (r reader) RevisionNotes(ctx context.Context, environment string, revisions []int64) (map[int64]RevisionNote, error) {
	var rows []RevisionNote
	if err := r.with(ctx).Where("environment = ? AND revision IN ?", environment, revisions).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the notes of revisions of %q: %w", environment, err)
	}
	notes := make(map[int64]RevisionNote, len(rows))
	for _, row := range rows {
		notes[row.Revision] = row
	}
	return notes, nil
}

// AddRevisionNote adds what is known of a revision.
func (tx *Tx) AddRevisionNote(ctx context.Context, row RevisionNote) error {
	if err := tx.with(ctx).Create(&row).Error; err != nil {
		return fmt.Errorf("note revision %d of %q: %w", row.Revision, row.Environment, err)
	}
	return nil
}
