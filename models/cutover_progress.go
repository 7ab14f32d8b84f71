package models

import (
	"context"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Directions of a copy.
const (
	CutoverForward  = "forward"  // from the old side to the new one
	CutoverBackward = "backward" // from the new side to the old one
)

// States of a copy.
const (
	CutoverAbandoned = "abandoned" // one side is not written any more, or not yet
	CutoverWaiting   = "waiting"   // until every instance writes both sides
	CutoverCopying   = "copying"
	CutoverVerifying = "verifying"
	CutoverDone      = "done" // every row was compared, and both sides are kept equal since
	CutoverFailed    = "failed"
)

// CutoverProgress is how far an entity's sides are equal in one environment.
type CutoverProgress struct {
	Environment   string `gorm:"primaryKey"`
	Flag          string `gorm:"primaryKey"` // its key
	Direction     string
	State         string
	SinceRevision int64 // copying begins when every instance has acknowledged it
	Total         int64 // rows of the side that is copied from; 0: not known
	Copied        int64
	Compared      int64
	Different     int64 // found by the last verification, and mended
	StartedAt     *Time
	CopiedAt      *Time
	VerifiedAt    *Time
	UpdatedAt     Time
	Holder        string // the instance that copies
	Error         string // why it does not go on; empty: it does
	Again         int64  // how many times another verification was asked for
}

func (CutoverProgress) TableName() string { return "cutover_progress" }

// Synced reports whether every row was compared, and both sides are kept equal since: the new side may become the
// authority.
func (p CutoverProgress) Synced() bool { return p.State == CutoverDone }

// Kept reports whether both sides have all rows, as Synced does, or as far as anybody knows while another verification looks
// whether they still do: what goes on to be written to both must go on to be repaired there.
func (p CutoverProgress) Kept() bool {
	return p.Synced() || p.State == CutoverVerifying && p.VerifiedAt != nil
}

// OldKept reports whether the old side has all that was written: it may be the authority again.
func (p CutoverProgress) OldKept() bool {
	if p.State == CutoverAbandoned {
		return false
	}
	return p.State == CutoverDone || p.Direction == CutoverForward || p.VerifiedAt != nil
}

// CutoverProgressOf returns how far the entities of an environment are, by flag. Those that never left off have no row.
func (r reader) CutoverProgressOf(ctx context.Context, environment string) (map[string]CutoverProgress, error) {
	return progressOf(r.with(ctx), environment)
}

// CutoverProgressOf is the Store's; what it gives stays so until the transaction ends.
func (tx *Tx) CutoverProgressOf(ctx context.Context, environment string) (map[string]CutoverProgress, error) {
	return progressOf(tx.with(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Order("flag"), environment)
}

func progressOf(db *gorm.DB, environment string) (map[string]CutoverProgress, error) {
	var rows []CutoverProgress
	if err := db.Where("environment = ?", environment).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read how far cutovers in %q are: %w", environment, err)
	}
	all := make(map[string]CutoverProgress, len(rows))
	for _, row := range rows {
		all[row.Flag] = row
	}
	return all, nil
}

// CutoverProgress returns how far an entity is, or ErrNotFound if it never left off.
func (r reader) CutoverProgress(ctx context.Context, environment, flag string) (CutoverProgress, error) {
	var row CutoverProgress
	if err := r.with(ctx).Where("environment = ? AND flag = ?", environment, flag).Take(&row).Error; err != nil {
		return CutoverProgress{}, fmt.Errorf("read how far the cutover %q in %q is: %w", flag, environment, first(err))
	}
	return row, nil
}

// BeginCutoverProgress puts a row in the place of the one before: a copy begins, or a side is abandoned.
func (tx *Tx) BeginCutoverProgress(ctx context.Context, row CutoverProgress) error {
	err := tx.with(ctx).Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "environment"}, {Name: "flag"}}, UpdateAll: true}).Create(&row).Error
	if err != nil {
		return fmt.Errorf("begin the cutover %q in %q: %w", row.Flag, row.Environment, err)
	}
	return nil
}

// PutCutoverProgress stores how far the copy that began with row.SinceRevision is, and reports whether it still is the
// one that is wanted: a stage may have been set meanwhile that abandons a side or begins another copy, or another
// verification was asked for, and then nothing is stored.
func (tx *Tx) PutCutoverProgress(ctx context.Context, row CutoverProgress) (wanted bool, err error) {
	done := tx.with(ctx).Model(&CutoverProgress{}).
		Where("environment = ? AND flag = ? AND since_revision = ? AND direction = ? AND again = ? AND state <> ?", row.Environment, row.Flag, row.SinceRevision, row.Direction, row.Again, CutoverAbandoned).
		Select("State", "Total", "Copied", "Compared", "Different", "StartedAt", "CopiedAt", "VerifiedAt", "UpdatedAt", "Holder", "Error").Updates(&row)
	if done.Error != nil {
		return false, fmt.Errorf("store how far the cutover %q in %q is: %w", row.Flag, row.Environment, done.Error)
	}
	return done.RowsAffected > 0, nil
}

// PutCutoverProgress is the transaction's, in one of its own.
func (s *Store) PutCutoverProgress(ctx context.Context, row CutoverProgress) (wanted bool, err error) {
	err = s.Write(ctx, func(tx *Tx) error {
		wanted, err = tx.PutCutoverProgress(ctx, row)
		return err
	})
	return wanted, err
}
