package models

import (
	"context"
	"fmt"
)

// FlagSpan is one version of a flag's settings with when it was published.
type FlagSpan struct {
	FeatureID    string
	FlagSettings `gorm:"embedded"`
	PublishedAt  Time
}

// FlagSpans returns all versions of the settings of these flags in an environment, by flag, the newest first.
func (r reader) FlagSpans(ctx context.Context, environment string, featureIDs []string) (all []FlagSpan, err error) {
	for len(featureIDs) > 0 {
		n := min(len(featureIDs), batch)
		query := r.with(ctx).Table("feature_flag_environments s").
			Joins("JOIN revisions r ON r.environment = s.environment AND r.number = s.from_revision").
			Where("s.environment = ? AND s.feature_id IN ?", environment, featureIDs[:n]).Order("s.feature_id, s.from_revision DESC").
			Select("s.feature_id, s.archived, s.enabled, s.killed, s.variants, s.off_variant, s.otherwise_variant, s.default_variant, s.prerequisites, s.rollout_strategy, r.published_at")
		rows, err := scanned(query, func(f *FlagSpan) []any {
			return []any{&f.FeatureID, &f.Archived, &f.Enabled, &f.Killed, &f.Variants, &f.OffVariant, &f.OtherwiseVariant, &f.DefaultVariant, &f.Prerequisites, &f.RolloutStrategy, &f.PublishedAt}
		})
		if err != nil {
			return nil, fmt.Errorf("read the past of flags in %q: %w", environment, err)
		}
		all, featureIDs = append(all, rows...), featureIDs[n:]
	}
	return all, nil
}

// FlagVersion is one version of a flag's settings with the kind of revision that made it.
type FlagVersion struct {
	FeatureFlagEnvironment `gorm:"embedded"`
	Kind                   string
}

// FlagVersions returns all versions of a flag's settings in an environment, the newest first.
func (r reader) FlagVersions(ctx context.Context, environment, featureID string) (all []FlagVersion, err error) {
	err = r.with(ctx).Table("feature_flag_environments s").Joins("JOIN revisions r ON r.environment = s.environment AND r.number = s.from_revision").
		Where("s.environment = ? AND s.feature_id = ?", environment, featureID).Order("s.from_revision DESC").Select("s.*, r.kind").Find(&all).Error
	if err != nil {
		return nil, fmt.Errorf("read the past of a flag in %q: %w", environment, err)
	}
	return all, nil
}
