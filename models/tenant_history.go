package models

import (
	"context"
	"fmt"
)

// TenantEvent is something that became of what a tenant or one of its users has.
type TenantEvent struct {
	At     Time
	Author string
	What   string // one of the kinds below

	Environment string // of an override, as the next
	Revision    int64
	UserID      string // empty: the tenant's own
	Reason      string

	Key   string // the flag's, or the plan's; empty for no plan
	Value string // the variant
}

// What becomes of a tenant.
const (
	TenantOverrideSet   = "override set"
	TenantOverrideEnded = "override ended"
	TenantPlanSet       = "plan set"
	TenantAddOnAdded    = "add-on added"
	TenantAddOnEnded    = "add-on ended"
)

// TenantHistory returns what became of a tenant, the newest first: overrides of it and of the people who were seen in it,
// plans and add-ons; at most limit after skipping offset. total is how much there is.
func (r reader) TenantHistory(ctx context.Context, tenant string, offset, limit int) (events []TenantEvent, total int, err error) {
	const (
		variant = `CASE WHEN o.variant IS NOT NULL THEN o.variant WHEN o.is_enabled THEN 'on' ELSE 'off' END`
		columns = `o.environment, r.number AS revision, coalesce(o.user_id, '') AS user_id, r.reason, f.name AS key, `
	)
	happened := `WITH mine AS MATERIALIZED (SELECT o.* FROM feature_flag_overrides o WHERE o.org_id = @tenant OR o.user_id IS NOT NULL AND EXISTS (SELECT 1 FROM directory_subjects d
			WHERE d.environment = o.environment AND d.kind = 'user' AND d.id = o.user_id AND d.tenant = @tenant)),
		happened AS MATERIALIZED (
		SELECT r.published_at AS at, r.author, '` + TenantOverrideSet + `' AS what, ` + columns + variant + ` AS value
			FROM mine o JOIN feature_flags f ON f.id = o.feature_id JOIN revisions r ON r.environment = o.environment AND r.number = o.from_revision
		UNION ALL SELECT r.published_at, r.author, '` + TenantOverrideEnded + `', ` + columns + `''
			FROM mine o JOIN feature_flags f ON f.id = o.feature_id JOIN revisions r ON r.environment = o.environment AND r.number = o.to_revision
			WHERE NOT EXISTS (SELECT 1 FROM feature_flag_overrides n WHERE n.environment = o.environment AND n.from_revision = o.to_revision AND n.feature_id = o.feature_id
				AND coalesce(n.user_id, '') = coalesce(o.user_id, '') AND coalesce(n.org_id, '') = coalesce(o.org_id, ''))
		UNION ALL SELECT changed_at, changed_by, '` + TenantPlanSet + `', '', 0, '', '', plan, '' FROM tenant_plans WHERE org_id = @tenant
		UNION ALL SELECT created_at, created_by, '` + TenantAddOnAdded + `', '', 0, '', '', feature, '' FROM tenant_addons WHERE org_id = @tenant
		UNION ALL SELECT ended_at, coalesce(ended_by, ''), '` + TenantAddOnEnded + `', '', 0, '', '', feature, '' FROM tenant_addons WHERE org_id = @tenant AND ended_at IS NOT NULL
	) SELECT *, (SELECT count(*) FROM happened) AS total FROM happened ORDER BY at DESC, environment, revision DESC, key, user_id LIMIT @limit OFFSET @offset`
	var rows []struct {
		TenantEvent
		Total int
	}
	if err := r.with(ctx).Raw(happened, map[string]any{"tenant": tenant, "limit": limit, "offset": offset}).Scan(&rows).Error; err != nil {
		return nil, 0, fmt.Errorf("read the history of tenant %q: %w", tenant, err)
	}
	if len(rows) == 0 && offset > 0 { // beyond the end
		_, total, err = r.TenantHistory(ctx, tenant, 0, 1)
		return nil, total, err
	}
	for _, row := range rows {
		events, total = append(events, row.TenantEvent), row.Total
	}
	return events, total, nil
}
