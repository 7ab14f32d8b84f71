package ruleset

import (
	"cmp"
	"slices"
)

// plans is a revision's table of plans.
type plans struct {
	source []Plan
	byKey  map[string]Plan // those without mistakes
	flawed bool            // some have mistakes, which each compilation reports again
}

// gate says which plans include a flag.
type gate struct {
	key      string   // of the flag; an add-on of that key includes it too
	included []string // keys of plans, from the lowest rank
	plans    *plans
}

// gateOf gives the flag's gate, or nil if it needs no plan. A flag needs one if it names a tier, if any plan lists
// it, or if it is premium: a premium flag that no plan includes is to be had by add-on alone. A plan with a mistake
// still makes what it lists need a plan, but includes nothing.
func (p *plans) gateOf(key string, kind Kind, tierRequired string) *gate {
	g := &gate{key: key, plans: p}
	listed := slices.ContainsFunc(p.source, func(plan Plan) bool { return slices.Contains(plan.Features, key) })
	needed := p.byKey[tierRequired]
	for _, plan := range p.byKey {
		if slices.Contains(plan.Features, key) || needed.Key != "" && plan.Rank >= needed.Rank {
			g.included = append(g.included, plan.Key)
		}
	}
	if kind != Premium && tierRequired == "" && !listed {
		return nil
	}
	slices.SortFunc(g.included, func(a, b string) int {
		return cmp.Or(cmp.Compare(p.byKey[a].Rank, p.byKey[b].Rank), cmp.Compare(a, b))
	})
	return g
}

// admits reports whether a subject's plan and add-ons include the flag: NothingMatched if so (the gate has nothing
// to say), else PlanUnknown or PlanExcluded.
func (g *gate) admits(plan string, addOns []string) Reason {
	if g.includes(plan) {
		return NothingMatched
	}
	if _, known := g.plans.byKey[plan]; !known {
		return PlanUnknown
	}
	if slices.Contains(addOns, g.key) {
		return NothingMatched
	}
	return PlanExcluded
}

func (g *gate) includes(plan string) bool {
	for _, p := range g.included {
		if p == plan {
			return true
		}
	}
	return false
}

// upgrade is the plan that an upgrade prompt would sell: of those that include the flag the lowest above the
// subject's, else the lowest. Empty if none does.
func (g *gate) upgrade(from string) string {
	for _, plan := range g.included {
		if g.plans.byKey[plan].Rank > g.plans.byKey[from].Rank {
			return plan
		}
	}
	if len(g.included) > 0 {
		return g.included[0]
	}
	return ""
}
