package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm/clause"
)

// AnalyticsTenant is the plan that a tenant was last seen with.
type AnalyticsTenant struct {
	Environment string `gorm:"primaryKey"`
	Tenant      string `gorm:"primaryKey"`
	Plan        string
	Since       Time
	Previous    string // the plan before; empty: none is known
}

func (AnalyticsTenant) TableName() string { return "analytics_tenants" }

// PlanSettles is how long it takes until every instance, and whatever their hosts ask for plans, knows of a change: what is
// seen of the plan before in that time is old.
const PlanSettles = time.Minute

// seePlan notes a tenant's plan, and gives the one before; false if it has not changed, or was not known.
func (tx *Tx) seePlan(ctx context.Context, seen PlanSeen) (before string, changed bool, err error) {
	row := seen.AnalyticsTenant
	if row.Previous == row.Plan {
		row.Previous = ""
	}
	done := tx.with(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&row)
	if done.Error == nil && done.RowsAffected > 0 {
		return row.Previous, row.Previous != "", nil
	}
	err = done.Error
	for err == nil { // until nobody else changes it in between
		var stored AnalyticsTenant
		if err = tx.with(ctx).Where("environment = ? AND tenant = ?", row.Environment, row.Tenant).Take(&stored).Error; err != nil {
			break
		}
		before, changed = stored.changes(row, seen.Told)
		if !changed {
			return "", false, nil
		}
		moved := tx.with(ctx).Model(&AnalyticsTenant{}).Where("environment = ? AND tenant = ? AND plan = ? AND previous = ?", row.Environment, row.Tenant, stored.Plan, stored.Previous).
			Updates(map[string]any{"plan": row.Plan, "since": row.Since, "previous": before})
		if err = moved.Error; err == nil && moved.RowsAffected > 0 {
			return before, true, nil
		}
	}
	return "", false, fmt.Errorf("note a tenant's plan: %w", err)
}

// changes reports whether what is heard of a tenant is a change of what is stored, and from which plan.
func (t AnalyticsTenant) changes(now AnalyticsTenant, told bool) (before string, changed bool) {
	since := now.Since.Sub(t.Since.Time)
	switch {
	case t.Plan == now.Plan: // a page that was quicker than the host's word has seen it, and could not know of a change
		return now.Previous, now.Previous != "" && t.Previous == "" && since <= PlanSettles
	case since < 0: // it is known better by now
		return "", false
	case !told && t.Previous == now.Plan && since < PlanSettles:
		return "", false
	}
	return t.Plan, true
}

// TenantsMoved gives the tenants that have moved to another plan since then, with it.
func (r reader) TenantsMoved(ctx context.Context, environment string, since time.Time) (rows []AnalyticsTenant, err error) {
	if err = r.with(ctx).Where("environment = ? AND since >= ? AND previous <> ''", environment, At(since)).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read which tenants have moved: %w", err)
	}
	return rows, nil
}
