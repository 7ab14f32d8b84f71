package models

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"
)

// TouchedItem names something that a revision touched.
type TouchedItem struct {
	Kind   string // flag, segment, plan or override
	Key    string // the flag's, the segment's or the plan's
	UserID string // of an override, as the next
	OrgID  string
}

// TouchedItems returns what a revision touched, in an order of its own: at most limit of it after skipping offset. total
// is how much there is.
func (r reader) TouchedItems(ctx context.Context, environment string, n int64, offset, limit int) (items []TouchedItem, total int, err error) {
	touched := ` FROM (
		SELECT 1 AS place, 'flag' AS kind, f.name AS key, '' AS user_id, '' AS org_id FROM feature_flag_environments e JOIN feature_flags f ON f.id = e.feature_id
			WHERE e.environment = ? AND (e.from_revision = ? OR e.to_revision = ?)
		UNION SELECT 2, 'segment', key, '', '' FROM segments WHERE environment = ? AND (from_revision = ? OR to_revision = ?)
		UNION SELECT 3, 'plan', key, '', '' FROM plans WHERE environment = ? AND (from_revision = ? OR to_revision = ?)
		UNION SELECT 4, 'override', f.name, coalesce(o.user_id, ''), coalesce(o.org_id, '') FROM feature_flag_overrides o JOIN feature_flags f ON f.id = o.feature_id
			WHERE o.environment = ? AND (o.from_revision = ? OR o.to_revision = ?)) touched`
	var values []any
	for range 4 {
		values = append(values, environment, n, n)
	}
	if err = r.with(ctx).Raw("SELECT count(*)"+touched, values...).Scan(&total).Error; err == nil {
		err = r.with(ctx).Raw("SELECT kind, key, user_id, org_id"+touched+" ORDER BY place, key, org_id, user_id LIMIT ? OFFSET ?", append(values, limit, offset)...).Scan(&items).Error
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read what revision %d of %q touched: %w", n, environment, err)
	}
	return items, total, nil
}

// TouchedItemRows returns the rows of some items that a revision brought or ended. Rows of other overrides of the same
// flags may be among them.
func (r reader) TouchedItemRows(ctx context.Context, environment string, n int64, items []TouchedItem) (rows Rows, err error) {
	keys := map[string][]string{}
	var subjects []string
	for _, item := range items {
		keys[item.Kind] = append(keys[item.Kind], item.Key)
		if item.Kind == "override" {
			subjects = append(subjects, item.UserID+item.OrgID) // exactly one of them
		}
	}
	touched := func(key, of string) *gorm.DB {
		return r.with(ctx).Where("environment = ? AND (from_revision = ? OR to_revision = ?) AND "+key, environment, n, n, slices.Compact(keys[of]))
	}
	const named = "feature_id IN (SELECT id FROM feature_flags WHERE name IN ?)"
	if err = touched(named, "flag").Find(&rows.Flags).Error; err == nil {
		err = touched("key IN ?", "segment").Find(&rows.Segments).Error
	}
	if err == nil {
		err = touched("key IN ?", "plan").Find(&rows.Plans).Error
	}
	if err == nil && len(subjects) > 0 {
		err = touched(named, "override").Where("(user_id IN ? OR org_id IN ?)", subjects, subjects).Find(&rows.Overrides).Error
	}
	if err == nil {
		err = r.withFeatures(ctx, rows.Plans)
	}
	if err != nil {
		return Rows{}, fmt.Errorf("read what revision %d of %q touched: %w", n, environment, err)
	}
	return rows, nil
}
