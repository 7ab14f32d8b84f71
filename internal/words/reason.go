package words

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/toprent/flags/ruleset"
)

// Reason says in a few words why a value is what it is; rules are those of the flag that decided, nil if they are not known.
func Reason(d ruleset.Detail, rules []ruleset.Rule, zone *time.Location) string {
	if d.RuleIndex >= 0 {
		title := fmt.Sprintf("Rule %d", d.RuleIndex+1)
		if d.RuleIndex < len(rules) {
			title += ": " + RuleIn(rules[d.RuleIndex], zone)
		}
		return title
	}
	switch d.Reason {
	case ruleset.FlagNotFound:
		return "The flag is archived"
	case ruleset.Killed:
		return "Killed"
	case ruleset.PlanUnknown:
		return "Plan unknown"
	case ruleset.PlanExcluded:
		return "Excluded by the plan"
	case ruleset.Previewed:
		return "Previewed in this session"
	case ruleset.Error:
		return "The flag is malformed"
	case ruleset.Overridden:
		return "Override"
	case ruleset.Disabled:
		return "Disabled here"
	case ruleset.PrerequisiteFailed:
		return "A prerequisite is not met"
	case ruleset.NothingMatched:
		return "No rule matched"
	}
	return d.Reason.String()
}

// Served is how a variant is called where values are listed.
func Served(variant string) string {
	if variant == "" {
		return "the code's fallback"
	}
	return variant
}

// Value is a value as people read it; a long one is cut.
func Value(value any) string {
	text, ok := value.(string)
	if !ok {
		encoded, err := json.Marshal(value)
		if err != nil {
			return ""
		}
		text = string(encoded)
	}
	if runes := []rune(text); len(runes) > 120 {
		text = string(runes[:120]) + "…"
	}
	return text
}
