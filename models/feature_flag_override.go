package models

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/toprent/flags/ruleset"
)

// FeatureFlagOverride is one version of an override: one user or one tenant gets a variant of a flag.
type FeatureFlagOverride struct {
	ID             string `gorm:"primaryKey"` // a UUID
	FeatureID      string
	UserID         *string // exactly one of UserID and OrgID
	OrgID          *string // the tenant
	IsEnabled      *bool   // exactly one of IsEnabled (a boolean flag's on or off) and Variant
	Variant        *string
	OverrideReason string
	ExpiresAt      *Time // nil: never
	CreatedBy      string
	CreatedAt      Time
	Version        `gorm:"embedded"`
}

func (FeatureFlagOverride) TableName() string { return "feature_flag_overrides" }

// A boolean flag's implied variants, which is_enabled stands for.
const (
	on  = "on"
	off = "off"
)

// OverrideOf gives an override of that flag as it is stored, without its id, author and version.
func OverrideOf(o ruleset.Override, flag FeatureFlag) FeatureFlagOverride {
	row := FeatureFlagOverride{FeatureID: flag.ID, OverrideReason: o.Reason, ExpiresAt: AtOptional(o.Expires)}
	if o.User != "" {
		row.UserID = &o.User
	}
	if o.Tenant != "" {
		row.OrgID = &o.Tenant
	}
	if flag.Type == ruleset.Boolean && (o.Variant == on || o.Variant == off) {
		enabled := o.Variant == on
		row.IsEnabled = &enabled
	} else {
		row.Variant = &o.Variant
	}
	return row
}

// Override is what the row means; flag is the flag's key.
func (o FeatureFlagOverride) Override(flag string) ruleset.Override {
	override := ruleset.Override{Flag: flag, Reason: o.OverrideReason, Expires: o.ExpiresAt.Optional()}
	if o.UserID != nil {
		override.User = *o.UserID
	}
	if o.OrgID != nil {
		override.Tenant = *o.OrgID
	}
	switch {
	case o.Variant != nil:
		override.Variant = *o.Variant
	case o.IsEnabled != nil && *o.IsEnabled:
		override.Variant = on
	default:
		override.Variant = off
	}
	return override
}

// Same reports whether the other gives the same subject the same for the same reason until the same time.
func (o FeatureFlagOverride) Same(other FeatureFlagOverride) bool {
	return o.FeatureID == other.FeatureID && o.OverrideReason == other.OverrideReason &&
		same(o.UserID, other.UserID) && same(o.OrgID, other.OrgID) &&
		same(o.IsEnabled, other.IsEnabled) && same(o.Variant, other.Variant) &&
		(o.ExpiresAt == nil) == (other.ExpiresAt == nil) && (o.ExpiresAt == nil || o.ExpiresAt.Equal(other.ExpiresAt.Time))
}

func same[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

// OverridesAt returns all overrides at revision n of an environment.
func (r reader) OverridesAt(ctx context.Context, environment string, n int64) ([]FeatureFlagOverride, error) {
	return overridesAt(r.with(ctx), environment, n)
}

// overridesMiddle is between the halves of all overrides' ids, which are random.
const overridesMiddle = "80000000-0000-0000-0000-000000000000"

func overridesAt(db *gorm.DB, environment string, n int64) ([]FeatureFlagOverride, error) {
	columns := []string{"id", "feature_id", "user_id", "org_id", "is_enabled", "variant", "override_reason", "expires_at", "created_by", "created_at", "from_revision", "to_revision"}
	rows, err := scanned(at(db.Model(&FeatureFlagOverride{}), environment, n).Select(columns), func(o *FeatureFlagOverride) []any {
		return []any{&o.ID, &o.FeatureID, &o.UserID, &o.OrgID, &o.IsEnabled, &o.Variant, &o.OverrideReason, &o.ExpiresAt, &o.CreatedBy, &o.CreatedAt, &o.FromRevision, &o.ToRevision}
	})
	if err != nil {
		return nil, fmt.Errorf("read the overrides of %q: %w", environment, err)
	}
	for i := range rows { // one text for all of them
		rows[i].Environment = environment
	}
	return rows, nil
}

// LiveOverridesOf returns the live overrides of one flag in an environment.
func (r reader) LiveOverridesOf(ctx context.Context, environment, featureID string) ([]FeatureFlagOverride, error) {
	var rows []FeatureFlagOverride
	if err := r.with(ctx).Where("environment = ? AND feature_id = ? AND to_revision IS NULL", environment, featureID).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the overrides of a flag in %q: %w", environment, err)
	}
	return rows, nil
}

// OverridesChanged is the newest revision of an environment that brought or ended an override of a flag; 0: none did.
func (r reader) OverridesChanged(ctx context.Context, environment, featureID string) (revision int64, err error) {
	err = r.with(ctx).Model(&FeatureFlagOverride{}).Where("environment = ? AND feature_id = ?", environment, featureID).
		Select("coalesce(max(coalesce(to_revision, from_revision)), 0)").Scan(&revision).Error
	if err != nil {
		return 0, fmt.Errorf("look when overrides in %q changed: %w", environment, err)
	}
	return revision, nil
}

// OverrideRecord is a live override with who made it and when.
type OverrideRecord struct {
	ruleset.Override
	CreatedBy string
	CreatedAt time.Time
}

// Overrides returns the live overrides of an environment with who made them, in the order of Load.
func (r reader) Overrides(ctx context.Context, environment string) ([]OverrideRecord, error) {
	present, err := r.Environment(ctx, environment)
	if err != nil {
		return nil, err
	}
	flags, err := r.identities(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := r.OverridesAt(ctx, environment, present.Head)
	if err != nil {
		return nil, err
	}
	records := make([]OverrideRecord, len(rows))
	for i, row := range rows {
		records[i] = OverrideRecord{row.Override(flags[row.FeatureID].Name), row.CreatedBy, row.CreatedAt.Time}
	}
	slices.SortFunc(records, func(a, b OverrideRecord) int { return compareOverrides(a.Override, b.Override) })
	return records, nil
}

func compareOverrides(a, b ruleset.Override) int {
	return cmp.Or(strings.Compare(a.Flag, b.Flag), strings.Compare(a.Tenant, b.Tenant), strings.Compare(a.User, b.User))
}

// EndOverrides ends rows with a revision.
func (tx *Tx) EndOverrides(ctx context.Context, rows []FeatureFlagOverride, revision int64) error {
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	return closeRows[FeatureFlagOverride](ctx, tx, ids, revision)
}

// AddOverrides adds rows.
func (tx *Tx) AddOverrides(ctx context.Context, rows []FeatureFlagOverride) error {
	return addRows(ctx, tx, rows)
}
