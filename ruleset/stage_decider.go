package ruleset

import "sync"

// StageDecider decides the stage of one migration flag, for one tenant after another. It never changes, is safe for
// concurrent use and allocates nothing, so that each query can ask it.
type StageDecider struct {
	revision   *Revision
	node       *node              // nil: no such flag, or one whose stages cannot be trusted
	fixed      bool               // everybody has the same
	stage      Stage              // that one
	stages     [MaxVariants]Stage // by variant
	attributes []attribute        // that its rules ask for
	finished   sync.Pool          // of *evaluation
}

// attribute is where an evaluation keeps one.
type attribute struct {
	slot int
	name string
}

// StageDecider makes a decider of the migration flag with that key. Where there is none, or where it has mistakes, it says
// of nobody what their stage is.
func (r *Revision) StageDecider(key string) *StageDecider {
	d := &StageDecider{revision: r}
	i, ok := r.index[key]
	if !ok {
		return d
	}
	n := &r.nodes[i]
	if n.flag.source.Kind != Migration || n.untrusted() {
		return d
	}
	d.node = n
	for v := range n.flag.variants {
		d.stages[v] = n.flag.stagesOf(variantIndex(v)).Min()
	}
	var constant cell
	if constant, d.fixed = n.constant(); d.fixed {
		d.stage = d.stages[constant.variant]
		return d
	}
	d.findAttributes()
	return d
}

func (d *StageDecider) findAttributes() {
	slots := reservedSlots + len(d.revision.attributes)
	need := needs{revision: d.revision, slots: make([]bool, slots), segments: map[*segment]bool{}}
	for i := range d.node.flag.rules {
		need.rule(&d.node.flag.rules[i])
	}
	for slot := reservedSlots; slot < slots; slot++ {
		if need.slots[slot] {
			d.attributes = append(d.attributes, attribute{slot, d.revision.attributes[slot-reservedSlots]})
		}
	}
}

// Decide says which stage a tenant is in: what [Revision.Evaluate] gives any subject of that tenant. A boolean flag's is
// [StageComplete] where it is on, else [StageOff]. It is false where there is no such migration flag, or where it has
// mistakes: then no database can be trusted to be the right one. It counts as reading the flag.
func (d *StageDecider) Decide(tenant string, plan string, attributes map[string]any) (Stage, bool) {
	if d.node == nil {
		return 0, false
	}
	d.node.flag.markRead()
	if d.fixed {
		return d.stage, true
	}
	e := d.begin()
	e.plan = plan
	e.setID(slotTenant, tenant)
	e.setID(slotPlan, plan)
	e.units[slotTenant] = unitDraw{}
	for _, a := range d.attributes {
		e.values[a.slot].read(attributes[a.name])
	}
	stage := d.stages[e.decide(d.node).variant]
	d.finished.Put(e)
	return stage, true
}

// begin gives an evaluation of a subject of whom nothing is known.
func (d *StageDecider) begin() *evaluation {
	if e, ok := d.finished.Get().(*evaluation); ok {
		return e
	}
	slots := reservedSlots + len(d.revision.attributes)
	return &evaluation{revision: d.revision, values: make([]value, slots), units: make([]unitDraw, slots)}
}
