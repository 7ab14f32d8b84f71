package models

import (
	"context"
	"fmt"
	"slices"
)

// PlanFeature is a flag that one version of a plan lists.
type PlanFeature struct {
	PlanID   int64 `gorm:"primaryKey;autoIncrement:false"`
	Position int   `gorm:"primaryKey;autoIncrement:false"`
	Feature  string
}

func (PlanFeature) TableName() string { return "plan_features" }

// planFeatures returns what these plans list, by the plan's id.
func (r reader) planFeatures(ctx context.Context, plans []Plan) (map[int64][]string, error) {
	ids := make([]int64, len(plans))
	for i, plan := range plans {
		ids[i] = plan.ID
	}
	features := make(map[int64][]string, len(plans))
	for chunk := range slices.Chunk(ids, batch) {
		var rows []PlanFeature
		if err := r.with(ctx).Where("plan_id IN ?", chunk).Order("plan_id, position").Find(&rows).Error; err != nil {
			return nil, fmt.Errorf("read the plans' features: %w", err)
		}
		for _, row := range rows {
			features[row.PlanID] = append(features[row.PlanID], row.Feature)
		}
	}
	return features, nil
}

func (tx *Tx) addPlanFeatures(ctx context.Context, plans []Plan) error {
	var rows []PlanFeature
	for _, plan := range plans {
		for i, feature := range plan.Features {
			rows = append(rows, PlanFeature{PlanID: plan.ID, Position: i, Feature: feature})
		}
	}
	return addRows(ctx, tx, rows)
}
