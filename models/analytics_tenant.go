package models

import (
	"context"
	"fmt"

	"gorm.io/gorm/clause"
)

// AnalyticsTenant is the plan that a tenant was last seen with.
type AnalyticsTenant struct {
	Environment string `gorm:"primaryKey"`
	Tenant      string `gorm:"primaryKey"`
	Plan        string
	Since       Time
}

func (AnalyticsTenant) TableName() string { return "analytics_tenants" }

// seePlan notes a tenant's plan, and gives the one before; false if it has not changed, or was not known.
func (tx *Tx) seePlan(ctx context.Context, row AnalyticsTenant) (before string, changed bool, err error) {
	done := tx.with(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&row)
	if done.Error == nil && done.RowsAffected > 0 {
		return "", false, nil
	}
	err = done.Error
	for err == nil { // until nobody else changes it in between
		var stored AnalyticsTenant
		err = tx.with(ctx).Where("environment = ? AND tenant = ?", row.Environment, row.Tenant).Take(&stored).Error
		if err != nil || stored.Plan == row.Plan || stored.Since.After(row.Since.Time) {
			break
		}
		moved := tx.with(ctx).Model(&AnalyticsTenant{}).Where("environment = ? AND tenant = ? AND plan = ?", row.Environment, row.Tenant, stored.Plan).
			Updates(map[string]any{"plan": row.Plan, "since": row.Since})
		if err = moved.Error; err == nil && moved.RowsAffected > 0 {
			return stored.Plan, true, nil
		}
	}
	if err != nil {
		return "", false, fmt.Errorf("note a tenant's plan: %w", err)
	}
	return "", false, nil
}
