package ruleset

import (
	"iter"
	"slices"
	"sync"
	"time"
)

// Drawer says where the units of one rule's percentage or split fall, for many subjects one after another. Like [Decider]
// it reads of a subject only what the rule can ask for, and allocates nothing. It is not safe for concurrent use.
type Drawer struct {
	evaluation evaluation
	rule       *rule
	source     *Rule
	percent    *percent // nil: a split
	unit       int      // slot
	seed       uint64
	attributes []int // slots of the attributes that the rule can ask for
}

// Drawer makes a drawer of a flag's rule, by its place from 0; nil if there is none that draws, or if the flag cannot be
// evaluated.
func (r *Revision) Drawer(key string, place int) *Drawer {
	n, ok := r.node(key)
	if !ok || n.malformed != "" || place < 0 || place >= len(n.flag.rules) {
		return nil
	}
	d := &Drawer{rule: &n.flag.rules[place], source: &n.flag.source.Rules[place]}
	switch d.percent = d.rule.percent; {
	case d.percent != nil:
		d.unit, d.seed = d.percent.unit, d.percent.seed
	case d.rule.split != nil:
		d.unit, d.seed = d.rule.split.unit, d.rule.split.seed
	default:
		return nil
	}
	slots := reservedSlots + len(r.attributes)
	d.evaluation = evaluation{revision: r, values: make([]value, slots), units: make([]unitDraw, slots)}
	need := needs{revision: r, slots: make([]bool, slots), segments: map[*segment]bool{}}
	need.rule(d.rule)
	for slot := reservedSlots; slot < slots; slot++ {
		if need.slots[slot] {
			d.attributes = append(d.attributes, slot)
		}
	}
	return d
}

// Draw gives the draw of the subject's unit; false if the rule's conditions do not match, or there is no unit.
func (d *Drawer) Draw(subject *Subject, at time.Time) (uint64, bool) {
	e := &d.evaluation
	e.addOns, e.plan, e.now = subject.AddOns, subject.Plan, at
	e.readReserved(subject, at)
	for _, slot := range d.attributes {
		e.values[slot].read(subject.Attributes[e.revision.attributes[slot-reservedSlots]])
		e.units[slot] = unitDraw{}
	}
	if d.rule.when != nil && !e.matches(d.rule.when) {
		return 0, false
	}
	unit, ok := e.unit(d.unit)
	return draw(d.seed, unit), ok
}

// Attributes names the attributes that are read of a subject.
func (d *Drawer) Attributes() []string { return d.evaluation.names(d.attributes) }

// Crowd is many subjects in parts: those of a part come one after another, the parts beside each other, each in a goroutine
// of its own. A part gives of each subject those attributes at least that it is asked for, and may use one subject again for
// the next.
type Crowd []func(attributes []string) iter.Seq[*Subject]

// draws gives the draws of all units of a crowd. They are in order. Units that draw the same count
// once: no threshold can tell them apart, and that two different ones do is as likely as a hash that fails.
func (r *Revision) draws(key string, place int, crowd Crowd, at time.Time) []uint64 {
	parts := make([][]uint64, len(crowd))
	panics := make([]any, len(crowd))
	var drawing sync.WaitGroup
	for i, part := range crowd {
		drawing.Go(func() {
			defer func() { panics[i] = recover() }()
			d := r.Drawer(key, place)
			for subject := range part(d.Attributes()) {
				if draw, ok := d.Draw(subject, at); ok {
					parts[i] = append(parts[i], draw)
				}
			}
			slices.Sort(parts[i])
		})
	}
	drawing.Wait()
	for _, p := range panics {
		if p != nil {
			panic(p) // where the caller can recover
		}
	}
	draws := slices.Concat(parts...)
	slices.Sort(draws)
	return slices.Compact(draws)
}
