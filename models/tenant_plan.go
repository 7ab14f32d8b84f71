package models

import (
	"context"
	"fmt"
)

// TenantPlan says that a tenant has had a plan since then. The newest row is the tenant's plan; the others are its
// history.
type TenantPlan struct {
	ID        int64 `gorm:"primaryKey"`
	OrgID     string
	Plan      string // empty: none
	ChangedAt Time
	ChangedBy string
}

func (TenantPlan) TableName() string { return "tenant_plans" }

// TenantPlan returns the key of the tenant's plan, or ErrNotFound if it never had one.
func (r reader) TenantPlan(ctx context.Context, tenant string) (string, error) {
	var row TenantPlan
	if err := r.with(ctx).Where("org_id = ?", tenant).Order("id DESC").Take(&row).Error; err != nil {
		return "", fmt.Errorf("read the plan of tenant %q: %w", tenant, first(err))
	}
	return row.Plan, nil
}

// SetTenantPlan gives the tenant a plan from now on.
func (s *Store) SetTenantPlan(ctx context.Context, tenant, plan, by string) error {
	return s.Write(ctx, func(tx *Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		row := TenantPlan{OrgID: tenant, Plan: plan, ChangedAt: At(now), ChangedBy: by}
		if err := tx.with(ctx).Create(&row).Error; err != nil {
			return fmt.Errorf("set the plan of tenant %q: %w", tenant, err)
		}
		return nil
	})
}
