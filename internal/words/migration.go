package words

import (
	"slices"
	"time"

	"github.com/toprent/flags/ruleset"
)

// stages says of a staged migration flag which stages it serves. Killed or disabled, they are those that each tenant has
// stepped back to.
func stages(flag ruleset.Flag, now time.Time, zone *time.Location) string {
	switch {
	case flag.Malformed != "":
		return "It cannot be evaluated, so none of its stages is trusted: each tenant stays in the last one that could be."
	case flag.Killed:
		return "Killed: " + steppedBack(flag, now, zone) + ", until the kill is lifted."
	case !flag.Enabled:
		return "Disabled: " + steppedBack(flag, now, zone) + "."
	}
	return capital(state(flag, now, zone)) + "."
}

func steppedBack(flag ruleset.Flag, now time.Time, zone *time.Location) string {
	capped := func(name string) string {
		if stage, ok := ruleset.ParseStage(name); ok {
			return stage.Capped().String()
		}
		return name
	}
	served := flag.StagesServed()
	flag.Otherwise = capped(flag.Otherwise)
	flag.Rules = slices.Clone(flag.Rules)
	for i := range flag.Rules {
		rule := &flag.Rules[i]
		if rule.Percent != nil {
			percent := *rule.Percent
			percent.Serve = capped(percent.Serve)
			rule.Percent = &percent
		}
		rule.Serve = capped(rule.Serve)
	}
	remains := state(flag, now, zone)
	switch {
	case served.Has(ruleset.StageComplete):
		return "“complete” cannot step back, every other stage steps back to “shadow” at most: " + remains
	case served.Has(ruleset.StageLive), served.Has(ruleset.StageRampdown):
		return "it steps back to “shadow”, where the original counts and both sides are written: " + remains
	}
	return "it is not past “shadow”, so the original counts as before: " + remains
}

// offOf and defaultOf are what a flag serves when it is off, and when it cannot be evaluated.
func offOf(flag ruleset.Flag) string {
	if flag.Staged() {
		return "each tenant’s stage, at most “shadow”"
	}
	return Variant(flag, flag.Off)
}

func defaultOf(flag ruleset.Flag) string {
	if flag.Kind == ruleset.Migration {
		return "the present stage"
	}
	return Variant(flag, flag.Default)
}
