package models

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/toprent/flags/ruleset"
)

// FeatureFlagEnvironment is one version of a flag's settings in one environment.
type FeatureFlagEnvironment struct {
	ID           int64 `gorm:"primaryKey"`
	FeatureID    string
	Version      `gorm:"embedded"`
	FlagSettings `gorm:"embedded"`
}

// FlagSettings are the settings of a flag in one environment, as they are stored. Equal settings compare equal.
type FlagSettings struct {
	TierRequired     string
	ClientVisible    bool
	Archived         bool
	Enabled          bool
	Killed           bool
	Variants         string // JSON, in stored order
	OffVariant       string
	OtherwiseVariant string
	DefaultVariant   string
	Prerequisites    string // JSON
	RolloutStrategy  string // JSON: the rules
}

func (FeatureFlagEnvironment) TableName() string { return "feature_flag_environments" }

// SettingsOf gives a flag's settings as they are stored, with what a migration flag leaves unsaid.
func SettingsOf(flag ruleset.Flag) (FlagSettings, error) {
	flag = flag.Filled()
	settings := FlagSettings{
		TierRequired: flag.TierRequired, ClientVisible: flag.ClientVisible, Archived: flag.Archived,
		Enabled: flag.Enabled, Killed: flag.Killed,
		OffVariant: flag.Off, OtherwiseVariant: flag.Otherwise, DefaultVariant: flag.Default,
	}
	var err error
	if settings.Variants, err = encode(flag.Variants); err != nil {
		return FlagSettings{}, fmt.Errorf("variants: %w", err)
	}
	if settings.Prerequisites, err = encode(flag.Prerequisites); err != nil {
		return FlagSettings{}, fmt.Errorf("prerequisites: %w", err)
	}
	if settings.RolloutStrategy, err = encode(inUTC(flag.Rules)); err != nil {
		return FlagSettings{}, fmt.Errorf("rules: %w", err)
	}
	return settings, nil
}

// inUTC gives the rules with their times in UTC, and leaves those given alone.
func inUTC(rules []ruleset.Rule) []ruleset.Rule {
	rules = slices.Clone(rules)
	for i, rule := range rules {
		if rule.Percent != nil && (rule.Percent.Start != nil || rule.Percent.End != nil) {
			percent := *rule.Percent
			percent.Start, percent.End = utc(percent.Start), utc(percent.End)
			rules[i].Percent = &percent
		}
	}
	return rules
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

// Flag is what these settings mean for that flag. What cannot be read makes the flag malformed.
func (s FlagSettings) Flag(global FeatureFlag) ruleset.Flag { return (*Texts)(nil).Flag(s, global) }

// FlagSettingsAt returns the settings of all flags at revision n of an environment.
func (r reader) FlagSettingsAt(ctx context.Context, environment string, n int64) ([]FeatureFlagEnvironment, error) {
	columns := []string{"id", "feature_id", "environment", "from_revision", "to_revision", "tier_required", "client_visible", "archived", "enabled", "killed",
		"variants", "off_variant", "otherwise_variant", "default_variant", "prerequisites", "rollout_strategy"}
	rows, err := scanned(at(r.with(ctx).Model(&FeatureFlagEnvironment{}), environment, n).Select(columns), func(f *FeatureFlagEnvironment) []any {
		return []any{&f.ID, &f.FeatureID, &f.Environment, &f.FromRevision, &f.ToRevision, &f.TierRequired, &f.ClientVisible, &f.Archived, &f.Enabled, &f.Killed,
			&f.Variants, &f.OffVariant, &f.OtherwiseVariant, &f.DefaultVariant, &f.Prerequisites, &f.RolloutStrategy}
	})
	if err != nil {
		return nil, fmt.Errorf("read the flags of %q: %w", environment, err)
	}
	return rows, nil
}

// LiveFlagSettings returns the settings of one flag that are live in an environment, or ErrNotFound.
func (r reader) LiveFlagSettings(ctx context.Context, environment, featureID string) (FeatureFlagEnvironment, error) {
	var row FeatureFlagEnvironment
	err := r.with(ctx).Where("environment = ? AND feature_id = ? AND to_revision IS NULL", environment, featureID).Take(&row).Error
	if err != nil {
		return FeatureFlagEnvironment{}, fmt.Errorf("read a flag of %q: %w", environment, first(err))
	}
	return row, nil
}

// EndFlagSettings ends rows with a revision.
func (tx *Tx) EndFlagSettings(ctx context.Context, rows []FeatureFlagEnvironment, revision int64) error {
	ids := make([]int64, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	return closeRows[FeatureFlagEnvironment](ctx, tx, ids, revision)
}

// AddFlagSettings adds rows.
func (tx *Tx) AddFlagSettings(ctx context.Context, rows []FeatureFlagEnvironment) error {
	return addRows(ctx, tx, rows)
}
