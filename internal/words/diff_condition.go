package words

import (
	"slices"
	"strings"

	"github.com/toprent/flags/ruleset"
)

// condition says what became different about a condition, part by part where both are of the same shape.
func (d *differ) condition(what string, was, is *ruleset.Condition) {
	if equal(was, is) {
		return
	}
	before := len(d.lines)
	if !d.parts(what, was, is, 0) {
		d.lines = d.lines[:before]
		d.whole(what, was, is)
	}
	if before == len(d.lines) {
		d.add("%s is written in another way", what)
	}
}

// whole says a condition as it is and as it was.
func (d *differ) whole(what string, was, is *ruleset.Condition) {
	if now, then := condition(is, d.zone, 0), condition(was, d.zone, 0); now != then {
		d.add("%s: %s, was: %s", what, now, then)
	} else {
		d.add("%s changed", what)
	}
	d.inFull(what, is, 0)
}

// parts compares conditions that are of the same shape; false: they are not.
func (d *differ) parts(what string, was, is *ruleset.Condition, depth int) bool {
	switch {
	case depth > ruleset.MaxDepth:
		return false
	case comparing(was) && comparing(is):
		return d.comparison(what, was, is)
	case was.Not != nil && is.Not != nil && only(was) && only(is):
		return d.parts(what+", within “not”", was.Not, is.Not, depth+1)
	case was.Any == nil && is.Any == nil && (was.All != nil || is.All != nil):
		return d.elements(what, conjuncts(was), conjuncts(is), "asks in addition: %s", "asks no more: %s", depth)
	case len(was.Any) > 0 && len(is.Any) > 0 && only(was) && only(is):
		return d.elements(what, was.Any, is.Any, "enough is now also: %s", "not enough any more: %s", depth)
	}
	return false
}

// comparing reports whether the condition compares an attribute.
func comparing(c *ruleset.Condition) bool {
	return c.Attribute != "" && c.All == nil && c.Any == nil && c.Not == nil && c.Segment == ""
}

// only reports whether a condition that joins others says nothing else.
func only(c *ruleset.Condition) bool {
	return c.Attribute == "" && c.Segment == "" && c.Operator == "" && len(c.Values) == 0
}

// conjuncts are what all has to hold; a condition that joins nothing is its own.
func conjuncts(c *ruleset.Condition) []ruleset.Condition {
	if c.All != nil {
		return c.All
	}
	return []ruleset.Condition{*c}
}

// comparison compares two that ask about the same; false: they do not.
func (d *differ) comparison(what string, was, is *ruleset.Condition) bool {
	if was.Attribute != is.Attribute || was.Operator != is.Operator {
		return false
	}
	asked := Attribute(is.Attribute) + " " + Operator(is.Operator)
	came, went := cameAndWent(was.Values, is.Values)
	if len(is.Values) <= 1 && len(was.Values) <= 1 && len(came)+len(went) > 0 {
		d.add("%s: %s, was %s", what, comparison(is, d.zone), strings.TrimPrefix(comparison(was, d.zone), Attribute(was.Attribute)+" "))
		return true
	}
	d.addValues(what, is.Attribute, is.Operator, came, " added")
	d.addValues(what, is.Attribute, is.Operator, went, " removed")
	if len(came)+len(went) == 0 && !slices.Equal(was.Values, is.Values) {
		d.add("%s, %s: the same in another order", what, asked)
	}
	return true
}

// addValues adds what an attribute is compared with, all of it.
func (d *differ) addValues(what, attribute string, o ruleset.Operator, values []string, did string) {
	for some := range slices.Chunk(values, named) {
		texts := make([]string, len(some))
		for i, value := range some {
			texts[i] = valueOf(o, value, d.zone)
		}
		d.add("%s, %s %s: %s%s", what, Attribute(attribute), Operator(o), strings.Join(texts, ", "), did)
	}
}

// inFull adds what a condition asks that its line has left out: where there are more values, or more parts, than fit.
func (d *differ) inFull(what string, c *ruleset.Condition, depth int) {
	if c == nil || depth > ruleset.MaxDepth {
		return
	}
	if comparing(c) && leavesOut(len(c.Values), shownParts) {
		d.addValues(what, c.Attribute, c.Operator, c.Values, "")
	}
	for _, part := range []struct {
		of  []ruleset.Condition
		say string
	}{{c.All, "all of"}, {c.Any, "one of"}} {
		for i := range part.of {
			if leavesOut(len(part.of), shownParts) {
				d.add("%s, %s: %s", what, part.say, condition(&part.of[i], d.zone, depth+1))
			}
			d.inFull(what, &part.of[i], depth+1)
		}
	}
	d.inFull(what, c.Not, depth+1)
}

// elements compares the parts of a condition: equal ones are left alone, alike ones compared, the rest came or went.
func (d *differ) elements(what string, was, is []ruleset.Condition, added, removed string, depth int) bool {
	taken, before := make([]bool, len(was)), make([]int, len(is))
	for i := range before {
		before[i] = -1
	}
	match := func(fits func(a, b *ruleset.Condition) bool) {
		for i := range is {
			for j := range was {
				if before[i] < 0 && !taken[j] && fits(&was[j], &is[i]) {
					before[i], taken[j] = j, true
				}
			}
		}
	}
	match(func(a, b *ruleset.Condition) bool { return equal(a, b) })
	match(func(a, b *ruleset.Condition) bool {
		return comparing(a) && comparing(b) && a.Attribute == b.Attribute && a.Operator == b.Operator
	})
	match(func(a, b *ruleset.Condition) bool { return shape(a) == shape(b) && shape(a) != "" })
	for i := range is {
		j := before[i]
		switch {
		case j < 0:
			d.add("%s "+added, what, condition(&is[i], d.zone, depth+1))
			d.inFull(what, &is[i], depth+1)
		case !equal(was[j], is[i]):
			lines := len(d.lines)
			if !d.parts(what, &was[j], &is[i], depth+1) || lines == len(d.lines) {
				d.lines = d.lines[:lines]
				d.whole(what, &was[j], &is[i])
			}
		}
	}
	for j := range was {
		if !taken[j] {
			d.add("%s "+removed, what, condition(&was[j], d.zone, depth+1))
		}
	}
	return true
}

// shape is what two parts have in common that can be compared part by part.
func shape(c *ruleset.Condition) string {
	switch {
	case c.All != nil:
		return "all"
	case c.Any != nil:
		return "any"
	case c.Not != nil:
		return "not"
	}
	return ""
}
