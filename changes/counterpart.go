package changes

import (
	"reflect"

	"github.com/toprent/flags/ruleset"
)

// counterparts finds for each rule the live one that it was made of; nil if there is none. Only percentages have one.
func counterparts(live, rules []ruleset.Rule) []*ruleset.Rule {
	found := make([]*ruleset.Rule, len(rules))
	taken := make([]bool, len(live))
	take := func(i, j int) {
		found[i], taken[j] = &live[j], true
	}
	for i, rule := range rules {
		if j := named(live, rule.Name); rule.Percent != nil && j >= 0 && named(rules, rule.Name) == i {
			take(i, j)
		}
	}
	for i, rule := range rules {
		if rule.Percent != nil && found[i] == nil {
			if j := alike(live, rule, i); j >= 0 {
				take(i, j)
			}
		}
	}
	for i, rule := range rules {
		if rule.Percent != nil && found[i] == nil && i < len(live) && live[i].Percent != nil && !taken[i] && drawAlike(rule, live[i]) {
			take(i, i)
		}
	}
	return found
}

// named gives the place of the only percentage of that name; -1 if there is none, or more rules than one have it.
func named(rules []ruleset.Rule, name string) int {
	place := -1
	for i, rule := range rules {
		if name == "" || rule.Name != name {
			continue
		}
		if place >= 0 {
			return -1
		}
		place = i
	}
	if place >= 0 && rules[place].Percent == nil {
		return -1
	}
	return place
}

// alike gives the place of a percentage that differs in its name and share at most; of several one with the same share,
// or in the same place. -1 if there is none.
func alike(live []ruleset.Rule, rule ruleset.Rule, place int) int {
	best, score := -1, -1
	for j, other := range live {
		if other.Percent == nil || !drawAlike(rule, other) || other.Percent.Serve != rule.Percent.Serve || !reflect.DeepEqual(other.When, rule.When) {
			continue
		}
		s := 0
		if other.Percent.Share == rule.Percent.Share {
			s = 2
		}
		if j == place {
			s++
		}
		if s > score {
			best, score = j, s
		}
	}
	return best
}
