package models

import (
	"context"
	"fmt"

	"github.com/toprent/flags/ruleset"
)

// FeatureFlag is the part of a flag that is the same in all environments and cannot change a value.
type FeatureFlag struct {
	ID   string `gorm:"primaryKey"` // a UUID
	Name string // the flag's key: never changed, never used again

	Kind ruleset.Kind // these three never change either
	Type ruleset.Type
	Salt string

	About `gorm:"embedded"`

	Version   int64 // counts the changes of About, from 1
	CreatedAt Time  // these two are set here, by the database's clock, not by gorm
	UpdatedAt Time  `gorm:"autoUpdateTime:false"`
}

// About is what people write about a flag.
type About struct {
	Title          string
	Description    string
	Purpose        string
	Owner          string
	Category       string
	Lifecycle      string // LifecycleActive or LifecycleDeprecated
	PlannedRemoval *Time  // nil: none is planned

	ReviewedAt *Time // when somebody last said that it is still needed; nil: nobody did
	ReviewedBy string
	KeepUntil  *Time // until when it is to stay without being asked about
}

// How far a flag has come. Archived is no such state: a flag is archived in each environment by itself.
const (
	LifecycleActive     = "active"
	LifecycleDeprecated = "deprecated" // still working, and to be used in nothing new
)

// Lifecycles are the states, in the order in which they are offered.
func Lifecycles() []string { return []string{LifecycleActive, LifecycleDeprecated} }

func (FeatureFlag) TableName() string { return "feature_flags" }

// FlagsByKey returns the global part of all flags, by key.
func (r reader) FlagsByKey(ctx context.Context) (map[string]FeatureFlag, error) {
	columns := []string{"id", "name", "kind", "type", "salt", "title", "description", "purpose", "owner", "category", "lifecycle", "planned_removal", "reviewed_at", "reviewed_by", "keep_until", "version", "created_at", "updated_at"}
	rows, err := scanned(r.with(ctx).Model(&FeatureFlag{}).Select(columns), func(f *FeatureFlag) []any {
		return []any{&f.ID, &f.Name, &f.Kind, &f.Type, &f.Salt, &f.Title, &f.Description, &f.Purpose, &f.Owner, &f.Category, &f.Lifecycle, &f.PlannedRemoval, &f.ReviewedAt, &f.ReviewedBy, &f.KeepUntil, &f.Version, &f.CreatedAt, &f.UpdatedAt}
	})
	if err != nil {
		return nil, fmt.Errorf("read the flags: %w", err)
	}
	byKey := make(map[string]FeatureFlag, len(rows))
	for _, row := range rows {
		byKey[row.Name] = row
	}
	return byKey, nil
}

// Flag returns the global part of a flag, or ErrNotFound.
func (r reader) Flag(ctx context.Context, key string) (FeatureFlag, error) {
	var row FeatureFlag
	if err := r.with(ctx).Where("name = ?", key).Take(&row).Error; err != nil {
		return FeatureFlag{}, fmt.Errorf("read flag %q: %w", key, first(err))
	}
	return row, nil
}

// identities returns what flags are, by id: their key, kind, type and salt only.
func (r reader) identities(ctx context.Context) (map[string]FeatureFlag, error) {
	var rows []FeatureFlag
	if err := r.with(ctx).Select("id", "name", "kind", "type", "salt").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the flags: %w", err)
	}
	byID := make(map[string]FeatureFlag, len(rows))
	for _, row := range rows {
		byID[row.ID] = row
	}
	return byID, nil
}

// FlagKeys returns the keys of all flags, by id.
func (r reader) FlagKeys(ctx context.Context) (map[string]string, error) {
	flags, err := r.identities(ctx)
	keys := make(map[string]string, len(flags))
	for id, flag := range flags {
		keys[id] = flag.Name
	}
	return keys, err
}

// AddFlags adds flags that are new.
func (tx *Tx) AddFlags(ctx context.Context, flags []FeatureFlag) error {
	if len(flags) == 0 {
		return nil
	}
	if err := tx.with(ctx).CreateInBatches(flags, batch).Error; err != nil {
		return fmt.Errorf("add flags: %w", err)
	}
	return nil
}

// UpdateFlag stores what people write about a flag, and counts its version up.
func (tx *Tx) UpdateFlag(ctx context.Context, flag FeatureFlag) error {
	err := tx.with(ctx).Model(&FeatureFlag{}).Where("id = ?", flag.ID).
		Select("Title", "Description", "Purpose", "Owner", "Category", "Lifecycle", "PlannedRemoval", "ReviewedAt", "ReviewedBy", "KeepUntil", "Version", "UpdatedAt").
		Updates(&flag).Error
	if err != nil {
		return fmt.Errorf("change flag %q: %w", flag.Name, err)
	}
	return nil
}
