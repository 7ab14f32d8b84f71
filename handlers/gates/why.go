package gates

import (
	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/ruleset"
)

// why says in a few words what decided, as the reason is stored. Which rule it was is not stored: the revision tells.
func why(reason string) string {
	for _, r := range []ruleset.Reason{ruleset.FlagNotFound, ruleset.Killed, ruleset.PlanUnknown, ruleset.PlanExcluded, ruleset.Error, ruleset.Overridden,
		ruleset.Disabled, ruleset.PrerequisiteFailed, ruleset.NothingMatched} {
		if r.String() == reason {
			return words.Reason(ruleset.Detail{Reason: r, RuleIndex: -1}, nil, nil)
		}
	}
	switch reason {
	case ruleset.TargetingMatch.String():
		return "A rule matched"
	case ruleset.SplitMatch.String():
		return "A rule's share"
	}
	return reason
}
