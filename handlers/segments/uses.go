package segments

import (
	"fmt"

	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/ruleset"
)

// use is one place that names a segment: a rule of a flag, or another segment.
type use struct {
	Flag    string // its key, or
	Segment string // the segment's
	Rule    string // which rule of the flag, for people
	Dead    bool   // the flag is archived
}

// usesOf finds who names each segment of an environment.
func usesOf(environment *catalog.Environment) map[string][]use {
	uses := map[string][]use{}
	for _, flag := range environment.Flags {
		for i, rule := range flag.Rules {
			text := fmt.Sprintf("rule %d", i+1)
			if rule.Name != "" {
				text += ", " + rule.Name
			}
			for key := range named(rule.When) {
				uses[key] = append(uses[key], use{Flag: flag.Key, Rule: text, Dead: flag.Archived})
			}
		}
	}
	for _, segment := range environment.Segments {
		for key := range named(&segment.When) {
			uses[key] = append(uses[key], use{Segment: segment.Key})
		}
	}
	return uses
}

// named are the segments that a condition names.
func named(when *ruleset.Condition) map[string]bool {
	keys := map[string]bool{}
	collect(when, keys, 0)
	return keys
}

func collect(c *ruleset.Condition, keys map[string]bool, depth int) {
	if c == nil || depth > ruleset.MaxDepth {
		return
	}
	if c.Segment != "" {
		keys[c.Segment] = true
	}
	collect(c.Not, keys, depth+1)
	for _, list := range [][]ruleset.Condition{c.All, c.Any} {
		for i := range list {
			collect(&list[i], keys, depth+1)
		}
	}
}
