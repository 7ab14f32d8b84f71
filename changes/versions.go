package changes

import (
	"context"
	"fmt"

	"github.com/toprent/flags/models"
)

// Versions returns the version of every item of an environment, to be given back as the base of edits.
func (c *Changes) Versions(ctx context.Context, environment string) (map[Item]int64, error) {
	present, err := c.store.Environment(ctx, environment)
	if err != nil {
		return nil, err
	}
	rows, err := c.store.RowsAt(ctx, environment, present.Head)
	if err != nil {
		return nil, fmt.Errorf("versions: %w", err)
	}
	flags, err := c.store.FlagsByKey(ctx)
	if err != nil {
		return nil, fmt.Errorf("versions: %w", err)
	}
	return versions(rows, flags), nil
}

func versions(rows models.Rows, flags map[string]models.FeatureFlag) map[Item]int64 {
	all := map[Item]int64{}
	keys := make(map[string]string, len(flags)) // by id
	for key, flag := range flags {
		keys[flag.ID] = key
		all[Item{Kind: ItemAbout, Key: key}] = flag.Version
	}
	for _, row := range rows.Flags {
		all[Item{Kind: ItemFlag, Key: keys[row.FeatureID]}] = row.FromRevision
	}
	for _, row := range rows.Segments {
		all[Item{Kind: ItemSegment, Key: row.Key}] = row.FromRevision
	}
	for _, row := range rows.Plans {
		all[Item{Kind: ItemPlan, Key: row.Key}] = row.FromRevision
	}
	for _, row := range rows.Overrides {
		all[keyOf(row.Override(keys[row.FeatureID])).item()] = row.FromRevision
	}
	return all
}
