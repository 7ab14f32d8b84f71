package conversions

import (
	"slices"

	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/ruleset"
)

// includes reports whether a plan, as plans are now, has a flag by its rank or by its list. A plan that is not known has none.
func includes(in *catalog.Environment, key, flag string) bool {
	plan, known := in.Plan(key)
	if !known {
		return false
	}
	if slices.Contains(plan.Features, flag) {
		return true
	}
	f, ok := in.Flag(flag)
	if !ok || f.TierRequired == "" {
		return false
	}
	lowest, ok := in.Plan(f.TierRequired)
	return ok && plan.Rank >= lowest.Rank
}

// needsPlan reports whether who gets a flag depends on the plan.
func needsPlan(in *catalog.Environment, key string) bool {
	flag, ok := in.Flag(key)
	return ok && (flag.Kind == ruleset.Premium || flag.TierRequired != "" ||
		slices.ContainsFunc(in.Plans, func(p *catalog.Plan) bool { return slices.Contains(p.Features, key) }))
}
