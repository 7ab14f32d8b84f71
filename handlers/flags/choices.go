package flags

import (
	"maps"
	"slices"
	"strings"

	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// choices are what the filters offer: only what some flag has.
type choices struct {
	Category, Tier, Kind, Owner, Lifecycle, In, Status []views.Choice
}

func choicesOf(rows []*row, seen []*catalog.Environment, plans map[string]string) choices {
	category, tier, owner, lifecycle := set{}, set{}, set{}, set{}
	for _, r := range rows {
		category[r.Category], owner[r.Owner], lifecycle[r.Lifecycle] = true, true, true
		if len(r.Tiers) == 0 {
			tier[""] = true
		}
		for _, key := range r.Tiers {
			tier[key] = true
		}
	}
	c := choices{
		Category: category.choices("All categories", "Without category", nil), Owner: owner.choices("All owners", "Without owner", nil),
		Lifecycle: lifecycle.choices("All lifecycles", "Without lifecycle", nil),
		Tier:      tier.choices("All tiers", "No tier needed", plans),
		Kind:      append([]views.Choice{{Label: "All kinds"}}, views.ChoicesOf(ruleset.Kinds...)...),
		In:        []views.Choice{{Label: "Any environment"}},
		Status:    []views.Choice{{Label: "Any status"}},
	}
	for _, environment := range seen {
		c.In = append(c.In, views.Choice{Value: environment.Name, Label: environment.Title})
	}
	for _, rollout := range catalog.Rollouts {
		label := strings.ToUpper(string(rollout[:1])) + string(rollout[1:])
		c.Status = append(c.Status, views.Choice{Value: string(rollout), Label: label})
	}
	return c
}

// planTitles are how plans are called, by key.
func planTitles(seen []*catalog.Environment) map[string]string {
	titles := map[string]string{}
	for _, environment := range seen {
		for _, plan := range environment.Plans {
			titles[plan.Key] = plan.Title
		}
	}
	return titles
}

// set is the values that flags have.
type set map[string]bool

// choices offers the values, all of them first, and no value last if some flag has none.
func (s set) choices(all, without string, titles map[string]string) []views.Choice {
	out := []views.Choice{{Label: all}}
	for _, value := range slices.Sorted(maps.Keys(s)) {
		if value == "" {
			continue
		}
		label := value
		if titles[value] != "" {
			label = titles[value]
		}
		out = append(out, views.Choice{Value: value, Label: label})
	}
	if s[""] {
		out = append(out, views.Choice{Value: none, Label: without})
	}
	return out
}
