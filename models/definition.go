package models

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/toprent/flags/ruleset"
)

// Rows are all versioned rows that are in force at one revision of one environment.
type Rows struct {
	Flags     []FeatureFlagEnvironment
	Overrides []FeatureFlagOverride
	Plans     []Plan
	Segments  []Segment
}

// RowsAt returns all rows that are in force at revision n of an environment. A revision never changes, so reading its
// tables one after the other gives what one look would.
func (r reader) RowsAt(ctx context.Context, environment string, n int64) (rows Rows, err error) {
	if n == 0 {
		return Rows{}, nil
	}
	if rows.Overrides, err = r.OverridesAt(ctx, environment, n); err != nil {
		return Rows{}, err
	}
	err = rows.readOthers(ctx, r, environment, n)
	return rows, err
}

// RowsAt is the same, with the overrides, which are the most, read beside the rest, in two halves.
func (s *Store) RowsAt(ctx context.Context, environment string, n int64) (rows Rows, err error) {
	if n == 0 {
		return Rows{}, nil
	}
	var halves [2][]FeatureFlagOverride
	reading, ctx := errgroup.WithContext(ctx)
	for i, half := range []string{"id < ?", "id >= ?"} {
		reading.Go(func() (err error) {
			halves[i], err = overridesAt(s.with(ctx).Where(half, overridesMiddle), environment, n)
			return err
		})
	}
	reading.Go(func() error { return rows.readOthers(ctx, s.reader, environment, n) })
	err = reading.Wait()
	rows.Overrides = slices.Concat(halves[:]...)
	return rows, err
}

// readOthers reads all but the overrides.
func (rows *Rows) readOthers(ctx context.Context, r reader, environment string, n int64) (err error) {
	if rows.Flags, err = r.FlagSettingsAt(ctx, environment, n); err != nil {
		return err
	}
	if rows.Plans, err = r.PlansAt(ctx, environment, n); err != nil {
		return err
	}
	rows.Segments, err = r.SegmentsAt(ctx, environment, n)
	return err
}

// Definition is what the rows mean; flags are those of the database, by id. It is in an order of its own (by key;
// plans by rank), the same on every database.
func (rows Rows) Definition(flags map[string]FeatureFlag) ruleset.Definition {
	def := ruleset.Definition{
		Plans:     make([]ruleset.Plan, len(rows.Plans)),
		Segments:  make([]ruleset.Segment, len(rows.Segments)),
		Flags:     make([]ruleset.Flag, len(rows.Flags)),
		Overrides: make([]ruleset.Override, len(rows.Overrides)),
	}
	for i, row := range rows.Plans {
		def.Plans[i] = row.Plan()
	}
	for i, row := range rows.Segments {
		def.Segments[i] = row.Segment()
	}
	for i, row := range rows.Flags {
		def.Flags[i] = row.Flag(flags[row.FeatureID])
	}
	for i, row := range rows.Overrides {
		def.Overrides[i] = row.Override(flags[row.FeatureID].Name)
	}
	slices.SortFunc(def.Plans, func(a, b ruleset.Plan) int { return cmp.Or(cmp.Compare(a.Rank, b.Rank), strings.Compare(a.Key, b.Key)) })
	slices.SortFunc(def.Segments, func(a, b ruleset.Segment) int { return strings.Compare(a.Key, b.Key) })
	slices.SortFunc(def.Flags, func(a, b ruleset.Flag) int { return strings.Compare(a.Key, b.Key) })
	slices.SortFunc(def.Overrides, compareOverrides)
	return def
}

// Load returns the definition of a revision, or ErrNotFound if this database has no revision of that number and
// digest. A flag whose row cannot be read comes back with Malformed set.
func (s *Store) Load(ctx context.Context, id ruleset.ID) (ruleset.Definition, error) {
	if id.Number == 0 {
		_, err := s.Environment(ctx, id.Environment)
		return ruleset.Definition{}, err
	}
	revision, err := s.Revision(ctx, id.Environment, id.Number)
	if err != nil {
		return ruleset.Definition{}, err
	}
	if revision.ID() != id {
		return ruleset.Definition{}, fmt.Errorf("read revision %d of %q: its digest is %s here, not %s: %w",
			id.Number, id.Environment, revision.ID().Digest, id.Digest, ErrNotFound)
	}
	flags, err := s.identities(ctx)
	if err != nil {
		return ruleset.Definition{}, err
	}
	rows, err := s.RowsAt(ctx, id.Environment, id.Number)
	if err != nil {
		return ruleset.Definition{}, err
	}
	return rows.Definition(flags), nil
}
