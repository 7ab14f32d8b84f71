package models

import (
	"context"
	"fmt"

	"github.com/toprent/flags/ruleset"
)

// Segment is one version of a segment in one environment.
type Segment struct {
	ID        int64 `gorm:"primaryKey"`
	Key       string
	Title     string
	Condition string // JSON
	Version   `gorm:"embedded"`
}

func (Segment) TableName() string { return "segments" }

// SegmentOf gives a segment as it is stored, without its version.
func SegmentOf(s ruleset.Segment) (Segment, error) {
	condition, err := encodeAny(s.When)
	if err != nil {
		return Segment{}, fmt.Errorf("condition: %w", err)
	}
	return Segment{Key: s.Key, Title: s.Title, Condition: condition}, nil
}

// Segment is what the row means; see [Texts.Segment].
func (s Segment) Segment() ruleset.Segment { return (*Texts)(nil).Segment(s) }

// Same reports whether the other says the same.
func (s Segment) Same(other Segment) bool {
	return s.Key == other.Key && s.Title == other.Title && s.Condition == other.Condition
}

// SegmentsAt returns all segments at revision n of an environment.
func (r reader) SegmentsAt(ctx context.Context, environment string, n int64) ([]Segment, error) {
	columns := []string{"id", "key", "title", "condition", "environment", "from_revision", "to_revision"}
	rows, err := scanned(at(r.with(ctx).Model(&Segment{}), environment, n).Select(columns), func(s *Segment) []any {
		return []any{&s.ID, &s.Key, &s.Title, &s.Condition, &s.Environment, &s.FromRevision, &s.ToRevision}
	})
	if err != nil {
		return nil, fmt.Errorf("read the segments of %q: %w", environment, err)
	}
	return rows, nil
}

// EndSegments ends rows with a revision.
func (tx *Tx) EndSegments(ctx context.Context, rows []Segment, revision int64) error {
	ids := make([]int64, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	return closeRows[Segment](ctx, tx, ids, revision)
}

// AddSegments adds rows.
func (tx *Tx) AddSegments(ctx context.Context, rows []Segment) error { return addRows(ctx, tx, rows) }
