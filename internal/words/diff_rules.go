package words

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/toprent/flags/ruleset"
)

// rules says what became different about rules: which came, went, moved, and what each of the others does otherwise.
func (d *differ) rules(was, is []ruleset.Rule) {
	was, is = inUTC(was), inUTC(is)
	before := matchRules(was, is)
	stays := longestRising(before)
	kept := make([]bool, len(was))
	for i, rule := range is {
		j := before[i]
		if j < 0 {
			d.add("%s added in %s place: %s", called(rule, i), place(i), lower(RuleIn(rule, d.zone)))
			d.inFull("condition of "+called(rule, i), rule.When, 0)
			continue
		}
		kept[j] = true
		if !stays[i] {
			d.add("%s moved from %s to %s place", called(was[j], j), place(j), place(i))
		}
		d.rule(was[j], rule, j, i)
	}
	for j, rule := range was {
		if !kept[j] {
			d.add("%s removed: %s", called(rule, j), lower(RuleIn(rule, d.zone)))
		}
	}
}

// called is how a rule is named in a line: by its name, or by its place.
func called(rule ruleset.Rule, i int) string {
	if rule.Name != "" {
		return "rule “" + rule.Name + "”"
	}
	return fmt.Sprintf("rule %d", i+1)
}

// rule says what became different about one rule.
func (d *differ) rule(was, is ruleset.Rule, from, to int) {
	if equal(was, is) {
		return
	}
	before, name := len(d.lines), called(was, from)
	switch {
	case was.Name == is.Name:
	case was.Name == "":
		d.add("%s is now called “%s”", name, is.Name)
	case is.Name == "":
		d.add("%s has no name any more", name)
	default:
		d.add("%s is now called “%s”", name, is.Name)
	}
	if is.Name != "" {
		name = called(is, to)
	}
	d.limits(name, was.When, is.When)
	d.effect(name, was, is)
	if was.Seed != is.Seed {
		d.add("%s draws anew: seed %s, was %s", name, Plain(is.Seed), Plain(was.Seed))
	}
	if before == len(d.lines) {
		d.add("%s changed", name)
	}
}

// limits says whom a rule is limited to now.
func (d *differ) limits(name string, was, is *ruleset.Condition) {
	switch {
	case was == nil && is == nil:
	case was == nil:
		d.add("%s now only%s, was for everybody", name, where(is, d.zone))
		d.inFull("condition of "+name, is, 0)
	case is == nil:
		d.add("%s now for everybody, was only%s", name, where(was, d.zone))
	default:
		d.condition("condition of "+name, was, is)
	}
}

// effect says what a rule serves, and to how many, that it did not before.
func (d *differ) effect(name string, was, is ruleset.Rule) {
	switch {
	case was.Percent != nil && is.Percent != nil && was.Split == nil && is.Split == nil:
		d.percent(name, *was.Percent, *is.Percent)
	case was.Split != nil && is.Split != nil && was.Percent == nil && is.Percent == nil:
		d.split(name, *was.Split, *is.Split)
	case !equal(was.Percent, is.Percent) || !equal(was.Split, is.Split):
		was.When, is.When = nil, nil
		d.add("%s: %s, was: %s", name, lower(RuleIn(is, d.zone)), lower(RuleIn(was, d.zone)))
		return
	}
	if was.Serve != is.Serve {
		d.add("%s serves %s, was %s", name, variant(is.Serve), variant(was.Serve))
	}
}

func (d *differ) percent(name string, was, is ruleset.Percent) {
	before := len(d.lines)
	if was.Unit != is.Unit {
		d.add("%s is a share of %s, was of %s", name, unit(is.Unit), unit(was.Unit))
	}
	if was.Serve != is.Serve {
		d.add("%s serves %s, was %s", name, variant(is.Serve), variant(was.Serve))
	}
	switch {
	case !was.Moving() && !is.Moving():
		if was.Share != is.Share {
			d.add("rollout of %s from %s %% to %s %%", name, was.Share, is.Share)
		}
	case moves(was) != moves(is):
		d.add("rollout of %s %s, was %s", name, d.growth(is), d.growth(was))
	}
	d.exactly(name, was.Calibrated, is.Calibrated)
	if before == len(d.lines) && !equal(was, is) {
		d.add("rollout of %s changed", name)
	}
}

// exactly tells of a threshold that was frozen, or let go.
func (d *differ) exactly(name string, was, is *ruleset.Calibration) {
	switch {
	case was == nil && is == nil:
	case is == nil:
		d.add("rollout of %s is no longer exact", name)
	case was == nil:
		d.add("rollout of %s is exact: %d of %d", name, is.In, is.Known)
	case was.Threshold != is.Threshold:
		d.add("rollout of %s calibrated again: %d of %d, was %d of %d", name, is.In, is.Known, was.In, was.Known)
	}
}

// moves is what is compared of a share that moves: the times by what they mean.
func moves(p ruleset.Percent) string {
	return fmt.Sprintf("%v %v %v %v %v %v", p.Moving(), p.Share, p.From, p.To, p.Start, p.End)
}

// growth says how a share is, or how it moves.
func (d *differ) growth(p ruleset.Percent) string {
	if !p.Moving() {
		return p.Share.String() + " %"
	}
	verb := "growing"
	if p.To < p.From {
		verb = "falling"
	}
	text := fmt.Sprintf("%s from %s %% at %s to %s %% at %s", verb, p.From, toTheSecond(p.Start, d.zone), p.To, toTheSecond(p.End, d.zone))
	if p.Share != 0 {
		text += fmt.Sprintf(" (share %s %%)", p.Share)
	}
	return text
}

func (d *differ) split(name string, was, is ruleset.Split) {
	before := len(d.lines)
	if was.Unit != is.Unit {
		d.add("%s splits %s, was %s", name, unit(is.Unit), unit(was.Unit))
	}
	then := map[string]Part{}
	for _, part := range Parts(was) {
		then[part.Variant] = part
	}
	for _, part := range Parts(is) {
		old, existed := then[part.Variant]
		delete(then, part.Variant)
		switch {
		case !existed:
			d.add("%s gives “%s” %s, was nothing", name, part.Variant, part.Percent())
		case part.Percent() != old.Percent():
			d.add("%s gives “%s” %s, was %s", name, part.Variant, part.Percent(), old.Percent())
		case part.Weight != old.Weight:
			d.add("%s gives “%s” a weight of %s, was %s", name, part.Variant, part.Weight, old.Weight)
		}
	}
	for _, part := range Parts(was) {
		if _, gone := then[part.Variant]; gone {
			d.add("%s gives “%s” nothing any more, was %s", name, part.Variant, part.Percent())
		}
	}
	if before == len(d.lines) && !equal(was, is) {
		d.add("split of %s changed", name)
	}
}

// unit is how a unit is called, where one that is left out has to be told from one that is written.
func unit(name string) string {
	if name == "" {
		return "users (by default)"
	}
	return Units(name)
}

func variant(name string) string {
	if name == "" {
		return "nothing"
	}
	return "“" + name + "”"
}

// inUTC gives the rules with their times in UTC, as they are stored.
func inUTC(rules []ruleset.Rule) []ruleset.Rule {
	rules = slices.Clone(rules)
	for i, rule := range rules {
		if rule.Percent != nil && rule.Percent.Moving() {
			percent := *rule.Percent
			percent.Start, percent.End = utc(percent.Start), utc(percent.End)
			rules[i].Percent = &percent
		}
	}
	return rules
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

// matchRules says of each rule which of the former it was; -1: it is new. Rules are the same by their name, else by
// likeness, else by their place.
func matchRules(was, is []ruleset.Rule) []int {
	m := matching{was: was, is: is, taken: make([]bool, len(was)), before: make([]int, len(is))}
	for i := range m.before {
		m.before[i] = -1
	}
	m.each(func(i, j int) bool { return is[i].Name != "" && is[i].Name == was[j].Name })
	m.each(func(i, j int) bool { return equal(is[i], was[j]) })
	m.alike()
	m.each(func(i, j int) bool { return i == j && (is[i].Name == "" || was[j].Name == "") })
	return m.before
}

type matching struct {
	was, is []ruleset.Rule
	taken   []bool
	before  []int
}

// each matches what fits, the first with the first.
func (m *matching) each(fits func(i, j int) bool) {
	for i := range m.is {
		for j := range m.was {
			if m.before[i] < 0 && !m.taken[j] && fits(i, j) {
				m.before[i], m.taken[j] = j, true
			}
		}
	}
}

// alike matches rules that have enough in common, the most alike first.
func (m *matching) alike() {
	type pair struct{ i, j, likeness, apart int }
	var pairs []pair
	for i := range m.is {
		for j := range m.was {
			if m.before[i] < 0 && !m.taken[j] {
				if n := likeness(m.was[j], m.is[i]); n >= enoughAlike {
					pairs = append(pairs, pair{i, j, n, max(i-j, j-i)})
				}
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Or(b.likeness-a.likeness, a.apart-b.apart) })
	for _, p := range pairs {
		if m.before[p.i] < 0 && !m.taken[p.j] {
			m.before[p.i], m.taken[p.j] = p.j, true
		}
	}
}

// enoughAlike is the likeness from which two rules are taken for the same one.
const enoughAlike = 3

// likeness counts what two rules have in common. To whom they are limited tells them apart best.
func likeness(a, b ruleset.Rule) (n int) {
	if equal(a.When, b.When) {
		n += 2
		if a.When != nil {
			n++
		}
	}
	if (a.Percent == nil) == (b.Percent == nil) && (a.Split == nil) == (b.Split == nil) {
		n++
		if equal(a.Percent, b.Percent) && equal(a.Split, b.Split) && a.Serve == b.Serve {
			n += 2
		}
	}
	if a.Name != "" && b.Name != "" {
		n-- // they have names, and not the same
	}
	return n
}

// longestRising marks the most rules that kept their order among each other: the others have moved. What is new (-1) is
// in nobody's way.
func longestRising(before []int) []bool {
	length, previous := make([]int, len(before)), make([]int, len(before))
	last := -1
	for i, place := range before {
		previous[i] = -1
		if place < 0 {
			continue
		}
		length[i] = 1
		for k := range i {
			if before[k] >= 0 && before[k] < place && length[k]+1 > length[i] {
				length[i], previous[i] = length[k]+1, k
			}
		}
		if last < 0 || length[i] > length[last] {
			last = i
		}
	}
	rising := make([]bool, len(before))
	for i := last; i >= 0; i = previous[i] {
		rising[i] = true
	}
	return rising
}
