package impact

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/toprent/flags/ruleset"
)

// comparison is one flag that is compared: what it can serve on either side, and which of it is the same.
type comparison struct {
	key           string
	boolean       bool
	before, after []Side // the last is none
	same          []bool // by place before * len(after) + place after
}

// compare prepares the flags whose values could differ.
func compare(keys []string, before, after *ruleset.Revision) []*comparison {
	was, is := flagsOf(before), flagsOf(after)
	all := make([]*comparison, len(keys))
	for i, key := range keys {
		all[i] = compareFlag(key, was[key], is[key])
	}
	return all
}

func flagsOf(r *ruleset.Revision) map[string]*ruleset.Flag {
	flags := r.Definition().Flags
	byKey := make(map[string]*ruleset.Flag, len(flags))
	for i := range flags {
		if byKey[flags[i].Key] == nil {
			byKey[flags[i].Key] = &flags[i]
		}
	}
	return byKey
}

func compareFlag(key string, before, after *ruleset.Flag) *comparison {
	c := &comparison{key: key, boolean: (before == nil || before.Type == ruleset.Boolean) && (after == nil || after.Type == ruleset.Boolean)}
	was, is := variantsOf(before), variantsOf(after)
	c.before, c.after = sides(was), sides(is)
	c.same = make([]bool, len(c.before)*len(c.after))
	for i := range c.before {
		for j := range c.after {
			c.same[i*len(c.after)+j] = c.isSame(i, j, was, is)
		}
	}
	return c
}

// isSame reports whether nothing changes for somebody who was served one and is served the other. Of a boolean flag, none
// is the same as false: so On and isEnabled read it.
func (c *comparison) isSame(i, j int, was, is []ruleset.Variant) bool {
	a, b := c.before[i], c.after[j]
	switch none := i == len(was) || j == len(is); {
	case none && c.boolean:
		return a.On == b.On
	case none:
		return i == len(was) && j == len(is)
	}
	return a.Variant == b.Variant && sameJSON(was[i].Value, is[j].Value)
}

func sameJSON(a, b json.RawMessage) bool {
	if string(a) == string(b) {
		return true
	}
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

func variantsOf(f *ruleset.Flag) []ruleset.Variant {
	if f == nil {
		return nil
	}
	return f.AllVariants()
}

func sides(variants []ruleset.Variant) []Side {
	out := make([]Side, len(variants)+1)
	for i, v := range variants {
		var on bool
		_ = json.Unmarshal(v.Value, &on) // what is no boolean is not on
		out[i] = Side{v.Name, on}
	}
	return out
}

// place finds a variant; the last place is none.
func place(sides []Side, variant string) int {
	for i := range sides {
		if sides[i].Variant == variant {
			return i
		}
	}
	return len(sides) - 1
}

// pair decides a compared flag on both sides, for one subject after another. Each worker has its own.
type pair struct {
	*comparison
	was, is *ruleset.Decider
}

func (c *comparison) pair(before, after *ruleset.Revision) pair {
	return pair{c, before.Decider(c.key), after.Decider(c.key)}
}

// decide gives the move that a subject makes; -1 if nothing changes.
func (p *pair) decide(subject *ruleset.Subject, now time.Time) int {
	from := place(p.before, p.was.Decide(subject, now).Variant)
	to := place(p.after, p.is.Decide(subject, now).Variant)
	if at := from*len(p.after) + to; !p.same[at] {
		return at
	}
	return -1
}

func (c *comparison) sidesOf(move int) (from, to Side) {
	return c.before[move/len(c.after)], c.after[move%len(c.after)]
}
