package models

import (
	"sync"

	"github.com/toprent/flags/ruleset"
)

// Texts reads the JSON of many rows. What several of them say in the same words, as a flag's rules often do in all
// environments, is read once and shared, so that it must not be changed. It is safe for concurrent use, and its zero value
// is ready; nil keeps nothing.
type Texts struct{ variants, prerequisites, rules, conditions sync.Map }

// Flag is what settings mean for that flag. What cannot be read makes the flag malformed.
func (t *Texts) Flag(s FlagSettings, global FeatureFlag) ruleset.Flag {
	flag := ruleset.Flag{
		Key: global.Name, Kind: global.Kind, Type: global.Type, Salt: global.Salt,
		TierRequired: s.TierRequired, ClientVisible: s.ClientVisible, Archived: s.Archived, Enabled: s.Enabled, Killed: s.Killed,
		Off: s.OffVariant, Otherwise: s.OtherwiseVariant, Default: s.DefaultVariant,
	}
	var variants, prerequisites, rules *sync.Map
	if t != nil {
		variants, prerequisites, rules = &t.variants, &t.prerequisites, &t.rules
	}
	for _, err := range []error{
		readOnce(variants, "variants", s.Variants, &flag.Variants),
		readOnce(prerequisites, "prerequisites", s.Prerequisites, &flag.Prerequisites),
		readOnce(rules, "rollout_strategy", s.RolloutStrategy, &flag.Rules),
	} {
		if err != nil && flag.Malformed == "" {
			flag.Malformed = err.Error()
		}
	}
	return flag.Filled()
}

// Segment is what the row means. A condition that cannot be read becomes the empty one, which Compile refuses: the flags
// that use the segment are then malformed, rather than served to the wrong people.
func (t *Texts) Segment(s Segment) ruleset.Segment {
	segment := ruleset.Segment{Key: s.Key, Title: s.Title}
	var conditions *sync.Map
	if t != nil {
		conditions = &t.conditions
	}
	if err := readOnce(conditions, "condition", s.Condition, &segment.When); err != nil {
		segment.When = ruleset.Condition{}
	}
	return segment
}

// readOnce reads a column's text, or finds what it means among those that are known; nil: none are.
func readOnce[T any](known *sync.Map, column, text string, into *T) error {
	if known == nil || text == "[]" {
		return decode(column, text, into)
	}
	if meaning, ok := known.Load(text); ok {
		*into = meaning.(T)
		return nil
	}
	err := decode(column, text, into)
	if err == nil {
		known.Store(text, *into)
	}
	return err
}
