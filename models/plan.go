package models

import (
	"context"
	"fmt"
	"slices"

	"github.com/toprent/flags/ruleset"
)

// Plan is one version of a plan in one environment.
type Plan struct {
	ID       int64 `gorm:"primaryKey"`
	Key      string
	Title    string
	Rank     int
	Features []string `gorm:"-"` // keys of flags; rows of plan_features
	Version  `gorm:"embedded"`
}

func (Plan) TableName() string { return "plans" }

// PlanOf gives a plan as it is stored, without its version.
func PlanOf(p ruleset.Plan) Plan {
	return Plan{Key: p.Key, Title: p.Title, Rank: p.Rank, Features: slices.Clone(p.Features)}
}

// Plan is what the row means.
func (p Plan) Plan() ruleset.Plan {
	return ruleset.Plan{Key: p.Key, Title: p.Title, Rank: p.Rank, Features: p.Features}
}

// Same reports whether the other says the same.
func (p Plan) Same(other Plan) bool {
	return p.Key == other.Key && p.Title == other.Title && p.Rank == other.Rank && slices.Equal(p.Features, other.Features)
}

// PlansAt returns all plans at revision n of an environment, with their features.
func (r reader) PlansAt(ctx context.Context, environment string, n int64) ([]Plan, error) {
	var rows []Plan
	if err := at(r.with(ctx), environment, n).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the plans of %q: %w", environment, err)
	}
	return rows, r.withFeatures(ctx, rows)
}

// withFeatures fills in what the plans list.
func (r reader) withFeatures(ctx context.Context, rows []Plan) error {
	features, err := r.planFeatures(ctx, rows)
	if err != nil {
		return err
	}
	for i := range rows {
		rows[i].Features = features[rows[i].ID]
	}
	return nil
}

// EndPlans ends rows with a revision.
func (tx *Tx) EndPlans(ctx context.Context, rows []Plan, revision int64) error {
	ids := make([]int64, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	return closeRows[Plan](ctx, tx, ids, revision)
}

// AddPlans adds rows with their features.
func (tx *Tx) AddPlans(ctx context.Context, rows []Plan) error {
	if err := addRows(ctx, tx, rows); err != nil {
		return err
	}
	return tx.addPlanFeatures(ctx, rows)
}
