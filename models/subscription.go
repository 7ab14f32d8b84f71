package models

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Subscription returns what a tenant has bought: the key of its plan, empty if it never had one, and the keys of the
// features that it has as add-ons.
func (r reader) Subscription(ctx context.Context, tenant string) (plan string, addOns []string, err error) {
	plan, err = r.TenantPlan(ctx, tenant)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", nil, err
	}
	addOns, err = r.TenantAddOns(ctx, tenant)
	return plan, addOns, err
}

// SubscriptionAt returns what a tenant had bought at a moment. known is false if nothing was ever stored about it, so that
// whoever asks can look elsewhere.
func (r reader) SubscriptionAt(ctx context.Context, tenant string, at time.Time) (plan string, addOns []string, known bool, err error) {
	var plans []TenantPlan
	err = r.with(ctx).Where("org_id = ? AND changed_at <= ?", tenant, At(at)).Order("id DESC").Limit(1).Find(&plans).Error
	if err == nil {
		err = r.with(ctx).Model(&TenantAddOn{}).
			Where("org_id = ? AND created_at <= ? AND (ended_at IS NULL OR ended_at > ?)", tenant, At(at), At(at)).Pluck("feature", &addOns).Error
	}
	if err == nil {
		err = r.with(ctx).Raw("SELECT EXISTS (SELECT 1 FROM tenant_plans WHERE org_id = ?) OR EXISTS (SELECT 1 FROM tenant_addons WHERE org_id = ?)", tenant, tenant).Scan(&known).Error
	}
	if err != nil {
		return "", nil, false, fmt.Errorf("read what tenant %q had at %s: %w", tenant, at.Format(time.RFC3339), err)
	}
	if len(plans) > 0 {
		plan = plans[0].Plan
	}
	slices.Sort(addOns)
	return plan, addOns, known, nil
}
