package models

import (
	"context"
	"fmt"
	"time"

	"github.com/toprent/flags/ruleset"
)

// Revision is one published change of one environment. Revisions are only ever added.
type Revision struct {
	Environment string `gorm:"primaryKey"`
	Number      int64  `gorm:"primaryKey;autoIncrement:false"`
	Digest      []byte // 32 bytes, chained over all revisions before it
	Kind        string // what was done: publish, kill, lift, import, recall, copy, rollback, promote, step-back
	Author      string
	Reason      string
	PublishedAt Time // by the database's clock; never before the revision before it
}

func (Revision) TableName() string { return "revisions" }

// ID names the revision.
func (r Revision) ID() ruleset.ID {
	return ruleset.ID{Environment: r.Environment, Number: r.Number, Digest: shortDigest(r.Digest)}
}

// Revision returns revision number n of an environment, or ErrNotFound.
func (r reader) Revision(ctx context.Context, environment string, n int64) (Revision, error) {
	var row Revision
	err := r.with(ctx).Where("environment = ? AND number = ?", environment, n).Take(&row).Error
	if err != nil {
		return Revision{}, fmt.Errorf("read revision %d of %q: %w", n, environment, first(err))
	}
	return row, nil
}

// Revisions returns the newest revisions of an environment, newest first, at most limit of them.
func (r reader) Revisions(ctx context.Context, environment string, limit int) ([]Revision, error) {
	var rows []Revision
	err := r.with(ctx).Where("environment = ?", environment).Order("number DESC").Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read the revisions of %q: %w", environment, err)
	}
	return rows, nil
}

// Recent returns the revisions that were the newest at any time since then, oldest first.
func (s *Store) Recent(ctx context.Context, environment string, since time.Time) ([]ruleset.ID, error) {
	if _, err := s.Environment(ctx, environment); err != nil {
		return nil, err
	}
	newestThen := s.with(ctx).Model(&Revision{}).Select("coalesce(max(number), 0)").
		Where("environment = ? AND published_at <= ?", environment, At(since))
	var rows []Revision
	err := s.with(ctx).Where("environment = ? AND number >= (?)", environment, newestThen).Order("number").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read the revisions of %q since %s: %w", environment, since.Format(time.RFC3339), err)
	}
	ids := make([]ruleset.ID, len(rows))
	for i, row := range rows {
		ids[i] = row.ID()
	}
	return ids, nil
}

// NewestWithin returns the revisions of an environment that were the newest at any time after one moment and up to
// another, oldest first. Before the first one it was empty, which is revision 0 and has no row: empty reports whether that
// was so at any time of these.
func (r reader) NewestWithin(ctx context.Context, environment string, after, until time.Time) (rows []Revision, empty bool, err error) {
	before := r.with(ctx).Model(&Revision{}).Select("coalesce(max(number), 0)").
		Where("environment = ? AND published_at <= ?", environment, At(after))
	err = r.with(ctx).Where("environment = ? AND number >= (?) AND published_at <= ?", environment, before, At(until)).Order("number").Find(&rows).Error
	if err != nil {
		return nil, false, fmt.Errorf("read the revisions of %q until %s: %w", environment, until.Format(time.RFC3339), err)
	}
	return rows, len(rows) == 0 || rows[0].PublishedAt.After(after), nil
}

// Made gives the revisions that the transaction has added so far.
func (tx *Tx) Made() []Revision { return tx.made }

// AddRevision adds a revision.
func (tx *Tx) AddRevision(ctx context.Context, revision Revision) error {
	if err := tx.with(ctx).Create(&revision).Error; err != nil {
		return fmt.Errorf("add revision %d of %q: %w", revision.Number, revision.Environment, err)
	}
	tx.made = append(tx.made, revision)
	return nil
}
