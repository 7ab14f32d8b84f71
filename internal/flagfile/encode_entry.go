package flagfile

import (
	"bytes"
	"maps"
	"slices"
	"strconv"

	"github.com/toprent/flags/ruleset"
)

// entryNode is a flag as it is set in one environment, without what holds there anyway.
func entryNode(root builder, d ruleset.Flag, f *flag) *node {
	b := root.sub()
	b.node.block = true
	base := f.in(f.common)
	present := base // where nothing but otherwise is said
	present.Otherwise = d.Otherwise
	present = present.Filled()
	b.yes("enabled", d.Enabled)
	b.yes("killed", d.Killed)
	b.shareable(f.common, shareableOf(d))
	for _, special := range []struct{ name, is, without string }{
		{"off", d.Off, present.Off}, {"otherwise", d.Otherwise, base.Otherwise}, {"default", d.Default, present.Default},
	} {
		if special.is != special.without {
			b.text(special.name, special.is)
		}
	}
	var prerequisites, rules []*node
	for _, p := range d.Prerequisites {
		prerequisite := b.sub()
		prerequisite.text("flag", p.Flag)
		prerequisite.text("variant", p.Variant)
		prerequisites = append(prerequisites, prerequisite.node)
	}
	for _, r := range d.Rules {
		rules = append(rules, b.rule(r, d.Variants))
	}
	b.list("prerequisites", prerequisites)
	if len(rules) > 0 {
		b.set("rules", &node{kind: list, items: rules, block: true}) // a line for each, to be compared by
	}
	if len(b.node.entries) == 0 {
		b.node.block = false
	}
	return b.node
}

func (b builder) rule(r ruleset.Rule, variants []ruleset.Variant) *node {
	rule := b.sub()
	rule.text("name", r.Name)
	if r.When != nil {
		rule.set("when", b.condition(r.When))
	}
	rule.text("serve", r.Serve)
	if r.Percent != nil {
		rule.set("percent", b.percent(r.Percent))
	}
	if r.Split != nil {
		rule.set("split", b.split(r.Split, variants))
	}
	rule.text("seed", r.Seed)
	return rule.node
}

func (b builder) percent(p *ruleset.Percent) *node {
	percent := b.sub()
	percent.text("unit", p.Unit)
	if p.Moving() {
		percent.number("from", p.From)
		percent.number("to", p.To)
		percent.instant("start", p.Start)
		percent.instant("end", p.End)
	} else {
		percent.number("share", p.Share)
	}
	percent.text("serve", p.Serve)
	if p.Calibrated != nil {
		percent.set("calibrated", b.calibration(p.Calibrated))
	}
	return percent.node
}

// calibration writes a frozen threshold with all that is known of it, so that a copy serves the same people.
func (b builder) calibration(c *ruleset.Calibration) *node {
	out := b.sub()
	out.text("threshold", c.Threshold)
	out.text("of", c.Of)
	out.number("share", c.Share)
	out.set("known", &node{kind: number, text: strconv.Itoa(c.Known)})
	out.set("in", &node{kind: number, text: strconv.Itoa(c.In)})
	if !c.At.IsZero() {
		out.instant("at", &c.At)
	}
	return out.node
}

// split writes the weights in the order of the variants, which is that of their ranges.
func (b builder) split(s *ruleset.Split, variants []ruleset.Variant) *node {
	split, weights := b.sub(), b.sub()
	split.text("unit", s.Unit)
	place := func(name string) int {
		i := slices.IndexFunc(variants, func(v ruleset.Variant) bool { return v.Name == name })
		if i < 0 {
			return len(variants)
		}
		return i
	}
	names := slices.Sorted(maps.Keys(s.Weights))
	slices.SortStableFunc(names, func(a, b string) int { return place(a) - place(b) })
	for _, name := range names {
		weights.number(name, s.Weights[name])
	}
	split.set("weights", weights.node)
	return split.node
}

func (b builder) condition(c *ruleset.Condition) *node {
	out := b.sub()
	for _, group := range []struct {
		name       string
		conditions []ruleset.Condition
	}{{"all", c.All}, {"any", c.Any}} {
		var items []*node
		for i := range group.conditions {
			items = append(items, b.condition(&group.conditions[i]))
		}
		out.list(group.name, items)
	}
	if c.Not != nil {
		out.set("not", b.condition(c.Not))
	}
	out.text("segment", c.Segment)
	out.text("attribute", c.Attribute)
	out.text("operator", string(c.Operator))
	out.list("values", b.strings(c.Values).items)
	return out.node
}

// sameEntry reports whether two definitions of a flag would be written as the same entry.
func sameEntry(b builder, f *flag, x, y ruleset.Flag) bool {
	return bytes.Equal(jsonBytes(entryNode(b, x, f)), jsonBytes(entryNode(b, y, f)))
}

func sameVariants(a, b []ruleset.Variant) bool {
	return slices.EqualFunc(a, b, func(x, y ruleset.Variant) bool {
		return x.Name == y.Name && bytes.Equal(x.Value, y.Value)
	})
}
