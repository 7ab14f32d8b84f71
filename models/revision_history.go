package models

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// HistoryFilter says which revisions are wanted. What is empty restricts nothing, but for Environments.
type HistoryFilter struct {
	Environments []string // only of these; none: no revision at all
	Flag         string   // only those that changed the settings or the overrides of the flag with this key
	Author       string   // only of authors whose name holds this text, in upper or lower case
	Kind         string   // only of this kind
}

// History returns the revisions that the filter lets through, newest first: at most limit of them after skipping
// offset. total is how many there are.
func (r reader) History(ctx context.Context, filter HistoryFilter, offset, limit int) (rows []Revision, total int, err error) {
	var count int64
	if err = r.history(ctx, filter).Count(&count).Error; err == nil {
		err = r.history(ctx, filter).Order("published_at DESC, environment, number DESC").Offset(offset).Limit(limit).Find(&rows).Error
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read the history: %w", err)
	}
	return rows, int(count), nil
}

func (r reader) history(ctx context.Context, filter HistoryFilter) *gorm.DB {
	db := r.with(ctx).Model(&Revision{}).Where("environment IN ?", filter.Environments)
	if filter.Kind != "" {
		db = db.Where("kind = ?", filter.Kind)
	}
	if filter.Author != "" {
		db = db.Where(`lower(author) LIKE lower(CAST(? AS TEXT)) ESCAPE '\'`, "%"+literally(filter.Author)+"%")
	}
	if filter.Flag != "" {
		db = db.Where("(environment, number) IN (?)", r.touching(ctx, filter.Flag))
	}
	return db
}

// touching are the revisions, by environment and number, that changed a flag's settings or overrides.
func (r reader) touching(ctx context.Context, key string) *gorm.DB {
	return r.with(ctx).Raw(`
		SELECT e.environment, e.from_revision FROM feature_flag_environments e JOIN feature_flags f ON f.id = e.feature_id WHERE f.name = ?
		UNION SELECT o.environment, o.from_revision FROM feature_flag_overrides o JOIN feature_flags f ON f.id = o.feature_id WHERE f.name = ?
		UNION SELECT o.environment, o.to_revision FROM feature_flag_overrides o JOIN feature_flags f ON f.id = o.feature_id WHERE f.name = ? AND o.to_revision IS NOT NULL`, key, key, key)
}

// literally is a text for LIKE in which nothing is a wildcard.
func literally(text string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)
}

// RevisionSize is how many rows a revision touched, by table.
type RevisionSize struct {
	Revision int64
	Item     string // flags, overrides, plans or segments
	Came     int    // rows that came into force
	Ended    int    // rows that it replaced or removed
}

// RevisionSizes counts the rows that revisions of an environment touched. Tables that a revision left alone are left out.
func (r reader) RevisionSizes(ctx context.Context, environment string, numbers []int64) ([]RevisionSize, error) {
	var legs []string
	var values []any
	for _, table := range []struct{ item, name string }{
		{"flags", "feature_flag_environments"}, {"overrides", "feature_flag_overrides"}, {"plans", "plans"}, {"segments", "segments"},
	} {
		legs = append(legs,
			fmt.Sprintf("SELECT from_revision AS revision, '%s' AS item, count(*) AS came, 0 AS ended FROM %s WHERE environment = ? AND from_revision IN ? GROUP BY from_revision", table.item, table.name),
			fmt.Sprintf("SELECT to_revision, '%s', 0, count(*) FROM %s WHERE environment = ? AND to_revision IN ? GROUP BY to_revision", table.item, table.name))
		values = append(values, environment, numbers, environment, numbers)
	}
	var sizes []RevisionSize
	query := "SELECT revision, item, sum(came) AS came, sum(ended) AS ended FROM (" + strings.Join(legs, " UNION ALL ") + ") touched GROUP BY revision, item"
	if err := r.with(ctx).Raw(query, values...).Scan(&sizes).Error; err != nil {
		return nil, fmt.Errorf("count what revisions of %q touched: %w", environment, err)
	}
	return sizes, nil
}

// TouchedRows returns the rows of an environment that came into force or ended at one of these revisions.
func (r reader) TouchedRows(ctx context.Context, environment string, numbers []int64) (rows Rows, err error) {
	touched := func() *gorm.DB {
		return r.with(ctx).Where("environment = ? AND (from_revision IN ? OR to_revision IN ?)", environment, numbers, numbers)
	}
	if err = touched().Find(&rows.Flags).Error; err == nil {
		err = touched().Find(&rows.Overrides).Error
	}
	if err == nil {
		err = touched().Find(&rows.Plans).Error
	}
	if err == nil {
		err = touched().Find(&rows.Segments).Error
	}
	if err == nil {
		err = r.withFeatures(ctx, rows.Plans)
	}
	if err != nil {
		return Rows{}, fmt.Errorf("read what revisions of %q changed: %w", environment, err)
	}
	return rows, nil
}

// FlagsByID returns the global parts of some flags, by id.
func (r reader) FlagsByID(ctx context.Context, ids []string) (map[string]FeatureFlag, error) {
	byID := make(map[string]FeatureFlag, len(ids))
	for chunk := range slices.Chunk(ids, batch) {
		var rows []FeatureFlag
		if err := r.with(ctx).Where("id IN ?", chunk).Find(&rows).Error; err != nil {
			return nil, fmt.Errorf("read some flags: %w", err)
		}
		for _, row := range rows {
			byID[row.ID] = row
		}
	}
	return byID, nil
}

// KilledSince returns the revision in which a flag that is killed now became so, or ErrNotFound.
func (r reader) KilledSince(ctx context.Context, environment, key string) (Revision, error) {
	var killed struct{ Since *int64 }
	err := r.with(ctx).Raw(`
		SELECT min(e.from_revision) AS since FROM feature_flag_environments e JOIN feature_flags f ON f.id = e.feature_id
		WHERE f.name = ? AND e.environment = ? AND e.killed AND e.from_revision > (
			SELECT coalesce(max(b.from_revision), 0) FROM feature_flag_environments b
			WHERE b.feature_id = f.id AND b.environment = e.environment AND NOT b.killed)`, key, environment).Scan(&killed).Error
	if err != nil {
		return Revision{}, fmt.Errorf("read since when %q is killed in %q: %w", key, environment, err)
	}
	if killed.Since == nil {
		return Revision{}, fmt.Errorf("%q is not killed in %q: %w", key, environment, ErrNotFound)
	}
	return r.Revision(ctx, environment, *killed.Since)
}
