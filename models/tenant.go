package models

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// Tenant is a tenant that has, or had, a plan or an add-on.
type Tenant struct {
	ID     string
	Plan   string   // the key of its plan; empty: none
	AddOns []string `gorm:"-"` // keys of flags, sorted
}

// TenantFilter says which tenants. Its zero value is all of them.
type TenantFilter struct {
	Search string  // a part of the id, whatever its case; no sign in it means anything else
	Plan   *string // the plan that they are on; empty: none; nil: any
	AddOn  string  // the add-on that they have; empty: any or none
}

// CountTenants returns how many tenants there are.
func (r reader) CountTenants(ctx context.Context, filter TenantFilter) (int, error) {
	var total int64
	if err := r.tenants(ctx, filter).Count(&total).Error; err != nil {
		return 0, fmt.Errorf("count the tenants: %w", err)
	}
	return int(total), nil
}

// Tenants returns the tenants from a place in their order (by id) on, at most limit of them.
func (r reader) Tenants(ctx context.Context, filter TenantFilter, from, limit int) (tenants []Tenant, err error) {
	err = r.tenants(ctx, filter).Select("t.org_id AS id, " + presentPlan + " AS plan").Order("t.org_id").Offset(from).Limit(limit).Scan(&tenants).Error
	if err != nil {
		return nil, fmt.Errorf("read the tenants: %w", err)
	}
	return tenants, r.withAddOns(ctx, tenants)
}

// presentPlan is the plan of tenant t in a query.
const presentPlan = "coalesce((SELECT p.plan FROM tenant_plans AS p WHERE p.org_id = t.org_id ORDER BY p.id DESC LIMIT 1), '')"

func (r reader) tenants(ctx context.Context, filter TenantFilter) *gorm.DB {
	query := r.with(ctx).Table("(SELECT org_id FROM tenant_plans UNION SELECT org_id FROM tenant_addons) AS t")
	if filter.Search != "" {
		query = query.Where(`lower(t.org_id) LIKE lower(?) ESCAPE '!'`, containing(filter.Search))
	}
	if filter.Plan != nil {
		query = query.Where(presentPlan+" = ?", *filter.Plan)
	}
	if filter.AddOn != "" {
		query = query.Where("EXISTS (SELECT 1 FROM tenant_addons AS a WHERE a.org_id = t.org_id AND a.feature = ? AND a.ended_at IS NULL)", filter.AddOn)
	}
	return query
}

// containing is a pattern for LIKE … ESCAPE '!' that finds a text anywhere. Its wildcards mean themselves.
func containing(text string) string {
	return "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(text) + "%"
}

func (r reader) withAddOns(ctx context.Context, tenants []Tenant) error {
	ids := make([]string, len(tenants))
	at := make(map[string]int, len(tenants))
	for i, tenant := range tenants {
		ids[i], at[tenant.ID] = tenant.ID, i
	}
	for chunk := range slices.Chunk(ids, batch) {
		var rows []TenantAddOn
		if err := r.with(ctx).Where("org_id IN ? AND ended_at IS NULL", chunk).Order("feature").Find(&rows).Error; err != nil {
			return fmt.Errorf("read the tenants' add-ons: %w", err)
		}
		for _, row := range rows {
			tenant := &tenants[at[row.OrgID]]
			tenant.AddOns = append(tenant.AddOns, row.Feature)
		}
	}
	return nil
}

// counts reads the keys and totals that a query gives.
func (reader) counts(query *gorm.DB) (map[string]int, error) {
	var rows []struct {
		Key   string
		Total int
	}
	if err := query.Scan(&rows).Error; err != nil {
		return nil, fmt.Errorf("count the tenants: %w", err)
	}
	totals := make(map[string]int, len(rows))
	for _, row := range rows {
		totals[row.Key] = row.Total
	}
	return totals, nil
}
