package models

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"
)

// TenantAddOn says that a tenant bought a feature beside its plan.
type TenantAddOn struct {
	ID        string `gorm:"primaryKey"` // a UUID
	OrgID     string
	Feature   string // a flag's key
	CreatedAt Time
	CreatedBy string
	EndedAt   *Time // nil while the tenant has it
	EndedBy   *string
}

func (TenantAddOn) TableName() string { return "tenant_addons" }

// TenantAddOns returns the keys of the features that the tenant bought beside its plan, sorted.
func (r reader) TenantAddOns(ctx context.Context, tenant string) ([]string, error) {
	var features []string
	err := r.with(ctx).Model(&TenantAddOn{}).Where("org_id = ? AND ended_at IS NULL", tenant).Pluck("feature", &features).Error
	if err != nil {
		return nil, fmt.Errorf("read the add-ons of tenant %q: %w", tenant, err)
	}
	slices.Sort(features)
	return features, nil
}

// TenantAddOnHistory returns the add-ons that a tenant has and had, those that it has first, then the newest; at most
// limit of them.
func (r reader) TenantAddOnHistory(ctx context.Context, tenant string, limit int) ([]TenantAddOn, error) {
	var rows []TenantAddOn
	err := r.with(ctx).Where("org_id = ?", tenant).Order("CASE WHEN ended_at IS NULL THEN 0 ELSE 1 END, created_at DESC, id").Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read the add-ons of tenant %q: %w", tenant, err)
	}
	return rows, nil
}

// TenantsByAddOn counts the tenants that have each add-on.
func (r reader) TenantsByAddOn(ctx context.Context) (map[string]int, error) {
	return r.counts(r.with(ctx).Model(&TenantAddOn{}).Select("feature AS key, count(*) AS total").Where("ended_at IS NULL").Group("feature"))
}

// AddAddOn gives the tenant a feature beside its plan. One that it has already is left as it is. A feature that is no
// flag's key is ErrNotFound.
func (s *Store) AddAddOn(ctx context.Context, tenant, feature, by string) error {
	return s.Write(ctx, func(tx *Tx) error {
		_, err := tx.AddAddOn(ctx, tenant, feature, by)
		return err
	})
}

// AddAddOn is Store.AddAddOn within a transaction. It reports whether the tenant did not have the feature.
func (tx *Tx) AddAddOn(ctx context.Context, tenant, feature, by string) (added bool, err error) {
	if _, err := tx.Flag(ctx, feature); err != nil {
		return false, err
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return false, err
	}
	row := TenantAddOn{ID: uuid.NewString(), OrgID: tenant, Feature: feature, CreatedAt: At(now), CreatedBy: by}
	done := tx.with(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&row)
	if done.Error != nil {
		return false, fmt.Errorf("add %q to tenant %q: %w", feature, tenant, done.Error)
	}
	return done.RowsAffected == 1, nil
}

// EndAddOn takes the feature from the tenant. One that it does not have is ErrNotFound.
func (s *Store) EndAddOn(ctx context.Context, tenant, feature, by string) error {
	return s.Write(ctx, func(tx *Tx) error { return tx.EndAddOn(ctx, tenant, feature, by) })
}

// EndAddOn is Store.EndAddOn within a transaction.
func (tx *Tx) EndAddOn(ctx context.Context, tenant, feature, by string) error {
	now, err := tx.Now(ctx)
	if err != nil {
		return err
	}
	done := tx.with(ctx).Model(&TenantAddOn{}).Where("org_id = ? AND feature = ? AND ended_at IS NULL", tenant, feature).
		Updates(map[string]any{"ended_at": At(now), "ended_by": by})
	if done.Error == nil && done.RowsAffected == 0 {
		done.Error = ErrNotFound
	}
	if done.Error != nil {
		return fmt.Errorf("end add-on %q of tenant %q: %w", feature, tenant, done.Error)
	}
	return nil
}
