package models

import (
	"context"
	"errors"
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
