package ruleset

import (
	"slices"
	"time"
)

// Decider decides one flag, with the flags that it requires, for many subjects one after another: pages count with it
// who has a flag. It reads of a subject only what that flag can ask for, and allocates nothing. It is not safe for
// concurrent use; make one for each goroutine.
type Decider struct {
	key        string
	evaluation evaluation
	node       int32   // -1: no such flag
	order      []int32 // what is decided for each subject: the flag last, prerequisites before it
	attributes []int   // slots of the attributes that those can ask for
	byVisitor  bool
}

// Decider makes a decider of the flag with that key.
func (r *Revision) Decider(key string) *Decider {
	d := &Decider{key: key, node: -1}
	i, ok := r.index[key]
	if !ok {
		return d
	}
	slots := reservedSlots + len(r.attributes)
	d.node = i
	d.evaluation = evaluation{revision: r, cells: make([]cell, len(r.nodes)), values: make([]value, slots), units: make([]unitDraw, slots)}
	need := needs{revision: r, slots: make([]bool, slots), nodes: map[int32]bool{}, segments: map[*segment]bool{}}
	need.node(i, d)
	d.byVisitor = need.slots[slotVisitor]
	for slot := reservedSlots; slot < slots; slot++ {
		if need.slots[slot] {
			d.attributes = append(d.attributes, slot)
		}
	}
	return d
}

// Decide says what [Revision.Evaluate] gives the subject of this flag, as Values.Detail does. It does not count as
// reading the flag.
func (d *Decider) Decide(subject *Subject, at time.Time) Detail {
	if d.node < 0 {
		return Detail{Key: d.key, RuleIndex: -1}
	}
	e := &d.evaluation
	e.addOns, e.plan, e.now = subject.AddOns, subject.Plan, at
	e.upgradedTo, e.upgradedCells = "", nil
	e.readReserved(subject, at)
	for _, slot := range d.attributes {
		e.values[slot].read(subject.Attributes[e.revision.attributes[slot-reservedSlots]])
		e.units[slot] = unitDraw{}
	}
	for _, i := range d.order {
		e.cells[i] = e.decide(&e.revision.nodes[i])
	}
	return e.revision.nodes[d.node].detail(e.cells[d.node])
}

// Attributes names the attributes that are read of a subject.
func (d *Decider) Attributes() []string { return d.evaluation.names(d.attributes) }

// ByVisitor reports whether what is decided can depend on the subject's visitor: then somebody who is signed in has it in
// one browser, and may not have it in another.
func (d *Decider) ByVisitor() bool { return d.byVisitor }

// Timed reports whether what is decided can depend on the time.
func (d *Decider) Timed() bool {
	return slices.ContainsFunc(d.order, func(i int32) bool { return d.evaluation.revision.nodes[i].flag.timed })
}

// Decide decides one flag for one subject. For many subjects, make a Decider.
func (r *Revision) Decide(key string, subject Subject, at time.Time) Detail {
	return r.Decider(key).Decide(&subject, at)
}

// names of the attributes in some slots.
func (e *evaluation) names(slots []int) []string {
	names := make([]string, len(slots))
	for i, slot := range slots {
		names[i] = e.revision.attributes[slot-reservedSlots]
	}
	return names
}

// needs collects what deciding a flag can ask for.
type needs struct {
	revision *Revision
	slots    []bool
	nodes    map[int32]bool
	segments map[*segment]bool
}

// node puts a flag behind those that it requires. Prerequisites never lead back to a flag: those that would are malformed
// and ask for none.
func (n *needs) node(i int32, d *Decider) {
	if n.nodes[i] {
		return
	}
	n.nodes[i] = true
	node := &n.revision.nodes[i]
	for _, required := range node.requires {
		if required.node >= 0 {
			n.node(required.node, d)
		}
	}
	if constant, ok := node.constant(); ok {
		d.evaluation.cells[i] = constant
		return
	}
	d.order = append(d.order, i)
	for j := range node.flag.rules {
		n.rule(&node.flag.rules[j])
	}
}

func (n *needs) rule(r *rule) {
	if r.when != nil {
		n.condition(r.when)
	}
	if r.percent != nil {
		n.slots[r.percent.unit] = true
	}
	if r.split != nil {
		n.slots[r.split.unit] = true
	}
}

func (n *needs) condition(c *condition) {
	switch {
	case c.form == inSegment:
		if c.segment != nil && !n.segments[c.segment] {
			n.segments[c.segment] = true
			n.condition(&c.segment.condition)
		}
	case c.form == comparison:
		n.slots[c.slot] = true
	}
	for i := range c.children {
		n.condition(&c.children[i])
	}
}
