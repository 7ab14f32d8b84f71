package builder

import (
	"fmt"
	"reflect"

	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/ruleset"
)

// Describe says beside each rule what it does, and which ones reach nobody. It refuses nothing.
func (b *Builder) Describe() {
	kept := b.Errors
	b.Errors = map[string]string{}
	rules, _ := b.Result()
	b.Errors = kept
	for i, r := range b.Rules {
		r.Words = words.RuleIn(rules[i], b.Zone)
		r.Advice = advice(rules, i)
	}
}

// advice says why a rule may reach nobody.
func advice(rules []ruleset.Rule, i int) (lines []string) {
	rule := rules[i]
	if p := rule.Percent; p != nil && most(p) == 0 {
		lines = append(lines, "It reaches nobody: its share is 0 %.")
	}
	for j, before := range rules[:i] {
		if before.When != nil && !reflect.DeepEqual(before.When, rule.When) {
			continue
		}
		switch {
		case final(before) && before.When == nil:
			return append(lines, fmt.Sprintf("Nobody comes this far: rule %d already decides for everybody.", j+1))
		case final(before):
			return append(lines, fmt.Sprintf("It reaches nobody: rule %d already decides for the same people.", j+1))
		case covers(before.Percent, rule.Percent) && before.Seed == rule.Seed:
			return append(lines, fmt.Sprintf("It reaches nobody: whoever is in its %s %% is in the %s %% of rule %d already. Make it larger, or give it a seed of its own.",
				most(rule.Percent), least(before.Percent), j+1))
		}
	}
	return lines
}

// final reports whether nobody who matches the rule goes on to the next one.
func final(rule ruleset.Rule) bool {
	if rule.Percent != nil {
		return least(rule.Percent) >= ruleset.Everyone
	}
	return rule.Serve != "" || rule.Split != nil && len(rule.Split.Weights) > 0
}

// covers reports whether all who are in a later percentage are in an earlier one that draws alike.
func covers(before, after *ruleset.Percent) bool {
	if before == nil || after == nil || most(after) == 0 {
		return false
	}
	if (before.Calibrated == nil) != (after.Calibrated == nil) { // an exact share reaches a little more or less far
		return false
	}
	return unitOf(before.Unit) == unitOf(after.Unit) && least(before) >= most(after)
}

func unitOf(unit string) string {
	if unit == "" {
		return ruleset.AttributeUser
	}
	return unit
}

// most is the largest share that a percentage ever has; least the smallest.
func most(p *ruleset.Percent) ruleset.Share { return max(p.Share, p.From, p.To) }
func least(p *ruleset.Percent) ruleset.Share {
	if p.Moving() {
		return min(p.From, p.To)
	}
	return p.Share
}
