package catalog

import (
	"time"

	"github.com/toprent/flags/ruleset"
)

// Rollout says at a glance how far a flag is out in an environment.
type Rollout string

const (
	Missing   Rollout = "missing"   // the environment does not have the flag
	Archived  Rollout = "archived"  // archived here
	Killed    Rollout = "killed"    // killed: off for everybody
	Off       Rollout = "off"       // disabled, or on for nobody
	Scheduled Rollout = "scheduled" // a share will begin to grow
	Partial   Rollout = "partial"   // on for some: by rules, shares or splits
	Everyone  Rollout = "everyone"  // the same for everybody, and not what is served when off
)

// Rollouts are those that lists can be filtered by, in the order in which they are offered.
var Rollouts = []Rollout{Off, Partial, Everyone, Killed, Scheduled}

// Rollout tells how far the flag is out. What plans exclude, and overrides, are not looked at: they are about the
// subject, not about the flag.
func (f *Flag) Rollout(now time.Time) Rollout {
	switch {
	case f == nil:
		return Missing
	case f.Archived:
		return Archived
	case f.Killed:
		return Killed
	case f.Staged():
		return f.staged()
	case !f.Enabled:
		return Off
	}
	off, otherwise := f.Off, f.Otherwise
	if f.Type == ruleset.Boolean {
		off, otherwise = orOff(off), orOff(otherwise)
	}
	scheduled, some := false, false
	for _, rule := range f.Rules {
		switch reach, serve := reachOf(rule, now); {
		case serve == off && rule.Split == nil || reach == Off:
			if reach == Everyone {
				return verdict(some, scheduled)
			}
		case reach == Scheduled:
			scheduled = true
		case reach == Everyone && rule.Split == nil && !some:
			return Everyone
		case reach == Everyone:
			return Partial
		default:
			some = true
		}
	}
	switch {
	case otherwise != off && !some && len(f.Rules) == 0:
		return Everyone
	case otherwise != off:
		return Partial
	}
	return verdict(some, scheduled)
}

// staged is the rollout of a migration in stages: off is where it begins, complete is where everybody has it. One that is
// disabled is in shadow at most.
func (f *Flag) staged() Rollout {
	var set ruleset.StageSet
	add := func(variant string) {
		if stage, ok := ruleset.ParseStage(orOff(variant)); ok {
			if !f.Enabled {
				stage = stage.Capped()
			}
			set |= ruleset.StagesOf(stage)
		}
	}
	add(f.Otherwise)
	for _, rule := range f.Rules {
		if rule.Percent != nil {
			add(rule.Percent.Serve)
		} else {
			add(rule.Serve)
		}
	}
	switch {
	case set.Is(ruleset.StageOff):
		return Off
	case set.Is(ruleset.StageComplete):
		return Everyone
	}
	return Partial
}

func verdict(some, scheduled bool) Rollout {
	switch {
	case some:
		return Partial
	case scheduled:
		return Scheduled
	}
	return Off
}

// reachOf says whom a rule reaches, and with which variant.
func reachOf(rule ruleset.Rule, now time.Time) (Rollout, string) {
	reach, serve := Everyone, rule.Serve
	if p := rule.Percent; p != nil {
		serve = p.Serve
		switch {
		case p.Moving():
			if p.From == 0 && p.Start != nil && now.Before(*p.Start) {
				return Scheduled, serve
			}
			reach = Partial
			if p.To >= ruleset.Everyone && p.End != nil && !now.Before(*p.End) {
				reach = Everyone
			}
		case p.Share == 0:
			return Off, serve
		case p.Share < ruleset.Everyone:
			reach = Partial
		}
	}
	if rule.When != nil {
		reach = Partial
	}
	return reach, serve
}

func orOff(variant string) string {
	if variant == "" {
		return "off"
	}
	return variant
}
