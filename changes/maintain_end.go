package changes

import (
	"cmp"
	"context"
	"slices"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// EndMaintenance ends what Maintain has turned on: its rule goes, or the one comes back that it had taken the place of, such
// as maintenance that was approved for tonight; nothing else of the flag changes. Like turning it on it needs no approval,
// since whoever may close a site in a hurry must be able to open it again. What was approved is another matter: where the
// flag was last changed by an ordinary change of a protected environment, ending is one too, and the answer a
// ProtectedError. (A kill of the flag opens the site at once in any case.) If maintenance is not on, nothing
// is published. An empty key is ruleset.MaintenanceKey. It returns ErrNoFlag, service.ErrNoEnvironment or ErrUnavailable.
func (c *Changes) EndMaintenance(ctx context.Context, environment, key string, by Actor, reason string) (published Published, err error) {
	if err := checkNamesAndReason(by.Name, reason); err != nil {
		return Published{}, err
	}
	key = cmp.Or(key, ruleset.MaintenanceKey)
	err = c.write(ctx, kindMaintenanceEnd, func(tx *models.Tx) error {
		d, err := c.openFlag(ctx, tx, environment, key, by.Name)
		if err != nil {
			return err
		}
		d.authorID = by.ID
		kind, err := d.endMaintenance(ctx, tx, key)
		if err != nil {
			return err
		}
		if len(d.problems) > 0 {
			return &RefusedError{Problems: d.problems}
		}
		published, err = d.publish(ctx, tx, kind, reason)
		return err
	})
	if err != nil {
		return Published{}, err
	}
	return published, nil
}

// endMaintenance takes the rule away, or puts back the one that Maintain had taken the place of, and says as what kind of
// revision.
func (d *draft) endMaintenance(ctx context.Context, tx *models.Tx, key string) (kind string, err error) {
	row, _ := d.flags.get(key)
	flag := row.Flag(d.about.byKey[key])
	if _, on := MaintenanceOn(flag); !on {
		return KindPublish, nil
	}
	versions, err := tx.FlagVersions(ctx, d.environment.Name, row.FeatureID)
	if err != nil {
		return "", err
	}
	flag.Rules = WithoutMaintenance(flag.Rules)
	past := make([]ruleset.Flag, len(versions))
	for i, v := range versions {
		past[i] = v.Flag(d.about.byKey[key])
	}
	byHand := versions[0].Kind != kindMaintenance
	if !byHand {
		d.restore(&flag, versions, past)
	}
	d.putFlag(flag, flag.Killed)
	if byHand && d.environment.TakesRequests() {
		return KindPublish, nil
	}
	return kindMaintenanceEnd, nil
}

// restore puts back what Maintain writes: whether the flag is enabled, the rule, and the variant's value, as they were in
// the last version that Maintain has not made. A rule of then was approved, or made by hand, and is not ended by ending what
// came over it. Where nothing is approved, a change of something else makes no rule of Maintain one's own.
func (d *draft) restore(flag *ruleset.Flag, versions []models.FlagVersion, past []ruleset.Flag) {
	before := slices.IndexFunc(versions, func(v models.FlagVersion) bool { return v.Kind != kindMaintenance })
	if before < 0 {
		return // Maintain has made the flag
	}
	flag.Enabled = past[before].Enabled
	for !d.environment.TakesRequests() && before+1 < len(past) && (versions[before].Kind == kindMaintenance || closesAlike(past[before], past[before+1])) {
		before++
	}
	if rule, on := MaintenanceOn(past[before]); on && versions[before].Kind != kindMaintenance {
		flag.Rules = append([]ruleset.Rule{rule}, flag.Rules...)
	}
	if value, ok := maintenanceValue(past[before]); ok {
		flag.Variants = withVariant(flag.Variants, value)
	}
}

// closesAlike reports whether two versions of a flag have the same of what Maintain writes.
func closesAlike(a, b ruleset.Flag) bool {
	ruleA, onA := MaintenanceOn(a)
	ruleB, onB := MaintenanceOn(b)
	valueA, _ := maintenanceValue(a)
	valueB, _ := maintenanceValue(b)
	return onA && onB && textsOf(ruleA) == textsOf(ruleB) && textsOf(valueA) == textsOf(valueB)
}

// maintenanceValue is the variant that Maintain writes; false: there is none yet.
func maintenanceValue(flag ruleset.Flag) (ruleset.Variant, bool) {
	i := slices.IndexFunc(flag.Variants, func(v ruleset.Variant) bool { return v.Name == MaintenanceVariant })
	if i < 0 {
		return ruleset.Variant{}, false
	}
	return flag.Variants[i], true
}
