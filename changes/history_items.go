package changes

import (
	"context"
	"time"

	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// Items returns what a revision made of each thing that it touched: at most limit of them after skipping offset, in an
// order of their own. total is how many there are.
func (h *History) Items(ctx context.Context, environment string, revision int64, offset, limit int) (items []ItemChange, total int, err error) {
	touched, total, err := h.store.TouchedItems(ctx, environment, revision, offset, limit)
	if err != nil || len(touched) == 0 {
		return nil, total, err
	}
	rows, err := h.store.TouchedItemRows(ctx, environment, revision, touched)
	if err != nil {
		return nil, 0, err
	}
	flags, err := h.store.FlagsByID(ctx, featuresOf(rows))
	if err != nil {
		return nil, 0, err
	}
	about := &about{byID: flags, byKey: make(map[string]models.FeatureFlag, len(flags))}
	for _, flag := range flags {
		about.byKey[flag.Name] = flag
	}
	found := map[Item]ItemChange{}
	for _, change := range between(rows, revision, about).changed() {
		found[change.Item] = change
	}
	for _, t := range touched {
		item := Item{Kind: ItemKind(t.Kind), Key: t.Key, User: t.UserID, Tenant: t.OrgID}
		items = append(items, found[item])
	}
	return items, total, nil
}

// Lines say what became different about the item, in plain words and without its name.
func (c ItemChange) Lines(zone *time.Location) []string {
	switch {
	case c.Was == nil:
		return newItem(c.Is, zone)
	case c.Is == nil:
		return []string{"removed"}
	}
	switch is := c.Is.(type) {
	case ruleset.Flag:
		return words.FlagDiff(c.Was.(ruleset.Flag), is, zone)
	case ruleset.Segment:
		return words.SegmentDiff(c.Was.(ruleset.Segment), is, zone)
	case ruleset.Plan:
		return words.PlanDiff(c.Was.(ruleset.Plan), is)
	case ruleset.Override:
		return words.OverrideDiff(c.Was.(ruleset.Override), is, zone)
	}
	return nil
}

func newItem(item any, zone *time.Location) []string {
	switch is := item.(type) {
	case ruleset.Flag:
		return words.NewFlag(is, zone)
	case ruleset.Segment:
		return words.NewSegment(is, zone)
	case ruleset.Plan:
		return words.NewPlan(is)
	case ruleset.Override:
		return words.NewOverride(is, zone)
	}
	return []string{"new"}
}
